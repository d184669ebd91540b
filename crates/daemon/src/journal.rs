//! A log of decisions as a file: what `trellis log export` writes, and what it shows.

use node::people::{Chained, read_chain};

/// Why a file of a log shows nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct BadLog(#[from] node::people::BadJournal);

/// What a log shows, whole and unchanged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// How many lines.
    pub lines: u64,
    /// The number of the first: 1 for a whole log.
    pub first: u64,
    /// The node that signed them; empty where there are none.
    pub node: String,
    /// The hash of the last: who keeps it can tell later that none is missing at the end.
    pub last: String,
}

/// Checks a file of a log: numbers, hashes and signatures.
pub fn verify(file: &[u8]) -> Result<Shown, BadLog> {
    let chain = read_chain(rows(file))?;
    let none = || Shown { lines: 0, first: 1, node: String::new(), last: String::new() };
    Ok(chain.map_or_else(none, |it| {
        let Chained { lines, first, node, last } = it;
        Shown { lines, first, node: node.to_string(), last: last.to_string() }
    }))
}

/// Cuts a file into rows: an empty line ends each.
fn rows(file: &[u8]) -> Vec<&[u8]> {
    let mut rows = Vec::new();
    let mut begin = 0;
    for at in 0..file.len() {
        if file.get(at..at + 2) == Some(b"\n\n") {
            rows.extend(file.get(begin..=at));
            begin = at + 2;
        }
    }
    rows.extend(file.get(begin..).filter(|rest| !rest.is_empty()));
    rows
}
