//! The council of one node: what it signs, and what it does with notes of strangers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use checkpoint::{Attester, Ballot, Committee, Note, Pace, Phase, Row, Seat, SecretKey, Signature};
use proptest::prelude::*;
use wire::{Frame, Reason, Signed};

use super::lab::*;
use crate::sets::{Place, Sets};
use crate::{Checkpoints, Config, Effect, Snapshot};

const PACE: Pace = Pace { view_ms: 10_000, settle_ms: 5_000, every_ms: 10_000 };

/// A network with one attester, who is us.
pub(super) fn attesting() -> Config {
    let key = SecretKey::from_seed(&[5; 32]);
    let attester = Attester { key: key.public(), proof: key.prove(), weight: 1 };
    let committee = Arc::new(Committee::new(vec![attester]).unwrap());
    let seat = Some(Seat { key, next: None });
    let checkpoints = Some(Checkpoints { pace: PACE, committee, seat, deletion_ms: 0 });
    Config { checkpoints, ..config() }
}

/// The root of the newest versions among records, inserted in their own order.
fn root_of(records: &BTreeMap<u64, Signed>) -> wire::SetSummary {
    let mut sets = Sets::new(&config(), &Snapshot::default());
    for signed in records.values() {
        let opened = signed.clone().open().unwrap();
        let place = Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap();
        sets.insert(&place, &opened);
    }
    sets.summary().state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// CKPT-1: versions overtake each other around the moment, and the checkpoint does not notice.
    #[test]
    fn what_is_signed_is_a_function_of_the_records_whatever_came_first(
        writes in prop::collection::btree_map(4_000..6_000_u64, (0..4_u8, 0..3_000_u64), 0..24),
    ) {
        let mut lab = Lab::with(attesting());
        let link = lab.link(&puppet(1));
        let (mut all, mut by_cut, mut arrivals) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (at_ms, (name, delay_ms)) in writes {
            let signed = entry(&puppet(7), START_MS + at_ms, &name.to_string(), &at_ms.to_string());
            if at_ms <= 5_000 {
                by_cut.insert(at_ms, signed.clone());
            }
            all.insert(at_ms, signed.clone());
            // Before the moment nothing is overtaken: what is not pinned yet is as it stands.
            let delay_ms = if at_ms <= 4_500 { delay_ms % 400 } else { delay_ms };
            arrivals.push((at_ms + delay_ms, signed));
        }
        arrivals.sort_by_key(|(at_ms, _)| *at_ms);
        for (at_ms, signed) in arrivals {
            lab.pass((START_MS + at_ms).saturating_sub(lab.now.unix_ms));
            lab.push(link, &signed, 3);
        }
        lab.pass((START_MS + 10_500).saturating_sub(lab.now.unix_ms));
        prop_assert_eq!(lab.root(), root_of(&all));
        let expected = root_of(&by_cut);
        let head = lab.engine.council().unwrap().head();
        prop_assert_eq!((head.height, head.root), (u64::from(!by_cut.is_empty()), expected.root));
    }
}

/// CKPT-6: the row is written before the word is said.
#[test]
fn every_word_is_on_disk_before_it_is_said() {
    let mut lab = Lab::with(attesting());
    let link = lab.link(&puppet(1));
    lab.push(link, &entry(&puppet(7), START_MS, "n", "1"), 3);
    lab.pass(20_500);
    let mut kept: Vec<(Row, Vec<u8>)> = Vec::new();
    let mut said = 0;
    for effect in &lab.effects {
        match effect {
            Effect::Persist(batch) => {
                let rows = batch.council.iter();
                kept.extend(rows.filter_map(|(row, value)| Some((*row, value.clone()?))));
            }
            Effect::Send(_, _, bytes) => {
                let Frame::Council(council) = Frame::decode(bytes).unwrap() else { continue };
                for note in &council.notes {
                    let word = match Note::decode(note).unwrap() {
                        Note::Ballot(ballot) => ballot,
                        Note::Proposal(proposal) => proposal.ballot,
                        Note::Sealed(_) => continue,
                    };
                    let on_disk = |bytes: &[u8]| bytes.windows(96).any(|it| it == word.signature.0);
                    assert!(kept.iter().any(|(row, it)| *row == Row::Seat && on_disk(it)));
                    said += 1;
                }
            }
            _ => {}
        }
    }
    assert!(4 <= said, "all four words were said: {said}");
    assert_eq!(lab.engine.council().unwrap().head().height, 1);
}

#[test]
fn whoever_passes_on_a_forged_word_or_rubbish_is_cut_off() {
    let mut lab = Lab::with(attesting());
    let hash = wire::Digest([1; 32]);
    let (phase, signature) = (Phase::Attest, Signature([0; 96]));
    let forged = Ballot { phase, height: 1, view: 0, hash, attester: 0, signature };
    let notes = [Bytes::from(Note::Ballot(forged).encode()), Bytes::from_static(b"rubbish")];
    for (number, note) in (1..).zip(notes) {
        let link = lab.link(&puppet(number));
        let frame = Frame::Council(wire::Council { known: None, notes: vec![note] });
        let effects = lab.say(link, &frame);
        assert_eq!(closed(&effects), vec![(link, Reason::Misbehaved)]);
    }
    // Where nobody attests it means nothing.
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let notes = vec![Bytes::from_static(b"rubbish")];
    let effects = lab.say(link, &Frame::Council(wire::Council { known: None, notes }));
    assert_eq!(closed(&effects), vec![]);
}
