//! What goes first, what is shared, and what nobody can break.

mod model;
mod order;
mod properties;

use wire::Class;

use crate::{Bounds, Lanes, Pushed};

/// Queues with room for everything a test pushes.
fn roomy() -> Lanes<usize> {
    Lanes::new(Bounds { frames_max: 100_000, bytes_max: usize::MAX })
}

/// Pushes `count` frames of one size that carry their numbers.
fn fill(lanes: &mut Lanes<usize>, class: Class, count: usize, bytes: usize) {
    for number in 0..count {
        assert_eq!(lanes.push(class, number, bytes), Pushed::Queued);
    }
}
