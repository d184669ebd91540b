//! Cases a person can follow.

use wire::Class;

use super::{fill, roomy};
use crate::{ALERT_LEAD_BYTES_MAX, Bounds, Lanes, Pushed};

/// CLASS-1.
#[test]
fn an_alert_goes_before_all_that_waits() {
    let mut lanes = roomy();
    for class in [Class::Bulk, Class::Normal, Class::Control, Class::Alert] {
        fill(&mut lanes, class, 1, 1_000);
    }
    let order: Vec<Class> = std::iter::from_fn(|| lanes.pop()).map(|(class, _)| class).collect();
    assert_eq!(order, Class::ALL);
}

/// CLASS-1.
#[test]
fn a_flood_of_alerts_gets_half_of_the_link() {
    let mut lanes = roomy();
    fill(&mut lanes, Class::Alert, 1_000, 1_024);
    fill(&mut lanes, Class::Bulk, 1_000, 1_024);
    let first: Vec<Class> = (0..64).filter_map(|_| lanes.pop()).map(|(class, _)| class).collect();
    assert!(first.iter().all(|class| *class == Class::Alert), "64 KiB ahead");
    let next = (0..1_000).filter_map(|_| lanes.pop());
    assert_eq!(next.filter(|(class, _)| *class == Class::Alert).count(), 500);
}

#[test]
fn alerts_have_the_link_to_themselves_when_nobody_else_waits() {
    let mut lanes = roomy();
    fill(&mut lanes, Class::Alert, 200, 1_024);
    for _ in 0..100 {
        assert_eq!(lanes.pop().map(|(class, _)| class), Some(Class::Alert));
    }
    // What they sent alone is not held against them.
    fill(&mut lanes, Class::Normal, 1, 1_024);
    assert_eq!(lanes.pop().map(|(class, _)| class), Some(Class::Alert));
}

#[test]
fn single_frames_between_a_flood_of_alerts_do_not_wait_for_it_each_time_anew() {
    let mut lanes = roomy();
    fill(&mut lanes, Class::Alert, 10_000, 1_024);
    let mut alerts = 0;
    for _ in 0..100 {
        fill(&mut lanes, Class::Normal, 1, 1_024);
        while lanes.pop().is_some_and(|(class, _)| class == Class::Alert) {
            alerts += 1;
        }
    }
    let fair = 100 + ALERT_LEAD_BYTES_MAX / 1_024;
    assert!(alerts <= fair, "{alerts} alerts went before 100 other frames");
}

#[test]
fn the_most_urgent_is_first_on_a_link_that_was_idle() {
    let mut lanes = roomy();
    fill(&mut lanes, Class::Normal, 3, 100_000);
    while lanes.pop().is_some() {}
    for class in [Class::Bulk, Class::Normal, Class::Control] {
        fill(&mut lanes, class, 1, 4_000);
    }
    assert_eq!(lanes.pop().map(|(class, _)| class), Some(Class::Control));
}

#[test]
fn frames_of_any_size_are_sent_in_a_moment() {
    let mut lanes = roomy();
    for class in Class::ALL {
        for bytes in [usize::MAX, 0, usize::MAX, 1] {
            assert_eq!(lanes.push(class, bytes, bytes), Pushed::Queued);
        }
    }
    assert_eq!(std::iter::from_fn(|| lanes.pop()).count(), 16);
    assert_eq!((lanes.len(), lanes.bytes()), (0, 0));
}

#[test]
fn a_full_class_refuses_and_the_others_do_not_notice() {
    let mut lanes = Lanes::new(Bounds { frames_max: 2, bytes_max: 100 });
    assert_eq!(lanes.push(Class::Bulk, 'a', 1_000), Pushed::Queued, "one always fits");
    assert_eq!(lanes.push(Class::Bulk, 'b', 0), Pushed::Full, "no byte more");
    assert_eq!(lanes.push(Class::Normal, 'c', 50), Pushed::Queued);
    assert_eq!(lanes.push(Class::Normal, 'd', 50), Pushed::Queued);
    assert_eq!(lanes.push(Class::Normal, 'e', 0), Pushed::Full, "no frame more");
    assert_eq!(lanes.push(Class::Alert, 'f', 1), Pushed::Queued);
    assert_eq!((lanes.len(), lanes.bytes()), (4, 1_101));
    assert_eq!(lanes.waiting(Class::Normal), (2, 100));
}

#[test]
fn parts_are_taken_together_or_not_at_all() {
    let mut lanes = Lanes::new(Bounds { frames_max: 4, bytes_max: 1_000 });
    assert_eq!(lanes.push_parts(Class::Normal, vec![(1, 10), (2, 10)]), Pushed::Queued);
    assert_eq!(lanes.push_parts(Class::Normal, vec![(3, 10), (4, 10), (5, 10)]), Pushed::Full);
    assert_eq!(lanes.push_parts(Class::Normal, vec![(6, 10), (7, 971)]), Pushed::Full);
    assert_eq!(lanes.push_parts(Class::Normal, vec![(8, 10), (9, 10)]), Pushed::Queued);
    let order: Vec<i32> = std::iter::from_fn(|| lanes.pop()).map(|(_, part)| part).collect();
    assert_eq!(order, [1, 2, 8, 9]);
    assert_eq!(lanes.push_parts(Class::Bulk, (0..9).map(|it| (it, 900)).collect()), Pushed::Queued);
}

#[test]
fn a_frame_that_is_too_large_for_now_stays_the_next_one() {
    let mut lanes = roomy();
    fill(&mut lanes, Class::Bulk, 2, 5_000);
    assert_eq!(lanes.pop_within(4_999), None);
    assert_eq!(lanes.pop_within(5_000), Some((Class::Bulk, 0)));
    assert_eq!(lanes.pop_within(100), None);
    fill(&mut lanes, Class::Alert, 1, 50);
    assert_eq!(lanes.pop_within(100), Some((Class::Alert, 0)));
    assert_eq!(lanes.pop(), Some((Class::Bulk, 1)));
}

/// CLASS-2.
#[test]
fn one_class_is_dropped_and_the_others_go_on() {
    let mut lanes = roomy();
    for class in [Class::Bulk, Class::Normal, Class::Control, Class::Alert, Class::Bulk] {
        fill(&mut lanes, class, 2, 1_000);
    }
    assert_eq!(lanes.clear(Class::Bulk), (4, 4_000));
    let order: Vec<Class> = std::iter::from_fn(|| lanes.pop()).map(|(class, _)| class).collect();
    let [alert, control, normal] = [Class::Alert, Class::Control, Class::Normal];
    assert_eq!(order, [alert, alert, control, control, normal, normal]);
    assert_eq!(lanes.clear(Class::Bulk), (0, 0));
}

/// CLASS-1.
#[test]
fn a_class_that_cannot_be_sent_holds_up_no_other() {
    let mut lanes = roomy();
    for class in Class::ALL {
        fill(&mut lanes, class, 100, 1_024);
    }
    let mut taken = |open, count: usize| -> Vec<usize> {
        let popped: Vec<Class> =
            (0..count).filter_map(|_| lanes.pop_among(open)).map(|(class, _)| class).collect();
        Class::ALL.map(|it| popped.iter().filter(|class| **class == it).count()).to_vec()
    };
    assert_eq!(taken([false; 4], 10), [0, 0, 0, 0]);
    let two = taken([false, false, true, true], 50);
    assert_eq!((two[0], two[1]), (0, 0));
    assert!(3 * two[3] <= two[2] && 0 < two[3], "4:1, not {two:?}");
    assert_eq!(taken([true, false, false, false], 100), [100, 0, 0, 0]);
    let two = taken([true, true, false, true], 90);
    assert_eq!((two[0], two[2]), (0, 0));
    assert!(7 * two[3] <= two[1] && 0 < two[3], "8:1, not {two:?}");
    assert_eq!(taken([true; 4], 1_000).iter().sum::<usize>(), 400 - 50 - 100 - 90);
}
