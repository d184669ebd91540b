//! What was encoded decodes to the same, and what was hurt on its way is named.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use super::any;
use crate::{
    Address, Carried, Content, Digest, Entry, Frame, Hlc, Identity, Message, Profile, Proof,
    Record, Signed, Summary, WireError, generated,
};

proptest! {
    #[test]
    fn every_frame_survives_the_way(frame in any::frame()) {
        prop_assert_eq!(Frame::decode(&Bytes::from(frame.encode())), Ok(frame));
    }

    #[test]
    fn every_record_survives_the_way(record in any::record()) {
        prop_assert_eq!(Record::decode(&Bytes::from(record.encode())), Ok(record));
    }

    #[test]
    fn every_signed_record_survives_the_way(signed in any::signed()) {
        prop_assert_eq!(Signed::decode(&signed.encode()), Ok(signed));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for body in [crate::fuzz::frame, crate::fuzz::record, crate::fuzz::signed] {
            body(&bytes);
        }
    }

    #[test]
    fn a_cut_frame_is_refused_or_still_whole(frame in any::frame(), cut in 0.0..1.0) {
        let bytes = frame.encode();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
        let cut = (bytes.len() as f64 * cut) as usize;
        crate::fuzz::frame(&bytes[..cut]);
    }
}

fn sealed(content: Content, expires_ms: u64) -> Signed {
    let identity = Identity::from_seed([1; 32]);
    let created = Hlc::from_ms(1);
    Signed::seal(
        &Record { network: Digest([2; 32]), seq: 1, created, expires_ms, content },
        &identity,
    )
}

fn entry(name: &str) -> Content {
    let (collection, name) = ("c".to_owned(), name.to_owned());
    Content::Entry(Entry { collection, name, value: Some(Bytes::from_static(b"1")) })
}

/// Decodes a frame of the schema that our own types cannot say.
fn decode(kind: generated::frame::Kind) -> Result<Frame, WireError> {
    Frame::decode(&Bytes::from(generated::Frame { kind: Some(kind) }.encode_to_vec()))
}

/// Decodes a record of the schema that our own types cannot say.
fn decode_record(change: impl FnOnce(&mut generated::Record)) -> Result<Record, WireError> {
    let mut schema = generated::Record::decode(sealed(entry("n"), 0).body).unwrap();
    change(&mut schema);
    Record::decode(&Bytes::from(schema.encode_to_vec()))
}

#[test]
fn cut_protobuf_is_called_malformed() {
    let body = sealed(entry("n"), 0).body;
    let cut = Record::decode(&body.slice(..body.len() - 1));
    assert!(matches!(cut, Err(WireError::Malformed(_))), "{cut:?}");
    let cut = Frame::decode(&Bytes::from_static(&[0x0a, 0x7f]));
    assert!(matches!(cut, Err(WireError::Malformed(_))), "{cut:?}");
    assert!(matches!(Signed::decode(&[0x0a, 9, 1]), Err(WireError::Malformed(_))));
    assert!(matches!(Proof::decode(&[0x0a, 9, 1]), Err(WireError::Malformed(_))));
}

#[test]
fn what_is_missing_or_of_the_wrong_length_is_named() {
    fn field<T>(what: &'static str) -> Result<T, WireError> {
        Err(WireError::Field(what))
    }
    assert_eq!(Frame::decode(&Bytes::new()), field("frame kind"));
    assert_eq!(decode_record(|it| it.content = None), field("content"));
    assert_eq!(decode_record(|it| it.network = Bytes::from_static(&[1; 31])), field("network"));
    let peer = |change: fn(&mut generated::Signed)| {
        let mut signed = generated::Signed::from(&sealed(entry("n"), 0));
        change(&mut signed);
        decode(generated::frame::Kind::Peers(generated::Peers {
            profiles: vec![signed],
            answer_wanted: false,
        }))
        .map(|_| ())
    };
    assert_eq!(peer(|it| it.author = Bytes::from_static(&[1; 33])), field("author"));
    assert_eq!(peer(|it| it.signature = Bytes::new()), field("signature"));
    let short = generated::SetSummary { root: Bytes::from_static(&[1; 31]), count: 1 };
    let summary = generated::Summary { state: Some(short), ..Default::default() };
    let pong = generated::Pong { nonce: 1, time_ms: 1, summary: Some(summary.clone()) };
    assert_eq!(decode(generated::frame::Kind::Pong(pong)), field("root"));
    assert_eq!(decode(generated::frame::Kind::Summary(summary)), field("root"));
    let compare = generated::Compare { set: 7, ..Default::default() };
    assert_eq!(decode(generated::frame::Kind::Compare(compare)), field("set"));
    assert_eq!(Signed::decode(&[]), field("author"));
    assert_eq!(Proof::decode(&[]), field("author"));
}

#[test]
fn entries_live_for_ever_and_messages_do_not() {
    let refused = Err(WireError::Field("expires"));
    assert_eq!(decode_record(|it| it.expires_ms = 1), refused);
    let message = Content::Message(Message::new("t", "1"));
    assert_eq!(sealed(message.clone(), 0).open().map(|it| it.record), refused);
    assert!(sealed(message, 1).open().is_ok());
}

#[test]
fn a_deleted_entry_has_no_value() {
    let refused = decode_record(|it| {
        let (collection, name) = ("c".to_owned(), "n".to_owned());
        let value = Bytes::from_static(b"1");
        let entry = generated::Entry { collection, name, value, deleted: true };
        it.content = Some(generated::record::Content::Entry(entry));
    });
    assert_eq!(refused, Err(WireError::Field("deleted entry with a value")));
}

#[test]
fn labels_are_text_without_control_characters() {
    for name in ["", "a\nb", "a\0b", "\u{85}"] {
        let refused = sealed(entry(name), 0).open();
        assert_eq!(
            refused,
            Err(WireError::Label("name", crate::limits::NAME_BYTES_MAX)),
            "{name:?}"
        );
    }
    assert!(sealed(entry("a/b c.\u{e4}"), 0).open().is_ok());
}

#[test]
fn hop_counts_are_clamped() {
    let signed = Some(generated::Signed::from(&sealed(entry("n"), 0)));
    let records = vec![generated::Carried { signed, ttl: 1_000, hops: 1_000, tree: 0 }];
    let push =
        decode(generated::frame::Kind::Push(generated::Push { records, ..Default::default() }))
            .unwrap();
    let Frame::Push(crate::Push { records, .. }) = push else { panic!("{push:?}") };
    let [Carried { ttl, hops, .. }] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((*ttl, *hops), (crate::limits::HOPS_MAX, 255));
}

#[test]
fn prefixes_have_one_form() {
    let range = |prefix: &'static [u8], bits| generated::Range {
        prefix: Bytes::from_static(prefix),
        bits,
        ..Default::default()
    };
    let read = |prefix, bits| {
        let ranges = vec![range(prefix, bits)];
        match decode(generated::frame::Kind::Compare(generated::Compare {
            set: 0,
            ranges,
            cutoff_ms: 0,
        }))? {
            Frame::Compare(it) => Ok((it.ranges[0].prefix.0[0], it.ranges[0].bits)),
            frame => panic!("{frame:?}"),
        }
    };
    assert_eq!(read(&[0xff], 3), Ok((0xe0, 3)));
    assert_eq!(read(&[], 0), Ok((0, 0)));
    assert_eq!(read(&[0xff], 9), Err(WireError::Field("prefix")));
    assert_eq!(read(&[0xff; 33], 257), Err(WireError::Field("prefix bits")));
}

#[test]
fn unknown_reasons_and_fields_are_no_error() {
    let goodbye = generated::Goodbye { reason: 99, text: "later".into() };
    let frame = decode(generated::frame::Kind::Goodbye(goodbye)).unwrap();
    let Frame::Goodbye(goodbye) = frame else { panic!("{frame:?}") };
    assert_eq!(goodbye.reason, crate::Reason::Unspecified);
    let mut body = sealed(entry("n"), 0).body.to_vec();
    body.extend([0xf8, 0x07, 0x01]); // Field 127, number 1.
    assert!(Record::decode(&Bytes::from(body)).is_ok());
}

#[test]
fn an_address_of_a_later_transport_is_passed_over() {
    let refused = decode_record(|it| {
        let addresses = vec!["quic://h:1".to_owned(), "http://h:1".to_owned()];
        let profile = generated::Profile { addresses, ..Default::default() };
        it.content = Some(generated::record::Content::Profile(profile));
    });
    let addresses: Vec<Address> = vec!["http://h:1".parse().unwrap()];
    let profile = Profile { addresses, agent: String::new(), capabilities: vec![] };
    assert_eq!(refused.map(|it| it.content), Ok(Content::Profile(profile)));
}

#[test]
fn summaries_agree_if_both_sets_do() {
    let mut summary = Summary::default();
    assert!(summary.agrees_with(&Summary { answer_wanted: true, ..summary }));
    summary.messages.count = 1;
    assert!(!summary.agrees_with(&Summary::default()));
}

#[test]
fn the_clock_never_runs_backwards() {
    let now = Hlc::from_ms(1_000);
    assert_eq!((now.ms(), now.tick(1_000)), (1_000, Hlc(now.0 + 1)));
    assert_eq!(now.tick(900), Hlc(now.0 + 1));
    assert_eq!(now.tick(2_000), Hlc::from_ms(2_000));
    assert_eq!(Hlc(u64::MAX).tick(0), Hlc(u64::MAX));
    assert_eq!(now.tick(0).to_string(), "1000.1");
}

#[test]
fn digests_read_what_they_print() {
    let digest = Digest::of("label", &[b"part"]);
    assert_eq!(Digest::from_hex(&digest.to_string()), Some(digest));
    assert_eq!(Digest::from_hex(&digest.to_string().to_uppercase()), Some(digest));
    for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"\u{e4}".repeat(32)] {
        assert_eq!(Digest::from_hex(bad), None, "{bad}");
    }
    assert_eq!(Digest::from_slice(&[0; 31]), None);
}
