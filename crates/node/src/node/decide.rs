//! Decisions of people: checked, weighed, done and written into the log, or nothing at all.

use bytes::Bytes;
use engine::checkpoint::{Chain, Sealed};
use engine::{Accepted, Event, Now};
use wire::{Content, Digest, Message};

use super::{Node, write_beside};
use crate::alerts::{self, Acknowledgement, Heard, Logged};
use crate::people::{Actor, Line, Standing};
use crate::rules::{self, RuleError, Stance, Word};
use crate::{Answer, CommandError, Decision, ProvenRule};

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
        self.check_decision(&decision, now)?;
        match verdict.standing() {
            Standing::Decided => {
                let answer = self.carry_out(actor, decision, now)?;
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
    fn check_decision(&self, decision: &Decision, now: Now) -> Result<(), CommandError> {
        match decision {
            Decision::AcknowledgeAlert { alert, note, life_ms } => {
                alerts::check(note)?;
                Ok(self.alerts.check_acknowledge(alert, *life_ms, now)?)
            }
            Decision::AddPerson { name, .. } => Ok(self.people.check_new(name)?),
            Decision::ChallengeRule { rule, note } => {
                let word = self.word(rule, Stance::Challenge, (0, 0), note.clone())?;
                self.check_word(rule, &word)
            }
            Decision::CommitRule { content, word } => {
                rules::check_content(content)?;
                self.check_word(&rules::name_of(content), word)
            }
            Decision::ConfirmRule { rule, confidence, evidence } => {
                let word = self.word(rule, Stance::Confirm, (*confidence, *evidence), nothing())?;
                self.check_word(rule, &word)
            }
            Decision::DisputeAlert { alert, payload } => {
                self.alerts.check_dispute(alert, &self.engine.me(), now)?;
                self.check_message(&alerts::dispute(*alert, payload)?)
            }
            Decision::RaiseAlert { payload, life_ms } => {
                let max = self.engine.config().message_life_ms_max;
                if *life_ms == 0 || max < *life_ms {
                    return Err(CommandError::Life(max));
                }
                self.check_message(&alerts::alert(payload)?)
            }
            Decision::ProposeTransfer(it) => Ok(self.transfers.check(it)?),
            Decision::AgreeTransfer(id, said) => Ok(self.transfers.check_yes(id, said)?),
            Decision::RefuseTransfer(id) => Ok(self.transfers.check_no(id)?),
            Decision::FinishTransfer(id) => Ok(self.transfers.check_done(id)?),
            Decision::Seed(seed) => self.check_seed(seed, now),
            Decision::RemovePerson(name) => Ok(self.people.check_known(name)?),
        }
    }

    /// Does what was decided. Without an answer it is about people.
    fn carry_out(
        &mut self,
        actor: &Actor,
        decision: Decision,
        now: Now,
    ) -> Result<Option<Answer>, CommandError> {
        match decision {
            Decision::AcknowledgeAlert { alert, note, life_ms } => {
                let (at_ms, by) = (now.unix_ms, actor.name.clone());
                let until_ms = at_ms.saturating_add(life_ms);
                self.alerts.acknowledge(&alert, Acknowledgement { by, at_ms, until_ms, note });
                Ok(Some(Answer::Done))
            }
            Decision::AddPerson { name, role, token } => {
                self.people.add(&name, role, token, now);
                Ok(None)
            }
            Decision::ChallengeRule { rule, note } => {
                let word = self.word(&rule, Stance::Challenge, (0, 0), note)?;
                self.speak(&rule, &word, now).map(Some)
            }
            Decision::CommitRule { content, word } => {
                let answer = self.speak(&rules::name_of(&content), &word, now)?;
                self.rules.keep(&content);
                Ok(Some(answer))
            }
            Decision::ConfirmRule { rule, confidence, evidence } => {
                let word = self.word(&rule, Stance::Confirm, (confidence, evidence), nothing())?;
                self.speak(&rule, &word, now).map(Some)
            }
            Decision::DisputeAlert { alert, payload } => {
                // It goes when the alert does.
                let expires_ms = self.alerts.get(&alert, now)?.expires_ms;
                let life_ms = expires_ms.saturating_sub(now.unix_ms).max(1);
                self.tell(alerts::dispute(alert, &payload)?, life_ms, now).map(Some)
            }
            Decision::RaiseAlert { payload, life_ms } => {
                self.tell(alerts::alert(&payload)?, life_ms, now).map(Some)
            }
            Decision::ProposeTransfer(it) => {
                Ok(Some(Answer::Proposed(self.transfers.propose(it, now)?)))
            }
            Decision::AgreeTransfer(id, said) => {
                self.transfers.yes(&id, &said)?;
                Ok(Some(Answer::Done))
            }
            Decision::RefuseTransfer(id) => {
                self.transfers.no(&id)?;
                Ok(Some(Answer::Done))
            }
            Decision::FinishTransfer(id) => {
                self.transfers.done(&id, now)?;
                Ok(Some(Answer::Done))
            }
            Decision::Seed(seed) => self.carry_out_seed(actor, seed, now).map(Some),
            Decision::RemovePerson(name) => {
                self.people.remove(&name);
                Ok(None)
            }
        }
    }

    pub(super) fn check_message(&self, message: &Message) -> Result<(), CommandError> {
        message.check()?;
        self.check_size(message.topic.len() + message.payload.len())
    }

    /// Makes a word of ours on a rule that somebody has spoken of.
    fn word(
        &self,
        rule: &Digest,
        stance: Stance,
        (confidence, evidence): (u64, u64),
        note: Bytes,
    ) -> Result<Word, CommandError> {
        let (logic, context) = self.rules.signatures(rule)?;
        Ok(Word { stance, logic, context, confidence, evidence, note })
    }

    fn check_word(&self, rule: &Digest, word: &Word) -> Result<(), CommandError> {
        self.rules.check(rule, &self.engine.me(), word)?;
        let contents = [(Content::Entry(rules::entry(rule, word)), 0)];
        if self.engine.fits(&contents) {
            return Ok(());
        }
        Err(CommandError::Full(self.engine.config().entries_max))
    }

    fn speak(&mut self, rule: &Digest, word: &Word, now: Now) -> Result<Answer, CommandError> {
        let contents = vec![(Content::Entry(rules::entry(rule, word)), 0)];
        let ids = self.engine.write(contents, now);
        if ids.is_empty() {
            return Err(CommandError::Full(self.engine.config().entries_max));
        }
        Ok(Answer::Written(ids))
    }

    /// Says how a rule stands, and what it says where that is here.
    pub(super) fn rule(&self, rule: &Digest) -> Result<Answer, CommandError> {
        let content = self.rules.content(rule)?;
        Ok(Answer::Rule(Box::new(self.rules.get(rule)?), content))
    }

    /// Proves that a rule is accepted, by the newest checkpoint (RULE-4).
    pub(super) fn prove_rule(&self, rule: &Digest) -> Result<Answer, CommandError> {
        let content = self.rules.content(rule)?;
        let sealed = self.engine.council().map(|it| it.sealed()).into_iter().flatten();
        let sealed: Vec<_> = sealed.map(|(_, it)| it).collect();
        let newest = sealed.last().ok_or(RuleError::NoCheckpoint)?;
        let proof = self.rules.prove(rule, &newest.checkpoint.rules)?;
        let steps = sealed.iter().filter(|it| it.checkpoint.hands_over());
        let last = [newest].into_iter().filter(|it| !it.checkpoint.hands_over());
        let chain = Chain(steps.chain(last).map(|it| Sealed::clone(it)).collect());
        Ok(Answer::RuleProven(Box::new(ProvenRule { proof, content, chain })))
    }

    /// Asks everybody what a rule says (RULE-3).
    pub(super) fn want_rule(&mut self, rule: &Digest, now: Now) -> Result<Answer, CommandError> {
        self.may_write(now)?;
        if let Some(question) = self.rules.want(rule, now)? {
            self.tell(question, rules::ASK_LIFE_MS, now)?;
        }
        self.rule(rule)
    }

    pub(super) fn tell(
        &mut self,
        message: Message,
        life_ms: u64,
        now: Now,
    ) -> Result<Answer, CommandError> {
        let class = self.engine.class_of_own(message.class, now);
        let links = self.engine.links_len();
        let ids = self.engine.write(vec![(Content::Message(message), life_ms)], now);
        match ids.first() {
            Some(id) => Ok(Answer::Published { id: *id, links, class }),
            None => Err(CommandError::NoRoom),
        }
    }

    /// Looks at what entered for the people here, and has their rows written in the same transaction.
    pub(super) fn look_at(&mut self, effects: &mut Vec<engine::Effect>, now: Now) {
        let (mut answers, me) = (Vec::new(), self.engine.me());
        for effect in effects.iter() {
            match effect {
                engine::Effect::Report(Event::Accepted(accepted)) => {
                    self.hear(accepted, now);
                    answers.extend(self.rules.hear(accepted, &me, now));
                    self.seeds.hear(accepted, now);
                }
                engine::Effect::Report(Event::Sealed(sealed)) => {
                    let it = &sealed.checkpoint;
                    self.rules.seal(it.cut_ms, &it.rules);
                }
                _ => {}
            }
        }
        let mut rows = self.alerts.rows();
        rows.append(&mut self.rules.rows());
        rows.append(&mut self.seeds.rows());
        rows.append(&mut self.people.rows());
        write_beside(effects, rows);
        if !answers.is_empty() && self.may_write(now).is_ok() {
            let life_ms = rules::ASK_LIFE_MS;
            let contents = answers.into_iter().map(|it| (Content::Message(it), life_ms)).collect();
            self.engine.write(contents, now);
            effects.append(&mut self.engine.drain());
        }
    }

    /// Tells attesters what the rules came to as of the moments that they agree on (RULE-4).
    pub(super) fn count_rules(&mut self, effects: &mut Vec<engine::Effect>, now: Now) {
        for late in self.engine.take_late() {
            self.rules.hear_late(&late, now);
        }
        for cut_ms in self.engine.cuts() {
            self.engine.count(cut_ms, self.rules.as_of(cut_ms), now);
            effects.append(&mut self.engine.drain());
        }
    }

    /// Notes an alert that somebody else raised, or disputes, in the log (ALERT-3).
    fn hear(&mut self, accepted: &Accepted, now: Now) {
        let Some(heard) = self.alerts.hear(accepted, now) else { return };
        let (deed, id, author) = match heard {
            Heard::Alert(id, author) => ("alert.received", id, author),
            Heard::Dispute(id, author) => ("dispute.received", id, author),
        };
        if author == self.engine.me() {
            return;
        }
        let (result, what) = match self.alerts.log(now) {
            Logged::Alone => ("shown", format!("{{\"id\":\"{id}\",\"node\":\"{author}\"}}")),
            Logged::More => ("more", "{\"more\":\"than are logged one by one today\"}".to_owned()),
            Logged::Unsaid => return,
        };
        let (person, role) = ("-".to_owned(), "node");
        let (deed, result) = (deed.to_owned(), result.to_owned());
        self.people.note(&Line { person, role, deed, result, what }, now);
    }

    fn assembly(&self, now: Now) -> Answer {
        Answer::People(Box::new(self.people.assembly(now)))
    }
}

/// The note of who gives no reason.
fn nothing() -> Bytes {
    Bytes::from_static(b"\"\"")
}
