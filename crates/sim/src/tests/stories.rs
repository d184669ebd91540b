//! Scenarios in small worlds, each with what it expects of a large one.

use std::ops::{ControlFlow, Range};

use crate::play::{Models, PlayConfig, play};
use crate::{Outcome, Scenario};

fn outcome(scenario: &Scenario, nodes: usize, seed: u64) -> Outcome {
    let config = PlayConfig { nodes, seed, threads: 1, models: Models::Off };
    play(scenario, config, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// Plays some seeds. What did not hold is printed with its seed.
#[track_caller]
fn check(name: &str, nodes: usize, seeds: Range<u64>) {
    let scenario = Scenario::find(name).unwrap();
    for seed in seeds {
        let outcome = outcome(&scenario, nodes, seed);
        let failed: Vec<_> = outcome.verdicts.iter().filter(|it| !it.ok).collect();
        assert!(outcome.ok, "{}: {failed:#?} {:?}", outcome.replay, outcome.broken);
        assert!(0 < outcome.end.published || name == "idle-100", "{}", outcome.replay);
    }
}

#[test]
fn every_live_node_gets_every_record() {
    check("quiet", 20, 0..3);
}

#[test]
fn what_people_decide_is_the_same_everywhere_and_nobody_is_overruled() {
    // TRANSFER-4, RULE-2, ALERT-3, LEVEL-7
    check("people", 12, 0..2);
    check("impostors", 12, 0..1);
}

#[test]
fn a_day_of_levels_keeps_to_its_hours_and_its_budget() {
    // LEVEL-4, LEVEL-7
    let text = include_str!("../../scenarios/levels-week.toml");
    let day = text.replace("times = 1_008", "times = 144").replace("00_000_000", "0_000_000");
    let day = Scenario::parse("levels-day", &day.replace("220_", "60_")).unwrap();
    let outcome = outcome(&day, 2, 0);
    assert!(outcome.ok, "{:?} {:?}", outcome.broken, outcome.verdicts);
}

#[test]
fn a_healed_partition_agrees_and_loses_nothing() {
    check("partition", 6, 0..5);
    check("partition-500", 40, 0..1);
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
fn the_living_get_everything_after_most_have_vanished() {
    for name in ["kill-50", "kill-90"] {
        check(name, 200, 0..1);
    }
    check("restart-empty", 60, 0..1);
}

#[test]
fn liars_keep_nothing_from_the_honest() {
    let names = [
        "mute-33",
        "lying-33",
        "lying-reconcilers",
        "equivocators",
        "withholding-20",
        "eclipse-50",
        "spam-10",
        "poison-20",
        "forged-20",
        "replay-20",
        "sybil-50",
    ];
    for name in names {
        check(name, 80, 0..1);
    }
}

#[test]
fn a_scenario_that_must_fail_fails() {
    let text = "name = \"wall\"\nabout = \"a wall that never falls\"\nnodes = 10
        [start]\nsettle_ms = 5_000
        [[stream]]\ntimes = 4\nevery_ms = 1_000
        [[fault]]\nat_ms = 0\ndo = \"partition\"\nshare_percent = 50
        [expect]\ndelivered_percent_min = 100\ncomplete_within_ms = 3_000\nisolated_max = 0";
    let scenario = Scenario::parse("wall.toml", text).unwrap();
    let outcome = outcome(&scenario, 10, 0);
    assert!(!outcome.ok && outcome.broken.is_none());
    let failed = |what: &str| outcome.verdicts.iter().any(|it| it.what.starts_with(what) && !it.ok);
    assert!(failed("delivered") && failed("everything everywhere"), "{:#?}", outcome.verdicts);
    assert!(0 < outcome.end.missing && outcome.end.complete_after_ms.is_none());
    assert!(outcome.replay.contains("--nodes 10 --seed 0"));
}

#[test]
fn the_same_seed_is_the_same_run_on_any_number_of_threads() {
    let scenario = Scenario::find("churn").unwrap();
    let run = |seed, threads| {
        let config = PlayConfig { nodes: 40, seed, threads, models: Models::Off };
        let outcome = play(&scenario, config, &mut |_| ControlFlow::Continue(())).unwrap();
        (outcome.trace, outcome.trellis)
    };
    let first = run(3, 1);
    assert_eq!(first, run(3, 1));
    assert_eq!(first, run(3, 2));
    assert_ne!(first.0, run(4, 1).0);
}

#[test]
fn a_watcher_stops_a_run() {
    let scenario = Scenario::find("quiet").unwrap();
    let config = PlayConfig { nodes: 5, seed: 0, threads: 1, models: Models::Off };
    let mut calls = 0;
    let outcome = play(&scenario, config, &mut |_| {
        calls += 1;
        if calls < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(outcome.is_none() && calls == 3);
}

#[test]
fn models_stand_beside_the_real_one() {
    let scenario = Scenario::find("warm-1k").unwrap();
    let config = PlayConfig { nodes: 100, seed: 1, threads: 1, models: Models::Named };
    let outcome = play(&scenario, config, &mut |_| ControlFlow::Continue(())).unwrap();
    let names: Vec<&str> = outcome.compared.iter().map(|it| it.protocol.as_str()).collect();
    assert!(names.contains(&"flood") && names.contains(&"gossipsub-6"), "{names:?}");
    assert!(outcome.compared.iter().all(|it| 0 < it.delivered && it.messages == 20));
    // Flooding a connected overlay reaches all, and nobody is before the direct path.
    let p50 = |name: &str| outcome.figures(name).unwrap().latency_ms.p50;
    assert_eq!(outcome.figures("flood").unwrap().share(), Some(1.0));
    assert!(p50("direct") <= p50("flood"), "{} {}", p50("direct"), p50("flood"));
}
