//! Seeds and the rest of the node: what they say leaves on links, what they want done goes to whoever keeps
//! the files.

use engine::Now;
use wire::{Content, NodeId, SeedId};

use super::{Node, write_beside};
use crate::people::{Actor, Line};
use crate::seeds::{self, Brief, SeedDecision, SeedFact, SeedTurn};
use crate::{Answer, CommandError, Effect};

impl Node {
    /// Does what is due of seeds, and hears what peers said of them.
    pub(super) fn tend_if_due(&mut self, now: Now) -> Vec<Effect> {
        let mail = self.engine.take_seed_mail();
        let due = self.seeds_at.is_some_and(|at| at <= now.time());
        if mail.is_empty() && !due {
            return Vec::new();
        }
        let mut turn = SeedTurn::default();
        for mail in mail {
            self.seeds.hear_peer(mail, &mut turn, now);
        }
        self.tend_with(turn, now)
    }

    /// The same, whether or not anything is due.
    pub(super) fn tend(&mut self, now: Now) -> Vec<Effect> {
        self.tend_with(SeedTurn::default(), now)
    }

    /// Hears what became of a wish.
    pub(super) fn seed_done(&mut self, fact: SeedFact, now: Now) -> Vec<Effect> {
        let fact = match fact {
            SeedFact::Finished(id, Ok(())) if self.may_write(now).is_err() => {
                // Others would not believe us that we hold it: it is looked at once more.
                SeedFact::Finished(id, Err("this node cannot write to the state now".to_owned()))
            }
            fact => fact,
        };
        let mut effects = Vec::new();
        if let Some(id) = self.seeds.done(fact, now) {
            self.note_seed("seed.held", "here", &id, None, now);
            if let Ok(seed) = self.seeds.get(&id, now) {
                let entry = seeds::entry(&id, Some(seed.brief.shape));
                self.engine.write(vec![(Content::Entry(entry), 0)], now);
            }
            let mut written = self.engine.drain();
            self.look_at(&mut written, now);
            effects.extend(written.into_iter().map(Effect::Net));
        }
        effects.extend(self.tend(now));
        effects
    }

    /// Says whether what is decided on a seed can be done.
    pub(super) fn check_seed(&self, decision: &SeedDecision, now: Now) -> Result<(), CommandError> {
        match decision {
            SeedDecision::Offer(brief, life_ms) => self.check_offer(brief, *life_ms),
            SeedDecision::Plant(id) => Ok(self.seeds.check_plant(id, now)?),
            SeedDecision::Compost(id) => Ok(self.seeds.check_compost(id, now)?),
            SeedDecision::Postpone(id, life_ms) => Ok(self.seeds.check_later(id, *life_ms, now)?),
            SeedDecision::Uproot(id) => Ok(self.seeds.check_uproot(id)?),
        }
    }

    /// Does what was decided on a seed.
    pub(super) fn carry_out_seed(
        &mut self,
        actor: &Actor,
        decision: SeedDecision,
        now: Now,
    ) -> Result<Answer, CommandError> {
        let by = &actor.name;
        match decision {
            SeedDecision::Offer(brief, life_ms) => {
                return self.offer_seed(actor, brief, life_ms, now);
            }
            SeedDecision::Plant(id) => self.seeds.plant(&id, by, now)?,
            SeedDecision::Compost(id) => self.seeds.compost(&id, by, now)?,
            SeedDecision::Postpone(id, life_ms) => self.seeds.later(&id, life_ms, by, now)?,
            SeedDecision::Uproot(id) => {
                self.seeds.uproot(&id)?;
                self.engine.write(vec![(Content::Entry(seeds::entry(&id, None)), 0)], now);
            }
        }
        Ok(Answer::Done)
    }

    /// Says whether a seed can be offered.
    fn check_offer(&self, brief: &Brief, life_ms: u64) -> Result<(), CommandError> {
        let max = self.engine.config().message_life_ms_max;
        if life_ms == 0 || max < life_ms {
            return Err(CommandError::Life(max));
        }
        self.seeds.check_offer(brief)?;
        let entry = seeds::entry(&brief.shape.id(), Some(brief.shape));
        if !self.engine.fits(&[(Content::Entry(entry), 0)]) {
            return Err(CommandError::Full(self.engine.config().entries_max));
        }
        self.check_message(&brief.message())
    }

    /// Tells everybody of a seed, and that it is here.
    fn offer_seed(
        &mut self,
        actor: &Actor,
        brief: Brief,
        life_ms: u64,
        now: Now,
    ) -> Result<Answer, CommandError> {
        let answer = self.tell(brief.message(), life_ms, now)?;
        let entry = seeds::entry(&brief.shape.id(), Some(brief.shape));
        self.engine.write(vec![(Content::Entry(entry), 0)], now);
        self.seeds.keep(brief, &actor.name, now);
        Ok(answer)
    }

    fn tend_with(&mut self, mut turn: SeedTurn, now: Now) -> Vec<Effect> {
        if self.stopping {
            self.seeds_at = None;
            return Vec::new();
        }
        let engine = &self.engine;
        let link_of = |node: &NodeId| engine.link_of(node);
        self.seeds.turn(&mut turn, &link_of, &|link| engine.has_link(*link), now);
        let SeedTurn { wishes, says, reach, keep, blame } = turn;
        says.into_iter().for_each(|(link, seed)| self.engine.send_seed(link, seed));
        keep.into_iter().for_each(|link| self.engine.keep_link(link, KEPT_MS, now));
        reach.iter().for_each(|node| self.engine.reach(node, now));
        for (link, peer, id) in blame {
            self.note_seed("seed.refused", "no piece of it", &id, Some(peer), now);
            self.engine.blame(
                link,
                "sent a piece of a seed that is not what the seed's name says",
                now,
            );
        }
        self.seeds_at = self.seeds.deadline(now);
        let mut effects = self.engine.drain();
        let mut rows = self.seeds.rows();
        rows.append(&mut self.people.rows());
        write_beside(&mut effects, rows);
        let effects = effects.into_iter().map(Effect::Net);
        effects.chain(wishes.into_iter().map(Effect::Seed)).collect()
    }

    fn note_seed(&mut self, deed: &str, result: &str, id: &SeedId, peer: Option<NodeId>, now: Now) {
        let peer = peer.map_or(String::new(), |peer| format!(",\"node\":\"{peer}\""));
        let what = format!("{{\"seed\":\"{id}\"{peer}}}");
        let (deed, result) = (deed.to_owned(), result.to_owned());
        let line = Line { person: "-".to_owned(), role: "node", deed, result, what };
        self.people.note(&line, now);
    }
}

/// A link that carries pieces stays for so long after the last wish.
const KEPT_MS: u64 = 30_000;
