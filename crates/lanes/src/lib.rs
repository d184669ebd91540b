//! Which frame goes next on a link: one queue per class, as a value.
//!
//! The daemon's links and the simulator's wires own one each, so what is measured in a simulated
//! world is the order in which real links send (CLASS-1).

mod lanes;
#[cfg(test)]
mod tests;

pub use lanes::{ALERT_LEAD_BYTES_MAX, Bounds, Lanes, Pushed};

/// The largest part of a frame that goes over a link in one piece, so that an alert waits behind
/// no more. With its header, class and tag it is at most 16 KiB.
pub const PART_BYTES_MAX: usize = 16 * 1024 - 32;

/// What waits for one link at most, by class: few alerts and little control are ever in flight, a
/// burst of messages is what memory is for, and what bulk loses a comparison finds.
pub const LINK_BOUNDS: [Bounds; 4] = [
    Bounds { frames_max: 1_024, bytes_max: MIB },
    Bounds { frames_max: 1_024, bytes_max: 2 * MIB },
    Bounds { frames_max: 4_096, bytes_max: 8 * MIB },
    Bounds { frames_max: 1_024, bytes_max: 4 * MIB },
];

const MIB: usize = 1024 * 1024;
