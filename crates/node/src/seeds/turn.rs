//! What seeds say and want done as time goes on and others speak.

use super::*;

impl Seeds {
    /// Hears what peers said of seeds.
    pub fn hear_peer(&mut self, mail: SeedMail, turn: &mut SeedTurn, now: Now) {
        let SeedMail { link, peer, seed: Seed { id, step } } = mail;
        if let SeedStep::Wanted { from, count } = step {
            return self.serve(link, id, from, count, now);
        }
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        let mut acts = Acts::default();
        fetch.hear(id, (link, peer), step, &mut acts, now);
        self.act(id, acts, turn);
    }

    /// Hears what became of a wish. Returns a seed that is all here by now.
    pub fn done(&mut self, fact: SeedFact, now: Now) -> Option<SeedId> {
        match fact {
            SeedFact::Opened(id, held) => {
                let fetch = self.fetches.get_mut(&id)?;
                match held {
                    Ok(held) => fetch.opened(held),
                    Err(why) => fetch.failed(why, now),
                }
                None
            }
            SeedFact::Written(id, index, outcome) => {
                let fetch = self.fetches.get_mut(&id)?;
                match outcome {
                    Ok(()) => fetch.written(index),
                    Err(why) => fetch.failed(why, now),
                }
                None
            }
            SeedFact::Finished(id, outcome) => {
                let fetch = self.fetches.get_mut(&id)?;
                if let Err(why) = outcome {
                    fetch.failed(why, now);
                    return None;
                }
                self.fetches.remove(&id);
                let shelved = self.shelf.get(&id)?.clone();
                self.keep(shelved.brief, &shelved.by, now);
                Some(id)
            }
            SeedFact::Read(link, id, piece) => {
                self.server.read();
                let step = match piece {
                    Some(piece) => SeedStep::Piece(*piece),
                    None => SeedStep::Refused(SeedRefusal::Absent),
                };
                self.says.push((link, Seed { id, step }));
                None
            }
        }
    }

    /// Does what is due.
    pub fn turn(
        &mut self,
        turn: &mut SeedTurn,
        link_of: &dyn Fn(&NodeId) -> Option<LinkId>,
        is_open: &dyn Fn(&LinkId) -> bool,
        now: Now,
    ) {
        let ids: Vec<SeedId> = self.fetches.keys().copied().collect();
        for id in ids {
            let holders = self.sources(&id);
            let mut acts = Acts::default();
            if let Some(fetch) = self.fetches.get_mut(&id) {
                fetch.turn(id, &holders, link_of, &mut acts, now);
            }
            self.act(id, acts, turn);
        }
        if !self.server.is_idle() {
            self.server.forget(is_open);
        }
        for Order { link, id, index } in self.server.orders(now) {
            match self.held(&id) {
                Some(shape) => self.wishes.push(SeedWish::Read { id, shape, index, link }),
                None => {
                    self.server.read();
                    self.refuse(link, id, SeedRefusal::Absent);
                }
            }
        }
        turn.wishes.append(&mut self.wishes);
        turn.says.append(&mut self.says);
    }

    /// Returns when something is due.
    pub fn deadline(&self, now: Now) -> Option<Time> {
        let fetches = self.fetches.values().filter_map(|it| it.deadline(now));
        let woken = (!self.wishes.is_empty()).then(|| now.time());
        fetches.chain(self.server.deadline(now)).chain(woken).min()
    }

    fn serve(&mut self, link: LinkId, id: SeedId, from: u32, count: u32, now: Now) {
        let pieces = self.held(&id).map_or(0, |it| it.pieces());
        if pieces < from.saturating_add(count) {
            return self.refuse(link, id, SeedRefusal::Absent);
        }
        if !self.server.wish(link, id, from, count, now) {
            self.refuse(link, id, SeedRefusal::Exhausted);
        }
    }

    fn refuse(&mut self, link: LinkId, id: SeedId, refusal: SeedRefusal) {
        self.says.push((link, Seed { id, step: SeedStep::Refused(refusal) }));
    }

    fn held(&self, id: &SeedId) -> Option<Shape> {
        let held = self.shelf.get(id).filter(|it| it.choice == Choice::Held);
        held.map(|it| it.brief.shape)
    }

    /// Who may have it: those who say so, and those who offer it.
    fn sources(&self, id: &SeedId) -> Vec<NodeId> {
        let holders = self.holders.get(id).into_iter().flatten().copied();
        let offers = self.offers.get(id).into_iter().flat_map(BTreeMap::values);
        let all: BTreeSet<NodeId> = holders.chain(offers.map(|it| it.author)).collect();
        all.into_iter().filter(|node| *node != self.me).collect()
    }

    fn act(&mut self, id: SeedId, acts: Acts, turn: &mut SeedTurn) {
        let Acts { wishes, says, reach, keep, blame } = acts;
        self.wishes.extend(wishes);
        self.says.extend(says.into_iter().map(|(link, step)| (link, Seed { id, step })));
        turn.reach.extend(reach);
        turn.keep.extend(keep);
        turn.blame.extend(blame.into_iter().map(|(link, node)| (link, node, id)));
    }
}
