//! A newcomer fetches a million entries of 200 bytes from three peers on one machine: how long that takes,
//! what it costs everybody, and what copying the same bytes without any of it takes in the same run.
//!
//! `cargo run --release -p daemon --example newcomer [ENTRIES [PEERS [DIR]]]`
//!
//! Peers are processes of their own with stores of their own. Entries come from a thousand authors.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, io, process, thread};

use bytes::Bytes;
use daemon::node::engine::{Batch, Counters, Keep, Label, Leaf, Maps, place_of_entry};
use daemon::{Running, Settings, start};
use store::{DiskStore, Store as _};
use tokio::time::sleep;
use wire::{Content, Digest, Entry, Hlc, Identity, NetworkId, Record, Set, Signed};

/// A peer: another process.
struct Peer {
    child: Child,
    url: String,
}

fn main() {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("--serve") {
        let directory = PathBuf::from(arguments.next().unwrap());
        return runtime().block_on(serve(&directory, arguments.collect()));
    }
    let number = |text: Option<String>, default| text.map_or(default, |it| it.parse().unwrap());
    let (entries, peers) = (number(first, 1_000_000), number(arguments.next(), 3));
    let base = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
    let place = base.join(format!("trellis-newcomer-{}", process::id()));
    fs::create_dir_all(&place).unwrap();
    let bytes = plant(&place, entries, peers);
    println!("{entries} entries, {} B of signed record each, at {peers} peers", bytes / entries);
    let copied = copy(&place, bytes, peers);
    println!("the same bytes from as many plain sockets into a synced file: {copied:.2?}");
    let mut urls = Vec::new();
    let peers: Vec<Peer> = (0..peers)
        .map(|at| {
            let peer = Peer::start(&place.join(format!("peer{at}")), &urls);
            urls.push(peer.url.clone());
            peer
        })
        .collect();
    let took = runtime().block_on(join(&place.join("newcomer"), &urls, entries, &peers));
    println!("that is {:.1} times copying", took.as_secs_f64() / copied.as_secs_f64());
    drop(peers);
    fs::remove_dir_all(&place).unwrap();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

impl Peer {
    fn start(directory: &Path, bootstrap: &[String]) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.arg("--serve").arg(directory).args(bootstrap);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, url: line.trim().to_owned() }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It runs until its input ends.
        drop(self.child.stdin.take());
        let _status = self.child.wait();
    }
}

/// Runs a node until the input ends.
async fn serve(directory: &Path, bootstrap: Vec<String>) {
    let node = node(directory, &bootstrap).await;
    println!("{}", node.http_url().unwrap());
    let end = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    end.await.unwrap().unwrap();
    node.stop(Duration::from_secs(10)).await;
}

async fn node(directory: &Path, bootstrap: &[String]) -> Running {
    // A network of its own: a port that is dialled in vain today was another program's yesterday.
    let name = directory.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("network.toml"), format!("name = \"{name}\"\n")).unwrap();
    let mut flags = vec![
        ("http.listen", LOOPBACK.to_owned()),
        ("api.listen", LOOPBACK.to_owned()),
        ("libp2p.listen", "none".to_owned()),
        ("peers.dial", "http".to_owned()),
    ];
    flags.extend(bootstrap.iter().map(|url| ("peers.bootstrap", url.clone())));
    let flag = |(key, value): (&str, String)| (key.to_owned(), value, key.to_owned());
    let flags = flags.into_iter().map(flag).collect();
    let settings = Settings::load(directory, None, std::iter::empty(), flags).unwrap();
    start(settings).await.unwrap()
}

/// Starts the newcomer and waits until it has everything.
async fn join(directory: &Path, urls: &[String], entries: usize, peers: &[Peer]) -> Duration {
    // Peers read their leaves into memory and link up.
    sleep(SETTLE).await;
    let cpu = |peers: &[Peer]| peers.iter().map(|peer| cpu_s(peer.child.id())).sum::<f64>();
    let (before_s, peers_before_s) = (cpu_s(process::id()), cpu(peers));
    let begun = Instant::now();
    let node = node(directory, urls).await;
    let (mut shown, mut status) = (0, node.commands().status().await.unwrap());
    while status.state.count < entries as u64 {
        sleep(Duration::from_millis(20)).await;
        status = node.commands().status().await.unwrap();
        let tenth = status.state.count * 10 / entries as u64;
        if shown < tenth {
            shown = tenth;
            println!("{}0 % after {:.1?}", tenth, begun.elapsed());
        }
    }
    let full = begun.elapsed();
    while status.agreeing == 0 {
        sleep(Duration::from_millis(20)).await;
        status = node.commands().status().await.unwrap();
    }
    let took = begun.elapsed();
    let Counters { verified, duplicates, refused, dropped, .. } = status.counters;
    println!("all entries after {full:.1?}, and a peer agrees to the root after {took:.1?}");
    println!(
        "signatures checked {verified}, copies {duplicates}, refused {refused}, dropped {dropped}"
    );
    let each = |spent_s: f64| spent_s * 1e6 / entries as f64;
    println!(
        "processor time for each entry: {:.1} us of the newcomer, {:.1} us of all peers together",
        each(cpu_s(process::id()) - before_s),
        each(cpu(peers) - peers_before_s)
    );
    node.stop(Duration::from_secs(60)).await;
    took
}

/// Makes the peers' stores and returns how many bytes of records are in each.
fn plant(place: &Path, entries: usize, peers: usize) -> usize {
    let network = runtime().block_on(async {
        // A node makes what else belongs into a directory.
        let node = node(&place.join("peer0"), &[]).await;
        let network = node.commands().status().await.unwrap().network;
        node.stop(Duration::from_secs(10)).await;
        network
    });
    let authors: Vec<Identity> = (0..AUTHORS.min(entries))
        .map(|at| Identity::from_seed(Digest::of("author", &[&at.to_be_bytes()]).0))
        .collect();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let first_ms = u64::try_from(now_ms).unwrap() - 3_600_000;
    let mut store = DiskStore::open(&place.join("peer0"), network).unwrap();
    let (mut maps, mut bytes) = (Maps::default(), 0);
    for from in (0..entries).step_by(BATCH) {
        let numbers = from..(from + BATCH).min(entries);
        let keep: Vec<Keep> =
            numbers.map(|it| keep(it, &authors[it % authors.len()], network, first_ms)).collect();
        for keep in &keep {
            maps.state.insert(Leaf { key: keep.key, value: keep.id, stamp: keep.created.0 });
            maps.newest = maps.newest.max(keep.created);
        }
        bytes += keep.iter().map(|keep| keep.signed.encode().len()).sum::<usize>();
        let maps = Some(Box::new(maps.clone()));
        store.apply(&[Batch { keep, maps, ..Batch::default() }]).unwrap();
    }
    drop(store);
    for at in 1..peers {
        let directory = place.join(format!("peer{at}"));
        fs::create_dir_all(&directory).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        fs::copy(place.join("peer0/store.redb"), directory.join("store.redb")).unwrap();
    }
    bytes
}

fn keep(number: usize, author: &Identity, network: NetworkId, first_ms: u64) -> Keep {
    let (collection, name) = ("newcomer".to_owned(), format!("entry/{number:07}"));
    // Nothing that could be compressed.
    let text: String = (0..VALUE_BYTES / 64 + 1)
        .map(|part| Digest::of("value", &[&number.to_be_bytes(), &part.to_be_bytes()]).to_string())
        .collect();
    let value = Bytes::from(format!("\"{}\"", &text[..VALUE_BYTES - 2]));
    let key = place_of_entry(&collection, &author.id(), &name);
    let label = Label { collection: collection.clone(), name: name.clone(), deleted: false };
    let content = Content::Entry(Entry { collection, name, value: Some(value) });
    let created = Hlc::from_ms(first_ms + number as u64);
    let record = Record { network, seq: number as u64, created, expires_ms: 0, content };
    let signed = Signed::seal(&record, author);
    let id = signed.clone().open().unwrap().id;
    let (set, label) = (Set::State, Some(label));
    Keep { set, key, id, created, expires_ms: 0, signed, replaces: None, label }
}

/// So many bytes from several sockets into one file.
fn copy(place: &Path, bytes: usize, peers: usize) -> Duration {
    let path = place.join("copy");
    let mut file = fs::File::create(&path).unwrap();
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let block: Vec<u8> =
        (0..BLOCK).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 7).to_le_bytes()[0]).collect();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..peers {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(address).unwrap();
                (0..bytes / peers / BLOCK).for_each(|_| stream.write_all(&block).unwrap());
            });
        }
        let mut streams: Vec<TcpStream> =
            (0..peers).map(|_| listener.accept().unwrap().0).collect();
        let mut buffer = vec![0; BLOCK];
        while !streams.is_empty() {
            streams.retain_mut(|stream| {
                let is_open = stream.read_exact(&mut buffer).is_ok();
                file.write_all(&buffer[..if is_open { BLOCK } else { 0 }]).unwrap();
                is_open
            });
        }
    });
    file.sync_all().unwrap();
    let took = begun.elapsed();
    fs::remove_file(&path).unwrap();
    took
}

/// Processor time of a process, user and system.
fn cpu_s(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|it| it.parse::<f64>().unwrap()).sum();
    ticks / TICKS_PER_S
}

const VALUE_BYTES: usize = 200;
const AUTHORS: usize = 1_000;
const BATCH: usize = 5_000;
const BLOCK: usize = 64 * 1024;
const LOOPBACK: &str = "127.0.0.1:0";
const SETTLE: Duration = Duration::from_secs(8);
/// How Linux counts in /proc, on every machine it has run on for years.
const TICKS_PER_S: f64 = 100.0;
