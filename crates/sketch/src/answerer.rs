//! The side that is asked: it makes symbols, and gives what the other side then names.

use std::collections::BTreeSet;

use crate::exchange::{AHEAD, SYMBOLS_PER_ANSWER, WANTED_PER_QUESTION};
use crate::{Act, Answer, Decoder, Done, Estimate, Key, Question, Symbol, Task};

/// One exchange as its answerer sees it. Bound: the symbols and ids that the estimate of both sides
/// allows, [`crate::SYMBOLS_MAX`] at most, and one look at the set for each doubling of them and one for
/// all that is named; how often a peer may begin one is up to its owner.
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
    /// What was named so far; looked up at once, when all is.
    wanted: BTreeSet<u64>,
    /// Ids that were named so far, some of them twice.
    named: usize,
    is_over: bool,
}

impl Answerer {
    /// Begins with what [`Question::Begin`] said; our nonce is new and nobody can guess it.
    pub fn begin(asked: u64, theirs: Box<Estimate>, nonce: u64) -> (Self, Act) {
        let key = Key { asker: asked, answerer: nonce };
        let work = Task::Open { asked: Key { asker: asked, answerer: 0 }, key, range: 0..AHEAD };
        let answerer = Self {
            key,
            theirs,
            differing: 0,
            budget: 0,
            symbols: Vec::new(),
            told: 0,
            wished: 0,
            wanted: BTreeSet::new(),
            named: 0,
            is_over: false,
        };
        (answerer, Act::Work(work))
    }

    /// Takes what came of a look at the set.
    pub fn done(&mut self, done: Done) -> Vec<Act> {
        match done {
            Done::Opened(ours, symbols) => {
                self.differing = ours.differing(&self.theirs);
                if Decoder::is_hopeless(self.differing) {
                    return self.end(Act::GiveUp);
                }
                self.budget = Decoder::new(self.differing).budget();
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
        if self.is_over {
            return Vec::new();
        }
        // One wish at a time.
        let is_idle = 0 < self.told && self.told == self.wished;
        match question {
            Question::More(until) if is_idle && self.is_wish(until) => {
                self.wished = until;
                self.tell()
            }
            Question::Want(ids) if is_idle && self.named + ids.len() <= self.budget => {
                self.named += ids.len();
                let is_last = ids.len() < WANTED_PER_QUESTION;
                self.wanted.extend(ids);
                if !is_last {
                    return Vec::new();
                }
                let wanted = std::mem::take(&mut self.wanted);
                self.end(if wanted.is_empty() {
                    Act::Close
                } else {
                    Act::Work(Task::Find(self.key, wanted))
                })
            }
            Question::Begin { .. } | Question::More(_) | Question::Want(_) => self.end(Act::Accuse),
        }
    }

    /// Never back, and never beyond the budget.
    fn is_wish(&self, until: usize) -> bool {
        self.told < until && until <= self.budget && self.named == 0
    }

    fn end(&mut self, act: Act) -> Vec<Act> {
        self.is_over = true;
        vec![act]
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
