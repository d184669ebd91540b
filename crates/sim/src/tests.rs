//! A few seeds of every story; `cargo run --release -p sim -- run NAME --seeds 100` runs more.

mod disk;
mod network;
mod threads;
mod wheel;
mod worlds;

use crate::Scenario;

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
