//! One network of hosts with nothing in common but those that speak both: HTTP behind nginx, and QUIC.

use std::path::Path;
use std::time::{Duration, Instant};

use super::host::{Host, agree, bridge, figure, network, until};

/// LIBP2P-6: three behind nginx, three with QUIC alone, two with both.
pub(crate) fn mixed() {
    let place = tempfile::tempdir().unwrap();
    let file = network(place.path(), "lab-mixed");
    bridge("lan");
    let mut hosts = Vec::new();
    for at in 1..=8 {
        let host = Host::new(&format!("h{at}"), place.path());
        host.plug("lan", &format!("10.7.0.{at}/24"));
        hosts.push(host);
    }
    let usual = ["--network", &file, "--mdns", "off"];
    let door = ["--http", "10.7.0.7:8880"];
    let quic = ["--listen", "/ip4/0.0.0.0/udp/8888/quic-v1"];
    let seven = ["--peer", "http://10.7.0.7:8880"];
    hosts[6].up(&[&usual[..], &door, &quic].concat(), &[]);
    let door = ["--http", "10.7.0.8:8880"];
    hosts[7].up(&[&usual[..], &door, &quic, &seven].concat(), &[]);
    let mut proxies = Vec::new();
    for (at, host) in (1..=3).zip(&mut hosts) {
        proxies.push(host.spawn(&["nginx", "-c", &nginx(place.path(), &host.name)]));
        let url = format!("http://10.7.0.{at}");
        let door = ["--http", "127.0.0.1:8880", "--url", &url, "--listen", "none"];
        host.up(&[&usual[..], &door, &seven].concat(), &[("TRELLIS_PEERS_DIAL", "http")]);
    }
    let peer = ["--peer", "/ip4/10.7.0.8/udp/8888/quic-v1"];
    for host in &mut hosts[3..6] {
        host.up(
            &[&usual[..], &["--http", "none"], &quic, &peer].concat(),
            &[("TRELLIS_PEERS_DIAL", "quic")],
        );
    }
    // Nobody else can carry what these have to tell each other.
    for host in &hosts {
        until("two links", Duration::from_secs(30), &hosts, || match host.links() {
            0 | 1 => Err(host.status().to_string()),
            _ => Ok(()),
        });
    }
    for (at, host) in hosts.iter().enumerate() {
        host.json(&["publish", "lab", &at.to_string()]);
        host.json(&["put", &format!("from-{at}"), "1"]);
    }
    let last = Instant::now();
    until("one state", Duration::from_secs(20), &hosts, || agree(&hosts));
    until("every message everywhere", Duration::from_secs(20), &hosts, || {
        let counts: Vec<u64> =
            hosts.iter().map(|it| it.status()["messages"]["count"].as_u64().unwrap()).collect();
        if counts.iter().all(|it| *it == 8) { Ok(()) } else { Err(format!("{counts:?}")) }
    });
    let took = last.elapsed();
    assert!(took < Duration::from_secs(2), "agreed {took:?} after the last put");
    let asking = Instant::now();
    agree(&hosts).unwrap();
    let asking_ms = asking.elapsed().as_millis();
    figure(&format!(
        "agreed within {} ms of the last put, {asking_ms} ms of it asking",
        took.as_millis()
    ));
    // Nginx carried links, not only others.
    let through = hosts[..3].iter().any(|host| {
        let peers = host.json(&["peers"]);
        peers["peers"].as_array().unwrap().iter().any(|it| it["direction"] == "inbound")
    });
    assert!(through, "no link came in through nginx");
    for mut proxy in proxies {
        proxy.kill().unwrap();
        proxy.wait().unwrap();
    }
}

/// Writes the configuration of one proxy.
fn nginx(under: &Path, name: &str) -> String {
    let place = under.join(format!("nginx-{name}"));
    std::fs::create_dir_all(&place).unwrap();
    let text = include_str!("nginx.conf").replace("PLACE", &place.display().to_string());
    let file = place.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}
