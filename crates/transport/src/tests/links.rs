//! Links: frames both ways, in order, and how links end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lanes::{Bounds, PART_BYTES_MAX};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;
use wire::limits::FRAME_BYTES_MAX;
use wire::{Class, Identity, Medium};

#[cfg(target_os = "linux")]
use super::world::node_from;
use super::world::{PATIENCE, Way, linked, node, over_every_way};
use crate::{ClassCount, Inbound, Limits, Transport, TransportError};

/// A frame of several parts.
fn large() -> Bytes {
    vec![0; 64 * 1024].into()
}

over_every_way! {
    a_closed_port_is_named_as_such,
    a_full_queue_is_reported_and_recovers,
    a_node_that_stops_closes_its_links_and_frees_its_port,
    a_peer_that_does_not_read_delays_closing_only_for_a_while,
    a_taken_port_is_an_error_that_names_it,
    a_tarpit_delays_nobody,
    an_unknown_name_is_named_as_such,
    both_ends_know_who_is_there,
    closing_delivers_what_is_queued_and_the_farewell,
    dropping_the_handle_ends_everything,
    frames_of_every_size_arrive_in_order_both_ways,
    stopping_waits_no_longer_than_it_has_patience,
    too_many_dials_fail_at_once,
}

const STOP: Duration = Duration::from_secs(10);

async fn both_ends_know_who_is_there(way: Way) {
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
    let (ours, theirs) = linked(&mut left, &mut right).await;
    assert_eq!(ours.peer, Identity::from_seed([2; 32]).id());
    assert_eq!(theirs.peer, Identity::from_seed([1; 32]).id());
    assert_eq!((ours.outbound, &ours.dialled), (true, &Some(right.address())));
    assert_eq!((theirs.outbound, &theirs.dialled), (false, &None));
    for linked in [&ours, &theirs] {
        assert!(linked.remote_ip.is_loopback() && linked.local_ip.is_loopback(), "{linked:?}");
        assert_eq!(linked.medium, way.medium());
    }
    for node in [&left, &right] {
        let traffic = node.transport.traffic();
        assert_eq!((traffic.handshakes.completed, traffic.links_open), (1, 1));
    }
}

async fn frames_of_every_size_arrive_in_order_both_ways(way: Way) {
    // LIBP2P-2
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
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

async fn a_tarpit_delays_nobody(way: Way) {
    let tarpit = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { handshake_ms: 1_500, ..Limits::default() };
    let mut left = way.node_with(1, 0, limits).await;
    let mut right = way.node(2).await;
    let tarpit = way.address(tarpit.local_addr().unwrap());
    left.transport.dial(tarpit.clone());
    left.transport.dial(right.address());
    left.linked().await;
    right.linked().await;
    let Inbound::DialFailed { address, why } = left.next().await else { panic!() };
    assert_eq!(address, tarpit);
    assert!(why.contains("no answer within 1500 ms"), "{why}");
}

async fn too_many_dials_fail_at_once(way: Way) {
    let tarpit = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { dials_max: 0, ..Limits::default() };
    let mut node = way.node_with(1, 0, limits).await;
    let why = node.fails_to_dial(way.address(tarpit.local_addr().unwrap())).await;
    assert_eq!(why, "too many dials are under way");
}

async fn a_closed_port_is_named_as_such(way: Way) {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = way.address(free.local_addr().unwrap());
    drop(free);
    let limits = Limits { handshake_ms: 1_500, ..Limits::default() };
    let why = way.node_with(1, 0, limits).await.fails_to_dial(nobody.clone()).await;
    match way.medium() {
        Medium::Http | Medium::Tcp => {
            assert_eq!(why, format!("connection refused: is a node running at {nobody}?"));
        }
        // Nothing comes back over UDP.
        Medium::Quic | Medium::Relay => assert_eq!(why, "no answer within 1500 ms"),
    }
}

async fn an_unknown_name_is_named_as_such(way: Way) {
    let nobody = match way.medium() {
        Medium::Http => "http://nobody.invalid:1",
        Medium::Quic | Medium::Relay => "/dns/nobody.invalid/udp/1/quic-v1",
        Medium::Tcp => "/dns4/nobody.invalid/tcp/1",
    };
    let why = way.node(1).await.fails_to_dial(nobody.parse().unwrap()).await;
    assert!(why.contains("no address for the name nobody.invalid") || why.contains("no answer"));
}

async fn a_full_queue_is_reported_and_recovers(way: Way) {
    let bounds = Bounds { frames_max: 50, bytes_max: 1024 * 1024 };
    let limits = Limits { queues: [bounds; 4], ..Limits::default() };
    let mut left = way.node_with(1, 0, limits).await;
    let mut right = way.node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
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

async fn closing_delivers_what_is_queued_and_the_farewell(way: Way) {
    // LIBP2P-5
    for (closer, other) in [(1, 2), (2, 1)] {
        let (mut dialler, mut dialled) = (way.node(1).await, way.node(2).await);
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

async fn a_peer_that_does_not_read_delays_closing_only_for_a_while(way: Way) {
    let limits = Limits { farewell_ms: 200, ..Limits::default() };
    let mut left = way.node_with(1, 0, limits).await;
    let mut right = way.node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    for _ in 0..120 {
        left.transport.send(ours.link, Class::Normal, &large());
    }
    left.transport.close(ours.link, None);
    assert_eq!(left.closed(ours.link).await, "closed by this node");
}

async fn a_node_that_stops_closes_its_links_and_frees_its_port(way: Way) {
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
    let (ours, theirs) = linked(&mut left, &mut right).await;
    let addr = right.addr();
    timeout(PATIENCE, right.transport.stop(STOP)).await.unwrap();
    assert_eq!(right.closed(theirs.link).await, "closed by this node");
    assert_eq!(left.closed(ours.link).await, "closed by the peer");
    match way.medium() {
        Medium::Http | Medium::Tcp => drop(TcpListener::bind(addr).await.unwrap()),
        Medium::Quic | Medium::Relay => {
            // Its last packets leave after its links have ended.
            let begun = Instant::now();
            while UdpSocket::bind(addr).await.is_err() {
                assert!(begun.elapsed() < PATIENCE, "the port is not free");
                tokio::task::yield_now().await;
            }
        }
    }
    // The place is free for another one.
    assert!(way.node_at(3, addr).await.is_some());
}

async fn stopping_waits_no_longer_than_it_has_patience(way: Way) {
    let limits = Limits { inbox_max: 1, farewell_ms: 60_000, ..Limits::default() };
    let mut left = way.node_with(1, 0, limits).await;
    let mut right = way.node(2).await;
    linked(&mut left, &mut right).await;
    // Nobody reads the inbox, so the links cannot even report that they are closed.
    right.transport.dial(left.address());
    right.linked().await;
    timeout(PATIENCE, left.transport.stop(Duration::from_millis(100))).await.unwrap();
}

async fn dropping_the_handle_ends_everything(way: Way) {
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
    let (ours, _) = linked(&mut left, &mut right).await;
    drop(right);
    left.closed(ours.link).await;
}

async fn a_taken_port_is_an_error_that_names_it(way: Way) {
    let node = way.node(1).await;
    let mut config = way.config(2, 0, Limits::default());
    match &mut config.libp2p {
        Some(libp2p) => libp2p.listen = node.transport.listeners().to_vec(),
        None => config.listen = Some(node.addr()),
    }
    let TransportError::PortTaken { addr, medium } = Transport::start(config).await.unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!((addr, medium), (node.addr(), way.medium()));
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
