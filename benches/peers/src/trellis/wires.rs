//! The distance between nodes that think they are on one machine: a process of relays, one before
//! each node's door, which hold every byte back for as long as its way takes.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::latency::Latency;

/// What all relays share.
#[derive(Debug)]
struct Relays {
    latency: Latency,
    /// Where each node's own door is, once it is known.
    doors: Mutex<Vec<Option<SocketAddr>>>,
    carried: AtomicU64,
}

/// Serves until its input ends: writes the ports of the relays on one line, then reads `door NODE
/// ADDRESS`, and answers `bytes` with what has been carried so far, both ways together.
pub async fn serve(nodes: usize, latency: Latency) -> anyhow::Result<()> {
    let doors = Mutex::new(vec![None; nodes]);
    let relays = Arc::new(Relays { latency, doors, carried: AtomicU64::new(0) });
    let mut ports = Vec::new();
    for node in 0..nodes {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        ports.push(listener.local_addr()?.port().to_string());
        tokio::spawn(accept(relays.clone(), listener, node));
    }
    say(&ports.join(" "))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["bytes"] => say(&relays.carried.load(Ordering::Relaxed).to_string())?,
            ["door", node, address] => relays.set_door(node.parse()?, address.parse()?)?,
            _ => anyhow::bail!("what is {line:?}?"),
        }
    }
    Ok(())
}

/// Returns the address that a node dials from: the relays know it by that.
pub fn ip_of(node: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(node).unwrap_or(u16::MAX).to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}

fn node_at(ip: IpAddr) -> Option<usize> {
    match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [127, 77, high, low] => Some(usize::from(u16::from_be_bytes([high, low]))),
            _ => None,
        },
        IpAddr::V6(_) => None,
    }
}

impl Relays {
    fn set_door(&self, node: usize, address: SocketAddr) -> anyhow::Result<()> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        *doors.get_mut(node).context("no such node")? = Some(address);
        Ok(())
    }

    fn door(&self, node: usize) -> Option<SocketAddr> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.get(node).copied().flatten()
    }
}

async fn accept(relays: Arc<Relays>, listener: TcpListener, node: usize) {
    while let Ok((stream, from)) = listener.accept().await {
        // Without a door or without a known dialler there is no way: the connection closes.
        if let (Some(door), Some(dialler)) = (relays.door(node), node_at(from.ip())) {
            let delay = relays.latency.between(dialler, node);
            tokio::spawn(relay(relays.clone(), stream, (from.ip(), door), delay));
        }
    }
}

/// Carries one connection, both ways, until both have ended.
async fn relay(
    relays: Arc<Relays>,
    stream: TcpStream,
    (from, door): (IpAddr, SocketAddr),
    delay: Duration,
) {
    // The node behind the door sees the dialler's address, as it would without us.
    let connect = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(door).await
    };
    let Ok(onward) = connect.await else { return };
    if stream.set_nodelay(true).is_err() || onward.set_nodelay(true).is_err() {
        return;
    }
    let (near_in, near_out) = stream.into_split();
    let (far_in, far_out) = onward.into_split();
    tokio::spawn(carry(relays.clone(), near_in, far_out, delay));
    carry(relays, far_in, near_out, delay).await;
}

/// Carries one direction; its end travels as long as its bytes.
async fn carry(
    relays: Arc<Relays>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY_MAX);
    let read = async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            relays.carried.fetch_add(count as u64, Ordering::Relaxed);
            let due = Instant::now() + delay;
            if sender.send((due, chunk[..count].to_vec())).await.is_err() {
                return;
            }
        }
        // What ended is noticed at the other end as late as all else.
        let _gone = sender.send((Instant::now() + delay, Vec::new())).await;
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

const CHUNK_BYTES: usize = 16 * 1_024;
/// Chunks on one way at once; beyond, the sender's socket fills, as on a long way with a window.
const UNDER_WAY_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Model;

    #[test]
    fn an_address_names_its_node() {
        for node in [0, 1, 255, 256, 9_999] {
            assert_eq!(node_at(ip_of(node).into()), Some(node));
        }
        assert_eq!(node_at(Ipv4Addr::LOCALHOST.into()), None);
    }

    #[tokio::test]
    async fn a_relay_holds_bytes_back_both_ways_and_counts_them() {
        let latency = Latency::new(1, Model::Range(30, 30));
        let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relays = Arc::new(Relays {
            latency,
            doors: Mutex::new(vec![None, Some(door.local_addr().unwrap())]),
            carried: AtomicU64::new(0),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(accept(relays.clone(), listener, 1));
        let echo = async {
            let (mut stream, from) = door.accept().await.unwrap();
            assert_eq!(node_at(from.ip()), Some(0));
            let mut bytes = [0; 5];
            stream.read_exact(&mut bytes).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        };
        let dial = async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::new(ip_of(0).into(), 0)).unwrap();
            let mut stream = socket.connect(at).await.unwrap();
            let began = Instant::now();
            stream.write_all(b"hello").await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            assert_eq!(bytes, b"hello");
            assert!(Duration::from_millis(60) <= began.elapsed());
        };
        tokio::join!(echo, dial);
        assert_eq!(relays.carried.load(Ordering::Relaxed), 10);
    }
}
