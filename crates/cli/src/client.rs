//! How a command talks to the node of a directory: finds it, asks it, understands its no.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use daemon::api::types::{ProblemBody, RunFile};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// The running node of one directory.
#[derive(Debug)]
pub struct Client {
    directory: PathBuf,
    api: String,
    token: String,
    http: reqwest::Client,
}

/// What the node answered: the text as it came, and what it means.
#[derive(Debug)]
pub struct Answer<T> {
    /// One JSON document.
    pub text: String,
    /// The same, understood.
    pub value: T,
}

impl Client {
    /// Finds the node that runs on `directory`, for its operator.
    pub fn find(directory: &Path) -> anyhow::Result<Self> {
        Self::find_as(directory, None)
    }

    /// The same, for who has the token in this file.
    pub fn find_as(directory: &Path, token: Option<&Path>) -> anyhow::Result<Self> {
        let run = directory.join("run.json");
        let text = match std::fs::read_to_string(&run) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(no_node(directory, None));
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", run.display())),
        };
        let run_file: RunFile = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged: restart the node", run.display()))?;
        let own = directory.join("token");
        let file = token.unwrap_or(&own);
        let token = std::fs::read_to_string(file).with_context(|| match token {
            Some(_) => format!("reading {}, which should hold a token", file.display()),
            None => format!("reading {}: run this as the user who runs the node", file.display()),
        })?;
        Self::at(directory, &run_file.api, token.trim())
    }

    /// Talks to a node whose API and token are known.
    pub fn at(directory: &Path, api: &str, token: &str) -> anyhow::Result<Self> {
        // The operator's API is on this machine: a proxy of the environment has no business here.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(1)
            .build()?;
        Ok(Self {
            directory: directory.to_owned(),
            api: api.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            http,
        })
    }

    /// Asks for `path`, which begins with a slash.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Answer<T>> {
        self.ask(self.request(Method::GET, path)).await
    }

    /// Sends a JSON document.
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: String,
    ) -> anyhow::Result<Answer<T>> {
        let json_type = HeaderValue::from_static("application/json");
        let request = self.request(method, path).header(CONTENT_TYPE, json_type).body(json);
        self.ask(request).await
    }

    /// Sends lines of JSON.
    pub async fn send_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: String,
    ) -> anyhow::Result<Answer<T>> {
        let lines_type = HeaderValue::from_static("application/x-ndjson");
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, lines_type).body(lines);
        self.ask(request).await
    }

    /// Sends a file of any size as it is, and says now and then how much of it has left.
    pub async fn send_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: tokio::fs::File,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> anyhow::Result<Answer<T>> {
        use tokio::io::AsyncReadExt as _;
        let parts =
            futures_util::stream::unfold((file, sent, 0), |(mut file, sent, all)| async move {
                let mut bytes = vec![0; FILE_BYTES];
                match file.read(&mut bytes).await {
                    Ok(0) => None,
                    Ok(count) => {
                        bytes.truncate(count);
                        let all = all + count as u64;
                        sent(all);
                        Some((Ok(bytes), (file, sent, all)))
                    }
                    Err(error) => Some((Err(error), (file, sent, all))),
                }
            });
        let kind = HeaderValue::from_static("application/octet-stream");
        let body = reqwest::Body::wrap_stream(parts);
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, kind).body(body);
        // However long it takes, it moves: the node gives up on a body that does not.
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.understood(response).await
    }

    /// Opens what is at `path`, whatever it is.
    pub async fn open(&self, path: &str) -> anyhow::Result<Response> {
        let response = self.request(Method::GET, path).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        self.accepted(response).await
    }

    /// Deletes what is at `path`.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Answer<T>> {
        self.ask(self.request(Method::DELETE, path)).await
    }

    /// Opens the event stream behind `last`, and returns it before its first event.
    pub async fn events(&self, path: &str, last: Option<u64>) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.accepted(response).await
    }

    /// Returns the text at `path`, whatever it is.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.request(Method::GET, path).timeout(ANSWER).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        Ok(self.accepted(response).await?.text().await?)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api)).bearer_auth(&self.token)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<Answer<T>> {
        let response = request.timeout(ANSWER).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        self.understood(response).await
    }

    async fn understood<T: DeserializeOwned>(
        &self,
        response: Response,
    ) -> anyhow::Result<Answer<T>> {
        let text = self.accepted(response).await?.text().await?;
        let value = serde_json::from_str(&text).with_context(|| {
            format!("{} answered what this version does not understand", self.api)
        })?;
        Ok(Answer { text: text.trim_end().to_owned(), value })
    }

    async fn accepted(&self, response: Response) -> anyhow::Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let Ok(problem) = serde_json::from_str::<ProblemBody>(&text) else {
            bail!("{} answered {status}: is another program listening there?", self.api);
        };
        Err(self.refusal(status, problem))
    }

    fn refusal(&self, status: StatusCode, problem: ProblemBody) -> anyhow::Error {
        let ProblemBody { detail, code, .. } = problem;
        match code.as_str() {
            "bad-request" | "bad-json" => Failure::usage(detail),
            "not-found" => Failure::not_found(detail),
            "unauthorized" => {
                let api = &self.api;
                Failure::refused(format!("the node at {api} does not accept this token: {detail}"))
            }
            "conflict" | "wrong-role" | "forbidden-host" | "not-author" | "clock-off"
            | "state-full" | "too-large" => Failure::refused(detail),
            "undelivered" => anyhow!(detail),
            _ => anyhow!("{detail} ({code}, HTTP {})", status.as_u16()),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if is_refused(error) {
            return no_node(&self.directory, Some(&self.api));
        }
        if error.is_timeout() {
            let seconds = ANSWER.as_secs();
            return anyhow!(
                "the node at {} did not answer within {seconds} s: look at its log",
                self.api
            );
        }
        anyhow!("talking to the node at {}: {}", self.api, innermost(error))
    }
}

fn no_node(directory: &Path, api: Option<&str>) -> anyhow::Error {
    let shown = directory.display();
    let died = api.map_or(String::new(), |api| {
        format!(" (the last one stopped without saying so: nobody answers at {api})")
    });
    Failure::no_daemon(format!(
        "no node is running for directory {shown}{died}: start one with `trellis up --dir {shown}`"
    ))
}

fn innermost(error: &reqwest::Error) -> &(dyn Error + 'static) {
    let mut error: &(dyn Error + 'static) = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

/// Says whether nobody listens there, which is not the same as not getting there.
fn is_refused(error: &reqwest::Error) -> bool {
    let innermost = innermost(error).downcast_ref::<io::Error>();
    innermost.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Bytes of a file sent at once.
const FILE_BYTES: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than any command takes a healthy node, an import of 4,096 lines on a slow disk included.
const ANSWER: Duration = Duration::from_secs(60);
