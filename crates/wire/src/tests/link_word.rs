//! What a link says of itself: read as it was written, or refused.

use bytes::Bytes;

use crate::{Closing, Digest, LINK_WORD_BYTES_MAX, LinkWord, WireError, limits};

fn closing(code: u16, reason: &str, farewell: Option<&'static [u8]>) -> LinkWord {
    let farewell = farewell.map(Bytes::from_static);
    LinkWord::Closing(Closing { code, reason: reason.to_owned(), farewell })
}

#[test]
fn words_of_a_link_survive_a_round_trip() {
    // LIBP2P-3
    let words = [
        LinkWord::Opening(Digest([7; 32])),
        closing(0, "", None),
        closing(4_004, "wrong network", None),
        closing(u16::MAX, "", Some(b"goodbye")),
    ];
    for word in words {
        assert_eq!(LinkWord::decode(word.encode().into()).as_ref(), Ok(&word));
    }
}

#[test]
fn a_reason_that_is_too_long_is_cut_between_letters() {
    let word = closing(1, &"\u{e9}".repeat(100), None).encode();
    let Ok(LinkWord::Closing(read)) = LinkWord::decode(word.into()) else { panic!() };
    assert_eq!(read.reason, "\u{e9}".repeat(limits::TEXT_BYTES_MAX / 2));
}

#[test]
fn what_is_no_word_of_a_link_is_refused() {
    let read = |bytes: &'static [u8]| LinkWord::decode(Bytes::from_static(bytes));
    assert_eq!(read(b""), Err(WireError::Field("word")));
    assert_eq!(read(b"\x0a\x02\x0a\x00"), Err(WireError::Field("network")));
    // A code of 65,536.
    assert_eq!(read(b"\x12\x04\x08\x80\x80\x04"), Err(WireError::Field("code")));
    assert!(matches!(read(b"\x0a\x09\x01"), Err(WireError::Malformed(_))));
    let (size, max) = (LINK_WORD_BYTES_MAX + 1, LINK_WORD_BYTES_MAX);
    let large = LinkWord::decode(vec![0; size].into());
    assert_eq!(large, Err(WireError::TooLarge { what: "link word bytes", size, max }));
    let mut long = closing(1, &"x".repeat(limits::TEXT_BYTES_MAX), None).encode();
    long.extend(b"\x12\x02\x12\x00");
    assert!(LinkWord::decode(long.into()).is_ok());
    let long = [b"\x12\x84\x01\x12\x81\x01".as_slice(), &[b'x'; 129]].concat();
    let (what, size, max) = ("reason bytes", 129, limits::TEXT_BYTES_MAX);
    assert_eq!(LinkWord::decode(long.into()), Err(WireError::TooLarge { what, size, max }));
}
