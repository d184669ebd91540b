//! Bodies of `POST /gossip` as values.

use wire::lattice::{Envelope, Meaning};
use wire::{Identity, NetworkId, Signed};

use crate::envelope::{parse, render};

/// A body with one field replaced by `json`; an empty text leaves the field out.
fn body_with(field: &str, json: &str) -> String {
    let fields = [
        ("message_id", "\"id-1\""),
        ("message_type", "\"news\""),
        ("payload", "{\"x\":1.0}"),
        ("timestamp", "1700000000.25"),
        ("ttl", "7"),
    ];
    let known = fields.iter().any(|(name, _)| *name == field);
    let fields = fields.iter().map(|(name, old)| (*name, if *name == field { json } else { old }));
    let more = if known { None } else { Some((field, json)) };
    let texts = fields.chain(more).filter(|(_, json)| !json.is_empty());
    let texts: Vec<_> = texts.map(|(name, json)| format!("\"{name}\":{json}")).collect();
    format!("{{{}}}", texts.join(","))
}

fn parsed(field: &str, json: &str) -> Envelope {
    parse(body_with(field, json).as_bytes()).unwrap()
}

/// The code, and a part of the sentence.
#[track_caller]
fn refused(body: &[u8], code: &str, part: &str) {
    let problem = parse(body).unwrap_err();
    assert_eq!(problem.code.name(), code, "{}", problem.detail);
    assert!(problem.detail.contains(part), "{}", problem.detail);
}

#[track_caller]
fn bad_field(field: &str, json: &str) {
    refused(body_with(field, json).as_bytes(), "bad-field", field);
}

#[test]
fn a_minimal_body_is_taken() {
    let envelope = parsed("", "");
    assert_eq!(envelope.message_id, "id-1");
    assert_eq!(envelope.payload, "{\"x\":1.0}");
    assert_eq!(envelope.ttl, 7);
    assert_eq!(envelope.origin_peer, "");
    assert_eq!(envelope.meaning, Meaning::Other);
}

#[test]
fn unknown_fields_are_ignored() {
    assert_eq!(parsed("public_key", "[[]]"), parsed("", ""));
}

#[test]
fn the_ttl_is_clamped() {
    for json in ["11", "1000000000", "340282366920938463463374607431768211456000"] {
        assert_eq!(parsed("ttl", json).ttl, 10);
    }
}

#[test]
fn a_ttl_that_is_no_whole_number_is_refused() {
    for json in ["-1", "1.5", "1e3", "\"3\"", "null", "true", "[]", ""] {
        bad_field("ttl", json);
    }
}

#[test]
fn wrong_types_are_named() {
    for json in ["5", "\"\"", "null", "\"a\\u0000b\"", "\"\\ud800\"", ""] {
        bad_field("message_id", json);
        bad_field("message_type", json);
    }
    bad_field("message_id", &format!("\"{}\"", "x".repeat(129)));
    bad_field("payload", "");
    for json in ["\"now\"", "1e999", "null", "{}", ""] {
        bad_field("timestamp", json);
    }
    bad_field("origin_peer", "7");
    bad_field("seen_by", "\"a\"");
    bad_field("seen_by", "[1]");
    bad_field("signed", "7");
    bad_field("signed", "\"%%%\"");
    bad_field("signed", "\"AAAA\"");
}

#[test]
fn only_the_first_nodes_of_seen_by_are_looked_at() {
    let list = format!("[{}]", vec!["\"n\""; 1_000].join(","));
    assert_eq!(parsed("seen_by", &list).seen_by.len(), 256);
}

#[test]
fn what_is_no_json_is_refused() {
    refused(b"", "bad-json", "object");
    refused(b"[]", "bad-json", "object");
    refused(b"{\"message_id\":", "bad-json", "not JSON");
    refused(b"{\"message_id\":\"\xff\"}", "bad-json", "UTF-8 at byte 15");
    refused(b"{} {}", "bad-json", "not JSON");
    refused(b"\xef\xbb\xbf{}", "bad-json", "object");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refused(body_with("payload", &deep).as_bytes(), "bad-json", "deeper than 64");
    let fits = format!("{}{}", "[".repeat(63), "]".repeat(63));
    assert_eq!(parsed("payload", &fits).payload, fits);
    let text = format!("\"\\\"{}\"", "[".repeat(1_000));
    assert_eq!(parsed("payload", &text).payload, text);
}

#[test]
fn an_announcement_is_understood() {
    let body = r#"{"message_id":"i","message_type":"peer_announce","timestamp":1,"ttl":3,
        "payload":{"node_id":"n","url":"http://127.0.0.1:8080/","merkle_root":"","timestamp":1.5}}"#;
    let expected = Meaning::Announce {
        node_id: "n".to_owned(),
        address: "http://127.0.0.1:8080".parse().unwrap(),
    };
    assert_eq!(parse(body.as_bytes()).unwrap().meaning, expected);
    for payload in [r#"{"node_id":"n"}"#, "7", r#"{"node_id":"n","url":"ftp://x"}"#] {
        let body = body_with("message_type", "\"peer_announce\"");
        let body = body.replace(r#"{"x":1.0}"#, payload);
        refused(body.as_bytes(), "bad-field", "payload");
    }
}

#[test]
fn a_state_update_is_understood() {
    let body = body_with("message_type", "\"state_update\"");
    let good = body.replace(r#"{"x":1.0}"#, r#"{"merkle_root":"abc","state_version":42}"#);
    let expected = Meaning::StateUpdate { merkle_root: "abc".to_owned() };
    assert_eq!(parse(good.as_bytes()).unwrap().meaning, expected);
    refused(body.as_bytes(), "bad-field", "merkle_root");
}

#[test]
fn a_signed_record_travels_in_base64() {
    let identity = Identity::from_seed([1; 32]);
    let content = wire::Content::Message(wire::Message::new("t", "{}"));
    let record = wire::Record {
        network: NetworkId::default(),
        seq: 1,
        created: wire::Hlc::from_ms(1),
        expires_ms: 2,
        content,
    };
    let envelope = Envelope { signed: Some(Signed::seal(&record, &identity)), ..parsed("", "") };
    assert_eq!(parse(&render(&envelope).unwrap()).unwrap(), envelope);
}

#[test]
fn numbers_of_the_payload_keep_their_text() {
    let text = "[12345678901234567890123, 1.0, 1e-05]";
    let body = render(&parsed("payload", text)).unwrap();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains(text));
}
