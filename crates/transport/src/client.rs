//! One HTTP request to a stranger: one connection, no redirects, no proxy, a bounded answer.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use wire::Address;

use crate::connect::connect;
use crate::traffic::Kind;
use crate::transport::Shared;

/// What to ask.
pub(crate) struct Call<'a> {
    pub(crate) address: &'a Address,
    pub(crate) path: &'static str,
    /// JSON to post; without it, the call is a GET.
    pub(crate) post: Option<Bytes>,
    pub(crate) answer_bytes_max: usize,
}

impl Call<'_> {
    /// Asks, and reads the whole answer. The caller limits the time. May be dropped.
    pub(crate) async fn make(self, shared: &Shared) -> Result<(StatusCode, Bytes), String> {
        let request = self.request(&shared.agent)?;
        let stream = connect(shared, self.address, Kind::default()).await?;
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
        let url = self.address.url().ok_or("only an http:// address can be asked")?;
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
