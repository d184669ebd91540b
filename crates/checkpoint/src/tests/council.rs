//! The council: one chain whatever happens, and progress as long as more than two thirds are up.

use super::committee;
use super::village::Village;
use crate::{Evidence, Phase};

/// Each failure names its seed; `SEED=n` plays that one again.
fn seeds() -> impl Iterator<Item = u64> {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(40),
    }
}

/// CKPT-5.
#[test]
fn a_quiet_village_makes_a_checkpoint_at_each_moment_that_is_due() {
    let (mut village, _) = Village::new(1, 4, 2);
    village.run(65_000);
    village.assert_one_chain(1);
    assert_eq!(village.heights(), vec![4; 6], "one each 20 s");
    assert_eq!((village.faults.len(), village.blamed), (0, 0));
}

/// CKPT-5: a third less one may be down, each costs its own turns only.
#[test]
fn with_less_than_a_third_down_it_goes_on_and_with_more_it_waits_and_resumes() {
    let (mut village, _) = Village::new(2, 7, 1);
    village.crash(0);
    village.crash(3);
    village.run(120_000);
    let two_down = village.heights();
    assert!(two_down.iter().all(|it| 3 <= *it), "{two_down:?}");
    village.crash(5);
    village.run(25_000);
    let before = village.heights();
    village.run(120_000);
    let waits = village.heights();
    assert_eq!(before, waits, "nothing is final with three of seven down");
    village.start(0);
    village.run(60_000);
    let resumed = village.heights();
    assert!(resumed.iter().all(|it| waits[1] < *it), "{waits:?} {resumed:?}");
    village.start(3);
    village.start(5);
    village.run(60_000);
    let all = village.heights();
    assert!(all.iter().all(|it| it == &all[0]), "lagging attesters catch up: {all:?}");
    village.assert_one_chain(2);
}

/// Who sees another state does not sign; the others do without it.
#[test]
fn who_holds_something_else_does_not_sign_and_holds_nobody_up() {
    let (mut village, _) = Village::new(3, 4, 0);
    village.nodes[2].odd = true;
    village.run(150_000);
    village.assert_one_chain(3);
    let heights = village.heights();
    assert!(heights.iter().all(|it| 3 <= *it), "{heights:?}");
    village.nodes[1].odd = true;
    village.run(20_000);
    let before = village.heights();
    village.run(100_000);
    assert_eq!(before, village.heights(), "half and half is no quorum");
    village.nodes[1].odd = false;
    village.nodes[2].odd = false;
    village.run(60_000);
    assert!(village.heights().iter().all(|it| before[0] < *it));
}

/// CKPT-6, CKPT-7: two programs with one key are an attester that breaks its word.
#[test]
fn twins_are_found_out_and_make_no_fork() {
    let (mut village, keys) = Village::new(4, 4, 2);
    village.join(Some(keys[1].clone()));
    for at in [1, 6] {
        village.nodes[at].liar = true;
    }
    village.nodes[6].odd = true;
    village.run(300_000);
    village.assert_one_chain(4);
    let accused = village.faults.iter().flat_map(Evidence::guilty);
    assert!(accused.clone().all(|it| it == 1), "nobody else is accused");
    assert!(0 < accused.count(), "somebody holds the proof");
    let heights = village.heights();
    assert!(heights.iter().all(|it| 3 <= *it), "{heights:?}");
}

/// CKPT-4.
#[test]
fn the_chain_hands_over_to_the_next_committee() {
    let (mut village, keys) = Village::new(5, 4, 1);
    village.run(30_000);
    let next = committee(6).0;
    // The two new ones are there, and wait.
    let new: Vec<_> = committee(6).1.into_iter().filter(|key| !keys.contains(key)).collect();
    assert_eq!(new.len(), 2);
    new.into_iter().for_each(|key| village.join(Some(key)));
    village.want(&next);
    village.run(120_000);
    village.assert_one_chain(5);
    for node in &village.nodes {
        let head = node.council.as_ref().unwrap().head();
        assert_eq!(head.committee.hash(), next.hash());
        assert!(4 <= head.height, "{}", head.height);
    }
    // A newcomer with nothing but the network file follows.
    village.join(None);
    village.run(60_000);
    let heights = village.heights();
    assert!(heights.iter().all(|it| heights[0].abs_diff(*it) <= 1), "{heights:?}");
}

/// CKPT-6: loss, walls, crashes and twins at once, with less than a third faulty. `SEEDS=200` for more.
#[test]
fn villages_never_fork_and_go_on_when_all_is_well() {
    for seed in seeds() {
        let (mut village, keys) = Village::new(seed, 4, 1);
        let twin = seed % 2 == 0;
        if twin {
            village.join(Some(keys[3].clone()));
            let last = village.nodes.len() - 1;
            village.nodes[last].odd = seed % 4 == 0;
            for at in [3, last] {
                village.nodes[at].liar = true;
            }
        }
        village.loss = village.below(300);
        let count = village.nodes.len();
        for _ in 0..8 {
            let at = usize::try_from(village.below(count as u64)).unwrap();
            match village.below(4) {
                0 => village.crash(at),
                1 => (0..count).for_each(|at| village.start(at)),
                2 => (0..count).for_each(|at| {
                    village.sides[at] = u8::try_from(village.below(2)).unwrap();
                }),
                _ => village.sides.fill(0),
            }
            let ms = 500 + village.below(9_000);
            village.run(ms);
            village.assert_one_chain(seed);
        }
        (0..count).for_each(|at| village.start(at));
        village.sides.fill(0);
        village.loss = 10;
        let before = village.heights().into_iter().max().unwrap();
        village.run(120_000);
        village.assert_one_chain(seed);
        let after = village.heights();
        assert!(after.iter().all(|it| before + 2 <= *it), "seed {seed}: {before} {after:?}");
        let accused = village.faults.iter().flat_map(Evidence::guilty);
        let only_twins = accused.into_iter().all(|it| twin && it == 3);
        assert!(only_twins, "seed {seed}: an honest attester is accused");
        assert_eq!(village.blamed, 0, "seed {seed}");
    }
}

/// CKPT-6: after any crash it says again what it said, and nothing else.
#[test]
fn what_was_said_survives_a_crash_at_any_moment() {
    for seed in seeds().take(60) {
        let (mut village, _) = Village::new(seed, 4, 0);
        for _ in 0..30 {
            let at = usize::try_from(village.below(4)).unwrap();
            let (wait_ms, down_ms) = (village.below(3_000), village.below(300));
            village.run(wait_ms);
            village.crash(at);
            village.run(down_ms);
            village.start(at);
        }
        village.run(60_000);
        village.assert_one_chain(seed);
        let said = |it: &Evidence| match it {
            Evidence::Ballots(ballots) => ballots.0.phase,
            Evidence::Fork(_) => Phase::Attest,
        };
        let broken: Vec<Phase> = village.faults.iter().map(said).collect();
        assert!(broken.is_empty(), "seed {seed}: {broken:?}");
        assert!(village.heights().iter().all(|it| 3 <= *it), "seed {seed}");
    }
}
