//! Design A's message as JSON: the body of `POST /gossip`, both ways.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wire::lattice::{Envelope, Meaning};
use wire::{Address, Signed, limits};

use crate::door::problem::{Code, Problem};

/// Reads and checks a body. Every refusal says which field and what would be right.
pub(crate) fn parse(body: &[u8]) -> Result<Envelope, Problem> {
    let fields = Fields::parse(body)?;
    let message_type = fields.label("message_type")?;
    let payload = fields.required("payload")?;
    Ok(Envelope {
        message_id: fields.label("message_id")?,
        timestamp_s: fields.timestamp()?,
        ttl: fields.ttl()?,
        origin_peer: fields.origin_peer()?,
        seen_by: fields.seen_by()?,
        signed: fields.signed()?,
        meaning: meaning(&message_type, payload)?,
        payload: payload.get().to_owned(),
        message_type,
    })
}

/// Writes a body with exactly design A's fields, and `signed` where there is a signature.
pub(crate) fn render(envelope: &Envelope) -> Result<Bytes, String> {
    let payload = RawValue::from_string(envelope.payload.clone());
    if !envelope.timestamp_s.is_finite() {
        return Err("the timestamp is not a number".to_owned());
    }
    let post = Post {
        message_id: &envelope.message_id,
        message_type: &envelope.message_type,
        payload: &payload.map_err(|error| format!("the payload is not JSON: {error}"))?,
        timestamp: envelope.timestamp_s,
        ttl: envelope.ttl,
        origin_peer: &envelope.origin_peer,
        seen_by: &envelope.seen_by,
        signed: envelope.signed.as_ref().map(|signed| BASE64.encode(signed.encode())),
    };
    let body = serde_json::to_vec(&post).map_err(|error| error.to_string())?;
    Ok(body.into())
}

/// Design A's fields, and ours.
#[derive(Serialize)]
struct Post<'a> {
    message_id: &'a str,
    message_type: &'a str,
    payload: &'a RawValue,
    timestamp: f64,
    ttl: u8,
    origin_peer: &'a str,
    seen_by: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<String>,
}

/// The body's fields, each still JSON text. Unknown ones are ignored, as design A does.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            bad_json(format!("the body is not UTF-8 at byte {at}: send JSON in UTF-8"))
        })?;
        check_depth(text)?;
        if !text.trim_start().starts_with('{') {
            return Err(bad_json("the body must be a JSON object".to_owned()));
        }
        let fields = serde_json::from_str(text);
        fields.map(Self).map_err(|error| bad_json(format!("the body is not JSON: {error}")))
    }

    fn required(&self, name: &'static str) -> Result<&'a RawValue, Problem> {
        self.0.get(name).copied().ok_or_else(|| bad_field(name, "is missing"))
    }

    /// An optional field; `null` counts as absent.
    fn optional(&self, name: &'static str) -> Option<&'a RawValue> {
        self.0.get(name).copied().filter(|raw| raw.get() != "null")
    }

    /// A text that a human may read and a log may print.
    fn label(&self, name: &'static str) -> Result<String, Problem> {
        let text = self.required(name)?;
        let text: Option<String> = serde_json::from_str(text.get()).ok();
        text.filter(|it| !it.is_empty() && is_short(it))
            .ok_or_else(|| bad_field(name, "must be a string of 1 to 128 bytes, all printable"))
    }

    fn timestamp(&self) -> Result<f64, Problem> {
        let raw = self.required("timestamp")?;
        let number: Option<f64> = serde_json::from_str(raw.get()).ok();
        number
            .filter(|it| it.is_finite())
            .ok_or_else(|| bad_field("timestamp", "must be a number: unix time in seconds"))
    }

    /// Clamped (DOOR-2); a number too large for any type is still just a large number.
    fn ttl(&self) -> Result<u8, Problem> {
        let text = self.required("ttl")?.get();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let ttl = text.parse().unwrap_or(limits::TTL_MAX);
            return Ok(ttl.min(limits::TTL_MAX));
        }
        Err(bad_field("ttl", "must be a whole number, 0 or more"))
    }

    fn origin_peer(&self) -> Result<String, Problem> {
        let Some(raw) = self.optional("origin_peer") else { return Ok(String::new()) };
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        text.filter(|it| is_short(it))
            .ok_or_else(|| bad_field("origin_peer", "must be a string of at most 128 bytes"))
    }

    fn seen_by(&self) -> Result<Vec<String>, Problem> {
        let refuse = || bad_field("seen_by", "must be an array of strings");
        let Some(raw) = self.optional("seen_by") else { return Ok(Vec::new()) };
        let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| refuse())?;
        let looked_at = list.iter().take(limits::SEEN_BY_MAX);
        let mut seen_by = Vec::new();
        for raw in looked_at {
            let text: String = serde_json::from_str(raw.get()).map_err(|_| refuse())?;
            // A hint that is too long to be an id is no hint.
            if is_short(&text) {
                seen_by.push(text);
            }
        }
        Ok(seen_by)
    }

    fn signed(&self) -> Result<Option<Signed>, Problem> {
        let refuse = |why: &str| bad_field("signed", why);
        let Some(raw) = self.optional("signed") else { return Ok(None) };
        let text: String = serde_json::from_str(raw.get())
            .map_err(|_| refuse("must be a string: a signed record in base64"))?;
        let bytes =
            BASE64.decode(text).map_err(|error| refuse(&format!("is not base64: {error}")))?;
        let signed = Signed::decode(&bytes);
        signed.map(Some).map_err(|error| refuse(&format!("is not a signed record: {error}")))
    }
}

#[derive(Deserialize)]
struct Announce {
    node_id: String,
    url: String,
}

#[derive(Deserialize)]
struct StateUpdate {
    merkle_root: String,
}

fn meaning(message_type: &str, payload: &RawValue) -> Result<Meaning, Problem> {
    match message_type {
        "peer_announce" => {
            let refuse = |why: &str| bad_field("payload", why);
            let announce: Announce = serde_json::from_str(payload.get())
                .map_err(|_| refuse("of peer_announce needs the strings node_id and url"))?;
            if announce.node_id.is_empty() || !is_short(&announce.node_id) {
                return Err(refuse("has a node_id that is not 1 to 128 printable bytes"));
            }
            let address = announce.url.parse::<Address>();
            let address = address.map_err(|error| refuse(&format!("has a url that is {error}")))?;
            if address.url().is_none() {
                return Err(refuse("has a url that is no http:// address"));
            }
            Ok(Meaning::Announce { node_id: announce.node_id, address })
        }
        "state_update" => {
            let update: Option<StateUpdate> = serde_json::from_str(payload.get()).ok();
            let update = update.filter(|it| is_short(&it.merkle_root)).ok_or_else(|| {
                bad_field("payload", "of state_update needs the string merkle_root")
            })?;
            Ok(Meaning::StateUpdate { merkle_root: update.merkle_root })
        }
        _ => Ok(Meaning::Other),
    }
}

/// Counts brackets outside strings. Raw values are skipped without recursion, so nothing else
/// would stop a body of nothing but brackets on its way to somebody's recursive parser.
fn check_depth(text: &str) -> Result<(), Problem> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if DEPTH_MAX < depth {
            return Err(bad_json(format!("the body is nested deeper than {DEPTH_MAX} levels")));
        }
    }
    Ok(())
}

fn is_short(text: &str) -> bool {
    text.len() <= limits::TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}

fn bad_json(detail: String) -> Problem {
    Problem::new(Code::BadJson, detail)
}

fn bad_field(name: &str, why: &str) -> Problem {
    Problem::new(Code::BadField, format!("{name} {why}"))
}

/// Nesting of a body.
const DEPTH_MAX: usize = 64;
