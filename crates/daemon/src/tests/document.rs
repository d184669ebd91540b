//! The OpenAPI document is what the router does.

use std::path::Path;
use std::{env, fs};

use serde_json::Value;

use super::lab::Lab;
use crate::api::document;
use crate::api::problem::Code;

/// `UPDATE=1 cargo test -p daemon` rewrites the committed document.
#[test]
fn the_committed_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let fresh = document();
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(committed == fresh, "run: UPDATE=1 cargo test -p daemon the_committed_document");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_is_served() {
    let lab = Lab::start().await;
    let (_, document) = lab.get("/v1/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            let words = path.split('/').map(|it| if it.starts_with('{') { "walk" } else { it });
            let url = lab.url(&words.collect::<Vec<_>>().join("/"));
            let request = lab.client.request(method.clone(), url).bearer_auth(lab.node.token());
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            assert_ne!(status, 405, "{method} {path}");
            // The stream does not end; what is not found must be the thing, not the path.
            if status == 404 {
                let problem: Value = response.json().await.unwrap();
                assert!(!problem["detail"].as_str().unwrap().starts_with("no path"), "{problem}");
            }
            count += 1;
        }
    }
    assert!(24 <= count, "{count}");
    lab.stop().await;
}

#[test]
fn the_contract_names_every_path_and_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let contract = fs::read_to_string(root).unwrap();
    let document: Value = serde_json::from_str(&document()).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(contract.contains(path), "docs/api.md does not name {path}");
    }
    for code in Code::ALL {
        let code = format!("`{}`", code.name());
        assert!(contract.contains(&code), "docs/api.md does not name {code}");
    }
}
