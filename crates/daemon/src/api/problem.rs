//! Errors of the API: `application/problem+json` with a stable code.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use node::CommandError;
use node::alerts::AlertError;
use node::engine::LetterRefused;
use node::levels::LevelError;
use node::people::PeopleError;
use node::rules::RuleError;
use node::seeds::SeedError;
use node::transfers::TransferError;
use wire::WireError;

use super::types::ProblemBody;
use crate::commands::Failure;

/// One error answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What is wrong and what to do.
    pub detail: String,
}

/// The stable names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// The body is not the JSON it should be.
    BadJson,
    /// Something else about the request is wrong.
    BadRequest,
    /// Try again later.
    Busy,
    /// This machine's clock is off.
    ClockOff,
    /// Things are no longer, or not yet, as the request takes them to be.
    Conflict,
    /// No room on the disk.
    DiskFull,
    /// The `Host` header names no address of this API.
    ForbiddenHost,
    /// The path exists, not for this method.
    MethodNotAllowed,
    /// The entry belongs to another author.
    NotAuthor,
    /// No such path or entry.
    NotFound,
    /// No more entries fit.
    StateFull,
    /// The node is stopping.
    Stopping,
    /// The store failed.
    StoreFailed,
    /// Larger than allowed.
    TooLarge,
    /// A message to one node has no receipt.
    Undelivered,
    /// No token, or a wrong one.
    Unauthorized,
    /// The body's content type is not understood.
    UnsupportedMediaType,
    /// Somebody else decides this.
    WrongRole,
}

impl Code {
    /// All codes, as in docs/api.md.
    pub const ALL: [Self; 18] = [
        Self::BadJson,
        Self::BadRequest,
        Self::Busy,
        Self::ClockOff,
        Self::Conflict,
        Self::DiskFull,
        Self::ForbiddenHost,
        Self::MethodNotAllowed,
        Self::NotAuthor,
        Self::NotFound,
        Self::StateFull,
        Self::Stopping,
        Self::StoreFailed,
        Self::TooLarge,
        Self::Undelivered,
        Self::Unauthorized,
        Self::UnsupportedMediaType,
        Self::WrongRole,
    ];

    /// Returns the stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadJson => "bad-json",
            Self::BadRequest => "bad-request",
            Self::Busy => "busy",
            Self::ClockOff => "clock-off",
            Self::Conflict => "conflict",
            Self::DiskFull => "disk-full",
            Self::ForbiddenHost => "forbidden-host",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::NotAuthor => "not-author",
            Self::NotFound => "not-found",
            Self::StateFull => "state-full",
            Self::Stopping => "stopping",
            Self::StoreFailed => "store-failed",
            Self::TooLarge => "too-large",
            Self::Undelivered => "undelivered",
            Self::Unauthorized => "unauthorized",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::WrongRole => "wrong-role",
        }
    }

    /// Returns the HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadJson | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Busy | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::ClockOff | Self::Conflict => StatusCode::CONFLICT,
            Self::DiskFull | Self::StateFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::ForbiddenHost | Self::NotAuthor | Self::WrongRole => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::StoreFailed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Undelivered => StatusCode::GATEWAY_TIMEOUT,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl Problem {
    /// Makes an error answer.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let code = match &failure {
            Failure::Busy | Failure::Late => Code::Busy,
            Failure::DiskFull(_) => Code::DiskFull,
            Failure::Refused(CommandError::Level(LevelError::Unknown(_))) => Code::NotFound,
            Failure::Refused(
                CommandError::Bad(WireError::TooLarge { .. })
                | CommandError::Letter(LetterRefused::TooLong(_)),
            ) => Code::TooLarge,
            Failure::Refused(CommandError::Letter(LetterRefused::Busy(_))) => Code::Busy,
            Failure::Refused(CommandError::Undelivered(_)) => Code::Undelivered,
            Failure::Refused(
                CommandError::Bad(_)
                | CommandError::Control
                | CommandError::Letter(LetterRefused::Self_)
                | CommandError::Level(_)
                | CommandError::Life(_)
                | CommandError::NoSlot(_)
                | CommandError::OwnCollection(_)
                | CommandError::OwnTopic(_),
            ) => Code::BadRequest,
            Failure::Refused(CommandError::Ahead(_) | CommandError::Clock(_)) => Code::ClockOff,
            Failure::Refused(CommandError::Full(_) | CommandError::NoRoom) => Code::StateFull,
            Failure::Refused(CommandError::Stopping) | Failure::Stopped => Code::Stopping,
            Failure::Store(_) => Code::StoreFailed,
            Failure::Refused(CommandError::Transfer(error)) => match error {
                TransferError::Amount
                | TransferError::Name(_)
                | TransferError::Self_
                | TransferError::Times => Code::BadRequest,
                TransferError::Confirmation { .. }
                | TransferError::Decided
                | TransferError::Ended
                | TransferError::Many(_)
                | TransferError::NotAgreed
                | TransferError::Open(_) => Code::Conflict,
                TransferError::Unknown(_) => Code::NotFound,
            },
            Failure::Refused(CommandError::Alert(error)) => match error {
                AlertError::Acknowledged(_) | AlertError::Disputed => Code::Conflict,
                AlertError::Lasts | AlertError::Text => Code::BadRequest,
                AlertError::Unknown => Code::NotFound,
            },
            Failure::Refused(CommandError::Rule(error)) => match error {
                RuleError::Confidence | RuleError::Content | RuleError::Note => Code::BadRequest,
                RuleError::NoCheckpoint
                | RuleError::NotAccepted
                | RuleError::NotSealed
                | RuleError::Said => Code::Conflict,
                RuleError::Unknown => Code::NotFound,
            },
            Failure::Refused(CommandError::Seed(error)) => of_seed(error),
            Failure::Refused(CommandError::People(error)) => match error {
                PeopleError::Name(_) => Code::BadRequest,
                PeopleError::Unknown(_) => Code::NotFound,
                PeopleError::Few { .. }
                | PeopleError::Known(_)
                | PeopleError::Many
                | PeopleError::Voted(_)
                | PeopleError::Waiting => Code::Conflict,
                PeopleError::Role { .. } => Code::WrongRole,
            },
        };
        Self::new(code, failure.to_string())
    }
}

fn of_seed(error: &SeedError) -> Code {
    match error {
        SeedError::About | SeedError::Lasts | SeedError::Size => Code::BadRequest,
        SeedError::Budget { .. }
        | SeedError::Composted
        | SeedError::Expired
        | SeedError::Held
        | SeedError::Many
        | SeedError::NotHere
        | SeedError::Planted
        | SeedError::Planting
        | SeedError::Slow => Code::Conflict,
        SeedError::Unknown => Code::NotFound,
    }
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        Failure::Refused(CommandError::Bad(error)).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = self.code.status();
        let body = ProblemBody {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code.name().to_owned(),
        };
        let mut response = (status, axum::Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.code == Code::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
