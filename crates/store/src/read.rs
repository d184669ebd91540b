//! Reading while somebody writes: the questions of `get`, `list` and `show`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use node::engine::Label;
use wire::{Hex, Hlc, NodeId, RecordId, Signed};

use crate::{StoreError, rows};

/// A reader's handle. Each call sees one committed state and holds up no writer.
pub trait Read: Send + Sync {
    /// Finds the newest live entry of this name (by clock, then id), of one author or of all.
    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError>;

    /// Lists live entries in the order of collection, name and author. The cursor is there if
    /// more may follow; a long search without a hit ends with one too, so a page may be short.
    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError>;

    /// Reads one record.
    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError>;

    /// Reads rows of the applications whose names begin so, behind `after`, in the order of names.
    fn own(&self, prefix: &str, after: Option<&str>, max: usize)
    -> Result<Vec<OwnRow>, StoreError>;

    /// Returns a handle whose calls all see the state of this moment, whatever is written later.
    /// It keeps old pages from being used again: hold it for one answer, not for a life.
    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError>;
}

/// A row of the applications: its name and what is in it.
pub type OwnRow = (String, Vec<u8>);

/// Which entries to list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Query {
    /// Of this collection only.
    pub collection: Option<String>,
    /// Of this author only.
    pub author: Option<NodeId>,
    /// Names that begin so; empty for all.
    pub prefix: String,
    /// Behind this place.
    pub after: Option<Cursor>,
    /// At most so many, 1 to [`Query::LIMIT_MAX`].
    pub limit: usize,
}

impl Query {
    /// The most one page holds, whatever is asked.
    pub const LIMIT_MAX: usize = 10_000;

    pub(crate) fn clamped(&self) -> usize {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }

    /// Says whether a name belongs to the answer.
    pub(crate) fn wants(&self, key: &rows::NameKey) -> bool {
        self.collection.as_ref().is_none_or(|it| *it == key.collection)
            && self.author.is_none_or(|it| it == key.author)
            && key.name.starts_with(&self.prefix)
    }
}

/// One live entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: RecordId,
    /// When it was written.
    pub created: Hlc,
    /// Collection and name.
    pub label: Label,
    /// The record as it was signed; the author stands in it.
    pub signed: Signed,
}

/// One live entry, found by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The entry.
    pub found: Found,
    /// How many other authors have a live entry of that name.
    pub others: usize,
}

/// A place in a list. Its text form is for callers to hand back, not to read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cursor(pub(crate) rows::NameKey);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0.encode()), f)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        if CURSOR_TEXT_MAX < text.len() {
            return Err(BadCursor);
        }
        let bytes = Hex::read(text);
        let key = bytes.and_then(|bytes| rows::NameKey::decode(&bytes)).ok_or(BadCursor)?;
        Ok(Self(key))
    }
}

/// The text is no cursor that a list has returned.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a cursor of an earlier answer")]
pub struct BadCursor;

/// Collection, name, author and two separators, in hexadecimal.
const CURSOR_TEXT_MAX: usize =
    2 * (wire::limits::LABEL_BYTES_MAX + wire::limits::NAME_BYTES_MAX + 34);
