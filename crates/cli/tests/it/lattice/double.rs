//! A node of design A, as its wire format and its flow describe one: JSON over HTTP, its own table
//! of peers, gossip with fanout 3 and TTL 10. It knows nothing of Trellis.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Instant, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cluster::PATIENCE;
use crate::plain::{self, Answer, Request};

/// A running design-A node.
#[derive(Debug)]
pub(crate) struct Double {
    inner: Arc<Inner>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    node_id: String,
    listen: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

/// What it knows and has seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// By id.
    pub(crate) peers: BTreeMap<String, Peer>,
    /// Every new message, as it came.
    pub(crate) heard: Vec<Value>,
    /// Every request line.
    pub(crate) calls: Vec<String>,
    /// Connections of a double that stalls: read, never answered.
    pub(crate) held: Vec<TcpStream>,
    seen: BTreeSet<String>,
    stalled: bool,
    stopped: bool,
}

/// A row of its table.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) url: String,
    pub(crate) healthy: bool,
}

impl Double {
    /// Starts on a free port.
    pub(crate) fn start(node_id: &str) -> Self {
        Self::start_at(node_id, "127.0.0.1:0".parse().unwrap())
    }

    /// Starts where one ran before, or will be looked for.
    pub(crate) fn start_at(node_id: &str, listen: SocketAddr) -> Self {
        let listener = TcpListener::bind(listen).unwrap();
        let listen = listener.local_addr().unwrap();
        let (node_id, state) = (node_id.to_owned(), Mutex::default());
        let inner = Arc::new(Inner { node_id, listen, state, changed: Condvar::new() });
        let accepting = std::thread::spawn({
            let inner = inner.clone();
            move || inner.accept(&listener)
        });
        Self { inner, accepting: Some(accepting) }
    }

    pub(crate) fn id(&self) -> &str {
        &self.inner.node_id
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.inner.listen
    }

    pub(crate) fn url(&self) -> String {
        self.inner.url()
    }

    /// Learns of a node by `GET /health` and of its peers by `GET /peers`, the latter strictly.
    pub(crate) fn bootstrap(&self, url: &str) -> Result<(), String> {
        let health = plain::get(url, "/health")?.json();
        let id = health["node_id"].as_str().ok_or(format!("no node_id in {health}"))?;
        self.inner.know(id, url);
        for (id, url) in strict_rows(&plain::get(url, "/peers")?.json())? {
            self.inner.know(&id, &url);
        }
        Ok(())
    }

    /// Says where it is, as it does every 5 s.
    pub(crate) fn announce(&self) -> Vec<Answer> {
        self.broadcast("peer_announce", announcement(self.id(), &self.url()))
    }

    /// Tells a few peers. Returns what they answered.
    pub(crate) fn broadcast(&self, message_type: &str, payload: Value) -> Vec<Answer> {
        let mut message = message(self.id(), message_type, payload);
        message["seen_by"] = json!([self.id()]);
        let id = message["message_id"].as_str().unwrap().to_owned();
        self.inner.state().seen.insert(id);
        self.inner.forward(&message)
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.inner.state();
        loop {
            if let Some(found) = look(&state) {
                return found;
            }
            let left = deadline.checked_duration_since(Instant::now());
            let left = left.unwrap_or_else(|| panic!("{what}: not in time; {state:?}"));
            state = self.inner.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits for a message of this type that `fits`.
    #[track_caller]
    pub(crate) fn hears(&self, message_type: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("a {message_type}"), |state| {
            let mut heard = state.heard.iter();
            heard.find(|it| it["message_type"] == message_type && fits(it)).cloned()
        })
    }

    /// Looks once.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.inner.state())
    }

    /// From now on it takes requests and answers none.
    pub(crate) fn stall(&self) {
        self.inner.state().stalled = true;
    }

    /// Ends it; its port is free afterwards.
    pub(crate) fn stop(&mut self) {
        self.inner.state().stopped = true;
        // Wakes the listener up.
        let _woken = TcpStream::connect(self.inner.listen);
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

impl Inner {
    fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn know(&self, id: &str, url: &str) {
        let mut state = self.state();
        if id != self.node_id && state.peers.len() < PEERS_MAX {
            let new = Peer { url: url.to_owned(), healthy: true };
            state.peers.entry(id.to_owned()).or_insert(new);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.state().stopped {
                return;
            }
            let inner = self.clone();
            std::thread::spawn(move || inner.serve(stream.unwrap()));
        }
    }

    fn serve(&self, stream: TcpStream) {
        let Some(request) = plain::read_request(&stream) else { return };
        let mut state = self.state();
        state.calls.push(request.line.clone());
        if state.stalled {
            state.held.push(stream);
            drop(state);
            return self.changed.notify_all();
        }
        drop(state);
        let answer = self.answer(&request);
        self.changed.notify_all();
        match answer {
            Some(body) => plain::write_answer(&stream, "200 OK", &body),
            None => plain::write_answer(&stream, "404 Not Found", &json!({"detail": "Not Found"})),
        }
    }

    fn answer(&self, request: &Request) -> Option<Value> {
        match request.line.as_str() {
            "GET /health" => Some(json!({
                "status": "healthy", "node_id": self.node_id, "uptime": now_s(),
                "peer_count": self.state().peers.len(), "metrics": { "messages_sent": 0 },
            })),
            "GET /peers" => Some(self.rows()),
            "GET /state" => Some(json!({
                "node_id": self.node_id, "merkle_root": "", "state_version": 0,
                "peer_count": self.state().peers.len(), "timestamp": now_s(),
            })),
            "POST /gossip" => Some(self.gossip(&request.body)),
            _ => None,
        }
    }

    fn rows(&self) -> Value {
        let state = self.state();
        let rows = state.peers.iter().map(|(id, peer)| {
            json!({
                "peer_id": id, "url": peer.url, "last_seen": now_s(), "merkle_root": "",
                "is_healthy": peer.healthy, "latency_ms": 0.0,
            })
        });
        rows.collect()
    }

    /// Answers only after everybody it passed the message on to has answered, as the original.
    fn gossip(&self, body: &str) -> Value {
        let Ok(came) = serde_json::from_str::<Value>(body) else {
            return json!({"status": "error", "error": "not JSON"});
        };
        let missing = REQUIRED.iter().find(|it| came.get(**it).is_none());
        if let Some(field) = missing {
            return json!({"status": "error", "error": field});
        }
        let id = came["message_id"].as_str().unwrap_or_default().to_owned();
        {
            let mut state = self.state();
            if !state.seen.insert(id.clone()) {
                return json!({"status": "duplicate", "message_id": id});
            }
            state.heard.push(came.clone());
        }
        self.changed.notify_all();
        if came["message_type"] == "peer_announce" {
            let payload = &came["payload"];
            if let (Some(id), Some(url)) = (payload["node_id"].as_str(), payload["url"].as_str()) {
                self.know(id, url);
            }
        }
        self.pass_on(&came);
        json!({"status": "accepted", "message_id": id})
    }

    fn pass_on(&self, came: &Value) {
        let ttl = came["ttl"].as_i64().unwrap_or_default();
        if ttl <= 0 {
            return;
        }
        // It carries on only what it knows: whatever else came is lost here.
        let known = |name: &&str| ((*name).to_owned(), came[*name].clone());
        let mut message: Value = FIELDS.iter().map(known).collect();
        message["ttl"] = json!(ttl - 1);
        let mut seen_by = came["seen_by"].as_array().cloned().unwrap_or_default();
        seen_by.push(json!(self.node_id));
        message["seen_by"] = Value::Array(seen_by);
        self.forward(&message);
    }

    fn forward(&self, message: &Value) -> Vec<Answer> {
        let seen_by = message["seen_by"].as_array().cloned().unwrap_or_default();
        let random = RandomState::new();
        let mut open: Vec<(String, Peer)> = {
            let state = self.state();
            let open =
                state.peers.iter().filter(|(id, it)| it.healthy && !seen_by.contains(&json!(id)));
            open.map(|(id, peer)| (id.clone(), peer.clone())).collect()
        };
        open.sort_by_key(|(id, _)| random.hash_one(id));
        let mut answers = Vec::new();
        for (id, peer) in open.into_iter().take(FANOUT) {
            match plain::post(&peer.url, "/gossip", message.to_string().as_bytes()) {
                Ok(answer) => answers.push(answer),
                Err(_) => {
                    if let Some(peer) = self.state().peers.get_mut(&id) {
                        peer.healthy = false;
                    }
                }
            }
        }
        answers
    }
}

/// A message as design A writes it, with an id of its own.
pub(crate) fn message(origin: &str, message_type: &str, payload: Value) -> Value {
    let number = MESSAGES.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let id = wire::Digest::of("double", &[&number, origin.as_bytes()]);
    json!({
        "message_id": id.to_string(), "message_type": message_type, "payload": payload,
        "timestamp": now_s(), "ttl": 10, "origin_peer": origin, "seen_by": [],
    })
}

/// The payload of `peer_announce`.
pub(crate) fn announcement(node_id: &str, url: &str) -> Value {
    json!({ "node_id": node_id, "url": url, "merkle_root": "", "timestamp": now_s() })
}

/// Reads a list of peers as the original does: one field it does not know spoils the list.
fn strict_rows(rows: &Value) -> Result<Vec<(String, String)>, String> {
    let rows = rows.as_array().ok_or(format!("no array: {rows}"))?;
    let strict = rows.iter().map(|row| {
        let row = row.as_object().ok_or(format!("no object: {row}"))?;
        if let Some(odd) = row.keys().find(|it| !ROW.contains(&it.as_str())) {
            return Err(format!("unexpected keyword argument {odd:?}"));
        }
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok((text("peer_id").ok_or("no peer_id")?, text("url").ok_or("no url")?))
    });
    strict.collect()
}

fn now_s() -> f64 {
    UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// The fields of a message.
pub(crate) const FIELDS: [&str; 7] =
    ["message_id", "message_type", "payload", "timestamp", "ttl", "origin_peer", "seen_by"];
/// The fields of a row of `GET /peers`.
pub(crate) const ROW: [&str; 6] =
    ["peer_id", "url", "last_seen", "merkle_root", "is_healthy", "latency_ms"];
const REQUIRED: [&str; 5] = ["message_id", "message_type", "payload", "timestamp", "ttl"];
const FANOUT: usize = 3;
const PEERS_MAX: usize = 50;
static MESSAGES: AtomicU64 = AtomicU64::new(0);
