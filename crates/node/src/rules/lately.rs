//! Words that were said lately, and what stood before them: enough to tell the rules as of a moment ago
//! (CKPT-1).
//!
//! Bounds: `VERSIONS_MAX` words, about `KEEP_MS` old. Who spoke longest ago makes room; the rules can then no longer be
//! told as of a moment before that.

use std::collections::{BTreeMap, BTreeSet};

use engine::Now;
use wire::{Digest, Hlc, NodeId, RecordId};

use super::Word;

/// The last words of authors whose last word is young. `None`: no word any more.
#[derive(Debug, Default)]
pub(super) struct Lately {
    places: BTreeMap<(Digest, NodeId), Versions>,
    /// The same places by the time of their last word, unix milliseconds.
    newest: BTreeSet<(u64, Digest, NodeId)>,
    versions: usize,
    floor_ms: u64,
}

/// An author's words on one rule, by when they were said.
type Versions = BTreeMap<(Hlc, RecordId), Option<Word>>;

/// What authors said of rules as of a moment, where they said something else since.
pub(super) type Then<'a> = BTreeMap<Digest, BTreeMap<NodeId, Option<&'a Word>>>;

impl Lately {
    /// Begins with words of which none was said after a moment.
    pub(super) fn new(floor_ms: u64) -> Self {
        Self { floor_ms, ..Self::default() }
    }

    /// Notes a word: one that stands from now on, one that it replaced, or one that came too late to stand.
    pub(super) fn note(
        &mut self,
        (rule, author): (Digest, NodeId),
        at: (Hlc, RecordId),
        word: Option<Word>,
        now: Now,
    ) {
        let known = self.places.entry((rule, author)).or_default();
        let before = known.last_key_value().map(|((created, _), _)| created.ms());
        self.versions += usize::from(known.insert(at, word).is_none());
        let newest = before.unwrap_or(0).max(at.0.ms());
        if before != Some(newest) {
            before.iter().for_each(|it| {
                self.newest.remove(&(*it, rule, author));
            });
            self.newest.insert((newest, rule, author));
        }
        let old_ms = now.unix_ms.saturating_sub(KEEP_MS);
        while VERSIONS_MAX < self.versions || self.newest.first().is_some_and(|it| it.0 < old_ms) {
            self.forget_first();
        }
    }

    /// Returns what stood as of a moment where something else stands now; `None` if that is not known any more.
    pub(super) fn since(&self, cut_ms: u64) -> Option<Then<'_>> {
        if cut_ms < self.floor_ms {
            return None;
        }
        let mut then = Then::new();
        let changed = self.newest.iter().rev().take_while(|(newest_ms, ..)| cut_ms < *newest_ms);
        for (_, rule, author) in changed {
            let versions = self.places.get(&(*rule, *author)).into_iter().flatten();
            let by_then = versions.filter(|((created, _), _)| created.ms() <= cut_ms);
            let word = by_then.last().and_then(|(_, word)| word.as_ref());
            then.entry(*rule).or_default().insert(*author, word);
        }
        Some(then)
    }

    fn forget_first(&mut self) {
        let Some((newest_ms, rule, author)) = self.newest.pop_first() else { return };
        let gone = self.places.remove(&(rule, author)).map_or(0, |it| it.len());
        self.versions = self.versions.saturating_sub(gone);
        self.floor_ms = self.floor_ms.max(newest_ms);
    }
}

/// Words remembered, about 250 bytes each.
const VERSIONS_MAX: usize = 16_384;
/// Much longer than attesters need to agree on a moment.
const KEEP_MS: u64 = 600_000;
