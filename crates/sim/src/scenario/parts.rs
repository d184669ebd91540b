//! The parts of a scenario file. An unknown key is an error everywhere.

use serde::Deserialize;

/// How the machines come up, and whom they know.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Start {
    /// Whom a node knows when it wakes up for the first time.
    pub(crate) know: Know,
    /// How many nodes everybody knows, with `know = "bootstrap"`: the first ones.
    pub(crate) bootstraps: usize,
    /// Random nodes in each address book, with `know = "books"`.
    pub(crate) book_rows: usize,
    /// Who stays off until a fault lets it join.
    pub(crate) off: Off,
    /// Between two machines that are switched on; 0 if `spread_ms` says it.
    pub(crate) every_ms: u64,
    /// Within this time all are switched on, if `every_ms` is 0.
    pub(crate) spread_ms: u64,
    /// From then until time 0 of streams and faults.
    pub(crate) settle_ms: u64,
    /// The last part of the settling in which idle traffic is measured.
    pub(crate) idle_ms: u64,
}

/// Whom a node knows at first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Know {
    Bootstrap,
    Books,
}

/// Who is not switched on at the start.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Off {
    Nobody,
    Bootstraps,
    /// The second half.
    Half,
}

/// The network between the machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Net {
    pub(crate) latency: Latency,
    /// Shortest and longest one-way latency, where the model wants to know.
    pub(crate) latency_ms: (u64, u64),
    /// Half of all pairs are nearer, with `latency = "log-normal"`.
    pub(crate) median_ms: u64,
    /// Standard deviation of the logarithm, with `latency = "log-normal"`.
    pub(crate) sigma: f64,
    /// A frame takes up to so much longer.
    pub(crate) jitter_percent: f64,
    /// Packets lost, each for itself.
    pub(crate) loss_percent: f64,
    /// Loss in bursts instead.
    pub(crate) bursts: Option<Bursts>,
    pub(crate) mode: Mode,
    /// Frames that arrive twice, in datagram mode.
    pub(crate) duplicates_percent: f64,
    /// What a machine can send; 0 for no limit.
    pub(crate) uplink_mbit_s: f64,
    pub(crate) sharing: Sharing,
    /// How long a dial into the void takes to fail.
    pub(crate) dial_timeout_ms: u64,
}

/// Loss in bursts (Gilbert and Elliott).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bursts {
    /// A packet after which bursts begin.
    pub(crate) worse_percent: f64,
    /// And end.
    pub(crate) better_percent: f64,
    /// Lost outside bursts.
    pub(crate) good_percent: f64,
    /// Lost in them.
    pub(crate) bad_percent: f64,
}

/// Where one-way latencies come from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Latency {
    Regions,
    Uniform,
    LogNormal,
}

/// What becomes of a lost frame.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    Reliable,
    Lossy,
    Datagram,
}

/// Which link of a machine sends next.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sharing {
    Turns,
    AlertsFirst,
}

/// The machines.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Computers {
    /// Machines that are slow.
    pub(crate) slow_percent: f64,
    pub(crate) slow_factor: u64,
    /// Machines that dial and cannot be dialled.
    pub(crate) undialable_percent: f64,
    /// Wall clocks are off by at most this, either way.
    pub(crate) skew_ms: u64,
    /// Machines that stand still now and then, as with a garbage collector.
    pub(crate) pausing_percent: f64,
    pub(crate) pause_every_ms: u64,
    pub(crate) pause_ms: u64,
}

/// Something that is published again and again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    #[serde(default = "stream_name")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) at_ms: f64,
    #[serde(default = "half_a_second")]
    pub(crate) every_ms: f64,
    /// How often.
    pub(crate) times: usize,
    /// Publications each time; with `sources = "each"` by every live node.
    #[serde(default = "one")]
    pub(crate) at_once: usize,
    /// The first so many times are not measured.
    #[serde(default)]
    pub(crate) warm_up: usize,
    #[serde(default)]
    pub(crate) sources: Sources,
    /// How many take turns, with `sources = "rotating"`.
    #[serde(default = "four")]
    pub(crate) rotate: usize,
    /// Who take turns, with `sources = "listed"`.
    #[serde(default)]
    pub(crate) authors: Vec<usize>,
    /// Payload sizes, one drawn for each publication.
    #[serde(default = "one_kib")]
    pub(crate) bytes: Vec<usize>,
    #[serde(default)]
    pub(crate) class: Urgency,
    #[serde(default)]
    pub(crate) what: What,
    /// Entries in each write.
    #[serde(default = "one")]
    pub(crate) entries: usize,
}

/// Who publishes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sources {
    /// A live one, drawn each time.
    #[default]
    Any,
    /// One that never published before: each time the next.
    Cold,
    /// Every live one, each time.
    Each,
    /// Those of `authors`, in turns.
    Listed,
    /// The same all the time.
    One,
    /// A few, in turns.
    Rotating,
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Urgency {
    Alert,
    #[default]
    Normal,
    Bulk,
}

/// What is published.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    #[default]
    Message,
    Entry,
    Both,
    /// People raise an alert.
    Alert,
    /// A node's level is set; others are told in its hour.
    Level,
    /// A word on a rule: of each author its n-th is on the n-th rule.
    Rule,
    /// A transfer is proposed to another node, and people at both decide.
    Transfer,
}

/// Something that goes wrong, or right again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) at_ms: f64,
    #[serde(rename = "do")]
    pub(crate) action: Action,
    #[serde(default)]
    pub(crate) share_percent: f64,
    #[serde(default)]
    pub(crate) which: Which,
    /// Whether a machine that is started again finds its disk.
    #[serde(default = "yes")]
    pub(crate) keep_disk: bool,
    /// How often, with `churn`, and between two machines with `join`.
    #[serde(default = "one")]
    pub(crate) times: usize,
    #[serde(default)]
    pub(crate) every_ms: f64,
    /// With `churn`: rounds until a machine is back.
    #[serde(default = "one")]
    pub(crate) back_after: usize,
    /// With `slow`: how many times slower.
    #[serde(default = "ten")]
    pub(crate) factor: u64,
}

/// What happens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Some are killed in each round, and come back some rounds later.
    Churn,
    /// The node ends without a word, its machine stays.
    Crash,
    /// All walls fall.
    Heal,
    /// Those that stayed off are switched on, `every_ms` apart.
    Join,
    /// The plug is pulled.
    Kill,
    /// A wall between the share and the rest.
    Partition,
    /// Whoever is off is switched on.
    Restart,
    /// Machines become slow.
    Slow,
    /// Nodes end in order: they say goodbye.
    Stop,
}

/// Whom it hits.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Which {
    #[default]
    Random,
    /// Those with the most links first.
    BestConnected,
    /// The first ones by number.
    First,
    /// Those next to the sources of the streams first.
    OriginNeighbours,
    /// Whole regions, until the share is reached.
    Region,
}

/// Nodes that are not honest.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Liars {
    pub(crate) kind: LiarKind,
    pub(crate) share_percent: f64,
    /// They are switched on so late, all at once; with the others if not given.
    #[serde(default)]
    pub(crate) join_ms: Option<f64>,
}

/// What liars do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LiarKind {
    /// They spoil the signatures of what they forward.
    BadSignature,
    /// They tell of nobody but each other, take every link they get, and forward nothing.
    Eclipse,
    /// They sign two records with one number, one for every other link.
    Equivocator,
    /// They write what only decisions of people may write, in forms that nobody takes: alerts without end, words on rules
    /// that are none, levels of nothing.
    Impostor,
    /// They publish as fast as they can.
    Flood,
    /// They graft, prune and want without end.
    GraftPruneWantSpam,
    /// They announce what they never send.
    LyingHave,
    /// They lie about what their sets hold, and never send what is asked for.
    LyingReconciler,
    /// They receive, and never forward, announce or answer.
    Mute,
    /// They send again what they received long ago.
    Replay,
    /// They tell of nodes that do not exist.
    ShufflePoison,
    /// Many who join at once, take every link they get, and forward nothing.
    SybilJoin,
    /// They are good parents until they have children; then nothing more comes from them.
    WithholdingParent,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            know: Know::Books,
            bootstraps: 1,
            book_rows: 200,
            off: Off::Nobody,
            every_ms: 0,
            spread_ms: 1_000,
            settle_ms: 20_000,
            idle_ms: 0,
        }
    }
}

impl Default for Net {
    fn default() -> Self {
        Self {
            latency: Latency::Regions,
            latency_ms: (5, 120),
            median_ms: 60,
            sigma: 0.5,
            jitter_percent: 10.0,
            loss_percent: 1.0,
            bursts: None,
            mode: Mode::Reliable,
            duplicates_percent: 0.0,
            uplink_mbit_s: 20.0,
            sharing: Sharing::Turns,
            dial_timeout_ms: 5_000,
        }
    }
}

impl Default for Computers {
    fn default() -> Self {
        Self {
            slow_percent: 0.0,
            slow_factor: 10,
            undialable_percent: 0.0,
            skew_ms: 0,
            pausing_percent: 0.0,
            pause_every_ms: 10_000,
            pause_ms: 200,
        }
    }
}

impl Urgency {
    pub(crate) fn class(self) -> wire::Class {
        match self {
            Self::Alert => wire::Class::Alert,
            Self::Bulk => wire::Class::Bulk,
            Self::Normal => wire::Class::Normal,
        }
    }
}

impl LiarKind {
    /// Whether it takes every link it can get.
    pub(crate) fn is_greedy(self) -> bool {
        match self {
            Self::Eclipse | Self::SybilJoin => true,
            Self::BadSignature
            | Self::Equivocator
            | Self::Flood
            | Self::Impostor
            | Self::GraftPruneWantSpam
            | Self::LyingHave
            | Self::LyingReconciler
            | Self::Mute
            | Self::Replay
            | Self::ShufflePoison
            | Self::WithholdingParent => false,
        }
    }
}

fn stream_name() -> String {
    "messages".to_owned()
}

fn half_a_second() -> f64 {
    500.0
}

fn one_kib() -> Vec<usize> {
    vec![1_024]
}

fn one() -> usize {
    1
}

fn four() -> usize {
    4
}

fn ten() -> u64 {
    10
}

fn yes() -> bool {
    true
}
