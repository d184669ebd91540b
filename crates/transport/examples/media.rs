//! A record over each medium: round trips, frames and set-up, beside raw TCP and UDP.
//!
//! `cargo run --release -p transport --example media [ROUND_TRIPS [DIALS]]`
//!
//! Two nodes in one process, loopback, frames of 300 B in class normal. The second node sends back what it gets;
//! raw sockets do the same. `in flight` is how many frames are on their way at once. One way: frames
//! are sent as fast as the queue takes them.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::env;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use transport::{
    Config, Inbound, Inbox, Libp2p, Limits, LinkNumber, Roots, Security, Sent, Transport,
};
use wire::{Address, Class, Identity, NetworkId};

/// What carries the frames.
#[derive(Clone, Copy, Debug)]
enum Way {
    Link,
    Noise,
    Quic,
    Tls,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Link => "/link (HTTP, Noise)",
            Self::Noise => "TCP + Noise + Yamux",
            Self::Quic => "QUIC",
            Self::Tls => "TCP + TLS + Yamux",
        }
    }

    async fn start(self, seed: u8) -> (Transport, Inbox) {
        let libp2p = |listen: &str, security| {
            Some(Libp2p { listen: vec![listen.parse().unwrap()], security, ..Libp2p::default() })
        };
        let tcp = "/ip4/127.0.0.1/tcp/0";
        let (listen, libp2p) = match self {
            Self::Link => (Some(SocketAddr::from(([127, 0, 0, 1], 0))), None),
            Self::Noise => (None, libp2p(tcp, Security::Noise)),
            Self::Quic => (None, libp2p("/ip4/127.0.0.1/udp/0/quic-v1", Security::Any)),
            Self::Tls => (None, libp2p(tcp, Security::Tls)),
        };
        let config = Config {
            listen,
            certificate: None,
            roots: Roots::default(),
            private: None,
            libp2p,
            dial_from: None,
            identity: Identity::from_seed([seed; 32]),
            network: NetworkId::default(),
            agent: "media/1".to_owned(),
            limits: Limits::default(),
        };
        Transport::start(config).await.unwrap()
    }
}

/// What came of one way.
struct Row {
    name: &'static str,
    set_up: Option<Duration>,
    one: Duration,
    many_per_s: f64,
    frames_per_s: Option<f64>,
}

#[tokio::main]
async fn main() {
    let mut arguments = env::args().skip(1).map(|it| it.parse::<usize>().unwrap());
    let trips = arguments.next().unwrap_or(20_000);
    let dials = arguments.next().unwrap_or(200);
    println!(
        "| | set-up p50 | round trip p50, 1 in flight | round trips/s, 64 in flight | frames/s, one way |"
    );
    println!("|---|---|---|---|---|");
    print(&raw_tcp(trips).await);
    print(&raw_udp(trips).await);
    for way in [Way::Link, Way::Noise, Way::Tls, Way::Quic] {
        print(&measure(way, trips, dials).await);
    }
}

fn print(row: &Row) {
    let us = |it: Duration| format!("{} us", it.as_micros());
    println!(
        "| {} | {} | {} | {:.0} | {} |",
        row.name,
        row.set_up.map_or_else(|| "-".to_owned(), us),
        us(row.one),
        row.many_per_s,
        row.frames_per_s.map_or_else(|| "-".to_owned(), |it| format!("{it:.0}")),
    );
}

async fn measure(way: Way, trips: usize, dials: usize) -> Row {
    let (here, mut inbox) = way.start(1).await;
    let (there, other) = way.start(2).await;
    let address = match there.listeners() {
        [] => format!("http://{}", there.local_addr().unwrap()).parse().unwrap(),
        [listener, ..] => Address::Libp2p(Box::new(listener.clone())),
    };
    tokio::spawn(send_back(there.clone(), other));
    let mut set_up = Vec::new();
    let link = loop {
        let begun = Instant::now();
        here.dial(address.clone());
        let link = linked(&mut inbox).await;
        set_up.push(begun.elapsed());
        if set_up.len() == dials {
            break link;
        }
        here.close(link, None);
        closed(&mut inbox, link).await;
    };
    let one = round_trips(&here, &mut inbox, link, trips / 4, 1).await;
    let many = round_trips(&here, &mut inbox, link, trips, 64).await;
    let frames_per_s = one_way(&here, &mut inbox, link, trips * 4).await;
    here.stop(Duration::from_secs(5)).await;
    there.stop(Duration::from_secs(5)).await;
    Row {
        name: way.name(),
        set_up: Some(median(set_up)),
        one: one.0,
        many_per_s: many.1,
        frames_per_s: Some(frames_per_s),
    }
}

/// Sends back what comes in class normal, and one frame for every thousand in class bulk.
async fn send_back(transport: Transport, mut inbox: Inbox) {
    let mut counted = 0_u64;
    while let Some(inbound) = inbox.recv().await {
        let Inbound::Frame { link, class, bytes } = inbound else { continue };
        counted += 1;
        match class {
            Class::Bulk if counted.is_multiple_of(EVERY) => {
                transport.send(link, Class::Normal, &bytes);
            }
            Class::Bulk => {}
            Class::Alert | Class::Control | Class::Normal => {
                counted = 0;
                transport.send(link, Class::Normal, &bytes);
            }
        }
    }
}

async fn linked(inbox: &mut Inbox) -> LinkNumber {
    loop {
        match inbox.recv().await.unwrap() {
            Inbound::Linked(linked) => return linked.link,
            Inbound::DialFailed { why, .. } => panic!("{why}"),
            _ => {}
        }
    }
}

async fn closed(inbox: &mut Inbox, expected: LinkNumber) {
    loop {
        if matches!(inbox.recv().await.unwrap(), Inbound::Closed { link, .. } if link == expected) {
            return;
        }
    }
}

/// Returns the median round trip and how many there were in a second.
async fn round_trips(
    here: &Transport,
    inbox: &mut Inbox,
    link: LinkNumber,
    count: usize,
    in_flight: usize,
) -> (Duration, f64) {
    let frame = Bytes::from(vec![7; FRAME_BYTES]);
    let (mut sent, mut took) = (std::collections::VecDeque::new(), Vec::new());
    let begun = Instant::now();
    for _ in 0..in_flight {
        sent.push_back(Instant::now());
        assert_eq!(here.send(link, Class::Normal, &frame), Sent::Queued);
    }
    while took.len() < count {
        let Some(Inbound::Frame { .. }) = inbox.recv().await else { continue };
        took.push(sent.pop_front().unwrap().elapsed());
        sent.push_back(Instant::now());
        assert_eq!(here.send(link, Class::Normal, &frame), Sent::Queued);
    }
    let per_s = per_s(count, begun);
    while sent.pop_front().is_some() {
        while !matches!(inbox.recv().await, Some(Inbound::Frame { .. })) {}
    }
    (median(took), per_s)
}

/// Returns how many frames arrive in a second.
async fn one_way(here: &Transport, inbox: &mut Inbox, link: LinkNumber, count: usize) -> f64 {
    let frame = Bytes::from(vec![7; FRAME_BYTES]);
    let rounds = count / usize::try_from(EVERY).unwrap();
    let (mut sent, mut answered) = (0, 0);
    let begun = Instant::now();
    while answered < rounds {
        // No more than the queue holds are on their way.
        while sent < rounds && sent < answered + 3 {
            for _ in 0..EVERY {
                while here.send(link, Class::Bulk, &frame) != Sent::Queued {
                    tokio::task::yield_now().await;
                }
            }
            sent += 1;
        }
        if let Some(Inbound::Frame { .. }) = inbox.recv().await {
            answered += 1;
        }
    }
    per_s(rounds * usize::try_from(EVERY).unwrap(), begun)
}

async fn raw_tcp(trips: usize) -> Row {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 || stream.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    });
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = [7; FRAME_BYTES];
    let mut took = Vec::new();
    for _ in 0..trips / 4 {
        let begun = Instant::now();
        stream.write_all(&buffer).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        took.push(begun.elapsed());
    }
    let begun = Instant::now();
    for _ in 0..64 {
        stream.write_all(&buffer).await.unwrap();
    }
    for _ in 0..trips {
        stream.read_exact(&mut buffer).await.unwrap();
        stream.write_all(&buffer).await.unwrap();
    }
    let many_per_s = per_s(trips, begun);
    Row { name: "raw TCP", set_up: None, one: median(took), many_per_s, frames_per_s: None }
}

async fn raw_udp(trips: usize) -> Row {
    let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = there.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2_000];
        while let Ok((count, from)) = there.recv_from(&mut buffer).await {
            let _gone = there.send_to(&buffer[..count], from).await;
        }
    });
    let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    here.connect(addr).await.unwrap();
    let mut buffer = [7; FRAME_BYTES];
    let mut took = Vec::new();
    for _ in 0..trips / 4 {
        let begun = Instant::now();
        here.send(&buffer).await.unwrap();
        here.recv(&mut buffer).await.unwrap();
        took.push(begun.elapsed());
    }
    let begun = Instant::now();
    for _ in 0..64 {
        here.send(&buffer).await.unwrap();
    }
    for _ in 0..trips {
        here.recv(&mut buffer).await.unwrap();
        here.send(&buffer).await.unwrap();
    }
    let many_per_s = per_s(trips, begun);
    Row { name: "raw UDP", set_up: None, one: median(took), many_per_s, frames_per_s: None }
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn per_s(count: usize, begun: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / begun.elapsed().as_secs_f64()
}

const FRAME_BYTES: usize = 300;
/// Frames one way between two answers.
const EVERY: u64 = 1_000;
