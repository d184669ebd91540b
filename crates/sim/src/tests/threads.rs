//! A run repeats to the last byte, on any number of threads.

use bytes::Bytes;
use node::{Command, Draft};

use crate::network::{Loss, Machines, Mode, NetworkConfig, Pauses};
use crate::{Boot, World, WorldConfig};

/// Everything that makes a world hard, and what it came to: trace, events, and what each machine
/// holds.
fn run(config: WorldConfig, ms: u64) -> (u64, u64, Vec<usize>) {
    let hosts = config.hosts;
    let mut world = World::new(config);
    world.start_all(500_000);
    world.run(ms / 2).unwrap();
    for host in 0..5 {
        let value = Some(Bytes::from_static(b"1"));
        let name = format!("{host}");
        let draft = Draft { collection: "default".to_owned(), name, value };
        world.command(host * hosts / 5, Command::Put(vec![draft])).unwrap();
    }
    (0..hosts).step_by(7).for_each(|host| world.kill(host));
    world.divide(|host| u8::from(host.is_multiple_of(3)));
    world.run(ms / 4).unwrap();
    (0..hosts).step_by(14).for_each(|host| world.start(host));
    world.heal();
    world.run(ms / 4).unwrap();
    world.audit().unwrap();
    let held = (0..hosts).map(|host| world.disk_len(host)).collect();
    (world.trace(), world.figures().events, held)
}

fn config(seed: u64, hosts: usize, threads: usize) -> WorldConfig {
    let mut config = WorldConfig::new(seed, hosts);
    config.threads = threads;
    config.boot = Boot::Books { rows: 30 };
    config.network = NetworkConfig {
        loss: Loss::Bursty { worse: 10_000, better: 90_000, good: 0, bad: 200_000 },
        ..NetworkConfig::default()
    };
    config.machines = Machines {
        slow_per_mille: 50,
        undialable_per_mille: 100,
        clock_skew_ms_max: 20,
        pauses: Some(Pauses { per_mille: 100, every_ms: 2_000, pause_ms: 200 }),
        ..Machines::default()
    };
    config.checks.steps_per_second_max = 1_000_000;
    config
}

#[test]
fn one_two_and_three_threads_make_the_same_world() {
    let one = run(config(1, 60, 1), 12_000);
    assert!(1_000 < one.1, "{one:?}");
    assert!(one.2.iter().any(|held| 0 < *held), "{one:?}");
    assert_eq!(one, run(config(1, 60, 2), 12_000));
    assert_eq!(one, run(config(1, 60, 3), 12_000));
    assert_ne!(one.0, run(config(2, 60, 2), 12_000).0);
}

#[test]
fn datagrams_that_repeat_and_overtake_make_the_same_world() {
    let config = |threads| {
        let mut config = config(3, 60, threads);
        config.network.mode = Mode::Datagram;
        config.network.duplicates_per_million = 50_000;
        config
    };
    let one = run(config(1), 12_000);
    assert_eq!(one, run(config(1), 12_000));
    assert_eq!(one, run(config(2), 12_000));
}
