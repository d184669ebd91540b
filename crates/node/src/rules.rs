//! Rules that people and agents find together: put forward, confirmed, challenged, and accepted by a
//! policy that is a function of the set of words, so that all nodes accept the same.
//!
//! A word is an entry of the collection `rules`, named after the rule; what the rule says is not in it.
//! Who wants that asks, and whoever put the rule forward answers (docs/decisions/0023-rules.md).

mod contents;
mod lately;
mod policy;
mod proof;
mod word;

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::{Accepted, Now};
use merkle::Map;
use wire::{Content, Digest, Entry, Hlc, Message, NodeId, Opened, RecordId};

pub(crate) use contents::ASK_LIFE_MS;
use contents::Contents;
pub use contents::{CONTENT_BYTES_MAX, TOPIC};
use lately::Lately;
pub use policy::{Policy, Tally};
pub use proof::{BadRuleProof, RuleProof};
pub use word::{NOTE_BYTES_MAX, Stance, Word};

/// All rules that anybody has spoken of. Bound: the entries of the state, of which each word is one.
#[derive(Debug)]
pub struct Rules {
    policy: Policy,
    rules: BTreeMap<Digest, BTreeMap<NodeId, Spoken>>,
    /// The accepted ones, as a map that proves.
    accepted: Map,
    lately: Lately,
    /// How they stood at the newest final checkpoint, where that is known.
    sealed: Option<Standing>,
    contents: Contents,
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

/// The last word of an author on a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spoken {
    /// What it says.
    pub word: Word,
    /// When, by its author's clock.
    pub created: Hlc,
    /// The record that says so.
    pub id: RecordId,
}

/// A rule as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The hash of what it says.
    pub id: Digest,
    /// The words on it, by author.
    pub words: Vec<(NodeId, Spoken)>,
    /// What they come to.
    pub tally: Tally,
    /// Whether the policy accepts it.
    pub accepted: bool,
    /// Whether what it says is here.
    pub held: bool,
}

/// How all rules stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Statistics {
    /// Rules that anybody has spoken of.
    pub rules: u64,
    /// Those that are accepted.
    pub accepted: u64,
    /// The root of these; zeros where there are none.
    pub root: Digest,
}

/// All rules as of a moment: what they came to, and the accepted ones as a map.
#[derive(Clone, Debug)]
struct Standing {
    statistics: Statistics,
    accepted: Map,
}

/// Why something about rules cannot be. Nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Too large, or not on one line.
    #[error("a rule has at most {CONTENT_BYTES_MAX} bytes of JSON on one line")]
    Content,
    /// Larger than all.
    #[error("a confidence is 0 to 1, and a rule is put forward with more than 0")]
    Confidence,
    /// Too long, or not on one line.
    #[error("a reason has at most {NOTE_BYTES_MAX} bytes of JSON on one line")]
    Note,
    /// Nobody signs what would prove it, or has not yet.
    #[error("there is no checkpoint to prove a rule by: see `trellis checkpoint list`")]
    NoCheckpoint,
    /// Not by the newest checkpoint.
    #[error("the newest checkpoint does not have this rule among the accepted ones")]
    NotAccepted,
    /// Nothing to prove it by.
    #[error(
        "this node cannot tell what the newest checkpoint says of this rule: try again after the next one"
    )]
    NotSealed,
    /// Said before.
    #[error("this node said exactly that of this rule already")]
    Said,
    /// No such rule.
    #[error("nobody has put forward a rule of that id here: see `trellis rule list`")]
    Unknown,
}

impl Rules {
    /// Wakes up with the rows that were kept.
    pub fn new(rows: &[(String, Vec<u8>)], policy: Policy) -> Self {
        let contents = Contents::of(rows);
        let mut all = Self {
            policy,
            rules: BTreeMap::new(),
            accepted: Map::default(),
            lately: Lately::default(),
            sealed: None,
            contents,
            changed: BTreeMap::new(),
        };
        let mut newest_ms = 0;
        for (name, value) in rows {
            let Some((rule, author)) = word_key(name) else { continue };
            match decode(value) {
                Some(spoken) => {
                    newest_ms = newest_ms.max(spoken.created.ms());
                    all.rules.entry(rule).or_default().insert(author, spoken);
                }
                None => tracing::error!(name, "a word on a rule cannot be read: it does not count"),
            }
        }
        let words = |it: &BTreeMap<NodeId, Spoken>| all.policy.tally(it.iter().map(speaker));
        let tallies = all.rules.iter().map(|(rule, it)| (rule, words(it)));
        let accepted = tallies.filter(|(_, tally)| all.policy.accepts(tally));
        all.accepted = Map::of(accepted.map(|(rule, tally)| tally.leaf(rule)).collect());
        all.lately = Lately::new(newest_ms);
        all
    }

    /// Takes a record that entered: a word on a rule, or a question or an answer of what one says.
    /// Returns what to tell everybody (RULE-1, RULE-3).
    pub fn hear(&mut self, accepted: &Accepted, me: &NodeId, now: Now) -> Option<Message> {
        let author = accepted.carried.signed.author;
        match &accepted.record.content {
            Content::Entry(entry) if entry.collection == COLLECTION => {
                let rule = rule_of(entry)?;
                let word = entry.value.as_deref().and_then(Word::decode);
                let (created, id) = (accepted.record.created, accepted.id);
                self.speak((rule, author), word, (created, id), now);
                None
            }
            Content::Message(message) if message.topic == TOPIC && message.bridged.is_none() => {
                if author == *me {
                    return None;
                }
                let rule = *message.item_hashes.first()?;
                let speaks = |it: &Spoken| it.word.stance == Stance::Commit;
                let is_ours = self.rules.get(&rule).and_then(|it| it.get(me)).is_some_and(speaks);
                let answer = self.contents.hear(message, rule, is_ours, now);
                self.changed.extend(self.contents.rows());
                answer
            }
            Content::Contradiction(_)
            | Content::Entry(_)
            | Content::Message(_)
            | Content::Profile(_) => None,
        }
    }

    /// Takes a word that was replaced before it came: it counts as of moments before that.
    pub fn hear_late(&mut self, late: &Opened, now: Now) {
        let Content::Entry(entry) = &late.record.content else { return };
        let Some(rule) = rule_of(entry).filter(|_| entry.collection == COLLECTION) else { return };
        let word = entry.value.as_deref().and_then(Word::decode);
        let at = (late.record.created, late.id);
        self.lately.note((rule, late.signed.author), at, word, now);
    }

    /// Says whether something may be said of a rule.
    pub fn check(&self, rule: &Digest, me: &NodeId, word: &Word) -> Result<(), RuleError> {
        word.check()?;
        let words = self.rules.get(rule);
        if word.stance != Stance::Commit && words.is_none() {
            return Err(RuleError::Unknown);
        }
        match words.and_then(|it| it.get(me)) {
            Some(spoken) if spoken.word == *word => Err(RuleError::Said),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the signatures of logic and context, as whoever spoke of the rule first has them.
    pub fn signatures(&self, rule: &Digest) -> Result<(Digest, Digest), RuleError> {
        let words = self.rules.get(rule).ok_or(RuleError::Unknown)?;
        let first = words.values().min_by_key(|it| (it.created, it.id));
        first.map(|it| (it.word.logic, it.word.context)).ok_or(RuleError::Unknown)
    }

    /// Keeps what a rule of ours says, for who asks.
    pub fn keep(&mut self, content: &[u8]) {
        self.contents.keep(content);
        self.changed.extend(self.contents.rows());
    }

    /// Asks everybody what a rule says, unless it is here.
    pub fn want(&mut self, rule: &Digest, now: Now) -> Result<Option<Message>, RuleError> {
        if !self.rules.contains_key(rule) {
            return Err(RuleError::Unknown);
        }
        Ok(self.contents.want(*rule, now))
    }

    /// Returns one rule.
    pub fn get(&self, rule: &Digest) -> Result<Rule, RuleError> {
        let words = self.rules.get(rule).ok_or(RuleError::Unknown)?;
        Ok(self.rule(rule, words))
    }

    /// Returns what a rule says, where it is here.
    pub fn content(&self, rule: &Digest) -> Result<Option<Bytes>, RuleError> {
        if !self.rules.contains_key(rule) {
            return Err(RuleError::Unknown);
        }
        Ok(self.contents.get(rule).cloned())
    }

    /// Returns rules behind one in the order of their ids, at most so many.
    pub fn list(&self, after: Option<&Digest>, max: usize) -> Vec<Rule> {
        let after = after.map_or(std::ops::Bound::Unbounded, |it| std::ops::Bound::Excluded(*it));
        let rules = self.rules.range((after, std::ops::Bound::Unbounded));
        rules.take(max).map(|(rule, words)| self.rule(rule, words)).collect()
    }

    /// Returns how all rules stand (RULE-2).
    pub fn statistics(&self) -> Statistics {
        self.standing(self.rules.len(), &self.accepted)
    }

    /// Returns what the rules came to as of a moment, in one hash; `None` where that is not known any more (RULE-4).
    pub fn as_of(&self, cut_ms: u64) -> Option<Digest> {
        self.stood(cut_ms).map(|it| it.statistics.name())
    }

    /// Notes that a checkpoint is final, so that what it says of rules can be proven.
    pub fn seal(&mut self, cut_ms: u64, name: &Digest) {
        self.sealed = self.stood(cut_ms).filter(|it| it.statistics.name() == *name);
    }

    /// Returns what a checkpoint says of rules, if it is the newest or says what stands.
    pub fn known(&self, name: &Digest) -> Option<Statistics> {
        let sealed = self.sealed.iter().map(|it| it.statistics);
        sealed.chain([self.statistics()]).find(|it| it.name() == *name)
    }

    /// Proves that a rule is accepted by what a final checkpoint says of rules.
    pub fn prove(&self, rule: &Digest, name: &Digest) -> Result<RuleProof, RuleError> {
        let words = self.rules.get(rule).ok_or(RuleError::Unknown)?;
        let now = Standing { statistics: self.statistics(), accepted: self.accepted.clone() };
        let standing = self.sealed.iter().chain([&now]).find(|it| it.statistics.name() == *name);
        let Standing { statistics, accepted } = standing.ok_or(RuleError::NotSealed)?;
        // What was said since may have changed the tally: the leaf tells whether it is the same.
        let tally = self.policy.tally(words.iter().map(speaker));
        match accepted.get(rule) {
            None => Err(RuleError::NotAccepted),
            Some(leaf) if leaf == tally.leaf(rule) => Ok(RuleProof {
                rule: *rule,
                tally,
                statistics: *statistics,
                path: accepted.prove(rule).encode(rule),
            }),
            Some(_) => Err(RuleError::NotSealed),
        }
    }

    /// Returns the rows that must be on disk with the record that made them.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    fn rule(&self, rule: &Digest, words: &BTreeMap<NodeId, Spoken>) -> Rule {
        Rule {
            id: *rule,
            words: words.iter().map(|(author, spoken)| (*author, spoken.clone())).collect(),
            tally: self.policy.tally(words.iter().map(|(author, it)| (author, &it.word))),
            accepted: self.accepted.get(rule).is_some(),
            held: self.contents.holds(rule),
        }
    }

    /// Takes an author's word, or that it has none any more, unless a later one is known.
    fn speak(
        &mut self,
        (rule, author): (Digest, NodeId),
        word: Option<Word>,
        at: (Hlc, RecordId),
        now: Now,
    ) {
        let words = self.rules.entry(rule).or_default();
        let before = words.get(&author).map(|known| ((known.created, known.id), &known.word));
        if let Some((known, word)) = before {
            self.lately.note((rule, author), known, Some(word.clone()), now);
        }
        self.lately.note((rule, author), at, word.clone(), now);
        if before.is_some_and(|(known, _)| at <= known) {
            return;
        }
        let (created, id) = at;
        let row = word.map(|word| Spoken { word, created, id });
        self.changed.insert(word_name(&rule, &author), row.as_ref().map(encode));
        match row {
            Some(spoken) => words.insert(author, spoken),
            None => words.remove(&author),
        };
        let tally = self.policy.tally(words.iter().map(speaker));
        if words.is_empty() {
            self.rules.remove(&rule);
        }
        self.policy.place(&mut self.accepted, &rule, &tally);
    }

    /// Returns how all rules stood as of a moment: as they stand, but for what was said since.
    fn stood(&self, cut_ms: u64) -> Option<Standing> {
        let (mut count, mut accepted) = (self.rules.len(), self.accepted.clone());
        for (rule, then) in self.lately.since(cut_ms)? {
            let now = self.rules.get(&rule);
            let others = now.into_iter().flatten().filter(|(author, _)| !then.contains_key(author));
            let changed = then.iter().filter_map(|(author, word)| Some((author, (*word)?)));
            let words: Vec<_> = others.map(speaker).chain(changed).collect();
            count = count + usize::from(!words.is_empty()) - usize::from(now.is_some());
            let tally = self.policy.tally(words.into_iter());
            self.policy.place(&mut accepted, &rule, &tally);
        }
        Some(Standing { statistics: self.standing(count, &accepted), accepted })
    }

    fn standing(&self, rules: usize, accepted: &Map) -> Statistics {
        Statistics { rules: rules as u64, accepted: accepted.len(), root: accepted.root() }
    }
}

fn speaker<'a>((author, spoken): (&'a NodeId, &'a Spoken)) -> (&'a NodeId, &'a Word) {
    (author, &spoken.word)
}

/// Returns the name of a rule: the hash of what it says.
pub fn name_of(content: &[u8]) -> Digest {
    Digest::of("trellis-rule-v1", &[content])
}

/// Says whether a text can be what a rule says: one line, and not too long.
pub(crate) fn check_content(content: &Bytes) -> Result<(), RuleError> {
    let text = std::str::from_utf8(content).ok().filter(|it| !it.chars().any(char::is_control));
    match text {
        Some(text) if !text.is_empty() && text.len() <= CONTENT_BYTES_MAX => Ok(()),
        Some(_) | None => Err(RuleError::Content),
    }
}

/// Returns the entry of a word.
pub(crate) fn entry(rule: &Digest, word: &Word) -> Entry {
    let (collection, name) = (COLLECTION.to_owned(), rule.to_string());
    Entry { collection, name, value: Some(Bytes::from(word.encode())) }
}

/// Returns which rule an entry is about. Each has one name, so that no author has two words on it.
fn rule_of(entry: &Entry) -> Option<Digest> {
    Digest::from_hex(&entry.name).filter(|rule| rule.to_string() == entry.name)
}

fn word_name(rule: &Digest, author: &NodeId) -> String {
    format!("{WORDS}{rule}/{author}")
}

fn word_key(name: &str) -> Option<(Digest, NodeId)> {
    let (rule, author) = name.strip_prefix(WORDS)?.split_once('/')?;
    Some((Digest::from_hex(rule)?, author.parse().ok()?))
}

fn encode(spoken: &Spoken) -> Vec<u8> {
    let Spoken { word, created, id } = spoken;
    [created.0.to_be_bytes().as_slice(), &id.0, &word.encode()].concat()
}

fn decode(bytes: &[u8]) -> Option<Spoken> {
    let (created, rest) = bytes.split_first_chunk()?;
    let (id, word) = rest.split_first_chunk()?;
    let created = Hlc(u64::from_be_bytes(*created));
    Some(Spoken { word: Word::decode(word)?, created, id: Digest(*id) })
}

/// The collection of words; decisions of people alone write to it.
pub const COLLECTION: &str = "rules";
const WORDS: &str = "words/";

#[cfg(test)]
mod tests;
