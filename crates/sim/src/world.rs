//! The world: machines, time, and what the story does to them.
//!
//! It stands still between two calls of [`World::run_until`]; what the story does then happens at
//! that moment. Below: `faults` (what breaks), `views` (what can be seen from outside).

mod faults;
mod views;

pub use views::{Figures, Link};

use engine::TicketId;
use node::{Command, CommandId, Effect, Input, Node};
use wire::RecordId;

use crate::chance::Chance;
use crate::config::WorldConfig;
use crate::ground::Ground;
use crate::host::{Host, Possess, Power, written};
use crate::observer::Published;
use crate::shard::{Broken, Shard};
use crate::{happening::What, windows};

/// Machines under one seed.
pub struct World {
    ground: Ground,
    shards: Vec<Shard>,
    now_us: u64,
    /// For whoever tells the story.
    chance: Chance,
}

impl World {
    /// Makes machines that are switched off.
    pub fn new(config: WorldConfig) -> Self {
        let chance = Chance::new(config.seed, &[STORY]);
        let ground = Ground::new(config);
        let shards = (0..ground.threads).map(|number| Shard::new(number, &ground)).collect();
        Self { ground, shards, now_us: 0, chance }
    }

    /// Returns what it was made of.
    pub fn config(&self) -> &WorldConfig {
        &self.ground.config
    }

    /// Returns virtual time, microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Draws a number below `bound` from the world's seed.
    pub fn draw(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).unwrap_or(0)
    }

    /// Switches a machine on. It wakes up with what its disk has, or with the book it was sold with.
    pub fn start(&mut self, host: usize) {
        let (ground, shard, at) = self.shard(host);
        shard.1.start(ground, at, shard.0);
    }

    /// Switches all machines on, one after the other, within `spread_us`.
    pub fn start_all(&mut self, spread_us: u64) {
        let hosts = self.ground.config.hosts;
        for host in 0..hosts {
            let at_us = self.now_us + spread_us * host as u64 / hosts as u64;
            let (ground, (_, shard), at) = self.shard(host);
            shard.emit_self(ground, at, at_us, What::Start);
        }
    }

    /// Lets somebody else than a node run a machine, from its next start on.
    pub fn possess(&mut self, host: usize, possess: Possess) {
        self.host_mut(host).possess = Some(possess);
    }

    /// Gives a node a command. Where it publishes or writes, returns the numbers of the new
    /// messages: they count from 0 in every world.
    pub fn command(&mut self, host: usize, command: Command) -> Result<Vec<usize>, String> {
        let state = self.host_mut(host);
        state.next_command += 1;
        let input = Input::Command(CommandId(state.next_command), command);
        self.hand(host, input)
    }

    /// Hands a node an input of the story's own making, such as one that a design-A node would have
    /// sent.
    pub fn input(&mut self, host: usize, input: engine::Input) -> Result<(), String> {
        self.hand(host, Input::Net(input)).map(|_| ())
    }

    /// Returns a ticket that no engine draws, for inputs that want an answer.
    pub fn ticket(&self) -> TicketId {
        TicketId(u64::MAX)
    }

    /// Lets time pass until `at_us`: everything before that moment has happened.
    pub fn run_until(&mut self, at_us: u64) -> Result<(), String> {
        let ran = windows::run(&mut self.shards, &self.ground, at_us);
        ran.map_err(|broken| self.broken(&broken))?;
        self.now_us = self.now_us.max(at_us);
        Ok(())
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) -> Result<(), String> {
        self.run_until(self.now_us + ms * 1_000)
    }

    fn hand(&mut self, host: usize, input: Input) -> Result<Vec<usize>, String> {
        let (ground, (now_us, shard), at) = self.shard(host);
        let stepped = shard.step(ground, at, input, now_us);
        let (effects, done_us) = stepped.map_err(|broken| self.broken(&broken))?;
        let numbers = self.register(host, &effects);
        let (ground, (_, shard), at) = self.shard(host);
        let done = shard.after(ground, at, effects, done_us);
        done.map_err(|broken| self.broken(&broken))?;
        Ok(numbers)
    }

    /// Notes what was published or written, before anybody hears of it.
    fn register(&mut self, host: usize, effects: &[Effect]) -> Vec<usize> {
        let ids: Vec<RecordId> = written(effects);
        let batches = effects.iter().filter_map(|effect| match effect {
            Effect::Net(engine::Effect::Persist(batch)) => Some(batch),
            Effect::Answer(..) | Effect::Net(_) | Effect::Seed(_) => None,
        });
        let kept: Vec<_> = batches.flat_map(|batch| &batch.keep).collect();
        let mut numbers = Vec::new();
        for id in ids {
            let Some(keep) = kept.iter().find(|keep| keep.id == id) else { continue };
            let Ok(opened) = keep.signed.clone().open() else { continue };
            let class = opened.record.class();
            let (at_us, bytes) = (self.now_us, keep.signed.body.len());
            let published = Published { id, host, at_us, class, bytes };
            // The author's own signature is as good as checked.
            self.ground.vault.seal(&opened.claim());
            numbers.push(self.ground.messages.add(published, &keep.signed));
        }
        numbers
    }

    fn broken(&self, broken: &Broken) -> String {
        let Broken { at_us, host, what } = broken;
        format!("seed {}, {} ms, node {host}: {what}", self.ground.config.seed, at_us / 1_000)
    }

    fn shard(&mut self, host: usize) -> (&Ground, (u64, &mut Shard), usize) {
        let (number, place) = self.ground.place(host);
        (&self.ground, (self.now_us, &mut self.shards[number]), place.at)
    }

    fn host(&self, host: usize) -> &Host {
        let (number, place) = self.ground.place(host);
        &self.shards[number].hosts[place.at]
    }

    fn host_mut(&mut self, host: usize) -> &mut Host {
        let (_, (_, shard), at) = self.shard(host);
        &mut shard.hosts[at]
    }

    fn up(&self) -> impl Iterator<Item = (usize, &Host)> {
        let hosts = (0..self.ground.config.hosts).map(|number| (number, self.host(number)));
        hosts.filter(|(_, host)| host.power == Power::On)
    }

    /// Returns the nodes that are on, with their numbers; liars too, if there is a node in them.
    pub fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.up().filter_map(|(number, host)| Some((number, host.node()?)))
    }
}

const STORY: u64 = 0x5703;
