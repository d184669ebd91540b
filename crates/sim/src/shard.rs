//! The machines that one thread runs, and what happens to them.
//!
//! Below: `links` (who is connected), `sending` (uplinks and the network), `effects` (what nodes
//! want done).

mod effects;
mod links;
mod sending;

pub(crate) use links::Told;

use engine::Time;
use node::{Effect, Input};

use crate::chance::Chance;
use crate::checkers::{Delivered, check_step};
use crate::ground::Ground;
use crate::happening::{Happening, What};
use crate::host::{Host, Power};
use crate::observer::{Labels, Seen, Traffic};
use crate::wheel::{Key, Wheel};

/// A share of the world.
pub(crate) struct Shard {
    pub(crate) number: usize,
    pub(crate) hosts: Vec<Host>,
    pub(crate) wheel: Wheel<Happening>,
    /// What happens to machines of other shards, exchanged at the border of a window.
    pub(crate) outgoing: Vec<Vec<(Key, Happening)>>,
    pub(crate) seen: Seen,
    pub(crate) traffic: Traffic,
    labels: Labels,
    /// Sum of the hashes of all that happened: the same in whatever order it was added.
    pub(crate) trace: u64,
    pub(crate) events: u64,
    pub(crate) steps: u64,
}

/// A rule that broke: when, where, and which.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Broken {
    pub(crate) at_us: u64,
    pub(crate) host: u32,
    pub(crate) what: String,
}

impl Shard {
    pub(crate) fn new(number: usize, ground: &Ground) -> Self {
        let every = ground.config.checks.every.max(1);
        let hosts = (number..ground.config.hosts).step_by(ground.threads).map(|number| {
            let chance = Chance::new(ground.config.seed, &[HOST, number as u64]);
            let mut host = Host::new(host_number(number), chance);
            host.factor = ground.traits.factor(number);
            host.undialable = ground.traits.is_undialable(number);
            host.skew_ms = ground.traits.skew_ms(number);
            host.delivered = number.is_multiple_of(every).then(Box::default);
            host
        });
        Self {
            number,
            hosts: hosts.collect(),
            wheel: Wheel::default(),
            outgoing: (0..ground.threads).map(|_| Vec::new()).collect(),
            seen: Seen::default(),
            traffic: Traffic::default(),
            labels: Labels::default(),
            trace: 0,
            events: 0,
            steps: 0,
        }
    }

    /// Lets everything happen that happens before `end_us`.
    pub(crate) fn run(&mut self, ground: &Ground, end_us: u64) -> Result<(), Broken> {
        while let Some((key, happening)) = self.wheel.pop(end_us) {
            self.events += 1;
            self.trace = self.trace.wrapping_add(happening.what.hash(&key));
            self.happen(ground, key, happening)?;
        }
        Ok(())
    }

    /// Makes something happen; `from` is one of ours.
    pub(crate) fn emit(&mut self, ground: &Ground, from: usize, to: u32, at_us: u64, what: What) {
        let host = &mut self.hosts[from];
        host.sequence = host.sequence.wrapping_add(1);
        let key = Key { at_us, to, from: host.number, sequence: host.sequence };
        let run = if to == host.number { host.run } else { 0 };
        let happening = Happening { run, what };
        let shard = to as usize % ground.threads;
        if shard == self.number {
            self.wheel.insert(key, happening);
        } else {
            self.outgoing[shard].push((key, happening));
        }
    }

    /// Makes something happen to the machine itself.
    pub(crate) fn emit_self(&mut self, ground: &Ground, at: usize, at_us: u64, what: What) {
        let to = self.hosts[at].number;
        self.emit(ground, at, to, at_us, what);
    }

    /// Hands an input to whoever runs a machine. Returns what is to be done, and when.
    pub(crate) fn step(
        &mut self,
        ground: &Ground,
        at: usize,
        input: Input,
        at_us: u64,
    ) -> Result<(Vec<Effect>, u64), Broken> {
        let host = &mut self.hosts[at];
        let now = host.now(at_us);
        let ticked = matches!(input, Input::Net(engine::Input::Tick));
        let Some(actor) = &mut host.actor else { return Ok((Vec::new(), at_us)) };
        if let Some(delivered) = &mut host.delivered {
            delivered.hear(&input);
            host.decided.hear(&input);
        }
        let effects = actor.handle(input, now);
        self.steps += 1;
        host.figures.steps += 1;
        host.processor_free_us = at_us + ground.traits.machines().step_us * host.factor;
        if host.possess.is_none()
            && let (Some(delivered), Some(node)) = (&mut host.delivered, actor.node())
        {
            let checked = check_step(node, &effects, delivered, ticked, now, ground.config.checks);
            let checked = checked.and_then(|()| host.decided.check(node, &effects, now));
            checked.map_err(|what| Broken { at_us, host: host.number, what })?;
        }
        Ok((effects, host.processor_free_us))
    }

    /// Performs effects, and waits for the next tick.
    pub(crate) fn after(
        &mut self,
        ground: &Ground,
        at: usize,
        effects: Vec<Effect>,
        at_us: u64,
    ) -> Result<(), Broken> {
        self.perform(ground, at, effects, at_us)?;
        self.labels.forget();
        self.wait_for_tick(ground, at, at_us);
        Ok(())
    }

    /// Starts a machine's node with what its disk has.
    pub(crate) fn start(&mut self, ground: &Ground, at: usize, at_us: u64) {
        let host = &mut self.hosts[at];
        if host.power == Power::On {
            return;
        }
        host.run += 1;
        host.power = Power::On;
        let number = host.number as usize;
        let identity = crate::boot::identity_of(ground.config.seed, number);
        let config = crate::boot::config_of(ground, number, host.undialable);
        let kept = host.disk.load(&ground.vault, ground.people.book(&ground.config, number));
        let seed = crate::boot::seed_of(ground.config.seed, number, host.run);
        let now = host.now(at_us);
        let node = node::Node::new(config, identity.clone(), kept, seed, now);
        host.actor = Some(match &host.possess {
            Some(possess) => possess(node, &identity),
            None => Box::new(node),
        });
        host.delivered.iter_mut().for_each(|it| **it = Delivered::default());
        self.wait_for_tick(ground, at, at_us);
    }

    fn happen(&mut self, ground: &Ground, key: Key, happening: Happening) -> Result<(), Broken> {
        let at = key.to as usize / ground.threads;
        let Happening { run, what } = happening;
        if let What::Frame(parcel) = &what
            && !self.arrived(ground, at, key.from, parcel, key.at_us)
        {
            return Ok(());
        }
        let host = &mut self.hosts[at];
        if run != 0 && run != host.run {
            if let What::Written(written) = what
                && run == host.flushed_run
            {
                host.disk.apply(&written.0, &ground.vault);
            }
            return Ok(());
        }
        if !what.needs_processor() {
            return self.happen_now(ground, at, key.from, what, key.at_us);
        }
        if host.power != Power::On {
            return self.happen_to_nobody(ground, at, key.from, &what, key.at_us);
        }
        if let Some(end_us) = ground.traits.pause_end_us(key.to as usize, key.at_us) {
            host.processor_free_us = host.processor_free_us.max(end_us);
        }
        if host.inbox.is_empty() && host.processor_free_us <= key.at_us {
            return self.think(ground, at, key.from, what, key.at_us);
        }
        host.inbox.push_back((key.from, what));
        let free_us = host.processor_free_us.max(key.at_us);
        if !std::mem::replace(&mut host.wakes, true) {
            self.emit_self(ground, at, free_us, What::Wake);
        }
        Ok(())
    }

    /// Does what needs no thinking.
    fn happen_now(
        &mut self,
        ground: &Ground,
        at: usize,
        from: u32,
        what: What,
        at_us: u64,
    ) -> Result<(), Broken> {
        match what {
            What::Knock { near } => self.knocked(ground, at, from, near, at_us),
            What::Start => self.start(ground, at, at_us),
            What::Uplink => self.uplink_free(ground, at, at_us),
            What::Wake => return self.wake(ground, at, at_us),
            What::Written(written) => {
                let (batch, rest) = *written;
                self.hosts[at].disk.apply(&batch, &ground.vault);
                self.perform(ground, at, rest, at_us)?;
                self.labels.forget();
            }
            _ => unreachable!("needs a processor"),
        }
        Ok(())
    }

    /// The processor takes up what has waited longest.
    fn wake(&mut self, ground: &Ground, at: usize, at_us: u64) -> Result<(), Broken> {
        self.hosts[at].wakes = false;
        while let Some((from, what)) = self.hosts[at].inbox.pop_front() {
            self.think(ground, at, from, what, at_us)?;
            let host = &mut self.hosts[at];
            if at_us < host.processor_free_us && !host.inbox.is_empty() {
                let free_us = host.processor_free_us;
                if !std::mem::replace(&mut host.wakes, true) {
                    self.emit_self(ground, at, free_us, What::Wake);
                }
                break;
            }
        }
        Ok(())
    }

    /// Hands what happened to the node, as far as it is still true.
    fn think(
        &mut self,
        ground: &Ground,
        at: usize,
        from: u32,
        what: What,
        at_us: u64,
    ) -> Result<(), Broken> {
        let Some(input) = self.input(ground, at, from, what, at_us) else { return Ok(()) };
        let (effects, done_us) = self.step(ground, at, Input::Net(input), at_us)?;
        self.after(ground, at, effects, done_us)
    }

    fn input(
        &mut self,
        ground: &Ground,
        at: usize,
        from: u32,
        what: What,
        at_us: u64,
    ) -> Option<engine::Input> {
        match what {
            What::Accepted { near, far } => self.accepted(ground, at, from, near, far, at_us),
            What::Closed { link, why } => self.closed(at, link, why),
            What::DialTimeout { link } => self.dial_failed(at, link, "no answer within 5 s"),
            What::Frame(parcel) => {
                let link = crate::host::link_id(parcel.link);
                self.hosts[at].wire(parcel.link)?;
                Some(engine::Input::Frame(link, parcel.bytes))
            }
            What::Input(input) => Some(*input),
            What::Load(load) => {
                let (ticket, ids, bytes_max) = *load;
                let records = self.hosts[at].disk.read(&ids, bytes_max, &ground.vault);
                Some(engine::Input::Loaded(ticket, records))
            }
            What::Refused { link } => self.dial_failed(at, link, "refused"),
            What::Setup { dialler, near } => Some(self.set_up(ground, at, dialler, near, at_us)),
            What::Tick => self.tick_due(ground, at, at_us),
            What::Knock { .. } | What::Start | What::Uplink | What::Wake | What::Written(_) => {
                unreachable!("needs no processor")
            }
        }
    }

    /// Says whether a tick is due; one that came too early waits again.
    fn tick_due(&mut self, ground: &Ground, at: usize, at_us: u64) -> Option<engine::Input> {
        let host = &mut self.hosts[at];
        if at_us < host.tick_us {
            return None;
        }
        host.tick_us = u64::MAX;
        let now = host.now(at_us).time();
        let due = host.actor.as_ref()?.deadline().is_some_and(|deadline| deadline <= now);
        if due {
            return Some(engine::Input::Tick);
        }
        self.wait_for_tick(ground, at, at_us);
        None
    }

    fn wait_for_tick(&mut self, ground: &Ground, at: usize, at_us: u64) {
        let host = &mut self.hosts[at];
        let deadline = host.actor.as_ref().and_then(|actor| actor.deadline());
        let Some(Time(at_ms)) = deadline else { return };
        let tick_us = at_ms.saturating_mul(1_000).max(at_us);
        if tick_us < host.tick_us && tick_us < FOREVER_US {
            host.tick_us = tick_us;
            self.emit_self(ground, at, tick_us, What::Tick);
        }
    }
}

pub(crate) fn host_number(host: usize) -> u32 {
    u32::try_from(host).expect("fewer than four billion machines")
}

const HOST: u64 = 0x4057;
/// Nobody waits for a tick so far away: a thousand years.
const FOREVER_US: u64 = 1 << 54;
