//! What the people here decided about seeds, as rows on disk: lines of text.

use bytes::Bytes;
use wire::{Digest, Hex, NodeId, RecordId, SeedId};

use super::{Brief, Offer};
use crate::row::Words;

/// What became of a seed here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// Nobody here wants it, and nobody is asked again.
    Composted,
    /// All of it is here, and others may have it.
    Held,
    /// Whoever decides is asked again after that, unix milliseconds.
    Later(u64),
    /// Somebody planted it; it is on its way.
    Planting,
}

/// A seed that somebody here decided on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shelved {
    /// What was decided.
    pub choice: Choice,
    /// Who decided.
    pub by: String,
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// What is in it, as the offer said that was decided on.
    pub brief: Brief,
}

pub(super) enum Row {
    Holder(SeedId, NodeId),
    Offer(Offer),
    Shelved(SeedId, Shelved),
}

pub(super) fn shelf_name(id: &SeedId) -> String {
    format!("{SHELF}{id}")
}

pub(super) fn offer_name(id: &SeedId, offer: &RecordId) -> String {
    format!("{OFFER}{id}/{offer}")
}

pub(super) fn holder_name(id: &SeedId, node: &NodeId) -> String {
    format!("{HOLDER}{id}/{node}")
}

pub(super) fn is_ours(name: &str) -> bool {
    [SHELF, OFFER, HOLDER].iter().any(|it| name.starts_with(it))
}

pub(super) fn encode_shelved(it: &Shelved) -> Vec<u8> {
    let Shelved { choice, by, at_ms, brief } = it;
    let choice = match choice {
        Choice::Composted => "composted".to_owned(),
        Choice::Held => "held".to_owned(),
        Choice::Later(until_ms) => format!("later {until_ms}"),
        Choice::Planting => "planting".to_owned(),
    };
    let brief = brief_line(brief);
    format!("{VERSION}\nchoice {choice}\nby {by}\nat {at_ms}\n{brief}\n").into_bytes()
}

pub(super) fn encode_offer(offer: &Offer) -> Vec<u8> {
    let Offer { author, created_ms, expires_ms, brief, .. } = offer;
    let brief = brief_line(brief);
    let times = format!("created {created_ms}\nexpires {expires_ms}");
    format!("{VERSION}\nauthor {author}\n{times}\n{brief}\n").into_bytes()
}

pub(super) fn decode(name: &str, bytes: &[u8]) -> Option<Row> {
    if let Some(id) = name.strip_prefix(SHELF) {
        let id = Digest::from_hex(id)?;
        return shelved(bytes)
            .filter(|it| it.brief.shape.id() == id)
            .map(|it| Row::Shelved(id, it));
    }
    if let Some(rest) = name.strip_prefix(HOLDER) {
        let (id, node) = rest.split_once('/')?;
        return Some(Row::Holder(Digest::from_hex(id)?, node.parse().ok()?));
    }
    let (_, id) = name.strip_prefix(OFFER)?.split_once('/')?;
    let mut words = Words::begin(bytes, VERSION)?;
    let id = Digest::from_hex(id)?;
    let author = words.value("author")?;
    let (created_ms, expires_ms) = (words.value("created")?, words.value("expires")?);
    let brief = brief(&mut words)?;
    words.end()?;
    Some(Row::Offer(Offer { id, author, created_ms, expires_ms, brief }))
}

fn shelved(bytes: &[u8]) -> Option<Shelved> {
    let mut words = Words::begin(bytes, VERSION)?;
    let choice = match words.text("choice")? {
        "composted" => Choice::Composted,
        "held" => Choice::Held,
        "planting" => Choice::Planting,
        other => Choice::Later(other.strip_prefix("later ")?.parse().ok()?),
    };
    let by = words.text("by")?.to_owned();
    let at_ms = words.value("at")?;
    let brief = brief(&mut words)?;
    words.end()?;
    Some(Shelved { choice, by, at_ms, brief })
}

/// A payload is one line, but it is somebody else's.
fn brief_line(brief: &Brief) -> String {
    format!("brief {}", Hex(&brief.encode()))
}

fn brief(words: &mut Words<'_>) -> Option<Brief> {
    Brief::decode(&Bytes::from(Hex::read(words.text("brief")?)?))
}

const SHELF: &str = "seed/";
const OFFER: &str = "seed-offer/";
const HOLDER: &str = "seed-holder/";
const VERSION: &str = "seed 1";
