//! The operator's API: JSON over HTTP on loopback (docs/api.md).

pub mod problem;
pub mod types;
