//! What was sent and has not left the machine: which links are behind.
//!
//! Now and then the world is asked to say when all that was sent on a link in a class has left
//! (CLASS-3). Until it does, and if that takes a while or much was sent since, the link is behind:
//! more would only wait there, or not fit. Pieces ask as well; the world answers in the order of the
//! questions, so that each answer finds who asked.
//! Bound: one question for each link and class, and one for each piece under way.

use std::collections::{BTreeMap, VecDeque};

use wire::Class;

use crate::{LinkId, Now, Time};

#[derive(Debug, Default)]
pub(crate) struct Departures {
    flows: BTreeMap<(LinkId, Class), Flow>,
    /// By class: bulk that waits does not narrow what goes before it.
    widths: [Width; 4],
}

/// To how many links one record is sent, and when that changed.
#[derive(Clone, Copy, Debug)]
struct Width {
    links: usize,
    at: Time,
}

/// What is known of one class on one link.
#[derive(Debug, Default)]
struct Flow {
    /// Who asked, in order.
    askers: VecDeque<Asker>,
    /// Bytes of records sent since the last question about them.
    bytes: usize,
    /// When that was asked, if it was not answered yet.
    asked: Option<Time>,
}

/// Who asked when something has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asker {
    /// A piece of a body.
    Piece,
    /// Whole records.
    Records,
}

impl Default for Width {
    fn default() -> Self {
        Self { links: WIDTH_MAX, at: Time::default() }
    }
}

impl Departures {
    /// Returns to how many links a record is sent that would go to `links`, so many of which are
    /// behind. If most are, it is not they who are slow but our uplink: half as many, and twice as
    /// many again when that is over.
    pub(crate) fn width(
        &mut self,
        class: Class,
        (links, behind): (usize, usize),
        now: Now,
    ) -> usize {
        let width = &mut self.widths[class.index()];
        let since_ms = now.mono_ms.saturating_sub(width.at.0);
        let narrows = 0 < links && links <= 2 * behind && NARROWS_MS <= since_ms;
        let widens = behind == 0 && WIDENS_MS <= since_ms && width.links < WIDTH_MAX;
        if narrows {
            *width = Width { links: (width.links.min(links) / 2).max(1), at: now.time() };
        } else if widens {
            *width = Width { links: 2 * width.links, at: now.time() };
        }
        width.links
    }

    /// Notes that records are sent. Says whether to ask when they will have left.
    pub(crate) fn sent(&mut self, link: LinkId, class: Class, bytes: usize, now: Now) -> bool {
        let flow = self.flows.entry((link, class)).or_default();
        flow.bytes = flow.bytes.saturating_add(bytes);
        let asks = flow.asked.is_none() && ASK_BYTES <= flow.bytes;
        if asks {
            flow.bytes = 0;
            flow.asked = Some(now.time());
            flow.askers.push_back(Asker::Records);
        }
        asks
    }

    /// Notes that somebody asks when a piece will have left.
    pub(crate) fn piece_sent(&mut self, link: LinkId, class: Class) {
        self.flows.entry((link, class)).or_default().askers.push_back(Asker::Piece);
    }

    /// Takes an answer. Returns who asked; nobody did if the link is gone.
    pub(crate) fn left(&mut self, link: LinkId, class: Class) -> Option<Asker> {
        let flow = self.flows.get_mut(&(link, class))?;
        let asker = flow.askers.pop_front()?;
        if asker == Asker::Records {
            flow.asked = None;
        }
        Some(asker)
    }

    /// Says whether what is sent on a link now would only wait.
    pub(crate) fn is_behind(&self, link: LinkId, class: Class, now: Now) -> bool {
        let Some(flow) = self.flows.get(&(link, class)) else { return false };
        let late = |at: Time| at.0.saturating_add(BEHIND_MS) <= now.mono_ms;
        flow.asked.is_some_and(|at| late(at) || BEHIND_BYTES <= flow.bytes)
    }

    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.flows.retain(|(other, _), _| *other != link);
    }
}

/// Bytes after which a link is asked about: a tenth of a second of a slow uplink, and so much that
/// in a quiet network next to nothing is asked.
const ASK_BYTES: usize = 32 * 1024;
/// What may be sent beyond those, and how long they may take, before the link is behind.
const BEHIND_BYTES: usize = 64 * 1024;
const BEHIND_MS: u64 = 200;
/// How soon the number of links a record goes to may halve again, and double.
const NARROWS_MS: u64 = 200;
const WIDENS_MS: u64 = 1_000;
/// As many as there are.
const WIDTH_MAX: usize = 64;
