//! Proofs against their definition, and what is no proof.

use proptest::prelude::*;
use wire::Digest;

use super::{key, leaf, some_key};
use crate::{BadProof, Leaf, Map, Proof};

fn map_of<'a>(keys: impl IntoIterator<Item = &'a Digest>) -> Map {
    let mut map = Map::default();
    keys.into_iter().for_each(|key| {
        map.insert(leaf(*key, key.0[0]));
    });
    map
}

/// The way to a key by the definition of the root, without a trie.
fn by_definition(leaves: &[Leaf], key: &Digest) -> (Option<Digest>, Vec<(u8, Digest)>) {
    let side = |key: &Digest, at: u8| key.0[usize::from(at / 8)] >> (7 - at % 8) & 1;
    let (mut rest, mut path) = (leaves.to_vec(), Vec::new());
    for at in 0..=255_u8 {
        let (ones, zeros): (Vec<Leaf>, Vec<Leaf>) =
            rest.iter().partition(|leaf| side(&leaf.key, at) == 1);
        if ones.is_empty() || zeros.is_empty() {
            continue;
        }
        let (mine, other) = if side(key, at) == 1 { (ones, zeros) } else { (zeros, ones) };
        path.push((at, super::root_by_definition(&other)));
        rest = mine;
    }
    (rest.first().map(|leaf| leaf.key), path)
}

proptest! {
    #[test]
    fn a_proof_is_the_way_the_definition_takes(
        keys in proptest::collection::btree_set(some_key(), 0..120),
        asked in some_key(),
    ) {
        let map = map_of(&keys);
        let leaves: Vec<Leaf> = keys.iter().map(|key| leaf(*key, key.0[0])).collect();
        for key in keys.iter().chain([&asked]) {
            let proof = map.prove(key);
            let (end, path) = by_definition(&leaves, key);
            let value = end.map(|end| (end, Digest([end.0[0]; 32])));
            prop_assert_eq!(&proof, &Proof::new(value, path));
            let expected = keys.contains(key).then(|| Digest([key.0[0]; 32]));
            prop_assert_eq!(proof.verify(&map.root(), key), Ok(expected));
            let bytes = proof.encode(key);
            prop_assert_eq!(Proof::decode(key, &bytes), Ok(proof));
        }
    }

    /// STATE-6
    #[test]
    fn no_changed_byte_of_a_proof_proves_anything(
        keys in proptest::collection::btree_set(some_key(), 1..60),
        asked in some_key(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let map = map_of(&keys);
        let root = map.root();
        for key in keys.iter().take(3).chain([&asked]) {
            let bytes = map.prove(key).encode(key);
            let proven = |bytes: &[u8]| {
                Proof::decode(key, bytes).and_then(|proof| proof.verify(&root, key))
            };
            prop_assert!(proven(&bytes).is_ok());
            for (at, by) in &changes {
                let mut other = bytes.clone();
                other[at.index(bytes.len())] ^= by;
                prop_assert!(proven(&other).is_err(), "{:?} beside {:?}", other, bytes);
            }
            prop_assert!(proven(&bytes[..cut.index(bytes.len())]).is_err());
            prop_assert!(proven(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(proof) = Proof::decode(&key(b"any"), &bytes) {
            prop_assert_eq!(proof.encode(&key(b"any")), bytes);
        }
    }
}

#[test]
fn a_proof_holds_for_one_key_and_one_root() {
    let keys: Vec<Digest> = (0..100_u8).map(|it| key(&[it])).collect();
    let map = map_of(&keys);
    let proof = map.prove(&keys[0]);
    assert_eq!(proof.verify(&key(b"another"), &keys[0]), Err(BadProof::Wrong));
    for other in &keys[1..] {
        assert_eq!(proof.verify(&map.root(), other), Err(BadProof::Wrong));
    }
    let absent = key(b"absent");
    assert_eq!(map.prove(&absent).verify(&map.root(), &absent), Ok(None));
    assert_eq!(map.prove(&absent).verify(&Digest::default(), &absent), Err(BadProof::Wrong));
}

#[test]
fn bits_in_a_wrong_order_are_refused() {
    let keys: Vec<Digest> = (0..100_u8).map(|it| key(&[it])).collect();
    let map = map_of(&keys);
    let proof = map.prove(&keys[7]);
    for at in 1..proof.depth() {
        let mut other = proof.clone();
        other.path.swap(at - 1, at);
        assert_eq!(other.verify(&map.root(), &keys[7]), Err(BadProof::Wrong));
        let mut other = proof.clone();
        other.path[at].0 = other.path[at - 1].0;
        assert_eq!(other.verify(&map.root(), &keys[7]), Err(BadProof::Wrong));
    }
}

#[test]
fn an_empty_map_proves_that_it_is_empty() {
    let proof = Map::default().prove(&key(b"a"));
    assert_eq!(proof.encode(&key(b"a")), [0]);
    assert_eq!(proof.verify(&Digest::default(), &key(b"a")), Ok(None));
    assert_eq!(proof.verify(&key(b"root"), &key(b"a")), Err(BadProof::Wrong));
}
