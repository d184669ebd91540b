//! What is asked of the node, the transport and the feed at the moment of a scrape.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use node::{Counters, PeerState, PeerStatus, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use transport::{ClassCount, Traffic};
use wire::{Class, Medium};

use crate::discovery::{Found, Way};

/// One look at everything.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) status: Status,
    pub(crate) peers: Vec<PeerStatus>,
    pub(crate) traffic: Traffic,
    pub(crate) uptime_s: f64,
    pub(crate) readers: usize,
    pub(crate) events_lost: u64,
    pub(crate) queues: Queues,
    /// How long each way took to an address and to a link, milliseconds.
    pub(crate) discovered: Vec<(Way, Found)>,
    /// Height of the newest checkpoint, its entries, and broken words, where there are attesters.
    pub(crate) checkpoints: Option<[u64; 3]>,
}

/// How much waits where.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Queues {
    pub(crate) commands: u64,
    pub(crate) doors: u64,
    pub(crate) inbound: u64,
    pub(crate) store: u64,
}

/// The last sample.
#[derive(Debug)]
pub(super) struct Scrape(pub(super) Mutex<Option<Sample>>);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let sample = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sample) = sample.as_ref() else { return Ok(()) };
        let mut out = Out(encoder);
        out.counters(&sample.status.counters)?;
        out.state(&sample.status)?;
        out.peers(&sample.peers)?;
        out.checkpoints(sample.checkpoints)?;
        out.traffic(&sample.traffic)?;
        out.discovered(&sample.discovered)?;
        out.queues(sample.queues, u64::try_from(sample.status.pending).unwrap_or(u64::MAX))?;
        out.gauge("event_readers", "Readers of the event stream", sample.readers)?;
        let help = "Events that readers were told they missed";
        out.counter("event_stream_dropped", help, sample.events_lost)?;
        let up = ConstGauge::new(sample.uptime_s);
        let encoder = out.0.encode_descriptor(
            "uptime",
            "Time since the start",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        up.encode(encoder)
    }
}

struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn counters(&mut self, counters: &Counters) -> fmt::Result {
        self.family(
            "records",
            "Records by what became of them",
            "result",
            MetricType::Counter,
            &[
                ("accepted", counters.accepted),
                ("duplicate", counters.duplicates),
                ("refused", counters.refused),
            ],
        )?;
        self.counter("verifications", "Signatures checked", counters.verified)?;
        self.counter("frames_dropped", "Frames that did not fit a queue", counters.dropped)?;
        self.counter("records_pushed", "Copies of records pushed to links", counters.pushed)?;
        self.counter("records_repaired", "Records sent because asked for", counters.repaired)?;
        self.counter("comparisons", "Comparisons begun", counters.compared)?;
        self.counter("peers_given_up", "Links to peers that never compared", counters.given_up)?;
        self.family(
            "sketches",
            "Comparisons by sketches",
            "step",
            MetricType::Counter,
            &[
                ("begun", counters.sketched),
                ("found", counters.sketches_found),
                ("failed", counters.sketches_failed),
                ("answered", counters.sketches_answered),
            ],
        )?;
        self.family(
            "chunks",
            "Chunks of the state",
            "step",
            MetricType::Counter,
            &[
                ("fetched", counters.chunks_fetched),
                ("refused", counters.chunks_refused),
                ("sent", counters.chunks_sent),
            ],
        )?;
        self.family(
            "past",
            "Entries older than the newest checkpoint's horizon",
            "outcome",
            MetricType::Counter,
            &[
                ("refused", counters.past_refused),
                ("dropped", counters.past_dropped),
                ("rewritten", counters.past_rewritten),
            ],
        )?;
        self.counter("peers_discovered", "Nodes discovered", counters.discovered)?;
        self.counter("door_checks", "Checks of design-A nodes", counters.door_checks)
    }

    fn state(&mut self, status: &Status) -> fmt::Result {
        self.gauge_u64("state_entries", "Entries of the state", status.state.count)?;
        let wanted = status.joining.map_or(0, |it| it.entries.saturating_sub(it.held));
        self.gauge_u64("joining_entries", "Entries still to be fetched in chunks", wanted)?;
        self.gauge_u64("state_version", "Changes of the root", status.state_version)?;
        self.gauge_u64("messages", "Messages kept", status.messages.count)?;
        let help = "Authors proven to have signed two records with one number";
        self.gauge_u64("contradictions", help, status.contradictions)?;
        self.gauge("state_agreeing_peers", "Linked peers with our root", status.agreeing)?;
        self.gauge("known_nodes", "Nodes in the address book", status.known)?;
        let Some(skew_ms) = status.clock_skew_ms else { return Ok(()) };
        // Exact below 285,000 years.
        let skew_s = i32::try_from(skew_ms).map_or(f64::INFINITY, f64::from) / 1_000.0;
        let help = "Median clock difference to the peers";
        let encoder = self.0.encode_descriptor(
            "clock_skew",
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        ConstGauge::new(skew_s).encode(encoder)
    }

    fn peers(&mut self, peers: &[PeerStatus]) -> fmt::Result {
        let count = |state: PeerState| {
            let found = peers.iter().filter(|peer| peer.state == state).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        self.family(
            "peers",
            "Peers by how they stand",
            "state",
            MetricType::Gauge,
            &[
                ("connecting", count(PeerState::Connecting)),
                ("connected", count(PeerState::Connected)),
                ("door", count(PeerState::Door)),
                ("known", count(PeerState::Known)),
                ("suspect", count(PeerState::Suspect)),
                ("unreachable", count(PeerState::Unreachable)),
            ],
        )
    }

    fn checkpoints(&mut self, figures: Option<[u64; 3]>) -> fmt::Result {
        let Some([height, entries, faults]) = figures else { return Ok(()) };
        self.gauge_u64("checkpoint_height", "Height of the newest final checkpoint", height)?;
        self.gauge_u64("checkpoint_entries", "Entries in it", entries)?;
        self.gauge_u64("attester_faults", "Attesters that broke their word", faults)
    }

    fn traffic(&mut self, traffic: &Traffic) -> fmt::Result {
        let help = "Bytes on the network";
        let kinds = [("link", traffic.link), ("door", traffic.door)];
        let mut encoder =
            self.0.encode_descriptor("network", help, Some(&Unit::Bytes), MetricType::Counter)?;
        for (kind, bytes) in kinds {
            for (direction, bytes) in [("received", bytes.received), ("sent", bytes.sent)] {
                let labels = [("kind", kind), ("direction", direction)];
                ConstCounter::new(bytes).encode(encoder.encode_family(&labels)?)?;
            }
        }
        self.family(
            "frames",
            "Frames on links",
            "direction",
            MetricType::Counter,
            &[
                ("received", traffic.classes.iter().map(|class| class.frames_in).sum()),
                ("sent", traffic.classes.iter().map(|class| class.frames_out).sum()),
            ],
        )?;
        self.classes(&traffic.classes)?;
        let done = &traffic.handshakes;
        self.family(
            "handshakes",
            "Handshakes by result",
            "result",
            MetricType::Counter,
            &[
                ("completed", done.completed),
                ("broken", done.broken),
                ("forged", done.forged),
                ("ourselves", done.ourselves),
                ("timed_out", done.timed_out),
                ("wrong_network", done.wrong_network),
                ("not_member", done.not_member),
            ],
        )?;
        let tls = [("completed", traffic.tls_completed), ("failed", traffic.tls_failed)];
        self.family(
            "tls_handshakes",
            "TLS of HTTP, both ways",
            "result",
            MetricType::Counter,
            &tls,
        )?;
        self.counter(
            "door_requests_answered",
            "Requests served at the door",
            traffic.requests_answered,
        )?;
        let open = Medium::ALL.map(Medium::name).into_iter().zip(traffic.links_by_medium);
        let open: Vec<(&str, u64)> = open.collect();
        let help = "Links open, by what carries them";
        self.family("links_by_medium", help, "medium", MetricType::Gauge, &open)?;
        let refused: Vec<(&str, u64)> =
            traffic.requests_refused.iter().map(|(code, count)| (*code, *count)).collect();
        let help = "Requests refused at the door";
        self.family("door_requests_refused", help, "code", MetricType::Counter, &refused)?;
        let help = "Connections refused because the door was full";
        self.counter("door_connections_refused", help, traffic.connections_refused)?;
        let help = "Connections cut because they were slow, idle or in the way";
        self.counter("door_connections_cut", help, traffic.connections_cut)?;
        self.gauge_u64("door_connections", "Connections open at the door", traffic.connections_open)
    }

    /// What each class of frames brings, loses and waits for.
    fn classes(&mut self, classes: &[ClassCount; 4]) -> fmt::Result {
        let help = "Frames on links, by class";
        self.both_ways("link_frames", help, None, classes, |it| [it.frames_in, it.frames_out])?;
        let help = "Bytes of frames on links before encryption, by class";
        let unit = Some(&Unit::Bytes);
        self.both_ways("link_frames", help, unit, classes, |it| [it.bytes_in, it.bytes_out])?;
        let rows = |value: fn(&ClassCount) -> u64| {
            let rows = Class::ALL.iter().zip(classes);
            rows.map(|(class, count)| (class.name(), value(count))).collect::<Vec<_>>()
        };
        let help = "Frames that did not fit the queue of their class";
        let dropped = rows(|it| it.dropped);
        self.family("link_frames_dropped", help, "class", MetricType::Counter, &dropped)?;
        let help = "Bytes that wait to be sent on links";
        let waiting = rows(|it| it.waiting_bytes);
        self.family("link_waiting_bytes", help, "class", MetricType::Gauge, &waiting)?;
        let help = "Parts of frames that wait to be sent on links";
        let waiting = rows(|it| it.waiting_parts);
        self.family("link_waiting_parts", help, "class", MetricType::Gauge, &waiting)
    }

    fn both_ways(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        classes: &[ClassCount; 4],
        values: fn(&ClassCount) -> [u64; 2],
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (class, count) in Class::ALL.iter().zip(classes) {
            for (direction, value) in ["received", "sent"].into_iter().zip(values(count)) {
                let labels = [("class", class.name()), ("direction", direction)];
                ConstCounter::new(value).encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn queues(&mut self, queues: Queues, pending: u64) -> fmt::Result {
        self.family(
            "queue_depth",
            "What waits, by queue",
            "queue",
            MetricType::Gauge,
            &[
                ("commands", queues.commands),
                ("doors", queues.doors),
                ("inbound", queues.inbound),
                ("store", queues.store),
                ("verify", pending),
            ],
        )
    }

    fn discovered(&mut self, ways: &[(Way, Found)]) -> fmt::Result {
        let help =
            "Time from the start to the first address that a way told of, and to the first link";
        let unit = Some(&Unit::Seconds);
        let mut encoder = self.0.encode_descriptor("discovered", help, unit, MetricType::Gauge)?;
        for (way, Found { address_ms, link_ms }) in ways {
            for (step, ms) in [("address", address_ms), ("link", link_ms)] {
                let Some(ms) = ms else { continue };
                let labels = [("way", way.name()), ("step", step)];
                let seconds = Duration::from_millis(*ms).as_secs_f64();
                encoder.encode_family(&labels)?.encode_gauge(&seconds)?;
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: usize) -> fmt::Result {
        self.gauge_u64(name, help, u64::try_from(value).unwrap_or(u64::MAX))
    }

    fn gauge_u64(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        encoder.encode_gauge(&value)
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        kind: MetricType,
        rows: &[(&str, u64)],
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, count) in rows {
            let labels = [(label, *value)];
            let mut encoder = encoder.encode_family(&labels)?;
            match kind {
                MetricType::Counter => {
                    encoder.encode_counter::<NoLabelSet, _, u64>(count, None)?;
                }
                _ => encoder.encode_gauge(count)?,
            }
        }
        Ok(())
    }
}
