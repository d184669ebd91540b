//! Checkpoints: what is final here, and the files that prove it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::Minutes;
use node::engine::checkpoint::{Chain, Evidence, Sealed};
use node::rules::Statistics;

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::{
    AttesterAnswer, CheckpointAnswer, CheckpointRow, Checkpoints, EvidenceAnswer, ProblemBody,
};
use crate::clock::rfc3339;

/// Lists the checkpoints that are kept, who signs the next one, and who broke its word (CKPT-7).
#[utoipa::path(get, path = "/v1/checkpoints", tag = "checkpoints",
    responses((status = 200, body = Checkpoints), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Result<Json<Checkpoints>, Problem> {
    let schema = "trellis.checkpoints/1".to_owned();
    let Some(minutes) = context.commands.checkpoints().await? else {
        return Ok(Json(Checkpoints {
            schema,
            checkpoints: Vec::new(),
            committee: String::new(),
            attesters: Vec::new(),
            attester: None,
            evidence: Vec::new(),
        }));
    };
    let Minutes { sealed, committee, number, evidence, rules } = *minutes;
    let attesters = committee.attesters().iter().zip(0..).map(|(attester, number)| {
        AttesterAnswer { number, key: attester.key.to_string(), weight: attester.weight }
    });
    Ok(Json(Checkpoints {
        schema,
        checkpoints: sealed.iter().rev().map(|it| row(it, rules)).collect(),
        committee: committee.hash().to_string(),
        attesters: attesters.collect(),
        attester: number,
        evidence: evidence.iter().map(proof).collect(),
    }))
}

/// Returns one checkpoint, by height or `latest`, with the file that proves it.
#[utoipa::path(get, path = "/v1/checkpoints/{name}", tag = "checkpoints",
    params(("name" = String, Path, description = "Height, or latest")),
    responses((status = 200, body = CheckpointAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<CheckpointAnswer>, Problem> {
    let name = super::path(name)?;
    let height = match name.as_str() {
        "latest" => None,
        text => {
            let height = text.parse::<u64>();
            let detail = "a height is a whole number; `latest` is the newest";
            Some(height.map_err(|_| Problem::new(Code::BadRequest, detail))?)
        }
    };
    let minutes = context.commands.checkpoints().await?;
    let (sealed, rules) = minutes.map(|it| (it.sealed, it.rules)).unwrap_or_default();
    let found = match height {
        None => sealed.last(),
        Some(height) => sealed.iter().find(|it| it.checkpoint.height == height),
    };
    let detail = "no such checkpoint is kept here: see `trellis checkpoint list`";
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, detail))?;
    let height = found.checkpoint.height;
    let before = sealed.iter().filter(|it| it.checkpoint.height < height);
    let steps = before.filter(|it| it.checkpoint.hands_over()).chain([found]);
    let chain = Chain(steps.map(|it| Sealed::clone(it)).collect());
    Ok(Json(CheckpointAnswer {
        schema: "trellis.checkpoint/1".to_owned(),
        checkpoint: row(found, rules),
        file: STANDARD.encode(chain.encode()),
    }))
}

fn row(sealed: &Sealed, rules: Option<Statistics>) -> CheckpointRow {
    let it = &sealed.checkpoint;
    let rules = rules.filter(|rules| rules.name() == it.rules);
    CheckpointRow {
        height: it.height,
        cut: rfc3339(it.cut_ms),
        hash: it.hash().to_string(),
        previous: it.previous.to_string(),
        root: it.root.to_string(),
        entries: it.count,
        collections: it.statistics.collections,
        rules: it.rules.to_string(),
        rules_count: rules.map(|it| it.rules),
        rules_accepted: rules.map(|it| it.accepted),
        rules_root: rules.map(|it| it.root.to_string()),
        committee: it.committee.to_string(),
        next_committee: it.next_committee.to_string(),
        signers: sealed.certificate.signers.iter().collect(),
    }
}

fn proof(evidence: &Evidence) -> EvidenceAnswer {
    let (height, attesters) = (evidence.height(), evidence.guilty());
    EvidenceAnswer { height, attesters, proof: STANDARD.encode(evidence.encode()) }
}
