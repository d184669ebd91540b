//! Levels over the API of one real node.

use reqwest::Method;
use serde_json::json;

use super::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_exact_here_and_a_band_for_others() {
    let lab = Lab::start().await;
    let canary = "1234.567";
    let line = format!(
        r#"{{"kind": "water", "level": {canary}, "capacity": 5000, "unit": "L", "critical": "10.5"}}"#
    );
    let (status, own) = lab.send(Method::POST, "/v1/levels/own", line).await;
    assert_eq!((status.as_u16(), &own["schema"]), (200, &json!("trellis.own-levels/1")));
    assert_eq!(own["levels"][0]["level"].to_string(), canary, "digit for digit");
    assert_eq!(own["levels"][0]["critical"].to_string(), "10.5");
    assert_eq!(own["levels"][0]["budget"]["period"], 1, "one draw is paid");
    assert_eq!(lab.get("/v1/levels/own").await.1, own);

    let (_, levels) = lab.get("/v1/levels").await;
    let row = &levels["levels"][0];
    assert_eq!(levels["levels"].as_array().unwrap().len(), 1);
    assert_eq!((&row["band"], &row["need"]), (&own["levels"][0]["seen"]["band"], &row["need"]));
    assert_eq!((&row["kind"], &row["own"]), (&json!("water"), &json!(true)));
    assert!(!levels.to_string().contains("1234"), "{levels}");
    // Nor does anything else that others may read.
    for path in
        ["/v1/entries?collection=levels", "/v1/status", "/v1/proofs/water?collection=levels"]
    {
        let (_, answer) = lab.get(path).await;
        assert!(!answer.to_string().contains("1234"), "{path}: {answer}");
    }
    let need = row["need"].as_str().unwrap();
    for (query, count) in [
        (format!("need={need}"), 1),
        ("kind=wat".to_owned(), 0),
        (format!("node={}", lab.node.node_id()), 1),
        ("kind=water&limit=1".to_owned(), 1),
    ] {
        let (_, some) = lab.get(&format!("/v1/levels?{query}")).await;
        assert_eq!(some["levels"].as_array().unwrap().len(), count, "{query}");
    }
    let (status, own) = lab.send(Method::DELETE, "/v1/levels/own/water", "").await;
    assert_eq!((status.as_u16(), &own["levels"]), (200, &json!([])));
    assert_eq!(lab.get("/v1/levels").await.1["levels"], json!([]));
    let again = lab.refused(Method::DELETE, "/v1/levels/own/water", "").await;
    assert_eq!(again, (404, "not-found".to_owned()));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_level_is_refused_and_changes_nothing() {
    // LEVEL-5
    let lab = Lab::start().await;
    let good = r#"{"kind":"water","level":1,"capacity":5,"unit":"L"}"#;
    let bad = [
        ("{}", "bad-json"),
        (r#"{"kind":"food","level":1}"#, "bad-request"),
        (r#"{"kind":"Water","level":1,"capacity":5,"unit":"L"}"#, "bad-request"),
        (r#"{"kind":"water","level":-1,"capacity":5,"unit":"L"}"#, "bad-request"),
        (r#"{"kind":"water","level":1.2345,"capacity":5,"unit":"L"}"#, "bad-request"),
        (r#"{"kind":"water","level":9,"capacity":5,"unit":"L"}"#, "bad-request"),
        (r#"{"kind":"water","level":1,"capacity":5,"unit":"a b"}"#, "bad-request"),
        (r#"{"kind":"water","level":1,"capacity":5,"unit":"L","critical":5}"#, "bad-request"),
        (r#"{"kind":"water","level":1,"capacity":5,"unit":"L","more":1}"#, "bad-json"),
    ];
    for (line, code) in bad {
        for body in [line.to_owned(), format!("{good}\n{line}")] {
            let (status, found) = lab.refused(Method::POST, "/v1/levels/own", &body).await;
            assert_eq!((status, found.as_str()), (400, code), "{body}");
        }
    }
    assert_eq!(lab.refused(Method::POST, "/v1/levels/own", "").await.0, 400);
    for query in ["limit=0", "need=plenty", "node=nobody", "after=x", "kin=water"] {
        let path = format!("/v1/levels?{query}");
        assert_eq!(lab.refused(Method::GET, &path, "").await.0, 400, "{query}");
    }
    assert_eq!(lab.get("/v1/levels/own").await.1["levels"], json!([]));
    assert_eq!(lab.get("/v1/levels").await.1["levels"], json!([]));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_no_level_is_not_shown_as_one() {
    let lab = Lab::start().await;
    let put = Method::PUT;
    let refused = lab.refused(put, "/v1/entries/water?collection=levels", "{}").await;
    assert_eq!(refused.0, 400, "LEVEL-6");
    lab.stop().await;
}
