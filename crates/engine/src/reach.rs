//! How far an address reaches: the same machine, the same site, the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::Address;

/// How far an address reaches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Reach {
    Machine,
    Site,
    Internet,
}

/// Says how far an address reaches, as far as its text tells; names count as the internet's.
pub(crate) fn reach(address: &Address) -> Reach {
    let (host, _) = address.host_port();
    let host = host.trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(ip) => reach_of(ip),
        Err(_) if host == "localhost" || host.ends_with(".localhost") => Reach::Machine,
        Err(_) if host.ends_with(".local") => Reach::Site,
        Err(_) => Reach::Internet,
    }
}

/// Says how far an IP address reaches.
pub(crate) fn reach_of(ip: IpAddr) -> Reach {
    match ip.to_canonical() {
        IpAddr::V4(ip) => reach_of_v4(ip),
        IpAddr::V6(ip) => reach_of_v6(ip),
    }
}

fn reach_of_v4(ip: Ipv4Addr) -> Reach {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    let special = ip.is_multicast() || ip.is_broadcast();
    if ip.is_loopback() || first == 0 {
        Reach::Machine
    } else if ip.is_private() || ip.is_link_local() || shared || special {
        Reach::Site
    } else {
        Reach::Internet
    }
}

fn reach_of_v6(ip: Ipv6Addr) -> Reach {
    let [first, second, ..] = ip.segments();
    // 64:ff9b::/96 hides an IPv4 address.
    let translated = first == 0x64 && second == 0xff9b;
    if ip.is_loopback() || ip.is_unspecified() {
        Reach::Machine
    } else if ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_multicast() || translated
    {
        Reach::Site
    } else {
        Reach::Internet
    }
}
