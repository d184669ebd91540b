//! A head proves itself, and each piece proves itself to who has the head.

use bytes::Bytes;
use proptest::prelude::*;

use crate::{
    CarriedHead, Class, Content, Digest, Frame, Head, Hlc, Identity, Message, Offer, Piece,
    PieceSet, Pull, Push, Record, ShortId, Signed, TreeId, WireError, generated, limits,
};

const NETWORK: Digest = Digest([2; 32]);

fn sealed(class: Class, payload: usize) -> Signed {
    let message = Message { class, ..Message::new("t", vec![b'1'; payload]) };
    let content = Content::Message(message);
    let record = Record { network: NETWORK, seq: 1, created: Hlc(1), expires_ms: 9, content };
    Signed::seal(&record, &Identity::from_seed([1; 32]))
}

fn carried(head: Head) -> CarriedHead {
    CarriedHead { head, ttl: 9, hops: 1, tree: TreeId(3), offer: Offer::Follow }
}

fn heads(heads: Vec<CarriedHead>) -> Frame {
    Frame::Push(Push { heads, ..Push::default() })
}

proptest! {
    #[test]
    fn a_head_names_the_record_and_carries_its_signature(payload in 1..50_000_usize) {
        // SIGN-2
        for class in [Class::Alert, Class::Normal, Class::Bulk] {
            let opened = sealed(class, payload).open().unwrap();
            let head = Head::of(&opened.signed, class);
            prop_assert_eq!(head.id(), opened.id);
            prop_assert_eq!(head.claim(), opened.claim());
            prop_assert!(head.claim().verify(&NETWORK));
            prop_assert!(!head.claim().verify(&Digest::default()));
        }
    }

    #[test]
    fn a_piece_fits_at_its_place_and_nowhere_else(size in 1..100_000_usize, seed in any::<u8>()) {
        // SIGN-2
        let byte = |at: usize| u8::try_from((at * 31 + at / 251) % 256).unwrap() ^ seed;
        let body: Bytes = (0..size).map(byte).collect();
        let head = Head::of(&Signed { body: body.clone(), ..sealed(Class::Bulk, 1) }, Class::Bulk);
        prop_assert_eq!(head.all().len(), size.div_ceil(limits::PIECE_BYTES));
        for (index, piece) in (0_u8..).zip(body.chunks(limits::PIECE_BYTES)) {
            prop_assert!(head.fits(index, piece));
            prop_assert!(!head.fits(index + 1, piece) && !head.fits(index.wrapping_sub(1), piece));
            prop_assert!(!head.fits(index, &piece[..piece.len() - 1]));
            let mut hurt = piece.to_vec();
            hurt[piece.len() / 2] ^= 1;
            prop_assert!(!head.fits(index, &hurt));
        }
        prop_assert!(!head.fits(255, &[]));
    }
}

#[test]
fn nobody_on_the_way_makes_a_record_more_urgent() {
    // SIGN-2
    let opened = sealed(Class::Bulk, 40_000).open().unwrap();
    let raised = Head::of(&opened.signed, Class::Alert);
    assert_ne!(raised.id(), opened.id);
    assert!(!raised.claim().verify(&NETWORK));
}

#[test]
fn a_lie_about_size_or_pieces_is_another_record() {
    // SIGN-2
    let head = Head::of(&sealed(Class::Bulk, 40_000), Class::Bulk);
    let id = head.id();
    let size = head.size - 1;
    assert_ne!(Head { size, ..head.clone() }.id(), id);
    let mut swapped = head.clone();
    swapped.hashes.swap(0, 1);
    assert_ne!(swapped.id(), id);
    swapped.hashes.pop();
    assert_ne!(swapped.id(), id);
}

#[test]
fn a_head_has_as_many_hashes_as_its_size_says() {
    let head = Head::of(&sealed(Class::Bulk, 40_000), Class::Bulk);
    let read =
        |head: Head| Frame::decode(&Bytes::from(heads(vec![carried(head)]).encode())).map(|_| ());
    assert_eq!(read(head.clone()), Ok(()));
    for hashes in [head.hashes[1..].to_vec(), [&head.hashes[..], &head.hashes[..1]].concat()] {
        assert_eq!(read(Head { hashes, ..head.clone() }), Err(WireError::Field("hashes")));
    }
    // What fits one piece travels whole.
    let small = Head::of(&sealed(Class::Bulk, 10), Class::Bulk);
    assert!(matches!(read(small), Err(WireError::Field(_))));
    let size = u32::try_from(limits::BODY_BYTES_CEILING).unwrap();
    let hashes = vec![Digest([1; 32]); limits::PIECES_MAX];
    assert_eq!(read(Head { size, hashes: hashes.clone(), ..head.clone() }), Ok(()));
    let max = limits::BODY_BYTES_CEILING;
    let refused = WireError::TooLarge { what: "record body bytes", size: max + 1, max };
    assert_eq!(read(Head { size: size + 1, hashes, ..head }), Err(refused));
}

#[test]
fn heads_and_pieces_leave_room_for_an_alert() {
    let sixteen = 16 * 1024;
    let (size, hashes) = (limits::BODY_BYTES_CEILING, vec![Digest([9; 32]); limits::PIECES_MAX]);
    let size = u32::try_from(size).unwrap();
    let head = Head { size, hashes, ..Head::of(&sealed(Class::Bulk, 40_000), Class::Bulk) };
    let tree = TreeId(u64::MAX);
    let most = CarriedHead { ttl: 64, hops: 255, tree, ..carried(head.clone()) };
    let frame = heads(vec![most; limits::HEADS_MAX]).encode();
    assert!(frame.len() <= sixteen, "{}", frame.len());
    assert!(frame.len() <= limits::HEADS_MAX * head.size_in_frame());
    let piece = Piece {
        name: ShortId(u64::MAX),
        index: u8::try_from(limits::PIECES_MAX - 1).unwrap(),
        bytes: Bytes::from(vec![1; limits::PIECE_BYTES]),
    };
    assert!(Frame::Piece(piece).encode().len() <= sixteen);
}

#[test]
fn heads_pieces_and_pulls_have_limits() {
    let decode = |kind: generated::frame::Kind| {
        let frame = generated::Frame { kind: Some(kind) };
        Frame::decode(&Bytes::from(prost::Message::encode_to_vec(&frame))).map(|_| ())
    };
    let too_large = |what, size, max| Err(WireError::TooLarge { what, size, max });
    let (max, head) = (limits::HEADS_MAX, Head::of(&sealed(Class::Bulk, 40_000), Class::Bulk));
    let push = |count| {
        let frame = heads(vec![carried(head.clone()); count]);
        Frame::decode(&Bytes::from(frame.encode())).map(|_| ())
    };
    assert_eq!((push(max), push(max + 1)), (Ok(()), too_large("heads", max + 1, max)));
    let piece = |index, size| {
        let bytes = Bytes::from(vec![1; size]);
        decode(generated::frame::Kind::Piece(generated::Piece { name: 1, index, bytes }))
    };
    let (most, last) = (limits::PIECE_BYTES, u32::try_from(limits::PIECES_MAX).unwrap());
    assert_eq!(piece(last - 1, most), Ok(()));
    assert_eq!(piece(last, 1), Err(WireError::Field("piece index")));
    assert_eq!(piece(0, most + 1), too_large("piece bytes", most + 1, most));
    let pull = |pieces, held| {
        decode(generated::frame::Kind::Pull(generated::Pull { name: 1, pieces, held }))
    };
    assert_eq!(pull((1 << last) - 1, (1 << last) - 1), Ok(()));
    assert_eq!(pull(1 << last, 0), Err(WireError::Field("pieces")));
    assert_eq!(pull(0, 1 << last), Err(WireError::Field("pieces")));
    let pieces = PieceSet::first(limits::PIECES_MAX);
    let all = Pull { name: ShortId(1), pieces, held: PieceSet::default() };
    assert_eq!(all.pieces.iter().count(), limits::PIECES_MAX);
}
