//! The shapes of levels.

use node::levels::{Band, DRAWS_PER_PERIOD_MAX, DRAWS_PER_YEAR_MAX, EPSILON_MILLI, Need, OwnLevel};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wire::{Content, Signed};

use super::Json;
use crate::clock::rfc3339;

/// `trellis.levels/1`: what nodes say of their levels.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Levels {
    /// `trellis.levels/1`.
    pub schema: String,
    /// One row for each kind of each node, in the order of kinds.
    pub levels: Vec<LevelRow>,
    /// Rows left out because what their authors wrote is no level.
    pub unreadable: u64,
    /// Where the next page begins; null at the end.
    pub next: Option<String>,
}

/// What a node says of one kind: never how much there is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LevelRow {
    /// Water, energy, food, or a kind of its own.
    pub kind: String,
    /// Who says it.
    pub node: String,
    /// Whether that is this node.
    pub own: bool,
    /// Too little, enough, or something to give.
    pub need: LevelNeed,
    /// A fifth of what fits there, with noise, or `critical`: lowest, low, middle, high, highest.
    pub band: String,
    /// What it is measured in there.
    pub unit: String,
    /// When it was said, RFC 3339.
    pub said: String,
}

/// What a band means to others.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelNeed {
    /// There is too little.
    Deficit,
    /// There is enough.
    Balanced,
    /// There is something to give.
    Surplus,
}

/// `trellis.own-levels/1`: exact here, and what others see.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct OwnLevels {
    /// `trellis.own-levels/1`.
    pub schema: String,
    /// The kinds of this node.
    pub levels: Vec<OwnLevelRow>,
}

/// One kind of this node.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct OwnLevelRow {
    /// The kind.
    pub kind: String,
    /// How much there is.
    #[schema(value_type = f64)]
    pub level: Json,
    /// How much fits.
    #[schema(value_type = f64)]
    pub capacity: Json,
    /// What it is measured in.
    pub unit: String,
    /// Below this it is critical; 0 for never.
    #[schema(value_type = f64)]
    pub critical: Json,
    /// When the level was set, RFC 3339.
    pub set: String,
    /// What others see; null while they were told nothing.
    pub seen: Option<LevelSeen>,
    /// When others are told again, RFC 3339; null where the level is too old for that.
    pub next: Option<String>,
    /// What of its privacy is spent.
    pub budget: LevelBudget,
}

/// What others see of a kind.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LevelSeen {
    /// A fifth of what fits, with noise, or `critical`.
    pub band: String,
    /// What it means to others.
    pub need: LevelNeed,
}

/// What of a kind's privacy is spent, in draws of noise.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct LevelBudget {
    /// Draws in this period of 30 days.
    pub period: u32,
    /// The most of them; beyond, the nearest noise there is answers.
    pub period_max: u32,
    /// When noise is drawn anew, RFC 3339.
    pub period_ends: String,
    /// Draws in thirteen periods.
    pub year: u32,
    /// The most of them; beyond, what others see stays as it is.
    pub year_max: u32,
    /// What one draw costs, in thousandths of epsilon.
    pub draw_epsilon_milli: u64,
    /// What was spent in thirteen periods, in thousandths of epsilon.
    pub year_epsilon_milli: u64,
}

/// One line of `POST /v1/levels/own`; what is left out stays as it was.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelLine {
    /// Water, energy, food, or a kind of one's own: a-z, 0-9 and -.
    pub kind: String,
    /// How much there is, with at most three decimals.
    #[schema(value_type = f64)]
    pub level: Value,
    /// How much fits; needed for a new kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub capacity: Option<Value>,
    /// What it is measured in; needed for a new kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Below this it is critical, and others are told so at once and without noise; 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub critical: Option<Value>,
}

impl LevelRow {
    /// Reads a record as what its author says of a level; `None` where it is none.
    pub(crate) fn of(signed: &Signed, me: wire::NodeId) -> Option<Self> {
        let record = signed.clone().open().ok()?.record;
        let Content::Entry(entry) = record.content else { return None };
        let said: Said = serde_json::from_slice(entry.value.as_deref()?).ok()?;
        let band: Band = said.band.parse().ok()?;
        (node::levels::is_kind(&entry.name) && node::levels::is_unit(&said.unit)).then(|| Self {
            kind: entry.name,
            node: signed.author.to_string(),
            own: signed.author == me,
            // What follows from the band is not taken from anybody's word.
            need: band.need().into(),
            band: band.to_string(),
            unit: said.unit,
            said: rfc3339(record.created.ms()),
        })
    }
}

/// What the entry of a level says.
#[derive(Deserialize)]
struct Said {
    band: String,
    unit: String,
}

impl From<Need> for LevelNeed {
    fn from(need: Need) -> Self {
        match need {
            Need::Balanced => Self::Balanced,
            Need::Deficit => Self::Deficit,
            Need::Surplus => Self::Surplus,
        }
    }
}

impl OwnLevels {
    pub(crate) fn of(levels: Vec<OwnLevel>) -> Self {
        let levels = levels.into_iter().map(OwnLevelRow::of).collect();
        Self { schema: "trellis.own-levels/1".to_owned(), levels }
    }
}

impl OwnLevelRow {
    fn of(own: OwnLevel) -> Self {
        let OwnLevel { kind, stock, next_ms, budget } = own;
        let number = |amount: node::levels::Amount| Json::of(amount.to_string().as_bytes());
        Self {
            kind,
            level: number(stock.level),
            capacity: number(stock.capacity),
            critical: number(stock.critical),
            unit: stock.unit,
            set: rfc3339(stock.set_ms),
            seen: stock.said.map(|said| LevelSeen {
                band: said.band.to_string(),
                need: said.band.need().into(),
            }),
            next: next_ms.map(rfc3339),
            budget: LevelBudget {
                period: budget.period,
                period_max: DRAWS_PER_PERIOD_MAX,
                period_ends: rfc3339(budget.period_ends_ms),
                year: budget.year,
                year_max: DRAWS_PER_YEAR_MAX,
                draw_epsilon_milli: EPSILON_MILLI,
                year_epsilon_milli: EPSILON_MILLI * u64::from(budget.year),
            },
        }
    }
}
