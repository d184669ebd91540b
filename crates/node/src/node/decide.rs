//! Decisions of people: checked, weighed, done and written into the log, or nothing at all.

use engine::Now;

use super::Node;
use crate::people::{Actor, Standing};
use crate::{Answer, CommandError, Decision};

impl Node {
    /// Makes a decision, if this person may and enough others agree (PEOPLE-1, PEOPLE-3).
    pub(super) fn decide(
        &mut self,
        actor: &Actor,
        decision: Decision,
        now: Now,
    ) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        let verdict = self.people.weigh(actor, decision.deed(), &decision.text(), now)?;
        self.check_decision(&decision)?;
        match verdict.standing() {
            Standing::Decided => {
                let answer = self.carry_out(decision, now)?;
                self.people.record(verdict, now);
                Ok(answer.unwrap_or_else(|| self.assembly(now)))
            }
            Standing::Waits => match self.people.record(verdict, now) {
                Some(vote) => Ok(Answer::Waits(vote)),
                None => Ok(Answer::Done),
            },
        }
    }

    /// Says whether a decision can be carried out, for who would only say yes to it by now.
    fn check_decision(&self, decision: &Decision) -> Result<(), CommandError> {
        match decision {
            Decision::AddPerson { name, .. } => Ok(self.people.check_new(name)?),
            Decision::RemovePerson(name) => Ok(self.people.check_known(name)?),
        }
    }

    /// Does what was decided. Without an answer it is about people.
    fn carry_out(&mut self, decision: Decision, now: Now) -> Result<Option<Answer>, CommandError> {
        match decision {
            Decision::AddPerson { name, role, token } => {
                self.people.add(&name, role, token, now);
                Ok(None)
            }
            Decision::RemovePerson(name) => {
                self.people.remove(&name);
                Ok(None)
            }
        }
    }

    fn assembly(&self, now: Now) -> Answer {
        Answer::People(Box::new(self.people.assembly(now)))
    }
}
