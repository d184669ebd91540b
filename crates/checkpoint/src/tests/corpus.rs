//! Every file of the fuzz corpus, through the body of the fuzz target; and each cut and flipped.

use std::path::Path;
use std::{env, fs};

use super::{NETWORK, attest, checkpoint_after, committee, seal};
use crate::{
    Ballot, Certificate, Chain, Evidence, Head, Note, Phase, Proposal, Quorum, Signature, fuzz,
};

/// One of each kind.
fn seeds() -> Vec<Vec<u8>> {
    let (committee, keys) = committee(3);
    let head = Head::genesis(NETWORK, committee);
    let (one, other) = (checkpoint_after(&head, 1), checkpoint_after(&head, 2));
    let sealed = seal(one.clone(), &keys, &[0, 1, 2]);
    let ballot = attest(&one, 0, &keys[0]);
    let mut handing = one.clone();
    handing.next_committee = super::committee(2).0.hash();
    let proposal = |checkpoint: &crate::Checkpoint, quorum, next| {
        let (hash, height) = (checkpoint.hash(), checkpoint.height);
        let ballot = Ballot { phase: Phase::Propose, view: 9, hash, height, ..ballot };
        Note::Proposal(Box::new(Proposal { ballot, checkpoint: checkpoint.clone(), quorum, next }))
    };
    let certificate = Certificate { signature: Signature([1; 96]), ..sealed.certificate.clone() };
    let quorum = Quorum { view: 3, hash: one.hash(), certificate };
    let side = (one.clone(), sealed.certificate.clone());
    let far = (other.clone(), sealed.certificate.clone());
    vec![
        Note::Ballot(ballot).encode(),
        proposal(&one, Some(quorum), None).encode(),
        proposal(&handing, None, Some(super::committee(2).0.encode())).encode(),
        Note::Sealed(Box::new(sealed.clone())).encode(),
        Chain(vec![sealed]).encode(),
        Evidence::Ballots(Box::new((ballot, attest(&other, 0, &keys[0])))).encode(),
        Evidence::Fork(Box::new([side, far])).encode(),
        super::committee(2).0.encode(),
    ]
}

#[test]
fn checkpoints_of_the_corpus_are_read_or_refused() {
    let (target, body): (_, fn(&[u8])) = ("checkpoint", fuzz::checkpoint);
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(target);
    let seeds = seeds();
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&dir).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(dir.join(format!("seed-{number:02}")), seed).unwrap();
        }
    }
    let files = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().path());
    let replayed = files.map(|file| body(&fs::read(file).unwrap())).count();
    assert!(seeds.len() <= replayed, "run: UPDATE=1 cargo test -p checkpoint corpus");
}

#[test]
fn what_is_written_is_read_and_what_is_hurt_panics_nowhere() {
    for seed in seeds() {
        let read = Note::decode(&seed).is_ok()
            || Chain::decode(&seed).is_ok()
            || Evidence::decode(&seed).is_ok()
            || crate::Committee::decode(&seed).is_ok();
        assert!(read, "{seed:x?}");
        for at in 0..seed.len() {
            // A whole committee takes milliseconds: its lengths are enough.
            if seed.len() != 2 + 2 * 152 {
                fuzz::checkpoint(&seed[..at]);
                let mut flipped = seed.clone();
                flipped[at] ^= 0x81;
                fuzz::checkpoint(&flipped);
            }
        }
        let longer = [seed.as_slice(), &[0]].concat();
        assert!(Note::decode(&longer).is_err() && Evidence::decode(&longer).is_err());
    }
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let long = vec![3; 64 * 1024];
    assert!(Note::decode(&long).is_err() && Evidence::decode(&long).is_err());
    assert!(crate::Committee::decode(&vec![1; 64 * 1024]).is_err());
    assert!(Certificate::decode(&[0; 131]).is_err());
}
