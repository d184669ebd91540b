//! The tree is BLAKE3's own, and a piece proves itself or is refused.

use bytes::Bytes;
use wire::{SeedPiece, limits};

use crate::seeds::{Pieces, Shape, Tree, offset, piece_hash, whole_hash};

const PIECE: u64 = limits::SEED_PIECE_BYTES as u64;

fn content(size: u64) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

/// Makes the tree and all pieces of a content.
pub(super) fn pieces_of(content: &[u8]) -> (Shape, Vec<SeedPiece>) {
    let parts: Vec<&[u8]> = content.chunks(limits::SEED_PIECE_BYTES).collect();
    let hashes: Vec<[u8; 32]> = match parts.as_slice() {
        [one] => vec![whole_hash(one)],
        many => (0..).zip(many).map(|(index, bytes)| piece_hash(index, bytes)).collect(),
    };
    let count = u32::try_from(parts.len()).unwrap();
    let tree = Tree::of(hashes);
    let shape = Shape { size: content.len() as u64, root: tree.root() };
    let piece = |(index, bytes): (u32, &&[u8])| {
        let places = Tree::path(count, index).into_iter();
        let path = places.map(|it| tree.hashes()[usize::try_from(it).unwrap()]).collect();
        SeedPiece { index, bytes: Bytes::copy_from_slice(bytes), path }
    };
    (shape, (0..).zip(&parts).map(piece).collect())
}

#[test]
fn the_root_is_the_hash_that_everybody_computes() {
    // SEED-3
    for pieces in [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33] {
        for more in [0, 1, 1_023, 1_025, PIECE - 1] {
            let size = pieces * PIECE + more;
            if size == 0 {
                continue;
            }
            let content = content(size);
            let (shape, all) = pieces_of(&content);
            assert_eq!(shape.root, *blake3::hash(&content).as_bytes(), "{size}");
            assert_eq!(all.len(), shape.pieces() as usize);
            for piece in &all {
                assert!(shape.proves(piece), "piece {} of {size}", piece.index);
                assert!(piece.path.len() <= limits::SEED_PATH_MAX);
                let begins = usize::try_from(offset(piece.index)).unwrap();
                assert_eq!(piece.bytes, content[begins..begins + piece.bytes.len()]);
            }
        }
    }
}

#[test]
fn what_is_bent_proves_nothing() {
    // SEED-3
    let (shape, all) = pieces_of(&content(5 * PIECE + 100));
    for piece in &all {
        let refused = |change: &dyn Fn(&mut SeedPiece)| {
            let mut bent = piece.clone();
            change(&mut bent);
            assert!(!shape.proves(&bent), "{} {:?}", bent.index, bent.path.len());
        };
        refused(&|it| it.index = (it.index + 1) % 6);
        refused(&|it| it.index = u32::MAX);
        refused(&|it| {
            let mut bytes = it.bytes.to_vec();
            bytes[7] ^= 1;
            it.bytes = bytes.into();
        });
        refused(&|it| it.bytes = it.bytes.slice(1..));
        refused(&|it| it.bytes = Bytes::new());
        refused(&|it| it.path[0][3] ^= 1);
        refused(&|it| it.path.push([0; 32]));
        refused(&|it| {
            it.path.pop();
        });
        // The same root with another size is another seed, and nothing proves it.
        for size in [shape.size - 1, shape.size + 1, shape.size + PIECE, 100] {
            let other = Shape { size, ..shape };
            assert_ne!(other.id(), shape.id());
            let last = piece.index + 1 == shape.pieces();
            assert!(!other.proves(piece) || !last, "{size}");
        }
    }
}

#[test]
fn the_largest_seed_fits_the_limits_and_one_more_byte_does_not() {
    let shape = |size| Shape { size, root: [0; 32] };
    let largest = shape(limits::SEED_BYTES_MAX);
    assert!(largest.is_whole() && !shape(limits::SEED_BYTES_MAX + 1).is_whole());
    assert!(!shape(0).is_whole());
    assert_eq!(Tree::path(largest.pieces(), 0).len(), limits::SEED_PATH_MAX);
}

#[test]
fn pieces_are_counted_once_and_missing_ones_are_found() {
    let mut pieces = Pieces::none(130);
    assert!(pieces.add(64) && !pieces.add(64) && !pieces.add(130));
    assert!(pieces.add(0) && pieces.add(129) && pieces.len() == 3);
    assert_eq!(pieces.missing().count(), 127);
    assert_eq!(pieces.missing().next(), Some(1));
    (0..130).for_each(|index| {
        pieces.add(index);
    });
    assert!(pieces.is_all() && pieces.missing().next().is_none());
}
