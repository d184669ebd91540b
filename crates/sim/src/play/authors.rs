//! Who writes next, and what.

use std::collections::BTreeMap;

use bytes::Bytes;
use node::levels::{Amount, Reading};
use node::people::Actor;
use node::rules::{Stance, Word};
use node::{Command, Decision, Draft, Publication};
use wire::{Digest, MessageKind};

use super::crowd::Crowd;
use super::people;
use crate::World;
use crate::scenario::{Sources, Stream, What};

/// The pens of a world.
#[derive(Debug, Default)]
pub(super) struct Authors {
    /// How many cold sources there were.
    cold: usize,
    /// Publications so far: no two payloads are equal.
    written: usize,
    /// Words on rules so far, of each author.
    words: BTreeMap<usize, usize>,
}

/// What an author was asked to write.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) command: Command,
    /// Size of each payload in it.
    pub(super) payload_bytes: usize,
    /// Records it makes if it is not refused.
    pub(super) records: usize,
}

impl Authors {
    /// Returns who writes in this turn of a stream: nodes that are on, and honest.
    pub(super) fn of_turn(
        &mut self,
        world: &mut World,
        crowd: &Crowd,
        stream: &Stream,
        turn: usize,
    ) -> Vec<usize> {
        let may =
            |world: &World, host: usize| world.is_up(host) && !crowd.liars.contains_key(&host);
        let nodes = world.config().hosts;
        let listed = |all: &[usize], at: usize| all.get(at % all.len().max(1)).copied();
        if stream.sources == Sources::Each {
            return (0..nodes).filter(|host| may(world, *host)).collect();
        }
        let mut authors = Vec::with_capacity(stream.at_once);
        for one in 0..stream.at_once {
            let wanted = match stream.sources {
                Sources::Any | Sources::Each => Some(world.draw(nodes)),
                Sources::Cold => {
                    self.cold += 1;
                    Some(scattered(self.cold, nodes))
                }
                Sources::Listed => listed(&stream.authors, turn * stream.at_once + one),
                Sources::One => crowd.sources.first().copied(),
                Sources::Rotating => listed(&crowd.sources, turn * stream.at_once + one),
            };
            // Whoever is off hands over to the next.
            let mut next = wanted.into_iter().flat_map(|host| (host..nodes).chain(0..host));
            authors.extend(next.find(|host| may(world, *host)));
        }
        authors
    }

    /// Returns what an author writes.
    pub(super) fn write(
        &mut self,
        world: &mut World,
        stream: &Stream,
        author: usize,
    ) -> Vec<Writing> {
        let payload_bytes = stream.bytes[world.draw(stream.bytes.len())];
        let mut writings = Vec::new();
        let (entries, message) = match stream.what {
            What::Message => (false, true),
            What::Entry => (true, false),
            What::Both => (true, true),
            What::Alert | What::Level | What::Rule | What::Transfer => {
                let (command, records) = self.decided(world, stream.what, author);
                return vec![Writing { command, payload_bytes, records }];
            }
        };
        if entries {
            let drafts = (0..stream.entries).map(|_| {
                self.written += 1;
                Draft {
                    collection: "default".to_owned(),
                    name: format!("{}/{author}", self.written),
                    value: Some(payload(self.written, payload_bytes)),
                }
            });
            let command = Command::Put(drafts.collect());
            writings.push(Writing { command, payload_bytes, records: stream.entries });
        }
        if message {
            self.written += 1;
            let publication = Publication {
                topic: "water".to_owned(),
                kind: MessageKind::Announce,
                class: stream.class.class(),
                payload: payload(self.written, payload_bytes),
                reply_to: None,
                life_ms: 86_400_000,
            };
            let command = Command::Publish(publication);
            writings.push(Writing { command, payload_bytes, records: 1 });
        }
        writings
    }
}

impl Authors {
    /// Returns what people at a node decide next, and how many records it makes at once.
    fn decided(&mut self, world: &mut World, what: What, author: usize) -> (Command, usize) {
        self.written += 1;
        let number = self.written;
        let decision = match what {
            What::Alert => Decision::RaiseAlert {
                payload: Bytes::from(format!("{{\"severity\":\"warning\",\"text\":\"{number}\"}}")),
                life_ms: 86_400_000,
            },
            What::Level => {
                let level = Amount(1_000 * world.draw(5_000) as u64);
                let kind = ["water", "energy", "food"][world.draw(3)].to_owned();
                let (capacity, unit) = (Some(Amount(5_000_000)), Some("u".to_owned()));
                let reading = Reading { kind, level, capacity, unit, critical: None };
                return (Command::SetLevels(vec![reading]), 0);
            }
            What::Rule => {
                let words = self.words.entry(author).or_default();
                *words += 1;
                let content = Bytes::from(format!("{{\"context\":\"world\",\"logic\":{words}}}"));
                let word = Word {
                    stance: Stance::Commit,
                    logic: Digest::default(),
                    context: Digest::default(),
                    confidence: 700 + world.draw(300) as u64,
                    evidence: 1,
                    note: Bytes::from_static(b"\"\""),
                };
                Decision::CommitRule { content, word }
            }
            What::Both | What::Entry | What::Message | What::Transfer => {
                let others = world.config().hosts - 1;
                let with = (author + 1 + world.draw(others)) % world.config().hosts;
                people::proposal(world.id(with), number)
            }
        };
        let records = usize::from(what != What::Transfer);
        (Command::Decide(Actor::operator(), decision), records)
    }
}

/// A JSON text of exactly so many bytes, unless the number alone is longer.
fn payload(number: usize, bytes: usize) -> Bytes {
    let mut text = format!(r#"{{"n":{number},"p":""#);
    while text.len() + 2 < bytes {
        text.push('x');
    }
    text.push_str("\"}");
    Bytes::from(text)
}

/// The `turn`-th of `nodes` places, none of them twice before all were there.
fn scattered(turn: usize, nodes: usize) -> usize {
    let common = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let mut step = (nodes * 5 / 8).max(1);
    while common(step, nodes) != 1 {
        step += 1;
    }
    turn * step % nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_sources_come_once_each() {
        for nodes in [2, 7, 20, 300, 1_000] {
            let all: std::collections::BTreeSet<usize> =
                (0..nodes).map(|turn| scattered(turn, nodes)).collect();
            assert_eq!(all.len(), nodes);
        }
    }

    #[test]
    fn payloads_have_the_size_they_are_asked_for() {
        for bytes in [24, 64, 1_024, 131_072] {
            let text = payload(123_456, bytes);
            assert_eq!(text.len(), bytes);
            assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
        }
    }
}
