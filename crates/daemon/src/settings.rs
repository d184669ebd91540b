//! Settings: one TOML file, then the environment, then flags; each value knows where it is from.

mod error;
mod file;
mod keys;
mod origin;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use engine::Unsigned;
use etcetera::AppStrategy as _;
use node::engine;
use node::people::{Deed, Quorums};
use node::seeds::Budget;
use store::StoreConfig;
use wire::{Address, Medium, Multiaddr, NetworkId};

pub use error::SettingsError;
pub use origin::Origin;

use crate::api::types::Setting;
use crate::telemetry::LogFormat;
use keys::{KEYS, Key};
use value::Value;

/// What one node is told. Made by [`Settings::load`]; the public fields may be changed after.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's directory.
    pub directory: PathBuf,
    /// Where the public door listens (`http.listen`); `None` closes it.
    pub http_listen: Option<SocketAddr>,
    /// Whether somebody asked for that port, so that another one will not do.
    pub http_by_hand: bool,
    /// Where connections to others come from (`http.dial_from`); `None` lets the system choose.
    pub http_dial_from: Option<IpAddr>,
    /// The certificate and the key with which the door speaks TLS (`http.tls_cert`, `http.tls_key`).
    pub tls: Option<TlsFiles>,
    /// Whose certificates are believed beside the public ones (`http.tls_roots`).
    pub tls_roots: Option<PathBuf>,
    /// Where the door can be reached from anywhere (`http.url`).
    pub http_url: Option<Address>,
    /// Where libp2p listens (`libp2p.listen`); none for a node that only dials.
    pub libp2p_listen: Vec<Multiaddr>,
    /// Whether somebody asked for those ports, so that others will not do.
    pub libp2p_by_hand: bool,
    /// Where others reach our listeners, if this machine cannot know (`libp2p.public`).
    pub libp2p_public: Vec<Address>,
    /// Whether links are passed on for others, if this node is public (`libp2p.relay`).
    pub libp2p_relay: bool,
    /// Whether the operator said so; a private network has no relays (NAT-5).
    pub libp2p_relay_by_hand: bool,
    /// Whether a way out of a NAT is looked for (`libp2p.nat`).
    pub libp2p_nat: bool,
    /// What is dialled, the best first (`peers.dial`).
    pub dials: Vec<Medium>,
    /// What becomes of unsigned messages (`http.unsigned`).
    pub http_unsigned: Unsigned,
    /// Where the operator's API listens (`api.listen`).
    pub api_listen: SocketAddr,
    /// Whether somebody asked for that port.
    pub api_by_hand: bool,
    /// Addresses dialled at the start and for ever after (`peers.bootstrap`).
    pub bootstrap: Vec<Address>,
    /// DNS names that tell of peers (`peers.dns`), and the server that is asked (`peers.dns_server`).
    pub dns: Vec<String>,
    /// See [`Settings::dns`]; `None` asks those of this machine.
    pub dns_server: Option<SocketAddr>,
    /// Whether the LAN is asked for nodes, and told of this one (`peers.mdns`).
    pub mdns: bool,
    /// The network file (`network.file`); `None` means the directory's own, or the embedded one.
    pub network_file: Option<PathBuf>,
    /// Least severe level that is logged, or a filter (`log.level`).
    pub log_level: String,
    /// How log lines look (`log.format`).
    pub log_format: LogFormat,
    /// Life of a message whose author names none, seconds (`gossip.message_life_s`).
    pub message_life_s: u64,
    /// What deserves a look but stops nothing, such as an unknown environment variable.
    pub warnings: Vec<String>,
    numbers: BTreeMap<&'static str, u64>,
    shown: Vec<Setting>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// PEM, the leaf first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

impl Settings {
    /// Reads all layers. Without `file`, `DIR/config.toml` is read where it exists. A flag is
    /// (key, value, name of the flag); for a list, equal keys add up.
    pub fn load(
        directory: &Path,
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: Vec<(String, String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut layers = Layers::new();
        file::read(directory, file, &mut layers)?;
        layers.environment(env)?;
        layers.flags(flags)?;
        layers.build(directory)
    }

    /// Returns every setting with its value, origin, default and doc, by key.
    pub fn shown(&self) -> Vec<Setting> {
        self.shown.clone()
    }

    /// Returns how much memory the store may take.
    pub fn store(&self) -> StoreConfig {
        let number = |key: &str| self.numbers.get(key).copied().unwrap_or_default();
        let size = |key: &str| usize::try_from(number(key)).unwrap_or(usize::MAX);
        StoreConfig {
            cache_bytes: size("store.cache_mib").saturating_mul(1024 * 1024),
            layer_rows_max: size("store.waiting_max"),
        }
    }

    /// Returns how many Mirrors it takes, for each kind of decision.
    pub fn quorums(&self) -> Quorums {
        let need =
            |deed: Deed| self.numbers.get(format!("quorum.{}", deed.key()).as_str()).copied();
        Deed::ALL.into_iter().filter_map(|deed| Some((deed, need(deed)?))).collect()
    }

    /// Returns how much of the machine seeds may use.
    pub fn seeds(&self) -> Budget {
        let number = |key: &str| self.numbers.get(key).copied().unwrap_or_default();
        Budget {
            disk_bytes_max: number("seeds.disk_mib").saturating_mul(1024 * 1024),
            bytes_per_s: number("seeds.kib_per_s").saturating_mul(1024),
        }
    }

    /// Returns how much memory this process may use before libp2p connects to nobody new.
    pub fn memory_bytes_max(&self) -> usize {
        let mib = self.numbers.get("libp2p.memory_mib").copied().unwrap_or_default();
        usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024)
    }

    /// Returns the protocol's settings; `door_port` and `public` are known after binding.
    pub fn engine(&self, network: NetworkId) -> engine::Config {
        let number = |key: &str| self.numbers.get(key).copied().unwrap_or_default();
        let size = |key: &str| usize::try_from(number(key)).unwrap_or(usize::MAX);
        engine::Config {
            agent: concat!("trellis/", env!("CARGO_PKG_VERSION")).to_owned(),
            bootstrap: self.bootstrap.clone(),
            public: self.libp2p_public.iter().chain(&self.http_url).cloned().collect(),
            dials: self.dials.clone(),
            unsigned: self.http_unsigned,
            fanout: size("gossip.fanout"),
            announce_links: size("gossip.announce_links"),
            announce_ms: number("gossip.announce_ms"),
            far_ms: number("gossip.far_ms"),
            graft_ms: number("gossip.graft_ms"),
            graft_ms_max: number("gossip.graft_ms_max"),
            landmarks: size("gossip.landmarks"),
            warm_ms: number("gossip.warm_s").saturating_mul(1_000),
            recents_max: size("limits.recents_max"),
            trees_max: size("limits.trees_max"),
            door_fanout: size("gossip.door_fanout"),
            ttl: u8::try_from(number("gossip.ttl")).unwrap_or(u8::MAX),
            heartbeat_ms: number("gossip.heartbeat_s").saturating_mul(1_000),
            probe_ms: number("gossip.probe_s").saturating_mul(1_000),
            rotate_ms: number("gossip.rotate_s").saturating_mul(1_000),
            settle_ms: number("gossip.settle_ms"),
            settle_max_ms: number("gossip.settle_max_ms"),
            compare_ms: number("gossip.compare_ms"),
            guard_ms: number("gossip.guard_ms"),
            sketch_min: number("gossip.sketch_min"),
            chunks_min: number("gossip.chunks_min"),
            chunk_bytes_per_s: number("limits.chunks_kib_per_s").saturating_mul(1_024),
            redial_ms: number("gossip.redial_ms"),
            redial_max_ms: number("gossip.redial_max_ms"),
            redial_alone_ms: number("gossip.redial_alone_ms"),
            links_target: size("limits.links_target"),
            links_max: size("limits.links_max"),
            candidates: size("limits.candidates"),
            dials_max: size("limits.dials_max"),
            book_max: size("limits.book_max"),
            doors_max: size("limits.doors_max"),
            messages_max: size("limits.messages_max"),
            entries_max: size("limits.entries_max"),
            pending_max: size("limits.pending_max"),
            bodies_max: size("limits.bodies_max"),
            pieces_under_way_max: size("limits.pieces_under_way_max"),
            bodies_bytes_max: size("limits.bodies_bytes_max"),
            ..engine::Config::server(network)
        }
    }
}

/// Returns where a node lives unless told: the platform's data directory.
pub fn default_directory() -> Result<PathBuf, SettingsError> {
    let strategy = etcetera::choose_app_strategy(etcetera::AppStrategyArgs {
        top_level_domain: "org".to_owned(),
        author: "trellis".to_owned(),
        app_name: "trellis".to_owned(),
    });
    strategy.map(|it| it.data_dir()).map_err(|_| SettingsError::NoHome)
}

/// What has been said so far, key by key; a later layer replaces an earlier one.
#[derive(Debug)]
struct Layers {
    values: BTreeMap<&'static str, (Value, Origin)>,
    warnings: Vec<String>,
}

impl Layers {
    fn new() -> Self {
        Self { values: BTreeMap::new(), warnings: Vec::new() }
    }

    fn set(
        &mut self,
        key: &'static Key,
        value: Value,
        origin: Origin,
    ) -> Result<(), SettingsError> {
        key.check(&value, &origin)?;
        self.values.insert(key.name, (value, origin));
        Ok(())
    }

    fn environment(
        &mut self,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<(), SettingsError> {
        for (name, text) in env.filter(|(name, _)| name.starts_with("TRELLIS_")) {
            let key = KEYS.iter().find(|key| key.variable() == name);
            match key {
                Some(key) => {
                    let origin = Origin::Env(name);
                    self.set(key, key.parse(&text, &origin)?, origin)?;
                }
                None if OTHER_VARIABLES.contains(&name.as_str()) => {}
                None => self.warnings.push(unknown_variable(&name)),
            }
        }
        Ok(())
    }

    fn flags(&mut self, flags: Vec<(String, String, String)>) -> Result<(), SettingsError> {
        let mut seen = BTreeMap::new();
        for (name, text, flag) in flags {
            let origin = Origin::Flag(flag.trim_start_matches('-').to_owned());
            let key = keys::find(&name).ok_or_else(|| keys::unknown(&name, &origin))?;
            let value = key.parse(&text, &origin)?;
            let value = match seen.remove(key.name) {
                Some(earlier) => value.after(earlier),
                None => value,
            };
            seen.insert(key.name, value.clone());
            self.set(key, value, origin)?;
        }
        Ok(())
    }

    fn get(&self, name: &'static str) -> (Value, Origin) {
        let default = || (keys::find(name).map(Key::default_value), Origin::Default);
        match self.values.get(name) {
            Some((value, origin)) => (value.clone(), origin.clone()),
            None => match default() {
                (Some(value), origin) => (value, origin),
                (None, origin) => (Value::Text(String::new()), origin),
            },
        }
    }

    fn text(&self, name: &'static str) -> String {
        self.get(name).0.text()
    }

    fn by_hand(&self, name: &'static str) -> bool {
        self.values.contains_key(name)
    }

    fn build(self, directory: &Path) -> Result<Settings, SettingsError> {
        let (api_listen, tls) = (self.api_listen()?, self.tls()?);
        let addresses_of = |name| -> Vec<Address> {
            self.get(name).0.list().iter().filter_map(|text| text.parse().ok()).collect()
        };
        Ok(Settings {
            directory: directory.to_owned(),
            http_listen: keys::listen(&self.text("http.listen")),
            http_by_hand: self.by_hand("http.listen"),
            http_dial_from: self.text("http.dial_from").parse().ok(),
            tls,
            tls_roots: self.path("http.tls_roots"),
            http_url: self.text("http.url").parse().ok(),
            libp2p_listen: keys::listeners(&self.get("libp2p.listen").0.list()),
            libp2p_by_hand: self.by_hand("libp2p.listen"),
            libp2p_public: addresses_of("libp2p.public"),
            libp2p_relay: self.text("libp2p.relay") == "on",
            libp2p_relay_by_hand: self.by_hand("libp2p.relay"),
            libp2p_nat: self.text("libp2p.nat") == "on",
            dials: keys::media(&self.get("peers.dial").0.list()),
            http_unsigned: match self.text("http.unsigned").as_str() {
                "relay" => Unsigned::Relay,
                _ => Unsigned::Refuse,
            },
            api_listen,
            api_by_hand: self.by_hand("api.listen"),
            bootstrap: addresses_of("peers.bootstrap"),
            dns: self.get("peers.dns").0.list(),
            dns_server: self.text("peers.dns_server").parse().ok(),
            mdns: self.text("peers.mdns") == "on",
            network_file: self.path("network.file"),
            log_level: self.text("log.level"),
            log_format: LogFormat::of(&self.text("log.format")),
            message_life_s: self.get("gossip.message_life_s").0.number(),
            numbers: KEYS.iter().map(|key| (key.name, self.get(key.name).0.number())).collect(),
            shown: KEYS.iter().map(|key| self.row(key)).collect(),
            warnings: self.warnings,
        })
    }

    /// A relative path in a file is relative to that file.
    fn path(&self, key: &'static str) -> Option<PathBuf> {
        let (value, origin) = self.get(key);
        let path = PathBuf::from(value.text());
        match origin {
            _ if path.as_os_str().is_empty() => None,
            Origin::File(file, _) => Some(file.parent().unwrap_or(&file).join(path)),
            Origin::Default | Origin::Env(_) | Origin::Flag(_) => Some(path),
        }
    }

    fn tls(&self) -> Result<Option<TlsFiles>, SettingsError> {
        let alone = |key, other: &str| {
            let (value, origin) = self.get(key);
            Err(SettingsError::bad(
                key,
                &value.text(),
                &origin,
                &format!("given together with {other}"),
            ))
        };
        match (self.path("http.tls_cert"), self.path("http.tls_key")) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => alone("http.tls_cert", "http.tls_key"),
            (None, Some(_)) => alone("http.tls_key", "http.tls_cert"),
        }
    }

    fn api_listen(&self) -> Result<SocketAddr, SettingsError> {
        let (value, origin) = self.get("api.listen");
        let bad =
            |allowed: &str| Err(SettingsError::bad("api.listen", &value.text(), &origin, allowed));
        let Some(address) = keys::listen(&value.text()) else {
            return bad("an address such as 127.0.0.1:8881");
        };
        if address.ip().is_loopback() || self.text("api.expose") == "true" {
            return Ok(address);
        }
        bad("a loopback address; to let other machines operate this node set api.expose = true")
    }

    fn row(&self, key: &'static Key) -> Setting {
        let (value, origin) = self.get(key.name);
        Setting {
            key: key.name.to_owned(),
            value: value.json(),
            origin: origin.to_string(),
            default: key.default_value().json(),
            doc: key.doc.to_owned(),
        }
    }
}

fn unknown_variable(name: &str) -> String {
    let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
    match keys::nearest(name, variables.iter().map(String::as_str)) {
        Some(near) => {
            format!("unknown environment variable {name} is ignored: did you mean {near}?")
        }
        None => format!("unknown environment variable {name} is ignored"),
    }
}

/// Variables that other parts of the program read.
const OTHER_VARIABLES: [&str; 6] = [
    "TRELLIS_CONFIG",
    "TRELLIS_DIR",
    "TRELLIS_JSON",
    "TRELLIS_NO_COLOR",
    "TRELLIS_TOKEN",
    "TRELLIS_TOKEN_FILE",
];

/// Reads a file's text as the first layer would, for the fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_file(text: &str) {
    let mut layers = Layers::new();
    if file::parse(text, Path::new("config.toml"), &mut layers).is_ok() {
        // What passed its checks builds, or says why not.
        let _outcome = layers.build(Path::new("."));
    }
}
