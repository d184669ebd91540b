//! Nodes that speak only HTTP, only QUIC, only TCP, and some that speak all: one network.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::lab::{Lab, settings};
use crate::start;

const HTTP: &[(&str, &str)] = &[];
const QUIC: &[(&str, &str)] = &[
    ("http.listen", "none"),
    ("libp2p.listen", "/ip4/127.0.0.1/udp/0/quic-v1"),
    ("peers.dial", "quic"),
];
const TCP: &[(&str, &str)] =
    &[("http.listen", "none"), ("libp2p.listen", "/ip4/127.0.0.1/tcp/0"), ("peers.dial", "tcp")];
const ALL: &[(&str, &str)] = &[
    ("libp2p.listen", "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0"),
    ("peers.dial", "quic,tcp,http"),
];

/// Starts a node of the test's own network.
async fn node(flags: &[(&str, &str)], peers: &[String]) -> Lab {
    let dir: TempDir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("network.toml"), "name = \"mixed-test\"\n").unwrap();
    let peers = peers.join(",");
    let flags: Vec<(&str, &str)> =
        flags.iter().copied().chain([("peers.bootstrap", peers.as_str())]).collect();
    let node = start(settings(Path::new(dir.path()), &flags)).await.unwrap();
    Lab { dir, node, client: Client::new() }
}

async fn root(lab: &Lab) -> Value {
    lab.get("/v1/status").await.1["state"].clone()
}

/// Waits until all nodes hold so many entries and have one root.
async fn agree(labs: &[Lab], entries: usize) {
    let begun = Instant::now();
    loop {
        let mut states = Vec::new();
        for lab in labs {
            states.push(root(lab).await);
        }
        let one = states.iter().all(|it| it["root"] == states[0]["root"]);
        if one && states[0]["entries"] == entries {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{states:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_crosses_from_every_medium_to_every_other() {
    // LIBP2P-6
    let first = node(ALL, &[]).await;
    let door = first.node.http_url().unwrap();
    let [quic, tcp] = first.node.listeners() else { panic!("two listeners") };
    let (quic, tcp) = (quic.clone(), tcp.clone());
    let mut labs = vec![first, node(ALL, std::slice::from_ref(&quic)).await];
    for _ in 0..3 {
        labs.push(node(HTTP, std::slice::from_ref(&door)).await);
        labs.push(node(QUIC, std::slice::from_ref(&quic)).await);
    }
    labs.push(node(TCP, std::slice::from_ref(&tcp)).await);
    agree(&labs, 0).await;
    for (number, lab) in labs.iter().enumerate() {
        let (status, said) = lab.put(&format!("from-{number}"), &number.to_string()).await;
        assert!(status.is_success(), "{said}");
        let message = json!({ "topic": "mixed", "payload": number }).to_string();
        let (status, said) = lab.send(Method::POST, "/v1/messages", message).await;
        assert!(status.is_success(), "{said}");
    }
    agree(&labs, labs.len()).await;
    for lab in &labs {
        let begun = Instant::now();
        while lab.get("/v1/status").await.1["messages"]["count"] != labs.len() {
            assert!(begun.elapsed() < Duration::from_secs(60), "a message is missing");
            tokio::task::yield_now().await;
        }
    }
    media(&labs).await;
    for lab in labs {
        lab.stop().await;
    }
}

/// Each node has links of its own media alone; those that speak all have one of each.
async fn media(labs: &[Lab]) {
    for (number, lab) in labs.iter().enumerate() {
        let (_, peers) = lab.get("/v1/peers").await;
        let links = peers["peers"].as_array().unwrap().iter();
        let mut media: Vec<&str> = links.filter_map(|it| it["medium"].as_str()).collect();
        media.sort_unstable();
        media.dedup();
        let expected: &[&str] = match number {
            0 => &["http", "quic", "tcp"],
            1 => continue,
            8 => &["tcp"],
            even if even % 2 == 0 => &["http"],
            _ => &["quic"],
        };
        assert_eq!(media, expected, "node {number}: {peers}");
    }
}
