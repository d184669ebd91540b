//! Who is honest, who is spared, and whom a fault hits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::World;
use crate::chance::Chance;
use crate::config::Tune;
use crate::liar;
use crate::scenario::{Action, Fault, Know, LiarKind, Off, Scenario, Sources, Which};

/// The parts that machines play.
#[derive(Debug)]
pub(super) struct Crowd {
    nodes: usize,
    /// Who lies, and which of the scenario's groups it belongs to.
    pub(super) liars: BTreeMap<usize, (usize, LiarKind)>,
    /// Sources of fixed streams, the same for all streams.
    pub(super) sources: Vec<usize>,
    /// Whom faults leave alone: sources and bootstraps.
    spared: BTreeSet<usize>,
    /// Who waits to be switched on.
    pub(super) off: VecDeque<usize>,
    /// Who churned, a list for each round.
    churned: VecDeque<Vec<usize>>,
    /// Who was killed, crashed or stopped, and when; with a restart nobody is.
    pub(super) killed: Vec<(u64, Vec<usize>)>,
    /// The fewest different states just before a wall fell.
    pub(super) divided: Option<u64>,
}

impl Crowd {
    /// Draws who plays which part.
    pub(super) fn new(scenario: &Scenario, nodes: usize, seed: u64) -> Self {
        let mut chance = Chance::new(seed, &[CROWD]);
        let bootstraps = match scenario.start.know {
            Know::Bootstrap => scenario.start.bootstraps.min(nodes),
            Know::Books => 0,
        };
        let off: VecDeque<usize> = match scenario.start.off {
            Off::Nobody => VecDeque::new(),
            Off::Bootstraps => (0..bootstraps).collect(),
            Off::Half => (nodes / 2..nodes).collect(),
        };
        let mut others: Vec<usize> = (bootstraps..nodes).filter(|it| !off.contains(it)).collect();
        shuffle(&mut others, |bound| below(&mut chance, bound));
        let wanted = scenario.streams.iter().map(|it| match it.sources {
            Sources::One => 1,
            Sources::Rotating => it.rotate.max(1),
            Sources::Any | Sources::Cold | Sources::Each | Sources::Listed => 0,
        });
        let sources: Vec<usize> =
            others.split_off(others.len() - wanted.max().unwrap_or(0).min(others.len()));
        let listed = scenario.streams.iter().flat_map(|it| &it.authors).copied();
        let spared: BTreeSet<usize> =
            (0..bootstraps).chain(sources.iter().copied()).chain(listed).collect();
        others.retain(|it| !spared.contains(it));
        let mut liars = BTreeMap::new();
        for (group, it) in scenario.liars.iter().enumerate() {
            for _ in 0..share_of(nodes, it.share_percent) {
                let Some(liar) = others.pop() else { break };
                liars.insert(liar, (group, it.kind));
            }
        }
        let (churned, killed, divided) = (VecDeque::new(), Vec::new(), None);
        Self { nodes, liars, sources, spared, off, churned, killed, divided }
    }

    /// Lets greedy liars want every link they may have.
    pub(super) fn tune(&self) -> Option<Tune> {
        let greedy: BTreeSet<usize> =
            self.liars.iter().filter(|(_, it)| it.1.is_greedy()).map(|(host, _)| *host).collect();
        if greedy.is_empty() {
            return None;
        }
        Some(Arc::new(move |host, config: &mut node::Config| {
            if greedy.contains(&host) {
                config.engine.links_target = config.engine.links_max;
            }
        }))
    }

    /// Puts the liars in.
    pub(super) fn possess(&self, world: &mut World) {
        let band = liar::Band::new(world.config().seed, self.liars.keys().copied());
        for (host, (_, kind)) in &self.liars {
            world.possess(*host, liar::possess(*kind, *host, &band));
        }
    }

    /// Says whether it is switched on with the first.
    pub(super) fn is_early(&self, scenario: &Scenario, host: usize) -> bool {
        let liar = self.liars.get(&host);
        let late = liar.is_some_and(|(group, _)| scenario.liars[*group].join_ms.is_some());
        !late && !self.off.contains(&host)
    }

    /// Does what a fault says. Errors are broken invariants.
    pub(super) fn fault(&mut self, world: &mut World, fault: &Fault) -> Result<(), String> {
        match fault.action {
            Action::Crash => {
                let hit = self.hit(world, fault);
                hit.iter().for_each(|it| world.crash(*it));
                self.killed.push((world.now_us(), hit));
            }
            Action::Heal => {
                let states = world.roots().len() as u64;
                self.divided = Some(self.divided.map_or(states, |it| it.min(states)));
                world.heal();
            }
            Action::Kill => {
                let hit = self.hit(world, fault);
                hit.iter().for_each(|it| world.kill(*it));
                self.killed.push((world.now_us(), hit));
            }
            Action::Partition => {
                let far: BTreeSet<usize> =
                    self.choose(world, fault, |_| true).into_iter().collect();
                world.divide(|host| u8::from(far.contains(&host)));
            }
            Action::Restart => {
                self.killed.clear();
                let off: Vec<usize> = (0..self.nodes).filter(|it| !world.is_up(*it)).collect();
                off.into_iter().for_each(|it| start_again(world, it, fault));
            }
            Action::Slow => {
                let slow = self.hit(world, fault);
                slow.into_iter().for_each(|it| world.slow_down(it, fault.factor));
            }
            Action::Stop => {
                let hit = self.hit(world, fault);
                for host in &hit {
                    world.stop(*host)?;
                }
                self.killed.push((world.now_us(), hit));
            }
            // Rounds and joining have acts of their own.
            Action::Churn | Action::Join => {}
        }
        Ok(())
    }

    /// A round of churn: some come back, others are killed.
    pub(super) fn round(&mut self, world: &mut World, fault: &Fault) {
        if fault.back_after <= self.churned.len()
            && let Some(back) = self.churned.pop_front()
        {
            back.into_iter().for_each(|it| start_again(world, it, fault));
        }
        let hit = self.hit(world, fault);
        hit.iter().for_each(|it| world.kill(*it));
        self.churned.push_back(hit);
    }

    /// All who churned come back.
    pub(super) fn rounds_end(&mut self, world: &mut World, fault: &Fault) {
        let back: Vec<usize> = self.churned.drain(..).flatten().collect();
        back.into_iter().for_each(|it| start_again(world, it, fault));
    }

    /// Returns live machines that are hit.
    fn hit(&self, world: &mut World, fault: &Fault) -> Vec<usize> {
        self.choose(world, fault, |host| !self.spared.contains(&host))
    }

    /// Chooses the fault's share of those that are up among those it may hit.
    fn choose(&self, world: &mut World, fault: &Fault, may: impl Fn(usize) -> bool) -> Vec<usize> {
        let count = match fault.action {
            Action::Partition => share_of(self.nodes, fault.share_percent),
            _ => share_of(world.up_len(), fault.share_percent),
        };
        let is_candidate =
            |host: &usize| may(*host) && (fault.action == Action::Partition || world.is_up(*host));
        let mut hosts: Vec<usize> = (0..self.nodes).filter(is_candidate).collect();
        if fault.which != Which::First {
            shuffle(&mut hosts, |bound| world.draw(bound));
        }
        match fault.which {
            Which::Random | Which::First => {}
            Which::BestConnected => {
                hosts.sort_by_cached_key(|host| std::cmp::Reverse(world.links(*host).len()));
            }
            Which::OriginNeighbours => {
                let near: BTreeSet<usize> = self
                    .sources
                    .iter()
                    .flat_map(|it| world.links(*it).into_iter().map(|link| link.to))
                    .collect();
                hosts.sort_by_key(|host| !near.contains(host));
            }
            Which::Region => {
                let first = world.draw(REGIONS);
                let far = |host: &usize| (world.network().region(*host) + first) % REGIONS;
                hosts.sort_by_key(far);
            }
        }
        hosts.truncate(count);
        hosts
    }
}

fn start_again(world: &mut World, host: usize, fault: &Fault) {
    if !fault.keep_disk {
        world.wipe(host);
    }
    world.start(host);
}

/// Puts a list into an order that `below` draws.
pub(super) fn shuffle<T>(items: &mut [T], mut below: impl FnMut(usize) -> usize) {
    for at in (1..items.len()).rev() {
        items.swap(at, below(at + 1));
    }
}

/// Draws a number below `bound`.
pub(super) fn below(chance: &mut Chance, bound: usize) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap_or(0)
}

/// A share of so many, rounded up so that a small world has its fault as well.
fn share_of(count: usize, percent: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most `count`")]
    let share = (count as f64 * percent / 100.0).ceil() as usize;
    share.min(count)
}

const CROWD: u64 = 0xc20d;
/// More than any latency model has.
const REGIONS: usize = 10;
