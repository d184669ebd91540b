//! What people decide about seeds.

use wire::SeedId;

use super::Brief;
use crate::decision::json;
use crate::people::Deed;

/// A decision about a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeedDecision {
    /// Offer a seed whose content is here to everybody, for so many milliseconds.
    Offer(Brief, u64),
    /// Take a seed in: its content is fetched.
    Plant(SeedId),
    /// Decline a seed: nobody here is asked about it again.
    Compost(SeedId),
    /// Look at a seed again after so many milliseconds.
    Postpone(SeedId, u64),
    /// Forget the content of a seed that was taken in.
    Uproot(SeedId),
}

impl SeedDecision {
    /// Returns its kind.
    pub(crate) fn deed(&self) -> Deed {
        match self {
            Self::Offer(..) => Deed::OfferSeed,
            Self::Plant(_) => Deed::PlantSeed,
            Self::Compost(_) => Deed::CompostSeed,
            Self::Postpone(..) => Deed::PostponeSeed,
            Self::Uproot(_) => Deed::UprootSeed,
        }
    }

    /// Says exactly what is decided, on one line of JSON.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Offer(brief, life_ms) => {
                let (id, size, life_s) = (brief.shape.id(), brief.shape.size, life_ms / 1_000);
                let about = json(&brief.about);
                format!(
                    "{{\"seed\":\"{id}\",\"size\":{size},\"about\":{about},\"life_s\":{life_s}}}"
                )
            }
            Self::Plant(id) | Self::Compost(id) | Self::Uproot(id) => {
                format!("{{\"seed\":\"{id}\"}}")
            }
            Self::Postpone(id, life_ms) => {
                format!("{{\"seed\":\"{id}\",\"for_s\":{}}}", life_ms / 1_000)
            }
        }
    }
}
