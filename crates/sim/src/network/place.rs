//! Where the machines of a world are: public addresses, spread over many blocks as real ones are.

use std::net::{IpAddr, Ipv4Addr};

use wire::Address;

/// Returns the address of a machine's door.
pub fn address_of(host: usize) -> Address {
    let url = format!("http://{}:{PORT}", ip_of(host));
    url.parse().expect("a literal address parses")
}

/// Returns the network address of a machine: public, so that no rule for private ones applies.
pub fn ip_of(host: usize) -> IpAddr {
    let spread = u32::try_from(host).unwrap_or(0).wrapping_mul(SPREAD) & MASK;
    IpAddr::V4(Ipv4Addr::from_bits(spread + FIRST))
}

/// Returns which machine is at an address, if one can be.
pub fn host_at(address: &Address) -> Option<usize> {
    // Every node asks for every address it dials: reading the usual form by hand saves a parser.
    let host = address.url()?.strip_prefix("http://")?.split([':', '/']).next()?;
    let spread = host.parse::<Ipv4Addr>().ok()?.to_bits().checked_sub(FIRST)?;
    let host = spread.wrapping_mul(inverse(SPREAD)) & MASK;
    (spread <= MASK).then_some(host as usize)
}

/// Returns the number that undoes a multiplication by an odd one (Newton).
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

const PORT: u16 = 8_880;
/// 64.0.0.0 to 95.255.255.255: 8,192 blocks of 65,536 addresses, none of them special.
const FIRST: u32 = 64 << 24;
const MASK: u32 = (1 << 29) - 1;
/// Neighbouring numbers are far apart: 2^29 times the golden ratio, made odd.
const SPREAD: u32 = 331_804_471;
