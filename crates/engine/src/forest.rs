//! The trees on which records travel.
//!
//! An author that writes again and again has a tree of its own: its first record floods, every
//! copy that came second is answered with a prune, and what is left is the tree of shortest paths
//! from that author (Plumtree, Leitao et al. 2007, with one tree for each source). Who writes
//! rarely uses the tree of a busy author nearby, a landmark, in both directions. Where nothing is
//! known of a tree, records go to everybody: ignorance costs copies, never delivery.
//!
//! Invariant: only links with a place are in a tree, and a link that is gone is in none.
//! Bound: `trees_max`; the quarter used least lately makes room.

use std::collections::BTreeMap;

use wire::TreeId;

use crate::places::{LinkSet, Places};
use crate::{Config, LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Forest {
    trees: BTreeMap<TreeId, Tree>,
    places: Places,
    /// Links that lost their place as a parent lately, in any tree, and until when that counts.
    doubted: BTreeMap<LinkId, Time>,
    /// Our own tree, and when it carried a record of ours last.
    own: TreeId,
    own_used: Option<Time>,
    /// When we wrote last, and before that.
    wrote: [Option<Time>; 2],
    trees_max: usize,
    landmarks: usize,
    warm_ms: u64,
    busy_ms: u64,
}

/// What we know of one tree.
#[derive(Debug, Default)]
struct Tree {
    /// Links that asked us to announce instead of push.
    pruned: LinkSet,
    /// Links we asked that of, and when we did last.
    refused: LinkSet,
    refused_at: Time,
    /// The link that brought the root's last record first.
    parent: Option<LinkId>,
    /// A second link that pushes, where the parent is far away: what one loses the other has.
    spare: Option<LinkId>,
    /// When a record travelled on it last, and when one of its root's did.
    used: Time,
    rooted: Option<Time>,
    /// How long records of its root take to us, by their clock and ours, milliseconds.
    delay_ms: u64,
    /// Records it has carried from here, as far as that matters.
    carried: u8,
    /// Records in a row that had to be asked for, and when that cost the parent its place last.
    misses: u8,
    mended: Option<Time>,
    /// The link through which records would have come sooner, and how often in a row.
    rival: Option<LinkId>,
    leads: u8,
}

impl Forest {
    pub(crate) fn new(own: TreeId, config: &Config) -> Self {
        Self {
            trees: BTreeMap::new(),
            places: Places::default(),
            doubted: BTreeMap::new(),
            own,
            own_used: None,
            wrote: [None; 2],
            trees_max: config.trees_max,
            landmarks: config.landmarks,
            warm_ms: config.warm_ms,
            busy_ms: config.busy_ms,
        }
    }

    pub(crate) fn link_up(&mut self, link: LinkId) {
        self.places.take(link);
    }

    /// Takes a link out of all trees. Those it was the parent of graft the next link that has what
    /// they miss.
    pub(crate) fn link_gone(&mut self, link: LinkId) {
        let gone = self.places.free(link);
        self.doubted.remove(&link);
        for tree in self.trees.values_mut() {
            tree.pruned.remove(gone);
            tree.refused.remove(gone);
            if tree.parent == Some(link) {
                tree.parent = None;
            }
            if tree.rival == Some(link) {
                tree.rival = None;
            }
            if tree.spare == Some(link) {
                tree.spare = None;
            }
        }
    }

    /// Says whether a link that came second may push on, because the parent is far away and a loss
    /// on that way would delay all behind it (TREE-9).
    pub(crate) fn spares(&mut self, tree: TreeId, link: LinkId, now: Now) -> bool {
        let tree = self.tree(tree, now);
        if tree.parent == Some(link) {
            return false;
        }
        let spare = *tree.spare.get_or_insert(link);
        spare == link
    }

    /// Returns the link that brings the records of a tree's root.
    pub(crate) fn parent(&self, tree: TreeId) -> Option<LinkId> {
        self.trees.get(&tree)?.parent
    }

    /// Returns a link as a set.
    pub(crate) fn set(&self, link: LinkId) -> LinkSet {
        self.places.set(link)
    }

    /// Chooses the tree for a record of ours (TREE-4).
    pub(crate) fn route(&mut self, now: Now) -> TreeId {
        let lately = |at: Option<Time>, ms: u64| at.is_some_and(|at| now.mono_ms < at.0 + ms);
        let busy = self.wrote.iter().all(|at| lately(*at, self.busy_ms));
        self.wrote = [Some(now.time()), self.wrote[0]];
        if !busy && !lately(self.own_used, self.warm_ms) {
            let landmarks = self.trees.iter().filter(|(id, tree)| {
                **id != self.own && tree.parent.is_some() && lately(tree.rooted, self.warm_ms)
            });
            if self.landmarks <= landmarks.clone().count()
                && let Some((id, _)) = landmarks.min_by_key(|(id, tree)| (tree.delay_ms, **id))
            {
                return *id;
            }
        }
        self.own_used = Some(now.time());
        self.own
    }

    /// Parts the links that lack a record into those it is pushed to and those that are told of it.
    /// On a tree we know nothing of, it is pushed to all (TREE-1).
    pub(crate) fn split(
        &mut self,
        tree: TreeId,
        links: Vec<LinkId>,
        now: Now,
    ) -> (Vec<LinkId>, Vec<LinkId>) {
        let tree = self.tree(tree, now);
        tree.carried = tree.carried.saturating_add(1);
        let pruned = tree.pruned;
        links.into_iter().partition(|link| !pruned.meets(self.places.set(*link)))
    }

    /// Says whether a tree has carried two records before the last one, so that whoever got them
    /// twice has said so.
    pub(crate) fn is_warm(&self, tree: TreeId) -> bool {
        self.trees.get(&tree).is_some_and(|tree| WARM_AFTER < tree.carried)
    }

    /// Notes that a push was the first to bring a record. `delay_ms` is its age if the tree's root
    /// wrote it.
    pub(crate) fn brought(&mut self, tree: TreeId, link: LinkId, delay_ms: Option<u64>, now: Now) {
        let set = self.places.set(link);
        let tree = self.tree(tree, now);
        tree.misses = 0;
        tree.refused.remove(set);
        if let Some(delay_ms) = delay_ms {
            if tree.spare == Some(link) {
                // They change places.
                tree.spare = tree.parent;
            }
            tree.parent = Some(link);
            tree.delay_ms = match tree.rooted {
                Some(_) => (3 * tree.delay_ms + delay_ms) / 4,
                None => delay_ms,
            };
            tree.rooted = Some(now.time());
        }
    }

    /// Notes that a record had to be asked for. Says whether whoever had it shall push from now
    /// on: nobody does, or others were first twice in a row (TREE-6).
    pub(crate) fn missed(&mut self, id: TreeId, link: LinkId, now: Now) -> bool {
        let set = self.places.set(link);
        let parent = self.parent(id);
        let doubted = parent.is_some_and(|parent| self.is_doubted(parent, now));
        let misses_max = if doubted { 1 } else { MISSES_MAX };
        let unfit = parent.is_some() && self.is_doubted(link, now);
        let tree = self.tree(id, now);
        tree.misses = tree.misses.saturating_add(1);
        // Where much is late, it is not for the parent: a new one is given time to show it.
        let rests = tree.mended.is_some_and(|at| now.mono_ms < at.0 + MENDED_MS);
        let graft = parent.is_none() || (misses_max <= tree.misses && !rests && !unfit);
        if graft {
            tree.mended = Some(now.time());
            tree.misses = 0;
            tree.parent = Some(link);
            tree.refused.remove(set);
            self.doubted.extend(parent.map(|parent| (parent, now.after(DOUBTED_MS))));
        }
        graft
    }

    /// Says whether a link lost its place as a parent lately: who withholds in one tree does so in
    /// others, where its first silence is enough, and is no better than the next (TREE-6).
    fn is_doubted(&self, link: LinkId, now: Now) -> bool {
        self.doubted.get(&link).is_some_and(|until| now.time() < *until)
    }

    /// Compares the way records of a root take with another that an announcement tells of: through
    /// `link` this one would have come `lead_ms` sooner. Says whether that link shall push from now
    /// on: time decides, not hops (TREE-8).
    pub(crate) fn compares(&mut self, tree: TreeId, link: LinkId, lead_ms: u64, now: Now) -> bool {
        let set = self.places.set(link);
        let doubted = self.is_doubted(link, now);
        let tree = self.tree(tree, now);
        if tree.parent.is_none() || tree.parent == Some(link) || doubted {
            return false;
        }
        if lead_ms <= LEAD_MS.max(tree.delay_ms / 10) {
            if tree.rival == Some(link) {
                tree.rival = None;
            }
            return false;
        }
        tree.leads = if tree.rival == Some(link) { tree.leads + 1 } else { 1 };
        tree.rival = Some(link);
        let better = LEADS <= tree.leads;
        if better {
            tree.rival = None;
            tree.refused.remove(set);
        }
        better
    }

    /// Says whether a link that pushed what another had pushed before shall announce instead
    /// (TREE-5). The parent may come second with a record that is not its root's.
    pub(crate) fn refuses(&mut self, tree: TreeId, link: LinkId, of_root: bool, now: Now) -> bool {
        let set = self.places.set(link);
        let tree = self.tree(tree, now);
        let told = tree.refused.meets(set) && now.mono_ms < tree.refused_at.0 + REFUSED_MS;
        if told || (tree.parent == Some(link) && !of_root) {
            return false;
        }
        tree.refused.add(set);
        tree.refused_at = now.time();
        true
    }

    /// A peer wants announcements instead of records. Of trees we do not know we push nothing.
    pub(crate) fn prune(&mut self, tree: TreeId, link: LinkId) {
        let set = self.places.set(link);
        if let Some(tree) = self.trees.get_mut(&tree) {
            tree.pruned.add(set);
        }
    }

    /// A peer wants records again.
    pub(crate) fn graft(&mut self, tree: TreeId, link: LinkId) {
        let set = self.places.set(link);
        if let Some(tree) = self.trees.get_mut(&tree) {
            tree.pruned.remove(set);
        }
    }

    fn tree(&mut self, id: TreeId, now: Now) -> &mut Tree {
        if self.trees_max <= self.trees.len() && !self.trees.contains_key(&id) {
            self.make_room();
        }
        let tree = self.trees.entry(id).or_default();
        tree.used = now.time();
        tree
    }

    fn make_room(&mut self) {
        let mut used: Vec<Time> = self.trees.values().map(|tree| tree.used).collect();
        used.sort_unstable();
        let limit = used.get(used.len() / 4).copied().unwrap_or_default();
        let mut most = used.len() / 4 + 1;
        self.trees.retain(|_, tree| {
            let goes = 0 < most && tree.used <= limit;
            most -= usize::from(goes);
            !goes
        });
    }
}

/// Records after which a tree has its shape.
const WARM_AFTER: u8 = 2;
/// Misses in a row after which a tree takes another parent.
const MISSES_MAX: u8 = 2;
/// How long a link is doubted that lost its place as a parent.
const DOUBTED_MS: u64 = 60_000;
/// How long a new parent is kept, whatever is missed.
const MENDED_MS: u64 = 500;
/// How much sooner, and how often in a row, another link must have a record to become the parent.
const LEAD_MS: u64 = 5;
const LEADS: u8 = 2;
/// How long before a link that pushes on is told again: the first word may be lost.
const REFUSED_MS: u64 = 1_000;
