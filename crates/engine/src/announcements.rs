//! What waits to be told to single links: announcements and prunes, several in one frame.
//!
//! The first goes at once; what follows waits until `announce_ms` after it, or until there is enough
//! to fill a frame.

use std::collections::BTreeMap;

use wire::{Have, Push, ShortId, TreeId, limits};

use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Announcements {
    waiting: BTreeMap<LinkId, Waiting>,
    /// When a link may be told again.
    free_at: BTreeMap<LinkId, Time>,
    announce_ms: u64,
}

/// One frame to be.
#[derive(Debug)]
struct Waiting {
    at: Time,
    /// Records, and since when we have had them.
    have: Vec<(ShortId, Time)>,
    prune: Vec<TreeId>,
}

impl Announcements {
    pub(crate) fn new(announce_ms: u64) -> Self {
        Self { waiting: BTreeMap::new(), free_at: BTreeMap::new(), announce_ms }
    }

    /// Tells a link of a record that has just come.
    pub(crate) fn have(&mut self, link: LinkId, id: ShortId, now: Now) {
        let waiting = self.entry(link, now);
        waiting.have.push((id, now.time()));
        if limits::SHORT_IDS_MAX <= waiting.have.len() {
            waiting.at = now.time();
        }
    }

    pub(crate) fn prune(&mut self, link: LinkId, tree: TreeId, now: Now) {
        let waiting = self.entry(link, now);
        if !waiting.prune.contains(&tree) && waiting.prune.len() < limits::SHORT_IDS_MAX {
            waiting.prune.push(tree);
        }
    }

    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.waiting.remove(&link);
        self.free_at.remove(&link);
    }

    /// Takes what is due, a frame each.
    pub(crate) fn due(&mut self, now: Now) -> Vec<(LinkId, Push)> {
        let due = self.waiting.extract_if(.., |_, waiting| waiting.at <= now.time());
        let mut frames = Vec::new();
        for (link, Waiting { have, mut prune, .. }) in due {
            self.free_at.insert(link, now.after(self.announce_ms));
            let have: Vec<Have> =
                have.into_iter().map(|(id, since)| aged(id, since, now)).collect();
            let mut parts = have.chunks(limits::SHORT_IDS_MAX);
            let first = parts.next().unwrap_or_default();
            let prune = std::mem::take(&mut prune);
            frames.push((link, Push { have: first.to_vec(), prune, ..Push::default() }));
            frames
                .extend(parts.map(|part| (link, Push { have: part.to_vec(), ..Push::default() })));
        }
        frames
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.waiting.values().map(|waiting| waiting.at).min()
    }

    fn entry(&mut self, link: LinkId, now: Now) -> &mut Waiting {
        let at = self.free_at.get(&link).copied().unwrap_or_default().max(now.time());
        let empty = || Waiting { at, have: Vec::new(), prune: Vec::new() };
        self.waiting.entry(link).or_insert_with(empty)
    }
}

fn aged(id: ShortId, since: Time, now: Now) -> Have {
    let age_ms = u32::try_from(now.mono_ms.saturating_sub(since.0)).unwrap_or(u32::MAX);
    Have { id, age_ms }
}
