//! Deletions that are let go, nodes that were away for longer than that, and what they bring back.

use std::sync::Arc;

use bytes::Bytes;
use checkpoint::{Attester, Committee, Pace, Seat, SecretKey};
use engine::{Checkpoints, Counters};
use node::{Command, Draft};
use wire::{Digest, SetSummary};

use crate::{World, WorldConfig};

const HOUR_MS: u64 = 3_600_000;
const PACE: Pace = Pace { view_ms: 5_000, settle_ms: 3_000, every_ms: 20_000 };
/// The attesters, a node that writes, and one that is away.
const HOSTS: usize = 6;
const WRITER: usize = 4;
const AWAY: usize = 5;

fn world(seed: u64) -> World {
    let key = |number: usize| {
        SecretKey::from_seed(&Digest::of("attester", &[&(number as u64).to_be_bytes()]).0)
    };
    let members = (0..4).map(key);
    let members = members.map(|key| Attester { key: key.public(), proof: key.prove(), weight: 1 });
    let committee = Arc::new(Committee::new(members.collect()).unwrap());
    let mut config = WorldConfig::new(seed, HOSTS);
    config.tune = Some(Arc::new(move |host, config| {
        let seat = (host < 4).then(|| Seat { key: key(host), next: None });
        let committee = Arc::clone(&committee);
        let checkpoints = Checkpoints { pace: PACE, committee, seat, deletion_ms: HOUR_MS / 2 };
        config.engine.checkpoints = Some(checkpoints);
    }));
    let mut world = World::new(config);
    (0..HOSTS).for_each(|host| world.start(host));
    world.run(5_000).unwrap();
    world
}

fn put(world: &mut World, host: usize, name: &str, value: Option<&'static str>) {
    let value = value.map(Bytes::from);
    let draft = Draft { collection: "c".to_owned(), name: name.to_owned(), value };
    world.command(host, Command::Put(vec![draft])).unwrap();
}

/// Time goes by, and something is written now and then, so that there are checkpoints.
fn pass(world: &mut World, ms: u64, every_ms: u64) {
    for _ in 0..ms / every_ms {
        put(world, 0, "clock", Some("tick"));
        world.run(every_ms).unwrap();
    }
}

fn states(world: &World) -> Vec<SetSummary> {
    world.nodes().map(|(_, node)| node.engine().status().state).collect()
}

fn counters(world: &World, host: usize) -> Counters {
    let (_, node) = world.nodes().find(|(at, _)| *at == host).unwrap();
    node.engine().status().counters
}

#[track_caller]
fn assert_equal(world: &World, count: u64, seed: u64) {
    let states = states(world);
    let expected = SetSummary { count, ..states[0] };
    assert!(states.iter().all(|it| *it == expected), "seed {seed}: {count} of {states:?}");
}

/// STATE-8, STATE-9, STATE-10
#[test]
fn what_was_deleted_and_forgotten_does_not_come_back_with_who_was_away() {
    for seed in 0..2 {
        let mut world = world(seed);
        put(&mut world, WRITER, "kept", Some("1"));
        put(&mut world, WRITER, "deleted", Some("1"));
        put(&mut world, AWAY, "early", Some("1"));
        world.run(10_000).unwrap();
        world.divide(|host| u8::from(host == AWAY));
        put(&mut world, AWAY, "alone", Some("1"));
        put(&mut world, AWAY, "early", None);
        world.run(2_000).unwrap();
        world.kill(AWAY);
        put(&mut world, WRITER, "deleted", None);
        pass(&mut world, 60_000, 10_000);
        // kept, deleted, early and the clock, which is written now and then.
        assert_equal(&world, 4, seed);
        pass(&mut world, 2 * HOUR_MS, 240_000);
        // The deletion is let go.
        assert_equal(&world, 3, seed);
        world.heal();
        world.start(AWAY);
        pass(&mut world, 600_000, 10_000);
        // Its own that nobody had seen are written anew: one entry, and the deletion of another.
        assert_equal(&world, 4, seed);
        let away = counters(&world, AWAY);
        assert_eq!((away.past_dropped, away.past_rewritten), (1, 2), "seed {seed}");
        let refused: u64 = (0..AWAY).map(|host| counters(&world, host).past_refused).sum();
        assert!(0 < refused, "seed {seed}: nobody was offered what is past");
    }
}

/// STATE-9: nobody was there to delete anything, so nothing is past.
#[test]
fn a_network_that_was_off_for_long_loses_nothing() {
    let mut world = world(7);
    for number in 0..20 {
        put(&mut world, number % HOSTS, &format!("n{number}"), Some("1"));
    }
    pass(&mut world, 60_000, 10_000);
    assert_equal(&world, 21, 7);
    (0..HOSTS).for_each(|host| world.kill(host));
    world.run(3 * HOUR_MS).unwrap();
    (0..HOSTS).for_each(|host| world.start(host));
    world.run(10_000).unwrap();
    pass(&mut world, 300_000, 10_000);
    assert_equal(&world, 21, 7);
    let counted = (0..HOSTS).map(|host| counters(&world, host));
    let past: Vec<u64> = counted.map(|it| it.past_refused + it.past_dropped).collect();
    assert_eq!(past, vec![0; HOSTS]);
}
