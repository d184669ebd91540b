//! Shapes of entries.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Json;

/// `trellis.written/1`: the entries are on disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Written {
    /// `trellis.written/1`.
    pub schema: String,
    /// Record ids, in the order given.
    pub ids: Vec<String>,
    /// Merkle root after the write.
    pub root: String,
    /// Entries after the write.
    pub entries: u64,
}

/// `trellis.appended/1`: the entry is on disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Appended {
    /// `trellis.appended/1`.
    pub schema: String,
    /// Record id.
    pub id: String,
    /// The name it was given.
    pub name: String,
    /// When it expires, RFC 3339: it is kept to the end of that hour; null for never.
    pub expires: Option<String>,
    /// Merkle root after the write.
    pub root: String,
    /// Entries after the write.
    pub entries: u64,
}

/// `trellis.entry/1`: one entry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct EntryAnswer {
    /// `trellis.entry/1`.
    pub schema: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// How many other authors use that name.
    pub others: usize,
}

/// One entry of the state.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Entry {
    /// Record id.
    pub id: String,
    /// Its collection.
    pub collection: String,
    /// Its name.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// Any JSON, digit for digit as its author wrote it.
    #[schema(value_type = Value)]
    pub value: Json,
    /// When, RFC 3339.
    pub created: String,
}

/// `trellis.entries/1`: one page of entries.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Entries {
    /// `trellis.entries/1`.
    pub schema: String,
    /// The entries, by collection, name and author.
    pub entries: Vec<Entry>,
    /// What to pass as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// One line of `POST /v1/import`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportLine {
    /// The entry's name.
    pub name: String,
    /// Any JSON.
    pub value: Value,
}
