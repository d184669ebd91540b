//! What both keep proves the agreement to anybody, and nothing else does.

use wire::{Digest, TransferRecord};

use super::pair::{NETWORK, Pair, Way};
use crate::transfers::{BadTranscript, check};

fn agreed() -> TransferRecord {
    let mut pair = Pair::new(1, Way::default());
    let id = pair.propose();
    pair.pass(100);
    pair.yes(0, &id);
    pair.yes(1, &id);
    pair.pass(5_000);
    pair.nodes[0].done(&id, pair.now).unwrap();
    pair.view(0, &id).unwrap().record
}

#[test]
fn a_record_of_an_agreement_is_a_proof_and_nothing_of_it_can_be_changed() {
    // TRANSFER-6
    let record = agreed();
    let record = TransferRecord::decode(&record.encode()).unwrap();
    let terms = check(&NETWORK, &record).unwrap();
    assert_eq!((terms.kind.as_str(), terms.amount, terms.unit.as_str()), ("water", 500_000, "L"));
    assert_eq!(check(&Digest([8; 32]), &record), Err(BadTranscript::Terms));
    let bytes = record.encode();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        let checked = TransferRecord::decode(&bent).map(|it| (check(&NETWORK, &it), it));
        // A field that nobody signs, such as the node's own note of how far it is.
        let harmless = |it: &TransferRecord| TransferRecord { status: 0, ..it.clone() };
        if let Ok((Ok(_), it)) = checked {
            let same = harmless(&it) == harmless(&record);
            let shorter = it.done != record.done && it.done.iter().flatten().count() == 0;
            assert!(same || shorter, "byte {at}");
        }
    }
}

#[test]
fn one_signature_is_none() {
    // TRANSFER-4
    let record = agreed();
    let without = |change: &dyn Fn(&mut TransferRecord)| {
        let mut record = record.clone();
        change(&mut record);
        check(&NETWORK, &record).unwrap_err()
    };
    assert_eq!(without(&|it| it.accepts[0] = None), BadTranscript::Accepts);
    assert_eq!(without(&|it| it.accepts[1] = None), BadTranscript::Accepts);
    assert_eq!(without(&|it| it.accepts.swap(0, 1)), BadTranscript::Accepts);
    assert_eq!(without(&|it| it.opened = None), BadTranscript::Terms);
    assert_eq!(without(&|it| it.offered = None), BadTranscript::Terms);
    assert_eq!(without(&|it| it.reveals.swap(0, 1)), BadTranscript::Seals);
    assert_eq!(without(&|it| it.tick += 1), BadTranscript::Seals);
    assert_eq!(without(&|it| it.done[1] = it.done[0]), BadTranscript::Done);
}
