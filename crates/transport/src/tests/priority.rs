//! Alerts on a link whose peer reads slowly. Real sockets on loopback.

use std::time::Duration;

use bytes::Bytes;
use lanes::Bounds;
use tokio::time::timeout;
use wire::Class;

use super::world::{Node, PATIENCE, linked, node, node_with};
use crate::{Inbound, Limits, LinkNumber, Sent};

/// A link to a node that reads only what is taken out of its inbox.
async fn slow_link() -> (Node, Node, LinkNumber) {
    let roomy = Bounds { frames_max: 100_000, bytes_max: 16 * 1024 * 1024 };
    let mut left = node_with(1, 0, Limits { queues: [roomy; 4], ..Limits::default() }).await;
    let limits = Limits { inbox_max: 1, ..Limits::default() };
    let mut right = node_with(2, 0, limits).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    (left, right, ours.link)
}

fn waiting_bytes(node: &Node, class: Class) -> u64 {
    node.transport.traffic().classes[class.index()].waiting_bytes
}

/// Sends frames until several megabytes of them wait here, beside what the system took; returns
/// how many.
fn saturate(node: &Node, link: LinkNumber, class: Class, size: usize) -> u64 {
    let (frame, mut count) = (Bytes::from(vec![0; size]), 0);
    while waiting_bytes(node, class) < 4 * 1024 * 1024 {
        assert_eq!(node.transport.send(link, class, &frame), Sent::Queued);
        count += 1;
    }
    count
}

/// Waits until the system has taken what it takes and no more.
async fn stuck(node: &Node) {
    let (mut before, mut same) = (0, 0);
    while before < SYSTEM_BYTES_MIN || same < 2_000 {
        tokio::task::yield_now().await;
        let sent = node.transport.traffic().link.sent;
        same = if sent == before { same + 1 } else { 0 };
        before = sent;
    }
}

/// CLASS-1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_waits_behind_at_most_one_batch_of_ours() {
    for size in [200, 16_000, 64 * 1024, 300_000] {
        let (left, mut right, link) = slow_link().await;
        // Some systems take a lot.
        while waiting_bytes(&left, Class::Bulk) < 1024 * 1024 {
            saturate(&left, link, Class::Bulk, size);
            timeout(PATIENCE, stuck(&left)).await.expect("the system takes more and more");
        }
        assert_eq!(
            left.transport.send(link, Class::Alert, &Bytes::from_static(b"!")),
            Sent::Queued
        );
        // What the system has taken by now is out of our hands.
        let taken = left.transport.traffic().link.sent;
        let mut bulk_bytes = 0;
        loop {
            match right.next().await {
                Inbound::Frame { class: Class::Alert, bytes, .. } => {
                    assert_eq!(bytes, "!");
                    break;
                }
                Inbound::Frame { bytes, .. } => bulk_bytes += bytes.len() as u64,
                other => panic!("not a frame but {other:?}"),
            }
        }
        assert!(
            bulk_bytes <= taken + 16 * 1024,
            "{bulk_bytes} bytes came before, {taken} were out"
        );
        assert!(0 < waiting_bytes(&left, Class::Bulk), "the link was never busy");
    }
}

/// CLASS-1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_classes_share_a_busy_link_and_lose_nothing() {
    let (left, mut right, link) = slow_link().await;
    let sizes = [600, 900, 700, 2_000];
    let mut queued = [0; 4];
    for (class, size) in Class::ALL.into_iter().zip(sizes) {
        queued[class.index()] = saturate(&left, link, class, size);
    }
    let mut arrived = [0_u64; 4];
    for _ in 0..5_000 {
        let Inbound::Frame { class, bytes, .. } = right.next().await else { panic!() };
        assert_eq!(bytes.len(), sizes[class.index()]);
        arrived[class.index()] += 1;
    }
    let bytes: Vec<usize> = sizes
        .iter()
        .zip(arrived)
        .map(|(size, count)| size * usize::try_from(count).unwrap())
        .collect();
    assert!(arrived.iter().all(|count| 0 < *count), "{arrived:?}");
    assert!(bytes[3] < bytes[2] && bytes[2] < bytes[1], "8:4:1, not {bytes:?}");
    let others: usize = bytes[1..].iter().sum();
    let megabyte = 1024 * 1024;
    assert!(bytes[0] <= others + megabyte, "half of the link for alerts, not {bytes:?}");
    while arrived.iter().sum::<u64>() < queued.iter().sum() {
        let Inbound::Frame { class, .. } = right.next().await else { panic!() };
        arrived[class.index()] += 1;
    }
    assert_eq!(arrived, queued);
}

#[tokio::test]
async fn a_full_class_is_reported_by_name_and_the_others_are_not_touched() {
    let bounds = Bounds { frames_max: 50, bytes_max: 1024 * 1024 };
    let limits = Limits { queues: [bounds; 4], ..Limits::default() };
    let mut left = node_with(1, 0, limits).await;
    let mut right = node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    let large = Bytes::from(vec![0; 64 * 1024]);
    let (mut refused, mut reported) = (0, 0);
    while reported == 0 {
        for _ in 0..64 {
            refused += u64::from(left.transport.send(ours.link, Class::Bulk, &large) == Sent::Full);
        }
        match timeout(Duration::from_millis(1), left.inbox.recv()).await {
            Ok(Some(Inbound::Congested { link, class, frames })) => {
                assert_eq!((link, class), (ours.link, Class::Bulk));
                reported += frames;
            }
            Ok(other) => panic!("not congested but {other:?}"),
            Err(_) => {}
        }
    }
    assert_eq!(left.transport.send(ours.link, Class::Control, &large), Sent::Queued);
    while reported < refused {
        let Inbound::Congested { class: Class::Bulk, frames, .. } = left.next().await else {
            panic!("not congested")
        };
        reported += frames;
    }
    let classes = left.transport.traffic().classes;
    assert_eq!(classes.map(|class| class.dropped), [0, 0, 0, refused]);
    assert!(0 < left.transport.backlog_bytes());
    left.transport.close(ours.link, None);
    assert_eq!(left.transport.send(ours.link, Class::Alert, &large), Sent::Gone);
}

#[tokio::test]
async fn who_wants_to_know_is_told_when_all_of_a_class_has_left() {
    let mut left = node(1).await;
    let mut right = node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, theirs) = linked(&mut left, &mut right).await;
    let large = Bytes::from(vec![0; 64 * 1024]);
    // Nothing waits: at once.
    left.transport.tell_left(ours.link, Class::Bulk);
    let Inbound::Left { link, class: Class::Bulk } = left.next().await else { panic!() };
    assert_eq!(link, ours.link);
    // The other side does not read: it cannot leave.
    while left.transport.send(ours.link, Class::Bulk, &large) == Sent::Queued {}
    left.transport.tell_left(ours.link, Class::Bulk);
    let Inbound::Congested { .. } = left.next().await else { panic!() };
    assert!(timeout(Duration::from_millis(100), left.next()).await.is_err());
    let mut frames = 0;
    loop {
        tokio::select! {
            inbound = left.next() => match inbound {
                Inbound::Left { link, class: Class::Bulk } if link == ours.link => break,
                other => panic!("{other:?}"),
            },
            inbound = right.next() => match inbound {
                Inbound::Frame { link, .. } if link == theirs.link => frames += 1,
                other => panic!("{other:?}"),
            },
        }
    }
    assert!(0 < frames);
}

#[tokio::test]
async fn a_link_that_is_closed_sends_no_bulk_any_more() {
    // CLASS-2
    let mut left = node(1).await;
    let mut right = node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    let large = Bytes::from(vec![0; 64 * 1024]);
    let mut queued = 0;
    while left.transport.send(ours.link, Class::Bulk, &large) == Sent::Queued {
        queued += 1;
    }
    let last = Bytes::from_static(b"last");
    assert_eq!(left.transport.send(ours.link, Class::Control, &last), Sent::Queued);
    left.transport.close(ours.link, Some(Bytes::from_static(b"goodbye")));
    let mut arrived = [0; 4];
    loop {
        match right.next().await {
            Inbound::Frame { class, .. } => arrived[class.index()] += 1,
            Inbound::Closed { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(arrived[Class::Bulk.index()] < queued, "{arrived:?} of {queued}");
    assert_eq!(arrived[Class::Control.index()], 2, "the goodbye and what was not bulk");
}

/// Less than what the buffers of both ends take on any system.
const SYSTEM_BYTES_MIN: u64 = 16 * 1024;
