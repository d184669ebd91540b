//! What rules say: kept where they were put forward, and fetched by who asks.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::Now;
use wire::{Class, Digest, Message, MessageKind};

use super::name_of;

/// What is here, what was asked for, and what was answered. Bounds: [`HELD_MAX`] and
/// [`ASKED_MAX`]; beyond the first nothing more is kept, of the second the earliest makes room.
#[derive(Debug, Default)]
pub(super) struct Contents {
    held: BTreeMap<Digest, Bytes>,
    wanted: BTreeMap<Digest, u64>,
    /// When a rule was last told of, by anybody, unix milliseconds.
    told: BTreeMap<Digest, u64>,
    /// Answers in this minute.
    minute: (u64, u64),
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

impl Contents {
    pub(super) fn of(rows: &[(String, Vec<u8>)]) -> Self {
        let mut contents = Self::default();
        for (name, value) in rows {
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            // What does not have its name is damaged, and nobody is told it.
            if Digest::from_hex(name) == Some(name_of(value)) {
                contents.held.insert(name_of(value), Bytes::copy_from_slice(value));
            }
        }
        contents
    }

    pub(super) fn holds(&self, rule: &Digest) -> bool {
        self.held.contains_key(rule)
    }

    pub(super) fn get(&self, rule: &Digest) -> Option<&Bytes> {
        self.held.get(rule)
    }

    pub(super) fn keep(&mut self, content: &[u8]) {
        let rule = name_of(content);
        if content.len() <= CONTENT_BYTES_MAX && self.held.len() < HELD_MAX {
            self.held.insert(rule, Bytes::copy_from_slice(content));
            self.changed.insert(format!("{PREFIX}{rule}"), Some(content.to_vec()));
        }
    }

    /// Returns the question, unless the answer is here or was asked for a moment ago.
    pub(super) fn want(&mut self, rule: Digest, now: Now) -> Option<Message> {
        let recent = self.wanted.get(&rule).is_some_and(|at| now.unix_ms < at + ASK_AGAIN_MS);
        if self.holds(&rule) || recent {
            return None;
        }
        note(&mut self.wanted, rule, now);
        Some(message(MessageKind::Request, rule, Bytes::from_static(b"{}")))
    }

    /// Takes an answer that was asked for, or makes one to a question (RULE-3).
    pub(super) fn hear(
        &mut self,
        message: &Message,
        rule: Digest,
        is_ours: bool,
        now: Now,
    ) -> Option<Message> {
        match message.kind {
            MessageKind::Request if is_ours => self.answer(rule, now),
            MessageKind::Response => {
                let is_it = name_of(&message.payload) == rule;
                if is_it {
                    note(&mut self.told, rule, now);
                }
                if is_it && self.wanted.remove(&rule).is_some() {
                    self.keep(&message.payload);
                }
                None
            }
            MessageKind::Announce | MessageKind::Heartbeat | MessageKind::Request => None,
        }
    }

    pub(super) fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// Everybody hears an answer, so one in a while is enough for all who ask.
    fn answer(&mut self, rule: Digest, now: Now) -> Option<Message> {
        let content = self.held.get(&rule)?.clone();
        let minute = now.unix_ms / 60_000;
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        let recent = self.told.get(&rule).is_some_and(|at| now.unix_ms < at + ASK_AGAIN_MS);
        if recent || ANSWERS_PER_MINUTE_MAX <= self.minute.1 {
            return None;
        }
        self.minute.1 += 1;
        note(&mut self.told, rule, now);
        Some(message(MessageKind::Response, rule, content))
    }
}

fn note(times: &mut BTreeMap<Digest, u64>, rule: Digest, now: Now) {
    times.retain(|_, at| now.unix_ms < at.saturating_add(ASK_AGAIN_MS));
    if ASKED_MAX <= times.len() {
        let first = times.iter().min_by_key(|(rule, at)| (**at, **rule)).map(|(rule, _)| *rule);
        first.and_then(|rule| times.remove(&rule));
    }
    times.insert(rule, now.unix_ms);
}

fn message(kind: MessageKind, rule: Digest, payload: Bytes) -> Message {
    let class = match kind {
        MessageKind::Response => Class::Bulk,
        MessageKind::Announce | MessageKind::Heartbeat | MessageKind::Request => Class::Normal,
    };
    Message { kind, class, item_hashes: vec![rule], ..Message::new(TOPIC, payload) }
}

/// The topic of questions and answers.
pub const TOPIC: &str = "rules";
/// Largest rule.
pub const CONTENT_BYTES_MAX: usize = 32 * 1024;
/// How long questions and answers live.
pub(crate) const ASK_LIFE_MS: u64 = 3_600_000;
/// Contents kept at most.
const HELD_MAX: usize = 1_024;
/// Questions and answers remembered.
const ASKED_MAX: usize = 4_096;
/// How long one question, and one answer, is enough.
const ASK_AGAIN_MS: u64 = 10_000;
/// Design C's limit of queries, and ours of answers.
const ANSWERS_PER_MINUTE_MAX: u64 = 30;
const PREFIX: &str = "rule/";
