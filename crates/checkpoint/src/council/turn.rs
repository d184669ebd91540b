//! What we say, and when: each step follows from what is known, and is on disk before it is said.

use std::collections::BTreeMap;

use wire::Digest;

use super::{Act, Council, Lock, Pending, Row};
use crate::{
    Ballot, Checkpoint, Done, Facts, Note, Phase, Proposal, Quorum, Sealed, Signature, Work,
};

impl Council {
    /// Takes every step that can be taken.
    pub(super) fn turn(&mut self, now_ms: u64) {
        let Some(me) = self.me else { return };
        let view = self.view(now_ms);
        self.count_prepared();
        if self.leader(view) == me {
            self.propose(view, me);
        }
        self.prepare(view);
        self.commit();
        self.attest();
        self.seal();
    }

    pub(super) fn worked(&mut self, pending: Pending, done: Done) {
        match (pending, done) {
            (Pending::Sign(phase, height), Done::Signed(signature)) => {
                self.signed(phase, height, signature);
            }
            (Pending::Prepared(height, view, hash), Done::Summed(Some(certificate))) => {
                let newer = self.quorum.as_ref().is_none_or(|known| known.view < view);
                if height == self.head.height && newer {
                    self.quorum = Some(Quorum { view, hash, certificate });
                }
            }
            (Pending::Seal(hash), Done::Summed(Some(certificate))) => {
                let Some(proposal) = self.proposals.get(&hash) else { return };
                let (checkpoint, next) = (proposal.checkpoint.clone(), proposal.next.clone());
                let sealed = Sealed { checkpoint, certificate, next };
                let work = Work::Follow(Box::new(self.head.clone()), Box::new(sealed.clone()));
                self.start(Pending::Hear(Note::Sealed(Box::new(sealed)), None), work);
            }
            // Evidence that was none, or work that came to nothing: what it was about was said by
            // somebody whose words were checked, so the next view does without it.
            (_, Done::Checked(_) | Done::Followed(_) | Done::Signed(_) | Done::Summed(_)) => {}
        }
    }

    /// Finds what more than two thirds prepared, in the latest view.
    fn count_prepared(&mut self) {
        let best = self.majority(Phase::Prepare);
        let Some((view, hash)) = best else { return };
        let known = self.quorum.as_ref().is_some_and(|known| view <= known.view);
        let under_way = self.work.values().any(|it| matches!(it, Pending::Prepared(..)));
        if known || under_way {
            return;
        }
        let ballots = self.words(Phase::Prepare, view, &hash);
        self.start(Pending::Prepared(self.head.height, view, hash), Work::Sum(ballots));
    }

    /// It is our turn: says again what was prepared, or else what we held (CKPT-5).
    fn propose(&mut self, view: u64, me: u16) {
        if !self.is_fresh(Phase::Propose, view) {
            return;
        }
        let prepared = self.quorum.as_ref();
        let prepared = prepared.and_then(|it| Some((it, self.proposals.get(&it.hash)?)));
        let (checkpoint, quorum, next) = match (prepared, &self.quorum) {
            (Some((quorum, proposal)), _) if quorum.view < view => {
                let (checkpoint, next) = (proposal.checkpoint.clone(), proposal.next.clone());
                (checkpoint, Some(quorum.clone()), next)
            }
            // Prepared in this very view, or not known here: others have a turn too.
            (Some(_), _) | (None, Some(_)) => return,
            (None, None) => {
                let Some((checkpoint, next)) = self.draft(view) else { return };
                (checkpoint, None, next)
            }
        };
        let hash = checkpoint.hash();
        let height = checkpoint.height;
        let signature = Signature([0; 96]);
        let phase = Phase::Propose;
        let ballot = Ballot { phase, height, view, hash, attester: me, signature };
        self.sign(Proposal { ballot, checkpoint, quorum, next });
    }

    /// What we hold, as a checkpoint; `None` where there is nothing new.
    fn draft(&self, view: u64) -> Option<(Checkpoint, Option<Vec<u8>>)> {
        let cut_ms = self.cut_of(view);
        let facts = self.facts.iter().find(|facts| facts.cut_ms == cut_ms)?;
        let committee = self.head.committee.hash();
        let wanted = self.seat.as_ref().and_then(|seat| seat.next.as_ref());
        let next = wanted.filter(|it| it.hash() != committee && self.may_hand_over());
        if !self.is_due(cut_ms) || (facts.root == self.head.root && next.is_none()) {
            return None;
        }
        let checkpoint = Checkpoint {
            network: self.head.network,
            height: self.head.height + 1,
            previous: self.head.hash,
            cut_ms,
            root: facts.root,
            count: facts.count,
            rules: facts.rules,
            statistics: facts.statistics,
            committee,
            next_committee: next.map_or(committee, |it| it.hash()),
        };
        Some((checkpoint, next.map(|it| it.encode())))
    }

    /// Says `prepare` to what is proposed in this view, if it may.
    fn prepare(&mut self, view: u64) {
        if !self.is_fresh(Phase::Prepare, view) {
            return;
        }
        let proposed = self.proposals.values().find(|it| it.ballot.view == view);
        let Some(proposal) = proposed.filter(|it| self.may_prepare(it)).cloned() else { return };
        self.sign(self.word(Phase::Prepare, view, proposal));
    }

    /// Says whether a proposal is what we hold, or was prepared by more than two thirds since we
    /// committed to something else (CKPT-5).
    fn may_prepare(&self, proposal: &Proposal) -> bool {
        let hash = proposal.ballot.hash;
        let prepared_in = proposal.quorum.as_ref().map(|it| it.view);
        match &self.lock {
            Some(lock) if lock.quorum.hash == hash => true,
            Some(lock) => prepared_in.is_some_and(|view| lock.quorum.view < view),
            None => prepared_in.is_some() || self.holds(&proposal.checkpoint, proposal.ballot.view),
        }
    }

    /// Says whether our own state was this, as of the moment that belongs to the view.
    fn holds(&self, checkpoint: &Checkpoint, view: u64) -> bool {
        let cut_ms = self.cut_of(view);
        let same = |facts: &Facts| {
            facts.cut_ms == checkpoint.cut_ms
                && facts.root == checkpoint.root
                && facts.count == checkpoint.count
                && facts.rules == checkpoint.rules
                && facts.statistics == checkpoint.statistics
        };
        let wanted = self.seat.as_ref().and_then(|seat| seat.next.as_ref());
        let committee = !checkpoint.hands_over()
            || self.may_hand_over()
                && wanted.is_some_and(|it| it.hash() == checkpoint.next_committee);
        checkpoint.cut_ms == cut_ms
            && self.is_due(cut_ms)
            && committee
            && self.facts.iter().any(same)
    }

    /// Stays with what more than two thirds prepared. Who prepared something in a later view may
    /// not: that would be two words at once (CKPT-5).
    fn commit(&mut self) {
        let Some(quorum) = self.quorum.clone() else { return };
        let said = self.said(Phase::Prepare);
        if quorum.view < said || !self.is_fresh(Phase::Commit, quorum.view) {
            return;
        }
        let Some(proposal) = self.proposals.get(&quorum.hash).cloned() else { return };
        let view = quorum.view;
        let word = self.word(Phase::Commit, view, proposal.clone());
        self.lock = Some(Lock { quorum, proposal });
        self.sign(word);
    }

    /// Attests what is decided: once for each height, whatever comes later (CKPT-6).
    fn attest(&mut self) {
        if self.decided.is_none() {
            self.decided = self.majority(Phase::Commit).map(|(_, hash)| hash);
        }
        let attested = self.mine.contains_key(&Phase::Attest);
        let Some(hash) = self.decided.filter(|_| !attested) else { return };
        let Some(proposal) = self.proposals.get(&hash).cloned() else { return };
        if !self.signing.contains_key(&Phase::Attest) {
            self.sign(self.word(Phase::Attest, 0, proposal));
        }
    }

    /// Makes the certificate, as soon as enough attested.
    fn seal(&mut self) {
        let Some((_, hash)) = self.majority(Phase::Attest) else { return };
        let sealing = |it: &Pending| match it {
            Pending::Seal(_) => true,
            Pending::Hear(Note::Sealed(_), from) => from.is_none(),
            Pending::Evidence(_)
            | Pending::Hear(..)
            | Pending::Prepared(..)
            | Pending::Sign(..) => false,
        };
        if self.work.values().any(sealing) || !self.proposals.contains_key(&hash) {
            return;
        }
        let ballots = self.words(Phase::Attest, 0, &hash);
        self.start(Pending::Seal(hash), Work::Sum(ballots));
    }

    /// What more than two thirds said in one phase, in the latest view in which they did.
    fn majority(&self, phase: Phase) -> Option<(u64, Digest)> {
        let mut weights: BTreeMap<(u64, Digest), u64> = BTreeMap::new();
        for ballot in self.ballots.values().filter(|it| it.phase == phase) {
            let weight = self.head.committee.weight_of([ballot.attester].into_iter());
            *weights.entry((ballot.view, ballot.hash)).or_default() += weight;
        }
        let enough = |weight: &u64| self.head.committee.is_quorum(*weight);
        weights.into_iter().rev().find(|(_, weight)| enough(weight)).map(|(at, _)| at)
    }

    fn words(&self, phase: Phase, view: u64, hash: &Digest) -> Vec<Ballot> {
        let said = |it: &&Ballot| it.phase == phase && it.view == view && it.hash == *hash;
        self.ballots.values().filter(said).copied().collect()
    }

    /// The latest view in which we said something in a phase.
    fn said(&self, phase: Phase) -> u64 {
        let signing = self.signing.get(&phase).map(|it| it.ballot.view);
        let said = self.mine.get(&phase).map(|it| it.view);
        said.max(signing).unwrap_or(0)
    }

    /// Says whether we have said nothing in that view or a later one.
    fn is_fresh(&self, phase: Phase, view: u64) -> bool {
        self.said(phase) < view
    }

    fn word(&self, phase: Phase, view: u64, proposal: Proposal) -> Proposal {
        let attester = self.me.unwrap_or_default();
        Proposal { ballot: Ballot { phase, view, attester, ..proposal.ballot }, ..proposal }
    }

    fn sign(&mut self, proposal: Proposal) {
        let Some(key) = self.seat.as_ref().map(|seat| seat.key.clone()) else { return };
        let Ballot { phase, height, .. } = proposal.ballot;
        let message = proposal.ballot.signed(&self.head.network);
        self.signing.insert(phase, proposal);
        self.start(Pending::Sign(phase, height), Work::Sign(key, message));
    }

    /// Notes what we say, and says it once it is on disk (CKPT-6).
    fn signed(&mut self, phase: Phase, height: u64, signature: Signature) {
        if height != self.head.height + 1 {
            return;
        }
        let Some(mut proposal) = self.signing.remove(&phase) else { return };
        proposal.ballot.signature = signature;
        let ballot = proposal.ballot;
        self.mine.insert(phase, ballot);
        let kept = self.seat_row();
        self.acts.push(Act::Keep(Row::Seat, Some(kept)));
        if phase == Phase::Propose {
            self.proposals.insert(ballot.hash, proposal.clone());
            self.acts.push(Act::Spread(Box::new(Note::Proposal(Box::new(proposal))), None));
        } else {
            self.admit(ballot, None);
        }
    }

    fn may_hand_over(&self) -> bool {
        let handed = self.sealed.values().filter(|it| it.checkpoint.hands_over()).count();
        handed < HANDOVERS_MAX
    }
}

/// Changes of the committee in one chain: all are kept, because newcomers need each of them.
const HANDOVERS_MAX: usize = 1_024;
