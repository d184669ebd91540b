//! A node in a directory of its own, and a client that knows its token.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Running, Settings, start};

/// One node and a client of its API.
pub(super) struct Lab {
    pub(super) dir: TempDir,
    pub(super) node: Running,
    pub(super) client: Client,
}

impl Lab {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(super) async fn with(flags: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let node = start(settings(dir.path(), flags)).await.unwrap();
        Self { dir, node, client: Client::new() }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.node.api_url())
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<reqwest::Body>,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, self.url(path)).bearer_auth(self.node.token());
        let request = request.header("content-type", "application/json").body(body);
        answer(request.send().await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self.client.get(self.url(path)).bearer_auth(self.node.token());
        answer(request.send().await.unwrap()).await
    }

    pub(super) async fn put(&self, name: &str, body: &str) -> (StatusCode, Value) {
        self.send(Method::PUT, &format!("/v1/entries/{name}"), body.to_owned()).await
    }

    /// Sends what must be refused, and returns status and code.
    pub(super) async fn refused(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let (status, problem) = self.send(method, path, body.to_owned()).await;
        let code = problem["code"].as_str().unwrap_or_else(|| panic!("no problem: {problem}"));
        assert_eq!(problem["status"], status.as_u16());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        (status.as_u16(), code.to_owned())
    }

    pub(super) async fn stop(self) -> TempDir {
        self.node.stop(Duration::from_secs(10)).await;
        self.dir
    }
}

/// Settings on free loopback ports, without libp2p.
pub(super) fn settings(dir: &Path, flags: &[(&str, &str)]) -> Settings {
    let ports = [
        ("http.listen", "127.0.0.1:0"),
        ("api.listen", "127.0.0.1:0"),
        ("libp2p.listen", "none"),
        ("peers.dial", "http"),
    ];
    let flags = ports.iter().filter(|(key, _)| !flags.iter().any(|(it, _)| it == key)).chain(flags);
    let flags = flags.map(|(key, value)| flag(key, value)).collect();
    Settings::load(dir, None, std::iter::empty(), flags).unwrap()
}

pub(super) fn flag(key: &str, value: &str) -> (String, String, String) {
    (key.to_owned(), value.to_owned(), key.replace('.', "-"))
}

async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let problem = status.is_client_error() || status.is_server_error();
    assert_eq!(problem, kind == "application/problem+json", "{status} as {kind}");
    (status, response.json().await.unwrap())
}
