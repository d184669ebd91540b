//! Which frame goes next on a link: one queue per class, as a value.
//!
//! The daemon's links and the simulator's wires own one each, so what is measured in a simulated
//! world is the order in which real links send (CLASS-1).

mod lanes;
#[cfg(test)]
mod tests;

pub use lanes::{Bounds, Lanes, Pushed};
