//! What the map costs at a million entries: memory, changes, proofs. Times are of the processor, so that
//! other work on the machine does not count; the memory is what the kernel says.
//!
//! `cargo run --release -p merkle --example map [ENTRIES]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use merkle::{Leaf, Map, Proof, Source};
use wire::Digest;

/// Leaves in order, as a store would have them.
struct Sorted(Vec<Leaf>);

impl Source for Sorted {
    fn leaves(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>> {
        let at = self.0.partition_point(|leaf| leaf.key < *head);
        Some(self.0[at..].iter().take(count).copied().collect())
    }
}

fn main() {
    let entries = env::args().nth(1).map_or(1_000_000, |it| it.parse().unwrap());
    let mut leaves: Vec<Leaf> = (0..entries).map(leaf).collect();

    let start = on_cpu();
    let mut map = Map::default();
    for batch in leaves.chunks(1_000) {
        batch.iter().for_each(|leaf| {
            map.insert(*leaf);
        });
        map.root();
    }
    println!("insert in memory, a root for each 1,000: {:.2} us an entry", each(start, entries));
    let start = on_cpu();
    leaves.sort_unstable_by_key(|leaf| leaf.key);
    println!("(sorting the keys: {:.2} us an entry)", each(start, entries));
    let root = map.root();
    let stubs = map.here();
    drop(map);

    let source: Arc<dyn Source> = Arc::new(Sorted(leaves.clone()));
    let start = on_cpu();
    let mut map = Map::restore(Arc::clone(&source), &stubs);
    assert_eq!(map.root(), root);
    println!(
        "waking up from {} buckets, with the root: {:.1} ms",
        stubs.len(),
        (on_cpu() - start).as_secs_f64() * 1e3
    );
    // The first sixteen take what earlier work has left free.
    let many = || -> Vec<Map> {
        let map = || Map::restore(Arc::clone(&source), &stubs);
        (0..16).map(|_| map()).inspect(|map| assert_eq!(map.root(), root)).collect()
    };
    let first = many();
    let before = resident_bytes();
    let others = many();
    let bytes = resident_bytes().saturating_sub(before) as f64 / 16.0;
    println!("memory with the leaves put away: {:.1} B an entry", bytes / entries as f64);
    drop(first);
    drop(others);

    proofs(&map, &leaves, "present", |leaf| leaf.key);
    proofs(&map, &leaves, "absent", |leaf| {
        let mut key = leaf.key;
        key.0[31] ^= 1;
        key.0[20] ^= 0x80;
        key.0[14] ^= 1;
        key
    });

    let start = on_cpu();
    let mut changed = leaves.clone();
    changed.iter_mut().for_each(|leaf| leaf.value.0[0] ^= 1);
    changed.sort_unstable_by_key(|leaf| leaf.value);
    for batch in changed[..100_000.min(entries)].chunks(1_000) {
        batch.iter().for_each(|leaf| {
            map.insert(*leaf);
        });
        map.root();
    }
    let took = each(start, 100_000.min(entries));
    println!("change of what was put away, a root for each 1,000: {took:.2} us an entry");
    assert_eq!(map.lost(), None);
}

fn proofs(map: &Map, leaves: &[Leaf], what: &str, asked: impl Fn(&Leaf) -> Digest) {
    let root = map.root();
    let keys: Vec<Digest> = leaves.iter().step_by(leaves.len() / 10_000).map(asked).collect();
    let (mut bytes, mut most) = (0, 0);
    let start = on_cpu();
    for key in &keys {
        let encoded = map.prove(key).encode(key);
        let proven = Proof::decode(key, &encoded).unwrap().verify(&root, key).unwrap();
        assert_eq!(proven.is_some(), what == "present");
        bytes += encoded.len();
        most = most.max(encoded.len());
    }
    let took = each(start, keys.len());
    let mean = bytes / keys.len();
    println!("proof that a key is {what}: {mean} B, at most {most}; prove and check {took:.2} us");
}

/// Keys as the state has them: eight bytes of a collection, four of no hour, twenty of a hash.
fn leaf(number: usize) -> Leaf {
    let mut key = Digest::of("key", &[&number.to_be_bytes()]);
    key.0[..12].copy_from_slice(b"collectn\0\0\0\0");
    let value = Digest::of("value", &[&number.to_be_bytes()]);
    Leaf { key, value, stamp: number as u64 }
}

fn each(start: Duration, entries: usize) -> f64 {
    (on_cpu() - start).as_secs_f64() * 1e6 / entries as f64
}

/// Time this process has had a processor.
fn on_cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
