//! The routes, by noun.

pub(super) mod alerts;
pub(super) mod checkpoints;
pub(super) mod contradictions;
pub(super) mod entries;
pub(super) mod events;
pub(crate) mod import;
pub(super) mod invites;
pub(super) mod letters;
pub(super) mod levels;
pub(super) mod log;
pub(super) mod messages;
pub(super) mod peers;
pub(super) mod people;
pub(super) mod probes;
pub(super) mod proofs;
pub(super) mod rules;
pub(super) mod seeds;
pub(super) mod status;
pub(super) mod transfers;

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use node::Draft;
use store::{Read, StoreError};

use super::problem::{Code, Problem};
use super::types::Written;
use super::{Context, Shared};

/// Reads in the store on a thread that may wait for the disk.
async fn read<T: Send + 'static>(
    context: &Context,
    question: impl FnOnce(&dyn Read) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let reader = Arc::clone(&context.reader);
    match tokio::task::spawn_blocking(move || question(reader.as_ref())).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Problem::new(Code::StoreFailed, error.to_string())),
        Err(_) => Err(Problem::new(Code::Stopping, "the node is stopping")),
    }
}

/// Writes entries and says where that leaves the state.
async fn put(context: &Context, drafts: Vec<Draft>) -> Result<Written, Problem> {
    let lost = |draft: &Draft| draft.value.is_some() && matches!(&*draft.name, "." | "..");
    if drafts.iter().any(lost) {
        let detail = "an entry named `.` or `..` could not be asked for: choose another name";
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let ids = context.commands.put(drafts).await?;
    let status = context.commands.status().await?;
    Ok(Written {
        schema: "trellis.written/1".to_owned(),
        ids: ids.iter().map(ToString::to_string).collect(),
        root: status.state.root.to_string(),
        entries: status.state.count,
    })
}

fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => Err(Problem::new(Code::BadRequest, rejection.body_text())),
    }
}

fn path(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    match path {
        Ok(Path(path)) => Ok(path),
        Err(rejection) => Err(Problem::new(Code::BadRequest, rejection.body_text())),
    }
}

/// Where entries go whose author names no collection.
const COLLECTION: &str = "default";
