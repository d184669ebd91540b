//! How many entries a second become durable, by batch size, beside what the disk itself can do.
//!
//! `cargo run -p store --example throughput [DIR]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use bytes::Bytes;
use node::engine::{Batch, Keep, Label};
use store::{DiskStore, Store};
use wire::{Content, Digest, Entry, Hlc, Identity, Record, Set, Signed};

fn main() {
    let base = env::args_os().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let dir = base.join(format!("trellis-throughput-{}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    let sync = raw_sync(&dir.join("raw"));
    println!("append 4 KiB + fdatasync: p50 {:.3} ms", sync.as_secs_f64() * 1e3);
    let keeps: Vec<Keep> = (0..ENTRIES).map(keep).collect();
    for (size, most) in [(1, 300), (100, ENTRIES), (500, ENTRIES), (1_000, ENTRIES)] {
        let took = import(&dir.join(size.to_string()), &keeps[..most], size);
        let rate = most as f64 / took.as_secs_f64();
        println!("{most} entries in batches of {size}: {rate:.0} entries/s");
    }
    fs::remove_dir_all(&dir).unwrap();
}

/// Imports into a fresh store and reads everything back.
fn import(dir: &Path, keeps: &[Keep], size: usize) -> Duration {
    let mut store = DiskStore::open(dir, network()).unwrap();
    let batches: Vec<Batch> =
        keeps.chunks(size).map(|keep| Batch { keep: keep.to_vec(), ..Batch::default() }).collect();
    let start = Instant::now();
    for batch in &batches {
        store.apply(std::slice::from_ref(batch)).unwrap();
    }
    let took = start.elapsed();
    let start = Instant::now();
    assert_eq!(store.load().unwrap().items.len(), keeps.len());
    println!("  (waking up: {:.1} ms)", start.elapsed().as_secs_f64() * 1e3);
    took
}

fn raw_sync(path: &Path) -> Duration {
    let mut file = File::create(path).unwrap();
    let mut one = || {
        let start = Instant::now();
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_data().unwrap();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..101).map(|_| one()).collect();
    times.sort();
    times[50]
}

fn keep(number: usize) -> Keep {
    let (collection, name) = ("data".to_owned(), format!("airport/{number:05}"));
    let value = format!("{{\"number\":{number},\"text\":\"{}\"}}", "x".repeat(200));
    let key = Digest::of("key", &[name.as_bytes()]);
    let label = Label { collection: collection.clone(), name: name.clone(), deleted: false };
    let content = Content::Entry(Entry { collection, name, value: Some(Bytes::from(value)) });
    let created = Hlc::from_ms(number as u64);
    let record = Record { network: network(), seq: number as u64, created, expires_ms: 0, content };
    let signed = Signed::seal(&record, &Identity::from_seed([1; 32]));
    let id = signed.clone().open().unwrap().id;
    let (set, label) = (Set::State, Some(label));
    Keep { set, key, id, created, expires_ms: 0, signed, replaces: None, label }
}

fn network() -> Digest {
    Digest::of("throughput", &[])
}

const ENTRIES: usize = 3_376;
