//! A disk that is full, a disk that is slow, and a store beyond repair.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Batch, Kept, Snapshot};
use node::{Draft, engine};
use store::{Read, Store, StoreError};
use wire::{Digest, RecordId, Set, Signed};

use super::lab::{Lab, settings};
use crate::running::{Ground, start_on};
use crate::{Failure, RunError};

/// A disk whose mood a test sets.
#[derive(Clone, Default)]
struct Mood {
    full: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
    /// Whether places cannot be listed.
    unlisted: Arc<AtomicBool>,
    commits: Arc<AtomicUsize>,
    /// Where a test holds up the next commit.
    gate: Arc<Mutex<Option<Receiver<()>>>>,
}

struct Moody {
    store: Box<dyn Store>,
    mood: Mood,
}

impl Store for Moody {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.store.load()
    }

    fn wake(&self) -> Result<Snapshot, StoreError> {
        self.store.wake()
    }

    fn kept(&self, set: Set, from: &Digest, max: usize) -> Result<Vec<Kept>, StoreError> {
        if self.mood.unlisted.load(Ordering::SeqCst) {
            let source = std::io::Error::other("as the test wants");
            return Err(StoreError::Io { path: PathBuf::from("store.redb"), source });
        }
        self.store.kept(set, from, max)
    }

    fn apply(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let gate = self.mood.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.recv().unwrap();
        }
        let path = PathBuf::from("store.redb");
        if self.mood.full.load(Ordering::SeqCst) {
            return Err(StoreError::DiskFull { path });
        }
        if self.mood.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Corrupt { path, detail: "as the test wants".to_owned() });
        }
        self.mood.commits.fetch_add(1, Ordering::SeqCst);
        self.store.apply(batches)
    }

    fn records(&self, ids: &[RecordId], bytes_max: usize) -> Result<Vec<Signed>, StoreError> {
        self.store.records(ids, bytes_max)
    }

    fn reader(&self) -> Arc<dyn Read> {
        self.store.reader()
    }
}

async fn moody() -> (Lab, Mood) {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path(), &[]);
    let mut ground = Ground::open(&settings).await.unwrap();
    let mood = Mood::default();
    ground.store = Box::new(Moody { store: ground.store, mood: mood.clone() });
    let node = start_on(settings, ground).await.unwrap();
    (Lab { dir, node, client: reqwest::Client::new() }, mood)
}

fn hold(mood: &Mood) -> Sender<()> {
    let (open, gate) = channel();
    *mood.gate.lock().unwrap() = Some(gate);
    open
}

fn draft(name: String) -> Draft {
    Draft { collection: "default".to_owned(), name, value: Some("1".into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_answers_reads() {
    let (lab, mood) = moody().await;
    lab.put("before", "1").await;
    mood.full.store(true, Ordering::SeqCst);
    let first = lab.refused(reqwest::Method::PUT, "/v1/entries/first", "1").await;
    assert_eq!(first, (507, "disk-full".to_owned()));
    let root = lab.get("/v1/root").await.1;
    for method in [reqwest::Method::PUT, reqwest::Method::POST] {
        let (path, body) = match method {
            reqwest::Method::PUT => ("/v1/entries/second", "2"),
            _ => ("/v1/messages", "{\"topic\":\"t\",\"payload\":1}"),
        };
        assert_eq!(lab.refused(method, path, body).await, (507, "disk-full".to_owned()));
    }
    assert_eq!(lab.get("/v1/root").await.1, root, "a refused write changes nothing");
    assert_eq!(lab.get("/v1/entries/before").await.0, 200);
    assert_eq!(lab.get("/v1/entries/first").await.0, 404);
    let ready = lab.client.get(lab.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("disk"));
    assert_eq!(lab.client.get(lab.url("/livez")).send().await.unwrap().status(), 200);

    mood.full.store(false, Ordering::SeqCst);
    // The store thread tries again by itself; each refusal is a reason to ask once more.
    let begun = std::time::Instant::now();
    while lab.put("third", "3").await.0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(lab.get("/v1/entries/first").await.0, 200);
    assert_eq!(lab.get("/v1/entries/second").await.0, 404);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_or_seen_before_it_is_on_disk() {
    let (lab, mood) = moody().await;
    lab.put("before", "1").await;
    let mut feed = lab.node.commands().events().subscribe(None);
    let open = hold(&mood);
    let commands = lab.node.commands();
    let write = tokio::spawn(async move { commands.put(vec![draft("n".to_owned())]).await });
    // The node answers other questions meanwhile, and its state is ahead of the disk.
    while lab.node.commands().status().await.unwrap().state.count < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!write.is_finished());
    assert_eq!(lab.get("/v1/entries/n").await.0, 404);
    assert!(futures_util::FutureExt::now_or_never(feed.next()).is_none());
    open.send(()).unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(lab.get("/v1/entries/n").await.0, 200);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_wait_share_one_commit() {
    let (lab, mood) = moody().await;
    lab.put("before", "1").await;
    let open = hold(&mood);
    let writers: Vec<_> = (0..50)
        .map(|n| {
            let commands = lab.node.commands();
            tokio::spawn(async move { commands.put(vec![draft(format!("n{n}"))]).await })
        })
        .collect();
    while lab.node.commands().status().await.unwrap().state.count < 51 {
        tokio::task::yield_now().await;
    }
    let before = mood.commits.load(Ordering::SeqCst);
    open.send(()).unwrap();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    let commits = mood.commits.load(Ordering::SeqCst) - before;
    assert!(commits <= 2, "{commits} commits for 50 writes");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_beyond_repair_ends_the_node_with_the_reason() {
    let (mut lab, mood) = moody().await;
    mood.broken.store(true, Ordering::SeqCst);
    let outcome = lab.node.commands().put(vec![draft("n".to_owned())]).await;
    assert!(matches!(outcome, Err(Failure::Store(_) | Failure::Stopped)), "{outcome:?}");
    let ended = lab.node.wait().await;
    assert!(matches!(&ended, Err(RunError::Store(_))), "{ended:?}");
    assert_eq!(lab.refused(reqwest::Method::GET, "/v1/root", "").await.1, "stopping");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_does_not_keep_a_node_from_stopping() {
    let (lab, mood) = moody().await;
    mood.full.store(true, Ordering::SeqCst);
    lab.refused(reqwest::Method::PUT, "/v1/entries/n", "1").await;
    let begun = std::time::Instant::now();
    lab.node.stop(Duration::from_secs(10)).await;
    assert!(begun.elapsed() < Duration::from_secs(8));
}

/// A store that has lost what its hashes stand for.
struct Nothing;

impl engine::Source for Nothing {
    fn leaves(&self, _: &Digest, _: usize) -> Option<Vec<engine::Leaf>> {
        None
    }
}

/// Starts a node again that wakes up from hashes, on a store that cannot list its places.
async fn woken(source: Option<Arc<dyn engine::Source>>) -> (Lab, wire::NodeId) {
    let first = Lab::start().await;
    first.put("before", "1").await;
    let id = first.node.node_id();
    let dir = first.stop().await;
    let settings = settings(dir.path(), &[]);
    let mut ground = Ground::open(&settings).await.unwrap();
    let maps = ground.snapshot.maps.as_mut().expect("the hashes were kept");
    assert_eq!((maps.state.len(), maps.state.here()), (1, vec![]));
    if let Some(source) = source {
        maps.state.read_from(source);
    }
    let mood = Mood { unlisted: Arc::new(AtomicBool::new(true)), ..Mood::default() };
    ground.store = Box::new(Moody { store: ground.store, mood });
    let node = start_on(settings, ground).await.unwrap();
    (Lab { dir, node, client: reqwest::Client::new() }, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_works_before_its_leaves_are_in_memory() {
    let (lab, id) = woken(None).await;
    assert_eq!(lab.node.node_id(), id);
    assert_eq!(lab.put("before", "2").await.0, 200);
    assert_eq!(lab.put("after", "1").await.0, 200);
    assert_eq!(lab.node.commands().status().await.unwrap().state.count, 2);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_what_its_hashes_stand_for_ends_the_node() {
    let (mut lab, _) = woken(Some(Arc::new(Nothing))).await;
    // Its hashes it still has.
    assert_eq!(lab.node.commands().status().await.unwrap().state.count, 1);
    let outcome = lab.node.commands().put(vec![draft("before".to_owned())]).await;
    assert!(outcome.is_err(), "{outcome:?}");
    match lab.node.wait().await {
        Err(RunError::Store(error @ StoreError::Corrupt { .. })) => {
            assert!(error.to_string().contains("not what its hash says"), "{error}");
        }
        ended => panic!("{ended:?}"),
    }
    lab.stop().await;
}
