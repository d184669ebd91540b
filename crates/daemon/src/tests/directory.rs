//! The directory: modes, lock, network, ports, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::lab::{Lab, settings};
use crate::start;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refusal(dir: &Path, flags: &[(&str, &str)]) -> String {
    match start(settings(dir, flags)).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string().replace(&dir.display().to_string(), "DIR"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_for_their_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/node");
    let node = start(settings(&dir, &[])).await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("identity.pem")), 0o600);
    assert_eq!(mode(&dir.join("token")), 0o600);
    let run: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["api"], node.api_url());
    assert_eq!(run["pid"], std::process::id());
    node.stop(Duration::from_secs(10)).await;
    assert!(!dir.join("run.json").exists());

    fs::set_permissions(dir.join("identity.pem"), fs::Permissions::from_mode(0o640)).unwrap();
    let text = refusal(&dir, &[]).await;
    assert_eq!(text, "DIR/identity.pem can be read by others; run: chmod 600 DIR/identity.pem");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_one_node_and_names_it() {
    let lab = Lab::start().await;
    let text = refusal(lab.dir.path(), &[]).await;
    let holder =
        format!("in use by process {} (trellis {}", std::process::id(), env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&holder), "{text}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_has_one_network() {
    let dir = Lab::start().await.stop().await;
    let file = dir.path().join("other.toml");
    fs::write(&file, "name = \"casa\"\n").unwrap();
    let text = refusal(dir.path(), &[("network.file", file.to_str().unwrap())]).await;
    assert!(text.starts_with("DIR belongs to the network \"commons ("), "{text}");
    assert!(text.contains("not to \"casa ("), "{text}");
    fs::write(&file, "name = \"casa\"\ncolour = 1\n").unwrap();
    let text = refusal(dir.path(), &[("network.file", file.to_str().unwrap())]).await;
    assert!(text.contains("unknown field `colour`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let text = refusal(&file, &[]).await;
    assert_eq!(text, "cannot use DIR: it is a file, not a directory: choose another --dir");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_asked_for_by_hand_must_be_free() {
    let lab = Lab::start().await;
    let dir = tempfile::tempdir().unwrap();
    for (key, url) in
        [("http.listen", lab.node.http_url().unwrap()), ("api.listen", lab.node.api_url())]
    {
        let address = url.trim_start_matches("http://").to_owned();
        let text = refusal(dir.path(), &[(key, &address)]).await;
        assert!(text.starts_with(&format!("{address} ({key}) is taken by ")), "{text}");
        if cfg!(target_os = "linux") {
            assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        }
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_port_that_is_taken_gives_way() {
    let lab = Lab::start().await;
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path(), &[]);
    let taken = |url: &str| url.trim_start_matches("http://").parse().unwrap();
    settings.http_listen = Some(taken(&lab.node.http_url().unwrap()));
    settings.api_listen = taken(&lab.node.api_url());
    (settings.http_by_hand, settings.api_by_hand) = (false, false);
    let node = start(settings).await.unwrap();
    assert_ne!(node.http_url(), lab.node.http_url());
    assert_ne!(node.api_url(), lab.node.api_url());
    node.stop(Duration::from_secs(10)).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_libp2p_ports_that_are_taken_give_way() {
    let listen = "/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0";
    let lab = Lab::with(&[("libp2p.listen", listen)]).await;
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path(), &[]);
    let pinned = format!("/p2p/{}", lab.node.node_id());
    let taken = lab.node.listeners().iter().map(|it| it.trim_end_matches(&pinned).to_owned());
    let taken: Vec<String> = taken.collect();
    settings.libp2p_listen = taken.iter().map(|it| it.parse().unwrap()).collect();
    settings.libp2p_by_hand = false;
    let node = start(settings).await.unwrap();
    assert_eq!(node.listeners().len(), 2);
    for address in &taken {
        assert!(!node.listeners().iter().any(|it| it.starts_with(address)), "{address}");
    }
    node.stop(Duration::from_secs(10)).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_or_token_is_refused_not_replaced() {
    let dir = Lab::start().await.stop().await;
    let (key, token) = (dir.path().join("identity.pem"), dir.path().join("token"));
    let good = fs::read(&key).unwrap();
    fs::write(&key, "no key").unwrap();
    let text = refusal(dir.path(), &[]).await;
    assert!(text.starts_with("DIR/identity.pem holds no Ed25519 key"), "{text}");
    assert_eq!(fs::read(&key).unwrap(), b"no key");
    fs::write(&key, good).unwrap();
    fs::write(&token, "short").unwrap();
    let text = refusal(dir.path(), &[]).await;
    assert!(text.starts_with("cannot use DIR/token: it holds no token"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_file_with_nonsense_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("net.toml");
    let cases = [
        ("name = \"\"", "name must be 1 to 128 bytes"),
        ("name = 7", "invalid type"),
        ("", "missing field `name`"),
        ("name = \"a\"\nbody_bytes_max = 1", "body_bytes_max must be 4096 to 262144"),
        ("name = \"a\"\nmessage_life_h_max = 721", "message_life_h_max must be 1 to 720"),
        ("name = \"a\"\ndeletion_days = 36501", "deletion_days must be 0 (for ever) to 36500"),
        (
            "name = \"a\"\ndeletion_days = 30",
            "deletion_days needs attesters: without them deletions are kept for ever",
        ),
    ];
    for (text, expected) in cases {
        fs::write(&file, text).unwrap();
        let text = refusal(dir.path(), &[("network.file", file.to_str().unwrap())]).await;
        assert!(text.contains(expected), "{text}");
    }
    fs::write(&file, "name = \"casa\"\nbody_bytes_max = 8192\n").unwrap();
    let lab = Lab::with(&[("network.file", file.to_str().unwrap())]).await;
    let big = format!("\"{}\"", "x".repeat(9_000));
    assert_eq!(lab.put("n", &big).await.0, 413);
    let (_, status) = lab.get("/v1/status").await;
    assert_eq!(status["network"]["name"], "casa");
    lab.stop().await;
}
