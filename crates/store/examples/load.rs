//! A million entries of 200 bytes: how fast they become durable with a root for each commit, what is
//! written for that, and how soon the store is open again after `kill -9`.
//!
//! `cargo run --release -p store --example load [DIR [ENTRIES [BATCH [LAYER]]]]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use bytes::Bytes;
use merkle::{Leaf, Map};
use node::engine::{Batch, Keep, Kept, Label, Maps, place_of_entry};
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
    let signed: usize = keeps.iter().map(|keep| keep.signed.encode().len()).sum();
    let batches: Vec<Batch> =
        keeps.chunks(batch).map(|keep| Batch { keep: keep.to_vec(), ..Batch::default() }).collect();
    drop(keeps);
    println!(
        "{entries} entries, {} B of signed record each, in batches of {batch}",
        signed / entries
    );
    let mut store = DiskStore::open_with(dir, network(), config).unwrap();
    let before = (written_bytes(), resident_bytes());
    let mut times = Vec::with_capacity(batches.len());
    let (start, cpu) = (Instant::now(), on_cpu());
    let mut writing = Duration::ZERO;
    let (root, mapping) = thread::scope(|scope| {
        // As in a node: one thread changes the maps and is a little ahead of the one that writes.
        let (ready, queue) = sync_channel::<Batch>(AHEAD_MAX);
        let node = scope.spawn(move || {
            let (mut maps, mut busy) = (Maps::default(), Duration::ZERO);
            for mut batch in batches {
                let start = on_cpu_here();
                for keep in &batch.keep {
                    maps.state.insert(Leaf {
                        key: keep.key,
                        value: keep.id,
                        stamp: keep.created.0,
                    });
                    maps.newest = maps.newest.max(keep.created);
                }
                maps.state.root();
                batch.maps = Some(Box::new(maps.clone()));
                busy += on_cpu_here() - start;
                ready.send(batch).unwrap();
            }
            (maps.state.root(), busy)
        });
        for batch in queue {
            let (start, cpu) = (Instant::now(), on_cpu_here());
            store.apply(std::slice::from_ref(&batch)).unwrap();
            writing += on_cpu_here() - cpu;
            times.push(start.elapsed());
        }
        node.join().unwrap()
    });
    let took = start.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / entries as f64;
    println!("durable with a root for each: {:.0} entries/s", entries as f64 / took.as_secs_f64());
    println!("processor, both threads: {:.1} us an entry", each(on_cpu() - cpu));
    println!(
        "of that, maps and roots: {:.1}, commits: {:.1} us an entry",
        each(mapping),
        each(writing)
    );
    println!("commits with all waiting: {:.1} us an entry", each(times.iter().sum()));
    times.sort();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1_000].as_secs_f64() * 1e3;
    println!("commit p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(500), at(990), at(1_000));
    let written = written_bytes() - before.0;
    println!(
        "written for each byte of signed records: {:.2}; for each byte of key and value: {:.2}",
        written as f64 / signed as f64,
        written as f64 / (entries * (32 + VALUE_BYTES)) as f64
    );
    println!("root {root}");
    let commits = entries.div_ceil(batch);
    raw(dir, entries, commits, [signed as u64, written]);
}

/// What the disk makes of the same bytes without a store.
fn raw(dir: &Path, entries: usize, commits: usize, [signed, written]: [u64; 2]) {
    for (what, bytes) in [("the signed records", signed), ("all that was written", written)] {
        let took = append(&dir.join("raw"), usize::try_from(bytes).unwrap(), commits);
        let rate = entries as f64 / took.as_secs_f64();
        println!("{what}, appended to a file and synced as often: {rate:.0} entries/s");
    }
}

/// Appends so many bytes to a file in so many pieces, each of them synced.
fn append(path: &Path, bytes: usize, pieces: usize) -> Duration {
    let piece: Vec<u8> = (0..bytes / pieces)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 7).to_le_bytes()[0])
        .collect();
    let mut file = fs::File::create(path).unwrap();
    let start = Instant::now();
    for _ in 0..pieces {
        file.write_all(&piece).unwrap();
        file.sync_data().unwrap();
    }
    let took = start.elapsed();
    fs::remove_file(path).unwrap();
    took
}

fn reopen(dir: &Path, config: StoreConfig, entries: usize) {
    let (start, cpu) = (Instant::now(), on_cpu_ever_ms());
    let store = DiskStore::open_with(dir, network(), config).unwrap();
    let opened = start.elapsed();
    let mut maps = store.wake().unwrap().maps.unwrap();
    let root = maps.state.root();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let cpu_ms = on_cpu_ever_ms() - cpu;
    println!(
        "after kill -9: store open {:.0} ms, awake with its root {:.0} ms; {cpu_ms} ms of the processors",
        ms(opened),
        ms(start.elapsed())
    );
    println!("root {root}");
    let start = Instant::now();
    let items = store.load().unwrap().items;
    assert_eq!(items.len(), entries);
    println!("all places read: {:.0} ms", ms(start.elapsed()));
    let start = Instant::now();
    let looked = items.iter().step_by(entries / 1_000);
    looked.for_each(|it| assert_eq!(maps.state.get(&it.key).unwrap().value, it.id));
    println!("a leaf that is not in memory: {:.1} us", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let map = Map::of(items.iter().map(Kept::leaf).collect());
    assert_eq!(map.root(), root);
    println!("(the map made of all leaves, as before: {:.0} ms)", ms(start.elapsed()));
    let start = Instant::now();
    fill(&store, &mut maps.state);
    println!("all leaves in memory, piece by piece: {:.0} ms", ms(start.elapsed()));
    assert_eq!((maps.state.here().len(), maps.state.root()), (map.here().len(), root));
    let start = Instant::now();
    let size = fs::metadata(dir.join("store.redb")).unwrap().len();
    let ids: Vec<Digest> = items.iter().step_by(entries / 1_000).map(|it| it.id).collect();
    ids.iter().for_each(|id| assert_eq!(store.records(&[*id], usize::MAX).unwrap().len(), 1));
    let each = start.elapsed().as_secs_f64() * 1e6 / ids.len() as f64;
    println!("a record by its id: {each:.1} us; the file: {} MiB", size >> 20);
}

/// As a node does it in the background.
fn fill(store: &DiskStore, map: &mut Map) {
    let mut from = Digest::default();
    loop {
        let kept = store.kept(Set::State, &from, 2_048).unwrap();
        let leaves: Vec<Leaf> = kept.iter().map(Kept::leaf).collect();
        map.fill(&leaves);
        match leaves.last().filter(|_| leaves.len() == 2_048) {
            // Its bucket may go on behind it.
            Some(last) => from = map.bucket_of(&last.key).unwrap().head,
            None => return,
        }
    }
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

/// Time this process has had a processor, threads that have ended included, to ten milliseconds.
fn on_cpu_ever_ms() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = text.rsplit(')').next().unwrap().split_whitespace();
    // In user and in system mode.
    fields.skip(11).take(2).map(|it| it.parse::<u64>().unwrap() * 10).sum()
}

/// Time this thread has had a processor.
fn on_cpu_here() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
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
/// Batches whose maps are made before they are written.
const AHEAD_MAX: usize = 1;
