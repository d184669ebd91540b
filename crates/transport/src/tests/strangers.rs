//! Nodes that speak only design A, and servers that are no nodes at all.

use std::collections::BTreeSet;

use tokio::net::TcpListener;
use wire::Address;
use wire::lattice::{Door, Envelope, Meaning};

use super::world::{address, http, node, node_with, stranger};
use crate::{GossipAnswer, Inbound, Limits};

/// A design-A node: its shapes, nothing else.
fn design_a(line: &str, _body: &str) -> String {
    let path = line.split(' ').nth(1).unwrap();
    match path {
        "/health" => http(
            200,
            r#"{"status":"healthy","node_id":"a-node","peer_count":1,"uptime":1700000000.5,
            "metrics":{"messages_sent":0,"messages_received":0,"messages_dropped":0,
            "gossip_rounds":0,"peers_discovered":0,"health_checks":0}}"#,
        ),
        "/peers" => http(
            200,
            r#"[{"peer_id":"b","url":"http://127.0.0.1:7","last_seen":1.0,"merkle_root":"",
            "is_healthy":true,"latency_ms":0.0},{"url":"nonsense"},{"url":7},null,
            {"url":"http://127.0.0.1:7/"},{"url":"http://127.0.0.1:8"}]"#,
        ),
        "/gossip" => http(200, r#"{"status":"accepted","message_id":"i"}"#),
        _ => http(404, "404: Not Found"),
    }
}

fn envelope() -> Envelope {
    Envelope {
        message_id: "i".to_owned(),
        message_type: "news".to_owned(),
        payload: r#"{"x": 1.0}"#.to_owned(),
        timestamp_s: 1_700_000_000.25,
        ttl: 9,
        origin_peer: "us".to_owned(),
        seen_by: vec!["us".to_owned()],
        signed: None,
        meaning: Meaning::Other,
    }
}

async fn pushed(answer: fn(&str, &str) -> String) -> (Result<(), String>, String) {
    let (address, mut requests) = stranger(answer).await;
    let mut node = node(1).await;
    node.transport.push_door(address, envelope());
    let result = match node.next().await {
        Inbound::DoorPushed { result, .. } => result.map(|_| ()),
        other => panic!("not pushed but {other:?}"),
    };
    (result, requests.recv().await.unwrap().1)
}

#[tokio::test]
async fn a_design_a_node_is_found_with_its_peers() {
    let (address, _requests) = stranger(design_a).await;
    let mut node = node(1).await;
    node.transport.dial(address.clone());
    let Inbound::DoorFound { address: at, door } = node.next().await else { panic!() };
    let peers: Vec<Address> =
        ["http://127.0.0.1:7", "http://127.0.0.1:8"].map(|it| it.parse().unwrap()).into();
    assert_eq!(at, address);
    assert_eq!(door, Door { node_id: "a-node".to_owned(), peers });
}

#[tokio::test]
async fn a_door_without_a_list_of_peers_is_a_door() {
    let (address, _requests) =
        stranger(
            |line, body| {
                if line.contains("/peers") { http(500, "oops") } else { design_a(line, body) }
            },
        )
        .await;
    let mut node = node(1).await;
    node.transport.dial(address);
    let Inbound::DoorFound { door, .. } = node.next().await else { panic!() };
    assert_eq!(door.peers, []);
}

#[tokio::test]
async fn a_push_has_exactly_the_fields_of_design_a() {
    let (result, body) = pushed(design_a).await;
    result.unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let fields: BTreeSet<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let names =
        ["message_id", "message_type", "payload", "timestamp", "ttl", "origin_peer", "seen_by"];
    assert_eq!(fields, BTreeSet::from(names));
    assert_eq!(body["payload"]["x"], 1.0);
    assert_eq!(body["ttl"], 9);
    assert_eq!(body["timestamp"], 1_700_000_000.25);
}

#[tokio::test]
async fn an_error_of_design_a_is_a_failure() {
    let (result, _) = pushed(|_, _| http(200, r#"{"status":"error","error":"no\u0007pe"}"#)).await;
    assert_eq!(result, Err("it says: nope".to_owned()));
    let (result, _) = pushed(|_, _| http(500, "")).await;
    assert_eq!(result, Err("it answers HTTP 500".to_owned()));
    let redirect = |_: &str, _: &str| {
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
            .to_owned()
    };
    let (result, _) = pushed(redirect).await;
    assert_eq!(result, Err("it answers HTTP 302".to_owned()));
}

#[tokio::test]
async fn a_push_to_a_node_of_ours_is_taken() {
    let core = node(1).await.with_core(GossipAnswer::Accepted);
    let mut other = node(2).await;
    other.transport.push_door(core.node.address(), envelope());
    let Inbound::DoorPushed { result, .. } = other.next().await else { panic!() };
    result.unwrap();
}

#[tokio::test]
async fn a_push_that_is_never_answered_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { push_ms: 200, ..Limits::default() };
    let mut node = node_with(1, 0, limits).await;
    node.transport.push_door(address(listener.local_addr().unwrap()), envelope());
    let Inbound::DoorPushed { result, .. } = node.next().await else { panic!() };
    assert_eq!(result, Err("no answer within 200 ms".to_owned()));
}

#[tokio::test]
async fn a_server_that_is_no_node_is_named_as_such() {
    let mut node = node(1).await;
    let answers: [fn(&str, &str) -> String; 4] = [
        |_, _| http(404, "<html>"),
        |_, _| http(200, r#"{"status":"healthy"}"#),
        |_, _| http(200, r#"{"node_id":7}"#),
        |_, _| http(200, &"x".repeat(100_000)),
    ];
    for answer in answers {
        let (address, _requests) = stranger(answer).await;
        let why = node.fails_to_dial(address).await;
        assert!(why.starts_with("answers HTTP but is neither"), "{why}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_http_is_named_as_such() {
    let (address, _requests) = stranger(|_, _| "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned()).await;
    let why = node(1).await.fails_to_dial(address).await;
    assert!(why.contains("does not speak HTTP"), "{why}");
}

#[tokio::test]
async fn a_trellis_node_behind_a_proxy_without_websockets_is_named_as_such() {
    let (address, _requests) = stranger(|line, _| {
        let health = r#"{"node_id":"x","trellis":{"version":1}}"#;
        if line.contains("/health") { http(200, health) } else { http(502, "") }
    })
    .await;
    let why = node(1).await.fails_to_dial(address).await;
    assert!(why.contains("a Trellis node, but its /link answers HTTP 502"), "{why}");
}
