//! A letter is believed by the one it was written for, and by nobody else.

use bytes::Bytes;

use crate::{Digest, Identity, Letter, LetterId, RouteId, Subject, WireError, limits};

fn letter(body: usize) -> Letter {
    let (author, id) = (Identity::from_seed([1; 32]).id(), LetterId([4; 16]));
    Letter { author, id, subject: Subject::Transfer, body: Bytes::from(vec![b'x'; body]) }
}

#[test]
fn a_letter_opens_where_it_was_written_for_and_nowhere_else() {
    // DIRECT-3
    let author = Identity::from_seed([1; 32]);
    let (network, route) = (Digest([9; 32]), RouteId([5; 16]));
    let to = Identity::from_seed([2; 32]).id();
    let letter = letter(10);
    let bytes = letter.encode(&network, &route, &to, &author);
    assert_eq!(Letter::open(&bytes, &network, &route, &to), Ok(letter));
    let refused = Err(WireError::Field("letter signature"));
    assert_eq!(Letter::open(&bytes, &Digest([8; 32]), &route, &to), refused);
    assert_eq!(Letter::open(&bytes, &network, &RouteId([6; 16]), &to), refused);
    assert_eq!(Letter::open(&bytes, &network, &route, &author.id()), refused);
}

#[test]
fn no_byte_of_a_letter_can_be_changed_but_its_padding() {
    let author = Identity::from_seed([1; 32]);
    let (network, route) = (Digest([9; 32]), RouteId([5; 16]));
    let to = Identity::from_seed([2; 32]).id();
    let letter = letter(10);
    let bytes = letter.encode(&network, &route, &to, &author);
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        let opened = Letter::open(&bent, &network, &route, &to);
        assert!(opened.is_err() || opened.as_ref() == Ok(&letter), "byte {at}: {opened:?}");
    }
}

#[test]
fn the_size_of_a_letter_says_little_and_the_largest_fits() {
    let author = Identity::from_seed([1; 32]);
    let (network, route) = (Digest([9; 32]), RouteId([5; 16]));
    let to = Identity::from_seed([2; 32]).id();
    let size = |body| letter(body).encode(&network, &route, &to, &author).len();
    for body in [0, 1, 100, 126, 127, 128, 1_000, 5_000, limits::LETTER_BYTES_MAX] {
        assert_eq!(size(body) % 256, 0, "{body}");
    }
    assert_eq!(size(100), size(200));
    // An encapsulated key and a tag are around it.
    assert!(size(limits::LETTER_BYTES_MAX) + 48 <= limits::LETTER_SEALED_BYTES_MAX);
    let large = letter(limits::LETTER_BYTES_MAX + 1).encode(&network, &route, &to, &author);
    let opened = Letter::open(&large, &network, &route, &to);
    assert!(matches!(opened, Err(WireError::TooLarge { .. })), "{opened:?}");
}
