//! Who is linked to whom.

use crate::chance::Chance;

/// The links of a world: for each node its peers, those it dialled first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Overlay {
    starts: Vec<u32>,
    peers: Vec<u32>,
    dialled: Vec<u16>,
}

impl Overlay {
    /// Takes rows of peers, as a world of real nodes ended up with.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let rows = rows.into_iter().map(|accepted| Row { dialled: Vec::new(), accepted });
        Self::pack(rows)
    }

    /// Draws links so that each node has `degree`, half of them dialled by itself.
    ///
    /// In networks with hardly more nodes than links a few links are left out; with no more than
    /// `degree` others everybody is linked to everybody.
    pub fn random_regular(nodes: usize, degree: usize, seed: u64) -> Self {
        let mut drawing = Drawing {
            rows: vec![Row::default(); nodes],
            random: Chance::new(seed, &[OVERLAY_STREAM]),
        };
        if nodes <= degree + 1 {
            drawing.link_all();
        } else {
            for _ in 0..degree / 2 {
                drawing.link_around();
            }
            if !degree.is_multiple_of(2) {
                drawing.link_pairs();
            }
        }
        Self::pack(drawing.rows)
    }

    /// Draws for each node whom it knows; the other does not know it for that.
    pub fn random_views(nodes: usize, view: usize, seed: u64) -> Self {
        let mut random = Chance::new(seed, &[VIEW_STREAM]);
        let view = view.min(nodes.saturating_sub(1));
        Self::pack((0..nodes).map(|node| {
            let mut dialled: Vec<u32> = Vec::with_capacity(view);
            while dialled.len() < view {
                let other = below(&mut random, nodes);
                if other != number(node) && !dialled.contains(&other) {
                    dialled.push(other);
                }
            }
            Row { dialled, accepted: Vec::new() }
        }))
    }

    /// Returns how many nodes there are.
    pub fn nodes(&self) -> usize {
        self.dialled.len()
    }

    /// Returns the peers of a node.
    pub fn peers(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.peers[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Returns how many of a node's peers, the first ones, were dialled by it.
    pub fn dialled(&self, node: u32) -> usize {
        usize::from(self.dialled[node as usize])
    }

    /// Returns how many ends of links there are.
    pub fn ends(&self) -> usize {
        self.peers.len()
    }

    /// Returns where a node's peers begin among all ends.
    pub(crate) fn start(&self, node: u32) -> usize {
        self.starts[node as usize] as usize
    }

    /// Returns which of a node's peers this is.
    pub(crate) fn slot(&self, node: u32, peer: u32) -> Option<usize> {
        self.peers(node).iter().position(|it| *it == peer)
    }

    fn pack(rows: impl IntoIterator<Item = Row>) -> Self {
        let mut overlay = Self { starts: vec![0], ..Self::default() };
        for row in rows {
            overlay.dialled.push(u16::try_from(row.dialled.len()).expect("few links a node"));
            overlay.peers.extend(row.dialled);
            overlay.peers.extend(row.accepted);
            overlay.starts.push(number(overlay.peers.len()));
        }
        overlay
    }
}

#[derive(Clone, Debug, Default)]
struct Row {
    dialled: Vec<u32>,
    accepted: Vec<u32>,
}

struct Drawing {
    rows: Vec<Row>,
    random: Chance,
}

impl Drawing {
    fn link_all(&mut self) {
        for a in 0..self.rows.len() {
            for b in a + 1..self.rows.len() {
                // Dialled by either with the same chance in the long run.
                let (from, to) = if (a + b).is_multiple_of(2) { (a, b) } else { (b, a) };
                self.link(from, to);
            }
        }
    }

    /// Each node dials one other, and is dialled by one.
    fn link_around(&mut self) {
        let nodes = self.rows.len();
        let mut to: Vec<usize> = (0..nodes).collect();
        shuffle(&mut self.random, &mut to);
        for _ in 0..REPAIRS_MAX {
            let mut wrong = false;
            for node in 0..nodes {
                if self.is_wrong(node, to[node]) || to[to[node]] == node {
                    wrong = true;
                    let other = below(&mut self.random, nodes) as usize;
                    to.swap(node, other);
                }
            }
            if !wrong {
                break;
            }
        }
        for (node, peer) in to.into_iter().enumerate() {
            if !self.is_wrong(node, peer) {
                self.link(node, peer);
            }
        }
    }

    /// Each node gets one more link; with an odd number of nodes one goes without.
    fn link_pairs(&mut self) {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        shuffle(&mut self.random, &mut order);
        let pairs = order.len() / 2;
        for _ in 0..REPAIRS_MAX {
            let mut wrong = false;
            for pair in 0..pairs {
                if self.is_wrong(order[2 * pair], order[2 * pair + 1]) {
                    wrong = true;
                    let other = below(&mut self.random, pairs) as usize;
                    order.swap(2 * pair, 2 * other + 1);
                }
            }
            if !wrong {
                break;
            }
        }
        for pair in order.chunks_exact(2) {
            if !self.is_wrong(pair[0], pair[1]) {
                self.link(pair[0], pair[1]);
            }
        }
    }

    fn is_wrong(&self, node: usize, peer: usize) -> bool {
        let row = &self.rows[node];
        let peer_number = number(peer);
        node == peer || row.dialled.contains(&peer_number) || row.accepted.contains(&peer_number)
    }

    fn link(&mut self, from: usize, to: usize) {
        self.rows[from].dialled.push(number(to));
        self.rows[to].accepted.push(number(from));
    }
}

/// Draws a number below `bound`.
pub(crate) fn below(random: &mut Chance, bound: usize) -> u32 {
    u32::try_from(random.below(bound as u64)).expect("below a bound of 32 bits")
}

/// Returns a count as the small number this room's tables use.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("fewer than 2^32 of anything")
}

pub(crate) fn shuffle<T>(random: &mut Chance, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(random, last + 1) as usize);
    }
}

/// How often a drawing is gone over before what does not fit is left out.
const REPAIRS_MAX: usize = 200;
const OVERLAY_STREAM: u64 = 0x6f76_6572_6c61_7900;
const VIEW_STREAM: u64 = 0x7669_6577_7300_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_regular_links_are_symmetric_and_of_one_degree() {
        for (nodes, degree, seed) in [(100, 50, 1), (1_000, 12, 2), (1_000, 5, 3), (64, 7, 4)] {
            let overlay = Overlay::random_regular(nodes, degree, seed);
            for node in 0..number(nodes) {
                let peers = overlay.peers(node);
                assert_eq!(peers.len(), degree, "seed {seed}, {nodes} nodes, node {node}");
                assert!(peers.iter().all(|it| overlay.slot(*it, node).is_some() && *it != node));
                let mut distinct = peers.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                assert_eq!(distinct.len(), degree, "seed {seed}");
                if degree.is_multiple_of(2) {
                    assert_eq!(overlay.dialled(node), degree / 2);
                }
            }
            assert_eq!(overlay, Overlay::random_regular(nodes, degree, seed));
            assert_ne!(overlay, Overlay::random_regular(nodes, degree, seed + 1));
        }
    }

    #[test]
    fn small_worlds_are_linked_completely() {
        let overlay = Overlay::random_regular(5, 12, 0);
        assert!((0..5).all(|node| overlay.peers(node).len() == 4));
    }

    #[test]
    fn views_hold_distinct_others() {
        let views = Overlay::random_views(200, 50, 5);
        for node in 0..200 {
            let mut peers = views.peers(node).to_vec();
            peers.sort_unstable();
            peers.dedup();
            assert_eq!(peers.len(), 50);
            assert!(!peers.contains(&node));
        }
    }
}
