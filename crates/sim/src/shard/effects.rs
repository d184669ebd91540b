//! What nodes want done.

use bytes::Bytes;
use engine::{Effect as Net, Event, Input};
use node::Effect;
use wire::{Frame, Goodbye};

use super::{Broken, Shard};
use crate::config::NETWORK;
use crate::ground::Ground;
use crate::happening::What;
use crate::host::link_number;

impl Shard {
    /// Performs effects in order; what follows a write waits for the disk.
    pub(super) fn perform(
        &mut self,
        ground: &Ground,
        at: usize,
        effects: Vec<Effect>,
        at_us: u64,
    ) -> Result<(), Broken> {
        let mut effects = effects.into_iter();
        while let Some(effect) = effects.next() {
            let effect = match effect {
                Effect::Answer(_, answer) => {
                    self.hosts[at].answered(&answer);
                    continue;
                }
                Effect::Net(effect) => effect,
                // A simulated machine keeps no contents: nobody plants there.
                Effect::Seed(_) => continue,
            };
            if let Net::Persist(batch) = effect {
                let done_us = self.disk_us(ground, at, at_us);
                // A happening of its own, so that a crash before it loses it.
                let written = What::Written(Box::new((batch, effects.collect())));
                self.emit_self(ground, at, done_us, written);
                return Ok(());
            }
            self.perform_one(ground, at, effect, at_us)?;
        }
        Ok(())
    }

    fn perform_one(
        &mut self,
        ground: &Ground,
        at: usize,
        effect: Net,
        at_us: u64,
    ) -> Result<(), Broken> {
        match effect {
            Net::AnswerDoor(..) => {}
            Net::Dial(address) => self.dial(ground, at, address, at_us),
            Net::Disconnect(link, reason, text) => {
                let goodbye = Bytes::from(Frame::Goodbye(Goodbye { reason, text }).encode());
                self.hang_up(ground, at, link_number(link), goodbye, at_us);
            }
            Net::Fill(..) => unreachable!("a simulated disk keeps no hashes: all leaves wake up"),
            Net::Load(ticket, ids, bytes_max) => {
                let done_us = self.disk_us(ground, at, at_us);
                let load = What::Load(Box::new((ticket, ids, bytes_max)));
                self.emit_self(ground, at, done_us, load);
            }
            Net::Persist(_) => unreachable!("taken out by the caller"),
            Net::PushDoor(address, _) => {
                let pushed = Input::DoorPushed(address, Err("no such door".to_owned()));
                self.emit_self(ground, at, at_us + 1_000, What::Input(Box::new(pushed)));
            }
            Net::Report(event) => return self.reported(ground, at, &event, at_us),
            Net::Send(link, class, bytes) => {
                self.send(ground, at, link_number(link), class, bytes, at_us);
            }
            Net::TellLeft(link, class) => self.watch(ground, at, link_number(link), class, at_us),
            Net::Work(ticket, work) => {
                let host = &mut self.hosts[at];
                let done_us = host.council_free_us.max(at_us) + WORK_US * host.factor;
                host.council_free_us = done_us;
                let worked = Input::Worked(ticket, ground.vault.work(&work));
                self.emit_self(ground, at, done_us, What::Input(Box::new(worked)));
            }
            Net::Glance(ticket, glance) => {
                let glanced = Input::Glanced(ticket, glance.run());
                self.emit_self(ground, at, at_us + GLANCE_US, What::Input(Box::new(glanced)));
            }
            Net::Verify(_, batch) => {
                let cost_us = ground.traits.machines().verify_us * batch.len() as u64;
                let host = &mut self.hosts[at];
                let done_us = host.worker_free_us.max(at_us) + cost_us * host.factor;
                host.worker_free_us = done_us;
                let verdict = |claim| ground.vault.verify(&NETWORK, claim);
                let verdicts = batch.iter().map(|(id, claim)| (*id, verdict(claim))).collect();
                let verified = What::Input(Box::new(Input::Verified(verdicts)));
                self.emit_self(ground, at, done_us, verified);
            }
        }
        Ok(())
    }

    /// Notes what an application heard of.
    fn reported(
        &mut self,
        ground: &Ground,
        at: usize,
        event: &Event,
        at_us: u64,
    ) -> Result<(), Broken> {
        let Event::Accepted(accepted) = event else { return Ok(()) };
        let Some(number) = ground.messages.number(&accepted.id) else { return Ok(()) };
        let published = &ground.messages.published[number as usize];
        let host = &self.hosts[at];
        if published.host == host.number as usize {
            return Ok(());
        }
        let (_, place) = ground.place(host.number as usize);
        let took_us = at_us.saturating_sub(published.at_us);
        let again = self.seen.delivered(number, place, took_us);
        // A later run may hear of it again: what it was told before it crashed is not known to it.
        let first_run = host.run <= 1 && host.possess.is_none();
        if again && first_run {
            let what = format!("record {} delivered twice", accepted.id);
            return Err(Broken { at_us, host: host.number, what });
        }
        Ok(())
    }

    fn disk_us(&mut self, ground: &Ground, at: usize, at_us: u64) -> u64 {
        self.hosts[at].disk_us(at_us, ground.traits.machines().disk_us_max)
    }
}

/// What one check of a BLS signature takes.
const WORK_US: u64 = 1_200;
/// A worker looks at a whole set; the sets of worlds are small.
const GLANCE_US: u64 = 10_000;
