//! Design-A nodes that lie, hang, die and come back.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::double::{Double, announcement, message};
use super::{join, listed, node, rows};
use crate::cluster::{PATIENCE, at_least};
use crate::plain::{self, Answer};
use crate::support::{Node, free_port, until};

/// Accepts connections, reads nothing and answers nothing.
struct Tarpit {
    url: String,
    callers: Receiver<TcpStream>,
}

impl Tarpit {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, callers) = channel();
        // Ends with the test: nobody holds the connections any longer.
        std::thread::spawn(move || {
            listener.incoming().flatten().all(|stream| sender.send(stream).is_ok())
        });
        Self { url, callers }
    }

    /// Waits for a caller, and keeps it waiting as long as what is returned lives.
    fn caller(&self) -> TcpStream {
        self.callers.recv_timeout(PATIENCE).expect("somebody calls")
    }
}

fn announce(node: &Node, id: &str, url: &str) -> Answer {
    let body = message(id, "peer_announce", announcement(id, url)).to_string();
    plain::post(&node.text("http"), "/gossip", body.as_bytes()).unwrap()
}

/// Says whether anything in what a node knows bears this name or stands at this address.
fn knows(node: &Node, text: &str) -> bool {
    let known = format!("{:?} {}", rows(node), node.json(&["peers"]));
    known.contains(text)
}

#[test]
fn a_forged_announcement_never_enters() {
    // DOOR-4
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let (other, honest) = (Double::start("other"), Double::start("honest"));
    let nobody = format!("http://127.0.0.1:{}", free_port());
    announce(&node, "ghost", &nobody).is(200, "status", "accepted");
    announce(&node, "impostor", &other.url()).is(200, "status", "accepted");
    announce(&node, "self", &node.text("http")).is(200, "status", "accepted");
    // The node has asked the one that answers under another name, and so has its verdict.
    other.until("a call", |state| state.calls.contains(&"GET /peers".to_owned()).then_some(()));
    join(&node, &honest);
    for name in ["ghost", "impostor", "self", "other", nobody.as_str(), other.url().as_str()] {
        assert!(!knows(&node, name), "{name} is in: {:?}", rows(&node));
    }
    assert_eq!(rows(&node).len(), 1);
}

#[test]
fn fifty_forged_announcements_evict_nobody() {
    // DOOR-4
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let second = super::node(&place, "n2", &["--peer", &node.text("http")]);
    let honest = Double::start("honest");
    join(&node, &honest);
    for number in 0..50 {
        let url = format!("http://127.0.0.1:{}", free_port());
        announce(&node, &format!("fake-{number}"), &url).is(200, "status", "accepted");
    }
    // Nor does one that claims the honest node's name for another place, or its place for another.
    announce(&node, "honest", &format!("http://127.0.0.1:{}", free_port()));
    announce(&node, "fake", &honest.url());
    let late = Double::start("late");
    join(&node, &late);
    for double in [&honest, &late] {
        until("it is still in", PATIENCE, || listed(&node, double));
    }
    assert!(!knows(&node, "fake"), "{:?}", rows(&node));
    until("the link is still there", PATIENCE, || at_least(&node, "/links", 1));
    node.json(&["publish", "news", "1"]);
    honest.hears("news", |_| true);
    until("the other node hears it", PATIENCE, || at_least(&second, "/messages/count", 1));
}

/// The original's fault: one peer that never answers delayed a message two hops away by 10 s.
#[test]
fn a_peer_that_never_answers_delays_nobody() {
    let place = tempfile::tempdir().unwrap();
    let tarpit = Tarpit::start();
    let first = node(&place, "n1", &["--peer", &tarpit.url]);
    let began = Instant::now();
    let _dialled = tarpit.caller();
    let flags = ["--peer", &tarpit.url, "--peer", &first.text("http")];
    let second = node(&place, "n2", &flags);
    until("a link", PATIENCE, || at_least(&second, "/links", 1));
    announce(&first, "pit", &tarpit.url).is(200, "status", "accepted");
    let (honest, stuck) = (Double::start("honest"), Double::start("stuck"));
    join(&first, &stuck);
    join(&first, &honest);
    stuck.stall();
    first.json(&["publish", "news", "1"]);
    honest.hears("news", |_| true);
    until("the other node hears it", PATIENCE, || at_least(&second, "/messages/count", 1));
    // All that while others wait: nothing was gained by giving somebody up.
    stuck.until("it holds a post", |state| {
        let posts = state.calls.iter().filter(|it| *it == "POST /gossip");
        (!state.held.is_empty() && posts.count() > 0).then_some(())
    });
    assert!(began.elapsed() < TARPIT_S, "took {:?}", began.elapsed());
}

#[test]
fn a_design_a_peer_may_be_there_before_us_or_come_later() {
    let place = tempfile::tempdir().unwrap();
    let early = Double::start("early");
    let listen = format!("127.0.0.1:{}", free_port()).parse().unwrap();
    let later = format!("http://{listen}");
    let node = node(&place, "n1", &["--peer", &early.url(), "--peer", &later]);
    until("the early one is in", PATIENCE, || listed(&node, &early));
    // Nobody said a word to the node: it told them.
    early.hears("peer_announce", |it| it["payload"]["node_id"] == node.text("node"));
    until("the other was tried in vain", PATIENCE, || {
        let peers = node.json(&["peers"]);
        let mut rows = peers["peers"].as_array().unwrap().iter();
        let tried = rows.any(|it| it["addresses"] == json!([later]) && !it["why"].is_null());
        if tried { Ok(()) } else { Err(peers.to_string()) }
    });
    let late = Double::start_at("late", listen);
    until("the late one is in", PATIENCE, || listed(&node, &late));
    node.json(&["publish", "news", "1"]);
    for double in [&early, &late] {
        double.hears("news", |_| true);
    }
}

#[test]
fn a_design_a_node_that_dies_and_comes_back_is_served_again() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let mut double = Double::start("first-life");
    join(&node, &double);
    let listen = double.listen();
    double.stop();
    node.json(&["publish", "news", "\"unheard\""]);
    until("its death is noticed", PATIENCE, || {
        let rows = rows(&node);
        let dead = rows.iter().any(|it| it["peer_id"] == "first-life" && it["is_healthy"] == false);
        if dead { Ok(()) } else { Err(format!("{rows:?}")) }
    });
    // Design A draws a new id at every start, and says at once where it is.
    let again = Double::start_at("second-life", listen);
    again.bootstrap(&node.text("http")).unwrap();
    again.announce();
    until("it is in again", Duration::from_secs(15), || listed(&node, &again));
    assert!(!knows(&node, "first-life"), "{:?}", rows(&node));
    node.json(&["publish", "news", "\"heard\""]);
    let heard = again.hears("news", |_| true);
    assert_eq!(heard["payload"], Value::from("heard"));
}

/// Shorter than the 10 s a node waits for an answer, longer than what it has to do meanwhile.
const TARPIT_S: Duration = Duration::from_secs(9);
