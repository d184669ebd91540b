//! What survives a restart: the chain, the evidence, and what we said of the height in the making.

use std::sync::Arc;

use super::{Council, Row};
use crate::bytes::{Reader, put_part};
use crate::{Ballot, CheckpointError, Evidence, Note, Phase, Proposal, Quorum, Sealed};

/// What we committed to, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lock {
    /// The proof that more than two thirds had prepared it.
    pub(crate) quorum: Quorum,
    /// What it was.
    pub(crate) proposal: Proposal,
}

impl Council {
    /// Takes up what was kept. It was checked before it was written.
    pub(super) fn remember(&mut self, kept: Vec<(Row, Vec<u8>)>) {
        let mut seat = None;
        for (row, bytes) in kept {
            match row {
                Row::Evidence(height, guilty) => {
                    let evidence = Evidence::decode(&bytes).ok();
                    self.evidence.extend(evidence.map(|it| ((height, guilty), it)));
                }
                Row::Sealed(height) => {
                    let sealed = Sealed::decode(&bytes).ok();
                    self.sealed.extend(sealed.map(|it| (height, Arc::new(it))));
                }
                Row::Seat => seat = Some(bytes),
                Row::Matched => {}
            }
        }
        // Those of old committees first, then the newest: each step is checked once more.
        for sealed in self.sealed.values() {
            let newest = self.sealed.last_key_value().is_some_and(|(_, last)| last == sealed);
            if (sealed.checkpoint.hands_over() || newest)
                && let Ok(head) = self.head.follow(sealed)
            {
                self.head = head;
            }
        }
        let height = self.head.height;
        self.sealed.retain(|at, _| *at <= height);
        self.me = self.number_in(&self.head.committee);
        if let Some(Ok((mine, lock))) = seat.map(|bytes| seat_of(&bytes)) {
            self.take_seat(mine, lock);
        }
    }

    fn take_seat(&mut self, mine: Vec<Ballot>, lock: Option<Lock>) {
        let next = self.head.height + 1;
        let ours = |ballot: &Ballot| ballot.height == next && Some(ballot.attester) == self.me;
        if !mine.iter().all(ours) {
            // Of a height that is final by now.
            return;
        }
        for ballot in mine {
            self.mine.insert(ballot.phase, ballot);
            if ballot.phase != Phase::Propose {
                self.ballots.insert((ballot.phase, ballot.attester), ballot);
            }
        }
        if let Some(lock) = lock {
            self.quorum = Some(lock.quorum.clone());
            self.proposals.insert(lock.quorum.hash, lock.proposal.clone());
            self.lock = Some(lock);
        }
    }

    /// Encodes what we said of this height.
    pub(super) fn seat_row(&self) -> Vec<u8> {
        let mut out = vec![SEAT_VERSION];
        out.push(u8::try_from(self.mine.len()).expect("there are four phases"));
        self.mine.values().for_each(|ballot| ballot.encode(&mut out));
        if let Some(lock) = &self.lock {
            let mut quorum = Vec::new();
            lock.quorum.put(&mut quorum);
            put_part(&mut out, &quorum);
            put_part(&mut out, &Note::Proposal(Box::new(lock.proposal.clone())).encode());
        }
        out
    }
}

fn seat_of(bytes: &[u8]) -> Result<(Vec<Ballot>, Option<Lock>), CheckpointError> {
    let mut reader = Reader::new(bytes, bytes.len(), "seat")?;
    if reader.byte()? != SEAT_VERSION {
        return Err(reader.malformed());
    }
    let count = reader.byte()?;
    let mine = (0..count).map(|_| Ballot::decode(&mut reader)).collect::<Result<_, _>>()?;
    if reader.is_empty() {
        return Ok((mine, None));
    }
    let quorum = Quorum::take(&mut Reader::new(reader.part()?, usize::MAX, "seat")?)?;
    let lock = match Note::decode(reader.part()?)? {
        Note::Proposal(proposal) => Lock { quorum, proposal: *proposal },
        Note::Ballot(_) | Note::Sealed(_) => return Err(reader.malformed()),
    };
    reader.end()?;
    Ok((mine, Some(lock)))
}

const SEAT_VERSION: u8 = 1;
