//! A node that attests: its key file, the network file that names it, and what it makes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lab::{Lab, settings};
use crate::{attesters, start};

/// A network with one attester, whose key lies in `dir`; a checkpoint each second.
fn network(dir: &Path) -> String {
    let made = attesters::credentials(dir).unwrap();
    assert!(made.fresh);
    let times = "[checkpoints]\nevery_s = 1\nview_ms = 1000\nsettle_ms = 500\n";
    let (key, proof) = (made.key, made.proof);
    format!("name = \"valley\"\n{times}[[attester]]\nkey = \"{key}\"\nproof = \"{proof}\"\n")
}

async fn newest(lab: &Lab, after: u64) -> Value {
    let begun = Instant::now();
    loop {
        let (_, answer) = lab.get("/v1/checkpoints").await;
        if answer["checkpoints"][0]["height"].as_u64().is_some_and(|it| after < it) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint: {answer}");
        tokio::task::yield_now().await;
    }
}

/// CKPT-4: the file proves itself to whoever has the network file.
#[tokio::test(flavor = "multi_thread")]
async fn an_attester_makes_checkpoints_that_verify_offline_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let text = network(dir.path());
    fs::write(dir.path().join("network.toml"), &text).unwrap();
    let node = start(settings(dir.path(), &[])).await.unwrap();
    let lab = Lab { dir, node, client: reqwest::Client::new() };
    lab.put("n", "1").await;
    let list = newest(&lab, 0).await;
    assert_eq!(
        (list["attester"].as_u64(), list["attesters"][0]["weight"].as_u64()),
        (Some(0), Some(1))
    );
    let (_, one) = lab.get("/v1/checkpoints/1").await;
    let (_, root) = lab.get("/v1/root").await;
    assert_eq!(one["checkpoint"]["root"], root["root"]);
    let answer: crate::api::types::CheckpointAnswer = serde_json::from_value(one).unwrap();
    let file = answer.file_bytes().unwrap();
    let verified = attesters::verify(&text, &file).unwrap();
    assert_eq!((verified.checkpoint.height, verified.weight), (1, (1, 1)));
    let other = text.replace("valley", "hill");
    assert!(attesters::verify(&other, &file).is_err(), "of another network");
    for at in (0..file.len()).step_by(7) {
        let mut hurt = file.clone();
        hurt[at] ^= 1;
        assert!(attesters::verify(&text, &hurt).is_err(), "byte {at}");
    }
    assert_eq!(lab.refused(reqwest::Method::GET, "/v1/checkpoints/x", "").await.0, 400);
    assert_eq!(lab.refused(reqwest::Method::GET, "/v1/checkpoints/999", "").await.0, 404);
    let metrics = lab.client.get(lab.url("/metrics")).bearer_auth(lab.node.token());
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("trellis_checkpoint_height "), "{metrics}");

    let dir = lab.stop().await;
    let node = start(settings(dir.path(), &[])).await.unwrap();
    let lab = Lab { dir, node, client: reqwest::Client::new() };
    let (_, again) = lab.get("/v1/checkpoints").await;
    let height = again["checkpoints"][0]["height"].as_u64().unwrap();
    assert!(1 <= height, "{again}");
    lab.put("m", "2").await;
    newest(&lab, height).await;
    lab.stop().await;
}

#[test]
fn the_key_is_made_once_and_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = attesters::credentials(dir.path()).unwrap();
    let again = attesters::credentials(dir.path()).unwrap();
    assert_eq!((first.key, first.proof, again.fresh), (again.key, again.proof, false));
    let mode = fs::metadata(&again.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    fs::set_permissions(&again.path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = attesters::credentials(dir.path()).unwrap_err().to_string();
    assert!(error.contains("can be read by others"), "{error}");
    fs::set_permissions(&again.path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&again.path, "no key").unwrap();
    let error = attesters::credentials(dir.path()).unwrap_err().to_string();
    assert!(error.contains("holds no attester key"), "{error}");
    assert_eq!(fs::read(&again.path).unwrap(), b"no key", "a damaged key is not replaced");
}

/// CKPT-2.
#[test]
fn a_network_file_with_bad_attesters_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let good = network(dir.path());
    let verify = |text: &str| attesters::verify(text, b"").unwrap_err();
    assert!(verify(&good).contains("not a canonical checkpoint file"), "{}", verify(&good));
    let made = attesters::credentials(dir.path()).unwrap();
    let twice = format!("{good}[[attester]]\nkey = \"{}\"\nproof = \"{}\"\n", made.key, made.proof);
    let (front, back) = made.proof.split_at(64);
    let cases = [
        (good.replace(&made.proof, "00"), "proof needs 192 hexadecimal digits"),
        (good.replace(&made.key, "zz"), "key needs 96 hexadecimal digits"),
        (good.replace(&made.key, &"0".repeat(96)), "not a valid BLS12-381 key"),
        (good.replace(&made.proof, &format!("{back}{front}")), "proof of possession does not fit"),
        (twice, "one key stands twice"),
        (format!("{good}weight = 0\n"), "weights of 1 to 1,000,000"),
        (good.replace("every_s = 1", "every_s = 0"), "checkpoints.every_s must be 1 to"),
        (good.replace("view_ms = 1000", "view_ms = 9"), "checkpoints.view_ms must be 1000 to"),
        ("name = \"a\"\n[checkpoints]\n".to_owned(), "needs at least one [[attester]]"),
        ("name = \"a\"\n".to_owned(), "names no attester"),
    ];
    for (text, expected) in cases {
        assert!(verify(&text).contains(expected), "{expected}: {}", verify(&text));
    }
}
