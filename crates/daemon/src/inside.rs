//! The operator's API without a socket, for who runs a node in its own program.

use std::fmt;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::api::problem::Code;
use crate::api::types::ProblemBody;

/// Asks the API of a node in this process, as its operator. Clones ask the same one.
#[derive(Clone)]
pub struct Inside {
    router: Router,
    host: String,
    token: String,
}

impl Inside {
    pub(crate) fn new(router: Router, api: SocketAddr, token: &str) -> Self {
        Self { router, host: api.to_string(), token: token.to_owned() }
    }

    /// Asks; returns status and body, which is JSON also where the answer is no.
    pub async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body));
        let request = match request {
            Ok(request) => request,
            Err(error) => return bad_request(error.to_string()),
        };
        let Ok(response) = TowerToHyperService::new(self.router.clone()).call(request).await;
        let status = response.status().as_u16();
        match to_bytes(response.into_body(), ANSWER_BYTES_MAX).await {
            Ok(bytes) => (status, bytes.to_vec()),
            Err(error) => bad_request(error.to_string()),
        }
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inside({})", self.host)
    }
}

/// What is no request, or no answer of that size.
fn bad_request(detail: String) -> (u16, Vec<u8>) {
    let code = Code::BadRequest;
    let status = code.status();
    let body = ProblemBody {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail,
        code: code.name().to_owned(),
    };
    (status.as_u16(), serde_json::to_vec(&body).unwrap_or_default())
}

/// The largest answer; a stream of events has no end and is followed by `Commands::events`.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
