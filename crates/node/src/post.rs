//! Who waits for which letter, and who reads what came.

use std::collections::BTreeMap;

use engine::{Event, Mail, Now};
use wire::{LetterId, Subject};

use crate::transfers::Transfers;
use crate::{Answer, CommandError, CommandId, Effect};

/// Operators that wait for a receipt. Bound: the letters that the engine has under way.
#[derive(Debug, Default)]
pub(crate) struct Post(BTreeMap<LetterId, CommandId>);

impl Post {
    /// Notes who is told what becomes of a letter.
    pub(crate) fn expect(&mut self, letter: LetterId, command: CommandId) {
        self.0.insert(letter, command);
    }

    /// Hands out what came.
    pub(crate) fn read(
        &mut self,
        mail: Vec<Mail>,
        transfers: &mut Transfers,
        now: Now,
    ) -> Vec<Effect> {
        mail.into_iter().filter_map(|mail| self.read_one(mail, transfers, now)).collect()
    }

    fn read_one(&mut self, mail: Mail, transfers: &mut Transfers, now: Now) -> Option<Effect> {
        match mail {
            Mail::Came(letter) => match letter.subject {
                Subject::Note => {
                    let event = Event::Letter(Box::new(letter));
                    Some(Effect::Net(engine::Effect::Report(event)))
                }
                Subject::Transfer => {
                    transfers.hear(letter.author, &letter.body, now);
                    None
                }
            },
            Mail::Delivered(letter, delivery) => {
                let id = self.0.remove(&letter)?;
                Some(Effect::Answer(id, Answer::Sent(letter, delivery)))
            }
            Mail::Failed(letter, why) => {
                let id = self.0.remove(&letter)?;
                Some(Effect::Answer(id, Answer::Refused(CommandError::Undelivered(why))))
            }
        }
    }
}
