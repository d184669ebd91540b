//! Signed records from a client that has nothing but HTTP.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wire::{Content, Digest, Entry, Hlc, Identity, Message, NetworkId, NodeId, Record, Signed};

use super::double::{Double, message};
use super::{changed, join, node, root, whole};
use crate::plain::{self, Answer};
use crate::support::{Node, until};

/// Signs for one network.
struct Pen {
    identity: Identity,
    network: NetworkId,
}

impl Pen {
    fn new(node: &Node) -> Self {
        let health = plain::get(&node.text("http"), "/health").unwrap().json();
        let network = health["trellis"]["network"].as_str().unwrap();
        let network = Digest::from_hex(network).unwrap();
        Self { identity: Identity::from_seed([7; 32]), network }
    }

    fn message(&self, seq: u64, payload: &str) -> Record {
        let content = Content::Message(Message::new("news", payload.to_owned()));
        self.record(seq, now_ms(), HOUR_MS, content)
    }

    fn record(&self, seq: u64, created_ms: u64, life_ms: u64, content: Content) -> Record {
        let expires_ms = if life_ms == 0 { 0 } else { created_ms + life_ms };
        let created = Hlc::from_ms(created_ms);
        Record { network: self.network, seq, created, expires_ms, content }
    }

    fn seal(&self, record: &Record) -> Signed {
        Signed::seal(record, &self.identity)
    }
}

fn now_ms() -> u64 {
    u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn post(node: &Node, signed: &Signed, ttl: Value) -> Answer {
    let mut body = message("somebody", "news", json!(null));
    body["signed"] = json!(BASE64.encode(signed.encode()));
    body["ttl"] = ttl;
    plain::post(&node.text("http"), "/gossip", body.to_string().as_bytes()).unwrap()
}

fn count(node: &Node) -> Value {
    node.json(&["status"])["messages"]["count"].clone()
}

#[test]
fn a_signed_message_is_accepted_once_and_passed_on_with_its_hops() {
    // DOOR-2
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let double = Double::start("node-a");
    join(&node, &double);
    let pen = Pen::new(&node);
    let signed = pen.seal(&pen.message(1, "1"));
    post(&node, &signed, json!(1_000_000_000)).is(200, "status", "accepted");
    post(&node, &signed, json!(10)).is(200, "status", "duplicate");
    let heard = double.hears("news", |_| true);
    assert!(whole(&heard["ttl"], 10), "{heard}");
    assert_eq!(heard["signed"], json!(BASE64.encode(signed.encode())), "its signature stays");
    assert_eq!(heard["origin_peer"], pen.identity.id().to_string());
    // With no hops left it is taken and stays here.
    post(&node, &pen.seal(&pen.message(2, "2")), json!(0)).is(200, "status", "accepted");
    post(&node, &pen.seal(&pen.message(3, "3")), json!(3)).is(200, "status", "accepted");
    let heard = double.hears("news", |it| it["payload"] == 3);
    assert!(whole(&heard["ttl"], 3), "{heard}");
    assert!(double.look(|it| it.heard.iter().all(|it| it["payload"] != 2)));
    assert_eq!(count(&node), 3);
}

#[test]
fn a_signed_entry_from_outside_changes_the_state() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let pen = Pen::new(&node);
    let (collection, name) = ("default".to_owned(), "theirs".to_owned());
    let value = Some(br#"{"litres":5}"#.to_vec().into());
    let entry = Content::Entry(Entry { collection, name, value });
    let before = root(&node);
    let signed = pen.seal(&pen.record(1, now_ms(), 0, entry));
    post(&node, &signed, json!(10)).is(200, "status", "accepted");
    let got = node.json(&["get", "theirs"]);
    assert_eq!(
        (&got["value"]["litres"], &got["author"]),
        (&json!(5), &json!(pen.identity.id().to_string()))
    );
    assert_ne!(changed(&node, &before), before);
}

#[test]
fn two_records_with_one_number_are_shown_with_their_proof() {
    // CONTRA-1, CONTRA-2
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let pen = Pen::new(&node);
    let entry = |name: &str| {
        let (collection, name) = ("default".to_owned(), name.to_owned());
        let value = Some(name.clone().into_bytes().into());
        Content::Entry(Entry { collection, name, value })
    };
    let [one, other] = ["1", "2"].map(|name| pen.seal(&pen.record(5, now_ms(), 0, entry(name))));
    post(&node, &one, json!(10)).is(200, "status", "accepted");
    assert_eq!(node.json(&["contradictions"])["contradictions"], json!([]));
    post(&node, &other, json!(10)).is(200, "status", "accepted");
    let all = until("a proof", Duration::from_secs(10), || {
        let all = node.json(&["contradictions"])["contradictions"].clone();
        if all[0].is_object() { Ok(all) } else { Err(all.to_string()) }
    });
    assert_eq!((&all[0]["seq"], &all[1]), (&json!(5), &json!(null)));
    assert_eq!(all[0]["author"], pen.identity.id().to_string());
    let proof = BASE64.decode(all[0]["proof"].as_str().unwrap()).unwrap();
    let proof = Signed::decode(&proof).unwrap().open().unwrap();
    let Content::Contradiction(proof) = proof.record.content else { panic!("no proof") };
    assert!(proof.is_genuine(&pen.network));
    assert_eq!(node.json(&["status"])["contradictions"], 1);
    node.run(&["contradictions"]).succeeds().tells(&pen.identity.id().to_string());
    node.run(&["contradictions", "--limit", "0"]).exits(2);
    node.run(&["contradictions", "--after", "x"]).exits(2);
    // Both stand where their author put them.
    assert_eq!(node.json(&["list"])["entries"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_wrong_signature_is_refused_and_the_corrected_copy_accepted() {
    // INTAKE-2
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let pen = Pen::new(&node);
    let right = pen.seal(&pen.message(1, "1"));
    let mut wrong = right.clone();
    wrong.signature[3] ^= 1;
    post(&node, &wrong, json!(10)).is(403, "code", "bad-signature");
    let stolen = Signed { author: Identity::from_seed([8; 32]).id(), ..right.clone() };
    post(&node, &stolen, json!(10)).is(403, "code", "bad-signature");
    assert_eq!(count(&node), 0);
    post(&node, &right, json!(10)).is(200, "status", "accepted");
    assert_eq!(count(&node), 1);
}

#[test]
fn what_may_not_enter_is_told_why_and_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let pen = Pen::new(&node);
    let before = root(&node);
    let news = || Content::Message(Message::new("news", "1"));
    let refused = |record: &Record, status: u16, code: &str| {
        post(&node, &pen.seal(record), json!(10)).is(status, "code", code);
    };
    refused(&pen.record(1, now_ms() - 2 * HOUR_MS, HOUR_MS, news()), 422, "expired");
    refused(&pen.record(2, now_ms() + 24 * HOUR_MS, HOUR_MS, news()), 422, "future");
    refused(&pen.record(3, now_ms(), 31 * 24 * HOUR_MS, news()), 422, "lives-too-long");
    let foreign = Record { network: Digest([9; 32]), ..pen.message(4, "1") };
    refused(&foreign, 422, "wrong-network");
    let large = Content::Message(Message::new("news", format!("\"{}\"", "x".repeat(70_000))));
    refused(&pen.record(5, now_ms(), HOUR_MS, large), 422, "record-too-large");
    post(&node, &for_the_identity_point(&pen), json!(10)).is(403, "code", "bad-signature");
    assert_eq!((count(&node), root(&node)), (json!(0), before));
    post(&node, &pen.seal(&pen.message(6, "1")), json!(10)).is(200, "status", "accepted");
}

/// A key for which anybody can make signatures that a lax check takes: R = A, s = 0 (SIGN-3).
fn for_the_identity_point(pen: &Pen) -> Signed {
    let mut point = [0; 32];
    point[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let right = pen.seal(&pen.message(7, "1"));
    Signed { author: NodeId::from_bytes(point), signature, ..right }
}

const HOUR_MS: u64 = 3_600_000;
