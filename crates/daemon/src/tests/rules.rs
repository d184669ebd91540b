//! Rules over the API of one real node, in a network that is easily convinced.

use reqwest::Method;
use serde_json::json;

use super::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn the_network_file_says_what_is_accepted() {
    // RULE-2
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("network.toml");
    std::fs::write(&file, "name = \"rules\"\n[rules]\nauthors = 1\nconfidence = 0.5\n").unwrap();
    let lab = Lab::with(&[("network.file", file.to_str().unwrap())]).await;
    let rule = json!({ "logic": [1, 2], "context": "c\u{9b}", "confidence": 0.5 }).to_string();
    let (status, said) = lab.send(Method::POST, "/v1/rules", rule.clone()).await;
    assert_eq!((status.as_u16(), &said["schema"]), (200, &json!("trellis.rule-said/1")), "{said}");
    let id = said["rule"].as_str().unwrap();
    let (_, rules) = lab.get("/v1/rules").await;
    assert_eq!((&rules["count"], &rules["accepted"]), (&json!(1), &json!(1)));
    assert_eq!(rules["rules"][0]["confidence"].to_string(), "0.5");
    let (_, shown) = lab.get(&format!("/v1/rules/{id}")).await;
    assert_eq!(shown["content"], json!({ "context": "c\u{9b}", "logic": [1, 2] }));
    let again = lab.refused(Method::POST, "/v1/rules", &rule).await;
    assert_eq!(again, (409, "conflict".to_owned()));
    let challenge = format!("/v1/rules/{id}/challenge");
    lab.send(Method::POST, &challenge, r#"{"reason":"no"}"#).await;
    assert_eq!(lab.get("/v1/rules").await.1["accepted"], 0);
    assert_eq!(lab.get(&format!("/v1/rules?after={id}")).await.1["rules"], json!([]));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_rule_is_refused_and_changes_nothing() {
    let lab = Lab::start().await;
    let nobody = "0".repeat(64);
    let large = json!({ "logic": "x".repeat(40_000), "context": 1, "confidence": 1 }).to_string();
    let long = json!({ "reason": "x".repeat(501) }).to_string();
    for (path, body, status) in [
        ("/v1/rules".to_owned(), r#"{"logic":1,"context":1}"#, 400),
        ("/v1/rules".to_owned(), r#"{"logic":1,"context":1,"confidence":1.5}"#, 400),
        ("/v1/rules".to_owned(), r#"{"logic":1,"context":1,"confidence":0}"#, 400),
        ("/v1/rules".to_owned(), r#"{"logic":1,"context":1,"confidence":0.1234}"#, 400),
        ("/v1/rules".to_owned(), &large, 400),
        (format!("/v1/rules/{nobody}/confirm"), r#"{"confidence":1}"#, 404),
        (format!("/v1/rules/{nobody}/challenge"), r#"{"reason":"x"}"#, 404),
        (format!("/v1/rules/{nobody}/challenge"), &long, 400),
        (format!("/v1/rules/{nobody}/fetch"), "", 404),
        ("/v1/rules/77/fetch".to_owned(), "", 400),
        ("/v1/messages".to_owned(), r#"{"topic":"rules","payload":1}"#, 400),
    ] {
        let refused = lab.refused(Method::POST, &path, body).await;
        assert_eq!(refused.0, status, "{path}: {}", refused.1);
    }
    assert_eq!(lab.refused(Method::PUT, "/v1/entries/a?collection=rules", "1").await.0, 400);
    assert_eq!(lab.get("/v1/rules").await.1["count"], 0);
    assert_eq!(lab.get("/v1/log").await.1["lines"], json!([]));
    lab.stop().await;
}
