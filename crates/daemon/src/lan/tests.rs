//! What is said on a LAN, what is believed of it, and what somebody who floods it can fill.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;
use wire::{Address, Digest, limits};

use super::ether::share;
use super::neighbours::{KNOWN_MAX, Neighbours, TRIES_MAX};
use super::notice::{Heard, Names};
use super::{Chance, Places};

fn names(network: u8, run: u8) -> Names {
    Names::new(Digest([network; 32]), [run; 8]).unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn told(names: &Names, bytes: &[u8]) -> Vec<Address> {
    match names.read(bytes) {
        Heard::Told(told) => told.addresses,
        Heard::Asked | Heard::Nothing => Vec::new(),
    }
}

#[test]
fn nodes_of_one_network_understand_each_other_and_nobody_else() {
    // MDNS-1
    let (one, two, other) = (names(1, 1), names(1, 2), names(2, 3));
    let question = one.question().unwrap();
    assert_eq!(two.read(&question), Heard::Asked);
    assert_eq!(other.read(&question), Heard::Nothing);
    let places = ["http://10.0.0.7:8880", "/ip4/10.0.0.7/udp/8888/quic-v1"].map(address);
    let notice = one.notice(&places, 120).unwrap();
    assert_eq!(told(&two, &notice), places.to_vec());
    assert_eq!(other.read(&notice), Heard::Nothing);
    assert_eq!(one.read(&notice), Heard::Nothing, "our own words come back to us");
    assert_eq!(two.read(&one.notice(&places, 0).unwrap()), Heard::Nothing, "it has left");
    assert!(one.notice(&[], 120).is_none());
    // Neither the node nor its human is named.
    let text = String::from_utf8_lossy(&notice);
    assert!(!text.contains("12D3Koo") && !text.contains("p2p"));
}

#[test]
fn garbage_on_the_port_is_nothing() {
    let names = names(1, 1);
    let notice = names.notice(&[address("http://10.0.0.7:8880")], 120).unwrap();
    let seed = 0x5eed;
    let mut chance = Chance(seed);
    for _ in 0..20_000 {
        let mut bytes = notice.clone();
        bytes.truncate(usize::try_from(chance.below(notice.len() as u64 + 1)).unwrap());
        for _ in 0..chance.below(6) {
            let at = usize::try_from(chance.below(bytes.len().max(1) as u64)).unwrap();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = u8::try_from(chance.below(256)).unwrap();
            }
        }
        match names.read(&bytes) {
            Heard::Told(told) => {
                assert!(told.addresses.len() <= limits::ADDRESSES_MAX, "seed {seed}")
            }
            Heard::Asked | Heard::Nothing => {}
        }
    }
}

#[test]
fn a_message_speaks_only_for_its_sender() {
    // MDNS-3
    let (now, mut neighbours) = (Instant::now(), Neighbours::default());
    let all = [
        "http://10.0.0.7:8880",
        "/ip4/10.0.0.8/udp/8888/quic-v1",
        "http://victim.example:80",
        "/ip6/2001:db8::7/tcp/8888",
    ]
    .map(address);
    let found = neighbours.told(all.to_vec(), ip("10.0.0.7"), |_| true, now);
    assert_eq!(found, [address("http://10.0.0.7:8880")]);
    assert_eq!(neighbours.ignored, 3);
    // Over IPv6 the sender shows only where it is on the link.
    let beside = |it| share(ip("fd00::1"), it, 64);
    let all = ["/ip6/fd00::7/tcp/8888", "/ip6/2001:db8::7/tcp/8888"].map(address);
    let found = neighbours.told(all.to_vec(), ip("fe80::7"), beside, now);
    assert_eq!(found, [address("/ip6/fd00::7/tcp/8888")]);
}

#[test]
fn a_lan_that_makes_up_thousands_of_nodes_fills_nothing() {
    // MDNS-3
    let (start, mut neighbours) = (Instant::now(), Neighbours::default());
    let mut tried = 0;
    for at in 0..20_000_u32 {
        let sender = format!("10.0.{}.{}", at / 250 % 250, at % 250);
        let now = start + Duration::from_millis(u64::from(at / 10));
        let all =
            (0..8).map(|port| address(&format!("http://{sender}:{}", 1 + port + at % 60_000)));
        tried += neighbours.told(all.collect(), ip(&sender), |_| true, now).len();
    }
    assert_eq!(tried, TRIES_MAX, "two seconds of flood");
    assert!(neighbours.len() <= KNOWN_MAX);
    let later = start + Duration::from_secs(7);
    let honest = vec![address("http://10.9.9.9:8880")];
    assert_eq!(neighbours.told(honest, ip("10.9.9.9"), |_| true, later).len(), 1);
}

#[test]
fn an_address_is_tried_again_only_after_a_while() {
    let (start, mut neighbours) = (Instant::now(), Neighbours::default());
    let mut told = |after_s| {
        let all = vec![address("http://10.0.0.7:8880")];
        neighbours.told(all, ip("10.0.0.7"), |_| true, start + Duration::from_secs(after_s)).len()
    };
    assert_eq!([told(0), told(1), told(19), told(20)], [1, 0, 0, 1]);
}

#[test]
fn what_is_told_is_where_the_node_listens() {
    // MDNS-2
    let listeners = |all: &[&str]| -> Vec<wire::Multiaddr> {
        all.iter().map(|it| it.parse().unwrap()).collect()
    };
    let everywhere = listeners(&["/ip4/0.0.0.0/udp/8888/quic-v1", "/ip6/::/tcp/8888"]);
    let door = address("http://0.0.0.0:8880");
    let places = Places::of(&everywhere, Some(&door)).unwrap();
    let seen = places.seen_at(ip("10.0.0.7"));
    assert_eq!(seen, ["/ip4/10.0.0.7/udp/8888/quic-v1", "http://10.0.0.7:8880"].map(address));
    assert_eq!(places.seen_at(ip("fd00::7")), ["/ip6/fd00::7/tcp/8888"].map(address));
    // A node with nothing but a door is found as well.
    let places = Places::of(&[], Some(&door)).unwrap();
    assert_eq!(places.seen_at(ip("10.0.0.7")), ["http://10.0.0.7:8880"].map(address));
    // One that nobody can dial asks, and tells nothing.
    assert!(Places::of(&[], None).unwrap().seen_at(ip("10.0.0.7")).is_empty());
    // One that keeps to its machine does neither.
    let local = listeners(&["/ip4/127.0.0.1/udp/8888/quic-v1"]);
    assert!(Places::of(&local, Some(&address("http://127.0.0.1:8880"))).is_none());
}

#[test]
fn networks_are_told_apart_by_their_prefixes() {
    assert!(share(ip("10.0.0.1"), ip("10.0.0.200"), 24));
    assert!(!share(ip("10.0.0.1"), ip("10.0.1.1"), 24));
    assert!(share(ip("10.0.0.1"), ip("10.0.0.1"), 32));
    assert!(share(ip("10.0.0.1"), ip("192.0.2.1"), 0));
    assert!(!share(ip("fd00::1"), ip("fd00:0:0:1::1"), 64));
    assert!(!share(ip("10.0.0.1"), ip("::1"), 0));
}
