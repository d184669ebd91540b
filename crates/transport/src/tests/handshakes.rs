//! Who may link, who may not, and what both sides are told.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use wire::{Identity, NetworkId, Proof};

use super::channel::part;
use super::world::{Node, PATIENCE, address, node, node_with};
use crate::channel::{Sealer, StaticKey};
use crate::{Inbound, Limits};

type Socket = WebSocketStream<TcpStream>;

/// A WebSocket to a node's `/link`, by a client that is no node.
async fn dial(node: &Node) -> Socket {
    let stream = TcpStream::connect(node.addr()).await.unwrap();
    client_async(format!("ws://{}/link", node.addr()), stream).await.unwrap().0
}

async fn heard(socket: &mut Socket) -> Option<Message> {
    timeout(PATIENCE, socket.next()).await.expect("nothing comes").and_then(Result::ok)
}

/// The text of the close frame that ends the connection.
async fn farewell(socket: &mut Socket) -> String {
    loop {
        match heard(socket).await {
            Some(Message::Close(Some(frame))) => return frame.reason.to_string(),
            Some(_) => {}
            None => panic!("closed without a reason"),
        }
    }
}

/// Plays the initiator up to its proof, which the caller makes from the channel's key.
async fn prove(node: &Node, proof: impl FnOnce([u8; 32]) -> Vec<u8>) -> (Socket, Sealer) {
    let key = StaticKey::generate();
    let mut handshake = key.initiate();
    let mut socket = dial(node).await;
    socket.send(Message::Binary(handshake.write(&[]).into())).await.unwrap();
    let Some(Message::Binary(answer)) = heard(&mut socket).await else { panic!() };
    handshake.read(&answer).unwrap();
    let last = handshake.write(&proof(key.public()));
    socket.send(Message::Binary(last.into())).await.unwrap();
    (socket, handshake.finish().unwrap().0)
}

fn good(key: [u8; 32]) -> Vec<u8> {
    Proof::new(&Identity::from_seed([9; 32]), NetworkId::default(), &key).encode()
}

/// Expects that a proof is refused, and that the client is told why.
async fn refused(proof: impl FnOnce([u8; 32]) -> Vec<u8>, part: &str) {
    let node = node(1).await;
    let (mut socket, _) = prove(&node, proof).await;
    let why = farewell(&mut socket).await;
    assert!(why.contains(part), "{why}");
    drop(socket);
    node.transport.stop(PATIENCE).await;
    assert_eq!(node.transport.traffic().handshakes.completed, 0);
    assert_eq!(node.transport.traffic().links_open, 0);
}

/// Replaces the only occurrence of `old`.
fn replaced(mut proof: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = proof.windows(old.len()).position(|it| it == old).unwrap();
    proof[at..at + old.len()].copy_from_slice(new);
    proof
}

#[tokio::test]
async fn a_good_proof_links() {
    // LINK-1
    let mut node = node(1).await;
    let (mut socket, mut sealer) = prove(&node, good).await;
    assert_eq!(node.linked().await.peer, Identity::from_seed([9; 32]).id());
    socket.send(Message::Binary(sealer.seal(&part(b"hello")).unwrap())).await.unwrap();
    assert_eq!(node.frame().await, "hello");
}

#[tokio::test]
async fn another_network_is_refused_on_both_sides() {
    let mut left = node_with(1, 0xaa, Limits::default()).await;
    let right = node_with(2, 0xbb, Limits::default()).await;
    let why = left.fails_to_dial(right.address()).await;
    assert_eq!(why, "wrong network: ours aaaaaaaa.., yours bbbbbbbb..");
    right.transport.stop(PATIENCE).await;
    assert_eq!(left.transport.traffic().handshakes.wrong_network, 1);
    assert_eq!(right.transport.traffic().handshakes.wrong_network, 1);
    let foreign = |key| {
        let network = NetworkId::from_slice(&[0xcc; 32]).unwrap();
        Proof::new(&Identity::from_seed([9; 32]), network, &key).encode()
    };
    refused(foreign, "wrong network: ours 00000000.., yours cccccccc..").await;
}

#[tokio::test]
async fn nobody_links_to_itself() {
    let mut left = node(1).await;
    let twin = node(1).await;
    let own = left.address();
    assert_eq!(left.fails_to_dial(own).await, "that is this node itself");
    assert_eq!(left.fails_to_dial(twin.address()).await, "that is this node itself");
}

#[tokio::test]
async fn a_proof_for_another_channel_is_refused() {
    refused(|_| good([7; 32]), "does not fit").await;
}

#[tokio::test]
async fn a_tampered_proof_is_refused() {
    let other = Identity::from_seed([8; 32]).id();
    let own = Identity::from_seed([9; 32]).id();
    refused(|key| replaced(good(key), own.as_bytes(), other.as_bytes()), "does not fit").await;
    refused(|_| b"nonsense".to_vec(), "does not fit").await;
    refused(|_| Vec::new(), "does not fit").await;
}

#[tokio::test]
async fn a_weak_key_is_refused() {
    let own = Identity::from_seed([9; 32]).id();
    let mut weak = [0; 32];
    weak[0] = 1;
    refused(|key| replaced(good(key), own.as_bytes(), &weak), "does not fit").await;
}

#[tokio::test]
async fn a_server_with_a_stale_proof_is_refused_and_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut node = node(1).await;
    node.transport.dial(address(listener.local_addr().unwrap()));
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = accept_async(stream).await.unwrap();
    let key = StaticKey::generate();
    let mut handshake = key.respond();
    let Some(Message::Binary(first)) = heard(&mut socket).await else { panic!() };
    handshake.read(&first).unwrap();
    let answer = handshake.write(&good([7; 32]));
    socket.send(Message::Binary(answer.into())).await.unwrap();
    assert!(farewell(&mut socket).await.contains("does not fit"));
    drop(socket);
    let Inbound::DialFailed { why, .. } = node.next().await else { panic!() };
    assert!(why.contains("does not fit"), "{why}");
    assert_eq!(node.transport.traffic().handshakes.forged, 1);
}

#[tokio::test]
async fn a_half_open_websocket_is_closed() {
    let limits = Limits { handshake_ms: 200, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    let mut socket = dial(&node).await;
    assert_eq!(farewell(&mut socket).await, "the handshake took too long");
    drop(socket);
    node.transport.stop(PATIENCE).await;
    assert_eq!(node.transport.traffic().handshakes.timed_out, 1);
    assert_eq!(node.transport.traffic().connections_open, 0);
}

#[tokio::test]
async fn an_upgrade_that_never_happens_is_cut() {
    let limits = Limits { handshake_ms: 200, header_ms: 100, ..Limits::default() };
    let node = node_with(1, 0, limits).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (version, more) in [("1.0", ""), ("1.1", "content-length: 9\r\n"), ("1.1", "")] {
        let head = format!("GET /link HTTP/{version}\r\nhost: x\r\n{upgrade}{more}\r\n");
        let mut stream = TcpStream::connect(node.addr()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // What matters is that it ends.
        let _answer = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("not cut");
    }
    node.transport.stop(PATIENCE).await;
    assert_eq!(node.transport.traffic().connections_open, 0);
}

#[tokio::test]
async fn a_told_peer_knows_why_its_link_ended() {
    let mut node = node(1).await;
    let (mut socket, _) = prove(&node, good).await;
    let linked = node.linked().await;
    socket.send(Message::binary(vec![0; 100])).await.unwrap();
    assert_eq!(farewell(&mut socket).await, "what arrived does not decrypt");
    drop(socket);
    node.closed(linked.link).await;
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let node = node(1).await;
    for message in [Message::text("hi"), Message::binary(vec![0; 20]), Message::binary(vec![])] {
        let mut socket = dial(&node).await;
        socket.send(message).await.unwrap();
        assert!(farewell(&mut socket).await.contains("no Noise handshake"));
    }
}

/// Expects that a linked peer is thrown out for a message.
async fn thrown_out(message: Message, part: &str) {
    let limits = Limits { farewell_ms: 100, ..Limits::default() };
    let mut node = node_with(1, 0, limits).await;
    let (mut socket, _) = prove(&node, good).await;
    let linked = node.linked().await;
    // The node may close before all of it is written.
    let _cut = socket.send(message).await;
    let why = node.closed(linked.link).await;
    assert!(why.contains(part), "{why}");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_link() {
    thrown_out(Message::text("hi"), "text message").await;
    thrown_out(Message::binary(vec![0; 100]), "does not decrypt").await;
    thrown_out(Message::binary(vec![]), "does not decrypt").await;
    thrown_out(Message::binary(vec![0; 17_000]), "too long").await;
    thrown_out(Message::binary(vec![0; 600_000]), "too long").await;
}

#[tokio::test]
async fn a_peer_that_accepts_no_data_is_dropped() {
    let limits = Limits { drain_ms: 300, farewell_ms: 100, ..Limits::default() };
    let mut node = node_with(1, 0, limits).await;
    let (_socket, _) = prove(&node, good).await;
    let linked = node.linked().await;
    let why = loop {
        for _ in 0..64 {
            let frame = vec![0; 64 * 1024].into();
            node.transport.send(linked.link, wire::Class::Normal, &frame);
        }
        match timeout(Duration::from_millis(10), node.inbox.recv()).await {
            Ok(Some(Inbound::Closed { why, .. })) => break why,
            Ok(Some(Inbound::Congested { .. })) | Err(_) => {}
            Ok(other) => panic!("neither closed nor congested but {other:?}"),
        }
    };
    assert_eq!(why, "the peer accepted no data for 300 ms");
}
