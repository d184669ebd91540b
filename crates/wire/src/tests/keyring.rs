//! A keyring says of every signature what a strict check says of it alone.

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use proptest::prelude::*;

use crate::keyring::SMALL_ORDER;
use crate::{Claim, Digest, Identity, Keyring, NodeId};

const NETWORK: Digest = Digest([9; 32]);

fn signed(author: &Identity, digest: Digest) -> Claim {
    let message = crate::signed::to_sign(&NETWORK, &digest);
    Claim { author: author.id(), digest, signature: author.sign(&message) }
}

#[track_caller]
fn agrees(keyring: &mut Keyring, claim: &Claim) -> bool {
    let strictly = claim.verify(&NETWORK);
    assert_eq!(keyring.verify(claim, &NETWORK), strictly, "{claim:?}");
    // Also when the key is known.
    assert_eq!(keyring.verify(claim, &NETWORK), strictly, "{claim:?}");
    strictly
}

#[test]
fn the_points_of_small_order_are_those() {
    let mut weak: Vec<[u8; 32]> = SMALL_ORDER.to_vec();
    weak.sort_unstable();
    weak.dedup();
    assert_eq!(weak.len(), 8);
    assert!(weak.iter().all(|it| VerifyingKey::from_bytes(it).unwrap().is_weak()));
}

#[test]
fn a_signature_whose_point_has_a_small_order_is_refused() {
    // SIGN-3
    let author = Identity::from_seed(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let hex = "0100000000000000000000000000000000000000000000000000000000000000\
               a66ba0b010c31c5d55e9b7da0c4742f2aab75b11b169b9c8326f062739f7b60e";
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    let claim = Claim {
        author: author.id(),
        digest: Digest([5; 32]),
        signature: std::array::from_fn(byte),
    };
    let message = crate::signed::to_sign(&NETWORK, &claim.digest);
    let key = VerifyingKey::from_bytes(claim.author.as_bytes()).unwrap();
    let signature = Signature::from_bytes(&claim.signature);
    assert!(key.verify(&message, &signature).is_ok(), "its author made it for that");
    assert!(!agrees(&mut Keyring::default(), &claim));
}

#[test]
fn a_weak_key_or_none_is_refused_whatever_is_signed() {
    // SIGN-3
    let mut keyring = Keyring::default();
    for key in SMALL_ORDER.into_iter().chain([[2; 32], [0xff; 32]]) {
        for point in SMALL_ORDER {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&point);
            let author = NodeId::from_bytes(key);
            let claim = Claim { author, digest: Digest([5; 32]), signature };
            assert!(!agrees(&mut keyring, &claim));
        }
    }
}

proptest! {
    #[test]
    fn verdicts_are_those_of_a_strict_check(
        seed in 0..4_u8,
        digest in any::<[u8; 32]>(),
        at in 0..64_usize,
        flip in any::<u8>(),
        small in proptest::option::of(0..8_usize),
    ) {
        let mut keyring = Keyring::default();
        let mut claim = signed(&Identity::from_seed([seed; 32]), Digest(digest));
        prop_assert!(agrees(&mut keyring, &claim));
        claim.signature[at] ^= flip;
        prop_assert_eq!(agrees(&mut keyring, &claim), flip == 0);
        if let Some(small) = small {
            claim.signature[..32].copy_from_slice(&SMALL_ORDER[small]);
            prop_assert!(!agrees(&mut keyring, &claim));
        }
    }
}

#[test]
fn many_authors_are_remembered_and_more_are_read_again() {
    let mut keyring = Keyring::default();
    for number in 0..4_200_u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let claim = signed(&Identity::from_seed(seed), Digest([5; 32]));
        assert!(keyring.verify(&claim, &NETWORK), "{number}");
        let author = NodeId::from_bytes([7; 32]);
        assert!(!keyring.verify(&Claim { author, ..claim }, &NETWORK));
    }
}
