//! Symbols of two sets become what they differ by.

use crate::SYMBOLS_MAX;
use crate::places::Places;
use crate::symbol::{Side, Symbol};

/// What was found so far. Bound: [`Decoder::budget`] symbols and as many ids.
#[derive(Clone, Debug)]
pub struct Decoder {
    symbols: Vec<Symbol>,
    found: Vec<Found>,
    budget: usize,
}

/// How far a decoder came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress {
    /// This is all of it, unless the peer lied: only equal roots say so.
    Done(Difference),
    /// Symbols up to here, exclusive, are wanted next.
    More(usize),
    /// The budget is spent, or what came is none of a set: walk.
    GivenUp,
}

/// What only one side has.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    /// Ids that only we have.
    pub mine: Vec<u64>,
    /// Ids that only the peer has.
    pub theirs: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    id: u64,
    side: Side,
    places: Places,
}

impl Decoder {
    /// Begins; `differing` is an estimate and decides on what this may cost.
    pub fn new(differing: usize) -> Self {
        Self { symbols: Vec::new(), found: Vec::new(), budget: budget(differing) }
    }

    /// Returns how many symbols are worth sending first where so many ids seem to differ: mostly enough.
    pub fn first(differing: usize) -> usize {
        differing.saturating_add(differing / 2 + FIRST_MIN).min(budget(differing))
    }

    /// Says whether so many that seem to differ are more than sketches are for.
    pub fn is_hopeless(differing: usize) -> bool {
        SYMBOLS_MAX < differing.saturating_add(differing / 2 + FIRST_MIN)
    }

    /// Returns how many symbols are looked at, at most.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Returns how many symbols came so far.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Says whether none came yet.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Takes the next symbols of both sides. What is above the budget is left out.
    pub fn add(&mut self, mine: &[Symbol], theirs: &[Symbol]) -> Progress {
        let from = self.symbols.len();
        let pairs = mine.iter().zip(theirs).take(self.budget.saturating_sub(from));
        self.symbols.extend(pairs.map(|(mine, theirs)| theirs.without(mine)));
        for found in &mut self.found {
            found.leave(&mut self.symbols, |_| ());
        }
        let mut open: Vec<usize> = (from..self.symbols.len()).collect();
        while let Some(at) = open.pop() {
            let symbol = self.symbols[at];
            let Some(side) = symbol.alone() else { continue };
            // Of a real difference each symbol gives at most one id away.
            if self.symbols.len() <= self.found.len() {
                return Progress::GivenUp;
            }
            let mut found = Found { id: symbol.sum, side, places: Places::of(symbol.sum) };
            found.leave(&mut self.symbols, |at| open.push(at));
            self.found.push(found);
        }
        if !self.is_empty() && self.symbols.iter().all(|it| *it == Symbol::default()) {
            return Progress::Done(self.difference());
        }
        if self.budget <= self.symbols.len() {
            return Progress::GivenUp;
        }
        Progress::More((self.len() + (self.len() / 8).max(MORE_MIN)).min(self.budget))
    }

    fn difference(&self) -> Difference {
        let of = |side| {
            let found = self.found.iter().filter(move |it| it.side == side);
            found.map(|it| it.id).collect()
        };
        Difference { mine: of(Side::Mine), theirs: of(Side::Theirs) }
    }
}

impl Found {
    /// Goes out of all symbols that are there and that it has not left yet.
    fn leave(&mut self, symbols: &mut [Symbol], mut left: impl FnMut(usize)) {
        while let Ok(at) = usize::try_from(self.places.at)
            && let Some(symbol) = symbols.get_mut(at)
        {
            symbol.take(self.id, self.side);
            left(at);
            self.places.advance();
        }
    }
}

fn budget(differing: usize) -> usize {
    differing.saturating_mul(2).saturating_add(BUDGET_MIN).min(SYMBOLS_MAX)
}

/// Symbols that an exchange may cost beyond two for each id that seems to differ.
const BUDGET_MIN: usize = 64;
/// Symbols that are asked for beyond those that the difference needs.
const FIRST_MIN: usize = 10;
/// Symbols worth another message.
const MORE_MIN: usize = 8;
