//! A few seeds of every story; `cargo run --release -p sim -- run NAME --seeds 100` runs more.

mod disk;
mod network;
mod threads;
mod wheel;
mod worlds;

use node::{Command, Publication};

use crate::{Scenario, World, WorldConfig};

#[track_caller]
fn check(name: &str, nodes: usize, seeds: std::ops::Range<u64>) {
    let scenario = Scenario::named(name).unwrap();
    for seed in seeds {
        let outcome = scenario.run(seed, nodes).unwrap();
        assert!(0 < outcome.acknowledged);
    }
}

#[test]
fn every_live_node_gets_every_record() {
    check("quiet", 20, 0..3);
}

#[test]
fn a_healed_partition_agrees_and_loses_nothing() {
    check("partition", 6, 0..5);
}

#[test]
fn loss_and_churn_lose_nothing() {
    check("churn", 60, 0..3);
    check("churn", 300, 7..8);
}

#[test]
fn steady_traffic_that_arrives_begins_no_walk() {
    // WALK-2
    for seed in 0..2 {
        let mut world = World::new(WorldConfig::new(seed, 24));
        world.start_all(1_000_000);
        world.run(30_000).unwrap();
        let compared = |world: &World| -> u64 {
            world.nodes().map(|(_, node)| node.engine().status().counters.compared).sum()
        };
        let before = compared(&world);
        for number in 0..200 {
            let node = world.draw(24);
            let payload = bytes::Bytes::from(number.to_string());
            let (kind, topic) = (wire::MessageKind::Announce, "t".to_owned());
            let publication = Publication {
                topic,
                kind,
                payload,
                reply_to: None,
                life_ms: 86_400_000,
                class: wire::Class::Normal,
            };
            world.command(node, Command::Publish(publication)).unwrap();
            world.run(50).unwrap();
        }
        assert_eq!(compared(&world) - before, 0, "seed {seed}");
    }
}

#[test]
fn newcomers_catch_up_under_steady_traffic() {
    // WALK-2
    check("steady", 20, 0..3);
}

#[test]
fn what_is_too_small_only_costs_time() {
    check("cramped", 60, 0..2);
}

#[test]
fn a_node_joins_when_its_bootstrap_appears() {
    check("bootstrap-late", 8, 0..3);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let scenario = Scenario::named("churn").unwrap();
    let runs = [scenario.run(3, 40).unwrap(), scenario.run(3, 40).unwrap()];
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].trace, scenario.run(4, 40).unwrap().trace);
}
