//! Clients that are slow, idle, many, or send what does not belong here.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::world::{
    Node, PATIENCE, exchange, get, linked, node, node_with, post, read_reply, request,
};
use crate::{GossipAnswer, Limits};

/// Sends bytes and returns how long the server bears with it.
async fn cut_after(node: &Node, bytes: &[u8]) -> Duration {
    let mut stream = TcpStream::connect(node.addr()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let begun = Instant::now();
    read_reply(&mut stream).await;
    begun.elapsed()
}

#[tokio::test]
async fn slow_and_missing_heads_are_cut() {
    let limits = Limits { header_ms: 200, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    for bytes in [&b""[..], b"GET /hea", b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let took = cut_after(&node, bytes).await;
        assert!(Duration::from_millis(150) < took && took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(node.transport.traffic().connections_cut, 3);
}

#[tokio::test]
async fn dripping_a_head_does_not_buy_time() {
    let limits = Limits { header_ms: 300, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    let mut stream = TcpStream::connect(node.addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let begun = Instant::now();
    let mut buffer = [0; 1];
    loop {
        let _refused = stream.write_all(b"x").await;
        let read = timeout(Duration::from_millis(20), stream.read(&mut buffer)).await;
        match read {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(_)) => panic!("an answer to half a head"),
            Err(_) => assert!(begun.elapsed() < PATIENCE),
        }
    }
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let limits = Limits { body_ms: 200, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    let head = b"POST /gossip HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 100\r\n\r\n{";
    let reply = exchange(node.addr(), head).await;
    assert_eq!((reply.status, reply.code().as_str()), (408, "too-slow"));
}

#[tokio::test]
async fn an_idle_connection_outlasts_a_slow_head_and_ends() {
    let limits = Limits { header_ms: 100, idle_ms: 600, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    let took = cut_after(&node, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(Duration::from_millis(500) < took && took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let core = node(1).await.with_core(GossipAnswer::Accepted);
    let addr = core.node.addr();
    let idle = join_all((0..idle_max()).map(|_| TcpStream::connect(addr))).await;
    let mut answering = core.node;
    let mut honest = node(2).await;
    linked(&mut honest, &mut answering).await;
    assert_eq!(get(addr, "/health").await.status, 200);
    drop(idle);
}

/// A thousand, or as many as this process may have open with both ends, beside other tests.
fn idle_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|line| line.split_whitespace().next()?.parse().ok());
    files.map_or(1_000, |files: usize| (files.saturating_sub(500) / 2).min(1_000))
}

#[tokio::test]
async fn idle_connections_make_room_when_the_door_is_full() {
    let limits = Limits { connections_max: 8, ..Limits::default() };
    let mut full = node_with(1, 0, limits).await;
    let idle = join_all((0..50).map(|_| TcpStream::connect(full.addr()))).await;
    let mut honest = node(2).await;
    linked(&mut honest, &mut full).await;
    assert!(full.transport.traffic().connections_open <= 8);
    drop(idle);
}

#[tokio::test]
async fn a_door_full_of_work_says_busy() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let mut full = node_with(1, 0, limits).await;
    let mut honest = node(2).await;
    linked(&mut honest, &mut full).await;
    let reply = get(full.addr(), "/").await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
    assert_eq!(full.transport.traffic().connections_refused, 1);
}

#[tokio::test]
async fn a_full_inbox_says_busy() {
    let limits = Limits { inbox_max: 1, ..Limits::default() };
    let mut node = node_with(1, 0, limits).await;
    let mut first = TcpStream::connect(node.addr()).await.unwrap();
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    loop {
        // Until the first question is in the inbox, the second may be the one that fits.
        let limit = Duration::from_millis(100);
        if let Ok(reply) = timeout(limit, get(node.addr(), "/state")).await {
            assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
            break;
        }
    }
    node.next().await;
}

#[tokio::test]
async fn an_oversize_body_is_told_so() {
    let node = node(1).await;
    for size in [384 * 1024 + 1, 1024 * 1024] {
        let reply = post(node.addr(), &vec![b' '; size]).await;
        assert_eq!((reply.status, reply.code().as_str()), (413, "too-large"));
    }
    let head = b"POST /gossip HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 99999999999\r\n\r\n";
    assert_eq!(exchange(node.addr(), head).await.status, 413);
}

#[tokio::test]
async fn a_compressed_body_is_refused_unread() {
    let node = node(1).await;
    let headers = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let reply = request(node.addr(), "POST /gossip", headers, b"\x1f\x8b").await;
    assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported-media-type"));
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let node = node(1).await;
    for headers in ["", "content-type: text/plain\r\n"] {
        let reply = request(node.addr(), "POST /gossip", headers, b"{}").await;
        assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported-media-type"));
    }
    let headers = "content-type: Application/JSON; charset=utf-8\r\n";
    let reply = request(node.addr(), "POST /gossip", headers, b"{}").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad-field"));
}

#[tokio::test]
async fn what_is_no_json_is_a_problem_over_http_too() {
    let node = node(1).await;
    let deep = "[".repeat(100_000);
    for body in [&b"{\"message_id\":\"i\",\"mess"[..], b"{\"\xff\":1}", deep.as_bytes()] {
        let reply = post(node.addr(), body).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad-json"));
    }
}

#[tokio::test]
async fn what_is_no_http_is_cut() {
    let node = node(1).await;
    let reply =
        exchange(node.addr(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    assert_eq!(reply.status, 400);
    let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let mut stream = TcpStream::connect(node.addr()).await.unwrap();
    // The server may close before all of it is written.
    let _cut = stream.write_all(huge.as_bytes()).await;
    let mut bytes = Vec::new();
    let _cut = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("never closed");
}
