//! How keys and values look as bytes. Numbers are big-endian, so that bytes sort like numbers.

use std::ops::Range;

use node::engine::checkpoint::Row;
use node::engine::{AuthorClock, BookRow, Keep, Kept, Label};
use wire::{Digest, Hlc, NodeId, RecordId, Set, Signed};

/// What humans call an entry, with its author. Orders as its bytes do.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct NameKey {
    pub(crate) collection: String,
    pub(crate) name: String,
    pub(crate) author: NodeId,
}

/// What stands under a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NameRow {
    /// The record's row of the log.
    pub(crate) seq: u64,
    pub(crate) deleted: bool,
}

/// What stands at a place of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ItemRow {
    pub(crate) id: RecordId,
    pub(crate) created: Hlc,
    pub(crate) expires_ms: u64,
    /// The record's row of the log.
    pub(crate) seq: u64,
}

/// A row of the log: a record and its place, or a place whose record went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogRow {
    pub(crate) key: ItemKey,
    pub(crate) id: RecordId,
    pub(crate) created: Hlc,
    pub(crate) expires_ms: u64,
    pub(crate) kind: LogKind,
    /// What stood there before, and its row of the log.
    pub(crate) replaced: Option<(RecordId, u64)>,
    /// [`NameKey::encode`], or nothing: the name that means this record now, or no longer means one.
    pub(crate) name: Vec<u8>,
    /// The signed record; nothing where it went. [`bucket_changes`] for buckets.
    pub(crate) signed: Vec<u8>,
}

/// What a row of the log says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogKind {
    /// A record stands there.
    Live,
    /// A record stands there that says that its author deleted the entry.
    Deleted,
    /// Nothing stands there any more.
    Gone,
    /// No record: which buckets of the maps changed with the rows before.
    Buckets,
}

/// What stands for a few leaves beside each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BucketRow {
    pub(crate) hash: Digest,
    pub(crate) count: u32,
}

pub(crate) type ItemKey = [u8; 33];
pub(crate) type IdKey = [u8; 16];

impl NameKey {
    pub(crate) fn of(keep: &Keep) -> Option<Self> {
        let Label { collection, name, deleted: _ } = keep.label.clone()?;
        Some(Self { collection, name, author: keep.signed.author })
    }

    /// Labels hold no control characters, so a zero byte ends them and sorts before the rest.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Self::start(&self.collection, &self.name);
        bytes.push(0);
        bytes.extend(self.author.as_bytes());
        bytes
    }

    /// Where names that begin so begin.
    pub(crate) fn start(collection: &str, prefix: &str) -> Vec<u8> {
        [collection.as_bytes(), &[0], prefix.as_bytes()].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (text, author) = bytes.split_last_chunk::<32>()?;
        let (collection, name) =
            std::str::from_utf8(text).ok()?.strip_suffix('\0')?.split_once('\0')?;
        let (collection, name) = (collection.to_owned(), name.to_owned());
        Some(Self { collection, name, author: NodeId::from_bytes(*author) })
    }
}

impl NameRow {
    pub(crate) fn encode(&self) -> [u8; 9] {
        let mut bytes = [u8::from(self.deleted); 9];
        bytes[..8].copy_from_slice(&self.seq.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let seq = u64::from_be_bytes(*take(&mut bytes)?);
        Some(Self { seq, deleted: flag(bytes)? })
    }
}

impl ItemRow {
    /// What never expires, as entries do, needs eight bytes less.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend(self.id.0);
        bytes.extend(self.created.0.to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        if self.expires_ms != 0 {
            bytes.extend(self.expires_ms.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let id = Digest(*take(&mut bytes)?);
        let created = Hlc(u64::from_be_bytes(*take(&mut bytes)?));
        let seq = u64::from_be_bytes(*take(&mut bytes)?);
        let expires_ms =
            if bytes.is_empty() { 0 } else { u64::from_be_bytes(bytes.try_into().ok()?) };
        Some(Self { id, created, expires_ms, seq })
    }

    pub(crate) fn kept(&self, (set, key): (Set, Digest)) -> Kept {
        Kept { set, key, id: self.id, created: self.created, expires_ms: self.expires_ms }
    }
}

impl LogRow {
    pub(crate) fn of(keep: &Keep) -> Self {
        let Keep { id, created, expires_ms, .. } = *keep;
        let deleted = keep.label.as_ref().is_some_and(|label| label.deleted);
        Self {
            key: item_key(keep.set, keep.key),
            id,
            created,
            expires_ms,
            kind: if deleted { LogKind::Deleted } else { LogKind::Live },
            replaced: None,
            name: NameKey::of(keep).map(|it| it.encode()).unwrap_or_default(),
            signed: keep.signed.encode(),
        }
    }

    pub(crate) fn signed(&self) -> Option<Signed> {
        Signed::decode(&self.signed).ok()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(124 + self.name.len() + self.signed.len());
        let kind = match self.kind {
            LogKind::Live => 0,
            LogKind::Deleted => 1,
            LogKind::Gone => 2,
            LogKind::Buckets => 3,
        };
        bytes.push(if self.replaced.is_some() { kind | REPLACED } else { kind });
        bytes.extend(self.key);
        bytes.extend(self.id.0);
        bytes.extend(self.created.0.to_be_bytes());
        bytes.extend(self.expires_ms.to_be_bytes());
        if let Some((id, seq)) = self.replaced {
            bytes.extend(id.0);
            bytes.extend(seq.to_be_bytes());
        }
        // Two labels and a key: 1,186 bytes at most.
        bytes.extend(u16::try_from(self.name.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(&self.name);
        bytes.extend(&self.signed);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (row, signed) = Self::decode_head(bytes)?;
        Some(Self { signed: signed.to_vec(), ..row })
    }

    /// Reads everything but the signed record, which is the rest.
    pub(crate) fn decode_head(mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        let [flags] = *take::<1>(&mut bytes)?;
        let kind = match flags & !REPLACED {
            0 => LogKind::Live,
            1 => LogKind::Deleted,
            2 => LogKind::Gone,
            3 => LogKind::Buckets,
            _ => return None,
        };
        let key = *take(&mut bytes)?;
        let id = Digest(*take(&mut bytes)?);
        let created = Hlc(u64::from_be_bytes(*take(&mut bytes)?));
        let expires_ms = u64::from_be_bytes(*take(&mut bytes)?);
        let replaced = if flags & REPLACED == 0 {
            None
        } else {
            let id = Digest(*take(&mut bytes)?);
            Some((id, u64::from_be_bytes(*take(&mut bytes)?)))
        };
        let length = u16::from_be_bytes(*take(&mut bytes)?);
        let (name, signed) = bytes.split_at_checked(length.into())?;
        let (name, unread) = (name.to_vec(), Vec::new());
        Some((Self { key, id, created, expires_ms, kind, replaced, name, signed: unread }, signed))
    }
}

impl BucketRow {
    pub(crate) fn encode(&self) -> [u8; 33] {
        let mut bytes = [0; 33];
        // A bucket has 32 leaves at most.
        bytes[0] = u8::try_from(self.count).unwrap_or(u8::MAX);
        bytes[1..].copy_from_slice(&self.hash.0);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, hash) = bytes.split_first()?;
        Some(Self { hash: Digest::from_slice(hash)?, count: (*count).into() })
    }
}

/// Writes which buckets changed: each with its key, the number of its leaves and, unless it is gone and
/// that is zero, its hash.
pub(crate) fn bucket_changes(changes: &[(ItemKey, Option<BucketRow>)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(66 * changes.len());
    for (key, row) in changes {
        bytes.extend(key);
        match row {
            Some(row) => bytes.extend(row.encode()),
            None => bytes.push(0),
        }
    }
    bytes
}

/// Reads what [`bucket_changes`] wrote.
pub(crate) fn bucket_changes_of(mut bytes: &[u8]) -> Option<Vec<(ItemKey, Option<BucketRow>)>> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let key = *take(&mut bytes)?;
        let row = if *bytes.first()? == 0 {
            take::<1>(&mut bytes)?;
            None
        } else {
            Some(BucketRow::decode(take::<33>(&mut bytes)?)?)
        };
        changes.push((key, row));
    }
    Some(changes)
}

/// Marks a row that says what stood there before.
const REPLACED: u8 = 0x80;

fn flag(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

pub(crate) fn item_key(set: Set, key: Digest) -> ItemKey {
    let mut bytes = [0; 33];
    bytes[0] = match set {
        Set::State => 1,
        Set::Messages => 2,
    };
    bytes[1..].copy_from_slice(&key.0);
    bytes
}

pub(crate) fn item_place(bytes: &ItemKey) -> Option<(Set, Digest)> {
    let (set, key) = bytes.split_first()?;
    let set = match set {
        1 => Set::State,
        2 => Set::Messages,
        _ => return None,
    };
    Some((set, Digest::from_slice(key)?))
}

pub(crate) fn book_value(row: &BookRow) -> Vec<u8> {
    let reached = row.reached.as_ref().map(ToString::to_string).unwrap_or_default();
    // The decoder of addresses allows 256 bytes.
    let length = u16::try_from(reached.len()).unwrap_or(0);
    let reached = if length == 0 { "" } else { reached.as_str() };
    let numbers = [&row.heard_ms.to_be_bytes()[..], &length.to_be_bytes()].concat();
    [&numbers, reached.as_bytes(), &row.profile.encode()].concat()
}

pub(crate) fn book_row(node: &[u8; 32], mut bytes: &[u8]) -> Option<BookRow> {
    let heard_ms = u64::from_be_bytes(*take(&mut bytes)?);
    let length = u16::from_be_bytes(*take(&mut bytes)?);
    let (reached, profile) = bytes.split_at_checked(length.into())?;
    // An address that a later version could use is no reason to forget the node.
    let reached = std::str::from_utf8(reached).ok()?.parse().ok();
    let profile = Signed::decode(profile).ok()?.into();
    Some(BookRow { node: NodeId::from_bytes(*node), profile, reached, heard_ms })
}

/// Names a row of the council among the rows of `meta`. They sort as [`Row`]s do.
pub(crate) fn council_key(row: Row) -> String {
    match row {
        Row::Seat => "council/1".to_owned(),
        Row::Sealed(height) => format!("council/2/{height:020}"),
        Row::Evidence(height, guilty) => format!("council/3/{height:020}/{guilty:05}"),
        Row::Matched => "council/4".to_owned(),
    }
}

pub(crate) fn council_row(key: &str) -> Option<Row> {
    let mut parts = key.strip_prefix("council/")?.split('/');
    let kind = parts.next()?;
    let mut number = || parts.next()?.parse::<u64>().ok();
    let row = match kind {
        "1" => Row::Seat,
        "2" => Row::Sealed(number()?),
        "3" => Row::Evidence(number()?, u16::try_from(number()?).ok()?),
        "4" => Row::Matched,
        _ => return None,
    };
    parts.next().is_none().then_some(row)
}

/// Where they are.
pub(crate) const COUNCIL_KEYS: Range<&str> = "council/".."council0";

/// Names a row of the applications among the rows of `meta`.
pub(crate) fn own_key(name: &str) -> String {
    format!("own/{name}")
}

pub(crate) fn own_name(key: &str) -> Option<&str> {
    key.strip_prefix("own/")
}

/// Where they are: before the journal, and behind it.
pub(crate) fn around_journal() -> (Range<&'static str>, Range<&'static str>) {
    ("own/".."own/journal/", "own/journal0".."own0")
}

pub(crate) fn author_value(author: AuthorClock) -> Vec<u8> {
    [author.seq.to_be_bytes(), author.hlc.0.to_be_bytes()].concat()
}

pub(crate) fn author_clock(mut bytes: &[u8]) -> Option<AuthorClock> {
    let seq = u64::from_be_bytes(*take(&mut bytes)?);
    let hlc = Hlc(u64::from_be_bytes(*take(&mut bytes)?));
    bytes.is_empty().then_some(AuthorClock { seq, hlc })
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(head)
}
