//! What a node that cannot link says of itself, read leniently and within bounds.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use wire::{Address, limits};

/// Who answers `GET /health`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Health {
    /// A design-A node, and its id.
    DesignA(String),
    /// A node of ours, which should have taken the link.
    Trellis,
}

/// Reads the answer to `GET /health`; `None` if it is neither kind of node.
pub(crate) fn health(body: &[u8]) -> Option<Health> {
    #[derive(Deserialize)]
    struct Body {
        node_id: String,
        trellis: Option<serde::de::IgnoredAny>,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    if body.trellis.is_some() {
        return Some(Health::Trellis);
    }
    let id = body.node_id;
    let fits = !id.is_empty() && id.len() <= limits::TEXT_BYTES_MAX;
    (fits && !id.chars().any(char::is_control)).then_some(Health::DesignA(id))
}

/// Reads the answer to `GET /peers`: each address that can be dialled, once. One odd entry does
/// not spoil the others, as it does in design A.
pub(crate) fn peers(body: &[u8]) -> Vec<Address> {
    let Ok(Value::Array(rows)) = serde_json::from_slice(body) else { return Vec::new() };
    let urls = rows.iter().filter_map(|row| row.get("url")?.as_str());
    let mut seen = BTreeSet::new();
    let addresses =
        urls.filter_map(|url| url.parse().ok()).filter(|it: &Address| it.url().is_some());
    addresses.filter(|it| seen.insert(it.clone())).take(limits::PEERS_MAX).collect()
}
