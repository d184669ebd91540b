//! Bodies of the fuzz targets; `cargo test` replays their corpora through the same functions.

use bytes::Bytes;
use lanes::PART_BYTES_MAX;
use wire::{Class, limits};

use crate::channel::{Opener, Sealer, StaticKey};
use crate::link::parts::{Joiner, Part, Then, cut};
use crate::{envelope, stranger};

/// A body that is taken keeps within its bounds and survives being passed on.
pub fn gossip_json(bytes: &[u8]) {
    let Ok(envelope) = envelope::parse(bytes) else { return };
    assert!(envelope.ttl <= limits::TTL_MAX);
    assert!(envelope.seen_by.len() <= limits::SEEN_BY_MAX);
    let body = envelope::render(&envelope).expect("what was taken can be passed on");
    let mut again = envelope::parse(&body).expect("what we pass on can be taken");
    // The text of a float may be read one step off.
    again.timestamp_s = envelope.timestamp_s;
    assert_eq!(again, envelope);
}

/// A stranger's answers are understood or not, within bounds.
pub fn door_json(bytes: &[u8]) {
    let _who = stranger::health(bytes);
    assert!(stranger::peers(bytes).len() <= limits::PEERS_MAX);
}

/// Foreign bytes are neither a handshake nor a frame, and our own survive.
pub fn channel(bytes: &[u8]) {
    let key = StaticKey::generate();
    let _not_ours = key.respond().read(bytes);
    let mut initiator = key.initiate();
    initiator.write(&[]);
    assert!(initiator.read(bytes).is_err());
    let (mut sealer, mut opener) = pair();
    let mut joiner = Joiner::default();
    let frame = Bytes::copy_from_slice(bytes);
    for part in cut(Class::Bulk, &frame, Then::More) {
        let message = sealer.seal(&part).expect("parts are cut to size");
        assert_eq!(opener.open(&message).as_ref(), Ok(&part));
        match joiner.join(part) {
            Ok(Some(whole)) => assert_eq!(whole.bytes, frame),
            Ok(None) => {}
            Err(_) => return assert!(limits::FRAME_BYTES_MAX < bytes.len()),
        }
    }
    assert!(opener.open(bytes).is_err());
}

/// Whatever a peer that may link says, frames that come of it are within their bound.
pub fn parts(bytes: &[u8]) {
    let mut joiner = Joiner::default();
    for part in bytes.chunks(PART_BYTES_MAX + 1) {
        let part = Part { head: part[0], bytes: Bytes::copy_from_slice(&part[1..]) };
        match joiner.join(part) {
            Ok(Some(whole)) => assert!(whole.bytes.len() <= limits::FRAME_BYTES_MAX),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// Both ends of a fresh channel, one direction.
pub(crate) fn pair() -> (Sealer, Opener) {
    let (left, right) = (StaticKey::generate(), StaticKey::generate());
    let (mut left, mut right) = (left.initiate(), right.respond());
    right.read(&left.write(&[])).expect("our own handshake");
    left.read(&right.write(&[])).expect("our own handshake");
    right.read(&left.write(&[])).expect("our own handshake");
    let (sealer, _) = left.finish().expect("our own handshake");
    let (_, opener) = right.finish().expect("our own handshake");
    (sealer, opener)
}
