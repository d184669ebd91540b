//! `iroh-gossip` in virtual time: its own state machine, our clock and our latencies.

mod peer;
mod world;

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::arguments::Unreachable;
use crate::latency::Latency;
use crate::report::{Fault, Row};
use crate::usage;
use crate::workload::Workload;
use world::World;

/// A network before anything happens to it.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Nodes.
    pub nodes: usize,
    /// How far they are from each other.
    pub latency: Latency,
    /// Time from the last join on: views are shuffled once a minute.
    pub settle: Duration,
    /// What senders are told of those who are gone.
    pub unreachable: Unreachable,
}

/// Publishes messages in a quiet network and sums up what they cost.
pub fn publish(workload: &Workload, beginning: &Beginning) -> Row {
    let mut world = beginning.world();
    let rounds = workload.warm_up + workload.messages;
    let mut before = world.traffic;
    for number in 0..rounds {
        if number == workload.warm_up {
            before = world.traffic;
        }
        world.publish(workload.source(number), workload.payload_bytes);
        world.run(workload.pause());
    }
    // Long enough for what still travels; too short for another round of membership traffic.
    world.run(LAST_WAIT);
    let sum = world.ledger.sum_from(workload.warm_up);
    let traffic = world.traffic;
    let each = |count: u64, base: u64| Some((count - base) as f64 / sum.deliveries.max(1) as f64);
    Row {
        engine: ENGINE.to_owned(),
        copies: each(traffic.payloads_received, before.payloads_received),
        wire_bytes: each(traffic.bytes, before.bytes),
        control_frames: each(traffic.control_frames, before.control_frames),
        load: usage::load(),
        ..workload.row(&sum)
    }
}

/// Takes a share of the nodes away at once; the first message follows after 10 ms, others a second
/// apart, the last ones after two minutes.
pub fn kill(beginning: &Beginning, per_cent: usize) -> Fault {
    let nodes = beginning.nodes;
    let mut random = ChaCha8Rng::seed_from_u64(beginning.latency.seed);
    let mut world = beginning.world();
    world.publish(0, PROBE_BYTES);
    world.run(SECOND);
    let mut living = world.living();
    shuffle(&mut living, &mut random);
    let dead = living.split_off(nodes - nodes * per_cent / 100);
    world.kill(&dead);
    world.run(Duration::from_millis(10));
    let probes: Vec<usize> = (0..PROBES)
        .map(|number| {
            let probe = world.publish(living[number % living.len()], PROBE_BYTES);
            world.run(SECOND);
            probe
        })
        .collect();
    world.run(Duration::from_secs(120));
    let last = last_probe(&mut world, &living);
    Fault {
        fault: format!("{per_cent} % removed"),
        first: world.ledger.share(probes[0]),
        second: world.ledger.share(probes[1]),
        ..fault(&world, beginning, last)
    }
}

/// Parts a network into halves for a minute, with a message each second on either side, and then
/// sends one every ten seconds until it has reached everybody, or for ever.
pub fn partition(beginning: &Beginning) -> Fault {
    let nodes = beginning.nodes;
    let mut random = ChaCha8Rng::seed_from_u64(beginning.latency.seed);
    let mut world = beginning.world();
    let mut everybody = world.living();
    world.publish(0, PROBE_BYTES);
    world.run(SECOND);
    shuffle(&mut everybody, &mut random);
    let mut sides = vec![0; nodes];
    everybody.iter().take(nodes / 2).for_each(|&node| sides[node] = 1);
    let first = world.ledger.len();
    world.divide(|node| sides[node]);
    for number in 0..PARTITION_SECONDS {
        let (one, other) = (everybody[number % (nodes / 2)], everybody[nodes - 1 - number % 8]);
        world.publish(one, PROBE_BYTES);
        world.publish(other, PROBE_BYTES);
        world.run(SECOND);
    }
    world.divide(|_| 0);
    let (healed, after) = (world.now(), world.ledger.len());
    let mut whole = None;
    while whole.is_none() && world.now() < healed + HEALING {
        let source = everybody[world.ledger.len() * 7 % nodes];
        let (probe, sent) = (world.publish(source, PROBE_BYTES), world.now());
        world.run(SECOND * 10);
        if world.ledger.share(probe) >= 1.0 {
            whole = Some((sent - healed).as_secs_f64());
        }
    }
    let last = last_probe(&mut world, &everybody);
    let shares = (first..after).map(|number| world.ledger.share(number));
    let lost = 1.0 - shares.sum::<f64>() / (after - first) as f64;
    Fault {
        fault: "halves for 60 s".to_owned(),
        first: world.ledger.share(after),
        second: world.ledger.share(after + 1),
        healed_s: whole,
        lost: Some(lost),
        ..fault(&world, beginning, last)
    }
}

/// Sends a few messages from different sources: one alone might come from a lonely node. Returns
/// the best.
fn last_probe(world: &mut World, living: &[usize]) -> usize {
    let sources = living.iter().step_by((living.len() / LAST_PROBES).max(1));
    let probes = sources.map(|&source| {
        let probe = world.publish(source, PROBE_BYTES);
        world.run(SECOND * 5);
        probe
    });
    let probes: Vec<usize> = probes.collect();
    let best = probes.into_iter().min_by_key(|&probe| world.ledger.missing(probe));
    best.unwrap_or_default()
}

fn fault(world: &World, beginning: &Beginning, last: usize) -> Fault {
    Fault {
        engine: ENGINE.to_owned(),
        nodes: beginning.nodes,
        seed: beginning.latency.seed,
        last: world.ledger.share(last),
        never: world.ledger.missing(last),
        alone: world.alone(),
        ..Fault::default()
    }
}

impl Beginning {
    /// Everybody joins one node, a millisecond after the one before.
    fn world(&self) -> World {
        let mut world = World::new(self.nodes, self.latency.clone(), self.unreachable);
        for node in 0..self.nodes {
            world.join(node, (0 < node).then_some(0));
            world.run(Duration::from_millis(1));
        }
        world.run(self.settle);
        world
    }
}

fn shuffle(items: &mut [usize], random: &mut ChaCha8Rng) {
    for index in (1..items.len()).rev() {
        let wide = u128::from(random.next_u64()) * (index as u128 + 1);
        items.swap(index, usize::try_from(wide >> 64).unwrap_or(0));
    }
}

const ENGINE: &str = "iroh-gossip 0.101.0 (virtual time)";
const SECOND: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(5);
const PROBES: usize = 10;
const LAST_PROBES: usize = 8;
const PROBE_BYTES: usize = 256;
const PARTITION_SECONDS: usize = 60;
/// How long a network may take to grow together again: as in the notes these figures continue.
const HEALING: Duration = Duration::from_secs(850);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Model;
    use crate::workload::Sources;

    fn beginning(nodes: usize, seed: u64) -> Beginning {
        let latency = Latency::new(seed, Model::Range(10, 50));
        Beginning { nodes, latency, settle: SECOND * 10, unreachable: Unreachable::Refused }
    }

    #[test]
    fn a_small_network_delivers_all_and_says_the_same_twice() {
        let workload = Workload {
            nodes: 30,
            payload_bytes: 256,
            sources: Sources::Rotating,
            warm_up: 5,
            messages: 10,
            per_second: 1.0,
        };
        let runs = [1, 1, 2].map(|seed| publish(&workload, &beginning(30, seed)));
        for row in &runs {
            assert_eq!((row.deliveries, row.wanted), (290, 290));
            let (copies, bytes) = (row.copies.unwrap(), row.wire_bytes.unwrap());
            assert!((1.0..2.0).contains(&copies), "{copies}");
            // Payload, id and lengths at least, and no more than a flood would take.
            assert!((297.0..1_500.0).contains(&bytes), "{bytes}");
            assert!(10.0 <= row.p50_ms.unwrap());
        }
        assert_eq!(runs[0].p99_ms, runs[1].p99_ms);
        assert_eq!(runs[0].wire_bytes, runs[1].wire_bytes);
        assert_ne!(runs[0].p99_ms, runs[2].p99_ms);
    }

    #[test]
    fn walls_stop_messages_and_the_dead_are_not_counted() {
        let fault = partition(&beginning(20, 3));
        let lost = fault.lost.unwrap();
        // Nothing crosses the wall: ten of the nineteen others never hear of it.
        assert!((0.5..0.6).contains(&lost), "{lost}");
        let fault = kill(&beginning(40, 3), 50);
        assert!(fault.last > 0.9 && fault.never < 2, "{fault:?}");
    }
}
