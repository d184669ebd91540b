//! Settings: which layer wins, where a value is from, and what a mistake is told.

use std::fs;
use std::path::Path;

use node::engine;
use wire::{Digest, Medium};

use super::lab::flag;
use crate::{Settings, SettingsError};

fn load(
    file: &str,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> (tempfile::TempDir, Result<Settings, SettingsError>) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.toml"), file).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags = flags.iter().map(|(key, value)| flag(key, value)).collect();
    let settings = Settings::load(dir.path(), None, env, flags);
    (dir, settings)
}

/// Checks a refusal; DIR stands for the directory.
#[track_caller]
fn check_refused(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)], expected: &str) {
    let (dir, outcome) = load(file, env, flags);
    let text = outcome.unwrap_err().to_string();
    assert_eq!(text.replace(&dir.path().display().to_string(), "DIR"), expected);
}

/// Returns value and origin of a key.
fn shown(settings: &Settings, dir: &Path, key: &str) -> (String, String) {
    let row = settings.shown().into_iter().find(|row| row.key == key).unwrap();
    (row.value.to_string(), row.origin.replace(&dir.display().to_string(), "DIR"))
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let file = "[gossip]\nfanout = 1\nttl = 2\nheartbeat_s = 3\n";
    let env = [("TRELLIS_GOSSIP_TTL", "4"), ("TRELLIS_GOSSIP_HEARTBEAT_S", "5")];
    let (dir, settings) = load(file, &env, &[("gossip.heartbeat_s", "6")]);
    let settings = settings.unwrap();
    let row = |key| shown(&settings, dir.path(), key);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(row("gossip.fanout"), pair("1", "file DIR/config.toml"));
    assert_eq!(row("gossip.ttl"), pair("4", "env TRELLIS_GOSSIP_TTL"));
    assert_eq!(row("gossip.heartbeat_s"), pair("6", "flag --gossip-heartbeat_s"));
    assert_eq!(row("http.listen"), pair("\"0.0.0.0:8880\"", "default"));
    let engine = settings.engine(Digest::default());
    assert_eq!((engine.fanout, engine.ttl, engine.heartbeat_ms), (1, 4, 6_000));
}

#[test]
fn listeners_and_media_are_read_or_refused() {
    let read = |flags: &[(&str, &str)]| load("", &[], flags).1;
    let usual = read(&[]).unwrap();
    let ports = |settings: &Settings| -> Vec<String> {
        settings.libp2p_listen.iter().map(ToString::to_string).collect()
    };
    assert_eq!(ports(&usual), ["/ip4/0.0.0.0/udp/8888/quic-v1", "/ip4/0.0.0.0/tcp/8888"]);
    assert!(!usual.libp2p_by_hand);
    assert_eq!(usual.dials, [Medium::Quic, Medium::Tcp, Medium::Http, Medium::Relay]);
    assert_eq!(usual.memory_bytes_max(), 1024 * 1024 * 1024);
    let (one, other) = ("/ip4/127.0.0.1/tcp/0", "/ip6/::1/udp/9/quic-v1");
    let told = read(&[("libp2p.listen", one), ("libp2p.listen", other), ("peers.dial", "http")]);
    let told = told.unwrap();
    assert_eq!((ports(&told), told.libp2p_by_hand), (vec![one.into(), other.into()], true));
    assert_eq!(told.engine(Digest::default()).dials, [Medium::Http]);
    assert_eq!(ports(&read(&[("libp2p.listen", "none")]).unwrap()), Vec::<String>::new());
    for (key, value) in [
        ("libp2p.listen", "none,/ip4/127.0.0.1/tcp/0"),
        ("libp2p.listen", ""),
        ("libp2p.listen", "/dns/h/tcp/1"),
        ("libp2p.listen", "http://127.0.0.1:1"),
        ("peers.dial", ""),
        ("peers.dial", "quic,quic"),
        ("peers.dial", "udp"),
        ("libp2p.public", "/ip4/1.2.3.4"),
    ] {
        let refused = read(&[(key, value)]).unwrap_err().to_string();
        assert!(refused.contains(key), "{refused}");
    }
}

#[test]
fn a_section_that_is_given_a_value_is_said_to_be_a_section() {
    check_refused(
        "\ngossip = 3\n",
        &[],
        &[],
        "bad value \"3\" for gossip in DIR/config.toml line 2: allowed is a section: [gossip] and \
         its keys below",
    );
}

#[test]
fn the_defaults_are_the_engines() {
    let (_dir, settings) = load("", &[], &[]);
    let engine = settings.unwrap().engine(Digest::default());
    let agent = engine.agent.clone();
    assert_eq!(engine, engine::Config { agent, ..engine::Config::server(Digest::default()) });
}

#[test]
fn lists_add_up_within_the_flags_only() {
    let file = "[peers]\nbootstrap = [\"http://a:1\"]\n";
    let flags = [("peers.bootstrap", "http://b:1"), ("peers.bootstrap", "http://c:1")];
    let (_dir, settings) = load(file, &[], &flags);
    let peers: Vec<String> = settings.unwrap().bootstrap.iter().map(ToString::to_string).collect();
    assert_eq!(peers, ["http://b:1", "http://c:1"]);
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_one() {
    check_refused(
        "[http]\n\nlisen = \"127.0.0.1:1\"\n",
        &[],
        &[],
        "unknown key \"http.lisen\" in DIR/config.toml line 3: did you mean \"http.listen\"?",
    );
    check_refused(
        "# a\n[htp]\nlisten = \"127.0.0.1:1\"\n",
        &[],
        &[],
        "unknown key \"htp\" in DIR/config.toml line 2: did you mean \"http\"?",
    );
    check_refused("zzz = 1\n", &[], &[], "unknown key \"zzz\" in DIR/config.toml line 1");
}

#[test]
fn bad_values_name_key_place_and_what_is_allowed() {
    check_refused(
        "[gossip]\nfanout = 99\n",
        &[],
        &[],
        "bad value \"99\" for gossip.fanout in DIR/config.toml line 2: allowed is a whole number \
         from 1 to 50",
    );
    check_refused(
        "[gossip]\nfanout = \"six\"\n",
        &[],
        &[],
        "bad value \"six\" for gossip.fanout in DIR/config.toml line 2: allowed is a whole number \
         from 1 to 50",
    );
    check_refused(
        "",
        &[("TRELLIS_HTTP_UNSIGNED", "maybe")],
        &[],
        "bad value \"maybe\" for http.unsigned in the environment variable \
         TRELLIS_HTTP_UNSIGNED: allowed is refuse or relay",
    );
    check_refused(
        "",
        &[],
        &[("api.listen", "0.0.0.0:8881")],
        "bad value \"0.0.0.0:8881\" for api.listen in the flag --api-listen: allowed is a \
         loopback address; to let other machines operate this node set api.expose = true",
    );
    check_refused(
        "",
        &[],
        &[("log.level", "inof")],
        "bad value \"inof\" for log.level in the flag --log-level: allowed is error, warn, info, \
         debug, trace, or a filter such as info,daemon=debug",
    );
    check_refused(
        "",
        &[],
        &[("http.dial_from", "eth0")],
        "bad value \"eth0\" for http.dial_from in the flag --http-dial_from: allowed is an IP \
         address of this machine, such as 192.0.2.7",
    );
    check_refused(
        "[http\n",
        &[],
        &[],
        "DIR/config.toml line 1 is not TOML: unclosed table, expected `]`",
    );
}

#[test]
fn an_exposed_api_must_be_asked_for() {
    let (_dir, settings) = load("[api]\nexpose = true\nlisten = \"0.0.0.0:1\"\n", &[], &[]);
    assert!(!settings.unwrap().api_listen.ip().is_loopback());
}

#[test]
fn unknown_variables_are_a_warning() {
    let env = [("TRELLIS_HTTP_LISEN", "x"), ("TRELLIS_DIR", "/x"), ("OTHER", "y")];
    let (_dir, settings) = load("", &env, &[]);
    assert_eq!(
        settings.unwrap().warnings,
        ["unknown environment variable TRELLIS_HTTP_LISEN is ignored: did you mean \
          TRELLIS_HTTP_LISTEN?"]
    );
}

#[test]
fn a_file_asked_for_by_name_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let outcome = Settings::load(dir.path(), Some(&missing), std::iter::empty(), Vec::new());
    assert!(outcome.unwrap_err().to_string().starts_with("cannot read "));
}

#[test]
fn a_network_file_is_found_beside_the_file_that_names_it() {
    let (dir, settings) = load("[network]\nfile = \"casa.toml\"\n", &[], &[]);
    assert_eq!(settings.unwrap().network_file, Some(dir.path().join("casa.toml")));
    let (_dir, settings) = load("", &[], &[("network.file", "casa.toml")]);
    assert_eq!(settings.unwrap().network_file, Some("casa.toml".into()));
}

#[test]
fn the_store_takes_as_much_memory_as_it_is_told() {
    let (_dir, defaults) = load("", &[], &[]);
    assert_eq!(defaults.unwrap().store(), store::StoreConfig::default());
    let flags = [("store.cache_mib", "3"), ("store.waiting_max", "100")];
    let (_dir, told) = load("", &[], &flags);
    let expected = store::StoreConfig { cache_bytes: 3 << 20, layer_rows_max: 100 };
    assert_eq!(told.unwrap().store(), expected);
}
