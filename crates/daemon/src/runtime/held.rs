//! Effects that wait for a write.

use std::collections::VecDeque;

use node::{CommandId, Effect};

use crate::store_thread::JobId;

/// Effects in order, each with the write it waits for. Writes finish in order, so these do too.
#[derive(Debug, Default)]
pub(super) struct Held(VecDeque<(JobId, Effect)>);

impl Held {
    pub(super) fn push(&mut self, job: JobId, effect: Effect) {
        self.0.push_back((job, effect));
    }

    /// Takes what waited for writes up to this one.
    pub(super) fn release(&mut self, durable: JobId) -> Vec<(JobId, Effect)> {
        let ready = self.0.iter().take_while(|(job, _)| *job <= durable).count();
        self.0.drain(..ready).collect()
    }

    /// Takes the answers out and leaves the rest.
    pub(super) fn take_answers(&mut self) -> Vec<CommandId> {
        let mut answers = Vec::new();
        self.0.retain(|(_, effect)| match effect {
            Effect::Answer(id, _) => {
                answers.push(*id);
                false
            }
            Effect::Net(_) | Effect::Seed(_) => true,
        });
        answers
    }
}
