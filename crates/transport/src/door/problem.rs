//! Refusals at the door: a stable code for programs, a sentence for humans (RFC 9457).

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// Why a request was refused. The client is at fault, except where the code says busy.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    /// Methods that would have worked.
    pub(crate) allow: Option<&'static str>,
}

/// Stable codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Code {
    BadField,
    BadJson,
    BadSignature,
    Busy,
    Expired,
    Future,
    LivesTooLong,
    MethodNotAllowed,
    NoInvite,
    NoRoom,
    NotFound,
    NotMember,
    OverQuota,
    RecordTooLarge,
    TooLarge,
    TooSlow,
    UnsignedRefused,
    UnsupportedMediaType,
    UpgradeRequired,
    WrongNetwork,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), allow: None }
    }

    pub(crate) fn busy() -> Self {
        Self::new(Code::Busy, "the node has too much to do: try again in a second")
    }

    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let status = self.code.status();
        let body = Body {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.name(),
        };
        let body = serde_json::to_vec(&body).expect("strings and numbers are always JSON");
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl Code {
    pub(crate) const ALL: [Self; 20] = [
        Self::BadField,
        Self::BadJson,
        Self::BadSignature,
        Self::Busy,
        Self::Expired,
        Self::Future,
        Self::LivesTooLong,
        Self::MethodNotAllowed,
        Self::NoInvite,
        Self::NoRoom,
        Self::NotFound,
        Self::NotMember,
        Self::OverQuota,
        Self::RecordTooLarge,
        Self::TooLarge,
        Self::TooSlow,
        Self::UnsignedRefused,
        Self::UnsupportedMediaType,
        Self::UpgradeRequired,
        Self::WrongNetwork,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadField => "bad-field",
            Self::BadJson => "bad-json",
            Self::BadSignature => "bad-signature",
            Self::Busy => "busy",
            Self::Expired => "expired",
            Self::Future => "future",
            Self::LivesTooLong => "lives-too-long",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NoInvite => "no-invite",
            Self::NoRoom => "no-room",
            Self::NotFound => "not-found",
            Self::NotMember => "not-member",
            Self::OverQuota => "over-quota",
            Self::RecordTooLarge => "record-too-large",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::UnsignedRefused => "unsigned-refused",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::UpgradeRequired => "upgrade-required",
            Self::WrongNetwork => "wrong-network",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadField | Self::BadJson => StatusCode::BAD_REQUEST,
            Self::BadSignature | Self::NotMember | Self::UnsignedRefused => StatusCode::FORBIDDEN,
            Self::Busy | Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            Self::Expired
            | Self::Future
            | Self::LivesTooLong
            | Self::OverQuota
            | Self::RecordTooLarge
            | Self::WrongNetwork => StatusCode::UNPROCESSABLE_ENTITY,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoInvite | Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        }
    }
}
