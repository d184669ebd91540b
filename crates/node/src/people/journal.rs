//! The log of what people decided and what they were shown: each line names the one before by its
//! hash, and the node signs it. Nobody can change or drop a line without all after it showing that;
//! who keeps the hash of the last one can tell that none is missing at the end.

use engine::JOURNAL;
use wire::{Digest, Hex, Identity, NodeId};

use crate::row::{Words, is_line};

/// One line to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Who; `-` where the node itself notes something.
    pub person: String,
    /// As what.
    pub role: &'static str,
    /// What kind.
    pub deed: String,
    /// What became of it.
    pub result: String,
    /// What exactly, on one line.
    pub what: String,
}

/// The end of the log, where the next line goes.
#[derive(Debug)]
pub struct Journal {
    identity: Identity,
    next: u64,
    last: Digest,
}

/// A line as it stands in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineText {
    /// Its number; the first is 1.
    pub number: u64,
    /// When, unix milliseconds.
    pub time_ms: u64,
    /// Whose log it is.
    pub node: NodeId,
    /// Who.
    pub person: String,
    /// As what.
    pub role: String,
    /// What kind.
    pub deed: String,
    /// What became of it.
    pub result: String,
    /// What exactly.
    pub what: String,
    /// The hash of the line before; zeros for the first.
    pub previous: Digest,
    /// Its own.
    pub hash: Digest,
    /// The node's signature over it.
    pub signature: [u8; 64],
}

/// What a whole log shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chained {
    /// Lines.
    pub lines: u64,
    /// The number of the first.
    pub first: u64,
    /// Whose log it is.
    pub node: NodeId,
    /// The hash of the last line: who keeps it can tell later that none is missing.
    pub last: Digest,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRow {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable,
    /// Lines before it are missing, or it stands twice.
    #[error("it does not follow the line before by its number")]
    Number,
    /// The line before was changed, or this one.
    #[error("it names another line before it")]
    Chain,
    /// Another node's.
    #[error("it is another node's")]
    Node,
    /// The node did not sign it.
    #[error("the node did not sign it")]
    Signature,
}

/// Where a log is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the log is broken at its line {at}: {why}")]
pub struct BadJournal {
    /// Counted from the first, which is 1.
    pub at: u64,
    /// What is wrong.
    pub why: BadRow,
}

impl Journal {
    pub(super) fn of(rows: &[(String, Vec<u8>)], identity: Identity) -> Self {
        // Names of rows sort as their numbers do.
        let rows = rows.iter().filter(|(name, _)| name.starts_with(JOURNAL));
        let Some((name, value)) = rows.max_by_key(|(name, _)| name) else {
            return Self { identity, next: 1, last: Digest::default() };
        };
        let number = name.strip_prefix(JOURNAL).and_then(|it| it.parse::<u64>().ok());
        let next = number.unwrap_or(0).saturating_add(1);
        let last = LineText::decode(value).map(|line| line.hash);
        if last.is_none() {
            tracing::error!(name, "the last line of the log cannot be read: the next begins anew");
        }
        Self { identity, next, last: last.unwrap_or_default() }
    }

    /// Makes the next line: the name of its row, and what is in it.
    pub(super) fn append(&mut self, line: &Line, time_ms: u64) -> (String, Vec<u8>) {
        let clean = |text: &str| -> String {
            text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
        };
        let Line { person, role, deed, result, what } = line;
        let (number, node, previous) = (self.next, self.identity.id(), self.last);
        let (person, deed) = (clean(person), clean(deed));
        let (result, what) = (clean(result), clean(what));
        let text = format!(
            "{VERSION}\nnumber {number}\ntime {time_ms}\nnode {node}\nperson {person}\nrole {role}\n\
             deed {deed}\nresult {result}\nwhat {what}\nprevious {previous}\n"
        );
        self.last = hash(&text);
        self.next = self.next.saturating_add(1);
        let signature = self.identity.sign(&signed(&self.last));
        let row = format!("{text}signature {}\n", Hex(&signature)).into_bytes();
        (format!("{JOURNAL}{number:020}"), row)
    }
}

impl LineText {
    /// Reads a line; its signature may still be wrong.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut words = Words::begin(bytes, VERSION)?;
        let (number, time_ms) = (words.value("number")?, words.value("time")?);
        let node = words.value("node")?;
        let mut text = |word| words.text(word).filter(|it| is_line(it)).map(str::to_owned);
        let (person, role, deed) = (text("person")?, text("role")?, text("deed")?);
        let (result, what) = (text("result")?, text("what")?);
        let previous = Digest::from_hex(words.text("previous")?)?;
        let signature = words.text("signature")?;
        words.end()?;
        let end = bytes.len().checked_sub("signature \n".len() + signature.len())?;
        let hash = hash(std::str::from_utf8(bytes.get(..end)?).ok()?);
        let signature = Hex::read_array(signature)?;
        Some(Self {
            number,
            time_ms,
            node,
            person,
            role,
            deed,
            result,
            what,
            previous,
            hash,
            signature,
        })
    }

    /// Says what is wrong with it behind another one, if anything.
    fn check(&self, before: Option<&Chained>) -> Result<(), BadRow> {
        if let Some(before) = before {
            let number = before.first.saturating_add(before.lines);
            if self.number != number {
                return Err(BadRow::Number);
            }
            if self.previous != before.last {
                return Err(BadRow::Chain);
            }
            if self.node != before.node {
                return Err(BadRow::Node);
            }
        } else if self.number == 1 && self.previous != Digest::default() {
            return Err(BadRow::Chain);
        }
        let genuine = self.node.verify(&signed(&self.hash), &self.signature);
        if genuine { Ok(()) } else { Err(BadRow::Signature) }
    }
}

/// Checks a log line by line: numbers, hashes and signatures (PEOPLE-4). `None` for one without lines.
pub fn read_chain<'a>(
    rows: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Chained>, BadJournal> {
    let mut chain: Option<Chained> = None;
    for (row, at) in rows.into_iter().zip(1..) {
        let line = LineText::decode(row).ok_or(BadJournal { at, why: BadRow::Unreadable })?;
        line.check(chain.as_ref()).map_err(|why| BadJournal { at, why })?;
        let first = chain.map_or(line.number, |it| it.first);
        chain = Some(Chained { lines: at, first, node: line.node, last: line.hash });
    }
    Ok(chain)
}

fn hash(text: &str) -> Digest {
    Digest::of("trellis-log-v1", &[text.as_bytes()])
}

fn signed(hash: &Digest) -> Vec<u8> {
    [b"trellis-log-signature-v1\0".as_slice(), &hash.0].concat()
}

const VERSION: &str = "log 1";
