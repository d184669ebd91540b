//! The event stream: server-sent events with ids, replay and explicit gaps.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::{EVENT_KINDS, Event, EventData, ProblemBody};
use crate::feed::{Item, Subscription};

/// Query of `GET /v1/events`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Messages of this topic; without `kind`, nothing but messages.
    topic: Option<String>,
    /// Kinds, separated by commas; all unless told.
    kind: Option<String>,
}

/// Streams what happens.
#[utoipa::path(get, path = "/v1/events", tag = "messages",
    params(EventsQuery, ("Last-Event-ID" = Option<u64>, Header, description = "Replay what came after")),
    responses((status = 200, description = "Events, `gap` and `bye`", body = Event, content_type = "text/event-stream"),
        (status = "4XX", body = ProblemBody), (status = 503, body = ProblemBody)))]
pub(crate) async fn events(
    State(context): State<Shared>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let filter = Filter::new(super::query(query)?)?;
    let after = last_event_id(&headers)?;
    let feed = context.commands.events();
    if READERS_MAX <= feed.readers() {
        let detail = format!("{READERS_MAX} readers follow the events: end one of them");
        return Err(Problem::new(Code::Busy, detail));
    }
    let subscription = feed.subscribe(after);
    let kind = (header::CONTENT_TYPE, "text/event-stream");
    let fresh = (header::CACHE_CONTROL, "no-store");
    let body = Body::from_stream(text(subscription, filter));
    Ok(([kind, fresh], body).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let bad = || Problem::new(Code::BadRequest, "Last-Event-ID must be an id of this stream");
    id.ok_or_else(bad).map(Some)
}

/// What a reader wants to see.
#[derive(Debug)]
struct Filter {
    topic: Option<String>,
    kinds: Option<Vec<String>>,
}

impl Filter {
    fn new(query: EventsQuery) -> Result<Self, Problem> {
        let kinds = query.kind.map(|text| {
            text.split(',').map(|kind| kind.trim().to_owned()).collect::<Vec<String>>()
        });
        let known = |kind: &String| EVENT_KINDS.contains(&kind.as_str());
        if let Some(unknown) = kinds.iter().flatten().find(|kind| !known(kind)) {
            let unknown: String = unknown.chars().take(40).collect();
            let detail = format!("unknown kind {unknown:?}; kinds are {}", EVENT_KINDS.join(", "));
            return Err(Problem::new(Code::BadRequest, detail));
        }
        let messages_only = query.topic.is_some() && kinds.is_none();
        let kinds = if messages_only { Some(vec!["message".to_owned()]) } else { kinds };
        Ok(Self { topic: query.topic, kinds })
    }

    fn wants(&self, what: &EventData) -> bool {
        let kind = self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|it| it == what.kind()));
        let topic = match (what, &self.topic) {
            (EventData::Message(message), Some(topic)) => message.topic == *topic,
            (
                EventData::Alert(_)
                | EventData::Checkpoint(_)
                | EventData::Direct(_)
                | EventData::Level(_)
                | EventData::Rule(_)
                | EventData::Transfer(_)
                | EventData::Entry(_)
                | EventData::Message(_)
                | EventData::Peer(_)
                | EventData::Refused(_)
                | EventData::Root(_),
                _,
            ) => true,
        };
        kind && topic
    }
}

/// Turns a subscription into text; a reader that does not read is not waited for by anybody.
fn text(
    subscription: Subscription,
    filter: Filter,
) -> impl Stream<Item = Result<String, Infallible>> {
    let start = Some(": events of this node\n\n".to_owned());
    stream::unfold((subscription, filter, start), |(mut subscription, filter, start)| async move {
        if let Some(start) = start {
            return Some((Ok(start), (subscription, filter, None)));
        }
        let text = next(&mut subscription, &filter).await?;
        Some((Ok(text), (subscription, filter, None)))
    })
}

async fn next(subscription: &mut Subscription, filter: &Filter) -> Option<String> {
    loop {
        let item = match tokio::time::timeout(KEEP_ALIVE, subscription.next()).await {
            Ok(item) => item?,
            Err(_) => return Some(": still here\n\n".to_owned()),
        };
        match item {
            Item::Bye => return Some("event: bye\ndata: {}\n\n".to_owned()),
            Item::Event(event) if filter.wants(&event.what) => return Some(event_text(&event)),
            Item::Event(_) => {}
            Item::Gap(gap) => return Some(data_text("gap", &gap)),
        }
    }
}

fn event_text(event: &Event) -> String {
    let mut text = format!("id: {}\n", event.id);
    text.push_str(&data_text(event.what.kind(), event));
    text
}

/// JSON text has no line breaks, so one `data` line holds it.
fn data_text(kind: &str, data: &impl serde::Serialize) -> String {
    let mut text = format!("event: {kind}\n");
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    if writeln!(text, "data: {json}\n").is_err() {
        tracing::trace!("text cannot be written to memory");
    }
    text
}

/// Readers at once: each holds one of the API's connections.
const READERS_MAX: usize = 64;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies and readers take a connection without a byte for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
