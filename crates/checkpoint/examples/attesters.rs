//! What a certificate costs: cargo run --release -p checkpoint --example attesters

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures")]

use std::sync::Arc;
use std::time::Instant;

use checkpoint::{
    Attester, Ballot, Certificate, Checkpoint, Committee, Head, Phase, SecretKey, Statistics,
};
use wire::Digest;

fn main() {
    println!("attesters  bytes  verify ms (median of {RUNS})  sum ms  committee check ms");
    for count in [4_u16, 16, 64, 100, 128, 256] {
        row(count);
    }
}

fn row(count: u16) {
    let seed = |number: u16| Digest::of("attester", &[&number.to_be_bytes()]).0;
    let mut keys: Vec<SecretKey> = (0..count).map(|it| SecretKey::from_seed(&seed(it))).collect();
    keys.sort_by_key(|key| key.public().to_bytes());
    let attester = |key: &SecretKey| Attester { key: key.public(), proof: key.prove(), weight: 1 };
    let committee = Committee::new(keys.iter().map(attester).collect());
    let committee = Arc::new(committee.expect("good keys"));
    let encoded = committee.encode();
    let start = Instant::now();
    Committee::decode(&encoded).expect("what was encoded decodes");
    let check_ms = start.elapsed().as_secs_f64() * 1_000.0;

    let head = Head::genesis(Digest([7; 32]), Arc::clone(&committee));
    let checkpoint = Checkpoint {
        network: head.network,
        height: 1,
        previous: head.hash,
        cut_ms: 1,
        root: Digest([1; 32]),
        count: 1_000_000,
        rules: Digest::default(),
        statistics: Statistics { collections: 1 },
        committee: committee.hash(),
        next_committee: committee.hash(),
    };
    let (phase, height, view, hash) = (Phase::Attest, 1, 0, checkpoint.hash());
    let message = Ballot::message(&head.network, phase, (height, view), &hash);
    let ballots: Vec<Ballot> = keys
        .iter()
        .zip(0..)
        .map(|(key, attester)| Ballot {
            phase,
            height,
            view,
            hash,
            attester,
            signature: key.sign(&message),
        })
        .collect();
    let start = Instant::now();
    let certificate = Certificate::of(&ballots).expect("good signatures");
    let sum_ms = start.elapsed().as_secs_f64() * 1_000.0;
    let mut took_ms: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            certificate.verify(&checkpoint, &committee).expect("a quorum");
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    took_ms.sort_by(f64::total_cmp);
    let bytes = certificate.encode().len();
    let median_ms = took_ms[RUNS / 2];
    println!("{count:9}  {bytes:5}  {median_ms:25.2}  {sum_ms:6.1}  {check_ms:18.0}");
}

const RUNS: usize = 101;
