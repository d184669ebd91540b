//! The shapes of seeds.

use node::seeds::{Choice, Offer, SeedView, Usage, text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::{Digest, NodeId, limits};

use super::Json;
use crate::clock::rfc3339;

/// `trellis.seeds/1`: what is offered, and what was decided here.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Seeds {
    /// `trellis.seeds/1`.
    pub schema: String,
    /// The seeds, by name.
    pub seeds: Vec<SeedRow>,
    /// How many wait for somebody here.
    pub waiting: u64,
    /// Bytes of contents that are here or on their way.
    pub used_bytes: u64,
    /// The most: `seeds.disk_mib`.
    pub max_bytes: u64,
}

/// One seed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedRow {
    /// Its name: what its content hashes to, and how long it is.
    pub seed: String,
    /// The BLAKE3 hash of its content, as `b3sum` says it.
    pub blake3: String,
    /// Bytes of its content.
    pub size: u64,
    /// What it calls itself, exactly as its author wrote it.
    pub title: String,
    /// The title with what is hidden in it made visible, and a guess where it is damaged.
    pub shown: SeedHidden,
    /// Its language, as its author says.
    pub language: Option<String>,
    /// Its licence, as its author says.
    pub licence: Option<String>,
    /// The seed that it is meant to take the place of.
    pub supersedes: Option<String>,
    /// All that its author says about it.
    #[schema(value_type = serde_json::Value)]
    pub about: Json,
    /// What became of it here.
    pub state: SeedState,
    /// Whether it waits for somebody here.
    pub waiting: bool,
    /// Who decided.
    pub by: Option<String>,
    /// When, RFC 3339.
    pub decided: Option<String>,
    /// Until when it was put off, RFC 3339.
    pub until: Option<String>,
    /// The offers that stand.
    pub offers: Vec<SeedOffer>,
    /// Nodes that say they hold it.
    pub holders: Vec<String>,
    /// How far it is, while it is on its way.
    pub progress: Option<SeedProgress>,
}

/// Foreign text for people's eyes; nothing that was signed is changed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedHidden {
    /// The text, characters that control, turn or hide shown by their numbers.
    pub text: String,
    /// How many of these there are.
    pub hidden: u64,
    /// What it may have said before its UTF-8 was misread; null where nothing looks damaged.
    pub repaired: Option<String>,
    /// As what it was misread.
    pub misread_as: Option<String>,
}

/// An offer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedOffer {
    /// The record that it is.
    pub id: String,
    /// Who offers.
    pub node: String,
    /// Whether that is this node.
    pub own: bool,
    /// When, RFC 3339 by its author's clock.
    pub offered: String,
    /// Until when, RFC 3339.
    pub expires: String,
}

/// What became of a seed here.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedState {
    /// Declined; nobody is asked again.
    Composted,
    /// All of it is here.
    Held,
    /// Put off.
    Later,
    /// Nobody here decided.
    Offered,
    /// On its way.
    Planting,
}

/// How far a planted seed is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedProgress {
    /// Bytes that are here and checked.
    pub bytes: u64,
    /// Nodes that are asked at the moment.
    pub asked: u64,
    /// Who sent what was no piece of it.
    pub refused: Vec<SeedRefused>,
    /// Why it does not go on, and what helps.
    pub why: Option<String>,
}

/// Somebody who sent what was no piece.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedRefused {
    /// Who.
    pub node: String,
    /// How often.
    pub count: u64,
}

/// `trellis.seed/1`: one seed, and how it begins where it is here and is text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedAnswer {
    /// `trellis.seed/1`.
    pub schema: String,
    /// The seed.
    #[serde(flatten)]
    pub row: SeedRow,
    /// The first 4 KiB; null where it is not here or is no text.
    pub preview: Option<SeedHidden>,
}

/// `trellis.seed-said/1`: a decision on a seed is on disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SeedSaid {
    /// `trellis.seed-said/1`.
    pub schema: String,
    /// The seed.
    pub seed: String,
    /// What became of it.
    pub state: SeedState,
}

/// Body of `POST /v1/seeds/{id}/later`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLater {
    /// For how long, seconds.
    pub for_s: u64,
}

impl Seeds {
    pub(crate) fn of(seeds: &[SeedView], usage: Usage, me: NodeId, unix_ms: u64) -> Self {
        let seeds: Vec<SeedRow> = seeds.iter().map(|it| SeedRow::of(it, me, unix_ms)).collect();
        Self {
            schema: "trellis.seeds/1".to_owned(),
            waiting: seeds.iter().filter(|it| it.waiting).count() as u64,
            seeds,
            used_bytes: usage.used_bytes,
            max_bytes: usage.max_bytes,
        }
    }
}

impl SeedRow {
    pub(crate) fn of(seed: &SeedView, me: NodeId, unix_ms: u64) -> Self {
        let (brief, shelved) = (&seed.brief, seed.shelved.as_ref());
        let about = Json::of(&brief.about);
        let said = about.value();
        let text_of = |key: &str| said[key].as_str().map(str::to_owned);
        let title = text_of("title").unwrap_or_default();
        let choice = shelved.map(|it| it.choice);
        let until_ms = match choice {
            Some(Choice::Later(until_ms)) => Some(until_ms),
            Some(Choice::Composted | Choice::Held | Choice::Planting) | None => None,
        };
        let (state, waiting) = match choice {
            None => (SeedState::Offered, !seed.offers.is_empty()),
            Some(Choice::Composted) => (SeedState::Composted, false),
            Some(Choice::Held) => (SeedState::Held, false),
            Some(Choice::Planting) => (SeedState::Planting, false),
            Some(Choice::Later(until_ms)) => {
                (SeedState::Later, until_ms <= unix_ms && !seed.offers.is_empty())
            }
        };
        Self {
            seed: seed.id.to_string(),
            blake3: Digest(brief.shape.root).to_string(),
            size: brief.shape.size,
            shown: SeedHidden::of(&title),
            title,
            language: text_of("language"),
            licence: text_of("licence"),
            supersedes: brief.supersedes.map(|id| id.to_string()),
            about,
            state,
            waiting,
            by: shelved.map(|it| it.by.clone()),
            decided: shelved.map(|it| rfc3339(it.at_ms)),
            until: until_ms.map(rfc3339),
            offers: seed.offers.iter().map(|it| SeedOffer::of(it, me)).collect(),
            holders: seed.holders.iter().map(ToString::to_string).collect(),
            progress: SeedProgress::of(seed),
        }
    }
}

impl SeedHidden {
    pub(crate) fn of(foreign: &str) -> Self {
        let repaired = text::repair(foreign);
        Self {
            text: text::visible(foreign),
            hidden: text::hidden_len(foreign) as u64,
            misread_as: repaired.as_ref().map(|it| it.misread_as.to_owned()),
            repaired: repaired.map(|it| text::visible(&it.text)),
        }
    }
}

impl SeedOffer {
    fn of(offer: &Offer, me: NodeId) -> Self {
        Self {
            id: offer.id.to_string(),
            node: offer.author.to_string(),
            own: offer.author == me,
            offered: rfc3339(offer.created_ms),
            expires: rfc3339(offer.expires_ms),
        }
    }
}

impl SeedProgress {
    fn of(seed: &SeedView) -> Option<Self> {
        let progress = seed.progress.as_ref()?;
        let bytes = u64::from(progress.pieces) * limits::SEED_PIECE_BYTES as u64;
        let linked = progress.asked;
        let why = match (&progress.failed, linked) {
            (Some(why), _) => Some(why.clone()),
            (None, 0) if progress.pieces < progress.of => {
                Some("no holder is linked: it goes on by itself when one is".to_owned())
            }
            (None, _) => None,
        };
        let refused = progress.refused.iter();
        Some(Self {
            bytes: bytes.min(seed.brief.shape.size),
            asked: linked as u64,
            refused: refused
                .map(|(node, count)| SeedRefused { node: node.to_string(), count: (*count).into() })
                .collect(),
            why,
        })
    }
}
