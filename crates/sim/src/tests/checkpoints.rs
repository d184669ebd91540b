//! Checkpoints in worlds: real nodes, records that travel, walls, crashes, and an attester that equivocates.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use checkpoint::{Attester, Committee, Pace, Seat, SecretKey};
use engine::Checkpoints;
use node::people::Actor;
use node::rules::{Stance, Word};
use node::{Command, Decision, Draft};
use wire::Digest;

use crate::chance::Chance;
use crate::{World, WorldConfig};

const PACE: Pace = Pace { view_ms: 5_000, settle_ms: 3_000, every_ms: 5_000 };

fn key(number: usize) -> SecretKey {
    SecretKey::from_seed(&Digest::of("attester", &[&(number as u64).to_be_bytes()]).0)
}

/// The first `attesters` machines attest; the `twin` has the key of the machine 0 as well.
fn world(seed: u64, hosts: usize, attesters: usize, twin: Option<usize>) -> World {
    let mut config = WorldConfig::new(seed, hosts);
    let members = (0..attesters).map(key);
    let members = members.map(|key| Attester { key: key.public(), proof: key.prove(), weight: 1 });
    let committee = Arc::new(Committee::new(members.collect()).unwrap());
    config.tune = Some(Arc::new(move |host, config| {
        let number = if Some(host) == twin { 0 } else { host };
        let seat = (number < attesters).then(|| Seat { key: key(number), next: None });
        let committee = Arc::clone(&committee);
        let checkpoints = Checkpoints { pace: PACE, committee, seat, deletion_ms: 0 };
        config.engine.checkpoints = Some(checkpoints);
    }));
    let mut world = World::new(config);
    (0..hosts).for_each(|host| world.start(host));
    world
}

/// A state that changes, with names that are written again and again.
fn write(world: &mut World, host: usize, number: u64) {
    let name = format!("n{}", number % 5);
    let value = Some(Bytes::from(format!("{number}")));
    let draft = Draft { collection: format!("c{}", number % 3), name, value };
    // A machine that is off, or whose clock is off, writes nothing.
    let _refused = world.command(host, Command::Put(vec![draft]));
    // Words on four rules, said again with other confidence: what is accepted comes and goes.
    let content = Bytes::from(format!("{}", number / 8 % 4));
    let word = Word {
        stance: Stance::Commit,
        logic: Digest::default(),
        context: Digest::default(),
        confidence: 700 + number * 7 % 300,
        evidence: number,
        note: Bytes::from_static(b"\"\""),
    };
    let decision = Decision::CommitRule { content, word };
    let _refused = world.command(host, Command::Decide(Actor::operator(), decision));
}

/// Heights by machine, and every final checkpoint that any node keeps: one for each height.
#[track_caller]
fn heights(world: &World, seed: u64) -> Vec<u64> {
    let mut finals: BTreeMap<u64, Digest> = BTreeMap::new();
    let mut heights = Vec::new();
    for (host, node) in world.nodes() {
        let council = node.engine().council().unwrap();
        heights.push(council.head().height);
        for (height, sealed) in council.sealed() {
            let hash = sealed.checkpoint.hash();
            let first = *finals.entry(*height).or_insert(hash);
            assert_eq!(first, hash, "seed {seed}: a fork at height {height}, seen at node {host}");
        }
    }
    heights
}

fn seeds(most: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(most),
    }
}

#[test]
fn a_busy_world_makes_checkpoints_of_what_everybody_held() {
    let mut world = world(1, 8, 4, None);
    for number in 0..120 {
        write(&mut world, usize::try_from(number % 8).unwrap(), number);
        world.run(250).unwrap();
    }
    let heights = heights(&world, 1);
    assert!(heights.iter().all(|it| 3 <= *it), "{heights:?}");
    // The newest is of a root that can be recomputed when all is quiet.
    world.run(20_000).unwrap();
    let (_, node) = world.nodes().next().unwrap();
    let head = node.engine().council().unwrap().head();
    assert_eq!(head.root, node.engine().status().state.root, "all of it is final by now");
    let last = node.engine().council().unwrap().sealed().last_key_value().unwrap().1.clone();
    assert_eq!(last.checkpoint.statistics.collections, 4);
    // RULE-4: so are the accepted rules, and any node proves one of them.
    let statistics = node.rules().statistics();
    assert_eq!(statistics.rules, 4);
    assert!(0 < statistics.accepted, "{statistics:?}");
    let found = world.nodes().flat_map(|(_, node)| {
        let accepted = node.rules().list(None, 9).into_iter().filter(|it| it.accepted);
        accepted.map(|it| node.rules().prove(&it.id, &last.checkpoint.rules))
    });
    let found: Vec<_> = found.collect();
    assert!(found.len() == 8 * usize::try_from(statistics.accepted).unwrap());
    for proof in found {
        assert_eq!(proof.unwrap().check(&last.checkpoint.rules), Ok(()));
    }
    let before = heights_max(&world);
    world.run(60_000).unwrap();
    assert_eq!(before, heights_max(&world), "what does not change needs no checkpoint");
}

fn heights_max(world: &World) -> u64 {
    heights(world, 0).into_iter().max().unwrap_or(0)
}

/// Faults of every kind, less than a third of them of attesters; `SEEDS=200` plays more.
#[test]
fn worlds_with_walls_crashes_and_an_equivocator_never_fork() {
    for seed in seeds(6) {
        let twin = (seed % 2 == 0).then_some(6);
        let mut world = world(seed, 7, 4, twin);
        let mut chance = Chance::new(seed, &[0xcec]);
        let mut number = 0;
        for _ in 0..6 {
            let host = usize::try_from(chance.below(7)).unwrap();
            match chance.below(5) {
                0 => world.crash(host),
                1 => world.kill(host),
                2 => {
                    let wall: Vec<u8> = (0..7).map(|_| u8::from(chance.below(2) == 0)).collect();
                    world.divide(|host| wall[host]);
                }
                3 => world.heal(),
                _ => (0..7).for_each(|host| world.start(host)),
            }
            for _ in 0..6 {
                write(&mut world, usize::try_from(chance.below(7)).unwrap(), number);
                number += 1;
                world.run(500 + chance.below(500)).unwrap();
            }
            heights(&world, seed);
        }
        world.heal();
        (0..7).for_each(|host| world.start(host));
        world.run(30_000).unwrap();
        let before = heights_max(&world);
        for _ in 0..40 {
            write(&mut world, usize::try_from(chance.below(4)).unwrap(), number);
            number += 1;
            world.run(1_000).unwrap();
        }
        let after = heights(&world, seed);
        assert!(after.iter().all(|it| before < *it), "seed {seed}: {before} {after:?}");
        for (host, node) in world.nodes() {
            let accused = node.engine().council().unwrap().evidence();
            let accused: Vec<u16> = accused.flat_map(checkpoint::Evidence::guilty).collect();
            let committee = &node.engine().council().unwrap().head().committee;
            let twins = committee.number(&key(0).public()).unwrap();
            let only = accused.iter().all(|it| twin.is_some() && *it == twins);
            assert!(only, "seed {seed}: node {host} accuses {accused:?}");
        }
    }
}

/// A larger world: 60 nodes of which 16 attest, 5 of them down.
#[test]
fn sixty_nodes_agree_with_five_of_sixteen_attesters_down() {
    for seed in seeds(1) {
        let mut world = world(seed, 60, 16, None);
        world.run(20_000).unwrap();
        (0..5).for_each(|host| world.kill(host * 3));
        let before = heights_max(&world);
        for number in 0..60 {
            write(&mut world, 20 + usize::try_from(number % 40).unwrap(), number);
            world.run(1_000).unwrap();
        }
        let after = heights(&world, seed);
        let behind = after.iter().filter(|it| **it <= before + 1).count();
        assert_eq!(behind, 0, "seed {seed}: {before} {after:?}");
        (0..5).for_each(|host| world.start(host * 3));
        world.run(40_000).unwrap();
        let all = heights(&world, seed);
        assert!(all.iter().all(|it| *it == all[0]), "seed {seed}: lagging ones catch up: {all:?}");
    }
}
