//! Alerts over the API of one real node.

use reqwest::Method;
use serde_json::{Value, json};

use super::lab::Lab;

async fn raise(lab: &Lab, body: &Value) -> Value {
    let (status, told) = lab.send(Method::POST, "/v1/alerts", body.to_string()).await;
    assert_eq!((status.as_u16(), &told["schema"]), (200, &json!("trellis.told/1")), "{told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_raised_shown_acknowledged_and_disputed() {
    // ALERT-2, ALERT-3
    let lab = Lab::start().await;
    let body = json!({ "text": "flood\u{9b}\n", "severity": "critical", "evidence": ["photo 17"] });
    let told = raise(&lab, &body).await;
    assert_eq!((&told["class"], &told["demoted"]), (&json!("alert"), &json!(false)));
    let (_, alerts) = lab.get("/v1/alerts").await;
    let alert = &alerts["alerts"][0];
    assert_eq!((&alert["text"], &alert["severity"]), (&body["text"], &body["severity"]));
    assert_eq!(
        (&alert["own"], &alert["open"], &alert["id"]),
        (&json!(true), &json!(true), &told["id"])
    );
    assert_eq!((&alert["evidence"][0], &alerts["left"]), (&json!("photo 17"), &json!(9)));
    let id = told["id"].as_str().unwrap();

    let acknowledge = format!("/v1/alerts/{id}/acknowledge");
    let (status, done) = lab.send(Method::POST, &acknowledge, r#"{"note":"on it"}"#).await;
    assert_eq!((status.as_u16(), &done["schema"]), (200, &json!("trellis.done/1")));
    assert_eq!(lab.get("/v1/alerts").await.1["alerts"], json!([]));
    let twice = lab.refused(Method::POST, &acknowledge, "{}").await;
    assert_eq!(twice, (409, "conflict".to_owned()));
    let dispute = format!("/v1/alerts/{id}/dispute");
    let (status, told) = lab.send(Method::POST, &dispute, r#"{"reason":"a drill"}"#).await;
    assert_eq!((status.as_u16(), &told["demoted"]), (200, &json!(false)));
    let (_, alert) = lab.get(&format!("/v1/alerts/{id}")).await;
    assert_eq!(alert["disputes"][0]["reason"], "a drill");
    assert_eq!((&alert["acknowledged"]["by"], &alert["open"]), (&json!("operator"), &json!(false)));
    assert_eq!(alert["acknowledged"]["note"], "on it");
    let (_, log) = lab.get("/v1/log").await;
    let deeds = log["lines"].as_array().unwrap().iter().map(|it| it["deed"].as_str().unwrap());
    assert_eq!(
        deeds.collect::<Vec<_>>(),
        ["alert.raise", "alert.acknowledge", "alert.dispute"],
        "its own node does not log that it was received"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_alerts_are_the_list_in_its_order() {
    let lab = Lab::start().await;
    for number in 0..7 {
        raise(&lab, &json!({ "text": format!("alert {number}") })).await;
    }
    let (_, whole) = lab.get("/v1/alerts").await;
    assert_eq!(whole["next"], Value::Null);
    let (mut found, mut path) = (Vec::new(), "/v1/alerts?limit=3".to_owned());
    for wanted in [3, 3, 1] {
        let (_, page) = lab.get(&path).await;
        let alerts = page["alerts"].as_array().unwrap();
        assert_eq!(alerts.len(), wanted, "{page}");
        found.extend(alerts.clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/alerts?limit=3&after={next}"),
            None => assert_eq!(found.len(), 7),
        }
    }
    assert_eq!(Value::from(found), whole["alerts"]);
    for bad in ["limit=0", "limit=1001", "after=7", "after=7-7", "limit=x"] {
        assert_eq!(lab.refused(Method::GET, &format!("/v1/alerts?{bad}"), "").await.0, 400);
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_budget_alerts_are_told_and_not_lost() {
    // ALERT-1
    let lab = Lab::start().await;
    let mut demoted = Vec::new();
    for number in 0..12 {
        let told = raise(&lab, &json!({ "text": format!("alert {number}") })).await;
        demoted.push(told["demoted"] == true);
    }
    assert_eq!(demoted, [[false; 10].as_slice(), &[true; 2]].concat());
    let (_, alerts) = lab.get("/v1/alerts").await;
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 12);
    assert_eq!(alerts["left"], 0);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_of_mirrors_raises_an_alert_together() {
    // PEOPLE-3
    let lab = Lab::with(&[("quorum.alert_raise", "2")]).await;
    let alert = r#"{"text":"flood"}"#;
    let few = lab.refused(Method::POST, "/v1/alerts", alert).await;
    assert_eq!(few, (409, "conflict".to_owned()));
    let mut tokens = Vec::new();
    for name in ["ana", "bo"] {
        let body = json!({ "name": name, "role": "mirror" }).to_string();
        let (_, person) = lab.send(Method::POST, "/v1/people", body).await;
        tokens.push(person["token"].as_str().unwrap().to_owned());
    }
    let operator = lab.refused(Method::POST, "/v1/alerts", alert).await;
    assert_eq!(operator, (403, "wrong-role".to_owned()));
    let mut statuses = Vec::new();
    for token in [&tokens[0], &tokens[0], &tokens[1]] {
        let request = lab.client.post(lab.url("/v1/alerts")).bearer_auth(token);
        let response = request.header("content-type", "application/json").body(alert).send().await;
        statuses.push(response.unwrap().status().as_u16());
        let shown = lab.get("/v1/alerts").await.1["alerts"].as_array().unwrap().len();
        assert_eq!(shown, usize::from(statuses.len() == 3));
        let waiting = lab.get("/v1/people").await.1["waiting"].as_array().unwrap().len();
        assert_eq!(waiting, usize::from(statuses.len() < 3));
    }
    assert_eq!(statuses, [202, 409, 200]);
    let (_, log) = lab.get("/v1/log").await;
    let results = log["lines"].as_array().unwrap().iter().map(|it| it["result"].as_str().unwrap());
    assert_eq!(results.collect::<Vec<_>>(), ["decided", "decided", "1 of 2", "decided"]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_is_refused_and_changes_nothing() {
    let lab = Lab::start().await;
    let nobody = "0".repeat(64);
    let long = json!({ "text": "x".repeat(2_001) }).to_string();
    let proof = json!({ "text": "x", "evidence": ["y".repeat(501)] }).to_string();
    let many = json!({ "text": "x", "evidence": vec!["y"; 9] }).to_string();
    for (path, body, status) in [
        ("/v1/alerts".to_owned(), r#"{"text":" "}"#, 400),
        ("/v1/alerts".to_owned(), &long, 400),
        ("/v1/alerts".to_owned(), &proof, 400),
        ("/v1/alerts".to_owned(), &many, 400),
        ("/v1/alerts".to_owned(), r#"{"text":"x","severity":"bad"}"#, 400),
        ("/v1/alerts".to_owned(), r#"{"text":"x","life_s":0}"#, 400),
        ("/v1/alerts".to_owned(), r#"{"text":"x","life_s":99999999}"#, 400),
        ("/v1/alerts/77/dispute".to_owned(), r#"{"reason":"x"}"#, 400),
        (format!("/v1/alerts/{nobody}/dispute"), r#"{"reason":"x"}"#, 404),
        (format!("/v1/alerts/{nobody}/acknowledge"), "{}", 404),
        ("/v1/messages".to_owned(), r#"{"topic":"alerts","payload":1,"class":"alert"}"#, 400),
    ] {
        let refused = lab.refused(Method::POST, &path, body).await;
        assert_eq!(refused.0, status, "{path} {body}: {}", refused.1);
    }
    let missing = lab.refused(Method::GET, &format!("/v1/alerts/{nobody}"), "").await;
    assert_eq!(missing, (404, "not-found".to_owned()));
    assert_eq!(lab.get("/v1/log").await.1["lines"], json!([]));
    assert_eq!(lab.get("/v1/status").await.1["messages"]["count"], 0);
    lab.stop().await;
}
