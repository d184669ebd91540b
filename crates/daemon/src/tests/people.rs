//! People over the API of one real node: who comes in, and what each may.

use reqwest::Method;
use serde_json::{Value, json};

use super::lab::{Lab, settings};
use crate::start;

/// Asks as somebody; returns status and answer.
async fn ask(lab: &Lab, token: &str, method: Method, path: &str, body: &str) -> (u16, Value) {
    let request = lab.client.request(method, lab.url(path)).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn add(lab: &Lab, name: &str, role: &str) -> String {
    let body = json!({ "name": name, "role": role }).to_string();
    let (status, person) = lab.send(Method::POST, "/v1/people", body).await;
    assert_eq!((status.as_u16(), &person["schema"]), (200, &json!("trellis.person/1")), "{person}");
    person["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_opens_what_its_role_may() {
    // PEOPLE-1, PEOPLE-2
    let lab = Lab::start().await;
    let (mirror, observer) = (add(&lab, "ana", "mirror").await, add(&lab, "ola", "observer").await);
    let (_, people) = lab.get("/v1/people").await;
    let names: Vec<_> = people["people"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["ana", "ola"]);
    for (token, own) in [(&mirror, 200), (&observer, 403)] {
        for path in ["/v1/status", "/v1/people", "/v1/log", "/v1/levels", "/metrics"] {
            let request = lab.client.get(lab.url(path)).bearer_auth(token);
            assert_eq!(request.send().await.unwrap().status().as_u16(), 200, "{path}");
        }
        assert_eq!(ask(&lab, token, Method::GET, "/v1/levels/own", "").await.0, own);
        let before = lab.get("/v1/log").await.1;
        for (method, path, body) in [
            (Method::PUT, "/v1/entries/a", "1"),
            (Method::POST, "/v1/messages", r#"{"topic":"t","payload":1}"#),
            (Method::POST, "/v1/levels/own", r#"{"kind":"water","level":1}"#),
            (Method::POST, "/v1/people", r#"{"name":"eve","role":"operator"}"#),
            (Method::DELETE, "/v1/people/ana", ""),
        ] {
            let (status, problem) = ask(&lab, token, method, path, body).await;
            assert_eq!((status, &problem["code"]), (403, &json!("wrong-role")), "{path} {problem}");
        }
        assert_eq!(lab.get("/v1/log").await.1, before, "nothing changed");
    }
    assert_eq!(lab.get("/v1/status").await.1["state"]["entries"], 0);
    let (status, _) = lab.send(Method::DELETE, "/v1/people/ana", "").await;
    assert_eq!(status, 200);
    assert_eq!(ask(&lab, &mirror, Method::GET, "/v1/status", "").await.0, 401, "taken back");

    // After a restart the same come in, and the log goes on.
    let token = lab.node.token().to_owned();
    let dir = lab.stop().await;
    let node = start(settings(dir.path(), &[])).await.unwrap();
    let lab = Lab { dir, node, client: reqwest::Client::new() };
    assert_eq!(ask(&lab, &observer, Method::GET, "/v1/status", "").await.0, 200);
    assert_eq!(ask(&lab, &mirror, Method::GET, "/v1/status", "").await.0, 401);
    assert_eq!(token, lab.node.token());
    add(&lab, "ana", "mirror").await;
    let (_, log) = lab.get("/v1/log").await;
    let lines = log["lines"].as_array().unwrap();
    let deeds: Vec<_> = lines.iter().map(|it| it["deed"].as_str().unwrap()).collect();
    assert_eq!(deeds, ["people.add", "people.add", "people.remove", "people.add"]);
    assert!(!log.to_string().contains(&mirror) && !log.to_string().contains(&observer));
    let text: Vec<_> = lines.iter().map(|it| it["text"].as_str().unwrap()).collect();
    let shown = crate::journal::verify(text.join("\n").as_bytes()).unwrap();
    assert_eq!((shown.lines, shown.first), (4, 1), "PEOPLE-4");
    assert_eq!(shown.node, lab.node.node_id().to_string());
    assert_eq!(lab.get("/v1/log?limit=2&after=1").await.1["lines"][1]["number"], 3);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let lab = Lab::start().await;
    add(&lab, "ana", "mirror").await;
    let post = Method::POST;
    for (body, status, code) in [
        (r#"{"name":"ana","role":"mirror"}"#, 409, "conflict"),
        (r#"{"name":"operator","role":"mirror"}"#, 400, "bad-request"),
        (r#"{"name":"A B","role":"mirror"}"#, 400, "bad-request"),
        (r#"{"name":"bo","role":"king"}"#, 400, "bad-json"),
        (r#"{"name":"bo"}"#, 400, "bad-json"),
    ] {
        let refused = lab.refused(post.clone(), "/v1/people", body).await;
        assert_eq!(refused, (status, code.to_owned()), "{body}");
    }
    let refused = lab.refused(Method::DELETE, "/v1/people/bo", "").await;
    assert_eq!(refused, (404, "not-found".to_owned()));
    assert_eq!(lab.refused(Method::GET, "/v1/log?limit=0", "").await.0, 400);
    assert_eq!(lab.get("/v1/log").await.1["lines"].as_array().unwrap().len(), 1);
    lab.stop().await;
}
