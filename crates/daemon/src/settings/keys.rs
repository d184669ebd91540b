//! Every key there is: type, unit, default and what it does.

use std::net::{IpAddr, SocketAddr};

use wire::{Address, Medium, Multiaddr, limits};

use super::{Origin, SettingsError, Value};

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted name.
    pub(super) name: &'static str,
    /// What may be said.
    pub(super) kind: Kind,
    /// What applies unless told, as text.
    pub(super) default: &'static str,
    /// What it does.
    pub(super) doc: &'static str,
}

/// What may be said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Peers' addresses.
    Addresses,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// An IP address, or nothing.
    Ip,
    /// A log filter.
    Level,
    /// An address to listen on.
    Listen,
    /// Names of hosts.
    Names,
    /// Multiaddrs to listen on, or `none`.
    Listeners,
    /// What carries links, the best first.
    Media,
    /// From, to.
    Number(u64, u64),
    /// A file, or nothing.
    Path,
    /// Where a server is, or nothing.
    Server,
    /// A URL, or nothing.
    Url,
}

impl Kind {
    pub(super) fn allowed(self) -> String {
        match self {
            Self::Addresses => "a list of addresses such as http://HOST:8880, https://HOST or \
                                /ip4/IP/udp/8888/quic-v1"
                .to_owned(),
            Self::Choice(words) => words.join(" or "),
            Self::Flag => "true or false".to_owned(),
            Self::Ip => "an IP address of this machine, such as 192.0.2.7".to_owned(),
            Self::Level => {
                "error, warn, info, debug, trace, or a filter such as info,daemon=debug".to_owned()
            }
            Self::Listen => "IP:PORT such as 127.0.0.1:8880, port 0 for any, or none".to_owned(),
            Self::Names => "a list of at most 8 names such as peers.example.org".to_owned(),
            Self::Listeners => {
                "a list of /ip4/IP/udp/PORT/quic-v1 and /ip4/IP/tcp/PORT, port 0 for \
                                any, the same with ip6; or none alone"
                    .to_owned()
            }
            Self::Media => "a list of quic, tcp, http and relay, each once".to_owned(),
            Self::Number(min, max) => format!("a whole number from {min} to {max}"),
            Self::Path => "the path of a file".to_owned(),
            Self::Server => "IP:PORT such as 192.0.2.53:53".to_owned(),
            Self::Url => "a URL such as http://HOST:8880 or https://HOST".to_owned(),
        }
    }
}

impl Key {
    /// Returns the environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("TRELLIS_{}", self.name.to_uppercase().replace('.', "_"))
    }

    pub(super) fn default_value(&self) -> Value {
        self.parse(self.default, &Origin::Default).unwrap_or(Value::Text(self.default.to_owned()))
    }

    /// Reads text of the environment or of a flag.
    pub(super) fn parse(&self, text: &str, origin: &Origin) -> Result<Value, SettingsError> {
        let bad = || SettingsError::bad(self.name, text, origin, &self.kind.allowed());
        match self.kind {
            Kind::Addresses | Kind::Listeners | Kind::Media | Kind::Names => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Value::List(items.map(str::to_owned).collect()))
            }
            Kind::Flag => text.parse().map(Value::Flag).map_err(|_| bad()),
            Kind::Number(..) => text.replace('_', "").parse().map(Value::Number).map_err(|_| bad()),
            Kind::Choice(_)
            | Kind::Ip
            | Kind::Level
            | Kind::Listen
            | Kind::Path
            | Kind::Server
            | Kind::Url => Ok(Value::Text(text.to_owned())),
        }
    }

    /// Checks a value of any layer.
    pub(super) fn check(&self, value: &Value, origin: &Origin) -> Result<(), SettingsError> {
        let fits = match (self.kind, value) {
            (Kind::Addresses, Value::List(items)) => return self.check_urls(items, origin),
            (Kind::Choice(words), Value::Text(text)) => words.contains(&text.as_str()),
            (Kind::Flag, Value::Flag(_)) => true,
            (Kind::Ip, Value::Text(text)) => text.is_empty() || text.parse::<IpAddr>().is_ok(),
            (Kind::Level, Value::Text(text)) => crate::telemetry::is_filter(text),
            (Kind::Listen, Value::Text(text)) => text == "none" || listen(text).is_some(),
            (Kind::Names, Value::List(names)) => {
                names.len() <= NAMES_MAX && names.iter().all(|name| is_host_name(name))
            }
            (Kind::Listeners, Value::List(items)) => {
                let none = items.len() == 1 && items.iter().any(|it| it == "none");
                none || (!items.is_empty() && listeners(items).len() == items.len())
            }
            (Kind::Media, Value::List(items)) => {
                let read = media(items);
                let once = read.iter().enumerate().all(|(at, it)| !read[..at].contains(it));
                !items.is_empty() && read.len() == items.len() && once
            }
            (Kind::Number(min, max), Value::Number(number)) => (min..=max).contains(number),
            (Kind::Path, Value::Text(_)) => true,
            (Kind::Server, Value::Text(text)) => {
                text.is_empty() || text.parse::<SocketAddr>().is_ok()
            }
            (Kind::Url, Value::Text(text)) if text.is_empty() => true,
            (Kind::Url, Value::Text(text)) => {
                return self.check_urls(std::slice::from_ref(text), origin);
            }
            (
                Kind::Addresses
                | Kind::Choice(_)
                | Kind::Flag
                | Kind::Ip
                | Kind::Level
                | Kind::Listen
                | Kind::Names
                | Kind::Listeners
                | Kind::Media
                | Kind::Number(..)
                | Kind::Path
                | Kind::Server
                | Kind::Url,
                _,
            ) => false,
        };
        if fits {
            return Ok(());
        }
        Err(SettingsError::bad(self.name, &value.text(), origin, &self.kind.allowed()))
    }

    fn check_urls(&self, items: &[String], origin: &Origin) -> Result<(), SettingsError> {
        for item in items {
            item.parse::<Address>().map_err(|error| {
                let allowed = format!("{} ({error})", self.kind.allowed());
                SettingsError::bad(self.name, item, origin, &allowed)
            })?;
        }
        Ok(())
    }
}

/// Finds a key by its dotted name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Says whether any key begins so.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split('.').next() == Some(name))
}

/// Says what is wrong with a name and which key may be meant.
pub(super) fn unknown(name: &str, origin: &Origin) -> SettingsError {
    let sections = KEYS.iter().filter_map(|key| key.name.split('.').next());
    let near = match name.contains('.') {
        true => nearest(name, KEYS.iter().map(|key| key.name)),
        false => nearest(name, sections.chain(KEYS.iter().map(|key| key.name))),
    };
    let hint = near.map(|near| format!(": did you mean {near:?}?")).unwrap_or_default();
    let key: String = name.chars().take(80).collect();
    SettingsError::Unknown { key, place: origin.place(), hint }
}

/// Returns the most similar candidate, where one is similar enough.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| 0.8 < *similarity)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Reads an address to listen on; `none` and nonsense give `None`.
pub(super) fn listen(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// Reads where libp2p is to listen; what is no listener is left out.
pub(super) fn listeners(items: &[String]) -> Vec<Multiaddr> {
    let read = items.iter().filter_map(|item| match item.parse() {
        Ok(Address::Libp2p(address)) => Some(*address),
        Ok(Address::Http(_)) | Err(_) => None,
    });
    read.filter(|it| it.ip().is_some() && it.node.is_none() && it.via.is_none()).collect()
}

/// Reads names of media; what is none is left out.
pub(super) fn media(items: &[String]) -> Vec<Medium> {
    let named = |item: &String| Medium::ALL.into_iter().find(|it| it.name() == item);
    items.iter().filter_map(named).collect()
}

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

/// Says whether a text may be asked of a name server: labels of 1 to 63 letters, digits, hyphens and underscores.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len());
        fits && label.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Names asked at once.
const NAMES_MAX: usize = 8;
const HOUR_MS: u64 = 3_600_000;

/// All keys, sorted. The defaults of numbers equal `engine::Config::server`.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("api.expose", Kind::Flag, "false", "let the operator's API listen beyond loopback"),
    key("api.listen", Kind::Listen, "127.0.0.1:8881", "address of the operator's API"),
    key("gossip.announce_links", Kind::Number(0, 50), "3", "links beside a tree that are told of its records"),
    key("gossip.announce_ms", Kind::Number(0, 10_000), "50", "how long announcements wait for others to the same link, ms"),
    key("gossip.chunks_min", Kind::Number(1, 1_000_000_000), "20000", "entries that a peer must have more than we do for the state to be fetched in chunks from several at once"),
    key("gossip.compare_ms", Kind::Number(10, HOUR_MS), "1000", "while something changes, one neighbour is compared with in so long, ms"),
    key("gossip.door_fanout", Kind::Number(0, 50), "3", "design-A peers that a new message is posted to"),
    key("gossip.fanout", Kind::Number(1, 50), "6", "links that a new profile is passed on to"),
    key("gossip.far_ms", Kind::Number(0, HOUR_MS), "180", "round trip from which on a tree keeps a second link that pushes, ms"),
    key("gossip.graft_ms", Kind::Number(1, 10_000), "10", "how long an announced record has to come by itself, ms; what it usually takes is added"),
    key("gossip.graft_ms_max", Kind::Number(1, 60_000), "500", "longest that can become, ms"),
    key("gossip.guard_ms", Kind::Number(1, HOUR_MS), "2000", "age at which a record takes part in comparisons, ms; longer than a broadcast takes"),
    key("gossip.heartbeat_s", Kind::Number(1, 3_600), "30", "how often linked peers tell each other clocks and sets, s"),
    key("gossip.landmarks", Kind::Number(0, 1_000), "24", "trees of others that must be known before one of them carries a record of ours"),
    key("gossip.message_life_s", Kind::Number(1, limits::MESSAGE_LIFE_MS_MAX / 1_000), "86400", "life of a message whose author names none, s"),
    key("gossip.probe_s", Kind::Number(1, 3_600), "10", "how long a new link may be without a hello, and the most patience with one ping, s"),
    key("gossip.redial_alone_ms", Kind::Number(100, HOUR_MS), "5000", "longest wait before dialling again without any link, ms"),
    key("gossip.redial_max_ms", Kind::Number(100, 24 * HOUR_MS), "300000", "longest wait before dialling again, ms"),
    key("gossip.redial_ms", Kind::Number(100, HOUR_MS), "1000", "first wait before dialling again, ms; it doubles"),
    key("gossip.rotate_s", Kind::Number(1, 86_400), "120", "how often one link is given to another node, s"),
    key("gossip.settle_max_ms", Kind::Number(1, HOUR_MS), "1000", "longest delay of a new root's announcement while changes go on, ms"),
    key("gossip.settle_ms", Kind::Number(1, HOUR_MS), "250", "quiet time after a change before the new root is announced, ms"),
    key("gossip.sketch_min", Kind::Number(1, 1_000_000_000), "20000", "records from which on sets are compared by sketches before they are walked"),
    key("gossip.ttl", Kind::Number(1, limits::HOPS_MAX as u64), "64", "hops a new record may travel on links; design-A nodes get at most 10"),
    key("gossip.warm_s", Kind::Number(1, 86_400), "600", "how long others know a tree, s"),
    key("http.dial_from", Kind::Ip, "", "address of this machine that HTTP connections to others come from; empty: the system chooses"),
    key("http.listen", Kind::Listen, "0.0.0.0:8880", "address of the public door, or none"),
    key("http.tls_cert", Kind::Path, "", "certificate (PEM, the leaf first) with which the door speaks TLS; it is read again when it changes"),
    key("http.tls_key", Kind::Path, "", "private key of that certificate (PEM)"),
    key("http.tls_roots", Kind::Path, "", "certificates of authorities (PEM) that are believed at https:// doors beside the public ones"),
    key("http.unsigned", Kind::Choice(&["refuse", "relay"]), "refuse", "what becomes of unsigned messages of design-A nodes"),
    key("http.url", Kind::Url, "", "URL under which the door can be reached from anywhere"),
    key("libp2p.listen", Kind::Listeners, "/ip4/0.0.0.0/udp/8888/quic-v1,/ip4/0.0.0.0/tcp/8888", "where libp2p listens, or none"),
    key("libp2p.memory_mib", Kind::Number(16, 1 << 20), "1024", "memory of this process from which on no new libp2p connections are made, MiB"),
    key("libp2p.nat", Kind::Choice(&["on", "off"]), "on", "behind a NAT, ask public peers to pass links on, and try to get straight ones through"),
    key("libp2p.public", Kind::Addresses, "", "multiaddrs under which the libp2p listeners can be reached from anywhere"),
    key("libp2p.relay", Kind::Choice(&["on", "off"]), "on", "pass links on for peers behind NATs; only where libp2p.public says that this node is public, and never in a private network"),
    key("limits.bodies_bytes_max", Kind::Number(1 << 20, 1 << 30), "8388608", "bytes of large records that are coming or kept at hand"),
    key("limits.bodies_max", Kind::Number(16, 10_000), "128", "large records that are coming or kept at hand"),
    key("limits.book_max", Kind::Number(1, 100_000), "1024", "nodes in the address book"),
    key("limits.candidates", Kind::Number(0, 500), "24", "nodes dialled at the start to find the nearest"),
    key("limits.chunks_kib_per_s", Kind::Number(1, 1 << 30), "32768", "KiB of chunks of the state that leave each second, for all newcomers together"),
    key("limits.dials_max", Kind::Number(1, 1_000), "64", "dials under way at once"),
    key("limits.doors_max", Kind::Number(0, 1_000), "50", "design-A peers remembered"),
    key("limits.entries_max", Kind::Number(1, 100_000_000), "2000000", "entries kept; a new one beyond is refused"),
    key("limits.links_max", Kind::Number(1, 1_000), "50", "links allowed; inbound ones beyond are told busy"),
    key("limits.links_target", Kind::Number(1, 1_000), "12", "links we try to have, half of our own choice"),
    key("limits.messages_max", Kind::Number(1, 10_000_000), "100000", "messages kept; those that expire first make room"),
    key("limits.pending_max", Kind::Number(16, 1_000_000), "8192", "signatures waiting to be checked"),
    key("limits.pieces_under_way_max", Kind::Number(1, 1_024), "4", "pieces of large records, 15 KiB each, handed to the network and not yet sent"),
    key("limits.recents_max", Kind::Number(16, 1_000_000), "65536", "records whose announcements are understood; the oldest makes room"),
    key("limits.trees_max", Kind::Number(16, 1_000_000), "4096", "trees remembered; those used least lately make room"),
    key("log.format", Kind::Choice(&["auto", "json", "pretty"]), "auto", "auto is pretty on a terminal, json otherwise"),
    key("log.level", Kind::Level, "info", "least severe level that is logged, or a filter"),
    key("network.file", Kind::Path, "", "network file; unless told DIR/network.toml, or the network named commons"),
    key("peers.bootstrap", Kind::Addresses, "", "addresses of peers dialled at the start and for ever after"),
    key("peers.dial", Kind::Media, "quic,tcp,http,relay", "what is dialled, the best first; the rest is not"),
    key("peers.dns", Kind::Names, "", "DNS names whose TXT records tell of peers, asked every five minutes"),
    key("peers.dns_server", Kind::Server, "", "name server that is asked for them; empty: those of this machine"),
    key("peers.mdns", Kind::Choice(&["on", "off"]), "on", "find nodes of this network on the LAN, and be found; a node that listens on loopback alone does neither"),
    key("quorum.alert_acknowledge", Kind::Number(1, 16), "1", "Mirrors it takes to acknowledge an alert here"),
    key("quorum.alert_dispute", Kind::Number(1, 16), "1", "Mirrors it takes to dispute an alert"),
    key("quorum.alert_raise", Kind::Number(1, 16), "1", "Mirrors it takes to raise an alert"),
    key("quorum.rule_challenge", Kind::Number(1, 16), "1", "Mirrors it takes to challenge a rule"),
    key("quorum.rule_commit", Kind::Number(1, 16), "1", "Mirrors it takes to put a rule forward"),
    key("quorum.rule_confirm", Kind::Number(1, 16), "1", "Mirrors it takes to confirm a rule"),
    key("quorum.seed_compost", Kind::Number(1, 16), "1", "Mirrors it takes to compost a seed"),
    key("quorum.seed_later", Kind::Number(1, 16), "1", "Mirrors it takes to put a seed off"),
    key("quorum.seed_offer", Kind::Number(1, 16), "1", "Mirrors it takes to offer a seed"),
    key("quorum.seed_plant", Kind::Number(1, 16), "1", "Mirrors it takes to plant a seed"),
    key("quorum.seed_uproot", Kind::Number(1, 16), "1", "Mirrors it takes to uproot a seed"),
    key("quorum.transfer_done", Kind::Number(1, 16), "1", "Mirrors it takes to say that this node's part of a transfer is done"),
    key("quorum.transfer_propose", Kind::Number(1, 16), "1", "Mirrors it takes to propose a transfer"),
    key("quorum.transfer_yes", Kind::Number(1, 16), "1", "Mirrors it takes to say yes to a transfer; a no takes one"),
    key("seeds.disk_mib", Kind::Number(0, 1 << 20), "2048", "disk for the contents of seeds, MiB; what does not fit is refused, nothing makes room"),
    key("seeds.kib_per_s", Kind::Number(1, 1 << 30), "1024", "KiB of seeds that each link gets of us in a second"),
    key("store.cache_mib", Kind::Number(1, 1 << 20), "64", "memory for pages of the store, MiB"),
    key("store.waiting_max", Kind::Number(16, 10_000_000), "131072", "records, about 300 bytes each, that wait in memory to be merged into the store's tables; twice as many for a while"),
];
