//! When a link is behind, and who asked what has left.

use wire::Class;

use crate::departures::{Asker, Departures};
use crate::{LinkId, Now};

const LINK: LinkId = LinkId(1);
const KIB: usize = 1_024;

fn at(mono_ms: u64) -> Now {
    Now { mono_ms, unix_ms: mono_ms }
}

#[test]
fn little_is_never_asked_about_and_much_once() {
    // CLASS-3
    let mut departures = Departures::default();
    for step in 0..31 {
        assert!(!departures.sent(LINK, Class::Normal, KIB, at(step)));
    }
    assert!(departures.sent(LINK, Class::Normal, KIB, at(40)), "32 KiB are enough");
    assert!(!departures.sent(LINK, Class::Normal, 40 * KIB, at(41)), "it was asked already");
    assert_eq!(departures.left(LINK, Class::Normal), Some(Asker::Records));
    assert!(departures.sent(LINK, Class::Normal, 1, at(50)), "what was sent meanwhile counts");
}

#[test]
fn a_link_is_behind_when_much_waits_or_little_for_long() {
    // CLASS-3
    let mut departures = Departures::default();
    departures.sent(LINK, Class::Normal, 32 * KIB, at(1_000));
    assert!(!departures.is_behind(LINK, Class::Normal, at(1_199)));
    assert!(departures.is_behind(LINK, Class::Normal, at(1_200)));
    assert!(!departures.is_behind(LINK, Class::Bulk, at(1_200)), "each class has its own queue");
    departures.left(LINK, Class::Normal);
    assert!(!departures.is_behind(LINK, Class::Normal, at(9_000)));
    departures.sent(LINK, Class::Normal, 32 * KIB, at(9_000));
    departures.sent(LINK, Class::Normal, 64 * KIB - 1, at(9_000));
    assert!(!departures.is_behind(LINK, Class::Normal, at(9_000)));
    departures.sent(LINK, Class::Normal, 1, at(9_000));
    assert!(departures.is_behind(LINK, Class::Normal, at(9_000)));
    departures.link_gone(LINK);
    assert!(!departures.is_behind(LINK, Class::Normal, at(99_000)));
    assert_eq!(departures.left(LINK, Class::Normal), None, "nobody waits for that any more");
}

#[test]
fn each_answer_finds_who_asked() {
    // CLASS-3, PIECE-3
    let mut departures = Departures::default();
    departures.piece_sent(LINK, Class::Bulk);
    assert!(departures.sent(LINK, Class::Bulk, 32 * KIB, at(0)));
    departures.piece_sent(LINK, Class::Bulk);
    let left: Vec<_> = (0..4).map(|_| departures.left(LINK, Class::Bulk)).collect();
    assert_eq!(left, [Some(Asker::Piece), Some(Asker::Records), Some(Asker::Piece), None]);
}

#[test]
fn a_slow_link_is_its_own_fault_and_many_are_ours() {
    // CLASS-3
    let mut departures = Departures::default();
    assert!(
        12 <= departures.width(Class::Normal, (12, 5), at(1_000)),
        "five of twelve are slow peers"
    );
    assert_eq!(departures.width(Class::Normal, (12, 6), at(1_000)), 6);
    assert_eq!(departures.width(Class::Normal, (12, 12), at(1_100)), 6, "not so soon again");
    assert_eq!(departures.width(Class::Normal, (12, 12), at(1_200)), 3);
    assert_eq!(departures.width(Class::Normal, (12, 12), at(1_400)), 1);
    assert_eq!(departures.width(Class::Normal, (12, 12), at(1_600)), 1, "one always goes on");
    assert_eq!(departures.width(Class::Normal, (12, 0), at(2_599)), 1);
    assert_eq!(departures.width(Class::Normal, (12, 0), at(2_600)), 2);
    assert_eq!(departures.width(Class::Normal, (12, 0), at(2_700)), 2);
    assert_eq!(departures.width(Class::Normal, (12, 0), at(3_600)), 4);
    assert_eq!(
        departures.width(Class::Normal, (0, 0), at(3_700)),
        4,
        "a record without links says nothing"
    );
    assert!(12 <= departures.width(Class::Bulk, (12, 0), at(3_700)), "each class for itself");
}
