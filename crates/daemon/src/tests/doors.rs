//! Two nodes and the public door: what passes between them, and what it costs.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::lab::Lab;

async fn door(lab: &Lab, path: &str) -> Value {
    let url = lab.node.http_url().unwrap() + path;
    lab.client.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn roots_become_equal_and_each_record_is_checked_once() {
    let first = Lab::start().await;
    let second = Lab::with(&[("peers.bootstrap", &first.node.http_url().unwrap())]).await;
    let lines: String =
        (0..500).map(|n| format!("{{\"name\":\"n{n}\",\"value\":{n}}}\n")).collect();
    let (status, written) = first.send(Method::POST, "/v1/import", lines).await;
    assert_eq!(status, 200, "{written}");
    let commands = second.node.commands();
    let mut feed = commands.events().subscribe(None);
    while commands.status().await.unwrap().state.root.to_string() != written["root"] {
        tokio::time::timeout(Duration::from_secs(20), feed.next()).await.unwrap();
    }
    let counters = commands.status().await.unwrap().counters;
    // The 500 entries, and the first node's profile, which came with its hello.
    assert!((500..=501).contains(&counters.verified), "{counters:?}");
    let state = door(&second, "/state").await;
    assert_eq!(state["merkle_root"], written["root"]);
    let peers = door(&second, "/peers").await;
    assert_eq!(peers[0]["peer_id"], first.node.node_id().to_string());
    assert_eq!(peers[0]["url"], first.node.http_url().unwrap());
    let health = door(&second, "/health").await;
    assert_eq!((&health["status"], &health["peer_count"]), (&"healthy".into(), &1.into()));
    let (_, status) = second.get("/v1/status").await;
    assert_eq!((&status["links"], &status["known"]), (&1.into(), &1.into()));
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_head_is_cut_off() {
    let lab = Lab::start().await;
    let address = lab.node.api_url().trim_start_matches("http://").to_owned();
    let mut slow = TcpStream::connect(&address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
    // Meanwhile others are served.
    assert_eq!(lab.client.get(lab.url("/livez")).send().await.unwrap().status(), 200);
    let mut answer = Vec::new();
    let end = slow.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), end).await.unwrap().unwrap();
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_keep_the_operator_out() {
    let lab = Lab::start().await;
    let address = lab.node.api_url().trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    // They hold their places no longer than a head may take.
    let live = lab.client.get(lab.url("/livez")).send();
    let response = tokio::time::timeout(Duration::from_secs(30), live).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    lab.stop().await;
}
