//! Which signatures are checked first.

use tokio::sync::mpsc;
use wire::{Claim, Class, Content, Hlc, Identity, Message, NetworkId, Record, RecordId, Signed};

use super::{CHECKS_AT_ONCE, Desk, Verifier};

fn check(number: u64) -> (RecordId, Claim) {
    let content = Content::Message(Message::new("t", "1"));
    let (network, created) = (NetworkId::default(), Hlc::from_ms(1));
    let record = Record { network, seq: number, created, expires_ms: 1, content };
    let signed = Signed::seal(&record, &Identity::from_seed([1; 32]));
    let opened = signed.open().unwrap();
    (opened.id, opened.claim())
}

/// CLASS-1.
#[test]
fn an_alert_is_checked_before_all_that_waits() {
    let desk = Desk::new();
    let (alert, claim) = check(10_000);
    desk.add(Class::Bulk, (0..100).map(check).collect());
    desk.add(Class::Normal, (100..200).map(check).collect());
    desk.add(Class::Alert, vec![(alert, claim)]);
    let first = desk.next().unwrap();
    assert_eq!((first[0].0, first.len()), (alert, CHECKS_AT_ONCE));
    let mut left = 201 - first.len();
    while 0 < left {
        left -= desk.next().unwrap().len();
    }
}

#[test]
fn a_flood_of_alerts_is_no_more_than_half_of_the_work() {
    let desk = Desk::new();
    let normal: Vec<_> = (0..500).map(check).collect();
    let ids: Vec<RecordId> = normal.iter().map(|(id, _)| *id).collect();
    desk.add(Class::Normal, normal);
    desk.add(Class::Alert, (1_000..3_000).map(check).collect());
    let mut order = Vec::new();
    while order.len() < 1_600 {
        order.extend(desk.next().unwrap().into_iter().map(|(id, _)| ids.contains(&id)));
    }
    let others = order.iter().filter(|normal| **normal).count();
    assert!(400 < others, "{others} of 500 were checked among 1,600");
}

#[test]
fn every_verdict_comes_once_and_the_thread_ends_with_its_handle() {
    let (sender, mut verified) = mpsc::channel(1_000);
    let verifier = Verifier::start(NetworkId::default(), sender).unwrap();
    let (mut checks, mut expected) = (Vec::new(), Vec::new());
    for number in 0..60 {
        let (id, mut claim) = check(number);
        claim.signature[0] ^= u8::from(number % 3 == 0);
        expected.push((id, number % 3 != 0));
        checks.push((id, claim));
    }
    for (class, part) in Class::ALL.into_iter().zip(checks.chunks(15)) {
        verifier.check(class, part.to_vec());
    }
    let mut verdicts = Vec::new();
    while verdicts.len() < 60 {
        verdicts.extend(verified.blocking_recv().unwrap());
    }
    verdicts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(verdicts, expected);
    drop(verifier);
    assert_eq!(verified.blocking_recv(), None);
}
