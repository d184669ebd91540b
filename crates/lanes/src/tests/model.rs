//! The same order, written as slowly as the paper has it: every round is walked.

use std::collections::VecDeque;

use wire::Class;

use crate::ALERT_LEAD_BYTES_MAX;

/// Frames by class, each with its number and bytes.
#[derive(Debug)]
pub(super) struct Model {
    queues: [VecDeque<(usize, usize)>; 4],
    credits: [usize; 4],
    turn: usize,
    lead_bytes: usize,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { queues: Default::default(), credits: FRESH, turn: 1, lead_bytes: 0 }
    }

    pub(super) fn push(&mut self, class: Class, number: usize, bytes: usize) {
        self.queues[class.index()].push_back((number, bytes));
    }

    pub(super) fn pop(&mut self) -> Option<(Class, usize)> {
        let others = self.queues[1..].iter().any(|queue| !queue.is_empty());
        let lead = |bytes: usize| {
            !others || self.lead_bytes == 0 || self.lead_bytes + bytes <= ALERT_LEAD_BYTES_MAX
        };
        let index = match self.queues[0].front() {
            Some((_, bytes)) if lead(*bytes) => 0,
            None if !others => return None,
            Some(_) | None => self.walk(),
        };
        let (number, bytes) = self.queues[index].pop_front()?;
        self.credits[index] = self.credits[index].saturating_sub(bytes);
        self.lead_bytes = match (index, others) {
            (0, true) => self.lead_bytes + bytes,
            _ => self.lead_bytes.saturating_sub(bytes),
        };
        if self.queues[1..].iter().all(VecDeque::is_empty) {
            (self.turn, self.credits) = (1, FRESH);
        }
        if self.queues.iter().all(VecDeque::is_empty) {
            self.lead_bytes = 0;
        }
        Some((Class::ALL[index], number))
    }

    fn walk(&mut self) -> usize {
        loop {
            let turn = self.turn;
            match self.queues[turn].front() {
                Some((_, bytes)) if *bytes <= self.credits[turn] => return turn,
                Some(_) => {}
                None => self.credits[turn] = 0,
            }
            self.turn = if turn == 3 { 1 } else { turn + 1 };
            if !self.queues[self.turn].is_empty() {
                self.credits[self.turn] += [0, 8, 4, 1][self.turn] * 2_048;
            }
        }
    }
}

/// A new round begins with control.
const FRESH: [usize; 4] = [0, 8 * 2_048, 0, 0];
