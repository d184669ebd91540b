//! Alerts and disputes as the rows they are on disk: lines of text, foreign bytes as hexadecimal.

use bytes::Bytes;
use wire::{Digest, Hex, NodeId, RecordId};

use super::{Acknowledgement, Alert, Dispute};
use crate::row::Words;

/// What alerts and disputes have in common.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) id: RecordId,
    pub(super) author: NodeId,
    pub(super) created_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) payload: Bytes,
}

/// A row.
pub(super) enum Row {
    Alert(Alert),
    Dispute(Dispute),
}

pub(super) fn alert_name(id: &RecordId) -> String {
    format!("{ALERT}{id}")
}

pub(super) fn dispute_name(alert: &RecordId, id: &RecordId) -> String {
    format!("{DISPUTE}{alert}/{id}")
}

pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(ALERT) || name.starts_with(DISPUTE)
}

pub(super) fn encode_alert(alert: &Alert) -> Vec<u8> {
    let Alert { author, created_ms, expires_ms, received_ms, payload, .. } = alert;
    let mut text = format!(
        "{VERSION}\nauthor {author}\ncreated {created_ms}\nexpires {expires_ms}\n\
         payload {}\nreceived {received_ms}\n",
        hex(payload)
    );
    if let Some(Acknowledgement { by, at_ms, until_ms, note }) = &alert.acknowledged {
        let note = hex(note);
        text += &format!("by {by}\nat {at_ms}\nuntil {until_ms}\nnote {note}\n");
    }
    text.into_bytes()
}

pub(super) fn encode_dispute(dispute: &Dispute) -> Vec<u8> {
    let Dispute { author, created_ms, expires_ms, payload, .. } = dispute;
    let text = format!(
        "{VERSION}\nauthor {author}\ncreated {created_ms}\nexpires {expires_ms}\npayload {}\n",
        hex(payload)
    );
    text.into_bytes()
}

pub(super) fn decode(name: &str, bytes: &[u8]) -> Option<Row> {
    if let Some(id) = name.strip_prefix(ALERT) {
        let mut words = Words::begin(bytes, VERSION)?;
        let half = half(Digest::from_hex(id)?, &mut words)?;
        return alert(half, words).map(Row::Alert);
    }
    let (alert, id) = name.strip_prefix(DISPUTE)?.split_once('/')?;
    let (alert, id) = (Digest::from_hex(alert)?, Digest::from_hex(id)?);
    let mut words = Words::begin(bytes, VERSION)?;
    let Half { id, author, created_ms, expires_ms, payload } = half(id, &mut words)?;
    words.end()?;
    Some(Row::Dispute(Dispute { id, alert, author, created_ms, expires_ms, payload }))
}

fn half(id: RecordId, words: &mut Words<'_>) -> Option<Half> {
    let author = words.value("author")?;
    let (created_ms, expires_ms) = (words.value("created")?, words.value("expires")?);
    let payload = unhex(words.text("payload")?)?;
    Some(Half { id, author, created_ms, expires_ms, payload })
}

fn alert(half: Half, mut words: Words<'_>) -> Option<Alert> {
    let received_ms = words.value("received")?;
    let acknowledged = match words.text("by").map(str::to_owned) {
        None => None,
        Some(by) => {
            let (at_ms, until_ms) = (words.value("at")?, words.value("until")?);
            let note = unhex(words.text("note")?)?;
            Some(Acknowledgement { by, at_ms, until_ms, note })
        }
    };
    words.end()?;
    let Half { id, author, created_ms, expires_ms, payload } = half;
    let disputes = Vec::new();
    Some(Alert { id, author, created_ms, expires_ms, received_ms, payload, acknowledged, disputes })
}

/// An empty text would leave a blank at the end of its line, which nobody sees.
fn hex(bytes: &[u8]) -> String {
    format!("x{}", Hex(bytes))
}

fn unhex(text: &str) -> Option<Bytes> {
    Hex::read(text.strip_prefix('x')?).map(Bytes::from)
}

const ALERT: &str = "alerts/";
const DISPUTE: &str = "disputes/";
const VERSION: &str = "alert 1";
