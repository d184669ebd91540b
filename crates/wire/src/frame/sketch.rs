//! Steps of comparing two sets by sketches of them. What is in a sketch is another room's: here it
//! is bytes and numbers.

use bytes::Bytes;

use super::Set;
use super::schema::moment;
use crate::generated::{self, sketch::Step};
use crate::record::check_count;
use crate::{WireError, limits};

/// A step of one exchange.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sketch {
    /// The asker's number for it, new for each, so that nobody can foresee it.
    pub exchange: u64,
    /// What is said.
    pub step: SketchStep,
}

/// What is said in an exchange.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SketchStep {
    /// The asker: let us compare this set as of a moment; mine is counted like this.
    Begin {
        /// Which set.
        set: Set,
        /// As of which moment, as in a summary.
        cutoff_ms: Option<u64>,
        /// Its counters.
        estimate: Bytes,
    },
    /// The asker: send symbols up to this number.
    More(u32),
    /// The asker: send what these ids name.
    Want(Vec<u64>),
    /// The answerer: symbols.
    Symbols {
        /// Its own number for the exchange.
        nonce: u64,
        /// How many ids seem to differ.
        differing: u32,
        /// The number of the first symbol.
        from: u32,
        /// Up to where symbols follow by themselves.
        until: u32,
        /// The symbols.
        symbols: Bytes,
    },
    /// The answerer: not now, or no longer.
    Refused,
}

impl Sketch {
    pub(super) fn to_schema(&self) -> generated::Sketch {
        let step = match &self.step {
            SketchStep::Begin { set, cutoff_ms, estimate } => Step::Begin(generated::SketchBegin {
                set: set.to_schema(),
                cutoff_ms: cutoff_ms.unwrap_or(0),
                estimate: estimate.clone(),
            }),
            SketchStep::More(until) => Step::More(*until),
            SketchStep::Want(ids) => Step::Want(generated::SketchWant { ids: ids.clone() }),
            SketchStep::Symbols { nonce, differing, from, until, symbols } => {
                Step::Symbols(generated::SketchSymbols {
                    nonce: *nonce,
                    differing: *differing,
                    from: *from,
                    until: *until,
                    symbols: symbols.clone(),
                })
            }
            SketchStep::Refused => Step::Refused(true),
        };
        generated::Sketch { exchange: self.exchange, step: Some(step) }
    }

    pub(super) fn from_schema(schema: generated::Sketch) -> Result<Self, WireError> {
        let step = match schema.step.ok_or(WireError::Field("sketch step"))? {
            Step::Begin(it) => {
                check_count("estimate bytes", it.estimate.len(), limits::SKETCH_BYTES_MAX)?;
                let (set, cutoff_ms) = (Set::from_schema(it.set)?, moment(it.cutoff_ms));
                SketchStep::Begin { set, cutoff_ms, estimate: it.estimate }
            }
            Step::More(until) => SketchStep::More(until),
            Step::Want(it) => {
                check_count("ids", it.ids.len(), limits::SKETCH_IDS_MAX)?;
                SketchStep::Want(it.ids)
            }
            Step::Symbols(it) => {
                check_count("symbol bytes", it.symbols.len(), limits::SKETCH_BYTES_MAX)?;
                let generated::SketchSymbols { nonce, differing, from, until, symbols } = it;
                SketchStep::Symbols { nonce, differing, from, until, symbols }
            }
            Step::Refused(_) => SketchStep::Refused,
        };
        Ok(Self { exchange: schema.exchange, step })
    }
}
