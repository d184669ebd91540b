//! What became of the frames of one list of effects: the truth behind a receipt.

use std::collections::BTreeSet;

use engine::LinkId;
use node::engine;
use transport::Sent;

use crate::commands::Handed;
use crate::store_thread::JobId;

/// Links by what their queues said to the frames that waited for one write. A list of effects has
/// one write at most, so this is one list's, and a publication is a list of its own.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    job: Option<JobId>,
    queued: BTreeSet<LinkId>,
    congested: BTreeSet<LinkId>,
}

impl Receipts {
    /// What follows waited for that write, or for none.
    pub(super) fn begin(&mut self, job: Option<JobId>) {
        if self.job != job {
            *self = Self { job, ..Self::default() };
        }
    }

    pub(super) fn sent(&mut self, link: LinkId, sent: Sent) {
        if self.job.is_none() {
            return;
        }
        match sent {
            Sent::Full => {
                self.congested.insert(link);
            }
            // It has ended meanwhile: nobody there.
            Sent::Gone => {}
            Sent::Queued => {
                self.queued.insert(link);
            }
        }
    }

    /// Reads what was handed over; a link that lacks a part of it is not counted as reached.
    pub(super) fn handed(&self, backlog_bytes: usize) -> Handed {
        let reached = self.queued.difference(&self.congested).count();
        Handed { links_queued: reached, links_congested: self.congested.len(), backlog_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_is_counted_for_itself_and_each_link_once() {
        let mut receipts = Receipts::default();
        receipts.begin(Some(JobId(1)));
        let (one, two, three) = (LinkId(1), LinkId(2), LinkId(3));
        for (link, sent) in [(one, Sent::Queued), (two, Sent::Queued), (two, Sent::Full)] {
            receipts.begin(Some(JobId(1)));
            receipts.sent(link, sent);
        }
        receipts.sent(three, Sent::Gone);
        let handed = Handed { links_queued: 1, links_congested: 1, backlog_bytes: 9 };
        assert_eq!(receipts.handed(9), handed);
        receipts.begin(Some(JobId(2)));
        assert_eq!(receipts.handed(0), Handed::default());
        receipts.begin(None);
        receipts.sent(one, Sent::Queued);
        assert_eq!(receipts.handed(0), Handed::default(), "nobody asked");
    }
}
