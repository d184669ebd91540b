//! Proofs: an entry, or its absence, with the way to the root.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use node::{Evidence, Place};

use super::entries::{ReadQuery, collection, parse_author};
use super::{Shared, read as read_store};
use crate::api::problem::{Code, Problem};
use crate::api::types::{EntryProof, ProblemBody};

/// Proves an entry, or that there is none of that name by that author.
#[utoipa::path(get, path = "/v1/proofs/{name}", tag = "entries",
    params(("name" = String, Path, description = "Name, percent-encoded"), ReadQuery),
    responses((status = 200, body = EntryProof), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<ReadQuery>, QueryRejection>,
) -> Result<Json<EntryProof>, Problem> {
    let (name, query) = (super::path(name)?, super::query(query)?);
    let collection = collection(query.collection);
    let author = match query.author.as_deref().map(parse_author).transpose()? {
        Some(author) => author,
        None => {
            let asked = (collection.clone(), name.clone());
            let found = read_store(&context, move |it| it.entry(&asked.0, &asked.1, None)).await?;
            found.map_or(context.facts.node, |named| named.found.signed.author)
        }
    };
    let place = Place { collection, author, name };
    for _ in 0..TRIES {
        let proven = context.commands.prove(place.clone()).await?;
        let record = match proven.value {
            None => None,
            Some(id) => match read_store(&context, move |it| it.record(&id)).await? {
                // A newer one took its place just now.
                None => continue,
                found => found,
            },
        };
        let network = context.facts.network.id;
        let (root, proof) = (proven.root, proven.proof);
        let evidence = Evidence { network, place, root, proof, record };
        return Ok(Json(EntryProof::of(&evidence, proven.entries)));
    }
    Err(Problem::new(Code::Busy, "this entry changes all the time: try again in a moment"))
}

/// Times a proof is made anew because its record was replaced meanwhile.
const TRIES: usize = 8;
