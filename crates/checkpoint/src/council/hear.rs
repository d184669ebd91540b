//! What others say: checked, remembered, passed on.

use std::sync::Arc;

use wire::Digest;

use super::{Act, Council, Pending, Row};
use crate::{Ballot, Done, Evidence, Note, Phase, Proposal, Sealed, Work};

impl Council {
    /// Hears a note from somebody; what is new is checked first.
    pub fn hear(&mut self, note: Note, from: u64, now_ms: u64) -> Vec<Act> {
        let name = Digest::of("note", &[&note.encode()]);
        if self.checking.contains(&name) || CHECKS_MAX <= self.checking.len() {
            // A neighbour tells it again when all is done.
            return std::mem::take(&mut self.acts);
        }
        let view = self.view(now_ms);
        let work = match &note {
            Note::Ballot(ballot) => self.check_ballot(ballot, view),
            Note::Proposal(proposal) => self.check_proposal(proposal, view),
            Note::Sealed(sealed) => self.check_sealed(sealed),
        };
        if let Some(work) = work {
            self.checking.insert(name);
            self.start(Pending::Hear(note, Some(from)), work);
        }
        std::mem::take(&mut self.acts)
    }

    /// Returns in a few bytes what is known here: height, and a hash of the words of the next.
    pub fn known(&self) -> (u64, Digest) {
        // Of who broke its word everybody may hold something else.
        let next = self.head.height + 1;
        let honest = |it: &Ballot| !self.evidence.contains_key(&(next, it.attester));
        let ballots = self.ballots.values().copied();
        let proposals = self.proposals.values().map(|it| it.ballot);
        let all: Vec<u8> = ballots
            .chain(proposals)
            .filter(honest)
            .flat_map(|it| Note::Ballot(it).encode())
            .collect();
        (self.head.height, Digest::of("known", &[&all]))
    }

    /// Returns what to tell somebody that knows less, or other things. At most `bytes_max`, and
    /// one note: whoever is far behind asks again.
    pub fn tell(&self, height: u64, digest: &Digest, bytes_max: usize) -> Vec<Note> {
        let (ours, known) = self.known();
        let mut notes = Vec::new();
        if height < ours {
            let handed = self.sealed.range(height + 1..).map(|(_, it)| it);
            let newest = self.sealed.last_key_value().map(|(height, _)| *height);
            let needed = handed
                .filter(|it| it.checkpoint.hands_over() || Some(it.checkpoint.height) == newest);
            notes.extend(needed.map(|it| Note::Sealed(Box::new(Sealed::clone(it)))));
        }
        if height <= ours && *digest != known {
            let proposals = self.proposals.values();
            notes.extend(proposals.map(|it| Note::Proposal(Box::new(it.clone()))));
            notes.extend(self.ballots.values().map(|it| Note::Ballot(*it)));
        }
        let mut bytes = 0;
        let fits = |note: &Note| {
            let before = bytes;
            bytes += note.encode().len();
            before == 0 || bytes <= bytes_max
        };
        notes.into_iter().take_while(fits).collect()
    }

    pub(super) fn finish(&mut self, pending: Pending, done: Done, now_ms: u64) {
        match (pending, done) {
            (Pending::Hear(note, from), done) => {
                self.checking.remove(&Digest::of("note", &[&note.encode()]));
                self.checked(note, from, done, now_ms);
            }
            (Pending::Evidence(evidence), Done::Checked(true)) => self.convict(*evidence),
            (pending, done) => self.worked(pending, done),
        }
    }

    fn checked(&mut self, note: Note, from: Option<u64>, done: Done, now_ms: u64) {
        match (note, done) {
            (Note::Ballot(ballot), Done::Checked(true)) => self.admit(ballot, from),
            (Note::Proposal(proposal), Done::Checked(true)) => {
                self.admit_proposal(*proposal, from, now_ms);
            }
            (Note::Sealed(sealed), Done::Followed(Ok(head))) => {
                // Another one may have come first.
                if self.head.height < head.height {
                    self.advance(*head, Arc::new(*sealed.clone()));
                    self.acts.push(Act::Spread(Box::new(Note::Sealed(sealed)), from));
                }
            }
            // Signed by the right ones, and on another way: a fork further back.
            (Note::Sealed(_), Done::Followed(Err(crate::CheckpointError::NotNext))) => {}
            (Note::Ballot(_) | Note::Proposal(_) | Note::Sealed(_), _) => {
                from.into_iter().for_each(|from| self.acts.push(Act::Blame(from)));
            }
        }
    }

    fn check_ballot(&mut self, ballot: &Ballot, view: u64) -> Option<Work> {
        let current = ballot.height == self.head.height + 1 && ballot.view <= view + 1;
        if !current || self.head.committee.attester(ballot.attester).is_none() {
            return None;
        }
        if let Some(known) = self.ballots.get(&(ballot.phase, ballot.attester)).copied() {
            if known.contradicts(ballot) {
                self.suspect(Evidence::Ballots(Box::new((known, *ballot))));
            }
            if ballot.view <= known.view {
                return None;
            }
        }
        Some(Work::Ballot(self.head.network, Arc::clone(&self.head.committee), *ballot))
    }

    fn check_proposal(&mut self, proposal: &Proposal, view: u64) -> Option<Work> {
        let Proposal { ballot, checkpoint, .. } = proposal;
        let head = &self.head;
        let fits = checkpoint.network == head.network
            && checkpoint.height == head.height + 1
            && checkpoint.previous == head.hash
            && checkpoint.committee == head.committee.hash()
            && head.cut_ms < checkpoint.cut_ms
            && ballot.attester == self.leader(ballot.view)
            && ballot.view <= view + 1;
        if !fits {
            return None;
        }
        let mut rivals = self.proposals.values().map(|it| it.ballot);
        let rival = rivals.find(|it| it.contradicts(ballot));
        if let Some(rival) = rival {
            self.suspect(Evidence::Ballots(Box::new((rival, *ballot))));
            return None;
        }
        if self.proposals.get(&ballot.hash).is_some_and(|it| ballot.view <= it.ballot.view) {
            return None;
        }
        let committee = Arc::clone(&self.head.committee);
        Some(Work::Proposal(self.head.network, committee, Box::new(proposal.clone())))
    }

    fn check_sealed(&mut self, sealed: &Sealed) -> Option<Work> {
        let checkpoint = &sealed.checkpoint;
        if checkpoint.network != self.head.network {
            return None;
        }
        if self.head.height < checkpoint.height {
            // Of another committee: the steps to it are asked for when a neighbour says where it is.
            let ours = checkpoint.committee == self.head.committee.hash();
            return ours
                .then(|| Work::Follow(Box::new(self.head.clone()), Box::new(sealed.clone())));
        }
        let known = self.sealed.get(&checkpoint.height)?;
        if known.checkpoint != *checkpoint && known.checkpoint.committee == checkpoint.committee {
            let side = |it: &Sealed| (it.checkpoint.clone(), it.certificate.clone());
            self.suspect(Evidence::Fork(Box::new([side(known), side(sealed)])));
        }
        None
    }

    /// Has evidence checked, unless one of its kind is kept.
    fn suspect(&mut self, evidence: Evidence) {
        let place = evidence.guilty().first().map(|it| (evidence.height(), *it));
        let waits = self.work.values().any(|it| matches!(it, Pending::Evidence(_)));
        let known = place.is_none_or(|place| self.evidence.contains_key(&place));
        if known || waits || EVIDENCE_MAX <= self.evidence.len() {
            return;
        }
        let (network, committee) = (self.head.network, Arc::clone(&self.head.committee));
        let work = Work::Evidence(network, committee, Box::new(evidence.clone()));
        self.start(Pending::Evidence(Box::new(evidence)), work);
    }

    fn convict(&mut self, evidence: Evidence) {
        let Some(guilty) = evidence.guilty().first().copied() else { return };
        let row = Row::Evidence(evidence.height(), guilty);
        self.acts.push(Act::Keep(row, Some(evidence.encode())));
        self.evidence.insert((evidence.height(), guilty), evidence.clone());
        if let Evidence::Ballots(ballots) = &evidence
            && ballots.1.phase != Phase::Propose
        {
            // Others that hold the first one learn of the second.
            self.acts.push(Act::Spread(Box::new(Note::Ballot(ballots.1)), None));
        }
        self.acts.push(Act::Fault(Box::new(evidence)));
    }

    /// Takes in a genuine word.
    pub(super) fn admit(&mut self, ballot: Ballot, from: Option<u64>) {
        if ballot.height != self.head.height + 1 {
            return;
        }
        let place = (ballot.phase, ballot.attester);
        if let Some(known) = self.ballots.get(&place).copied() {
            if known.contradicts(&ballot) {
                self.suspect(Evidence::Ballots(Box::new((known, ballot))));
            }
            if ballot.view <= known.view {
                return;
            }
        }
        self.ballots.insert(place, ballot);
        self.acts.push(Act::Spread(Box::new(Note::Ballot(ballot)), from));
    }

    fn admit_proposal(&mut self, proposal: Proposal, from: Option<u64>, now_ms: u64) {
        let fits = proposal.checkpoint.height == self.head.height + 1
            && proposal.checkpoint.previous == self.head.hash;
        let rival = self.proposals.values().find(|it| it.ballot.contradicts(&proposal.ballot));
        if let Some(rival) = rival {
            let pair = (rival.ballot, proposal.ballot);
            return self.suspect(Evidence::Ballots(Box::new(pair)));
        }
        if !fits {
            return;
        }
        if let Some(quorum) = &proposal.quorum
            && self.quorum.as_ref().is_none_or(|known| known.view < quorum.view)
        {
            self.quorum = Some(quorum.clone());
        }
        self.proposals.insert(proposal.ballot.hash, proposal.clone());
        self.forget_proposals(now_ms);
        self.acts.push(Act::Spread(Box::new(Note::Proposal(Box::new(proposal))), from));
    }

    /// Forgets what was proposed longest ago and nobody needs any more.
    fn forget_proposals(&mut self, now_ms: u64) {
        let view = self.view(now_ms);
        while PROPOSALS_MAX < self.proposals.len() {
            let needed = |hash: &Digest| {
                let named = self.ballots.values().any(|it| it.hash == *hash);
                let locked = self.lock.as_ref().is_some_and(|it| it.quorum.hash == *hash);
                let prepared = self.quorum.as_ref().is_some_and(|it| it.hash == *hash);
                (locked || prepared || self.decided == Some(*hash), named)
            };
            let key = |(hash, it): (&Digest, &Proposal)| {
                let (kept, named) = needed(hash);
                (kept, it.ballot.view == view, named, it.ballot.view, *hash)
            };
            let Some((.., first)) = self.proposals.iter().map(key).min() else { return };
            self.proposals.remove(&first);
        }
    }
}

/// Notes being checked at once. What comes beyond is told again by a neighbour.
const CHECKS_MAX: usize = 1_024;
/// Proposals of one height kept. The oldest that nobody named makes room.
const PROPOSALS_MAX: usize = 16;
/// Broken words kept. More are not looked at: an operator has to act.
const EVIDENCE_MAX: usize = 256;
