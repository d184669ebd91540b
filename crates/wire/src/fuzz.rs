//! Bodies of the fuzz targets; `cargo test` replays their corpora through the same functions.

use bytes::Bytes;

use crate::{
    Address, Digest, Frame, Invite, Letter, LinkWord, NodeId, Proof, Record, RouteId, Signed,
    Terms, TransferRecord, TransferStep,
};

/// A frame that decodes survives a round trip.
pub fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(&Bytes::copy_from_slice(bytes)) {
        let again = Frame::decode(&Bytes::from(frame.encode()));
        assert_eq!(again.as_ref(), Ok(&frame));
    }
}

/// A record that decodes survives a round trip.
pub fn record(bytes: &[u8]) {
    if let Ok(record) = Record::decode(&Bytes::copy_from_slice(bytes)) {
        assert_eq!(Record::decode(&Bytes::from(record.encode())).as_ref(), Ok(&record));
    }
}

/// A signed record that decodes survives a round trip and keeps its id.
pub fn signed(bytes: &[u8]) {
    if let Ok(signed) = Signed::decode(bytes) {
        assert_eq!(Signed::decode(&signed.encode()).as_ref(), Ok(&signed));
        if let Ok(opened) = signed.open() {
            assert_eq!(opened.signed.clone().open().map(|it| it.id), Ok(opened.id));
        }
    }
}

/// A handshake proof never panics, and what decodes survives a round trip.
pub fn proof(bytes: &[u8]) {
    if let Ok(proof) = Proof::decode(bytes) {
        assert_eq!(Proof::decode(&proof.encode()).as_ref(), Ok(&proof));
    }
}

/// What is said of a libp2p link never panics, and what decodes survives a round trip.
pub fn link_word(bytes: &[u8]) {
    if let Ok(word) = LinkWord::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(LinkWord::decode(word.encode().into()).as_ref(), Ok(&word));
    }
}

/// What somebody sealed for us never panics, and is believed only if it is signed for us.
pub fn letter(bytes: &[u8]) {
    let (network, route) = (Digest([9; 32]), RouteId([7; 16]));
    let to = NodeId::from_bytes([3; 32]);
    if let Ok(letter) = Letter::open(bytes, &network, &route, &to) {
        let elsewhere = RouteId([8; 16]);
        assert!(Letter::open(bytes, &network, &elsewhere, &to).is_err(), "{letter:?}");
    }
}

/// A step, the terms and the record of a transfer never panic, and what decodes survives a round trip.
pub fn transfer(bytes: &[u8]) {
    if let Ok(step) = TransferStep::decode(bytes) {
        assert_eq!(TransferStep::decode(&step.encode()).as_ref(), Ok(&step));
    }
    if let Ok(terms) = Terms::decode(bytes) {
        assert_eq!(Terms::decode(&terms.encode()).as_ref(), Ok(&terms));
    }
    if let Ok(record) = TransferRecord::decode(bytes) {
        assert_eq!(TransferRecord::decode(&record.encode()).as_ref(), Ok(&record));
    }
}

/// Addresses and node ids that parse print as they were understood.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
        address.host_port();
    }
    if let Ok(id) = text.parse::<NodeId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(invite) = text.parse::<Invite>() {
        assert_eq!(invite.to_string().parse().as_ref(), Ok(&invite));
    }
}
