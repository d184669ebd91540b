//! Seeds between real nodes in one process: offered, planted, refused; liars, crashes, bad input.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wire::NodeId;

use super::lab::{Lab, settings};
use crate::{Running, start};

const FAST: (&str, &str) = ("seeds.kib_per_s", "4096");

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at / 3 + at % 7) % 251).unwrap()).collect()
}

async fn offer(lab: &Lab, query: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = lab.client.post(lab.url(&format!("/v1/seeds?{query}")));
    let request = request.bearer_auth(lab.node.token()).body(body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// Looks until something holds of a seed.
async fn until(lab: &Lab, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, seed) = lab.get(&format!("/v1/seeds/{id}")).await;
        if holds(&seed) {
            return seed;
        }
        assert!(Instant::now() < deadline, "{seed}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn plant(lab: &Lab, id: &str) {
    until(lab, id, |it| it["waiting"] == true).await;
    let (status, said) = lab.send(Method::POST, &format!("/v1/seeds/{id}/plant"), "").await;
    assert_eq!((status.as_u16(), &said["state"]), (200, &json!("planting")), "{said}");
}

/// Starts on a directory whose last node was dropped a moment ago.
async fn again(directory: &Path, flags: &[(&str, &str)]) -> Running {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match start(settings(directory, flags)).await {
            Ok(node) => return node,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn download(lab: &Lab, id: &str) -> Vec<u8> {
    let request = lab.client.get(lab.url(&format!("/v1/seeds/{id}/content")));
    let response = request.bearer_auth(lab.node.token()).send().await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_comes_from_three_holders_of_which_one_lies_and_one_dies() {
    // SEED-4, SEED-5: the planter is killed as well, and goes on where it was.
    let first = Lab::with(&[FAST]).await;
    let door = first.node.http_url().unwrap();
    let flags = [("peers.bootstrap", door.as_str()), FAST];
    let (liar, mortal) = (Lab::with(&flags).await, Lab::with(&flags).await);
    let body = content(20 << 20);
    let (status, said) = offer(&first, "title=Po%C3%A7os", body.clone()).await;
    assert_eq!(status.as_u16(), 200, "{said}");
    let id = said["seed"].as_str().unwrap().to_owned();
    for holder in [&liar, &mortal] {
        plant(holder, &id).await;
        until(holder, &id, |it| it["state"] == "held").await;
    }
    let lies = liar.dir.path().join("lies");
    fs::write(lies, "").unwrap();

    let slow = [("peers.bootstrap", door.as_str())];
    let planter = Lab::with(&slow).await;
    plant(&planter, &id).await;
    let liar_id: NodeId = liar.node.node_id();
    let liar_named =
        |it: &Value| it["progress"]["refused"][0]["node"] == json!(liar_id.to_string());
    let half = |it: &Value| liar_named(it) && 2_000_000 < it["progress"]["bytes"].as_u64().unwrap();
    let seen = until(&planter, &id, half).await;
    assert_eq!(seen["progress"]["refused"].as_array().unwrap().len(), 1, "{seen}");
    let before = seen["progress"]["bytes"].as_u64().unwrap();
    drop(mortal);
    let Lab { dir, node, client } = planter;
    drop(node);
    let node = again(dir.path(), &slow).await;
    let planter = Lab { dir, node, client };
    let resumed =
        until(&planter, &id, |it| 0 < it["progress"]["bytes"].as_u64().unwrap_or(1)).await;
    assert!(before <= resumed["progress"]["bytes"].as_u64().unwrap_or(u64::MAX), "{resumed}");
    let seed = until(&planter, &id, |it| it["state"] == "held").await;
    assert_eq!(seed["size"], 20 << 20);
    assert!(download(&planter, &id).await == body);
    let log = planter.get("/v1/log").await.1.to_string();
    assert!(log.contains("seed.refused") && log.contains(&liar_id.to_string()), "{log}");
    assert!(log.contains("seed.plant") && log.contains("seed.held"));
    // Nothing is left of the way it came.
    let names = fs::read_dir(planter.dir.path().join("seeds")).unwrap();
    assert_eq!(names.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_hidden_in_a_text_is_shown_and_nothing_is_changed() {
    // SEED-7
    let lab = Lab::start().await;
    let damaged = "Guia de irriga\u{c3}\u{a7}\u{c3}\u{a3}o \u{202e}fdp.exe";
    let title = "title=Irriga%C3%83%C2%A7%C3%83%C2%A3o&language=pt-BR&licence=CC-BY-4.0";
    let (_, said) = offer(&lab, title, damaged.into()).await;
    let id = said["seed"].as_str().unwrap();
    let (_, seed) = lab.get(&format!("/v1/seeds/{id}")).await;
    assert_eq!(seed["title"], "Irriga\u{c3}\u{a7}\u{c3}\u{a3}o");
    assert_eq!(seed["shown"]["repaired"], "Irriga\u{e7}\u{e3}o");
    assert_eq!((&seed["language"], &seed["licence"]), (&json!("pt-BR"), &json!("CC-BY-4.0")));
    let preview = &seed["preview"];
    assert_eq!(preview["text"], "Guia de irriga\u{c3}\u{a7}\u{c3}\u{a3}o <U+202E>fdp.exe");
    assert_eq!(preview["repaired"], "Guia de irriga\u{e7}\u{e3}o <U+202E>fdp.exe");
    assert_eq!((&preview["hidden"], &preview["misread_as"]), (&json!(1), &json!("windows-1252")));
    assert_eq!(download(&lab, id).await, damaged.as_bytes());
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_leaves_nothing() {
    // SEED-4
    let lab = Lab::with(&[("seeds.disk_mib", "1")]).await;
    let refused = |(status, problem): (StatusCode, Value)| {
        (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let large = offer(&lab, "title=x", content((1 << 20) + 1)).await;
    assert!(large.1["detail"].as_str().unwrap().contains("uproot one"), "{}", large.1);
    assert_eq!(refused(large), (409, "conflict".to_owned()));
    for (query, body) in [
        ("title=x", 0),
        ("title=", 9),
        ("", 9),
        ("title=x&supersedes=77", 9),
        ("title=x&life_s=0", 9),
    ] {
        assert_eq!(refused(offer(&lab, query, content(body)).await).0, 400, "{query}");
    }
    let left = fs::read_dir(lab.dir.path().join("seeds")).unwrap().count();
    assert_eq!(left, 0, "no file of what was refused stays");
    let (_, said) = offer(&lab, "title=x", content(1 << 20)).await;
    let id = said["seed"].as_str().unwrap();
    let second = offer(&lab, "title=y", content(5)).await;
    assert_eq!(refused(second), (409, "conflict".to_owned()), "nothing makes room");
    for (verb, body, status) in [
        ("plant", "", 409),
        ("compost", "", 409),
        ("later", r#"{"for_s":60}"#, 409),
        ("later", r#"{"for_s":0}"#, 400),
        ("uproot", "", 200),
        ("uproot", "", 409),
        ("content", "", 409),
    ] {
        let method = if verb == "content" { Method::GET } else { Method::POST };
        let (got, said) = lab.send(method, &format!("/v1/seeds/{id}/{verb}"), body).await;
        assert_eq!(got.as_u16(), status, "{verb}: {said}");
    }
    let nobody = "0".repeat(64);
    for verb in ["plant", "compost", "uproot"] {
        let path = format!("/v1/seeds/{nobody}/{verb}");
        assert_eq!(lab.refused(Method::POST, &path, "").await.0, 404, "{verb}");
    }
    assert_eq!(lab.refused(Method::PUT, "/v1/entries/a?collection=seeds", "1").await.0, 400);
    let body = r#"{"topic":"seeds","payload":1}"#;
    assert_eq!(lab.refused(Method::POST, "/v1/messages", body).await.0, 400);
    assert_eq!(lab.get("/v1/seeds").await.1["used_bytes"], 0);
    let left = fs::read_dir(lab.dir.path().join("seeds")).unwrap().count();
    assert_eq!(left, 0);
    lab.stop().await;
}
