//! Other protocols on the workload that a world has just had, as models.

use crate::WorldConfig;
use crate::models::{
    Faults, Kill, Kind, Model, ModelConfig, ModelOutcome, Overlay, Publication, Purpose, Role,
    Workload, run as run_model,
};
use crate::outcome::{Figures, Spread, Standing, curve_ms};
use crate::scenario::{LiarKind, Scenario};

/// What is run.
pub(crate) struct Case<'a> {
    /// The model's name.
    pub(crate) name: &'a str,
    pub(crate) world: &'a WorldConfig,
    pub(crate) seed: u64,
    pub(crate) messages: Vec<Message>,
    pub(crate) liars: Vec<(usize, LiarKind)>,
    /// Who was killed for good, and when.
    pub(crate) killed: &'a [(u64, Vec<usize>)],
    /// The links that the real nodes had.
    pub(crate) rows: &'a [Vec<u32>],
}

/// One message of the story.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) at_us: u64,
    pub(crate) author: usize,
    pub(crate) payload_bytes: usize,
    pub(crate) measured: bool,
}

/// Says whether there is a model of this name.
pub(crate) fn is_known(name: &str) -> bool {
    Model::named(name).is_some()
}

/// Names all models.
pub fn names() -> impl Iterator<Item = &'static str> {
    Model::NAMES.iter().map(|(name, _)| *name)
}

/// Returns the models a scenario wants beside it, each once.
pub(crate) fn wanted(scenario: &Scenario) -> Vec<&str> {
    let mut names: Vec<&str> = scenario.expect.models();
    names.extend(scenario.against.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    names
}

/// Runs a model. The name must be known.
pub(crate) fn run(case: &Case<'_>) -> Figures {
    let model = Model::named(case.name).expect("names are checked when they are read");
    let overlay = Overlay::from_rows(case.rows.iter().cloned());
    let outcome = run_model(&ModelConfig {
        model,
        nodes: case.world.hosts,
        seed: case.seed,
        network: case.world.network.clone(),
        machines: case.world.machines.clone(),
        workload: workload(case),
        faults: Faults { kills: kills(case), liars: roles(&case.liars), ..Faults::none() },
        overlay: uses_overlay(model).then_some(&overlay),
    });
    figures(case, model, &outcome)
}

/// Flooding is a bound for the links there were; everybody else makes its own.
fn uses_overlay(model: Model) -> bool {
    match model {
        Model::Flood { .. } => true,
        Model::Direct | Model::Gossipsub(_) | Model::Plumtree(_) | Model::Push { .. } => false,
    }
}

fn figures(case: &Case<'_>, model: Model, outcome: &ModelOutcome) -> Figures {
    let expected: u64 = outcome.messages.iter().map(|it| it.expected).sum();
    let delivered: u64 = outcome.messages.iter().map(|it| it.reached).sum();
    let copies: u64 = outcome.messages.iter().map(|it| it.copies).sum();
    let payload = outcome.messages.iter().map(|it| u64::from(it.payload_bytes) * it.reached);
    let bytes =
        |kind: Kind| outcome.sent.iter().filter(move |it| it.0 == kind).map(|it| it.1.bytes);
    let kinds = Kind::ALL.iter().map(|kind| (kind.name().to_owned(), bytes(*kind).sum::<u64>()));
    Figures {
        protocol: case.name.to_owned(),
        standing: match model {
            Model::Direct | Model::Flood { .. } => Standing::Bound,
            Model::Gossipsub(_) | Model::Plumtree(_) | Model::Push { .. } => Standing::Model,
        },
        messages: outcome.messages.len() as u64,
        expected,
        delivered,
        latency_ms: Spread::of_sorted_us(outcome.latencies_us()),
        curve_ms: curve_ms(outcome.latencies_us(), expected),
        copies: copies as f64 / delivered.max(1) as f64,
        bytes_by_kind: kinds.filter(|(_, bytes)| 0 < *bytes).collect(),
        payload_bytes: payload.sum(),
    }
}

/// The moment of a model for a moment of the world.
fn moment_us(case: &Case<'_>, at_us: u64) -> u64 {
    let first_us = case.messages.iter().map(|it| it.at_us).min().unwrap_or(0);
    (LEAD_IN_US + at_us).saturating_sub(first_us)
}

fn workload(case: &Case<'_>) -> Workload {
    let publication = |it: &Message| Publication {
        at_us: moment_us(case, it.at_us),
        source: number(it.author),
        payload_bytes: u32::try_from(it.payload_bytes).unwrap_or(u32::MAX),
        purpose: if it.measured { Purpose::Measure } else { Purpose::WarmUp },
    };
    Workload { publications: case.messages.iter().map(publication).collect(), drain_us: DRAIN_US }
}

fn kills(case: &Case<'_>) -> Vec<Kill> {
    let kill = |(at_us, hosts): &(u64, Vec<usize>)| Kill {
        at_us: moment_us(case, *at_us),
        nodes: hosts.iter().map(|host| number(*host)).collect(),
    };
    case.killed.iter().map(kill).collect()
}

fn number(host: usize) -> u32 {
    u32::try_from(host).unwrap_or(u32::MAX)
}

/// Models know two kinds of liars; those that are neither stay honest there, which only helps the
/// model.
fn roles(liars: &[(usize, LiarKind)]) -> Vec<(u32, Role)> {
    let role = |kind: LiarKind| match kind {
        LiarKind::LyingHave => Some(Role::LyingHave),
        LiarKind::Eclipse | LiarKind::Mute | LiarKind::SybilJoin | LiarKind::WithholdingParent => {
            Some(Role::Mute)
        }
        LiarKind::BadSignature
        | LiarKind::Equivocator
        | LiarKind::Flood
        | LiarKind::Impostor
        | LiarKind::GraftPruneWantSpam
        | LiarKind::LyingReconciler
        | LiarKind::Replay
        | LiarKind::ShufflePoison => None,
    };
    liars.iter().filter_map(|(host, kind)| Some((number(*host), role(*kind)?))).collect()
}

/// Time for meshes to form before the first message.
const LEAD_IN_US: u64 = 6_000_000;
/// Time for models to repair after the last.
const DRAIN_US: u64 = 10_000_000;
