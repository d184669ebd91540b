//! What this room promises.

mod corpus;
mod council;
mod values;
mod vectors;
mod village;

use std::sync::Arc;

use wire::{Digest, NetworkId};

use crate::{
    Attester, Ballot, Certificate, Checkpoint, Committee, Head, Phase, Sealed, SecretKey,
    Statistics,
};

const NETWORK: NetworkId = Digest([7; 32]);

fn key(number: usize) -> SecretKey {
    SecretKey::from_seed(&Digest::of("attester", &[&(number as u64).to_be_bytes()]).0)
}

fn attester(key: &SecretKey, weight: u64) -> Attester {
    Attester { key: key.public(), proof: key.prove(), weight }
}

/// A committee of equals, with their keys in its order.
fn committee(count: usize) -> (Arc<Committee>, Vec<SecretKey>) {
    let mut keys: Vec<SecretKey> = (0..count).map(key).collect();
    keys.sort_by_key(|key| key.public().to_bytes());
    let committee = Committee::new(keys.iter().map(|key| attester(key, 1)).collect()).unwrap();
    (Arc::new(committee), keys)
}

fn checkpoint_after(head: &Head, byte: u8) -> Checkpoint {
    Checkpoint {
        network: head.network,
        height: head.height + 1,
        previous: head.hash,
        cut_ms: head.cut_ms + 60_000,
        root: Digest([byte; 32]),
        count: u64::from(byte),
        rules: Digest::default(),
        statistics: Statistics { collections: 3 },
        committee: head.committee.hash(),
        next_committee: head.committee.hash(),
    }
}

fn attest(checkpoint: &Checkpoint, number: usize, key: &SecretKey) -> Ballot {
    let (phase, height, view, hash) = (Phase::Attest, checkpoint.height, 0, checkpoint.hash());
    let message = Ballot::message(&checkpoint.network, phase, (height, view), &hash);
    let attester = u16::try_from(number).unwrap();
    Ballot { phase, height, view, hash, attester, signature: key.sign(&message) }
}

/// Seals a checkpoint with the signatures of some.
fn seal(checkpoint: Checkpoint, keys: &[SecretKey], who: &[usize]) -> Sealed {
    let ballots: Vec<Ballot> = who.iter().map(|it| attest(&checkpoint, *it, &keys[*it])).collect();
    Sealed { checkpoint, certificate: Certificate::of(&ballots).unwrap(), next: None }
}
