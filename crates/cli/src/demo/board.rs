//! What each node has shown so far, and when: nothing here is assumed.

use std::collections::BTreeMap;

use daemon::api::types::EventData;
use tokio::time::Instant;

/// Something a node's event feed said.
#[derive(Debug)]
pub(super) struct Sight {
    /// Which node.
    pub(super) node: usize,
    /// When its event reached us.
    pub(super) at: Instant,
    /// What it said.
    pub(super) what: Seen,
}

/// The events that the demo looks at.
#[derive(Debug)]
pub(super) enum Seen {
    /// Events were missed: what follows is incomplete.
    Gap,
    /// A message, with its hops.
    Message(String, u8),
    /// A root, with its number of entries.
    Root(String, u64),
}

/// All nodes side by side.
#[derive(Debug)]
pub(super) struct Board(Vec<Column>);

/// One node.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// When each message came, and over how many hops.
    pub(super) messages: BTreeMap<String, (Instant, u8)>,
    /// Its newest root, with the number of entries, and since when.
    pub(super) root: Option<(String, u64, Instant)>,
    /// Whether events were missed.
    pub(super) gap: bool,
}

impl Seen {
    /// Picks what the demo looks at.
    pub(super) fn of(what: &EventData) -> Option<Self> {
        match what {
            EventData::Message(it) => Some(Self::Message(it.id.clone(), it.hops)),
            EventData::Root(it) => Some(Self::Root(it.root.clone(), it.entries)),
            EventData::Alert(_)
            | EventData::Checkpoint(_)
            | EventData::Level(_)
            | EventData::Rule(_)
            | EventData::Transfer(_)
            | EventData::Direct(_)
            | EventData::Entry(_)
            | EventData::Peer(_)
            | EventData::Refused(_) => None,
        }
    }
}

impl Board {
    pub(super) fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| Column::default()).collect())
    }

    /// Writes down what was seen. A message counts when it was seen first.
    pub(super) fn note(&mut self, sight: Sight) {
        let Sight { node, at, what } = sight;
        let Some(column) = self.0.get_mut(node) else { return };
        match what {
            Seen::Gap => column.gap = true,
            Seen::Message(id, hops) => {
                column.messages.entry(id).or_insert((at, hops));
            }
            Seen::Root(root, entries) => column.see_root(root, entries, at),
        }
    }

    pub(super) fn column(&self, node: usize) -> &Column {
        &self.0[node]
    }

    pub(super) fn column_mut(&mut self, node: usize) -> &mut Column {
        &mut self.0[node]
    }
}

impl Column {
    /// A root that is already there keeps the time at which it was seen first.
    pub(super) fn see_root(&mut self, root: String, entries: u64, at: Instant) {
        if self.root.as_ref().is_none_or(|known| (&known.0, known.1) != (&root, entries)) {
            self.root = Some((root, entries, at));
        }
    }

    /// Counts the messages of `ids` that were not seen.
    pub(super) fn missing(&self, ids: &[String]) -> usize {
        ids.iter().filter(|id| !self.messages.contains_key(*id)).count()
    }
}
