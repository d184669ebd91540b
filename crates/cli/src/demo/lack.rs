//! What did not happen in time, node by node.

use std::fmt;

/// A step that was not complete at its deadline.
#[derive(Debug)]
pub struct Lack {
    /// What was waited for.
    pub step: String,
    /// Which node lacks what.
    pub nodes: Vec<String>,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.step)?;
        match self.nodes.split_at_checked(SHOWN_MAX) {
            Some((first, rest)) if !rest.is_empty() => {
                write!(f, "{} and {} more nodes", first.join(", "), rest.len())
            }
            Some(_) | None => f.write_str(&self.nodes.join(", ")),
        }
    }
}

impl std::error::Error for Lack {}

/// Nodes named one by one.
const SHOWN_MAX: usize = 8;
