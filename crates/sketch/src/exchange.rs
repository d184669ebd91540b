//! What the two sides of an exchange say to each other, and what their owners have to do.

use crate::{Estimate, Item, Symbol, Task};

/// What the asker says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// This is how my set looks: send me symbols.
    Begin {
        /// The asker's half of the key, new for each exchange.
        nonce: u64,
        /// Its set, counted under it.
        estimate: Box<Estimate>,
    },
    /// Send me symbols up to here.
    More(usize),
    /// Send me what these name: [`WANTED_PER_QUESTION`] at once, fewer or none with the last ones. It
    /// is the end of what the asker says.
    Want(Vec<u64>),
}

/// What the answerer says: symbols in order, at most [`SYMBOLS_PER_ANSWER`] at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The answerer's half of the key, the same in all of an exchange.
    pub nonce: u64,
    /// How many seem to differ, the same in all of an exchange.
    pub differing: usize,
    /// The number of the first symbol.
    pub from: usize,
    /// Symbols come up to here before the next question is due.
    pub until: usize,
    /// The symbols.
    pub symbols: Vec<Symbol>,
}

/// What a side wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Say this to the answerer.
    Ask(Question),
    /// Say this to the asker.
    Answer(Answer),
    /// Run this over the set, on a worker, and bring what comes of it.
    Work(Task),
    /// Send the peer what these name: it lacks them.
    Send(Vec<Item>),
    /// It is told what this side can tell: compare roots once records have come.
    Close,
    /// The budget is spent, or something was lost: forget this exchange and walk.
    GiveUp,
    /// The peer says what no honest one would, whatever was lost on the way: forget this exchange.
    Accuse,
}

/// Symbols in one frame: 6.5 KiB.
pub const SYMBOLS_PER_ANSWER: usize = 512;
/// Ids in one frame: 8 KiB.
pub const WANTED_PER_QUESTION: usize = 1_024;
/// Symbols made in the first look at a set, as they hardly cost more than a few: mostly all.
pub(crate) const AHEAD: usize = 1_024;
