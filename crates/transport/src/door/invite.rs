//! Knocks of guests and the answers to them, as JSON (INVITE-2).

use serde::{Deserialize, Serialize};
use wire::{Digest, Hex, Knock, Reply};

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
        nonce: Hex::read_array(&body.nonce).ok_or_else(|| bad("nonce"))?,
        proof: Digest::from_hex(&body.proof).ok_or_else(|| bad("proof"))?,
        signature: Hex::read_array(&body.signature).ok_or_else(|| bad("signature"))?,
    })
}

/// Writes a knock as it is posted to `/invite`.
pub fn render_knock(knock: &Knock) -> Vec<u8> {
    super::shapes::json(&KnockBody {
        invite: knock.invite.to_string(),
        node: knock.node.to_string(),
        nonce: Hex(&knock.nonce).to_string(),
        proof: knock.proof.to_string(),
        signature: Hex(&knock.signature).to_string(),
    })
}

pub(crate) fn render_reply(reply: &Reply) -> Vec<u8> {
    super::shapes::json(&ReplyBody {
        step: reply.step.name().to_owned(),
        nonce: Hex(&reply.nonce).to_string(),
        network_file: reply.network_file.clone(),
        signature: Hex(&reply.signature).to_string(),
    })
}

/// Reads an answer; `None` where it is none.
pub fn parse_reply(bytes: &[u8]) -> Option<Reply> {
    let body: ReplyBody = serde_json::from_slice(bytes).ok()?;
    Some(Reply {
        nonce: Hex::read_array(&body.nonce)?,
        step: body.step.parse().ok()?,
        network_file: body.network_file,
        signature: Hex::read_array(&body.signature)?,
    })
}
