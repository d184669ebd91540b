//! Stories that worlds are put through, each with what must hold at its end.

use bytes::Bytes;
use node::{Command, Draft, Publication};
use wire::MessageKind;

use crate::network::{Latency, Loss, Mode, NetworkConfig};
use crate::{World, WorldConfig};

/// A named story.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens.
    pub about: &'static str,
    /// How many nodes take part unless somebody says otherwise.
    pub nodes: usize,
    play: fn(&mut World, usize) -> Result<u64, String>,
    tune: fn(&mut engine::Config),
    loss_per_million: u32,
}

/// What became of one run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Hash of everything that happened: equal for equal seeds.
    pub trace: u64,
    /// Virtual time after the last fault until all nodes held the same, milliseconds.
    pub agreed_in_ms: u64,
    /// Virtual time in all, milliseconds.
    pub took_ms: u64,
    /// Records acknowledged, every one of which every live node held in the end.
    pub acknowledged: usize,
    /// Steps of all nodes.
    pub steps: u64,
    /// Frames sent.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Scenario {
    /// All stories.
    pub const ALL: &'static [Self] = &[
        Self {
            name: "quiet",
            about: "a small network without faults",
            nodes: 20,
            play: quiet,
            tune: as_it_is,
            loss_per_million: 0,
        },
        Self {
            name: "partition",
            about: "two halves that cannot hear each other for two minutes, writes on both sides",
            nodes: 6,
            play: partition,
            tune: as_it_is,
            loss_per_million: 0,
        },
        Self {
            name: "churn",
            about: "5 % of frames lost, a fifth of the nodes crash and come back while all write",
            nodes: 300,
            play: churn,
            tune: as_it_is,
            loss_per_million: 50_000,
        },
        Self {
            name: "steady",
            about: "everybody writes all the time while newcomers join and must catch up meanwhile",
            nodes: 20,
            play: steady,
            tune: as_it_is,
            loss_per_million: 0,
        },
        Self {
            name: "cramped",
            about: "churn in a network whose books, intakes and links are all too small for it",
            nodes: 60,
            play: churn,
            tune: cramped,
            loss_per_million: 50_000,
        },
        Self {
            name: "bootstrap-late",
            about: "everybody starts before the only node they know of",
            nodes: 8,
            play: bootstrap_late,
            tune: as_it_is,
            loss_per_million: 0,
        },
    ];

    /// Finds a story.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|scenario| scenario.name == name)
    }

    /// Plays it. An error names the seed and the invariant that broke.
    pub fn run(&self, seed: u64, nodes: usize) -> Result<Outcome, String> {
        let mut config = WorldConfig::new(seed, nodes);
        (self.tune)(&mut config.node.engine);
        config.network = NetworkConfig {
            latency: Latency::Uniform { low_us: 5_000, high_us: 120_000 },
            loss: Loss::Independent(self.loss_per_million),
            mode: Mode::Lossy,
            ..NetworkConfig::default()
        };
        let mut world = World::new(config);
        let named = |error| format!("{} with seed {seed} and {nodes} nodes: {error}", self.name);
        let agreed_in_ms = (self.play)(&mut world, nodes).map_err(named)?;
        let traffic = world.audit().map_err(named)?;
        let (took_ms, steps) = (world.now_us() / 1_000, world.figures().steps);
        let (frames, bytes) = (traffic.sent.frames, traffic.sent.bytes);
        let (trace, acknowledged) = (world.trace(), world.acknowledged());
        Ok(Outcome { trace, agreed_in_ms, took_ms, acknowledged, steps, frames, bytes })
    }
}

fn quiet(world: &mut World, nodes: usize) -> Result<u64, String> {
    start_all(world, nodes, 50)?;
    world.run(5_000)?;
    for node in 0..nodes {
        put(world, node, "a", 3)?;
        publish(world, node)?;
        world.run(20)?;
    }
    world.run_until_equal(5_000)
}

fn partition(world: &mut World, nodes: usize) -> Result<u64, String> {
    start_all(world, nodes, 50)?;
    world.run(5_000)?;
    world.divide(|node| u8::from(node < nodes / 2));
    for round in 0..12 {
        for node in 0..nodes {
            put(world, node, &format!("round-{round}"), 2)?;
            publish(world, node)?;
        }
        world.run(10_000)?;
    }
    if world.roots().len() < 2 {
        return Err("the wall did not divide anything".to_owned());
    }
    world.heal();
    world.run_until_equal(600_000)
}

fn churn(world: &mut World, nodes: usize) -> Result<u64, String> {
    start_all(world, nodes, 10)?;
    world.run(20_000)?;
    let mut down: Vec<usize> = Vec::new();
    for round in 0..10 {
        // Each round a few crash and those of the round before the last come back: a fifth of
        // all nodes in ten rounds.
        for _ in 0..nodes.div_ceil(50) {
            let node = 1 + world.draw(nodes - 1);
            if world.is_up(node) {
                world.kill(node);
                down.push(node);
            }
        }
        for write in 0..6 {
            let node = world.draw(nodes);
            if world.is_up(node) {
                put(world, node, &format!("round-{round}-{write}"), 1)?;
                publish(world, node)?;
            }
        }
        world.run(3_000)?;
        let back = down.len().saturating_sub(2 * nodes.div_ceil(50));
        down.drain(..back).for_each(|node| world.start(node));
    }
    down.drain(..).for_each(|node| world.start(node));
    world.run_until_equal(300_000)
}

/// Nodes join one by one while all write ten times a second; each must hold what was written before
/// it came, although nothing is ever quiet.
fn steady(world: &mut World, nodes: usize) -> Result<u64, String> {
    start_all(world, nodes / 2, 50)?;
    for node in nodes / 2..nodes {
        for round in 0..20 {
            let writer = world.draw(node);
            put(world, writer, &format!("steady-{node}-{round}"), 1)?;
            world.run(100)?;
        }
        world.start(node);
    }
    for round in 0..100 {
        let writer = world.draw(nodes);
        put(world, writer, &format!("late-{round}"), 1)?;
        world.run(100)?;
    }
    // Ten seconds of traffic later the last newcomer lacks at most what is on its way.
    let missing = world.missing();
    if nodes < missing.len() {
        let behind: std::collections::BTreeMap<usize, usize> =
            missing.iter().fold(Default::default(), |mut all, (host, _)| {
                *all.entry(*host).or_default() += 1;
                all
            });
        return Err(format!("records still missing under steady traffic: {behind:?}"));
    }
    world.run_until_equal(10_000)
}

fn as_it_is(_: &mut engine::Config) {}

fn cramped(config: &mut engine::Config) {
    config.book_max = 12;
    config.links_target = 5;
    config.links_max = 9;
    config.pending_max = 16;
    config.dials_max = 2;
    config.rotate_ms = 20_000;
}

fn bootstrap_late(world: &mut World, nodes: usize) -> Result<u64, String> {
    (1..nodes).for_each(|node| world.start(node));
    world.run(60_000)?;
    for node in 1..nodes {
        put(world, node, "alone", 1)?;
    }
    world.start(0);
    world.run_until_equal(30_000)
}

fn start_all(world: &mut World, nodes: usize, every_ms: u64) -> Result<(), String> {
    for node in 0..nodes {
        world.start(node);
        world.run(every_ms)?;
    }
    Ok(())
}

fn publish(world: &mut World, node: usize) -> Result<(), String> {
    let payload = Bytes::from(format!(r#"{{"from":{node}}}"#));
    let (kind, reply_to) = (MessageKind::Announce, None);
    let topic = "water".to_owned();
    let publication = Publication {
        topic,
        kind,
        payload,
        reply_to,
        life_ms: 86_400_000,
        class: wire::Class::Normal,
    };
    world.command(node, Command::Publish(publication)).map(|_| ())
}

fn put(world: &mut World, node: usize, name: &str, count: usize) -> Result<(), String> {
    let drafts = (0..count).map(|number| Draft {
        collection: "default".to_owned(),
        name: format!("{name}/{node}/{number}"),
        value: Some(Bytes::from_static(b"{\"level\":3}")),
    });
    world.command(node, Command::Put(drafts.collect())).map(|_| ())
}
