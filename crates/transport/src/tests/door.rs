//! The doors of design A, field for field.

use serde_json::{Value, json};
use wire::{Digest, Identity};

use super::world::{Node, exchange, get, node, post, request};
use crate::{DoorMetrics, DoorPeer, DoorState, GossipAnswer, Health, Inbound, Question};
use wire::Refusal;

const BODY: &[u8] =
    br#"{"message_id":"i","message_type":"t","payload":null,"timestamp":1.5,"ttl":3}"#;

async fn question(node: &mut Node) -> Question {
    match node.next().await {
        Inbound::Ask(question) => question,
        other => panic!("no question but {other:?}"),
    }
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn health_has_the_fields_of_design_a() {
    let mut node = node(1).await;
    let (reply, ()) = tokio::join!(get(node.addr(), "/health"), async {
        let Question::Health(to) = question(&mut node).await else { panic!() };
        let metrics = DoorMetrics { messages_sent: 3, ..DoorMetrics::default() };
        to.send(Health { healthy: true, peer_count: 2, uptime_s: 7.0, metrics }).unwrap();
    });
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(keys(&body), ["metrics", "node_id", "peer_count", "status", "trellis", "uptime"]);
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["node_id"], Identity::from_seed([1; 32]).id().to_string());
    assert_eq!(body["peer_count"], 2);
    assert!(body["uptime"].is_f64());
    let names = "gossip_rounds health_checks messages_dropped messages_received messages_sent \
                 peers_discovered";
    assert_eq!(keys(&body["metrics"]).join(" "), names);
    let network = "00".repeat(32);
    let trellis = json!({ "version": 1, "network": network, "link": "/link" });
    assert_eq!(body["trellis"], trellis);
}

#[tokio::test]
async fn peers_have_exactly_the_six_fields() {
    // DOOR-1
    let mut node = node(1).await;
    let peer = DoorPeer {
        peer_id: "p".to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        last_seen_s: 12.0,
        merkle_root: "ab".to_owned(),
        is_healthy: true,
        latency_ms: f64::NAN,
    };
    let (reply, ()) = tokio::join!(get(node.addr(), "/peers"), async {
        let Question::Peers(to) = question(&mut node).await else { panic!() };
        to.send(vec![peer]).unwrap();
    });
    let expected = r#"[{"peer_id":"p","url":"http://127.0.0.1:1","last_seen":12.0,"merkle_root":"ab","is_healthy":true,"latency_ms":0.0}]"#;
    assert_eq!(reply.body, expected);
}

#[tokio::test]
async fn state_has_the_fields_of_design_a() {
    let mut node = node(1).await;
    let state =
        DoorState { merkle_root: Digest([0xab; 32]), state_version: 4, ..DoorState::default() };
    let (reply, ()) = tokio::join!(get(node.addr(), "/state"), async {
        let Question::State(to) = question(&mut node).await else { panic!() };
        to.send(state).unwrap();
    });
    let body = reply.json();
    let names = ["merkle_root", "node_id", "peer_count", "state_version", "timestamp"];
    assert_eq!(keys(&body), names);
    assert_eq!(body["merkle_root"], "ab".repeat(32));
    assert!(body["timestamp"].is_f64());
}

#[tokio::test]
async fn the_envelope_reaches_the_core_with_the_client_s_address() {
    let mut node = node(1).await;
    let (reply, ()) = tokio::join!(post(node.addr(), BODY), async {
        let Inbound::Gossip { from, envelope, answer } = node.next().await else { panic!() };
        assert!(from.is_loopback());
        assert_eq!((envelope.message_id.as_str(), envelope.ttl), ("i", 3));
        answer.send(GossipAnswer::Accepted).unwrap();
    });
    assert_eq!(reply.body, r#"{"status":"accepted","message_id":"i"}"#);
}

#[tokio::test]
async fn every_verdict_has_its_status_and_code() {
    let verdicts = [
        (GossipAnswer::Busy, 503, "busy"),
        (GossipAnswer::Malformed, 400, "bad-field"),
        (GossipAnswer::Refused(Refusal::BadSignature), 403, "bad-signature"),
        (GossipAnswer::Refused(Refusal::Expired), 422, "expired"),
        (GossipAnswer::Refused(Refusal::Future), 422, "future"),
        (GossipAnswer::Refused(Refusal::LivesTooLong), 422, "lives-too-long"),
        (GossipAnswer::Refused(Refusal::NoRoom), 503, "no-room"),
        (GossipAnswer::Refused(Refusal::OverQuota), 422, "over-quota"),
        (GossipAnswer::Refused(Refusal::TooLarge), 422, "record-too-large"),
        (GossipAnswer::Refused(Refusal::WrongNetwork), 422, "wrong-network"),
        (GossipAnswer::Unsigned, 403, "unsigned-refused"),
    ];
    for (verdict, status, code) in verdicts {
        let core = node(1).await.with_core(verdict);
        let reply = post(core.node.addr(), BODY).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(reply.head.contains("retry-after"), status == 503);
        assert_eq!(core.node.transport.traffic().requests_refused[code], 1);
    }
    let core = node(1).await.with_core(GossipAnswer::Duplicate);
    let reply = post(core.node.addr(), BODY).await;
    assert_eq!(reply.body, r#"{"status":"duplicate","message_id":"i"}"#);
}

#[tokio::test]
async fn a_question_nobody_answers_is_busy() {
    let mut node = node(1).await;
    let (reply, ()) = tokio::join!(get(node.addr(), "/state"), async {
        drop(question(&mut node).await);
    });
    assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
}

#[tokio::test]
async fn wrong_paths_and_methods_are_problems() {
    let node = node(1).await;
    let reply = get(node.addr(), "/nothing").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"));
    let reply = get(node.addr(), "/gossip").await;
    assert_eq!((reply.status, reply.code().as_str()), (405, "method-not-allowed"));
    assert!(reply.head.contains("allow: POST"));
    let reply = request(node.addr(), "DELETE /state", "", b"").await;
    assert_eq!(reply.status, 405);
    let reply = get(node.addr(), "/link").await;
    assert_eq!((reply.status, reply.code().as_str()), (426, "upgrade-required"));
}

#[tokio::test]
async fn a_browser_reads_what_this_is() {
    let node = node(1).await;
    let reply = get(node.addr(), "/").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("Trellis") && reply.body.contains("/gossip"));
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let core = node(1).await.with_core(GossipAnswer::Accepted);
    let reply = request(core.node.addr(), "HEAD /health", "", b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_connection_carries_many_requests() {
    let core = node(1).await.with_core(GossipAnswer::Accepted);
    let twice = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n\
                  GET /state HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let reply = exchange(core.node.addr(), twice).await;
    assert!(reply.body.contains("uptime") && reply.body.contains("state_version"), "{reply:?}");
}
