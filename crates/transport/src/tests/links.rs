//! Links: frames both ways, in order, and how links end.

use std::time::Duration;

use bytes::Bytes;
use lanes::{Bounds, PART_BYTES_MAX};
use tokio::net::TcpListener;
use tokio::time::timeout;
use wire::limits::FRAME_BYTES_MAX;
use wire::{Class, Identity};

#[cfg(target_os = "linux")]
use super::world::node_from;
use super::world::{PATIENCE, address, linked, node, node_with};
use crate::{ClassCount, Config, Inbound, Limits, Transport, TransportError};

/// A frame of several parts.
fn large() -> Bytes {
    vec![0; 64 * 1024].into()
}

const STOP: Duration = Duration::from_secs(10);

#[tokio::test]
async fn both_ends_know_who_is_there() {
    let (mut left, mut right) = (node(1).await, node(2).await);
    let (ours, theirs) = linked(&mut left, &mut right).await;
    assert_eq!(ours.peer, Identity::from_seed([2; 32]).id());
    assert_eq!(theirs.peer, Identity::from_seed([1; 32]).id());
    assert_eq!((ours.outbound, ours.dialled), (true, Some(right.address())));
    assert_eq!((theirs.outbound, theirs.dialled), (false, None));
    assert!(ours.remote_ip.is_loopback() && theirs.local_ip.is_loopback());
    for node in [&left, &right] {
        let traffic = node.transport.traffic();
        assert_eq!((traffic.handshakes.completed, traffic.links_open), (1, 1));
    }
}

#[tokio::test]
async fn frames_of_every_size_arrive_in_order_both_ways() {
    let (mut left, mut right) = (node(1).await, node(2).await);
    let (ours, theirs) = linked(&mut left, &mut right).await;
    // LINK-3
    let sizes = [0, 1, PART_BYTES_MAX, PART_BYTES_MAX + 1, 65_520, FRAME_BYTES_MAX];
    let frames: Vec<Bytes> =
        (0..10_u8).flat_map(|round| sizes.map(|size| Bytes::from(vec![round; size]))).collect();
    for frame in &frames {
        left.transport.send(ours.link, Class::Normal, frame);
        right.transport.send(theirs.link, Class::Normal, frame);
    }
    for frame in &frames {
        assert!(left.frame().await == frame);
        assert!(right.frame().await == frame);
    }
    let total: usize = frames.iter().map(Bytes::len).sum();
    let traffic = left.transport.traffic();
    assert!(total as u64 <= traffic.link.received && traffic.link.received < 2 * total as u64);
    let normal = traffic.classes[Class::Normal.index()];
    assert_eq!((normal.frames_in, normal.frames_out), (60, 60));
    assert_eq!((normal.bytes_in, normal.bytes_out), (total as u64, total as u64));
    assert_eq!(traffic.classes[Class::Bulk.index()], ClassCount::default());
}

#[tokio::test]
async fn a_tarpit_delays_nobody() {
    let tarpit = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { handshake_ms: 1_500, ..Limits::default() };
    let mut left = node_with(1, 0, limits).await;
    let mut right = node(2).await;
    let tarpit = address(tarpit.local_addr().unwrap());
    left.transport.dial(tarpit.clone());
    left.transport.dial(right.address());
    left.linked().await;
    right.linked().await;
    let Inbound::DialFailed { address, why } = left.next().await else { panic!() };
    assert_eq!(address, tarpit);
    assert_eq!(why, "accepted the connection, but gave no answer within 1500 ms");
}

#[tokio::test]
async fn too_many_dials_fail_at_once() {
    let tarpit = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { dials_max: 0, ..Limits::default() };
    let mut node = node_with(1, 0, limits).await;
    let why = node.fails_to_dial(address(tarpit.local_addr().unwrap())).await;
    assert_eq!(why, "too many dials are under way");
}

#[tokio::test]
async fn a_closed_port_is_named_as_such() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = address(free.local_addr().unwrap());
    drop(free);
    let why = node(1).await.fails_to_dial(nobody.clone()).await;
    assert_eq!(why, format!("connection refused: is a node running at {nobody}?"));
}

#[tokio::test]
async fn an_unknown_name_is_named_as_such() {
    let why = node(1).await.fails_to_dial("http://nobody.invalid:1".parse().unwrap()).await;
    assert!(why.contains("no address for the name nobody.invalid") || why.contains("no answer"));
}

#[tokio::test]
async fn a_full_queue_is_reported_and_recovers() {
    let bounds = Bounds { frames_max: 50, bytes_max: 1024 * 1024 };
    let limits = Limits { queues: [bounds; 4], ..Limits::default() };
    let mut left = node_with(1, 0, limits).await;
    let mut right = node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    let (mut sent, mut dropped, mut arrived) = (0_u64, 0, 0);
    while dropped == 0 {
        for _ in 0..64 {
            left.transport.send(ours.link, Class::Normal, &large());
            sent += 1;
        }
        match timeout(Duration::from_millis(1), left.inbox.recv()).await {
            Ok(Some(Inbound::Congested { link, frames, .. })) if link == ours.link => {
                dropped += frames
            }
            Ok(other) => panic!("not congested but {other:?}"),
            Err(_) => {}
        }
    }
    while arrived + dropped < sent {
        tokio::select! {
            inbound = left.next() => match inbound {
                Inbound::Congested { frames, .. } => dropped += frames,
                other => panic!("not congested but {other:?}"),
            },
            frame = right.frame() => {
                assert_eq!(frame.len(), 64 * 1024);
                arrived += 1;
            }
        }
    }
    left.transport.send(ours.link, Class::Normal, &Bytes::from_static(b"well again"));
    assert_eq!(right.frame().await, "well again");
}

#[tokio::test]
async fn closing_delivers_what_is_queued_and_the_farewell() {
    for (closer, other) in [(1, 2), (2, 1)] {
        let (mut dialler, mut dialled) = (node(1).await, node(2).await);
        let (ours, theirs) = linked(&mut dialler, &mut dialled).await;
        let mut ends = [(dialler, ours.link), (dialled, theirs.link)];
        if other < closer {
            ends.reverse();
        }
        let [(mut closer, ours), (mut other, theirs)] = ends;
        for number in 0..100_u8 {
            closer.transport.send(ours, Class::Normal, &Bytes::from(vec![number; 10_000]));
        }
        closer.transport.close(ours, Some(Bytes::from_static(b"farewell")));
        closer.transport.send(ours, Class::Normal, &Bytes::from_static(b"too late"));
        for number in 0..100_u8 {
            assert_eq!(other.frame().await[0], number);
        }
        assert_eq!(other.frame().await, "farewell");
        assert_eq!(other.closed(theirs).await, "closed by the peer");
        assert_eq!(closer.closed(ours).await, "closed by this node");
        assert_eq!(closer.transport.traffic().links_open, 0);
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_delays_closing_only_for_a_while() {
    let limits = Limits { farewell_ms: 200, ..Limits::default() };
    let mut left = node_with(1, 0, limits).await;
    let mut right = node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    for _ in 0..120 {
        left.transport.send(ours.link, Class::Normal, &large());
    }
    left.transport.close(ours.link, None);
    assert_eq!(left.closed(ours.link).await, "closed by this node");
}

#[tokio::test]
async fn a_node_that_stops_closes_its_links_and_frees_its_port() {
    let (mut left, mut right) = (node(1).await, node(2).await);
    let (ours, theirs) = linked(&mut left, &mut right).await;
    let addr = right.addr();
    timeout(PATIENCE, right.transport.stop(STOP)).await.unwrap();
    assert_eq!(right.closed(theirs.link).await, "closed by this node");
    assert_eq!(left.closed(ours.link).await, "closed by the peer");
    assert!(left.fails_to_dial(address(addr)).await.contains("connection refused"));
    TcpListener::bind(addr).await.unwrap();
}

#[tokio::test]
async fn stopping_waits_no_longer_than_it_has_patience() {
    let limits = Limits { inbox_max: 1, farewell_ms: 60_000, ..Limits::default() };
    let mut left = node_with(1, 0, limits).await;
    let mut right = node(2).await;
    linked(&mut left, &mut right).await;
    // Nobody reads the inbox, so the links cannot even report that they are closed.
    right.transport.dial(left.address());
    right.linked().await;
    timeout(PATIENCE, left.transport.stop(Duration::from_millis(100))).await.unwrap();
}

#[tokio::test]
async fn dropping_the_handle_ends_everything() {
    let (mut left, mut right) = (node(1).await, node(2).await);
    let (ours, _) = linked(&mut left, &mut right).await;
    drop(right);
    left.closed(ours.link).await;
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let node = node(1).await;
    let config = Config {
        listen: Some(node.addr()),
        dial_from: None,
        identity: Identity::from_seed([2; 32]),
        network: wire::NetworkId::default(),
        agent: String::new(),
        limits: Limits::default(),
    };
    let error = Transport::start(config).await.unwrap_err();
    assert!(matches!(error, TransportError::PortTaken { addr } if addr == node.addr()));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_dial_comes_from_the_address_it_is_told() {
    // All of 127.0.0.0/8 is this machine; 192.0.2.0/24 is nobody's.
    for (from, comes) in [("127.9.8.7", true), ("192.0.2.7", false)] {
        let ip: std::net::IpAddr = from.parse().unwrap();
        let mut left = node_from(1, Some(ip)).await;
        let mut right = node(2).await;
        if comes {
            let (_, theirs) = linked(&mut left, &mut right).await;
            assert_eq!(theirs.remote_ip, ip);
        } else {
            let why = left.fails_to_dial(right.address()).await;
            assert!(why.contains("192.0.2.7 cannot be dialled from"), "{why}");
        }
    }
}
