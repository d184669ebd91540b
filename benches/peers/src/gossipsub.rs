//! gossipsub of `libp2p`: real swarms in real time over its memory transport.

mod delayed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::core::Transport as _;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, MemoryTransport};
use libp2p::core::upgrade::Version;
use libp2p::gossipsub::{self, Behaviour, IdentTopic, MessageAuthenticity, MetricsConfig};
use libp2p::identity::Keypair;
use libp2p::metrics::Registry;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::{self, SwarmEvent};
use libp2p::{PeerId, Swarm, plaintext, yamux};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arguments::Sign;
use crate::latency::Latency;
use crate::live::{Count, Deliveries, Delivery, Network, number_of};
use delayed::Delayed;

/// Swarms of this process.
#[derive(Debug)]
pub struct Gossipsub {
    nodes: Vec<mpsc::Sender<Order>>,
    registries: Vec<Registry>,
    written: Arc<AtomicU64>,
    /// Ends the nodes when it is dropped.
    _tasks: JoinSet<()>,
}

/// What a node is told.
#[derive(Debug)]
enum Order {
    /// How many peers does it send whole messages to?
    Mesh(oneshot::Sender<usize>),
    Publish(Vec<u8>, oneshot::Sender<Result<(), String>>),
}

impl Gossipsub {
    /// Starts nodes that dial six others each, and waits until everybody has a mesh.
    pub async fn start(
        nodes: usize,
        latency: Latency,
        sign: Sign,
    ) -> anyhow::Result<(Self, Deliveries)> {
        let (delivered, deliveries) = mpsc::unbounded_channel();
        let written = Arc::new(AtomicU64::new(0));
        let (mut senders, mut registries) = (Vec::new(), Vec::new());
        let (mut tasks, mut swarms) = (JoinSet::new(), Vec::new());
        for node in 0..nodes {
            let mut registry = Registry::default();
            let site = Site { node, latency: latency.clone(), written: written.clone() };
            let mut swarm = swarm_of(site, sign, &mut registry)?;
            swarm.listen_on(address_of(node))?;
            swarm.behaviour_mut().subscribe(&topic())?;
            registries.push(registry);
            swarms.push(swarm);
        }
        for (node, contacts) in contacts(nodes, latency.seed).into_iter().enumerate() {
            for contact in contacts {
                swarms[node].dial(address_of(contact))?;
            }
        }
        for (node, swarm) in swarms.into_iter().enumerate() {
            let (sender, orders) = mpsc::channel(ORDERS_MAX);
            tasks.spawn(live(node, swarm, orders, delivered.clone()));
            senders.push(sender);
        }
        let network = Self { nodes: senders, registries, written, _tasks: tasks };
        network.until_meshed().await?;
        Ok((network, deliveries))
    }

    async fn until_meshed(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + MESH_WAIT;
        loop {
            let mut smallest = usize::MAX;
            for node in &self.nodes {
                let (answer, answered) = oneshot::channel();
                node.send(Order::Mesh(answer)).await.context("a node has ended")?;
                smallest = smallest.min(answered.await.context("a node has ended")?);
            }
            if MESH_MIN <= smallest {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "a node has a mesh of {smallest} only");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

impl Network for Gossipsub {
    const ENGINE: &'static str = "gossipsub D=6 (libp2p 0.57.1)";

    async fn publish(&mut self, source: usize, payload: Vec<u8>) -> anyhow::Result<()> {
        let (answer, answered) = oneshot::channel();
        let node = self.nodes.get(source).context("no such node")?;
        node.send(Order::Publish(payload, answer)).await.context("a node has ended")?;
        answered.await.context("a node has ended")?.map_err(anyhow::Error::msg)
    }

    async fn count(&mut self) -> anyhow::Result<Count> {
        let mut payloads = 0;
        for registry in &self.registries {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry)?;
            payloads += text.lines().filter_map(received).sum::<u64>();
        }
        Ok(Count { bytes: self.written.load(Ordering::Relaxed), payloads: Some(payloads) })
    }
}

/// Reads the counter of payloads, those that came again included.
fn received(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("topic_msg_recv_counts_unfiltered_total{")?;
    rest.rsplit_once(' ')?.1.parse().ok()
}

/// One node's life.
async fn live(
    node: usize,
    mut swarm: Swarm<Behaviour>,
    mut orders: mpsc::Receiver<Order>,
    delivered: mpsc::UnboundedSender<Delivery>,
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) = event
                    && let Some(number) = number_of(&message.data)
                    && delivered.send(Delivery { number, node, at: Instant::now() }).is_err()
                {
                    return;
                }
            }
            order = orders.recv() => match order {
                Some(Order::Mesh(answer)) => {
                    let mesh = swarm.behaviour().mesh_peers(&topic().hash()).count();
                    let _gone = answer.send(mesh);
                }
                Some(Order::Publish(payload, answer)) => {
                    let outcome = swarm.behaviour_mut().publish(topic(), payload);
                    let _gone = answer.send(outcome.map(|_| ()).map_err(|it| it.to_string()));
                }
                None => return,
            },
        }
    }
}

/// Where a node stands.
#[derive(Clone)]
struct Site {
    node: usize,
    latency: Latency,
    written: Arc<AtomicU64>,
}

fn swarm_of(site: Site, sign: Sign, registry: &mut Registry) -> anyhow::Result<Swarm<Behaviour>> {
    let key = Keypair::generate_ed25519();
    let peer = PeerId::from(key.public());
    let transport = transport(site, &key);
    let mut config = gossipsub::ConfigBuilder::default();
    let authenticity = match sign {
        Sign::Signed => MessageAuthenticity::Signed(key),
        Sign::Anonymous => {
            config.validation_mode(gossipsub::ValidationMode::Anonymous);
            config.message_id_fn(|message| {
                gossipsub::MessageId::from(message.data.get(..12).unwrap_or_default().to_vec())
            });
            MessageAuthenticity::Anonymous
        }
    };
    let behaviour = Behaviour::new(authenticity, config.build()?)
        .map_err(anyhow::Error::msg)?
        .with_metrics(registry, MetricsConfig::default());
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(A_DAY);
    Ok(Swarm::new(transport, behaviour, peer, config))
}

/// Memory, delay, a handshake that proves no more than names, and streams.
fn transport(site: Site, key: &Keypair) -> Boxed<(PeerId, StreamMuxerBox)> {
    MemoryTransport::new()
        .and_then(move |mut stream, _| {
            let Site { node, latency, written } = site.clone();
            async move {
                // Only the dialler knows whom it dials, so both say who they are; not counted.
                stream
                    .write_all(&(node as u64).to_be_bytes())
                    .await
                    .map_err(std::io::Error::other)?;
                stream.flush().await?;
                let mut other = [0; 8];
                stream.read_exact(&mut other).await?;
                let other = usize::try_from(u64::from_be_bytes(other)).unwrap_or_default();
                let delay = latency.between(node, other);
                Ok::<_, std::io::Error>(Delayed::new(stream, delay, written))
            }
        })
        .upgrade(Version::V1)
        .authenticate(plaintext::Config::new(key))
        .multiplex(yamux::Config::default())
        .boxed()
}

/// Six others for each node, or as many as are left, with no pair twice: about twelve connections
/// each.
fn contacts(nodes: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut contacts: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for node in 0..nodes {
        let strangers = (0..nodes).filter(|&other| {
            other != node && !contacts[other].contains(&node) && !contacts[node].contains(&other)
        });
        let mut strangers: Vec<usize> = strangers.collect();
        for _ in 0..DIALS.min(strangers.len()) {
            let wide = u128::from(random.next_u64()) * strangers.len() as u128;
            let chosen = strangers.swap_remove(usize::try_from(wide >> 64).unwrap_or_default());
            contacts[node].push(chosen);
        }
    }
    contacts
}

fn address_of(node: usize) -> Multiaddr {
    Protocol::Memory(PORT_FIRST + node as u64).into()
}

fn topic() -> IdentTopic {
    IdentTopic::new("peers")
}

const DIALS: usize = 6;
const PORT_FIRST: u64 = 1_000_000;
const ORDERS_MAX: usize = 64;
/// The default lower bound of a mesh.
const MESH_MIN: usize = 5;
/// The first heartbeat comes after five seconds.
const MESH_WAIT: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Model;
    use crate::live::{Plan, measure};
    use crate::usage;
    use crate::workload::{Sources, Workload};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_few_real_swarms_hear_everything() {
        let latency = Latency::new(1, Model::Range(10, 20));
        let (network, deliveries) = Gossipsub::start(14, latency, Sign::Signed).await.unwrap();
        let workload = Workload {
            nodes: 14,
            payload_bytes: 256,
            sources: Sources::Rotating,
            warm_up: 2,
            messages: 5,
            per_second: 10.0,
        };
        let plan = Plan {
            idle: Duration::from_secs(1),
            resident_bytes_before: usage::resident_bytes().unwrap(),
        };
        let row = measure(network, deliveries, &workload, &plan).await.unwrap();
        assert_eq!((row.deliveries, row.wanted), (65, 65));
        // Payload, author, number and signature at least; a mesh sends more than a tree.
        assert!(1.5 < row.copies.unwrap() && 600.0 < row.wire_bytes.unwrap(), "{row:?}");
        assert!(10.0 <= row.p50_ms.unwrap(), "nothing is faster than its way");
    }
}
