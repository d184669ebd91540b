//! What waits to be told to single links: announcements and prunes, several in one frame.
//!
//! They go after `announce_ms`, or once there are enough to fill a frame.

use std::collections::BTreeMap;

use wire::{Push, ShortId, TreeId, limits};

use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Announcements {
    waiting: BTreeMap<LinkId, (Time, Push)>,
    announce_ms: u64,
}

impl Announcements {
    pub(crate) fn new(announce_ms: u64) -> Self {
        Self { waiting: BTreeMap::new(), announce_ms }
    }

    pub(crate) fn have(&mut self, link: LinkId, name: ShortId, now: Now) {
        let (at, push) = self.entry(link, now);
        push.have.push(name);
        if limits::SHORT_IDS_MAX <= push.have.len() {
            *at = now.time();
        }
    }

    pub(crate) fn prune(&mut self, link: LinkId, tree: TreeId, now: Now) {
        let prune = &mut self.entry(link, now).1.prune;
        if !prune.contains(&tree) {
            prune.push(tree);
        }
    }

    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.waiting.remove(&link);
    }

    /// Takes what is due.
    pub(crate) fn due(&mut self, now: Now) -> Vec<(LinkId, Push)> {
        let due = self.waiting.extract_if(.., |_, (at, _)| *at <= now.time());
        due.map(|(link, (_, push))| (link, push)).collect()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.waiting.values().map(|(at, _)| *at).min()
    }

    fn entry(&mut self, link: LinkId, now: Now) -> &mut (Time, Push) {
        let at = now.after(self.announce_ms);
        self.waiting.entry(link).or_insert_with(|| (at, Push::default()))
    }
}
