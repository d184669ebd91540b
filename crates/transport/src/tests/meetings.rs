//! Who may link over libp2p and over HTTP alike, what both sides are told, and how nodes meet.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use wire::{Address, Class, Identity, Medium};

use super::world::{Node, PATIENCE, Way, linked, over_every_way};
use crate::{Inbound, Limits, Sent};

over_every_way! {
    a_class_that_nobody_reads_holds_up_no_alert,
    a_node_that_comes_back_is_linked_again,
    another_network_is_refused_on_both_sides,
    garbage_on_the_port_harms_nobody,
    nobody_links_to_itself,
    two_nodes_that_dial_each_other_at_once_have_two_links,
    who_wants_to_know_is_told_when_all_of_a_class_has_left,
}

async fn another_network_is_refused_on_both_sides(way: Way) {
    let mut left = way.node_with(1, 0xaa, Limits::default()).await;
    let right = way.node_with(2, 0xbb, Limits::default()).await;
    let why = left.fails_to_dial(right.address()).await;
    assert_eq!(why, "wrong network: ours aaaaaaaa.., yours bbbbbbbb..");
    right.transport.stop(PATIENCE).await;
    assert_eq!(left.transport.traffic().handshakes.wrong_network, 1);
    assert_eq!(right.transport.traffic().handshakes.wrong_network, 1);
}

async fn nobody_links_to_itself(way: Way) {
    // LIBP2P-4
    let mut left = way.node(1).await;
    let twin = way.node(1).await;
    let own = left.address();
    assert_eq!(left.fails_to_dial(own).await, "that is this node itself");
    assert_eq!(left.fails_to_dial(twin.address()).await, "that is this node itself");
}

async fn two_nodes_that_dial_each_other_at_once_have_two_links(way: Way) {
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
    left.transport.dial(right.address());
    right.transport.dial(left.address());
    for node in [&mut left, &mut right] {
        let (one, other) = (node.linked().await, node.linked().await);
        assert_ne!(one.link, other.link);
        assert_eq!(one.peer, other.peer);
        assert_ne!(one.outbound, other.outbound);
        for link in [one.link, other.link] {
            let sent = node.transport.send(link, Class::Normal, &Bytes::from_static(b"here"));
            assert_eq!(sent, Sent::Queued);
        }
    }
    for node in [&mut left, &mut right] {
        assert_eq!((node.frame().await, node.frame().await), ("here".into(), "here".into()));
        assert_eq!(node.transport.traffic().links_open, 2);
    }
}

async fn a_node_that_comes_back_is_linked_again(way: Way) {
    let (mut left, mut right) = (way.node(1).await, way.node(2).await);
    let (ours, _) = linked(&mut left, &mut right).await;
    let addr = right.addr();
    right.transport.stop(PATIENCE).await;
    drop(right);
    assert_eq!(left.closed(ours.link).await, "closed by the peer");
    let begun = Instant::now();
    let mut again = loop {
        if let Some(node) = way.node_at(2, addr).await {
            break node;
        }
        assert!(begun.elapsed() < PATIENCE, "the port is not free");
        tokio::task::yield_now().await;
    };
    let (renewed, _) = linked(&mut left, &mut again).await;
    assert_eq!(renewed.peer, ours.peer);
    assert_ne!(renewed.link, ours.link);
}

async fn garbage_on_the_port_harms_nobody(way: Way) {
    let limits = Limits { header_ms: 300, idle_ms: 300, handshake_ms: 1_000, ..Limits::default() };
    let mut node = way.node_with(1, 0, limits).await;
    let http = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
    for garbage in [vec![0; 2_000], vec![0xff; 2_000], http, b"\x13/multistream/1.0.0\n".to_vec()] {
        match way.medium() {
            Medium::Quic | Medium::Relay => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                for size in [1, 20, 1_200] {
                    let size = size.min(garbage.len());
                    socket.send_to(&garbage[..size], node.addr()).await.unwrap();
                }
            }
            Medium::Http | Medium::Tcp => {
                let mut stream = TcpStream::connect(node.addr()).await.unwrap();
                // The other end may close before all of it is written.
                let _cut = stream.write_all(&garbage).await;
                let mut bytes = Vec::new();
                let ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
                let _reset = ended.expect("garbage is listened to for ever");
            }
        }
    }
    let mut honest = way.node(2).await;
    linked(&mut honest, &mut node).await;
}

/// CLASS-1: where each class has a stream, what nobody reads stops only itself; on one stream an
/// alert waits for what is before it, and no longer.
async fn a_class_that_nobody_reads_holds_up_no_alert(way: Way) {
    let mut left = way.node(1).await;
    let mut right = way.node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    let large = Bytes::from(vec![0; 64 * 1024]);
    let mut bulk = 0_u64;
    while left.transport.send(ours.link, Class::Bulk, &large) == Sent::Queued {
        bulk += 1;
    }
    let alert = Bytes::from_static(b"!");
    assert_eq!(left.transport.send(ours.link, Class::Alert, &alert), Sent::Queued);
    let mut before = 0;
    loop {
        match right.next().await {
            Inbound::Frame { class: Class::Alert, bytes, .. } => {
                assert_eq!(bytes, alert);
                break;
            }
            Inbound::Frame { .. } => before += 1,
            other => panic!("not a frame but {other:?}"),
        }
    }
    assert!(before < bulk, "it came after all {bulk}");
    // And nothing is lost.
    for _ in before..bulk {
        assert_eq!(right.frame().await, large);
    }
}

async fn who_wants_to_know_is_told_when_all_of_a_class_has_left(way: Way) {
    let mut left = way.node(1).await;
    let mut right = way.node_with(2, 0, Limits { inbox_max: 1, ..Limits::default() }).await;
    let (ours, _) = linked(&mut left, &mut right).await;
    left.transport.tell_left(ours.link, Class::Bulk);
    let Inbound::Left { class: Class::Bulk, .. } = left.next().await else { panic!() };
    let large = Bytes::from(vec![0; 64 * 1024]);
    let mut queued = 0;
    while left.transport.send(ours.link, Class::Bulk, &large) == Sent::Queued {
        queued += 1;
    }
    left.transport.tell_left(ours.link, Class::Bulk);
    let Inbound::Congested { .. } = left.next().await else { panic!() };
    assert!(timeout(Duration::from_millis(100), left.next()).await.is_err());
    for _ in 0..queued {
        assert_eq!(right.frame().await.len(), large.len());
    }
    let Inbound::Left { link, class: Class::Bulk } = left.next().await else { panic!() };
    assert_eq!(link, ours.link);
}

/// Dials `node` as if somebody else were expected there.
async fn expecting(node: &Node, expected: u8) -> (Node, Address) {
    let Address::Libp2p(mut pinned) = node.address() else { panic!("no multiaddr") };
    pinned.node = Some(Identity::from_seed([expected; 32]).id());
    (Way::Quic.node(9).await, Address::Libp2p(pinned))
}

#[tokio::test]
async fn a_pinned_key_has_to_be_the_one_that_answers() {
    // LIBP2P-4
    for way in [Way::Quic, Way::Noise] {
        let mut right = way.node(2).await;
        let (mut left, wrong) = expecting(&right, 3).await;
        let why = left.fails_to_dial(wrong).await;
        let there = Identity::from_seed([2; 32]).id();
        assert_eq!(why, format!("another node answers there: {there}"));
        assert_eq!(left.transport.traffic().handshakes.forged, 1);
        let (mut left, good) = expecting(&right, 2).await;
        left.transport.dial(good);
        left.linked().await;
        right.linked().await;
    }
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let limits = Limits { connections_max: 8, ..Limits::default() };
    let mut full = Way::Noise.node_with(1, 0, limits).await;
    let silent = join_all((0..100).map(|_| TcpStream::connect(full.addr()))).await;
    let mut honest = Way::Noise.node(2).await;
    linked(&mut honest, &mut full).await;
    assert!(full.transport.traffic().connections_open <= 8);
    drop(silent);
}

#[tokio::test]
async fn a_node_that_knows_one_security_meets_one_that_knows_both() {
    for way in [Way::Noise, Way::Tls] {
        let (mut picky, mut open) = (way.node(1).await, Way::Quic.node(2).await);
        linked(&mut open, &mut picky).await;
    }
    let mut noise = Way::Noise.node(1).await;
    let tls = Way::Tls.node(2).await;
    let why = noise.fails_to_dial(tls.address()).await;
    assert!(why.contains("cannot connect"), "{why}");
}

#[tokio::test]
async fn a_node_without_libp2p_says_so() {
    let mut plain = Way::Http.node(1).await;
    let quic = Way::Quic.node(2).await;
    let why = plain.fails_to_dial(quic.address()).await;
    assert_eq!(why, "libp2p is switched off at this node");
}
