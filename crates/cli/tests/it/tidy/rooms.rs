//! Who may use what. A crate exists to forbid a dependency; this is where it is forbidden.

use toml::{Table, Value};

use super::{none, sources};

/// Each crate and everything it may name in `[dependencies]`.
const ROOMS: &[(&str, &[&str])] = &[
    ("checkpoint", &["blst", "thiserror", "wire"]),
    (
        "cli",
        &[
            "anyhow",
            "clap",
            "clap_complete",
            "daemon",
            "futures-util",
            "indicatif",
            "jiff",
            "qrcodegen",
            "reqwest",
            "serde",
            "serde_json",
            "sim",
            "tempfile",
            "tokio",
            "wire",
        ],
    ),
    (
        "daemon",
        &[
            "axum",
            "base64",
            "bytes",
            "etcetera",
            "futures-util",
            "getrandom",
            "hyper",
            "hyper-util",
            "hickory-resolver",
            "if-addrs",
            "jiff",
            "lanes",
            "node",
            "prometheus-client",
            "rcgen",
            "serde",
            "serde_json",
            "socket2",
            "store",
            "strsim",
            "thiserror",
            "time",
            "tokio",
            "tokio-util",
            "toml",
            "tower",
            "tracing",
            "tracing-subscriber",
            "transport",
            "utoipa",
            "wire",
        ],
    ),
    (
        "engine",
        &[
            "bytes",
            "checkpoint",
            "hpke",
            "merkle",
            "rand_chacha",
            "sketch",
            "thiserror",
            "tracing",
            "wire",
        ],
    ),
    ("lanes", &["wire"]),
    ("merkle", &["wire"]),
    (
        "node",
        &[
            "blake3",
            "bytes",
            "curve25519-dalek",
            "encoding_rs",
            "engine",
            "merkle",
            "rand_chacha",
            "sha2",
            "subtle",
            "thiserror",
            "tracing",
            "wire",
            "zeroize",
        ],
    ),
    (
        "sim",
        &[
            "bytes",
            "checkpoint",
            "engine",
            "lanes",
            "merkle",
            "node",
            "plotters",
            "rand_chacha",
            "serde",
            "serde_json",
            "store",
            "strsim",
            "toml",
            "tracing",
            "wire",
        ],
    ),
    ("sketch", &["siphasher"]),
    ("store", &["bytes", "node", "redb", "thiserror", "tracing", "wire"]),
    (
        "transport",
        &[
            "base64",
            "bytes",
            "futures-util",
            "http-body-util",
            "hyper",
            "hyper-util",
            "lanes",
            "libp2p",
            "rustls",
            "serde",
            "serde_json",
            "snow",
            "socket2",
            "thiserror",
            "tokio",
            "tokio-rustls",
            "tokio-tungstenite",
            "tokio-util",
            "tracing",
            "webpki-roots",
            "wire",
            "x509-parser",
        ],
    ),
    ("trellis", &["daemon", "serde", "serde_json", "thiserror"]),
    (
        "wire",
        &[
            "bech32",
            "bip39",
            "bs58",
            "bytes",
            "ed25519-dalek",
            "prost",
            "sha2",
            "siphasher",
            "thiserror",
            "url",
        ],
    ),
];

/// What a room may never name, whatever a later edit of the table above says.
const NEVER: &[(&str, &[&str])] = &[
    ("cli", &["engine", "merkle", "node", "redb", "store", "transport"]),
    ("checkpoint", PURE),
    ("checkpoint", &["engine", "merkle", "node", "rand_chacha", "serde", "serde_json", "tracing"]),
    ("engine", PURE),
    ("lanes", PURE),
    ("merkle", PURE),
    ("node", PURE),
    ("sim", &["daemon", "tokio", "transport"]),
    ("sketch", PURE),
    ("store", &["engine", "getrandom", "tokio", "transport"]),
    ("transport", &["engine", "merkle", "node", "redb", "store"]),
    ("wire", PURE),
    ("wire", &["engine", "merkle", "node", "rand_chacha", "serde", "serde_json", "tracing"]),
];

/// What needs a system under it.
const PURE: &[&str] = &[
    "axum",
    "daemon",
    "getrandom",
    "hyper",
    "jiff",
    "libp2p",
    "rand",
    "redb",
    "reqwest",
    "store",
    "tokio",
    "transport",
];

/// Name and dependencies of every crate. Those of a target or of the build count too.
fn crates() -> Vec<(String, Vec<String>)> {
    let manifests = sources("Cargo.toml").into_iter().filter(|it| it.path.starts_with("crates/"));
    manifests
        .map(|manifest| {
            let table: Table = manifest.text.parse().unwrap();
            let mut used = Vec::new();
            collect(&table, &mut used);
            (table["package"]["name"].as_str().unwrap().to_owned(), used)
        })
        .collect()
}

fn collect(table: &Table, used: &mut Vec<String>) {
    for (name, value) in table {
        match (name.as_str(), value) {
            ("dependencies" | "build-dependencies", Value::Table(names)) => {
                used.extend(names.keys().cloned());
            }
            ("target", Value::Table(targets)) => {
                targets.values().filter_map(Value::as_table).for_each(|it| collect(it, used));
            }
            _ => {}
        }
    }
}

#[test]
fn crates_use_only_what_their_rooms_may() {
    let mut wrong = Vec::new();
    for (name, used) in crates() {
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == name) else {
            wrong.push(format!("{name}: no row in ROOMS"));
            continue;
        };
        let others = used.iter().filter(|it| !allowed.contains(&it.as_str()));
        wrong.extend(others.map(|it| format!("{name}: may not use {it}")));
    }
    none(&wrong);
}

#[test]
fn some_things_a_room_never_uses() {
    let mut wrong = Vec::new();
    let listed = ROOMS
        .iter()
        .map(|(room, names)| ((*room).to_owned(), names.iter().map(ToString::to_string).collect()));
    for (name, used) in crates().into_iter().chain(listed) {
        let banned = NEVER.iter().filter(|(room, _)| *room == name).flat_map(|(_, names)| *names);
        let broken = banned.filter(|it| used.contains(&it.to_string()));
        wrong.extend(broken.map(|it| format!("{name}: never {it}")));
    }
    none(&wrong);
}

#[test]
fn every_room_exists() {
    let crates = crates();
    let missing = ROOMS.iter().filter(|(room, _)| !crates.iter().any(|(name, _)| name == room));
    none(
        &missing
            .map(|(room, _)| format!("{room}: a row in ROOMS, and no crate"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_dependency_has_a_reason_in_contributing() {
    let text = std::fs::read_to_string(super::root().join("CONTRIBUTING.md")).unwrap();
    let rows =
        text.lines().filter(|line| line.starts_with("| ")).filter_map(|it| it.split('|').nth(1));
    let named: Vec<&str> = rows.flat_map(|it| it.split(',')).map(str::trim).collect();
    let ours: Vec<String> = crates().into_iter().map(|(name, _)| name).collect();
    let mut missing: Vec<String> = crates()
        .into_iter()
        .flat_map(|(_, used)| used)
        .filter(|it| !ours.contains(it) && !named.contains(&it.as_str()))
        .map(|it| format!("{it}: no row in CONTRIBUTING.md says why we use it"))
        .collect();
    missing.sort();
    missing.dedup();
    none(&missing);
}

#[test]
fn versions_stand_in_the_root_and_lints_are_everywhere_the_same() {
    let mut wrong = Vec::new();
    let manifests = sources("Cargo.toml").into_iter().filter(|it| it.path.starts_with("crates/"));
    for manifest in manifests {
        let table: Table = manifest.text.parse().unwrap();
        if table.get("lints").and_then(|it| it.get("workspace")) != Some(&Value::Boolean(true)) {
            wrong.push(format!("{}: say [lints] workspace = true", manifest.path));
        }
        for section in ["dependencies", "dev-dependencies"] {
            let names = table.get(section).and_then(Value::as_table).into_iter().flatten();
            let own = names.filter(|(_, it)| it.get("workspace") != Some(&Value::Boolean(true)));
            wrong.extend(own.map(|(name, _)| {
                format!("{}: the version of {name} belongs into the root", manifest.path)
            }));
        }
    }
    none(&wrong);
}

#[test]
fn pure_rooms_forbid_clocks_threads_and_unordered_maps() {
    let mut wrong = Vec::new();
    for room in ["checkpoint", "engine", "lanes", "merkle", "node", "sketch", "wire"] {
        let path = format!("crates/{room}/clippy.toml");
        let text = std::fs::read_to_string(super::root().join(&path)).unwrap_or_default();
        for name in ["Instant::now", "SystemTime::now", "thread::spawn", "HashMap", "HashSet"] {
            if !text.contains(name) {
                wrong.push(format!("{path}: does not forbid {name}"));
            }
        }
    }
    none(&wrong);
}
