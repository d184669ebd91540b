//! Two homes behind NATs of their own, and one public node that passes links on.

use std::path::Path;
use std::time::Duration;

use super::host::{Host, agree, bridge, figure, network, until};

/// How a home's router gives out ports.
#[derive(Clone, Copy)]
enum Nat {
    /// Each socket keeps one port towards everybody: a hole can be found.
    Steady,
    /// Another port for each connection: no hole can be found.
    Random,
}

/// NAT-1..3: through the relay at once, then straight.
pub(crate) fn hole() {
    let place = tempfile::tempdir().unwrap();
    let hosts = homes(Nat::Steady, place.path());
    let straight = until("a straight link", Duration::from_secs(40), &hosts, || {
        match medium(&hosts[1], &hosts[2]).as_str() {
            "quic" => Ok(()),
            other => Err(format!("{other:?}; {}", hosts[1].status()["addresses"])),
        }
    });
    figure(&format!("straight {} ms later", straight.as_millis()));
    hosts[1].json(&["put", "straight", "1"]);
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));
}

/// NAT-4: a public node that was told not to passes no links on; records travel all the same.
pub(crate) fn no_relay() {
    let place = tempfile::tempdir().unwrap();
    let hosts = build(Nat::Steady, &[("TRELLIS_LIBP2P_RELAY", "off")], place.path());
    for host in &hosts[1..] {
        until("a link", Duration::from_secs(30), &hosts, || match host.links() {
            0 => Err(host.status().to_string()),
            _ => Ok(()),
        });
    }
    hosts[1].json(&["put", "well", "1"]);
    hosts[2].json(&["put", "well", "2"]);
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));
    assert_eq!(medium(&hosts[1], &hosts[2]), "");
    for host in &hosts[1..] {
        assert!(!host.status()["addresses"].to_string().contains("p2p-circuit"));
    }
}

/// NAT-1, NAT-3: where no hole can be found, the relay goes on.
pub(crate) fn no_hole() {
    let place = tempfile::tempdir().unwrap();
    let hosts = homes(Nat::Random, place.path());
    // Three tries of libp2p fail meanwhile.
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(medium(&hosts[1], &hosts[2]), "relay");
    for at in 0..5 {
        hosts[1].json(&["put", &format!("late-{at}"), "1"]);
        hosts[2].json(&["put", &format!("late-{at}"), "2"]);
    }
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));
}

/// Builds it; returns when the homes are linked and agree.
fn homes(nat: Nat, place: &Path) -> Vec<Host> {
    let hosts = build(nat, &[], place);
    let linked = until("a link of both homes", Duration::from_secs(30), &hosts, || {
        match medium(&hosts[1], &hosts[2]).as_str() {
            "" => Err(format!("{}\n{}", hosts[1].json(&["peers"]), hosts[2].status())),
            _ => Ok(()),
        }
    });
    figure(&format!("linked {} ms after the second home was up", linked.as_millis()));
    hosts[1].json(&["put", "well", "1"]);
    hosts[2].json(&["put", "well", "2"]);
    until("one state", Duration::from_secs(10), &hosts, || agree(&hosts));
    // NAT-2: it knows, and says through whom it is reached.
    let reached = hosts[1].status()["addresses"].to_string();
    assert!(
        reached.contains("203.0.113.1/udp/8888") && reached.contains("p2p-circuit"),
        "{reached}"
    );
    hosts
}

/// Lays the cables: the public node first, then both homes, which know nothing but its address.
fn build(nat: Nat, env: &[(&str, &str)], place: &Path) -> Vec<Host> {
    let file = network(place, "lab-nat");
    bridge("net");
    let public = Host::new("public", place);
    public.plug("net", "203.0.113.1/24");
    let mut hosts = vec![public];
    let mut routers = Vec::new();
    for at in 1..=2 {
        let inner = format!("home{at}");
        bridge(&inner);
        let router = Host::new(&format!("router{at}"), place);
        router.plug("net", &format!("203.0.113.1{at}/24"));
        router.plug(&inner, &format!("10.{at}.0.1/24"));
        router.must(&["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
        masquerade(&router, &inner, nat);
        let host = Host::new(&format!("node{at}"), place);
        host.plug(&inner, &format!("10.{at}.0.2/24"));
        host.must(&["ip", "route", "add", "default", "via", &format!("10.{at}.0.1")]);
        hosts.push(host);
        routers.push(router);
    }
    let quic = ["--http", "none", "--listen", "/ip4/0.0.0.0/udp/8888/quic-v1", "--network", &file];
    let here = [("TRELLIS_LIBP2P_PUBLIC", "/ip4/203.0.113.1/udp/8888/quic-v1")];
    hosts[0].up(&quic, &[&here[..], env].concat());
    let peer = ["--peer", "/ip4/203.0.113.1/udp/8888/quic-v1"];
    hosts[1].up(&[&quic[..], &peer].concat(), &[]);
    hosts[2].up(&[&quic[..], &peer].concat(), &[]);
    hosts
}

/// A router that hides a home behind its own address, and lets nothing in that was not asked for.
fn masquerade(router: &Host, inner: &str, nat: Nat) {
    let how = match nat {
        Nat::Steady => "masquerade",
        Nat::Random => "masquerade fully-random",
    };
    let rules = format!(
        "table ip lab {{
            chain out {{ type nat hook postrouting priority srcnat; oifname \"to-net\" {how}; }}
            chain in {{
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname \"to-{inner}\" accept
            }}
            chain self {{
                type filter hook input priority filter; policy accept;
                iifname \"to-net\" ct state new drop
            }}
        }}"
    );
    router.must(&["nft", &rules]);
}

/// Returns what carries the link of two nodes; nothing if there is none.
fn medium(from: &Host, to: &Host) -> String {
    let node = to.status()["node"].clone();
    let peers = from.json(&["peers"]);
    let peer = peers["peers"].as_array().unwrap().iter().find(|it| it["node"] == node).cloned();
    peer.and_then(|it| Some(it["medium"].as_str()?.to_owned())).unwrap_or_default()
}
