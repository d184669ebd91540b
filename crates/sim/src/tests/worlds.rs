//! What machines, links and disks of a world do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use engine::{Now, Time};
use node::{Command, Draft, Effect, Input, Node};

use crate::network::{Latency, Loss, Machines, NetworkConfig};
use crate::{Actor, World, WorldConfig};

/// A quiet world in which all pairs are 20 ms apart.
fn config(hosts: usize) -> WorldConfig {
    let mut config = WorldConfig::new(1, hosts);
    config.network = NetworkConfig {
        latency: Latency::Uniform { low_us: 20_000, high_us: 20_000 },
        jitter_per_mille: 0,
        loss: Loss::Independent(0),
        uplink_bits_per_s: None,
        ..NetworkConfig::default()
    };
    config.machines = Machines { step_us: 0, verify_us: 0, ..Machines::default() };
    config
}

fn started(config: WorldConfig) -> World {
    let hosts = config.hosts;
    let mut world = World::new(config);
    (0..hosts).for_each(|host| world.start(host));
    world.run(5_000).unwrap();
    world
}

fn put(world: &mut World, host: usize, name: &str, bytes: usize) -> usize {
    let value = Some(Bytes::from(format!("\"{}\"", "x".repeat(bytes))));
    let draft = Draft { collection: "default".to_owned(), name: name.to_owned(), value };
    world.command(host, Command::Put(vec![draft])).unwrap()[0]
}

#[test]
fn a_record_takes_the_disk_and_one_way() {
    let mut world = started(config(2));
    let message = put(&mut world, 0, "a", 10);
    world.run(2_000).unwrap();
    let latencies = world.latencies(message);
    assert_eq!((latencies.len(), world.delivered_len(message)), (1, 1));
    // 1 to 5 ms until it is on disk here and as much there, and 20 ms for the way.
    let took_us = latencies.quantile_us(1_000);
    assert!((22_000..=30_000).contains(&took_us), "{took_us}");
    let copies = world.copies(message);
    assert_eq!((copies.total, copies.hosts[1]), (1, 1));
    assert_eq!(world.lacking(message), Vec::<usize>::new());
    assert_eq!(world.published()[message].host, 0);
}

#[test]
fn a_link_takes_its_handshake_a_dead_machine_five_seconds_and_a_live_one_refuses() {
    let mut world = World::new(config(2));
    world.start(1);
    world.run(150).unwrap();
    // The machine is there, the node is not: two ways.
    let why = |world: &World| world.peers(1)[0].why.clone();
    assert_eq!(why(&world), Some("refused".to_owned()));
    world.kill(0);
    world.run(20_000).unwrap();
    assert_eq!(why(&world), Some("no answer within 5 s".to_owned()));
    let mut world = World::new(config(2));
    world.start(0);
    world.start(1);
    world.run(99).unwrap();
    assert!(world.links(1).is_empty());
    world.run(2).unwrap();
    assert_eq!(world.links(1).len(), 1);
    assert_eq!(world.links(1)[0].latency_us, 20_000);
}

#[test]
fn nobody_dials_a_hidden_machine_and_it_dials_all_the_same() {
    let mut world = World::new(config(2));
    world.hide(0);
    world.start(0);
    world.start(1);
    world.run(4_000).unwrap();
    assert!(world.links(1).is_empty());
    let mut world = World::new(config(2));
    world.hide(1);
    world.start(0);
    world.start(1);
    world.run(4_000).unwrap();
    assert_eq!(world.links(0).len(), 1);
}

#[test]
fn a_crash_loses_what_was_not_on_disk_and_a_stop_does_not() {
    let mut world = started(config(2));
    put(&mut world, 0, "lost", 1);
    world.kill(0);
    world.run(100).unwrap();
    assert_eq!(world.disk_len(0), 0);
    world.start(0);
    world.run(5_000).unwrap();
    put(&mut world, 0, "kept", 1);
    world.stop(0).unwrap();
    world.run(100).unwrap();
    assert_eq!((world.disk_len(0), world.is_up(0)), (1, false));
    world.wipe(0);
    assert_eq!(world.disk_len(0), 0);
    world.start(0);
    world.run(10_000).unwrap();
    assert_eq!(world.disk_len(0), world.disk_len(1));
}

/// The peer's system says so when it has started anew; a dead one says nothing.
#[test]
fn a_link_to_a_machine_that_started_anew_is_reset_by_the_next_frame() {
    let mut world = started(config(2));
    assert_eq!(world.links(1).len(), 1);
    world.crash(0);
    world.run(30).unwrap();
    assert!(world.links(1).is_empty());
}

#[test]
fn an_uplink_sends_one_frame_after_the_other() {
    let mut slow = config(2);
    slow.network.uplink_bits_per_s = Some(1_000_000);
    let mut world = started(slow);
    let message = put(&mut world, 0, "a", 50_000);
    world.run(3_000).unwrap();
    // 50 kB at 1 Mbit/s are 0.4 s.
    let took_us = world.latencies(message).quantile_us(1_000);
    assert!((420_000..480_000).contains(&took_us), "{took_us}");
    world.audit().unwrap();
}

#[test]
fn a_slow_machine_thinks_slowly() {
    let mut config = config(2);
    config.machines.step_us = 1_000;
    config.machines.verify_us = 2_000;
    let mut world = started(config);
    let fast = put(&mut world, 0, "a", 1);
    world.run(2_000).unwrap();
    world.slow_down(1, 20);
    let slow = put(&mut world, 0, "b", 1);
    world.run(2_000).unwrap();
    let took_us = |message| world.latencies(message).quantile_us(1_000);
    // Nineteen times a step and a check more, at least.
    assert!(took_us(fast) + 57_000 <= took_us(slow), "{} {}", took_us(fast), took_us(slow));
}

/// Hears everything and never says a word.
struct Mute {
    node: Node,
    heard: Arc<AtomicU64>,
}

impl Actor for Mute {
    fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let mut effects = self.node.handle(input, now);
        effects.retain(|effect| !matches!(effect, Effect::Net(engine::Effect::Send(..))));
        effects
    }

    fn deadline(&self) -> Option<Time> {
        self.node.deadline()
    }

    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

#[test]
fn somebody_else_may_run_a_machine() {
    let mut world = World::new(config(3));
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    world.possess(2, Arc::new(move |node, _| Box::new(Mute { node, heard: Arc::clone(&count) })));
    (0..3).for_each(|host| world.start(host));
    world.run(5_000).unwrap();
    let message = put(&mut world, 0, "a", 1);
    world.run_until_held(&[message], 1_000).unwrap();
    assert!(0 < heard.load(Ordering::Relaxed));
    assert_eq!(world.status(0).unwrap().links, 1);
    assert_eq!(world.disk_len(2), 0);
}

/// A node that is never told that its deadline has passed would have to be found out.
#[test]
fn a_rule_that_breaks_ends_the_run_and_says_where() {
    let mut config = config(2);
    config.checks.steps_per_second_max = 3;
    let mut world = World::new(config);
    world.start(0);
    world.start(1);
    let error = world.run(5_000).unwrap_err();
    assert!(error.contains("seed 1") && error.contains("more than 3 steps"), "{error}");
}
