//! What went over the wire, counted where it passes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use wire::Class;

use crate::door::problem::Code;
use crate::link::handshake::Fault;
use crate::link::parts::Part;

/// Counters since the start, for `/metrics`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Bytes of links on their TCP connections, WebSocket and Noise overhead included; of QUIC links
    /// those of their streams.
    pub link: ByteCount,
    /// Bytes of all other HTTP: the door's, and our calls at design-A nodes.
    pub door: ByteCount,
    /// Frames on links, in the order of [`Class::ALL`].
    pub classes: [ClassCount; 4],
    /// Handshakes by result.
    pub handshakes: Handshakes,
    /// TLS of HTTP, inbound and outbound: opened.
    pub tls_completed: u64,
    /// The same that failed: broken, too slow, or a certificate that was not believed.
    pub tls_failed: u64,
    /// Requests answered with success.
    pub requests_answered: u64,
    /// Requests refused, by the code of the problem.
    pub requests_refused: BTreeMap<&'static str, u64>,
    /// Connections refused because the door was full.
    pub connections_refused: u64,
    /// Connections cut: too slow, idle for too long, or to make room.
    pub connections_cut: u64,
    /// Connections open at the door, inbound links included.
    pub connections_open: u64,
    /// Links open, both directions.
    pub links_open: u64,
    /// The same by medium, in the order of [`wire::Medium::ALL`].
    pub links_by_medium: [u64; 4],
}

/// Frames of one class, on all links.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClassCount {
    /// Frames received.
    pub frames_in: u64,
    /// Their bytes, before encryption.
    pub bytes_in: u64,
    /// Frames sent.
    pub frames_out: u64,
    /// Their bytes, before encryption.
    pub bytes_out: u64,
    /// Frames that did not fit a queue.
    pub dropped: u64,
    /// Parts of frames that wait to be sent.
    pub waiting_parts: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
}

/// Bytes both ways.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ByteCount {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Handshakes on links, inbound and outbound, by result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handshakes {
    /// Both ends have proven their keys.
    pub completed: u64,
    /// The connection broke, or what came was no handshake.
    pub broken: u64,
    /// A proof did not fit the channel, or the key was weak.
    pub forged: u64,
    /// We met ourselves.
    pub ourselves: u64,
    /// Took too long.
    pub timed_out: u64,
    /// Another network.
    pub wrong_network: u64,
    /// No member of a private network.
    pub not_member: u64,
}

/// The live counters behind [`Traffic`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    link: Both,
    door: Both,
    classes: [ClassCounters; 4],
    handshakes_completed: AtomicU64,
    handshakes_failed: [AtomicU64; Fault::KINDS],
    tls_completed: AtomicU64,
    tls_failed: AtomicU64,
    pub(crate) requests_answered: AtomicU64,
    requests_refused: [AtomicU64; Code::ALL.len()],
    pub(crate) connections_refused: AtomicU64,
    pub(crate) connections_cut: AtomicU64,
}

/// What happened to frames of one class.
#[derive(Debug, Default)]
pub(crate) struct ClassCounters {
    frames: Both,
    bytes: Both,
    dropped: AtomicU64,
}

/// One counter for each way.
#[derive(Debug, Default)]
pub(crate) struct Both {
    received: AtomicU64,
    sent: AtomicU64,
}

/// What one connection's bytes count as. A door connection becomes a link by an upgrade.
#[derive(Debug, Default)]
pub(crate) struct Kind(AtomicBool);

impl Counters {
    pub(crate) fn bytes(&self, kind: &Kind) -> &Both {
        if kind.0.load(Relaxed) { &self.link } else { &self.door }
    }

    /// Bytes of links that no socket of ours counts.
    pub(crate) fn link(&self) -> &Both {
        &self.link
    }

    pub(crate) fn handshake<T>(&self, result: &Result<T, Fault>) {
        match result {
            Ok(_) => add(&self.handshakes_completed, 1),
            Err(fault) => add(&self.handshakes_failed[fault.index()], 1),
        }
    }

    pub(crate) fn tls<T, E>(&self, opened: &Result<T, E>) {
        match opened {
            Ok(_) => add(&self.tls_completed, 1),
            Err(_) => add(&self.tls_failed, 1),
        }
    }

    pub(crate) fn refused(&self, code: Code) {
        add(&self.requests_refused[code as usize], 1);
    }

    pub(crate) fn class(&self, class: Class) -> &ClassCounters {
        &self.classes[class.index()]
    }

    /// Reads those of each class; the caller adds what waits right now.
    pub(crate) fn classes(&self) -> [ClassCount; 4] {
        self.classes.each_ref().map(|class| {
            let (frames, bytes) = (class.frames.read(), class.bytes.read());
            ClassCount {
                frames_in: frames.received,
                bytes_in: bytes.received,
                frames_out: frames.sent,
                bytes_out: bytes.sent,
                dropped: get(&class.dropped),
                ..ClassCount::default()
            }
        })
    }

    /// Reads all others; the caller adds what is open right now.
    pub(crate) fn read(&self) -> Traffic {
        let refused =
            Code::ALL.map(|code| (code.name(), get(&self.requests_refused[code as usize])));
        let [broken, forged, ourselves, timed_out, wrong_network, not_member] =
            self.handshakes_failed.each_ref().map(get);
        let completed = get(&self.handshakes_completed);
        Traffic {
            link: self.link.read(),
            door: self.door.read(),
            classes: Default::default(),
            handshakes: Handshakes {
                completed,
                broken,
                forged,
                ourselves,
                timed_out,
                wrong_network,
                not_member,
            },
            tls_completed: get(&self.tls_completed),
            tls_failed: get(&self.tls_failed),
            requests_answered: get(&self.requests_answered),
            requests_refused: refused.into(),
            connections_refused: get(&self.connections_refused),
            connections_cut: get(&self.connections_cut),
            connections_open: 0,
            links_open: 0,
            links_by_medium: [0; 4],
        }
    }
}

impl ClassCounters {
    pub(crate) fn received(&self, bytes: usize) {
        self.frames.received(1);
        self.bytes.received(bytes);
    }

    /// Counts a part; so many of its bytes belong to no frame.
    pub(crate) fn sent(&self, part: &Part, extra_bytes: usize) {
        self.frames.sent(usize::from(part.ends_frame()));
        self.bytes.sent(part.bytes.len().saturating_sub(extra_bytes));
    }

    pub(crate) fn dropped(&self, frames: u64) {
        add(&self.dropped, frames);
    }
}

impl Both {
    pub(crate) fn received(&self, count: usize) {
        add(&self.received, count as u64);
    }

    pub(crate) fn sent(&self, count: usize) {
        add(&self.sent, count as u64);
    }

    fn read(&self) -> ByteCount {
        ByteCount { received: get(&self.received), sent: get(&self.sent) }
    }
}

impl Kind {
    pub(crate) fn link() -> Self {
        Self(AtomicBool::new(true))
    }

    pub(crate) fn become_link(&self) {
        self.0.store(true, Relaxed);
    }
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
