//! A newcomer in worlds that move on: it crashes, its suppliers crash, some of them lie.

use bytes::Bytes;
use engine::Counters;
use node::{Command, Draft};

use crate::chance::Chance;
use crate::liar::{self, Band};
use crate::scenario::LiarKind;
use crate::{World, WorldConfig};

/// A world whose last machine is not started yet, with so many entries; so many of the others lie.
fn without_one(seed: u64, hosts: usize, liars: usize, entries: usize) -> World {
    let mut config = WorldConfig::new(seed, hosts);
    config.node.engine.chunks_min = 100;
    // A few chunks a second, so that there is something to see.
    config.node.engine.chunk_bytes_per_s = 200_000;
    let mut world = World::new(config);
    let band = Band::new(seed, 1..1 + liars);
    for host in 1..1 + liars {
        world.possess(host, liar::possess(LiarKind::LyingReconciler, host, &band));
    }
    (0..hosts - 1).for_each(|host| world.start(host));
    world.run(10_000).unwrap();
    write(&mut world, 0, "before", entries);
    world.run(30_000).unwrap();
    world
}

fn write(world: &mut World, host: usize, name: &str, count: usize) {
    let draft = |number| Draft {
        collection: "default".to_owned(),
        name: format!("{name}/{number}"),
        value: Some(Bytes::from_static(b"1")),
    };
    world.command(host, Command::Put((0..count).map(draft).collect())).unwrap();
}

fn counted(world: &World, host: usize, of: fn(&Counters) -> u64) -> u64 {
    world.status(host).map_or(0, |status| of(&status.counters))
}

#[test]
fn a_newcomer_fetches_from_several_peers_at_once() {
    // SNAP-1, SNAP-6
    let mut world = without_one(1, 6, 0, 8_000);
    // Those that were too slow for the broadcast have fetched chunks, too.
    world.run_until_equal(120_000).unwrap();
    let sent = |world: &World| -> Vec<u64> {
        (0..5).map(|host| counted(world, host, |it| it.chunks_sent)).collect()
    };
    let before = sent(&world);
    world.start(5);
    world.run_until_equal(60_000).unwrap();
    let sent: Vec<u64> = sent(&world).iter().zip(before).map(|(now, then)| now - then).collect();
    let fetched = counted(&world, 5, |it| it.chunks_fetched);
    let all = sent.iter().sum::<u64>();
    assert!(fetched <= all && all <= fetched + 3, "{all} were sent for {fetched}");
    assert!(2 < sent.iter().filter(|it| 0 < **it).count(), "{sent:?}");
}

/// Whatever crashes, whoever lies, while the state moves on: in the end all hold the same, and what the
/// newcomer had written is not fetched again. `SEEDS=200` plays more.
#[test]
fn crashes_and_liars_keep_no_newcomer_out() {
    // SNAP-3, SNAP-4, SNAP-5, SNAP-6
    for seed in seeds(6) {
        let (hosts, liars) = (8, usize::try_from(seed % 3).unwrap());
        let mut world = without_one(seed, hosts, liars, 3_000);
        let mut chance = Chance::new(seed, &[0xc4]);
        let newcomer = hosts - 1;
        world.start(newcomer);
        for round in 0..8 {
            write(&mut world, 0, &format!("during/{round}"), 5);
            world.run(20 + chance.below(400)).unwrap();
            match chance.below(4) {
                0 | 1 => {
                    world.crash(newcomer);
                    world.run(chance.below(300)).unwrap();
                    world.start(newcomer);
                }
                2 => {
                    let supplier = 1 + liars + usize::try_from(chance.below(3)).unwrap();
                    world.crash(supplier);
                    world.run(chance.below(300)).unwrap();
                    world.start(supplier);
                }
                _ => {}
            }
        }
        let took_ms = world.run_until_equal(240_000);
        assert!(took_ms.is_ok(), "SEED={seed}: {took_ms:?}");
    }
}

#[test]
fn a_newcomer_that_crashed_goes_on_where_it_was() {
    // SNAP-5
    let mut world = without_one(3, 5, 0, 4_000);
    world.start(4);
    let held = |world: &World| world.disk_len(4);
    while held(&world) < 1_500 {
        world.run(5).unwrap();
    }
    world.crash(4);
    let before = held(&world);
    assert!(before < 3_900, "{before} were there already");
    world.start(4);
    world.run_until_equal(60_000).unwrap();
    let checked = counted(&world, 4, |it| it.verified);
    let most = (4_000 - before + 16 * 512) as u64;
    assert!(checked <= most.min(3_900), "{checked} checked again with {before} on disk");
}

fn seeds(most: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(most),
    }
}
