//! The links between live honest nodes.

use std::collections::BTreeMap;

use super::crowd::Crowd;
use crate::World;
use crate::outcome::{Overlay, Spread};
use crate::scenario::LiarKind;

/// Returns for each machine its links to others that are up; those of liars too.
pub(super) fn rows(world: &World) -> Vec<Vec<u32>> {
    let row = |host: usize| {
        let links = world.links(host).into_iter().map(|link| link.to);
        let mut row: Vec<u32> =
            links.filter(|to| world.is_up(*to)).filter_map(|to| u32::try_from(to).ok()).collect();
        row.sort_unstable();
        row.dedup();
        row
    };
    (0..world.config().hosts)
        .map(|host| if world.is_up(host) { row(host) } else { Vec::new() })
        .collect()
}

/// Describes the overlay as it is.
pub(super) fn describe(world: &World, crowd: &Crowd) -> Overlay {
    let rows = rows(world);
    let is_honest = |host: usize| world.is_up(host) && !crowd.liars.contains_key(&host);
    let mut parts = Parts((0..rows.len()).collect());
    let mut degrees = Vec::new();
    for (host, row) in rows.iter().enumerate().filter(|(host, _)| is_honest(*host)) {
        degrees.push(row.len() as f64);
        let peers = row.iter().map(|peer| *peer as usize);
        peers.filter(|peer| is_honest(*peer)).for_each(|peer| parts.join(host, peer));
    }
    let mut sizes: BTreeMap<usize, u64> = BTreeMap::new();
    for host in (0..rows.len()).filter(|host| is_honest(*host)) {
        *sizes.entry(parts.root(host)).or_default() += 1;
    }
    let live: u64 = sizes.values().sum();
    let largest = sizes.values().max().copied().unwrap_or(0);
    let honest = (0..rows.len()).filter(|host| is_honest(*host));
    let proven = honest.filter_map(|host| Some(world.node(host)?.engine().status().contradictions));
    let proven = proven.min().unwrap_or(0) as f64;
    let liars =
        crowd.liars.values().filter(|(_, kind)| *kind == LiarKind::Equivocator).count() as f64;
    let contradicted_percent = (0.0 < liars).then_some(100.0 * proven / liars);
    let links_min = degrees.iter().copied().fold(f64::INFINITY, f64::min);
    Overlay {
        live,
        links_min: if links_min.is_finite() { links_min } else { 0.0 },
        links: Spread::of(degrees),
        isolated: live - largest,
        contradicted_percent,
    }
}

/// Who is connected with whom: each points to another of its part, the last to itself.
struct Parts(Vec<usize>);

impl Parts {
    fn root(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one] = other;
    }
}
