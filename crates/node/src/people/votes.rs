//! Decisions that wait for another Mirror.

use std::collections::BTreeMap;

use wire::Digest;

use super::Deed;
use crate::row::{Words, is_line};

/// A decision that some have made, and that takes more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vote {
    /// What kind.
    pub deed: Deed,
    /// What exactly; it is the same decision only if this is the same.
    pub what: String,
    /// Who has made it.
    pub by: Vec<String>,
    /// How many it takes.
    pub need: u64,
    /// When it is forgotten, unix milliseconds.
    pub until_ms: u64,
}

/// All that wait. Bound: [`VOTES_MAX`]; they go after [`VOTE_MS_MAX`], and one more is refused.
#[derive(Debug, Default)]
pub(super) struct Votes(BTreeMap<Digest, Vote>);

type Rows = Vec<(String, Option<Vec<u8>>)>;

impl Votes {
    pub(super) fn of(rows: &[(String, Vec<u8>)]) -> Self {
        let rows = rows.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let votes = rows.filter_map(|(_, value)| decode(value));
        Self(votes.map(|vote| (key(vote.deed, &vote.what), vote)).collect())
    }

    /// Returns those that still wait.
    pub(super) fn open(&self, now_ms: u64) -> impl Iterator<Item = &Vote> {
        self.0.values().filter(move |vote| now_ms < vote.until_ms)
    }

    pub(super) fn find(&self, deed: Deed, what: &str, now_ms: u64) -> Option<&Vote> {
        self.0.get(&key(deed, what)).filter(|vote| now_ms < vote.until_ms)
    }

    pub(super) fn keep(&mut self, vote: &Vote) -> Rows {
        let key = key(vote.deed, &vote.what);
        self.0.insert(key, vote.clone());
        vec![(name(&key), Some(encode(vote)))]
    }

    pub(super) fn close(&mut self, vote: &Vote) -> Rows {
        let key = key(vote.deed, &vote.what);
        self.0.remove(&key).map(|_| (name(&key), None)).into_iter().collect()
    }

    pub(super) fn forget_old(&mut self, now_ms: u64) -> Rows {
        let old = self.0.iter().filter(|(_, vote)| vote.until_ms <= now_ms);
        let old: Vec<Digest> = old.map(|(key, _)| *key).collect();
        old.iter().for_each(|key| {
            self.0.remove(key);
        });
        old.iter().map(|key| (name(key), None)).collect()
    }
}

fn key(deed: Deed, what: &str) -> Digest {
    Digest::of("trellis-vote-v1", &[deed.name().as_bytes(), &[0], what.as_bytes()])
}

fn name(key: &Digest) -> String {
    format!("{PREFIX}{key}")
}

fn encode(vote: &Vote) -> Vec<u8> {
    let Vote { deed, what, by, need, until_ms } = vote;
    let by = by.join(",");
    let text = format!("{VERSION}\ndeed {deed}\nby {by}\nneed {need}\nuntil {until_ms}\n");
    format!("{text}what {what}\n").into_bytes()
}

fn decode(bytes: &[u8]) -> Option<Vote> {
    let mut words = Words::begin(bytes, VERSION)?;
    let deed = words.value("deed")?;
    let by = words.text("by")?.split(',').map(str::to_owned).collect();
    let (need, until_ms) = (words.value("need")?, words.value("until")?);
    let what = words.text("what").filter(|it| is_line(it))?.to_owned();
    words.end()?;
    Some(Vote { deed, what, by, need, until_ms })
}

/// Decisions that wait at once.
pub const VOTES_MAX: usize = 64;
/// How long one waits: a day.
pub const VOTE_MS_MAX: u64 = 86_400_000;
const PREFIX: &str = "votes/";
const VERSION: &str = "vote 1";
