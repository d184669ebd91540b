//! What becomes of a frame that the node inside wants to send.

use bytes::Bytes;
use engine::LinkId;
use wire::{ChunkStep, Content, Frame, Have, Peers, Push, Records, ShortId, Signed, limits};

use super::Liar;
use super::reconciler::falsified;
use crate::chance::Chance;
use crate::scenario::LiarKind;

impl Liar {
    /// Returns the frame that is sent instead, if any.
    pub(super) fn twist(&mut self, link: LinkId, bytes: Bytes) -> Option<Bytes> {
        let Ok(frame) = Frame::decode(&bytes) else { return Some(bytes) };
        let twisted = match (self.kind, frame) {
            (LiarKind::Mute | LiarKind::SybilJoin, frame) => silent(frame),
            (LiarKind::Eclipse, Frame::Peers(peers)) => {
                let band = self.band.ours(&self.id);
                Some(Frame::Peers(self.peers(band, peers.answer_wanted)))
            }
            (LiarKind::Eclipse, frame) => silent(frame),
            (LiarKind::ShufflePoison, Frame::Peers(peers)) => {
                let invented = self.band.invented();
                Some(Frame::Peers(self.peers(invented, peers.answer_wanted)))
            }
            (LiarKind::Equivocator, Frame::Push(push)) if link.0 % 2 == 1 => {
                Some(Frame::Push(self.contradicted(push)))
            }
            (LiarKind::LyingHave, Frame::Push(push)) => self.announce_only(link, push),
            (LiarKind::LyingHave, Frame::Piece(_) | Frame::Records(_)) => None,
            (LiarKind::LyingReconciler, frame) => falsified(&mut self.chance, frame),
            (LiarKind::WithholdingParent, Frame::Piece(_)) => None,
            (LiarKind::WithholdingParent, Frame::Push(push)) => self.withhold(push),
            (LiarKind::BadSignature, frame) => Some(forged(frame)),
            (
                LiarKind::Equivocator
                | LiarKind::Flood
                | LiarKind::GraftPruneWantSpam
                | LiarKind::Impostor
                | LiarKind::LyingHave
                | LiarKind::Replay
                | LiarKind::ShufflePoison
                | LiarKind::WithholdingParent,
                _,
            ) => return Some(bytes),
        };
        twisted.map(|frame| Bytes::from(frame.encode()))
    }

    /// As many of these profiles as are told at once, others each time.
    fn peers(&mut self, mut profiles: Vec<Signed>, answer_wanted: bool) -> Peers {
        let mut chosen = Vec::new();
        while chosen.len() < TOLD && !profiles.is_empty() {
            let at = below(&mut self.chance, profiles.len());
            chosen.push(profiles.swap_remove(at));
        }
        Peers { profiles: chosen, answer_wanted }
    }

    /// Announces what should have been sent.
    fn announce_only(&self, link: LinkId, mut push: Push) -> Option<Frame> {
        let key = self.links.get(&link).copied().flatten();
        for it in std::mem::take(&mut push.records) {
            if let (Some(key), Ok(opened)) = (key, it.signed.open()) {
                push.have.push(Have { id: ShortId::of(key, &opened.id), age_ms: 0 });
            }
        }
        push.heads.clear();
        push.have.truncate(limits::SHORT_IDS_MAX);
        (push != Push::default()).then_some(Frame::Push(push))
    }

    /// Says something else under the same numbers.
    fn contradicted(&self, mut push: Push) -> Push {
        for carried in push.records.iter_mut().filter(|it| it.signed.author == self.id) {
            let Ok(opened) = carried.signed.clone().open() else { continue };
            let mut record = opened.record;
            let Content::Entry(entry) = &mut record.content else { continue };
            entry.value = Some(Bytes::from_static(b"\"another\""));
            carried.signed = Signed::seal(&record, &self.identity);
        }
        push
    }

    /// Pushes the first records of each author and no later one.
    fn withhold(&mut self, mut push: Push) -> Option<Frame> {
        let pushed = &mut self.pushed;
        push.records.retain(|it| {
            let Ok(opened) = it.signed.clone().open() else { return false };
            let known = pushed.entry(it.signed.author).or_default();
            if known.len() < GOOD_RECORDS {
                known.insert(opened.id);
            }
            known.contains(&opened.id)
        });
        (push != Push::default()).then_some(Frame::Push(push))
    }
}

/// Lets through what keeps a link alive, and nothing that helps anybody.
fn silent(frame: Frame) -> Option<Frame> {
    match frame {
        Frame::Goodbye(_)
        | Frame::Hello(_)
        | Frame::Peers(_)
        | Frame::PeersWanted(_)
        | Frame::Ping(_)
        | Frame::Pong(_)
        | Frame::Pull(_) => Some(frame),
        Frame::Agreed(_)
        | Frame::Chunk(_)
        | Frame::Council(_)
        | Frame::Compare(_)
        | Frame::Direct(_)
        | Frame::Fetch(_)
        | Frame::Piece(_)
        | Frame::Push(_)
        | Frame::Records(_)
        | Frame::Seed(_)
        | Frame::Sketch(_)
        | Frame::Summary(_) => None,
    }
}

/// Spoils the signatures of other people's records.
fn forged(frame: Frame) -> Frame {
    let spoil = |signed: &mut Signed| signed.signature[17] ^= 4;
    match frame {
        Frame::Push(mut push) => {
            push.records.iter_mut().for_each(|it| spoil(&mut it.signed));
            Frame::Push(push)
        }
        Frame::Records(Records { set, mut records, range, next }) => {
            records.iter_mut().for_each(spoil);
            Frame::Records(Records { set, records, range, next })
        }
        Frame::Chunk(mut chunk) => {
            if let ChunkStep::Records { records, .. } = &mut chunk.step {
                records.iter_mut().for_each(spoil);
            }
            Frame::Chunk(chunk)
        }
        other => other,
    }
}

fn below(chance: &mut Chance, bound: usize) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap_or(0)
}

/// Profiles in one frame of a liar.
const TOLD: usize = 16;
/// Records of an author that a withholding parent pushes before it stops.
const GOOD_RECORDS: usize = 5;
