//! The world: nodes, time, and the queue of what happens next.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use engine::{Connected, Direction, LinkId, Now, Time};
use node::{Command, Config, Effect, Input};
use store::Store as _;
use wire::{Digest, RecordId, Set, Signed};

use crate::Weather;
use crate::checkers::check_step;
use crate::host::Host;
use crate::network::{Network, host_at, ip_of};

/// Nodes on one thread, under one seed.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now_ms: u64,
    hosts: Vec<Host>,
    network: Network,
    queue: BTreeMap<(u64, usize, u64), (u64, Happening)>,
    next_number: u64,
    /// The tick each node waits for.
    ticks: BTreeMap<usize, Time>,
    /// Signatures already checked: the answer is a pure function of the bytes.
    checked: BTreeMap<(RecordId, [u8; 32]), bool>,
    trace: u64,
    steps: u64,
    frames: u64,
    bytes: u64,
}

/// Something that will happen to one run of one node.
#[derive(Debug)]
enum Happening {
    Closed(LinkId, String),
    Connected(Connected),
    Frame(LinkId, Bytes),
    Input(Box<engine::Input>),
    Tick,
    /// The disk has done it; then the rest.
    Written(Box<engine::Batch>, Vec<Effect>),
}

impl World {
    /// Makes machines that are switched off. Node 0 is everybody's bootstrap.
    pub fn new(seed: u64, hosts: usize, config: &Config, weather: Weather) -> Self {
        let network = Network::new(seed, hosts, weather);
        let hosts = (0..hosts).map(|number| Host::new(number, config.clone(), 0)).collect();
        Self {
            seed,
            now_ms: 0,
            hosts,
            network,
            queue: BTreeMap::new(),
            next_number: 0,
            ticks: BTreeMap::new(),
            checked: BTreeMap::new(),
            trace: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            frames: 0,
            bytes: 0,
        }
    }

    /// Switches a machine on.
    pub fn start(&mut self, host: usize) {
        let now = self.now();
        let parts = [self.seed, host as u64, self.hosts[host].run].map(u64::to_be_bytes);
        let seed = Digest::of("node-seed", &[&parts[0], &parts[1], &parts[2]]).0;
        self.hosts[host].start(seed, now);
        self.wait_for_tick(host);
    }

    /// Pulls the plug: what was not on disk is gone. Half of the peers' links end at once, the
    /// other half only notice silence.
    pub fn kill(&mut self, host: usize) {
        self.hosts[host].node = None;
        self.hosts[host].run += 1;
        self.ticks.remove(&host);
        for link in self.network.links_of(host) {
            let Some(end) = self.network.close(link) else { continue };
            if self.network.below(2) == 0 {
                let at = self.now_ms + self.network.latency_ms(host, end.other_host);
                let closed = Happening::Closed(end.other, "connection reset".to_owned());
                self.schedule(at, end.other_host, closed);
            }
        }
    }

    /// Says whether a machine is on.
    pub fn is_up(&self, host: usize) -> bool {
        self.hosts[host].node.is_some()
    }

    /// Draws a wall: nodes on different sides do not hear each other.
    pub fn divide(&mut self, side_of: impl Fn(usize) -> u8) {
        self.network.divide(side_of);
    }

    /// Gives a node a command.
    pub fn command(&mut self, host: usize, command: Command) -> Result<(), String> {
        let now = self.now();
        let effects = self.hosts[host].command(command, now);
        self.after(host, effects, false)
    }

    /// Lets `ms` milliseconds pass.
    pub fn run(&mut self, ms: u64) -> Result<(), String> {
        let end_ms = self.now_ms + ms;
        while let Some(entry) = self.queue.first_entry() {
            let (at, host, _) = *entry.key();
            if end_ms < at {
                break;
            }
            let (run, happening) = entry.remove();
            self.now_ms = self.now_ms.max(at);
            if self.hosts[host].run == run {
                self.happen(host, happening)?;
            } else if let Happening::Connected(connected) = happening {
                // Nobody is there any more to hold this end.
                self.close(connected.link, "connection reset");
            }
        }
        self.now_ms = end_ms;
        Ok(())
    }

    /// Lets time pass until all nodes that are on hold the same, at most `ms`.
    pub fn run_until_equal(&mut self, ms: u64) -> Result<u64, String> {
        let start_ms = self.now_ms;
        while self.now_ms < start_ms + ms {
            self.run(100)?;
            if self.roots().len() == 1 && self.missing().is_empty() {
                return Ok(self.now_ms - start_ms);
            }
        }
        let missing = self.missing();
        let behind: BTreeSet<usize> = missing.iter().map(|(host, _)| *host).collect();
        let lost: BTreeSet<RecordId> = missing.iter().map(|(_, id)| *id).collect();
        Err(format!(
            "after {ms} ms: {} different states; {} records are missing somewhere, at nodes {behind:?}",
            self.roots().len(),
            lost.len(),
        ))
    }

    /// Returns the different pairs of roots that nodes hold.
    pub fn roots(&self) -> BTreeSet<(Digest, Digest)> {
        let up = self.hosts.iter().filter_map(|host| host.node.as_ref());
        up.map(|node| {
            let status = node.engine().status();
            (status.state.root, status.messages.root)
        })
        .collect()
    }

    /// Returns acknowledged records that a node which is on does not hold.
    pub fn missing(&self) -> BTreeSet<(usize, RecordId)> {
        let all: Vec<RecordId> =
            self.hosts.iter().flat_map(|host| host.acknowledged.iter().copied()).collect();
        let up = self.hosts.iter().filter(|host| host.node.is_some());
        up.flat_map(|host| {
            let held: BTreeSet<RecordId> = host.node.iter().flat_map(held_ids).collect();
            let missing = all.iter().filter(move |id| !held.contains(id));
            missing.map(|id| (host.number, *id)).collect::<Vec<_>>()
        })
        .collect()
    }

    /// Returns what a node knows of its peers, if it is on.
    pub fn peers(&self, host: usize) -> Vec<node::PeerStatus> {
        let node = self.hosts[host].node.as_ref();
        node.map(|node| node.engine().peer_list(self.now())).unwrap_or_default()
    }

    /// Returns how many records were acknowledged anywhere.
    pub fn acknowledged(&self) -> usize {
        self.hosts.iter().map(|host| host.acknowledged.len()).sum()
    }

    /// Returns a node's counters and links, if it is on.
    pub fn status(&self, host: usize) -> Option<node::Status> {
        Some(self.hosts[host].node.as_ref()?.engine().status())
    }

    /// Returns virtual milliseconds, steps, frames and frame bytes so far.
    pub fn figures(&self) -> (u64, u64, u64, u64) {
        (self.now_ms, self.steps, self.frames, self.bytes)
    }

    /// Returns the hash of everything that happened.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Draws a number below `bound` from the world's seed.
    pub fn draw(&mut self, bound: usize) -> usize {
        usize::try_from(self.network.below(bound as u64)).unwrap_or(0)
    }

    fn now(&self) -> Now {
        Now { mono_ms: self.now_ms, unix_ms: START_UNIX_MS + self.now_ms }
    }

    fn happen(&mut self, host: usize, happening: Happening) -> Result<(), String> {
        let now = self.now();
        let mut ticked = false;
        let input = match happening {
            Happening::Written(batch, rest) => {
                self.hosts[host].disk.apply(&[*batch]).map_err(|error| error.to_string())?;
                return self.perform(host, rest);
            }
            Happening::Closed(link, why) => {
                if self.network.close(link).is_none() {
                    return Ok(());
                }
                engine::Input::Disconnected(link, why)
            }
            Happening::Connected(connected) => engine::Input::Connected(connected),
            Happening::Frame(link, bytes) => engine::Input::Frame(link, bytes),
            Happening::Input(input) => *input,
            Happening::Tick => {
                let due = self.ticks.get(&host).is_some_and(|at| at.0 <= self.now_ms);
                if !due {
                    return Ok(());
                }
                self.ticks.remove(&host);
                ticked = true;
                engine::Input::Tick
            }
        };
        self.record(host, &input);
        let Some(node) = &mut self.hosts[host].node else { return Ok(()) };
        let effects = node.handle(Input::Net(input), now);
        self.after(host, effects, ticked)
    }

    fn after(&mut self, host: usize, effects: Vec<Effect>, ticked: bool) -> Result<(), String> {
        self.steps += 1;
        let now = self.now();
        let seed = self.seed;
        let machine = &mut self.hosts[host];
        if let Some(node) = &machine.node {
            check_step(node, &effects, &mut machine.delivered, ticked, now).map_err(|error| {
                format!("seed {seed}, {} ms, node {host}: {error}", now.mono_ms)
            })?;
        }
        self.perform(host, effects)?;
        self.wait_for_tick(host);
        Ok(())
    }

    /// Performs effects in order; what follows a write waits for the disk.
    fn perform(&mut self, host: usize, effects: Vec<Effect>) -> Result<(), String> {
        let mut effects = effects.into_iter();
        while let Some(effect) = effects.next() {
            let effect = match effect {
                Effect::Answer(_, answer) => {
                    self.hosts[host].answered(answer);
                    continue;
                }
                Effect::Net(effect) => effect,
            };
            if let engine::Effect::Persist(batch) = effect {
                let at = self.disk_free_ms(host);
                // A happening of its own, so that a crash before it loses it.
                let written = Happening::Written(Box::new(batch), effects.collect());
                self.schedule(at, host, written);
                return Ok(());
            }
            self.do_effect(host, effect)?;
        }
        Ok(())
    }

    fn do_effect(&mut self, host: usize, effect: engine::Effect) -> Result<(), String> {
        match effect {
            engine::Effect::AnswerDoor(..) | engine::Effect::Report(_) => {}
            engine::Effect::Dial(address) => self.dial(host, &address),
            engine::Effect::Disconnect(link, reason, text) => {
                let goodbye = wire::Frame::Goodbye(wire::Goodbye { reason, text });
                self.send(link, Bytes::from(goodbye.encode()));
                self.close(link, "closed by the other side");
            }
            engine::Effect::Load(ticket, ids, bytes_max) => {
                let at = self.disk_free_ms(host);
                let disk = &self.hosts[host].disk;
                let records = disk.records(&ids, bytes_max).map_err(|error| error.to_string())?;
                let loaded = engine::Input::Loaded(ticket, records);
                self.schedule(at, host, Happening::Input(Box::new(loaded)));
            }
            engine::Effect::Persist(_) => unreachable!("taken out by the caller"),
            engine::Effect::PushDoor(address, _) => {
                let pushed = engine::Input::DoorPushed(address, Err("no such door".to_owned()));
                self.schedule(self.now_ms + 1, host, Happening::Input(Box::new(pushed)));
            }
            engine::Effect::Send(link, _, bytes) => self.send(link, bytes),
            engine::Effect::Verify(batch) => {
                let verdicts = batch.iter().map(|(id, it)| (*id, self.verify(*id, it))).collect();
                let verified = engine::Input::Verified(verdicts);
                self.schedule(self.now_ms + 1, host, Happening::Input(Box::new(verified)));
            }
        }
        Ok(())
    }

    fn verify(&mut self, id: RecordId, signed: &Signed) -> bool {
        let signature = Digest::of("signature", &[&signed.signature]).0;
        *self.checked.entry((id, signature)).or_insert_with(|| signed.verify(&NETWORK))
    }

    fn dial(&mut self, host: usize, address: &wire::Address) {
        let to = host_at(address).filter(|to| *to < self.hosts.len());
        let answers = to.filter(|to| self.is_up(*to) && self.network.delivers(host, *to));
        let Some(to) = answers else {
            let why = "no answer within 5 s".to_owned();
            let failed = engine::Input::DialFailed(address.clone(), why);
            let at = self.now_ms + self.network.weather.dial_timeout_ms;
            return self.schedule(at, host, Happening::Input(Box::new(failed)));
        };
        let latency_ms = self.network.latency_ms(host, to);
        let up_ms = self.now_ms + 2 * latency_ms;
        let (near, far) = self.network.connect(host, to, up_ms);
        let connected = |link, from: usize, to: usize, direction, dialled| {
            Happening::Connected(Connected {
                link,
                peer: self.hosts[to].identity().id(),
                direction,
                dialled,
                remote_ip: ip_of(to),
                local_ip: ip_of(from),
            })
        };
        let theirs = connected(far, to, host, Direction::Inbound, None);
        let ours = connected(near, host, to, Direction::Outbound, Some(address.clone()));
        self.schedule(self.now_ms + latency_ms, to, theirs);
        self.schedule(up_ms, host, ours);
    }

    fn send(&mut self, link: LinkId, bytes: Bytes) {
        self.frames += 1;
        self.bytes += bytes.len() as u64;
        let Some(end) = self.network.end(link) else { return };
        if let Some(at) = self.network.arrival_ms(link, self.now_ms) {
            self.schedule(at, end.other_host, Happening::Frame(end.other, bytes));
        }
    }

    fn close(&mut self, link: LinkId, why: &str) {
        let Some(end) = self.network.close(link) else { return };
        let at = self.now_ms + self.network.latency_ms(end.host, end.other_host);
        // After everything that is still on its way.
        let closed = Happening::Closed(end.other, why.to_owned());
        self.schedule(at + self.network.weather.jitter_ms + 1, end.other_host, closed);
    }

    fn disk_free_ms(&mut self, host: usize) -> u64 {
        let took_ms = 1 + self.network.below(4);
        let machine = &mut self.hosts[host];
        machine.disk_free_ms = machine.disk_free_ms.max(self.now_ms) + took_ms;
        machine.disk_free_ms
    }

    fn wait_for_tick(&mut self, host: usize) {
        let Some(at) = self.hosts[host].node.as_ref().and_then(node::Node::deadline) else {
            return;
        };
        if self.ticks.get(&host).is_none_or(|waiting| at < *waiting) {
            self.ticks.insert(host, at);
            self.schedule(at.0.max(self.now_ms), host, Happening::Tick);
        }
    }

    fn schedule(&mut self, at_ms: u64, host: usize, happening: Happening) {
        self.next_number += 1;
        let run = self.hosts[host].run;
        self.queue.insert((at_ms, host, self.next_number), (run, happening));
    }

    fn record(&mut self, host: usize, input: &engine::Input) {
        let mut mix = |bytes: &[u8]| {
            for byte in bytes {
                self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        mix(&self.now_ms.to_be_bytes());
        mix(&(host as u64).to_be_bytes());
        if let engine::Input::Frame(link, bytes) = input {
            mix(&link.0.to_be_bytes());
            mix(bytes);
        }
    }
}

fn held_ids(node: &node::Node) -> Vec<RecordId> {
    let engine = node.engine();
    engine.held(Set::State).into_iter().chain(engine.held(Set::Messages)).collect()
}

/// The network all nodes of a world belong to.
pub(crate) const NETWORK: Digest = Digest([7; 32]);
/// When every world begins: 2026-01-01.
const START_UNIX_MS: u64 = 1_767_225_600_000;
