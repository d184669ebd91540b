//! The encrypted channel as a value.

use bytes::Bytes;
use lanes::PART_BYTES_MAX;
use proptest::prelude::*;

use crate::channel::ChannelError;
use crate::fuzz::pair;
use crate::link::parts::Part;

pub(super) fn part(bytes: &[u8]) -> Part {
    Part { head: 2, bytes: Bytes::copy_from_slice(bytes) }
}

#[test]
fn parts_of_every_size_survive() {
    let (mut sealer, mut opener) = pair();
    for size in [0, 1, 255, PART_BYTES_MAX] {
        let part = part(&vec![7; size]);
        let message = sealer.seal(&part).unwrap();
        // LINK-3
        assert_eq!(message.len(), 1 + size + 16);
        assert_eq!(opener.open(&message).unwrap(), part);
    }
}

#[test]
fn a_part_that_is_too_large_is_not_sealed() {
    let (mut sealer, _) = pair();
    let large = part(&vec![0; PART_BYTES_MAX + 1]);
    assert_eq!(sealer.seal(&large).err(), Some(ChannelError::TooLarge));
}

#[test]
fn a_message_that_is_too_large_is_not_opened() {
    let (_, mut opener) = pair();
    let large = vec![0; PART_BYTES_MAX + 18];
    assert_eq!(opener.open(&large).err(), Some(ChannelError::TooLarge));
}

#[test]
fn an_empty_message_is_no_part() {
    let (_, mut opener) = pair();
    for size in 0..17 {
        assert_eq!(opener.open(&vec![0; size]).err(), Some(ChannelError::Decrypt));
    }
}

#[test]
fn a_replayed_part_does_not_decrypt() {
    let (mut sealer, mut opener) = pair();
    let message = sealer.seal(&part(b"once")).unwrap();
    opener.open(&message).unwrap();
    assert_eq!(opener.open(&message).err(), Some(ChannelError::Decrypt));
}

#[test]
fn a_lost_part_is_noticed() {
    let (mut sealer, mut opener) = pair();
    sealer.seal(&part(b"lost")).unwrap();
    let second = sealer.seal(&part(b"second")).unwrap();
    assert_eq!(opener.open(&second).err(), Some(ChannelError::Decrypt));
}

proptest! {
    #[test]
    fn any_flipped_bit_is_noticed(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>()) {
        let (mut sealer, mut opener) = pair();
        let mut message = sealer.seal(&part(&bytes)).unwrap().to_vec();
        let at = at % (message.len() * 8);
        message[at / 8] ^= 1 << (at % 8);
        prop_assert!(opener.open(&message).is_err());
    }
}
