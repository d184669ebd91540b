//! The side that is asked: it makes symbols, and gives what the other side then names.

use crate::exchange::{AHEAD, SYMBOLS_PER_ANSWER, WANTED_PER_QUESTION};
use crate::{Act, Answer, Decoder, Done, Estimate, Key, Question, Symbol, Task};

/// One exchange as its answerer sees it. Bound: the symbols and ids that the estimate of both sides
/// allows, [`crate::SYMBOLS_MAX`] at most, and one look at the set for each doubling of them; how often a
/// peer may begin one is up to its owner.
#[derive(Clone, Debug)]
pub struct Answerer {
    key: Key,
    theirs: Box<Estimate>,
    /// How many seem to differ, and what this may cost; both 0 until our set is counted.
    differing: usize,
    budget: usize,
    symbols: Vec<Symbol>,
    told: usize,
    wished: usize,
    /// Ids that may still be named.
    names: usize,
}

impl Answerer {
    /// Begins with what [`Question::Begin`] said; our nonce is new and nobody can guess it.
    pub fn begin(asked: u64, theirs: Box<Estimate>, nonce: u64) -> (Self, Act) {
        let key = Key { asker: asked, answerer: nonce };
        let work = Task::Open { asked: Key { asker: asked, answerer: 0 }, key, range: 0..AHEAD };
        let symbols = Vec::new();
        let (differing, budget, told, wished, names) = (0, 0, 0, 0, 0);
        let answerer = Self { key, theirs, differing, budget, symbols, told, wished, names };
        (answerer, Act::Work(work))
    }

    /// Takes what came of a look at the set.
    pub fn done(&mut self, done: Done) -> Vec<Act> {
        match done {
            Done::Opened(ours, symbols) => {
                self.differing = ours.differing(&self.theirs);
                self.budget = Decoder::new(self.differing).budget();
                self.names = self.budget;
                self.wished = Decoder::first(self.differing);
                self.symbols = symbols;
                self.tell()
            }
            Done::Encoded(symbols) => {
                self.symbols.extend(symbols);
                self.tell()
            }
            Done::Found(items) => vec![Act::Send(items), Act::Close],
            Done::Counted(_) => Vec::new(),
        }
    }

    /// Takes what the asker says next.
    pub fn hear(&mut self, question: Question) -> Vec<Act> {
        match question {
            Question::Begin { .. } => vec![Act::GiveUp],
            Question::More(until) => {
                // One wish at a time, and never back.
                let is_idle = 0 < self.told && self.told == self.wished;
                if !is_idle || until <= self.told || self.budget < until {
                    return vec![Act::GiveUp];
                }
                self.wished = until;
                self.tell()
            }
            Question::Want(ids) => {
                let Some(names) = self.names.checked_sub(ids.len()) else {
                    return vec![Act::GiveUp];
                };
                // Each wish is a look at the set: only the last one may be a short one.
                let is_last = ids.len() < WANTED_PER_QUESTION;
                self.names = if is_last { 0 } else { names };
                vec![Act::Work(Task::Find(self.key, ids.into_iter().collect()))]
            }
        }
    }

    /// Says what is wished, as soon as it is made.
    fn tell(&mut self) -> Vec<Act> {
        let made = self.symbols.len();
        if made < self.wished {
            // Twice as many, so that few looks do.
            let until = self.wished.max(made * 2).min(self.budget);
            return vec![Act::Work(Task::Encode(self.key, made..until))];
        }
        let (nonce, differing, until) = (self.key.answerer, self.differing, self.wished);
        let mut from = self.told;
        let answers = self.symbols[from..until].chunks(SYMBOLS_PER_ANSWER).map(|symbols| {
            let answer = Answer { nonce, differing, from, until, symbols: symbols.to_vec() };
            from += symbols.len();
            Act::Answer(answer)
        });
        let acts = answers.collect();
        self.told = until;
        acts
    }
}
