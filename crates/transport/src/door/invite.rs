//! Knocks of guests and the answers to them, as JSON (INVITE-2).

use serde::{Deserialize, Serialize};
use wire::{Digest, Knock, Reply};

use super::problem::{Code, Problem};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KnockBody {
    invite: String,
    node: String,
    nonce: String,
    proof: String,
    signature: String,
}

#[derive(Deserialize, Serialize)]
struct ReplyBody {
    step: String,
    nonce: String,
    network_file: Option<String>,
    signature: String,
}

pub(crate) fn parse_knock(bytes: &[u8]) -> Result<Knock, Problem> {
    let body: KnockBody = serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(Code::BadJson, format!("no knock: {error}")))?;
    let bad =
        |field: &str| Problem::new(Code::BadField, format!("{field} is not what it should be"));
    Ok(Knock {
        invite: Digest::from_hex(&body.invite).ok_or_else(|| bad("invite"))?,
        node: body.node.parse().map_err(|_| bad("node"))?,
        nonce: hex(&body.nonce).ok_or_else(|| bad("nonce"))?,
        proof: Digest::from_hex(&body.proof).ok_or_else(|| bad("proof"))?,
        signature: hex(&body.signature).ok_or_else(|| bad("signature"))?,
    })
}

/// Writes a knock as it is posted to `/invite`.
pub fn render_knock(knock: &Knock) -> Vec<u8> {
    super::shapes::json(&KnockBody {
        invite: knock.invite.to_string(),
        node: knock.node.to_string(),
        nonce: text(&knock.nonce),
        proof: knock.proof.to_string(),
        signature: text(&knock.signature),
    })
}

pub(crate) fn render_reply(reply: &Reply) -> Vec<u8> {
    super::shapes::json(&ReplyBody {
        step: reply.step.name().to_owned(),
        nonce: text(&reply.nonce),
        network_file: reply.network_file.clone(),
        signature: text(&reply.signature),
    })
}

/// Reads an answer; `None` where it is none.
pub fn parse_reply(bytes: &[u8]) -> Option<Reply> {
    let body: ReplyBody = serde_json::from_slice(bytes).ok()?;
    Some(Reply {
        nonce: hex(&body.nonce)?,
        step: body.step.parse().ok()?,
        network_file: body.network_file,
        signature: hex(&body.signature)?,
    })
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly so many bytes.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|it| it.to_digit(16).and_then(|it| u8::try_from(it).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() != 2 * N { None } else { bytes.try_into().ok() }
}
