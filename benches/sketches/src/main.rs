//! What it costs to find what two sets of records differ by: sketches, and `negentropy` beside them.
//!
//! Both compare the same sets in the same run. Half of what differs is on each side, at random.

use std::io::Write as _;
use std::time::{Duration, Instant};

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sketch::{Decoder, Difference, Estimate, Key, Progress, Symbol, encode};

/// The number of a record.
type Record = [u8; 32];

/// What one comparison took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    bytes: usize,
    /// Questions with their answers, the wish for what is missing included.
    rounds: usize,
    /// Of both sides together.
    time: Duration,
}

fn main() -> std::io::Result<()> {
    let size = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
    let seeds: u64 = std::env::args().nth(2).and_then(|it| it.parse().ok()).unwrap_or(5);
    let mut out = std::io::stdout();
    writeln!(out, "{size} records, {seeds} seeds from 1; bytes without the frames around them")?;
    writeln!(
        out,
        "| differ | sketch bytes, avg | max | rounds, avg | both sides, ms | negentropy bytes, avg | max | rounds, avg | both sides, ms |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    for differing in [0, 1, 10, 100, 1_000, 10_000] {
        let (mut sketches, mut others) = (Vec::new(), Vec::new());
        for seed in 1..=seeds {
            let [mine, theirs] = sets(seed, size, differing);
            sketches.push(by_sketch(seed, &mine, &theirs, differing));
            others.push(by_negentropy(&mine, &theirs, differing));
        }
        writeln!(out, "| {differing} | {} | {} |", row(&sketches), row(&others))?;
    }
    Ok(())
}

fn row(costs: &[Cost]) -> String {
    let count = costs.len().max(1);
    let bytes = costs.iter().map(|it| it.bytes).sum::<usize>() / count;
    let most = costs.iter().map(|it| it.bytes).max().unwrap_or(0);
    let tenths = costs.iter().map(|it| it.rounds).sum::<usize>() * 10 / count;
    let ms = costs.iter().map(|it| it.time.as_millis()).sum::<u128>() / count as u128;
    format!("{bytes} | {most} | {}.{} | {ms}", tenths / 10, tenths % 10)
}

/// Makes two sets, each with half of what differs.
fn sets(seed: u64, size: usize, differing: usize) -> [Vec<Record>; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut record = || {
        let mut record = Record::default();
        random.fill_bytes(&mut record);
        record
    };
    let own = [differing / 2, differing - differing / 2];
    let shared: Vec<Record> = (own[1]..size).map(|_| record()).collect();
    own.map(|own| {
        let mut set = shared.clone();
        set.extend((0..own).map(|_| record()));
        set
    })
}

fn by_sketch(seed: u64, mine: &[Record], theirs: &[Record], differing: usize) -> Cost {
    let begun = Instant::now();
    let asked = Key { asker: seed, answerer: 0 };
    let key = Key { answerer: !seed, ..asked };
    // The question: a nonce and the asker's counters.
    let estimate = |set: &[Record]| Estimate::of(set.iter().map(|it| asked.id(it)));
    let (ours, others) = (estimate(mine), estimate(theirs));
    let differs = ours.differing(&others);
    let mut bytes = 8 + ours.bytes().len() + 8;
    let mut decoder = Decoder::new(differs);
    let (mut until, mut rounds) = (Decoder::first(differs), 0);
    loop {
        let range = decoder.len()..until;
        let symbols = |set: &[Record]| encode(set.iter().map(|it| key.id(it)), range.clone());
        let sent = Symbol::write(&symbols(theirs));
        bytes += sent.len();
        rounds += 1;
        match decoder.add(&symbols(mine), &Symbol::read(&sent)) {
            Progress::More(wanted) => {
                until = wanted;
                // The next question names a number.
                bytes += 2;
            }
            Progress::Done(Difference { mine, theirs }) => {
                assert_eq!(mine.len() + theirs.len(), differing, "all of it");
                bytes += theirs.len() * 8;
                // The last question names what is missing.
                rounds += usize::from(!theirs.is_empty());
                return Cost { bytes, rounds, time: begun.elapsed() };
            }
            Progress::GivenUp => {
                // What a walk would then cost is not measured here: it must not happen.
                assert_eq!(decoder.len(), 0, "given up with {differing}");
            }
        }
    }
}

fn by_negentropy(mine: &[Record], theirs: &[Record], differing: usize) -> Cost {
    let storage = |set: &[Record]| {
        let mut storage = NegentropyStorageVector::with_capacity(set.len());
        for record in set {
            // Differences are as likely anywhere: no time tells them from others.
            let time = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
            storage.insert(time.into(), Id::from_byte_array(*record)).expect("not sealed");
        }
        storage.seal().expect("sealed once");
        storage
    };
    let (mine, theirs) = (storage(mine), storage(theirs));
    let begun = Instant::now();
    let mut asker = Negentropy::owned(mine, 0).expect("no limit is one");
    let mut answerer = Negentropy::owned(theirs, 0).expect("no limit is one");
    let mut question = asker.initiate().expect("begun once");
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let mut cost = Cost::default();
    loop {
        let answer = answerer.reconcile(&question).expect("an honest question");
        cost.bytes += question.len() + answer.len();
        cost.rounds += 1;
        let next = asker.reconcile_with_ids(&answer, &mut have, &mut need);
        match next.expect("an honest answer") {
            Some(next) => question = next,
            None => break,
        }
    }
    assert_eq!(have.len() + need.len(), differing, "all of it");
    // What is missing is asked for by its number.
    cost.bytes += need.len() * 32;
    cost.rounds += usize::from(!need.is_empty());
    cost.time = begun.elapsed();
    cost
}
