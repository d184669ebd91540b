//! Alerts within their author's budget and beyond it (ALERT-1).

use proptest::prelude::*;
use wire::{Carried, Class, Content, Frame, Message, NodeId, Push, Signed, TreeId};

use super::lab::{Lab, START_MS, config, puppet, sign};
use crate::alerts::Alerts;
use crate::{Effect, LinkId, Now};

fn at(mono_ms: u64) -> Now {
    Now { mono_ms, unix_ms: START_MS }
}

fn author(number: u8) -> NodeId {
    puppet(number).id()
}

/// Spends as fast as it goes; returns how many were alerts.
fn spend(alerts: &mut Alerts, author: &NodeId, tries: usize, now: Now) -> usize {
    let classes = (0..tries).map(|_| alerts.spend(author, Class::Alert, now));
    classes.filter(|class| *class == Class::Alert).count()
}

#[test]
fn a_burst_of_fifty_then_ten_a_second() {
    let mut alerts = Alerts::new(&config());
    assert_eq!(spend(&mut alerts, &author(1), 60, at(5_000)), 50);
    assert_eq!(spend(&mut alerts, &author(1), 60, at(5_099)), 0);
    assert_eq!(
        [at(5_099), at(5_100), at(5_250), at(90_000)].map(|at| alerts.left(&author(1), at)),
        [0, 1, 2, 50]
    );
    assert_eq!(spend(&mut alerts, &author(1), 60, at(6_000)), 10);
    assert_eq!(spend(&mut alerts, &author(2), 60, at(6_000)), 50, "each author has its own");
    assert_eq!(spend(&mut alerts, &author(1), 60, at(60_000)), 50);
}

#[test]
fn other_classes_cost_nothing_and_stay_what_they_are() {
    let mut alerts = Alerts::new(&config());
    for class in [Class::Bulk, Class::Control, Class::Normal] {
        assert_eq!(alerts.spend(&author(1), class, at(0)), class);
    }
    assert_eq!((alerts.len(), spend(&mut alerts, &author(1), 60, at(0))), (0, 50));
}

#[test]
fn the_table_is_bounded_and_forgetting_gives_little_away() {
    let mut alerts = Alerts::new(&crate::Config { alert_authors_max: 4, ..config() });
    assert_eq!(spend(&mut alerts, &author(1), 60, at(0)), 50);
    for number in 2..100 {
        assert_eq!(spend(&mut alerts, &author(number), 1, at(0)), 1);
        assert!(alerts.len() <= 4);
    }
    assert_eq!(spend(&mut alerts, &author(1), 60, at(0)), 0, "who spent most is remembered");
    spend(&mut alerts, &author(3), 1, at(100_000));
    assert_eq!(alerts.len(), 1, "complete budgets are forgotten");
}

#[test]
fn without_a_burst_there_are_no_alerts() {
    let mut alerts = Alerts::new(&crate::Config { alert_burst: 0, ..config() });
    assert_eq!(spend(&mut alerts, &author(1), 10, at(1_000)), 0);
}

proptest! {
    #[test]
    fn no_second_has_more_than_the_burst_and_what_it_earned(
        pauses in prop::collection::vec(0..400_u64, 1..300),
    ) {
        let mut alerts = Alerts::new(&config());
        let (mut now_ms, mut passed) = (0, Vec::new());
        for pause_ms in pauses {
            now_ms += pause_ms;
            let said = alerts.class(&author(1), Class::Alert, at(now_ms));
            prop_assert_eq!(alerts.spend(&author(1), Class::Alert, at(now_ms)), said);
            if said == Class::Alert {
                passed.push(now_ms);
            }
        }
        for (first, from_ms) in passed.iter().enumerate() {
            for (count, to_ms) in passed[first..].iter().enumerate() {
                prop_assert!(count as u64 <= 50 + (to_ms - from_ms) / 100);
            }
        }
    }
}

fn alert(number: usize) -> Content {
    let class = Class::Alert;
    Content::Message(Message { class, ..Message::new("fire", format!("{number}").into_bytes()) })
}

/// Classes in which records went to one link.
fn classes(effects: &[Effect], link: LinkId) -> Vec<Class> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send(to, class, bytes) if *to == link => Some((*class, bytes)),
        _ => None,
    });
    let records = sent.flat_map(|(class, bytes)| match Frame::decode(bytes).unwrap() {
        Frame::Push(push) => vec![class; push.records.len()],
        _ => Vec::new(),
    });
    records.collect()
}

#[test]
fn own_alerts_beyond_the_budget_travel_as_messages_and_are_not_lost() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.pass(100);
    let contents = (0..60).map(|number| (alert(number), 60_000)).collect();
    assert_eq!(lab.engine.class_of_own(Class::Alert, lab.now), Class::Alert);
    assert_eq!(lab.engine.write(contents, lab.now).len(), 60);
    assert_eq!(lab.engine.class_of_own(Class::Alert, lab.now), Class::Normal);
    let classes = classes(&lab.engine.drain(), link);
    let alerts = classes.iter().filter(|class| **class == Class::Alert).count();
    assert_eq!((alerts, classes.len()), (50, 60));
}

#[test]
fn false_signatures_cost_their_author_nothing_and_true_alerts_are_checked_first() {
    let mut lab = Lab::new();
    let [bad, good, other] = [1, 2, 3].map(|number| lab.link(&puppet(number)));
    lab.pass(100);
    let sealed = |number: u8| {
        let created_ms = START_MS + u64::from(number);
        sign(&puppet(50), created_ms, created_ms, 3_600_000, alert(number.into()))
    };
    let forged = |number| Signed { signature: [7; 64], ..sealed(number) };
    let flood = |make: &dyn Fn(u8) -> Signed, numbers: std::ops::Range<u8>| {
        let records = numbers.map(|number| Carried {
            signed: make(number),
            ttl: 9,
            hops: 1,
            tree: TreeId(0),
        });
        Frame::Push(Push { records: records.collect(), ..Push::default() })
    };
    lab.say(bad, &flood(&forged, 0..60));
    let effects = lab.say(good, &flood(&sealed, 60..115));
    let checked = effects.iter().filter_map(|effect| match effect {
        Effect::Verify(class, checks) => Some((*class, checks.len())),
        _ => None,
    });
    assert_eq!(checked.collect::<Vec<_>>(), [(Class::Alert, 55)]);
    let classes = classes(&effects, other);
    assert_eq!(classes.iter().filter(|class| **class == Class::Alert).count(), 50);
    // Who is beyond its budget waits with the messages.
    let effects = lab.say(good, &flood(&sealed, 115..116));
    let checked = effects.iter().find_map(|effect| match effect {
        Effect::Verify(class, _) => Some(*class),
        _ => None,
    });
    assert_eq!(checked, Some(Class::Normal));
}
