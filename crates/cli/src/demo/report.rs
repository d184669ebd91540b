//! What a demo measured, for programs.

use std::time::Duration;

use serde::Serialize;

/// `trellis.demo/1`. What was not reached is null.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    /// Whether every node has every message and all roots are equal.
    pub(crate) ok: bool,
    pub(crate) nodes: usize,
    pub(crate) discovered_ms: Option<f64>,
    pub(crate) imported: u64,
    pub(crate) import_durable_ms: Option<f64>,
    pub(crate) import_agreed_ms: Option<f64>,
    pub(crate) first_message_ms: Option<f64>,
    pub(crate) messages: usize,
    pub(crate) messages_p50_ms: Option<f64>,
    pub(crate) messages_p95_ms: Option<f64>,
    pub(crate) messages_max_ms: Option<f64>,
    pub(crate) entries: u64,
    pub(crate) away: usize,
    pub(crate) back_ms: Option<f64>,
    pub(crate) root: Option<String>,
    /// Height of a checkpoint of the state with alert, levels and rule in it.
    pub(crate) checkpoint: Option<u64>,
    /// Which node lacks what.
    pub(crate) lacking: Vec<String>,
    pub(crate) took_ms: f64,
}

impl Report {
    pub(crate) fn new(nodes: usize) -> Self {
        Self {
            schema: "trellis.demo/1",
            ok: false,
            nodes,
            discovered_ms: None,
            imported: 0,
            import_durable_ms: None,
            import_agreed_ms: None,
            first_message_ms: None,
            messages: 0,
            messages_p50_ms: None,
            messages_p95_ms: None,
            messages_max_ms: None,
            entries: 0,
            away: 0,
            back_ms: None,
            root: None,
            checkpoint: None,
            lacking: Vec::new(),
            took_ms: 0.0,
        }
    }
}

/// Returns milliseconds with three decimals at most.
pub(crate) fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
