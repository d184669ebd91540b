//! Authors that signed two records with one number: everybody who sees both proves it to all.
//!
//! The proof is a record like any other, the same whoever makes it, in a place of its own in the state.
//! Nobody pushes it: those who saw both have it already, and the others compare (CONTRA-1).

use wire::{Carried, Content, Contradiction, Digest, Opened, RecordId, Set, Signed, TreeId};

use super::Engine;
use super::bodies::is_large;
use crate::intake::Pending;
use crate::sets::{Place, Standing, contradictions};
use crate::{Effect, Now, TicketId};

impl Engine {
    /// Notes the number of a genuine record. If another one has it, that is read: it may be about to make
    /// room for this one, so the question leaves before what is written with this record.
    pub(super) fn note_number(&mut self, opened: &Opened) {
        let Some(rival) = self.numbers.note(opened) else { return };
        let ticket = self.ticket();
        if self.numbers.read(ticket, opened.clone()) {
            self.outbox.now(Effect::Load(ticket, vec![rival], 1));
        }
    }

    /// Compares a record with the one that has its number.
    pub(super) fn rival_read(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let Some(opened) = self.numbers.take(ticket) else { return };
        let rival = records.into_iter().next().and_then(|signed| signed.open().ok());
        let Some(rival) = rival else { return };
        let Some(proof) = Contradiction::of(&opened, &rival).and_then(Contradiction::seal) else {
            return;
        };
        let Some(place) = Place::of(&proof.id, &proof.signed.author, &proof.record) else { return };
        if self.sets.standing(&place, &proof) != Standing::New {
            return;
        }
        let (ttl, hops, tree) = (0, 0, TreeId::default());
        let carried = Carried { signed: proof.signed.clone(), ttl, hops, tree };
        self.enter(&place, proof, &carried, None, now);
    }

    /// Says whether a record proves what it says, if it is a proof (CONTRA-2).
    pub(super) fn is_proven(&self, opened: &Opened) -> bool {
        match &opened.record.content {
            Content::Contradiction(it) => it.is_genuine(&self.config.network),
            Content::Entry(_) | Content::Message(_) | Content::Profile(_) => true,
        }
    }

    /// A proof that proves nothing: honest nodes check before they pass on, but a head went on before its
    /// body was here (PIECE-2), and then its sender could not know.
    pub(super) fn disprove(&mut self, pending: Pending, now: Now) {
        if is_large(&pending.opened.signed) {
            self.counters.refused += 1;
        } else {
            self.reject(pending, now);
        }
    }

    /// Returns the proofs that are here, of at most so many authors, behind a place.
    pub fn contradictions(&self, after: Option<&Digest>, max: usize) -> Vec<(Digest, RecordId)> {
        let leaves = self.sets.map(Set::State).leaves(&contradictions(), after, max);
        leaves.iter().map(|leaf| (leaf.key, leaf.value)).collect()
    }
}
