//! What a reference model is run with.

use super::Overlay;
use super::overlay::{below, number, shuffle};
use crate::chance::Chance;
use crate::network::{Machines, Mode, NetworkConfig};

/// One run of one model.
#[derive(Clone, Debug)]
pub struct ModelConfig<'a> {
    /// What is run.
    pub model: Model,
    /// How many nodes.
    pub nodes: usize,
    /// Where all chances come from.
    pub seed: u64,
    /// The network under it: where a node is follows from the seed, as in a world.
    pub network: NetworkConfig,
    /// The machines. Models use their steps, signature checks, slowness and pauses.
    pub machines: Machines,
    /// Who publishes what and when.
    pub workload: Workload,
    /// Who fails and who lies.
    pub faults: Faults,
    /// The links to use, for flooding and Plumtree; otherwise they are drawn.
    pub overlay: Option<&'a Overlay>,
}

/// A protocol that Trellis is compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Model {
    /// The one-way path from the source, with an endless uplink: nobody is faster.
    Direct,
    /// Everybody sends everything to all its links: the fastest on a given overlay.
    Flood {
        /// Links of each node, if the overlay is drawn.
        degree: usize,
    },
    /// Infect and die: a node sends a new message to some random ones of the 50 it knows.
    Push {
        /// To how many.
        fanout: usize,
        /// How many links a message may cross.
        ttl: u16,
    },
    /// The mesh of libp2p.
    Gossipsub(Gossipsub),
    /// One tree for all sources, with announcements on all other links.
    Plumtree(Plumtree),
}

/// Settings of gossipsub; [`Gossipsub::with_degree`] has the defaults of rust-libp2p 0.57.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gossipsub {
    /// Wanted, lowest and highest number of mesh links.
    pub mesh: (usize, usize, usize),
    /// Mesh links that must have been dialled by the node itself.
    pub mesh_outbound_min: usize,
    /// How many peers hear announcements, at least.
    pub lazy: usize,
    /// Share of the other peers that hear announcements, per cent.
    pub gossip_percent: usize,
    /// Connections of each node.
    pub peers: usize,
    /// Time between two beats.
    pub heartbeat_us: u64,
    /// How many beats a message is announced, and kept for those who ask.
    pub history: (u64, u64),
    /// How long nobody grafts a link that was pruned.
    pub prune_backoff_us: u64,
    /// How long a peer may take to send what it announced before another is asked. In libp2p a
    /// broken promise expires only with scores on; here it always does.
    pub follow_up_us: u64,
    /// To whom a source sends.
    pub publishing: Publishing,
    /// Whether receivers of large messages tell their mesh that they have them.
    pub dont_want: DontWant,
    /// Size of a message's name.
    pub id_bytes: u32,
}

/// To whom a gossipsub source sends its message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Publishing {
    /// To its mesh.
    Mesh,
    /// To all its peers: `flood_publish`, the default of libp2p.
    Everybody,
}

/// Whether and when IDONTWANT is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DontWant {
    /// Never.
    Off,
    /// For messages above this many bytes.
    Above(u32),
}

/// Settings of the shared tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plumtree {
    /// Links of each node, if the overlay is drawn.
    pub degree: usize,
    /// Wait between the first announcement and the first graft, and between two grafts.
    pub graft_us: (u64, u64),
    /// A link is changed for one that is so many hops shorter, if at all.
    pub optimise_hops: Option<u16>,
    /// Size of a message's name.
    pub id_bytes: u32,
}

/// Who publishes what and when.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The messages, in the order of their times.
    pub publications: Vec<Publication>,
    /// How long after the last one the world goes on.
    pub drain_us: u64,
}

/// One message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Publication {
    /// When, from the beginning of the world. Meshes need the first five seconds.
    pub at_us: u64,
    /// By which node.
    pub source: u32,
    /// How large.
    pub payload_bytes: u32,
    /// Whether it counts.
    pub purpose: Purpose,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// It shapes trees and counts nowhere.
    WarmUp,
    /// It counts.
    Measure,
}

/// How many nodes publish.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sources {
    /// So many, one after the other.
    Few(usize),
    /// A random one each time.
    Any,
}

/// Who fails and who lies. A plain world has none.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Nodes that vanish, and when.
    pub kills: Vec<Kill>,
    /// Nodes that are not honest.
    pub liars: Vec<(u32, Role)>,
    /// Shortest and longest time until the end of a link to a dead node is noticed.
    pub detection_us: (u64, u64),
}

/// Nodes that vanish at once and never come back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kill {
    /// When.
    pub at_us: u64,
    /// Who.
    pub nodes: Vec<u32>,
}

/// What a node does with what it gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// What the protocol says.
    Honest,
    /// Nothing: it receives, keeps its links, and never forwards, announces or answers.
    Mute,
    /// As a mute one, but it announces what it never sends.
    LyingHave,
}

impl Model {
    /// Names that [`Model::named`] knows, and what they mean.
    pub const NAMES: &'static [(&'static str, &'static str)] = &[
        ("direct", "the one-way path from the source, a bound"),
        ("flood", "flooding, a bound for its overlay"),
        ("push-a", "fanout 3, TTL 10 (design A)"),
        ("push-c", "fanout 3, TTL 3 (design C)"),
        ("gossipsub-6", "D 6/5/12, publishing to the mesh, names of 32 bytes"),
        ("gossipsub-8", "D 8/6/12, publishing to the mesh, names of 32 bytes"),
        ("gossipsub-6-libp2p", "D 6/5/12 with flood_publish, IDONTWANT, names of 72 bytes"),
        ("gossipsub-8-libp2p", "D 8/6/12 with flood_publish, IDONTWANT, names of 72 bytes"),
        ("plumtree", "one tree for all, 5 links, grafts after 500 and 400 ms"),
        ("plumtree-iroh", "the same with iroh-gossip's 80 and 40 ms and its optimisation"),
    ];

    /// Returns the model of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "flood" => Some(Self::Flood { degree: 12 }),
            "push-a" => Some(Self::Push { fanout: 3, ttl: 10 }),
            "push-c" => Some(Self::Push { fanout: 3, ttl: 3 }),
            "gossipsub-6" => Some(Self::Gossipsub(Gossipsub::with_degree(6))),
            "gossipsub-8" => Some(Self::Gossipsub(Gossipsub::with_degree(8))),
            "gossipsub-6-libp2p" => Some(Self::Gossipsub(Gossipsub::as_shipped(6))),
            "gossipsub-8-libp2p" => Some(Self::Gossipsub(Gossipsub::as_shipped(8))),
            "plumtree" => Some(Self::Plumtree(Plumtree::default())),
            "plumtree-iroh" => Some(Self::Plumtree(Plumtree::iroh())),
            _ => None,
        }
    }

    /// Returns the size of a message's name in announcements.
    pub(crate) fn id_bytes(self) -> u32 {
        match self {
            Self::Direct | Self::Flood { .. } | Self::Push { .. } => 0,
            Self::Gossipsub(settings) => settings.id_bytes,
            Self::Plumtree(settings) => settings.id_bytes,
        }
    }
}

impl Gossipsub {
    /// The mesh with the defaults of rust-libp2p 0.57 but without `flood_publish` and IDONTWANT,
    /// with names of 32 bytes, and asking everybody who announces: the kindest reading.
    pub fn with_degree(degree: usize) -> Self {
        Self {
            mesh: (degree, if degree < 8 { degree - 1 } else { degree - 2 }, 12),
            mesh_outbound_min: 2,
            lazy: 6,
            gossip_percent: 25,
            peers: 50,
            heartbeat_us: 1_000_000,
            history: (3, 5),
            prune_backoff_us: 60_000_000,
            follow_up_us: 0,
            publishing: Publishing::Mesh,
            dont_want: DontWant::Off,
            id_bytes: 32,
        }
    }

    /// All defaults of rust-libp2p 0.57: also names of about 72 bytes, a peer's name and a number.
    pub fn as_shipped(degree: usize) -> Self {
        Self {
            publishing: Publishing::Everybody,
            dont_want: DontWant::Above(1_000),
            follow_up_us: 3_000_000,
            id_bytes: 72,
            ..Self::with_degree(degree)
        }
    }
}

impl Default for Plumtree {
    fn default() -> Self {
        Self { degree: 5, graft_us: (500_000, 400_000), optimise_hops: None, id_bytes: 32 }
    }
}

impl Plumtree {
    /// The waiting times and the optimisation of iroh-gossip 0.101.
    pub fn iroh() -> Self {
        Self { graft_us: (80_000, 40_000), optimise_hops: Some(7), ..Self::default() }
    }
}

impl Workload {
    /// `warm_up` and then `measured` messages of `payload_bytes`, two a second.
    pub fn steady(
        (warm_up, measured): (usize, usize),
        payload_bytes: u32,
        sources: Sources,
        (nodes, seed): (usize, u64),
    ) -> Self {
        let mut random = Chance::new(seed, &[SOURCE_STREAM]);
        let few: Vec<u32> = match sources {
            Sources::Few(count) => (0..count.max(1)).map(|_| below(&mut random, nodes)).collect(),
            Sources::Any => Vec::new(),
        };
        let publications = (0..warm_up + measured).map(|turn| Publication {
            at_us: LEAD_IN_US + turn as u64 * 500_000,
            source: match few.len() {
                0 => below(&mut random, nodes),
                count => few[turn % count],
            },
            payload_bytes,
            purpose: if turn < warm_up { Purpose::WarmUp } else { Purpose::Measure },
        });
        Self { publications: publications.collect(), drain_us: 10_000_000 }
    }
}

impl Faults {
    /// A world without faults.
    pub fn none() -> Self {
        Self { kills: Vec::new(), liars: Vec::new(), detection_us: (1_000_000, 3_000_000) }
    }

    /// Some nodes play another role from the beginning. Sources stay honest.
    pub fn liars(
        share_percent: usize,
        role: Role,
        workload: &Workload,
        (nodes, seed): (usize, u64),
    ) -> Self {
        let mut others: Vec<u32> = (0..number(nodes)).collect();
        others.retain(|it| workload.publications.iter().all(|message| message.source != *it));
        let mut random = Chance::new(seed, &[LIAR_STREAM]);
        shuffle(&mut random, &mut others);
        others.truncate(nodes * share_percent / 100);
        Self { liars: others.into_iter().map(|it| (it, role)).collect(), ..Self::none() }
    }

    /// Random nodes vanish at once. Sources of later messages stay.
    pub fn killed(
        share_percent: usize,
        at_us: u64,
        workload: &Workload,
        (nodes, seed): (usize, u64),
    ) -> Self {
        let later = || workload.publications.iter().filter(|it| at_us <= it.at_us);
        let mut others: Vec<u32> = (0..number(nodes)).collect();
        others.retain(|it| later().all(|message| message.source != *it));
        let mut random = Chance::new(seed, &[KILL_STREAM]);
        shuffle(&mut random, &mut others);
        others.truncate(nodes * share_percent / 100);
        Self { kills: vec![Kill { at_us, nodes: others }], ..Self::none() }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

/// The wide-area network of our first measurements: 1 % loss, 20 Mbit/s, 58 bytes around a frame.
pub fn baseline_network(mode: Mode) -> NetworkConfig {
    NetworkConfig { mode, overhead_bytes: 58, ..NetworkConfig::default() }
}

/// The machines of our first measurements: half a millisecond for each hop.
pub fn baseline_machines() -> Machines {
    Machines { step_us: 450, verify_us: 50, ..Machines::default() }
}

/// Time for meshes to form before the first message.
const LEAD_IN_US: u64 = 6_000_000;
const SOURCE_STREAM: u64 = 0x736f_7572_6365_7300;
const LIAR_STREAM: u64 = 0x6c69_6172_7300_0000;
const KILL_STREAM: u64 = 0x6b69_6c6c_7300_0000;
