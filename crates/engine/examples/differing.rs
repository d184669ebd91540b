//! What it costs two nodes to find what they differ by: bytes of whole frames between two engines, until
//! both know that they agree, without the records themselves; by sketches, and by walks beside it.
//!
//! `cargo run --release -p engine --example differing [ENTRIES] [SEEDS] [DIFFER]`
//!
//! With a third number it only walks, over so many differences, and says how long that takes.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::collections::{BTreeMap, VecDeque};
use std::env;

use bytes::Bytes;
use engine::{Config, Connected, Direction, Effect, Engine, Input, Kept, LinkId, Now, Snapshot};
use wire::{
    Content, Digest, Entry, Frame, Hlc, Identity, NetworkId, Record, RecordId, Set, Signed,
};

/// Two engines and the wire between them.
struct Pair {
    sides: [Side; 2],
    now: Now,
    /// Of all frames that compare.
    bytes: usize,
    /// Summaries and answers to them.
    told: usize,
    /// How many frames in a row, each an answer to the one before, led to the first one that
    /// compares, and to the last records.
    first: Option<usize>,
    last: usize,
    hops: usize,
}

struct Side {
    engine: Engine,
    kept: BTreeMap<RecordId, Signed>,
}

/// What one comparison took.
#[derive(Clone, Copy)]
struct Cost {
    bytes: usize,
    /// Halves of round trips until the last record was there.
    halves: usize,
    /// Until both knew that they agree.
    took_ms: u64,
}

fn main() {
    let number = |at: usize, otherwise: u64| {
        env::args().nth(at).map_or(otherwise, |it| it.parse::<u64>().unwrap())
    };
    let (entries, seeds) = (number(1, 1_000_000), number(2, 5));
    if 0 < number(3, 0) {
        return (1..=seeds).for_each(|seed| walk(seed, entries, number(3, 0)));
    }
    println!("{entries} entries, {seeds} seeds from 1; half of what differs on each side");
    println!(
        "| differ | sketch: bytes, mean | most | round trips, mean | walk: bytes, mean | most | round trips, mean |"
    );
    println!("|---|---|---|---|---|---|---|");
    for differing in [0, 1, 10, 100, 1_000, 10_000] {
        let sketched = |seed| compare(seed, entries, differing, 20_000.min(entries / 2));
        let walked = |seed| compare(seed, entries, differing, u64::MAX);
        let sketches: Vec<Cost> = (1..=seeds).map(sketched).collect();
        let walks: Vec<Cost> =
            (1..=seeds).filter(|_| differing <= WALKED_MAX).map(walked).collect();
        println!("| {differing} | {} | {} |", row(&sketches), row(&walks));
    }
}

/// Says how long a walk takes, in virtual time on a wire that costs none.
fn walk(seed: u64, entries: u64, differing: u64) {
    let Cost { bytes, took_ms, .. } = compare(seed, entries, differing, u64::MAX);
    let rate = differing.saturating_mul(1_000) / took_ms.max(1);
    println!(
        "seed {seed}: {differing} of {entries} entries walked in {took_ms} ms, {rate}/s, {bytes} bytes"
    );
}

fn row(costs: &[Cost]) -> String {
    if costs.is_empty() {
        return "- | - | -".to_owned();
    }
    let mean = costs.iter().map(|it| it.bytes).sum::<usize>() / costs.len();
    let most = costs.iter().map(|it| it.bytes).max().unwrap();
    let tenths = costs.iter().map(|it| it.halves).sum::<usize>() * 5 / costs.len();
    format!("{mean} | {most} | {}.{}", tenths / 10, tenths % 10)
}

/// Lets two nodes meet that differ by so many entries.
fn compare(seed: u64, entries: u64, differing: u64, sketch_min: u64) -> Cost {
    let own = [differing / 2, differing - differing / 2];
    let shared: Vec<Kept> = (own[1]..entries).map(|it| shared_item(seed, it)).collect();
    let config = Config { sketch_min, ..Config::server(NETWORK) };
    let now = Now { mono_ms: 1_000, unix_ms: START_MS };
    let sides = [0, 1].map(|side| {
        let (mut items, mut kept) = (shared.clone(), BTreeMap::new());
        for number in 0..own[side] {
            let (item, signed) = own_item(seed, side, number);
            kept.insert(item.id, signed);
            items.push(item);
        }
        let snapshot = Snapshot { items, ..Snapshot::default() };
        let identity = identity(seed, side);
        let engine_seed = Digest::of("seed", &[identity.id().as_bytes()]).0;
        Side { engine: Engine::new(config.clone(), identity, snapshot, engine_seed, now), kept }
    });
    drop(shared);
    let mut pair = Pair { sides, now, bytes: 0, told: 0, first: None, last: 0, hops: 0 };
    pair.connect(seed);
    let begun_ms = pair.now.mono_ms;
    pair.until_agreed();
    let took_ms = pair.now.mono_ms - begun_ms;
    let begun: u64 = pair.sides.iter().map(|it| it.engine.status().counters.sketched).sum();
    assert_eq!(begun > 0, differing > 0 && sketch_min < entries, "by the way that was meant");
    let count = pair.sides[0].engine.status().state.count;
    assert_eq!(count, entries - own[1] + differing, "all of it");
    if differing == 0 {
        pair.until_asked();
        return Cost { bytes: pair.bytes, halves: pair.told, took_ms };
    }
    let halves = pair.first.map_or(0, |first| (pair.last + 1).saturating_sub(first));
    Cost { bytes: pair.bytes, halves, took_ms }
}

impl Pair {
    fn connect(&mut self, seed: u64) {
        let ip = "77.0.0.1".parse().unwrap();
        let mut caused = VecDeque::new();
        for side in [0, 1] {
            let direction = if side == 0 { Direction::Outbound } else { Direction::Inbound };
            let (link, peer) = (LinkId(1), identity(seed, 1 - side).id());
            let (remote_ip, local_ip, dialled) = (ip, ip, None);
            let connected = Connected {
                link,
                peer,
                direction,
                dialled,
                remote_ip,
                local_ip,
                medium: wire::Medium::Http,
            };
            let effects = self.sides[side].engine.handle(Input::Connected(connected), self.now);
            caused.extend(effects.into_iter().map(|it| (side, it, 0)));
        }
        self.perform(caused);
    }

    fn until_agreed(&mut self) {
        let end_ms = self.now.mono_ms + 3_600_000;
        while !self.sides.iter().all(|it| it.engine.status().agreeing == 1) {
            assert!(self.now.mono_ms < end_ms, "still different after an hour");
            self.pass();
        }
    }

    /// Equal sets are known to be so from the hellos: lets time pass until one is asked all the same.
    fn until_asked(&mut self) {
        let end_ms = self.now.mono_ms + 120_000;
        while self.told < 2 {
            assert!(self.now.mono_ms < end_ms, "nobody asks");
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.now.mono_ms += 10;
        self.now.unix_ms += 10;
        for side in [0, 1] {
            let at = self.sides[side].engine.deadline();
            if at.is_some_and(|at| at <= self.now.time()) {
                let effects = self.sides[side].engine.handle(Input::Tick, self.now);
                // What only waited its turn is no answer to anything.
                let hops = self.hops.saturating_sub(1);
                self.perform(effects.into_iter().map(|it| (side, it, hops)).collect());
            }
        }
    }

    fn perform(&mut self, mut queue: VecDeque<(usize, Effect, usize)>) {
        while let Some((side, effect, hops)) = queue.pop_front() {
            let (to, input, hops) = match effect {
                Effect::Send(_, _, bytes) => {
                    self.note(&bytes, hops + 1);
                    (1 - side, Input::Frame(LinkId(1), bytes), hops + 1)
                }
                Effect::Verify(_, batch) => {
                    let verdicts = batch.iter().map(|(id, it)| (*id, it.verify(&NETWORK)));
                    (side, Input::Verified(verdicts.collect()), hops)
                }
                Effect::Persist(batch) => {
                    let kept = batch.keep.into_iter().map(|it| (it.id, it.signed));
                    self.sides[side].kept.extend(kept);
                    continue;
                }
                Effect::Load(ticket, ids, bytes_max) => {
                    let records = load(&self.sides[side].kept, &ids, bytes_max);
                    (side, Input::Loaded(ticket, records), hops)
                }
                Effect::Glance(ticket, glance) => {
                    (side, Input::Glanced(ticket, glance.run()), hops)
                }
                Effect::Disconnect(_, _, why) => panic!("closed: {why}"),
                _ => continue,
            };
            let effects = self.sides[to].engine.handle(input, self.now);
            queue.extend(effects.into_iter().map(|it| (to, it, hops)));
        }
    }

    fn note(&mut self, bytes: &Bytes, hops: usize) {
        match Frame::decode(bytes).unwrap() {
            Frame::Summary(_) | Frame::Agreed(_) => {
                self.bytes += bytes.len();
                self.told += 1;
            }
            // Asks for patience; nothing waits for it.
            Frame::Sketch(sketch) if sketch.exchange == 0 => self.bytes += bytes.len(),
            Frame::Compare(_) | Frame::Fetch(_) | Frame::Sketch(_) => {
                self.bytes += bytes.len();
                self.first.get_or_insert(hops);
                self.hops = self.hops.max(hops);
            }
            Frame::Records(_) => {
                self.last = self.last.max(hops);
                self.hops = self.hops.max(hops);
            }
            _ => {}
        }
    }
}

fn load(kept: &BTreeMap<RecordId, Signed>, ids: &[RecordId], bytes_max: usize) -> Vec<Signed> {
    let mut bytes = 0;
    let records = ids.iter().filter_map(|id| kept.get(id).cloned());
    let fits = records.take_while(|signed| {
        let wanted = bytes < bytes_max;
        bytes += signed.size();
        wanted
    });
    fits.collect()
}

/// An entry that both have, whose bytes nobody needs.
fn shared_item(seed: u64, number: u64) -> Kept {
    let parts = [&seed.to_be_bytes()[..], &number.to_be_bytes()[..]];
    let (mut key, id) = (Digest::of("key", &parts), Digest::of("id", &parts));
    // All in one collection, as those that differ.
    key.0[..8].copy_from_slice(&Digest::of("trellis-collection-v1", &[b"c"]).0[..8]);
    key.0[8..12].fill(0);
    Kept { set: Set::State, key, id, created: Hlc::from_ms(START_MS - 60_000), expires_ms: 0 }
}

/// An entry that one side has.
fn own_item(seed: u64, side: usize, number: u64) -> (Kept, Signed) {
    let author = identity(seed, side);
    let (collection, name) = ("c".to_owned(), format!("{side}/{number}"));
    let key = engine::place_of_entry(&collection, &author.id(), &name);
    let value = Some(Bytes::from(vec![b'v'; VALUE_BYTES]));
    let content = Content::Entry(Entry { collection, name, value });
    let (seq, created) = (number + 1, Hlc::from_ms(START_MS - 60_000));
    let record = Record { network: NETWORK, seq, created, expires_ms: 0, content };
    let signed = Signed::seal(&record, &author);
    let id = signed.clone().open().unwrap().id;
    (Kept { set: Set::State, key, id, created, expires_ms: 0 }, signed)
}

fn identity(seed: u64, side: usize) -> Identity {
    Identity::from_seed(Digest::of("side", &[&seed.to_be_bytes(), &side.to_be_bytes()]).0)
}

const NETWORK: NetworkId = Digest([9; 32]);
const START_MS: u64 = 1_800_000_000_000;
/// A walk after more takes minutes.
const WALKED_MAX: u64 = 100;
const VALUE_BYTES: usize = 200;
