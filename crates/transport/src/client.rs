//! One HTTP request to a stranger: one connection, no redirects, no proxy, a bounded answer.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use wire::Address;

use crate::connect::{Dialler, connect, seconds};
use crate::tls::Verifier;
use crate::traffic::Kind;
use crate::{Limits, Roots};

/// What to ask.
pub(crate) struct Call<'a> {
    pub(crate) address: &'a Address,
    pub(crate) path: &'static str,
    /// JSON to post; without it, the call is a GET.
    pub(crate) post: Option<Bytes>,
    pub(crate) answer_bytes_max: usize,
}

/// Asks doors without being a node: for tools.
pub struct Caller(Dialler);

impl Caller {
    /// Makes one that believes the certificates of `roots`.
    pub fn new(agent: &str, roots: &Roots) -> Self {
        Self(Dialler {
            limits: Limits::default(),
            from: None,
            agent: agent.to_owned(),
            counters: Arc::default(),
            verifier: Verifier::new(roots),
        })
    }

    /// Asks, and reads status and answer; with JSON to post, it posts. Takes at most as long as
    /// [`Limits::push_ms`] says; the error is for humans.
    pub async fn ask(
        &self,
        address: &Address,
        path: &'static str,
        post: Option<Bytes>,
    ) -> Result<(u16, Bytes), String> {
        let Limits { push_ms, body_bytes_max, .. } = self.0.limits;
        let call = Call { address, path, post, answer_bytes_max: body_bytes_max };
        let answer = timeout(Duration::from_millis(push_ms), call.make(&self.0)).await;
        let late = |_| Err(format!("no answer within {}", seconds(push_ms)));
        answer.unwrap_or_else(late).map(|(status, body)| (status.as_u16(), body))
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

impl Call<'_> {
    /// Asks, and reads the whole answer. The caller limits the time. May be dropped.
    pub(crate) async fn make(self, dialler: &Dialler) -> Result<(StatusCode, Bytes), String> {
        let request = self.request(&dialler.agent)?;
        let stream = connect(dialler, self.address, Kind::default()).await?;
        let opened = hyper::client::conn::http1::Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = opened.map_err(|error| describe(&error))?;
        let max = self.answer_bytes_max;
        let mut exchange = pin!(async move {
            let answer = sender.send_request(request).await.map_err(|error| describe(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), max).collect().await;
            let body = body.map_err(|error| format!("its answer cannot be read: {error}"))?;
            Ok((status, body.to_bytes()))
        });
        tokio::select! {
            answer = exchange.as_mut() => return answer,
            // What it sent before it closed is still to be read.
            _ = connection => {}
        }
        exchange.await
    }

    fn request(&self, agent: &str) -> Result<Request<Full<Bytes>>, String> {
        let url = self.address.url().ok_or("only an http:// or https:// address can be asked")?;
        let uri: Uri = format!("{url}{}", self.path)
            .parse()
            .map_err(|error| format!("not an address HTTP can carry: {error}"))?;
        let host = uri.authority().map(|it| it.as_str()).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        let mut request = Request::builder()
            .uri(path)
            .header(HOST, host)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CONNECTION, HeaderValue::from_static("close"))
            .header(USER_AGENT, agent);
        if self.post.is_some() {
            let json = HeaderValue::from_static("application/json");
            request = request.method(Method::POST).header(CONTENT_TYPE, json);
        }
        let body = Full::from(self.post.clone().unwrap_or_default());
        request.body(body).map_err(|error| format!("not a request HTTP can carry: {error}"))
    }
}

fn describe(error: &hyper::Error) -> String {
    if error.is_parse() {
        return format!("what answers does not speak HTTP: {error}");
    }
    format!("the connection broke before an answer came: {error}")
}

/// A stranger's headers; also the size of one read.
const BUFFER_BYTES_MAX: usize = 32 * 1024;
