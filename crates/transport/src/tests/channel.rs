//! The encrypted channel as a value.

use proptest::prelude::*;
use wire::limits::FRAME_BYTES_MAX;

use crate::channel::ChannelError;
use crate::fuzz::pair;

#[test]
fn frames_of_every_size_survive() {
    let (mut sealer, mut opener) = pair();
    for size in [0, 1, 65_518, 65_519, 65_520, 131_037, 131_038, 131_039, FRAME_BYTES_MAX] {
        let frame = vec![7; size];
        let message = sealer.seal(&frame).unwrap();
        let parts = size.div_ceil(65_519).max(1);
        assert_eq!(message.len(), size + 16 * parts);
        assert_eq!(opener.open(&message).unwrap(), frame);
    }
}

#[test]
fn a_frame_that_is_too_large_is_not_sealed() {
    let (mut sealer, _) = pair();
    assert_eq!(sealer.seal(&vec![0; FRAME_BYTES_MAX + 1]).err(), Some(ChannelError::TooLarge));
}

#[test]
fn a_message_that_is_too_large_is_not_opened() {
    let (_, mut opener) = pair();
    assert_eq!(opener.open(&vec![0; 400_000]).err(), Some(ChannelError::TooLarge));
}

#[test]
fn an_empty_message_is_no_frame() {
    let (_, mut opener) = pair();
    assert_eq!(opener.open(&[]).err(), Some(ChannelError::Decrypt));
}

#[test]
fn a_replayed_frame_does_not_decrypt() {
    let (mut sealer, mut opener) = pair();
    let message = sealer.seal(b"once").unwrap();
    opener.open(&message).unwrap();
    assert_eq!(opener.open(&message).err(), Some(ChannelError::Decrypt));
}

#[test]
fn a_lost_frame_is_noticed() {
    let (mut sealer, mut opener) = pair();
    sealer.seal(b"lost").unwrap();
    let second = sealer.seal(b"second").unwrap();
    assert_eq!(opener.open(&second).err(), Some(ChannelError::Decrypt));
}

proptest! {
    #[test]
    fn any_flipped_bit_is_noticed(frame in proptest::collection::vec(any::<u8>(), 0..300), at in any::<usize>()) {
        let (mut sealer, mut opener) = pair();
        let mut message = sealer.seal(&frame).unwrap().to_vec();
        let at = at % (message.len() * 8);
        message[at / 8] ^= 1 << (at % 8);
        prop_assert!(opener.open(&message).is_err());
    }
}
