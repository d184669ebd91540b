//! A million entries of 200 bytes: how fast they become durable with a root for each commit, what is
//! written for that, and how soon the store is open again after `kill -9`.
//!
//! `cargo run --release -p store --example load [DIR [ENTRIES [BATCH [LAYER]]]]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use bytes::Bytes;
use merkle::{Leaf, Map};
use node::engine::{Batch, Keep, Label, place_of_entry};
use store::{DiskStore, Store, StoreConfig};
use wire::{Content, Digest, Entry, Hlc, NodeId, Record, Set, Signed};

fn main() {
    let mut arguments = env::args().skip(1);
    let base = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
    let mut number = |default| arguments.next().map_or(default, |it| it.parse().unwrap());
    let (entries, batch) = (number(1_000_000_usize), number(2_000_usize));
    let layer_rows_max = number(StoreConfig::default().layer_rows_max);
    let config = StoreConfig { layer_rows_max, ..StoreConfig::default() };
    if env::var_os("LOAD_CHILD").is_some() {
        load(&base, entries, batch, config);
        println!("killed");
        // Until somebody does.
        loop {
            thread::park();
        }
    }
    let dir = base.join(format!("trellis-load-{}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    let told = [dir.display().to_string(), entries.to_string(), batch.to_string()];
    child.args(told).arg(layer_rows_max.to_string()).env("LOAD_CHILD", "1").stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == "killed" {
            child.kill().unwrap();
        } else {
            println!("{line}");
        }
    }
    child.wait().unwrap();
    reopen(&dir, config, entries);
    fs::remove_dir_all(&dir).unwrap();
}

fn load(dir: &Path, entries: usize, batch: usize, config: StoreConfig) {
    let keeps: Vec<Keep> = (0..entries).map(keep).collect();
    let payload: usize = keeps.iter().map(|keep| keep.signed.encode().len()).sum();
    let batches: Vec<Batch> =
        keeps.chunks(batch).map(|keep| Batch { keep: keep.to_vec(), ..Batch::default() }).collect();
    drop(keeps);
    let mut store = DiskStore::open_with(dir, network(), config).unwrap();
    let before = (written_bytes(), resident_bytes());
    let mut times = Vec::with_capacity(batches.len());
    let (start, cpu) = (Instant::now(), on_cpu());
    let root = thread::scope(|scope| {
        let (leaves, inserted) = channel::<Vec<Leaf>>();
        let (told, roots) = channel();
        scope.spawn(move || {
            let mut map = Map::default();
            for leaves in inserted {
                leaves.into_iter().for_each(|leaf| {
                    map.insert(leaf);
                });
                told.send(map.root()).unwrap();
            }
        });
        let mut root = Digest::default();
        for batch in &batches {
            let start = Instant::now();
            let of = |keep: &Keep| Leaf { key: keep.key, value: keep.id, stamp: keep.created.0 };
            leaves.send(batch.keep.iter().map(of).collect()).unwrap();
            store.apply(std::slice::from_ref(batch)).unwrap();
            root = roots.recv().unwrap();
            times.push(start.elapsed());
        }
        root
    });
    let took = start.elapsed();
    times.sort();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1_000].as_secs_f64() * 1e3;
    println!(
        "{entries} entries, {} B of signed record each, in batches of {batch}",
        payload / entries
    );
    println!("durable with a root for each: {:.0} entries/s", entries as f64 / took.as_secs_f64());
    let cpu = (on_cpu() - cpu).as_secs_f64() * 1e6 / entries as f64;
    println!("processor, both threads: {cpu:.1} us an entry");
    println!("commit p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(500), at(990), at(1_000));
    let written = (written_bytes() - before.0) as f64;
    println!(
        "written for each byte of signed records: {:.2}; for each byte of key and value: {:.2}",
        written / payload as f64,
        written / (entries * (32 + VALUE_BYTES)) as f64
    );
    println!("root {root}");
}

fn reopen(dir: &Path, config: StoreConfig, entries: usize) {
    let start = Instant::now();
    let store = DiskStore::open_with(dir, network(), config).unwrap();
    println!("open after kill -9: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let items = store.load().unwrap().items;
    println!("all places read: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    assert_eq!(items.len(), entries);
    let start = Instant::now();
    let leaves: Vec<Leaf> =
        items.iter().map(|it| Leaf { key: it.key, value: it.id, stamp: it.created.0 }).collect();
    let map = Map::of(leaves);
    println!("map and root: {:.0} ms, {}", start.elapsed().as_secs_f64() * 1e3, map.root());
    let start = Instant::now();
    let size = fs::metadata(dir.join("store.redb")).unwrap().len();
    let ids: Vec<Digest> = items.iter().step_by(entries / 1_000).map(|it| it.id).collect();
    ids.iter().for_each(|id| assert_eq!(store.records(&[*id], usize::MAX).unwrap().len(), 1));
    let each = start.elapsed().as_secs_f64() * 1e6 / ids.len() as f64;
    println!("a record by its id: {each:.1} us; the file: {} MiB", size >> 20);
}

fn keep(number: usize) -> Keep {
    let (collection, name) = ("load".to_owned(), format!("entry/{number:07}"));
    let author = NodeId::from_bytes([7; 32]);
    let key = place_of_entry(&collection, &author, &name);
    let label = Label { collection: collection.clone(), name: name.clone(), deleted: false };
    // Nothing that could be compressed.
    let value: Vec<u8> = (0..VALUE_BYTES as u64 / 32 + 1)
        .flat_map(|part| Digest::of("value", &[&number.to_be_bytes(), &part.to_be_bytes()]).0)
        .take(VALUE_BYTES)
        .collect();
    let content = Content::Entry(Entry { collection, name, value: Some(Bytes::from(value)) });
    let created = Hlc::from_ms(number as u64);
    let record = Record { network: network(), seq: number as u64, created, expires_ms: 0, content };
    // The store does not check signatures.
    let signed = Signed { body: Bytes::from(record.encode()), author, signature: [7; 64] };
    let id = signed.clone().open().unwrap().id;
    let (set, label) = (Set::State, Some(label));
    Keep { set, key, id, created, expires_ms: 0, signed, replaces: None, label }
}

fn network() -> Digest {
    Digest::of("load", &[])
}

/// What this process asked the system to write.
fn written_bytes() -> u64 {
    number_in("/proc/self/io", "wchar:")
}

fn resident_bytes() -> u64 {
    number_in("/proc/self/status", "VmRSS:") * 1024
}

fn number_in(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Time all threads of this process have had a processor.
fn on_cpu() -> Duration {
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    Duration::from_nanos(tasks.map(|task| of(task.unwrap())).sum())
}

const VALUE_BYTES: usize = 200;
