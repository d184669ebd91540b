//! Frames in parts, as values (LINK-3).

use bytes::Bytes;
use lanes::PART_BYTES_MAX;
use proptest::prelude::*;
use wire::Class;
use wire::limits::FRAME_BYTES_MAX;

use crate::link::parts::{Joiner, Part, PartError, Then, cut};

fn frame(size: usize) -> Bytes {
    (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn a_small_frame_is_one_part() {
    for size in [0, 1, PART_BYTES_MAX] {
        let parts = cut(Class::Alert, &frame(size), Then::More);
        assert_eq!(parts, [Part { head: 0, bytes: frame(size) }]);
        assert!(parts[0].cost_bytes() <= 16 * 1024);
    }
}

#[test]
fn heads_say_class_and_what_follows() {
    let heads = |class, size, then| -> Vec<u8> {
        cut(class, &frame(size), then).iter().map(|part| part.head).collect()
    };
    assert_eq!(heads(Class::Normal, 2 * PART_BYTES_MAX + 1, Then::More), [0x82, 0x82, 0x02]);
    assert_eq!(heads(Class::Control, PART_BYTES_MAX + 1, Then::End), [0xc1, 0x41]);
}

#[test]
fn what_makes_no_frame_is_refused() {
    let part = |head, size| Part { head, bytes: frame(size) };
    let full = PART_BYTES_MAX;
    let cases: &[(&[Part], PartError)] = &[
        (&[part(0x04, 1)], PartError::Head),
        (&[part(0x83, full - 1)], PartError::Short),
        (&[part(0x83, 0)], PartError::Short),
        (&[part(0x41, 1), part(0x00, 1)], PartError::AfterEnd),
        (&vec![part(0x80, full); FRAME_BYTES_MAX / full + 1], PartError::TooLarge),
    ];
    for (parts, error) in cases {
        let mut joiner = Joiner::default();
        let failed = parts.iter().find_map(|part| joiner.join(part.clone()).err());
        assert_eq!(failed, Some(*error));
    }
}

proptest! {
    #[test]
    fn frames_of_all_classes_come_out_whole_however_their_parts_are_mixed(
        sizes in prop::array::uniform4(prop::collection::vec(0..5 * PART_BYTES_MAX, 0..4)),
        order in prop::collection::vec(0..4_usize, 0..100),
    ) {
        let mut parts: Vec<Vec<Part>> = Class::ALL.into_iter().zip(&sizes).map(|(class, sizes)| {
            let frames = sizes.iter().flat_map(|size| cut(class, &frame(*size), Then::More));
            frames.collect::<Vec<Part>>().into_iter().rev().collect()
        }).collect();
        let (mut joiner, mut whole) = (Joiner::default(), [const { Vec::new() }; 4]);
        let rest = (0..4).flat_map(|class| vec![class; 100]);
        for class in order.into_iter().chain(rest) {
            let Some(part) = parts[class].pop() else { continue };
            if let Some(frame) = joiner.join(part).unwrap() {
                prop_assert_eq!(frame.class.index(), class);
                whole[class].push(frame.bytes);
            }
        }
        let sent = sizes.map(|sizes| sizes.into_iter().map(frame).collect::<Vec<Bytes>>());
        prop_assert!(whole == sent);
    }
}
