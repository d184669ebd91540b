//! The API over one real node.

use node::Finding;
use reqwest::Method;
use serde_json::{Value, json};

use super::lab::Lab;
use crate::api::types::EntryProof;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_written_read_listed_and_removed() {
    let lab = Lab::start().await;
    let (status, written) = lab.put("airport%2F00M", r#"{"runways": 2}"#).await;
    assert_eq!((status.as_u16(), &written["schema"]), (200, &json!("trellis.written/1")));
    let (_, entry) = lab.get("/v1/entries/airport%2F00M").await;
    assert_eq!(entry["value"], json!({"runways": 2}));
    assert_eq!(entry["name"], "airport/00M");
    assert_eq!(entry["collection"], "default");
    assert_eq!(entry["id"], written["ids"][0]);
    assert_eq!(entry["author"], lab.node.node_id().to_string());
    assert_eq!(entry["others"], 0);
    let (_, root) = lab.get("/v1/root").await;
    assert_eq!((&root["root"], &root["entries"]), (&written["root"], &json!(1)));

    let (status, removed) = lab.send(Method::DELETE, "/v1/entries/airport%2F00M", "").await;
    assert_eq!(status, 200, "{removed}");
    assert_ne!(removed["root"], written["root"]);
    let (status, problem) = lab.get("/v1/entries/airport%2F00M").await;
    assert_eq!((status.as_u16(), &problem["code"]), (404, &json!("not-found")));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_and_its_absence_are_proven() {
    let lab = Lab::start().await;
    for n in 0..50 {
        lab.put(&format!("n{n}"), &n.to_string()).await;
    }
    let (_, root) = lab.get("/v1/root").await;
    let check = |proof: &Value| {
        let proof: EntryProof = serde_json::from_value(proof.clone()).unwrap();
        proof.evidence().unwrap().check()
    };
    let (status, mut proof) = lab.get("/v1/proofs/n7").await;
    assert_eq!((status.as_u16(), &proof["root"]), (200, &root["root"]));
    assert!(matches!(check(&proof), Ok(Finding::Present(it)) if it.record.seq != 0));

    let (_, absent) = lab.get("/v1/proofs/nobody").await;
    assert_eq!(check(&absent), Ok(Finding::Absent));
    assert_eq!(absent["author"], lab.node.node_id().to_string());
    lab.send(Method::DELETE, "/v1/entries/n7", "").await;
    let author = lab.node.node_id();
    let (_, deleted) = lab.get(&format!("/v1/proofs/n7?author={author}")).await;
    assert!(matches!(check(&deleted), Ok(Finding::Deleted(_))));

    // What does not belong together proves nothing.
    let (_, other) = lab.get("/v1/proofs/n8").await;
    for field in ["proof", "record", "root", "name", "collection", "network"] {
        let mut mixed = proof.clone();
        mixed[field] = match field {
            "name" | "proof" | "record" => other[field].clone(),
            "root" => deleted[field].clone(),
            "network" => root["root"].clone(),
            _ => "another".into(),
        };
        assert!(check(&mixed).is_err(), "with another {field}");
    }
    proof["record"] = Value::Null;
    assert!(check(&proof).is_err(), "without its record");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_pages() {
    let lab = Lab::start().await;
    let lines: String =
        (0..25).map(|n| format!("{{\"name\":\"n{n:02}\",\"value\":{n}}}\n")).collect();
    let (status, written) = lab.send(Method::POST, "/v1/import?collection=c", lines).await;
    assert_eq!(status, 200, "{written}");
    assert_eq!(written["ids"].as_array().unwrap().len(), 25);
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) =
            lab.get(&format!("/v1/entries?collection=c&prefix=n&limit=10{after}")).await;
        let entries = page["entries"].as_array().unwrap();
        names.extend(entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let expected: Vec<String> = (0..25).map(|n| format!("n{n:02}")).collect();
    assert_eq!(names, expected);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_entries_ends_early() {
    let lab = Lab::start().await;
    let value = "x".repeat(60_000);
    for part in 0..4 {
        let lines: String = (0..50)
            .map(|n| format!("{{\"name\":\"{part}{n:02}\",\"value\":\"{value}\"}}\n"))
            .collect();
        assert_eq!(lab.send(Method::POST, "/v1/import", lines).await.0, 200);
    }
    let (_, first) = lab.get("/v1/entries?limit=1000").await;
    let after = first["next"].as_str().unwrap();
    assert_eq!(first["entries"].as_array().unwrap().len(), 128);
    let (_, rest) = lab.get(&format!("/v1/entries?limit=1000&after={after}")).await;
    assert_eq!(rest["entries"].as_array().unwrap().len(), 72);
    assert_eq!(rest["next"], Value::Null);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_import_names_its_line_and_changes_nothing() {
    let lab = Lab::start().await;
    let before = lab.get("/v1/root").await.1;
    let lines = "{\"name\":\"a\",\"value\":1}\n\n{\"name\":\"b\",\"value\":}\n";
    let (status, problem) = lab.send(Method::POST, "/v1/import", lines).await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("bad-json")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("line 3: ") && detail.contains("nothing was imported"), "{detail}");
    assert_eq!(lab.get("/v1/root").await.1, before);
    lab.stop().await;
}

#[test]
fn an_imported_value_keeps_every_digit_its_author_wrote() {
    let line = br#"{"name":"n","value":{"sum":123456789012345678901234567890,"x":1.10}}"#;
    let draft = crate::api::routes::import::draft(line, "c", 1_000).unwrap();
    let kept = r#"{"sum":123456789012345678901234567890,"x":1.10}"#;
    assert_eq!(draft.value.as_deref(), Some(kept.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_url_can_carry_is_not_written() {
    let lab = Lab::start().await;
    for name in [".", ".."] {
        let lines = format!("{{\"name\":\"{name}\",\"value\":1}}");
        let refused = lab.refused(Method::POST, "/v1/import", &lines).await;
        assert_eq!(refused, (400, "bad-request".to_owned()));
    }
    assert_eq!(lab.get("/v1/root").await.1["entries"], 0);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_a_value_out_of_bounds_is_refused_clearly_and_changes_nothing() {
    // RECORD-1
    let lab = Lab::start().await;
    let empty = lab.refused(Method::POST, "/v1/import", r#"{"name":"","value":1}"#).await;
    assert_eq!(empty, (400, "bad-request".to_owned()));
    for length in [wire::limits::NAME_BYTES_MAX + 1, 4_096] {
        let name = "n".repeat(length);
        let long = lab.refused(Method::PUT, &format!("/v1/entries/{name}"), "1").await;
        assert_eq!(long, (400, "bad-request".to_owned()));
        let line = format!(r#"{{"name":"{name}","value":1}}"#);
        let long = lab.refused(Method::POST, "/v1/import", &line).await;
        assert_eq!(long, (400, "bad-request".to_owned()));
    }
    // What a record needs beside its content is 160 bytes at most.
    let room = wire::limits::BODY_BYTES_MAX - 160 - "default".len() - "n".len();
    let value = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let large = lab.refused(Method::PUT, "/v1/entries/n", &value(room + 1)).await;
    assert_eq!(large, (413, "too-large".to_owned()));
    assert_eq!(lab.get("/v1/root").await.1["entries"], 0);
    // The longest name and the largest value are taken.
    let name = "n".repeat(wire::limits::NAME_BYTES_MAX);
    assert_eq!(lab.put(&name, "1").await.0, 200);
    assert_eq!(lab.put("n", &value(room)).await.0, 200);
    assert_eq!(lab.get("/v1/root").await.1["entries"], 2);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_is_not_ours_to_remove() {
    let first = Lab::start().await;
    let url = first.node.http_url().unwrap();
    let second = Lab::with(&[("peers.bootstrap", &url)]).await;
    first.put("shared", "1").await;
    let mut feed = second.node.commands().events().subscribe(None);
    // The entry arrives by itself; each event is a reason to look again.
    while second.get("/v1/entries/shared").await.0 != 200 {
        tokio::time::timeout(std::time::Duration::from_secs(20), feed.next()).await.unwrap();
    }
    let refused = second.refused(Method::DELETE, "/v1/entries/shared", "").await;
    assert_eq!(refused, (403, "not-author".to_owned()));
    second.put("shared", "2").await;
    let (_, entry) = second.get("/v1/entries/shared").await;
    assert_eq!((&entry["value"], &entry["others"]), (&json!(2), &json!(1)));
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_has_a_stable_code_and_changes_nothing() {
    let lab = Lab::start().await;
    let before = lab.get("/v1/root").await.1;
    let deep = "[".repeat(200) + &"]".repeat(200);
    let long = format!("\"{}\"", "x".repeat(70_000));
    let huge = "x".repeat(500_000);
    let message = |field: &str, value: Value| {
        let mut message = json!({"topic": "t", "payload": 1});
        message[field] = value;
        message.to_string()
    };
    let (put, post) = (Method::PUT, Method::POST);
    let cases = [
        (&put, "/v1/entries/n", "{", 400, "bad-json"),
        (&put, "/v1/entries/n", "", 400, "bad-json"),
        (&put, "/v1/entries/n", "1 2", 400, "bad-json"),
        (&put, "/v1/entries/n", &deep, 400, "bad-json"),
        (&put, "/v1/entries/n", &long, 413, "too-large"),
        (&put, "/v1/entries/n", &huge, 413, "too-large"),
        (&put, "/v1/entries/a%00b", "1", 400, "bad-request"),
        (&put, "/v1/entries/a%FF", "1", 400, "bad-request"),
        (&put, "/v1/entries/n?collection=", "1", 400, "bad-request"),
        (&put, "/v1/entries/n?colection=c", "1", 400, "bad-request"),
        (&post, "/v1/import", "", 400, "bad-request"),
        (&post, "/v1/import", "{\"name\":\"\",\"value\":1}", 400, "bad-request"),
        (&post, "/v1/messages", &message("topic", json!("")), 400, "bad-request"),
        (&post, "/v1/messages", &message("topic", json!(7)), 400, "bad-json"),
        (&post, "/v1/messages", &message("kind", json!("shout")), 400, "bad-json"),
        (&post, "/v1/messages", &message("life_s", json!(0)), 400, "bad-request"),
        (&post, "/v1/messages", &message("life_s", json!(99_999_999)), 400, "bad-request"),
        (&post, "/v1/messages", &message("life_s", json!(-1)), 400, "bad-json"),
        (&post, "/v1/messages", &message("reply_to", json!("abc")), 400, "bad-request"),
        (&post, "/v1/messages", &message("lfe_s", json!(1)), 400, "bad-json"),
        (&post, "/v1/peers", "{\"address\":\"ftp://x\"}", 400, "bad-request"),
        (&post, "/v1/peers", "{\"address\":\"https://x?y\"}", 400, "bad-request"),
        (&post, "/v1/status", "", 405, "method-not-allowed"),
        (&put, "/v1/nothing", "", 404, "not-found"),
        (&Method::DELETE, "/v1/entries/nobody", "", 404, "not-found"),
        (&Method::GET, "/v1/entries?limit=0", "", 400, "bad-request"),
        (&Method::GET, "/v1/entries?after=xyz", "", 400, "bad-request"),
        (&Method::GET, "/v1/entries?author=me", "", 400, "bad-request"),
        (&Method::GET, "/v1/events?kind=thing", "", 400, "bad-request"),
    ];
    for (method, path, body, status, code) in cases {
        let refused = lab.refused(method.clone(), path, body).await;
        assert_eq!(refused, (status, code.to_owned()), "{method} {path} {body:.60}");
    }
    let request = lab.client.put(lab.url("/v1/entries/n")).bearer_auth(lab.node.token());
    let response = request.header("content-type", "text/plain").body("1").send().await.unwrap();
    assert_eq!(response.status(), 415);
    assert_eq!(lab.get("/v1/root").await.1, before);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_enters_without_the_token_or_under_a_foreign_name() {
    let lab = Lab::start().await;
    let port = lab.node.api_url().rsplit(':').next().unwrap().to_owned();
    let good = format!("Bearer {}", lab.node.token());
    let ask = async |host: &str, authorization: Option<&str>| {
        let request = lab.client.get(lab.url("/v1/root")).header("host", host);
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2"] {
        assert_eq!(ask(&format!("{host}:{port}"), Some(&good)).await, 200, "{host}");
    }
    let bypasses = [
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "evil.com",
        "127.0.0.1@evil.com",
        "0x7f.1",
        "1.2.3.4",
        "[::2]",
        "xn--localhost",
    ];
    for host in bypasses {
        assert_eq!(ask(&format!("{host}:{port}"), Some(&good)).await, 403, "{host}");
    }
    assert_eq!(ask("127.0.0.1:1", Some(&good)).await, 403);
    assert_eq!(ask("127.0.0.1", Some(&good)).await, 403);
    let local = format!("127.0.0.1:{port}");
    let wrong = good.replace(lab.node.token(), &"0".repeat(64));
    for authorization in [None, Some("Bearer"), Some("Bearer "), Some("Basic abc"), Some(&*wrong)] {
        assert_eq!(ask(&local, authorization).await, 401, "{authorization:?}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_need_no_token_and_metrics_do() {
    let lab = Lab::start().await;
    for path in ["/livez", "/readyz"] {
        let response = lab.client.get(lab.url(path)).send().await.unwrap();
        assert_eq!((response.status().as_u16(), &*response.text().await.unwrap()), (200, "ok"));
    }
    assert_eq!(lab.client.get(lab.url("/metrics")).send().await.unwrap().status(), 401);
    lab.put("n", "1").await;
    let request = lab.client.get(lab.url("/metrics")).bearer_auth(lab.node.token());
    let text = request.send().await.unwrap().text().await.unwrap();
    let expected = [
        "trellis_build_info{version=",
        "trellis_records_total{result=\"accepted\"}",
        "trellis_verifications_total",
        "trellis_state_entries 1",
        "trellis_peers{state=\"connected\"} 0",
        "trellis_store_commit_seconds_bucket",
        "trellis_store_commit_batches_count",
        "trellis_network_bytes_total{kind=\"link\",direction=\"sent\"}",
        "trellis_queue_depth{queue=\"store\"}",
        "trellis_link_frames_total{class=\"alert\",direction=\"sent\"} 0",
        "trellis_link_frames_bytes_total{class=\"bulk\",direction=\"received\"} 0",
        "trellis_link_frames_dropped_total{class=\"control\"} 0",
        "trellis_link_waiting_bytes{class=\"normal\"} 0",
        "trellis_link_waiting_parts{class=\"normal\"} 0",
        "trellis_api_requests_total{method=\"PUT\",route=\"/v1/entries/{name}\",status=\"200\"} 1",
        "trellis_event_readers 0",
        "trellis_event_stream_dropped_total 0",
        "trellis_uptime_seconds",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_how_the_node_is_and_what_to_do() {
    let lab = Lab::start().await;
    let (_, status) = lab.get("/v1/status").await;
    assert_eq!(status["health"], "alone");
    assert!(status["what_you_can_do"].as_str().unwrap().contains("--peer"));
    assert_eq!(status["network"]["name"], "commons");
    assert_eq!(status["api"], lab.node.api_url());
    assert_eq!(status["http"], lab.node.http_url().unwrap());
    let (code, done) =
        lab.send(Method::POST, "/v1/peers", "{\"address\":\"http://127.0.0.1:9\"}").await;
    assert_eq!((code.as_u16(), &done["schema"]), (202, &json!("trellis.done/1")));
    assert_eq!(lab.get("/v1/status").await.1["health"], "isolated");
    let (_, peers) = lab.get("/v1/peers").await;
    assert_eq!(peers["peers"][0]["addresses"][0], "http://127.0.0.1:9");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_gets_a_name_and_is_read_and_removed_by_it() {
    // STATE-7
    let lab = Lab::start().await;
    let path = "/v1/entries?collection=readings";
    let (status, first) = lab.send(Method::POST, path, "{\"litres\": 5}").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["name"], "#0000000.000000");
    assert_eq!((&first["expires"], first["entries"].as_u64()), (&Value::Null, Some(1)));
    let (_, second) = lab.send(Method::POST, &format!("{path}&life_s=7200"), "6").await;
    let name = second["name"].as_str().unwrap();
    assert!(name.ends_with(".000000") && second["expires"].is_string(), "{second}");
    let (_, list) = lab.get(path).await;
    assert_eq!(list["entries"].as_array().unwrap().len(), 2);
    let at = format!("/v1/entries/{}?collection=readings", name.replace('#', "%23"));
    assert_eq!(lab.get(&at).await.1["value"], 6);
    let (status, _) = lab.send(Method::DELETE, &at, "").await;
    assert_eq!(status, 200);
    assert_eq!(lab.get(&at).await.0, 404);
    // A name of that kind is given, not chosen; a life has its bounds.
    let chosen = "/v1/entries/%230000000.000007?collection=readings";
    assert_eq!(lab.send(Method::PUT, chosen, "1").await.0, 400);
    assert_eq!(lab.send(Method::PUT, "/v1/entries/%23mine", "1").await.0, 400);
    for life_s in ["0", "99999999", "18446744073709551615"] {
        assert_eq!(lab.send(Method::POST, &format!("{path}&life_s={life_s}"), "1").await.0, 400);
    }
    let (_, list) = lab.get(path).await;
    assert_eq!(list["entries"].as_array().unwrap().len(), 1);
    lab.stop().await;
}
