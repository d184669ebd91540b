//! The workspace as a whole: real processes, and the rules that no compiler checks.

mod cluster;
mod crash;
mod support;
mod wiring;
