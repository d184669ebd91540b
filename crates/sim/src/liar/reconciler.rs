//! What a liar tells of its sets: roots and hashes of others, symbols that give nothing away, cannot
//! be, or never come, and answers without records.

use bytes::Bytes;
use wire::{Digest, Frame, Sketch, SketchStep, View};

use crate::chance::Chance;

/// Returns what is sent instead, if anything.
pub(super) fn falsified(chance: &mut Chance, frame: Frame) -> Option<Frame> {
    match frame {
        Frame::Sketch(Sketch { exchange, step }) => {
            let step = step_of(chance, step)?;
            Some(Frame::Sketch(Sketch { exchange, step }))
        }
        Frame::Compare(mut compare) => {
            let views = compare.ranges.iter_mut().map(|range| &mut range.view);
            for view in views {
                match view {
                    View::Items(items) if chance.below(2) == 0 => {
                        items.iter_mut().for_each(|it| spoil(&mut it.value));
                    }
                    View::Subtrees(subtrees) if chance.below(2) == 0 => {
                        subtrees.iter_mut().for_each(|it| spoil(&mut it.hash));
                    }
                    View::Items(_) | View::Subtrees(_) => {}
                }
            }
            Some(Frame::Compare(compare))
        }
        Frame::Summary(mut summary) => {
            if chance.below(3) == 0 {
                spoil(&mut summary.state.root);
            }
            Some(Frame::Summary(summary))
        }
        Frame::Records(_) => None,
        other => Some(other),
    }
}

fn step_of(chance: &mut Chance, step: SketchStep) -> Option<SketchStep> {
    let way = chance.below(5);
    match step {
        SketchStep::Symbols { nonce, differing, from, until, symbols } => {
            let mut bytes = symbols.to_vec();
            let mut until = until;
            match way {
                0 => return None,
                1 => bytes.fill(0),
                2 => bytes.iter_mut().for_each(|it| *it = chance.draw().to_le_bytes()[0]),
                3 => until = until.saturating_mul(2),
                _ => {}
            }
            Some(SketchStep::Symbols { nonce, differing, from, until, symbols: Bytes::from(bytes) })
        }
        SketchStep::Want(ids) => match way {
            0 => None,
            1 => Some(SketchStep::More(u32::MAX)),
            _ => Some(SketchStep::Want(ids.iter().map(|_| chance.draw()).collect())),
        },
        other @ (SketchStep::Begin { .. } | SketchStep::More(_) | SketchStep::Refused) => {
            Some(other)
        }
    }
}

fn spoil(digest: &mut Digest) {
    digest.0[31] ^= 1;
}
