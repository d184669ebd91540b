//! The side that begins an exchange, decodes, and says what it lacks.

use crate::exchange::{AHEAD, WANTED_PER_QUESTION};
use crate::{
    Act, Answer, Decoder, Difference, Done, Key, Progress, Question, SYMBOLS_MAX, Symbol, Task,
};

/// One exchange as its asker sees it. Bound: two lists of [`SYMBOLS_MAX`] symbols; how long it waits for an
/// answer is up to its owner.
#[derive(Clone, Debug)]
pub struct Asker {
    key: Key,
    /// Set by the first answer, with how many seem to differ.
    decoder: Option<(Decoder, usize)>,
    mine: Vec<Symbol>,
    /// Came and not decoded yet.
    theirs: Vec<Symbol>,
    /// Up to where symbols were promised.
    until: usize,
    is_over: bool,
}

impl Asker {
    /// Begins; the nonce is new and nobody can guess it.
    pub fn begin(nonce: u64) -> (Self, Act) {
        let key = Key { asker: nonce, answerer: 0 };
        let (decoder, mine, theirs) = (None, Vec::new(), Vec::new());
        let asker = Self { key, decoder, mine, theirs, until: 0, is_over: false };
        (asker, Act::Work(Task::Count(key)))
    }

    /// Takes what came of a look at the set.
    pub fn done(&mut self, done: Done) -> Vec<Act> {
        match done {
            Done::Counted(estimate) => {
                vec![Act::Ask(Question::Begin { nonce: self.key.asker, estimate })]
            }
            Done::Encoded(symbols) => {
                self.mine.extend(symbols);
                self.decode()
            }
            Done::Found(items) => vec![Act::Send(items), Act::Close],
            Done::Opened(..) => Vec::new(),
        }
    }

    /// Takes symbols.
    pub fn hear(&mut self, answer: Answer) -> Vec<Act> {
        if self.is_over {
            return Vec::new();
        }
        let mut acts = Vec::new();
        let (decoder, differing) = match &self.decoder {
            Some((decoder, differing)) => (decoder, *differing),
            None => {
                let first = Decoder::first(answer.differing);
                if answer.until == 0 || first < answer.until {
                    return self.end(Act::Accuse);
                }
                self.key.answerer = answer.nonce;
                self.until = answer.until;
                acts.push(Act::Work(Task::Encode(self.key, 0..AHEAD.max(self.until))));
                let begun = (Decoder::new(answer.differing), answer.differing);
                (&self.decoder.insert(begun).0, answer.differing)
            }
        };
        let known = decoder.len() + self.theirs.len();
        let more = answer.symbols.len();
        let same = (answer.nonce, answer.differing, answer.until)
            == (self.key.answerer, differing, self.until);
        let fits = 0 < more && answer.from.saturating_add(more) <= self.until;
        if !(same && fits) {
            return self.end(Act::Accuse);
        }
        if answer.from != known {
            // A frame was lost on the way.
            return self.end(Act::GiveUp);
        }
        self.theirs.extend(answer.symbols);
        acts.extend(self.decode());
        acts
    }

    /// Decodes, once both sides' symbols are there.
    fn decode(&mut self) -> Vec<Act> {
        let Some((decoder, _)) = &mut self.decoder else { return Vec::new() };
        let from = decoder.len();
        let is_complete = from + self.theirs.len() == self.until && self.until <= self.mine.len();
        if self.is_over || from == self.until || !is_complete {
            return Vec::new();
        }
        let theirs = std::mem::take(&mut self.theirs);
        match decoder.add(&self.mine[from..self.until], &theirs) {
            Progress::Done(difference) => self.close(difference),
            Progress::GivenUp => self.end(Act::GiveUp),
            Progress::More(until) => {
                self.until = until;
                let mut acts = vec![Act::Ask(Question::More(until))];
                let have = self.mine.len();
                if have < until {
                    // Twice as many, so that few looks do.
                    let range = have..until.max(have * 2).min(SYMBOLS_MAX);
                    acts.push(Act::Work(Task::Encode(self.key, range)));
                }
                acts
            }
        }
    }

    fn close(&mut self, difference: Difference) -> Vec<Act> {
        self.is_over = true;
        let Difference { mine, theirs } = difference;
        let mut wants: Vec<Vec<u64>> =
            theirs.chunks(WANTED_PER_QUESTION).map(<[u64]>::to_vec).collect();
        if wants.last().is_none_or(|last| last.len() == WANTED_PER_QUESTION) {
            // A short one says that it is the last.
            wants.push(Vec::new());
        }
        let mut acts: Vec<Act> =
            wants.into_iter().map(|ids| Act::Ask(Question::Want(ids))).collect();
        acts.push(if mine.is_empty() {
            Act::Close
        } else {
            Act::Work(Task::Find(self.key, mine.into_iter().collect()))
        });
        acts
    }

    fn end(&mut self, act: Act) -> Vec<Act> {
        self.is_over = true;
        vec![act]
    }
}
