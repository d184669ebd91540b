//! Announced records that come late.

use wire::{Have, ShortId};

use super::lab::config;
use crate::missing::Missing;
use crate::{LinkId, Now};

const SLOW: LinkId = LinkId(1);

fn at(mono_ms: u64) -> Now {
    Now { mono_ms, unix_ms: mono_ms }
}

/// Hears of a record at a moment and asks for it until nobody is left. Returns when it was asked
/// for first.
fn ask_in_vain(missing: &mut Missing, name: ShortId, begin_ms: u64) -> Option<u64> {
    missing.announced(Have { id: name, age_ms: 0 }, SLOW, at(begin_ms));
    let mut first = None;
    while let Some(due) = missing.deadline() {
        if !missing.ask(at(due.0), |_| Some(100)).asks.is_empty() {
            first = first.or(Some(due.0));
        }
    }
    first
}

#[test]
fn who_sends_late_is_believed_and_given_more_time() {
    // TREE-6
    let mut missing = Missing::new(&config());
    for number in 0..40 {
        let (name, begin_ms) = (ShortId(number), 10_000 * number);
        let asked_ms = ask_in_vain(&mut missing, name, begin_ms).expect("it is believed");
        assert!(missing.came(name, Some(SLOW), at(asked_ms + 900)).asked, "late, and asked for");
    }
    // Now it is given the time it takes.
    missing.announced(Have { id: ShortId(100), age_ms: 0 }, SLOW, at(500_000));
    let asked_ms = missing.deadline().unwrap().0;
    missing.ask(at(asked_ms), |_| Some(100));
    let patience_ms = missing.deadline().unwrap().0 - asked_ms;
    assert!((900..2_000).contains(&patience_ms), "{patience_ms}");
}

#[test]
fn who_never_sends_is_not_believed_however_much_others_send() {
    // TREE-6
    let mut missing = Missing::new(&config());
    let mut asked = 0;
    for number in 0..40 {
        asked += usize::from(ask_in_vain(&mut missing, ShortId(number), 1_000 * number).is_some());
        // It comes from somebody who was not asked.
        assert!(!missing.came(ShortId(number), Some(LinkId(2)), at(1_000 * number + 900)).asked);
    }
    assert_eq!(asked, 8);
}

#[test]
fn one_late_record_does_not_pay_for_many_lies() {
    // TREE-6
    let mut missing = Missing::new(&config());
    ask_in_vain(&mut missing, ShortId(1_000), 0);
    let mut asked = 0;
    for number in 0..40 {
        // The same record again and again.
        missing.came(ShortId(1_000), Some(SLOW), at(1_000 * number + 900));
        let begin_ms = 1_000 * (number + 1);
        asked += usize::from(ask_in_vain(&mut missing, ShortId(number), begin_ms).is_some());
    }
    assert_eq!(asked, 8);
}

#[test]
fn what_is_overdue_is_forgotten_when_there_is_much_of_it() {
    // TREE-6
    let mut missing = Missing::new(&config());
    for number in 0..5_000 {
        // A link that has not lost its word yet.
        let link = LinkId(number);
        let name = ShortId(number);
        missing.announced(Have { id: name, age_ms: 0 }, link, at(number));
        while let Some(due) = missing.deadline() {
            missing.ask(at(due.0), |_| Some(1));
        }
    }
    let late = |number: u64| missing_came(&mut missing, number);
    let known: Vec<bool> = [0, 903, 904, 4_999].map(late).to_vec();
    assert_eq!(known, [false, false, true, true], "the last 4,096 are remembered");
}

fn missing_came(missing: &mut Missing, number: u64) -> bool {
    missing.came(ShortId(number), Some(LinkId(number)), at(100_000)).asked
}
