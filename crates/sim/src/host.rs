//! A machine of this world: who runs it, its disk, its links, and what waits for its processor.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::{LinkId, Now};
use lanes::Lanes;
use node::{Answer, Effect, Node};
use wire::{Address, Class, Identity, RecordId};

use crate::actor::Actor;
use crate::chance::Chance;
use crate::checkers::{Decided, Delivered};
use crate::disk::Disk;
use crate::happening::{Parcel, What};
use crate::network::Way;
use crate::observer::HostFigures;

/// Makes whoever runs a machine out of the node that would.
pub type Possess = Arc<dyn Fn(Node, &Identity) -> Box<dyn Actor> + Send + Sync>;

pub(crate) struct Host {
    pub(crate) number: u32,
    pub(crate) power: Power,
    pub(crate) actor: Option<Box<dyn Actor>>,
    /// Set where somebody else than a node runs it.
    pub(crate) possess: Option<Possess>,
    /// Counts starts and ends: what was meant for an earlier run is dropped.
    pub(crate) run: u32,
    /// The run that ended in order: what it still writes gets onto the disk.
    pub(crate) flushed_run: u32,
    pub(crate) disk: Disk,
    pub(crate) wires: Vec<Wire>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) dials: Vec<Dial>,
    pub(crate) next_link: u32,
    /// The first link of this run; earlier ones are nobody's.
    pub(crate) first_link: u32,
    pub(crate) sequence: u32,
    pub(crate) chance: Chance,
    /// When processor, worker, disk and uplink have done all they were given.
    pub(crate) processor_free_us: u64,
    pub(crate) worker_free_us: u64,
    pub(crate) council_free_us: u64,
    /// When its last turn begins or began.
    pub(crate) disk_turn_us: u64,
    pub(crate) disk_free_us: u64,
    pub(crate) uplink_free_us: u64,
    /// What waits for the processor. Bound: what the uplinks of its peers can send.
    pub(crate) inbox: VecDeque<(u32, What)>,
    pub(crate) wakes: bool,
    pub(crate) uplink_wakes: bool,
    /// The link that sent last.
    pub(crate) uplink_turn: u32,
    /// The tick it waits for; `u64::MAX` for none.
    pub(crate) tick_us: u64,
    /// How many times slower it is than others.
    pub(crate) factor: u64,
    pub(crate) undialable: bool,
    pub(crate) skew_ms: i64,
    pub(crate) delivered: Option<Box<Delivered>>,
    pub(crate) decided: Decided,
    pub(crate) next_command: u64,
    /// Records whose writing was acknowledged to somebody here.
    pub(crate) acknowledged: Vec<RecordId>,
    pub(crate) figures: HostFigures,
}

/// Whether a machine is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Power {
    /// It says nothing to anybody.
    Dead,
    /// The machine is there, the node is not: its system refuses at once.
    Off,
    On,
}

/// This end of a link.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) link: u32,
    pub(crate) other: u32,
    /// What the other end calls it.
    pub(crate) far: u32,
    pub(crate) way: Way,
    /// What waits for the uplink; made when something does.
    pub(crate) lanes: Option<Box<Lanes<Parcel>>>,
    pub(crate) alerts_waiting: u32,
}

/// A wish to know when frames have left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) link: u32,
    pub(crate) class: Class,
    /// How many of that class have to go first.
    pub(crate) frames: usize,
}

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) link: u32,
    pub(crate) address: Address,
}

impl Host {
    pub(crate) fn new(number: u32, chance: Chance) -> Self {
        Self {
            number,
            power: Power::Off,
            actor: None,
            possess: None,
            run: 0,
            flushed_run: 0,
            disk: Disk::default(),
            wires: Vec::new(),
            watches: Vec::new(),
            dials: Vec::new(),
            next_link: 1,
            first_link: 1,
            sequence: 0,
            chance,
            processor_free_us: 0,
            worker_free_us: 0,
            council_free_us: 0,
            disk_turn_us: 0,
            disk_free_us: 0,
            uplink_free_us: 0,
            inbox: VecDeque::new(),
            wakes: false,
            uplink_wakes: false,
            uplink_turn: 0,
            tick_us: u64::MAX,
            factor: 1,
            undialable: false,
            skew_ms: 0,
            delivered: None,
            decided: Decided::default(),
            next_command: 0,
            acknowledged: Vec::new(),
            figures: HostFigures::default(),
        }
    }

    pub(crate) fn node(&self) -> Option<&Node> {
        self.actor.as_ref()?.node()
    }

    /// Reads this machine's clocks.
    pub(crate) fn now(&self, at_us: u64) -> Now {
        let mono_ms = at_us / 1_000;
        let true_ms = crate::boot::START_UNIX_MS + mono_ms;
        Now { mono_ms, unix_ms: true_ms.saturating_add_signed(self.skew_ms) }
    }

    pub(crate) fn wire(&mut self, link: u32) -> Option<&mut Wire> {
        let at = self.wires.binary_search_by_key(&link, |wire| wire.link).ok()?;
        self.wires.get_mut(at)
    }

    pub(crate) fn add_wire(&mut self, link: u32, other: u32, far: u32, way: Way) {
        let at = self.wires.partition_point(|wire| wire.link < link);
        let wire = Wire { link, other, far, way, lanes: None, alerts_waiting: 0 };
        self.wires.insert(at, wire);
    }

    pub(crate) fn take_wire(&mut self, link: u32) -> Option<Wire> {
        let at = self.wires.binary_search_by_key(&link, |wire| wire.link).ok()?;
        self.watches.retain(|watch| watch.link != link);
        Some(self.wires.remove(at))
    }

    pub(crate) fn take_dial(&mut self, link: u32) -> Option<Dial> {
        let at = self.dials.iter().position(|dial| dial.link == link)?;
        Some(self.dials.remove(at))
    }

    pub(crate) fn new_link(&mut self) -> u32 {
        self.next_link += 1;
        self.next_link - 1
    }

    /// Books the disk for one write or read. Returns when it is done. What comes while it is busy
    /// is done together, in its next turn: the daemon's store writes in groups.
    pub(crate) fn disk_us(&mut self, at_us: u64, more_us_max: u64) -> u64 {
        if self.disk_turn_us <= at_us {
            let took_us = (1_000 + self.chance.below(more_us_max + 1)) * self.factor;
            self.disk_turn_us = self.disk_free_us.max(at_us);
            self.disk_free_us = self.disk_turn_us + took_us;
        }
        self.disk_free_us
    }

    pub(crate) fn answered(&mut self, answer: &Answer) {
        self.acknowledged.extend_from_slice(acknowledged(answer));
    }

    /// Ends a run. Returns the links that were open.
    pub(crate) fn end_run(&mut self, power: Power) -> Vec<Wire> {
        self.power = power;
        self.actor = None;
        self.run += 1;
        self.decided.restarted();
        self.first_link = self.next_link;
        self.dials.clear();
        self.inbox.clear();
        self.wakes = false;
        self.uplink_wakes = false;
        self.tick_us = u64::MAX;
        self.watches.clear();
        std::mem::take(&mut self.wires)
    }
}

/// Names a link of a machine to its node.
pub(crate) fn link_id(link: u32) -> LinkId {
    LinkId(u64::from(link))
}

/// Returns the number of a link that a node names; no link has the number 0.
pub(crate) fn link_number(link: LinkId) -> u32 {
    u32::try_from(link.0).unwrap_or(0)
}

/// Finds what a list of effects says was published or written.
pub(crate) fn written(effects: &[Effect]) -> Vec<RecordId> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer(_, answer) => Some(answer),
        Effect::Net(_) | Effect::Seed(_) => None,
    });
    answers.flat_map(acknowledged).copied().collect()
}

/// Returns what an answer says was published or written.
fn acknowledged(answer: &Answer) -> &[RecordId] {
    match answer {
        Answer::Published { id, .. } => std::slice::from_ref(id),
        Answer::Written(ids) => ids,
        // What was appended makes room for what is appended later: nobody need hold it in the end.
        Answer::Appended(_)
        | Answer::Alerts(..)
        | Answer::Checkpoints(_)
        | Answer::Contradictions(_)
        | Answer::Done
        | Answer::Levels(_)
        | Answer::Peers(_)
        | Answer::Proven(_)
        | Answer::Refused(_)
        | Answer::People(_)
        | Answer::Proposed(_)
        | Answer::Sent(..)
        | Answer::Transfers(_)
        | Answer::Rule(..)
        | Answer::RuleProven(_)
        | Answer::Rules(..)
        | Answer::Seed(..)
        | Answer::Seeds(..)
        | Answer::Status(_)
        | Answer::Waiting(_)
        | Answer::Waits(_) => &[],
    }
}
