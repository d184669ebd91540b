//! Who gets in when the door is full.

use std::net::IpAddr;
use std::sync::Arc;

use crate::Limits;
use crate::door::places::{Place, Places};

fn places(connections_max: usize, connections_per_address_max: usize) -> Arc<Places> {
    let limits = Limits { connections_max, connections_per_address_max, ..Limits::default() };
    Places::new(limits)
}

fn take(places: &Arc<Places>, ip: &str) -> Option<Arc<Place>> {
    places.take(ip.parse::<IpAddr>().unwrap())
}

#[test]
fn a_place_is_given_back() {
    let places = places(1, 1);
    let place = take(&places, "127.0.0.1");
    assert_eq!(places.len(), 1);
    drop(place);
    assert_eq!(places.len(), 0);
}

#[tokio::test]
async fn who_waits_for_longest_makes_room() {
    let places = places(2, 2);
    let first = take(&places, "127.0.0.1").unwrap();
    let _second = take(&places, "127.0.0.1").unwrap();
    let _third = take(&places, "127.0.0.1").unwrap();
    first.expired().await;
    drop(first);
    assert_eq!(places.len(), 2);
}

#[test]
fn who_is_at_work_stays() {
    let places = places(2, 2);
    let first = take(&places, "127.0.0.1").unwrap();
    let second = take(&places, "127.0.0.1").unwrap();
    first.busy();
    second.handshake();
    second.link();
    assert!(take(&places, "127.0.0.1").is_none());
    first.idle();
    assert!(take(&places, "127.0.0.1").is_some());
}

#[test]
fn a_public_address_has_its_share() {
    let places = places(10, 1);
    let first = take(&places, "198.51.100.1").unwrap();
    first.busy();
    assert!(take(&places, "198.51.100.1").is_none());
    assert!(take(&places, "::ffff:198.51.100.1").is_none());
    assert!(take(&places, "198.51.100.2").is_some());
}

#[test]
fn an_ipv6_network_has_one_share() {
    let places = places(10, 1);
    let first = take(&places, "2001:db8::1").unwrap();
    first.busy();
    assert!(take(&places, "2001:db8::2:1").is_none());
    assert!(take(&places, "2001:db8:0:1::1").is_some());
}

#[test]
fn local_addresses_share_only_the_total() {
    for ip in ["127.0.0.1", "10.1.2.3", "192.168.0.7", "::1", "fd00::1", "fe80::1"] {
        let places = places(3, 1);
        let held: Vec<_> = (0..3).map(|_| take(&places, ip).unwrap()).collect();
        held.iter().for_each(|place| place.busy());
        assert!(take(&places, ip).is_none());
    }
}
