//! Strangers who ask a node to pass links on for them.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::StreamExt as _;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, SwarmBuilder, noise, relay, yamux};
use tokio::time::timeout;

use super::members::{Authority, said};
use super::world::{PATIENCE, Way, start};
use crate::{Config, Limits};

/// Asks a public node, as any program with libp2p may. Says whether it passes links on.
async fn granted(private: bool) -> bool {
    let authority = Authority::new(90);
    let config = Way::Quic.config(1, 0, Limits::default());
    let mut libp2p = config.libp2p.clone().unwrap();
    libp2p.relays_at = vec![wire::Multiaddr::quic(IpAddr::V4(Ipv4Addr::LOCALHOST), 8888)];
    let private = private.then(|| authority.private(authority.sign(&said(1))));
    let id = config.identity.id();
    let node = start(Config { private, libp2p: Some(libp2p), ..config }).await;
    let at = format!("{}/p2p/{id}", node.address()).parse::<Multiaddr>().unwrap();

    let stranger = SwarmBuilder::with_new_identity().with_tokio().with_quic();
    let stranger = stranger.with_relay_client(noise::Config::new, yamux::Config::default).unwrap();
    let mut stranger = stranger.with_behaviour(|_, client| client).unwrap().build();
    let asked = stranger.listen_on(at.with(Protocol::P2pCircuit)).unwrap();
    let answer = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::Behaviour(relay::client::Event::ReservationReqAccepted { .. }) => {
                    return true;
                }
                SwarmEvent::ListenerClosed { listener_id, .. } if listener_id == asked => {
                    return false;
                }
                _ => {}
            }
        }
    };
    timeout(PATIENCE, answer).await.unwrap()
}

#[tokio::test]
async fn a_public_node_of_an_open_network_passes_links_on() {
    // NAT-4
    assert!(granted(false).await);
}

#[tokio::test]
async fn in_a_private_network_nobody_does() {
    // NAT-5
    assert!(!granted(true).await);
}
