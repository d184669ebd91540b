//! A door behind TLS, with files as an operator has them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use transport::{Config, Limits, Roots, Transport};
use wire::{Identity, NetworkId};

use super::lab::{Lab, flag, settings};
use crate::settings::TlsFiles;
use crate::tls::Reader;
use crate::{Settings, StartError, start};

/// An authority and what it signs for this machine.
struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    fn write(&self, dir: &Path, host: &str) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let (certificate, file) = (dir.join("chain.pem"), dir.join("key.pem"));
        std::fs::write(&certificate, params.signed_by(&key, &self.0).unwrap().pem()).unwrap();
        std::fs::write(&file, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        TlsFiles { certificate, key: file }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn two_nodes_agree_through_a_door_that_speaks_tls() {
    let (authority, place) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(place.path(), "127.0.0.1");
    let roots = place.path().join("roots.pem");
    std::fs::write(&roots, &authority.1).unwrap();
    let tls = [
        ("http.tls_cert", text(&files.certificate)),
        ("http.tls_key", text(&files.key)),
        ("http.tls_roots", text(&roots)),
    ];
    let first = Lab::with(&tls).await;
    let url = first.node.http_url().unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let second = Lab::with(&[("peers.bootstrap", &url), tls[2]]).await;
    first.put("a", "1").await;
    let begun = Instant::now();
    while second.get("/v1/entries/a").await.0 != 200 {
        assert!(begun.elapsed() < PATIENCE, "the entry does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, status) = first.get("/v1/status").await;
    assert_eq!(status["certificate"]["names"][0], "127.0.0.1");
    assert_eq!(status["certificate"]["problem"], serde_json::Value::Null);
    assert_eq!(status["addresses"][0], url);
    let (_, peers) = second.get("/v1/peers").await;
    assert_eq!(peers["peers"][0]["addresses"][0], url, "{peers}");
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn new_files_are_taken_up_and_broken_ones_change_nothing() {
    // TLS-4
    let (first, second) = (Authority::new(), Authority::new());
    let place = tempfile::tempdir().unwrap();
    let files = first.write(place.path(), "one.example");
    let (reader, certificate) = Reader::open(&files).unwrap();
    let config = Config {
        listen: None,
        certificate: Some(certificate),
        roots: Roots::default(),
        private: None,
        libp2p: None,
        dial_from: None,
        identity: Identity::from_seed([1; 32]),
        network: NetworkId::default(),
        agent: "test/1".to_owned(),
        limits: Limits::default(),
    };
    let (transport, _inbox) = Transport::start(config).await.unwrap();
    let before = reader.shown();
    reader.look(&transport);
    assert_eq!((reader.shown(), before.names.join(" ").as_str()), (before, "one.example"));
    // The certificate is there and its key is not yet.
    let key = std::fs::read(&files.key).unwrap();
    second.write(place.path(), "two.example");
    let new_key = std::fs::read(&files.key).unwrap();
    std::fs::write(&files.key, key).unwrap();
    reader.look(&transport);
    let shown = reader.shown();
    assert_eq!(shown.names, ["one.example"]);
    assert!(shown.problem.unwrap().contains("the key is not that of the certificate"));
    std::fs::write(&files.key, new_key).unwrap();
    reader.look(&transport);
    let shown = reader.shown();
    assert_eq!((shown.names.join(" ").as_str(), shown.problem), ("two.example", None));
    std::fs::remove_file(&files.certificate).unwrap();
    reader.look(&transport);
    let shown = reader.shown();
    assert!(shown.problem.unwrap().contains("chain.pem") && shown.names == ["two.example"]);
}

#[tokio::test]
async fn files_that_are_not_good_stop_the_start() {
    let (authority, place) = (Authority::new(), tempfile::tempdir().unwrap());
    let files = authority.write(place.path(), "127.0.0.1");
    let tls = [("http.tls_cert", text(&files.certificate)), ("http.tls_key", text(&files.key))];
    let said = async |flags: &[(&str, &str)]| {
        let dir = tempfile::tempdir().unwrap();
        match start(settings(dir.path(), flags)).await {
            Err(StartError::Tls(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(said(&tls).await.contains("chmod o="));
    std::fs::remove_file(&files.key).unwrap();
    assert!(said(&tls).await.contains("key.pem"));
    assert!(
        said(&[("http.tls_roots", text(&files.certificate.with_extension("no")))])
            .await
            .contains("chain.no")
    );
    let alone = vec![flag("http.tls_cert", "x.pem")];
    let error = Settings::load(place.path(), None, std::iter::empty(), alone).unwrap_err();
    assert!(error.to_string().contains("given together with http.tls_key"), "{error}");
}

/// Far beyond what a link and a broadcast take.
const PATIENCE: Duration = Duration::from_secs(30);
