//! What can be seen from outside.

use std::collections::BTreeSet;

use node::{Node, PeerStatus, Status};
use wire::{Digest, RecordId, Set, TransferId};

use super::World;
use crate::host::Power;
use crate::network::Network;
use crate::observer::{Copies, HostFigures, Latencies, Published, Traffic};

/// How much has happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Virtual time, microseconds.
    pub now_us: u64,
    /// Events of the world.
    pub events: u64,
    /// Steps of nodes.
    pub steps: u64,
    /// Frames sent.
    pub frames: u64,
    /// Their bytes, without what surrounds them on the wire.
    pub bytes: u64,
    /// Events that wait.
    pub waiting: usize,
}

/// A link as one of its ends sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link {
    /// Who is at the other end.
    pub to: usize,
    /// One way without jitter, microseconds.
    pub latency_us: u64,
}

impl World {
    /// Says whether a machine is on.
    pub fn is_up(&self, host: usize) -> bool {
        self.host(host).power == Power::On
    }

    /// Returns how many machines are on.
    pub fn up_len(&self) -> usize {
        self.up().count()
    }

    /// Returns how many honest machines are on.
    pub fn honest_len(&self) -> usize {
        self.up().filter(|(_, host)| host.possess.is_none()).count()
    }

    /// Returns the node on a machine, if it is on and there is one.
    pub fn node(&self, host: usize) -> Option<&Node> {
        self.host(host).node()
    }

    /// Returns the id of a machine's node.
    pub fn id(&self, host: usize) -> wire::NodeId {
        self.ground.people.ids[host]
    }

    /// Says whether people at a machine have said yes to a transfer.
    pub(crate) fn said_yes(&self, host: usize, transfer: &TransferId) -> bool {
        let host = self.host(host);
        // Of machines that are not checked nothing is remembered.
        host.delivered.is_none() || host.decided.said_yes.contains(transfer)
    }

    /// Returns the network: distances, regions, walls.
    pub fn network(&self) -> &Network {
        &self.ground.network
    }

    /// Returns the different pairs of roots that honest nodes hold.
    pub fn roots(&self) -> BTreeSet<(Digest, Digest)> {
        let honest = self.up().filter(|(_, host)| host.possess.is_none());
        let statuses = honest.filter_map(|(_, host)| Some(host.node()?.engine().status()));
        statuses.map(|status| (status.state.root, status.messages.root)).collect()
    }

    /// Returns acknowledged records that an honest node which is on does not hold.
    pub fn missing(&self) -> BTreeSet<(usize, RecordId)> {
        let all: Vec<RecordId> = (0..self.ground.config.hosts)
            .flat_map(|host| self.host(host).acknowledged.iter().copied())
            .collect();
        let mut missing = BTreeSet::new();
        for (number, host) in self.up().filter(|(_, host)| host.possess.is_none()) {
            let held: BTreeSet<RecordId> = host.node().into_iter().flat_map(held_ids).collect();
            let lacking = all.iter().filter(|id| !held.contains(id));
            missing.extend(lacking.map(|id| (number, *id)));
        }
        missing
    }

    /// Lets time pass until all nodes that are on hold the same, at most `ms`. Returns how long it
    /// took.
    pub fn run_until_equal(&mut self, ms: u64) -> Result<u64, String> {
        let start_us = self.now_us;
        while self.now_us < start_us + ms * 1_000 {
            self.run(100)?;
            if self.roots().len() == 1 && self.missing().is_empty() {
                return Ok((self.now_us - start_us) / 1_000);
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

    /// Lets time pass until every honest node that is on holds these messages on its disk, at most
    /// `ms`. Returns how long it took. Cheap in large worlds.
    pub fn run_until_held(&mut self, messages: &[usize], ms: u64) -> Result<u64, String> {
        let start_us = self.now_us;
        loop {
            let lacking: usize = messages.iter().map(|number| self.lacking(*number).len()).sum();
            let took_ms = (self.now_us - start_us) / 1_000;
            if lacking == 0 {
                return Ok(took_ms);
            }
            if ms <= took_ms {
                return Err(format!("after {ms} ms: {lacking} deliveries are missing"));
            }
            self.run(100.min(ms - took_ms))?;
        }
    }

    /// Returns honest machines that are on and do not hold a message on their disk.
    pub fn lacking(&self, message: usize) -> Vec<usize> {
        let Some(published) = self.ground.messages.published.get(message) else {
            return Vec::new();
        };
        let number = self.ground.vault.number(&published.id);
        let honest = self.up().filter(|(_, host)| host.possess.is_none());
        let holds = |number: Option<u32>, host: &crate::host::Host| {
            number.is_some_and(|number| host.disk.holds(number))
        };
        honest.filter(|(_, host)| !holds(number, host)).map(|(host, _)| host).collect()
    }

    /// Returns everything that was published or written, by number.
    pub fn published(&self) -> &[Published] {
        &self.ground.messages.published
    }

    /// Returns how long each delivery of a message took: to the first report on each machine but
    /// its author's.
    pub fn latencies(&self, message: usize) -> Latencies {
        let mut latencies = Latencies::default();
        self.shards.iter().for_each(|shard| shard.seen.add_latencies(message, &mut latencies));
        latencies
    }

    /// Returns on how many machines a message was reported.
    pub fn delivered_len(&self, message: usize) -> u64 {
        self.shards.iter().map(|shard| shard.seen.delivered_len(message)).sum()
    }

    /// Returns how many copies of a message arrived, and where how many.
    pub fn copies(&self, message: usize) -> Copies {
        let mut copies = Copies::default();
        let author = self.ground.messages.published.get(message).map(|published| published.host);
        for shard in &self.shards {
            let home = author.map(|host| self.ground.place(host));
            let skipped = home.filter(|(number, _)| *number == shard.number);
            let skipped = skipped.map(|(_, place)| place.at);
            shard.seen.add_copies(message, shard.hosts.len(), skipped, &mut copies);
        }
        copies
    }

    /// Returns what crossed the network.
    pub fn traffic(&self) -> Traffic {
        let mut traffic = Traffic::default();
        for shard in &self.shards {
            traffic.add_all(&shard.traffic);
        }
        traffic
    }

    /// Returns what crossed the network, with what is still under way, and fails where frames or
    /// bytes sent are not those that arrived, were lost, or are under way.
    pub fn audit(&mut self) -> Result<Traffic, String> {
        self.shards.iter_mut().for_each(crate::shard::Shard::count_under_way);
        let traffic = self.traffic();
        traffic.audit()?;
        Ok(traffic)
    }

    /// Returns what one machine sent and got.
    pub fn host_figures(&self, host: usize) -> HostFigures {
        self.host(host).figures
    }

    /// Returns how many records a machine's disk holds.
    pub fn disk_len(&self, host: usize) -> usize {
        self.host(host).disk.len()
    }

    /// Returns the open links of a machine, for bounds on what any protocol could do with them.
    pub fn links(&self, host: usize) -> Vec<Link> {
        let wires = self.host(host).wires.iter();
        let link = |to: usize| Link { to, latency_us: self.ground.network.latency_us(host, to) };
        wires.map(|wire| link(wire.other as usize)).collect()
    }

    /// Returns what a node knows of its peers, if it is on.
    pub fn peers(&self, host: usize) -> Vec<PeerStatus> {
        let state = self.host(host);
        let now = state.now(self.now_us);
        state.node().map(|node| node.engine().peer_list(now)).unwrap_or_default()
    }

    /// Returns how many records were acknowledged anywhere.
    pub fn acknowledged(&self) -> usize {
        (0..self.ground.config.hosts).map(|host| self.host(host).acknowledged.len()).sum()
    }

    /// Returns a node's counters and links, if it is on.
    pub fn status(&self, host: usize) -> Option<Status> {
        Some(self.node(host)?.engine().status())
    }

    /// Returns how much has happened.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures { now_us: self.now_us, ..Figures::default() };
        for shard in &self.shards {
            figures.events += shard.events;
            figures.steps += shard.steps;
            figures.frames += shard.traffic.sent.frames;
            figures.bytes += shard.traffic.sent.bytes;
            figures.waiting += shard.wheel.len();
        }
        figures
    }

    /// Returns the hash of everything that happened: the same for any number of threads.
    pub fn trace(&self) -> u64 {
        self.shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.trace))
    }
}

fn held_ids(node: &Node) -> Vec<RecordId> {
    let engine = node.engine();
    engine.held(Set::State).into_iter().chain(engine.held(Set::Messages)).collect()
}
