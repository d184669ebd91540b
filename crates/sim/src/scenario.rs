//! Scenarios: what a world is put through and what must hold, as committed TOML files.
//!
//! Times count from the moment when everybody is up and has settled. Sources of fixed streams and
//! bootstrap nodes are spared by faults, and are honest.

mod expect;
mod parts;
mod settings;

use std::path::Path;

use serde::Deserialize;
use toml::Table;

use crate::WorldConfig;
use crate::config::{Boot, NETWORK};
use crate::network::{self, Loss, Machines, NetworkConfig, Pauses};

pub(crate) use expect::Expect;
pub(crate) use parts::{
    Action, Fault, Know, LiarKind, Liars, Off, Sources, Start, Stream, Urgency, What, Which,
};
use parts::{Computers, Latency, Mode, Net, Sharing};

/// One scenario, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name on the command line; that of its file.
    pub name: String,
    /// What happens, in a few words.
    pub about: String,
    /// How many nodes take part unless somebody says otherwise.
    pub nodes: usize,
    /// The file it was read from, if it did not come with the program.
    #[serde(skip)]
    pub(crate) file: Option<String>,
    /// Steps a node may make in a second before it is said to spin.
    #[serde(default = "steps_per_second_max")]
    steps_per_second_max: u64,
    #[serde(default)]
    pub(crate) start: Start,
    #[serde(default)]
    network: Net,
    #[serde(default)]
    machines: Computers,
    #[serde(default)]
    node: Table,
    #[serde(default, rename = "stream")]
    pub(crate) streams: Vec<Stream>,
    #[serde(default, rename = "fault")]
    pub(crate) faults: Vec<Fault>,
    #[serde(default)]
    pub(crate) liars: Vec<Liars>,
    /// Models to run beside it, by name.
    #[serde(default)]
    pub(crate) against: Vec<String>,
    #[serde(default)]
    pub(crate) expect: Expect,
}

impl Scenario {
    /// Returns the scenarios that come with the program, by name.
    pub fn all() -> Vec<Self> {
        let read = |(name, text): &(&str, &str)| Self::parse(name, text);
        FILES.iter().map(|file| read(file).expect("a test reads every file")).collect()
    }

    /// Finds a scenario of the program, or reads a file whose name ends in `.toml`. The error says
    /// which name may have been meant.
    pub fn find(name: &str) -> Result<Self, String> {
        if Path::new(name).extension().is_some_and(|it| it == "toml") {
            let text = std::fs::read_to_string(name)
                .map_err(|error| format!("cannot read {name}: {error}"))?;
            let scenario = Self::parse(name, &text)?;
            return Ok(Self { file: Some(name.to_owned()), ..scenario });
        }
        match FILES.iter().find(|file| file.0 == name) {
            Some((name, text)) => Self::parse(name, text),
            None => {
                let near = nearest(name, FILES.iter().map(|file| file.0));
                let hint = near.map(|it| format!(": did you mean {it:?}?")).unwrap_or_default();
                Err(format!("there is no scenario {name:?}{hint}"))
            }
        }
    }

    /// Reads a scenario; `file` is named in errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let read = toml::from_str::<Self>(text);
        let scenario = read.map_err(|error| format!("{file}: {}", with_hint(&error)))?;
        scenario.check().map_err(|error| format!("{file}: {error}"))?;
        Ok(scenario)
    }

    /// Returns the world it is played in.
    pub(crate) fn world(&self, nodes: usize, seed: u64, threads: usize) -> WorldConfig {
        let mut config = WorldConfig::new(seed, nodes);
        let mut engine = engine::Config::server(NETWORK);
        settings::apply(&mut engine, &self.node).expect("checked when it was read");
        config.node = node::Config::new(engine);
        config.boot = match self.start.know {
            Know::Bootstrap => Boot::Bootstrap { hosts: self.start.bootstraps },
            Know::Books => Boot::Books { rows: self.start.book_rows },
        };
        config.network = self.network.config();
        config.machines = self.machines.config();
        config.threads = threads;
        config.checks.steps_per_second_max = self.steps_per_second_max;
        config
    }

    fn check(&self) -> Result<(), String> {
        let mut engine = engine::Config::server(NETWORK);
        settings::apply(&mut engine, &self.node)?;
        if self.nodes < 2 {
            return Err("a world has at least 2 nodes".to_owned());
        }
        if self.start.know == Know::Bootstrap && self.start.bootstraps == 0 {
            return Err("start.bootstraps is at least 1 where everybody starts from them".into());
        }
        let (low_ms, high_ms) = self.network.latency_ms;
        if high_ms < low_ms {
            return Err("network.latency_ms is [shortest, longest]".to_owned());
        }
        for stream in &self.streams {
            stream.check()?;
        }
        for fault in &self.faults {
            fault.check()?;
        }
        for liars in &self.liars {
            percent("liars.share_percent", liars.share_percent)?;
        }
        for it in &self.expect.slower {
            for name in [&it.stream, &it.than] {
                if !self.streams.iter().any(|stream| stream.name == *name) {
                    return Err(format!("expect.slower names a stream {name:?} that is not there"));
                }
            }
        }
        for name in &self.against {
            if !crate::compare::is_known(name) {
                let hint = nearest(name, crate::compare::names());
                let hint = hint.map(|it| format!(": did you mean {it:?}?")).unwrap_or_default();
                return Err(format!("there is no model {name:?}{hint}"));
            }
        }
        Ok(())
    }
}

impl Stream {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if self.bytes.is_empty() || self.bytes.iter().any(|bytes| *bytes < PAYLOAD_BYTES_MIN) {
            return Err(format!(
                "stream {name:?}: bytes lists sizes of at least {PAYLOAD_BYTES_MIN}"
            ));
        }
        if self.sources == Sources::Listed && self.authors.is_empty() {
            return Err(format!("stream {name:?}: sources = \"listed\" wants authors = [..]"));
        }
        if self.sources != Sources::Listed && !self.authors.is_empty() {
            return Err(format!("stream {name:?}: authors wants sources = \"listed\""));
        }
        if self.at_ms < 0.0 || self.every_ms < 0.0 {
            return Err(format!("stream {name:?}: times are not negative"));
        }
        if self.what != What::Message && self.class != Urgency::Normal {
            return Err(format!("stream {name:?}: only messages have a class"));
        }
        Ok(())
    }
}

impl Fault {
    fn check(&self) -> Result<(), String> {
        let action = self.action;
        percent("fault.share_percent", self.share_percent)?;
        let wants_share = match action {
            Action::Churn
            | Action::Crash
            | Action::Kill
            | Action::Partition
            | Action::Slow
            | Action::Stop => true,
            Action::Heal | Action::Join | Action::Restart => false,
        };
        if wants_share == (self.share_percent == 0.0) {
            let wants = if wants_share { "wants" } else { "takes no" };
            return Err(format!("fault {action:?} {wants} share_percent"));
        }
        if self.at_ms < 0.0 || self.every_ms < 0.0 {
            return Err(format!("fault {action:?}: times are not negative"));
        }
        Ok(())
    }
}

impl Net {
    fn config(&self) -> NetworkConfig {
        let us = |ms: u64| ms * 1_000;
        let (low_us, high_us) = (us(self.latency_ms.0), us(self.latency_ms.1));
        let latency = match self.latency {
            Latency::Regions => network::Latency::Regions,
            Latency::Uniform => network::Latency::Uniform { low_us, high_us },
            Latency::LogNormal => network::Latency::LogNormal {
                median_us: us(self.median_ms),
                sigma_per_mille: number(self.sigma * 1_000.0),
                low_us,
                high_us,
            },
        };
        let loss = match self.bursts {
            None => Loss::Independent(per_million(self.loss_percent)),
            Some(it) => Loss::Bursty {
                worse: per_million(it.worse_percent),
                better: per_million(it.better_percent),
                good: per_million(it.good_percent),
                bad: per_million(it.bad_percent),
            },
        };
        let uplink = u64::from(number(self.uplink_mbit_s * 1_000.0)) * 1_000;
        NetworkConfig {
            latency,
            jitter_per_mille: number(self.jitter_percent * 10.0),
            loss,
            mode: match self.mode {
                Mode::Reliable => network::Mode::Reliable,
                Mode::Lossy => network::Mode::Lossy,
                Mode::Datagram => network::Mode::Datagram,
            },
            duplicates_per_million: per_million(self.duplicates_percent),
            uplink_bits_per_s: (0 < uplink).then_some(uplink),
            sharing: match self.sharing {
                Sharing::Turns => network::Sharing::Turns,
                Sharing::AlertsFirst => network::Sharing::AlertsFirst,
            },
            dial_timeout_ms: self.dial_timeout_ms,
            ..NetworkConfig::default()
        }
    }
}

impl Computers {
    fn config(&self) -> Machines {
        let pauses = (0.0 < self.pausing_percent).then(|| Pauses {
            per_mille: number(self.pausing_percent * 10.0),
            every_ms: self.pause_every_ms,
            pause_ms: self.pause_ms,
        });
        Machines {
            slow_per_mille: number(self.slow_percent * 10.0),
            slow_factor: self.slow_factor,
            undialable_per_mille: number(self.undialable_percent * 10.0),
            clock_skew_ms_max: self.skew_ms,
            pauses,
            ..Machines::default()
        }
    }
}

/// Returns the most similar name, where one is similar enough.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = names.into_iter().map(|it| (strsim::jaro_winkler(name, it), it));
    let near = rated.filter(|(similarity, _)| 0.8 < *similarity);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, it)| it)
}

/// Adds which key may be meant: the reader's message quotes the wrong one first, then all others.
fn with_hint(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let near = message.starts_with("unknown").then(|| nearest(quoted.next()?, quoted)).flatten();
    match near {
        Some(near) => format!("{}\ndid you mean {near:?}?", text.trim_end()),
        None => text.trim_end().to_owned(),
    }
}

fn steps_per_second_max() -> u64 {
    5_000
}

fn percent(what: &str, value: f64) -> Result<(), String> {
    if (0.0..=100.0).contains(&value) {
        return Ok(());
    }
    Err(format!("{what} is from 0 to 100, not {value}"))
}

fn per_million(percent: f64) -> u32 {
    number(percent * 10_000.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn number(value: f64) -> u32 {
    value.round() as u32
}

/// A payload is a JSON text with the number of its publication in it.
const PAYLOAD_BYTES_MIN: usize = 24;

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../scenarios/", $name, ".toml")))),*]
    };
}

/// All files of `scenarios/`, the simplest first.
const FILES: &[(&str, &str)] = files! {
    "quiet" "partition" "churn" "steady" "cramped" "bootstrap-late"
    "idle-100" "warm-1k" "warm-10k" "warm-100k" "cold-sources" "loss-10" "fanout-3" "datagram-burst"
    "kill-50" "kill-90" "kill-95" "kill-99" "kill-region" "kill-best" "partition-500"
    "restart-empty"
    "mute-33" "lying-33" "lying-reconcilers" "equivocators" "withholding-20" "eclipse-50" "spam-10" "poison-20" "forged-20"
    "replay-20" "flood-5" "sybil-50"
    "people" "impostors" "levels-week"
    "large-128k" "mixed-sizes" "alert-under-bulk" "overload" "burst-100k" "heterogeneous" "nat-30"
};

#[cfg(test)]
mod tests;
