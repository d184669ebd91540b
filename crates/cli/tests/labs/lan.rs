//! A LAN: hosts on a bridge, nothing configured, cables that are pulled.

use std::time::Duration;

use super::host::{Host, agree, bridge, figure, must, network, until};

/// MDNS-1, MDNS-2: five hosts find each other, two of them are cut off and come back.
pub(crate) fn five_hosts() {
    let place = tempfile::tempdir().unwrap();
    let file = network(place.path(), "lab-lan");
    bridge("lan");
    let mut hosts = Vec::new();
    let mut sockets = Vec::new();
    for at in 1..=5 {
        let host = Host::new(&format!("h{at}"), place.path());
        sockets.push(host.plug("lan", &format!("10.7.0.{at}/24")));
        hosts.push(host);
    }
    // One with a door alone, one with QUIC alone, one that nobody can dial, and two with everything.
    let quic = ["--listen", "/ip4/0.0.0.0/udp/8888/quic-v1"];
    let door = ["--http", "0.0.0.0:8880"];
    let ways: [&[&str]; 5] = [
        &["--listen", "none", door[0], door[1]],
        &["--http", "none", quic[0], quic[1]],
        &["--http", "none", "--listen", "none"],
        &[],
        &[],
    ];
    for (host, way) in hosts.iter_mut().zip(ways) {
        host.up(&[&["--network", &file], way].concat(), &[]);
    }
    let mut slowest_ms = 0;
    for host in &hosts {
        until("a link", Duration::from_secs(20), &hosts, || match host.links() {
            0 => Err(host.status().to_string()),
            _ => Ok(()),
        });
        let status = host.status();
        let ways = status["discovered"].as_array().unwrap();
        // Who was found first by another one needs not find it.
        let first =
            ways.iter().filter_map(|it| it["address_ms"].as_u64().or(it["link_ms"].as_u64()));
        slowest_ms = slowest_ms.max(first.min().unwrap());
        assert_eq!(status["lan"]["on"], true, "{status}");
    }
    assert!(slowest_ms < 2_000, "discovered after {slowest_ms} ms");
    figure(&format!("discovered in {slowest_ms} ms"));
    hosts[0].json(&["put", "one", "1"]);
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));

    sockets[..2].iter().for_each(|it| drop(must(&["ip", "link", "set", it, "down"])));
    for host in &hosts[..2] {
        until("cut off", Duration::from_secs(60), &hosts, || match host.links() {
            0 => Ok(()),
            links => Err(format!("{links} links")),
        });
    }
    hosts[0].json(&["put", "apart", "1"]);
    hosts[1].json(&["put", "apart", "2"]);
    hosts[4].json(&["put", "apart", "3"]);
    sockets[..2].iter().for_each(|it| drop(must(&["ip", "link", "set", it, "up"])));
    let took = until("one state again", Duration::from_secs(60), &hosts, || agree(&hosts));
    assert!(took < Duration::from_secs(10), "rejoined after {took:?}");
    figure(&format!("rejoined in {} ms", took.as_millis()));
}

/// MDNS-1: two networks on one LAN.
pub(crate) fn two_networks() {
    let place = tempfile::tempdir().unwrap();
    let files = ["lab-one", "lab-two"].map(|name| network(place.path(), name));
    bridge("lan");
    let mut hosts = Vec::new();
    for (at, file) in (1..=4).zip(files.iter().cycle()) {
        let mut host = Host::new(&format!("h{at}"), place.path());
        host.plug("lan", &format!("10.7.0.{at}/24"));
        host.up(&["--network", file], &[]);
        hosts.push(host);
    }
    for host in &hosts {
        until("one link", Duration::from_secs(20), &hosts, || match host.links() {
            0 => Err(host.status().to_string()),
            _ => Ok(()),
        });
    }
    for host in &hosts {
        let status = host.status();
        assert_eq!(status["known"], 1, "only the one of its own network: {status}");
        assert_eq!(status["links"], 1, "{status}");
        assert!(!host.log().contains("another network"), "{}", host.log());
    }
}

/// MDNS-2: no IPv4 at all.
pub(crate) fn ipv6_only() {
    let place = tempfile::tempdir().unwrap();
    let file = network(place.path(), "lab-six");
    bridge("lan");
    let mut hosts = Vec::new();
    for at in 1..=2 {
        let mut host = Host::new(&format!("h{at}"), place.path());
        host.plug("lan", &format!("fd07::{at}/64"));
        let quic = ["--listen", "/ip6/::/udp/8888/quic-v1", "--listen", "/ip6/::/tcp/8888"];
        host.up(&[&["--network", file.as_str(), "--http", "[::]:8880"][..], &quic].concat(), &[]);
        hosts.push(host);
    }
    for host in &hosts {
        until("a link", Duration::from_secs(20), &hosts, || match host.links() {
            0 => Err(host.status().to_string()),
            _ => Ok(()),
        });
    }
    hosts[0].json(&["put", "one", "1"]);
    hosts[1].json(&["put", "two", "2"]);
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));
}
