//! `trellis doctor` on real directories: what is right, what is wrong, and what nobody can tell.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Node, Ran, free_port, run, until};

/// The verdicts of one check, in the order of its findings.
fn verdicts(document: &Value, check: &str) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let of_check = findings.filter(|it| it["check"] == check);
    of_check.map(|it| it["verdict"].as_str().unwrap().to_owned()).collect()
}

fn doctor(directory: &Path) -> Ran {
    run(directory, &["doctor", "--json"])
}

#[test]
fn an_empty_place_is_examined_and_stays_empty() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("n");
    let found = doctor(&directory).succeeds().json();
    assert_eq!(found["schema"], "trellis.doctor/1");
    assert_eq!(verdicts(&found, "directory"), ["unknown"]);
    assert_eq!(verdicts(&found, "node"), ["unknown"]);
    assert!(!directory.exists());
}

#[test]
fn what_is_wrong_fails_with_what_mends_it() {
    let place = tempfile::tempdir().unwrap();
    let network = place.path().join("network.toml");
    std::fs::write(&network, "name = \"doctor\"\n").unwrap();
    let network = network.to_str().unwrap();
    let first = Node::start(&place.path().join("n1"), &["--network", network]);
    let door = first.text("http");
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let flags = ["--network", network, "--peer", &door, "--peer", &nowhere];
    let second = Node::start(&place.path().join("n2"), &flags);
    let found = until("a link and agreement", Duration::from_secs(30), || {
        let found = doctor(&second.directory).exits(1).json();
        let linked = verdicts(&found, "bootstrap") == ["pass", "fail"];
        if linked && verdicts(&found, "agreement") == ["pass"] {
            Ok(found)
        } else {
            Err(found.to_string())
        }
    });
    assert_eq!((verdicts(&found, "keys"), &found["failed"]), (vec!["pass".to_owned()], &1.into()));
    let wrong =
        found["findings"].as_array().unwrap().iter().find(|it| it["verdict"] == "fail").unwrap();
    assert!(wrong["detail"].as_str().unwrap().contains("refused") && wrong["mend"].is_string());

    // A key that others can read, and a setting that makes no sense.
    let key = first.directory.join("identity.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(first.directory.join("config.toml"), "[http]\nlisten = \"x\"\n").unwrap();
    let found = doctor(&first.directory).exits(1).says("2 checks failed").json();
    assert_eq!(verdicts(&found, "keys"), ["fail"]);
    assert_eq!(verdicts(&found, "settings"), ["fail"]);
    // A human reads the same.
    run(&first.directory, &["doctor"]).exits(1).tells("FAIL    keys").tells("chmod 600");
}
