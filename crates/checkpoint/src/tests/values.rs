//! Keys, committees, certificates, the chain and evidence: what is taken and what is refused.

use std::sync::Arc;

use wire::Digest;

use super::{NETWORK, attest, attester, checkpoint_after, committee, key, seal};
use crate::{
    Certificate, Chain, Checkpoint, CheckpointError, Committee, Evidence, Head, PublicKey,
    SecretKey, Signature, Signers,
};

fn genesis(count: usize) -> (Head, Vec<SecretKey>) {
    let (committee, keys) = committee(count);
    (Head::genesis(NETWORK, committee), keys)
}

/// CKPT-2.
#[test]
fn a_key_is_a_point_of_the_group_and_not_the_neutral_one() {
    let good = key(1).public().to_bytes();
    assert_eq!(PublicKey::from_bytes(&good), Ok(key(1).public()));
    let mut neutral = [0; 48];
    neutral[0] = 0xc0;
    let mut longer = [0xff; 48];
    longer[0] = 0x9f;
    let mut flipped = good;
    flipped[47] ^= 1;
    // A point of the curve outside the group: x = 4 of the test vectors of the draft's curve.
    let mut outside = [0; 48];
    outside[0] = 0x80;
    outside[47] = 4;
    let on_curve = blst::min_pk::PublicKey::uncompress(&outside);
    assert!(on_curve.is_ok(), "x = 4 is on the curve");
    for bad in [neutral, longer, outside, [0; 48]] {
        assert_eq!(PublicKey::from_bytes(&bad), Err(CheckpointError::BadKey), "{bad:x?}");
    }
    // Another point, or none: its owner cannot prove it.
    if let Ok(other) = PublicKey::from_bytes(&flipped) {
        assert_eq!(other.check_possession(&key(1).prove()), Err(CheckpointError::RogueKey));
    }
}

/// CKPT-2: a key made of others' would sign for them.
#[test]
fn a_rogue_key_is_refused() {
    let (honest, own) = (key(1), key(2));
    // own - honest: with the honest key it adds up to a key whose secret the attacker knows.
    let mut sum = blst::min_pk::AggregatePublicKey::from_public_key(
        &blst::min_pk::PublicKey::uncompress(&own.public().to_bytes()).unwrap(),
    );
    let other = blst::min_pk::PublicKey::uncompress(&honest.public().to_bytes()).unwrap();
    sum.sub_aggregate(&blst::min_pk::AggregatePublicKey::from_public_key(&other));
    let rogue = PublicKey::from_bytes(&sum.to_public_key().to_bytes()).unwrap();
    // It would work, were it let in: both "signed" with one signature of the attacker's.
    let message = Digest([1; 32]);
    let forged = own.sign(&message);
    assert!(crate::keys::verify_sum(&[&honest.public(), &rogue], &message, &forged));
    for proof in [own.prove(), honest.prove(), Signature([0; 96]), own.sign(&message)] {
        let attesters =
            vec![attester(&honest, 1), crate::Attester { key: rogue, proof, weight: 1 }];
        assert_eq!(Committee::new(attesters), Err(CheckpointError::RogueKey));
    }
}

#[test]
fn a_committee_has_bounds_and_one_encoding() {
    let one = || attester(&key(1), 1);
    assert_eq!(Committee::new(vec![]), Err(CheckpointError::BadCommittee));
    assert_eq!(Committee::new(vec![one(), one()]), Err(CheckpointError::RepeatedKey));
    for weight in [0, 1_000_001] {
        let attesters = vec![attester(&key(1), weight)];
        assert_eq!(Committee::new(attesters), Err(CheckpointError::BadCommittee));
    }
    assert_eq!(Committee::new(vec![one(); 257]), Err(CheckpointError::BadCommittee));
    let (two, three) = (attester(&key(2), 5), attester(&key(3), 1_000_000));
    let a = Committee::new(vec![one(), two.clone(), three.clone()]).unwrap();
    let b = Committee::new(vec![three, one(), two]).unwrap();
    assert_eq!((a.hash(), a.encode(), a.weight()), (b.hash(), b.encode(), 1_000_006));
    assert_eq!(Committee::decode(&a.encode()), Ok(a.clone()));
    let mut turned = a.encode();
    turned[2..].rotate_left(152);
    assert!(Committee::decode(&turned).is_err(), "another order is another encoding");
    assert!(Committee::decode(&a.encode()[1..]).is_err());
}

/// CKPT-3.
#[test]
fn more_than_two_thirds_of_the_weight_must_sign_each_once() {
    let (head, keys) = genesis(6);
    let checkpoint = checkpoint_after(&head, 1);
    let verify = |sealed: &crate::Sealed| sealed.certificate.verify(&checkpoint, &head.committee);
    assert_eq!(verify(&seal(checkpoint.clone(), &keys, &[0, 1, 2, 3, 4])), Ok(()));
    let few = CheckpointError::TooFew { signed: 4, total: 6 };
    assert_eq!(verify(&seal(checkpoint.clone(), &keys, &[0, 1, 2, 4])), Err(few));
    // One signature added twice, or one bit too many.
    let ballots = [0, 0, 1, 2, 3].map(|it| attest(&checkpoint, it, &keys[it]));
    assert_eq!(Certificate::of(&ballots), None);
    let mut claims = seal(checkpoint.clone(), &keys, &[0, 1, 2, 3, 4]);
    claims.certificate.signers = Signers::new(0..6);
    assert_eq!(verify(&claims), Err(CheckpointError::BadSignature));
    claims.certificate.signers = Signers::new([0, 1, 2, 3, 6].into_iter());
    assert_eq!(verify(&claims), Err(CheckpointError::UnknownSigner));
    let mut other = checkpoint.clone();
    other.count += 1;
    let sealed = seal(checkpoint.clone(), &keys, &[0, 1, 2, 3, 4]);
    let verified = sealed.certificate.verify(&other, &head.committee);
    assert_eq!(verified, Err(CheckpointError::BadSignature));
    let stranger = committee(5).0;
    let verified = sealed.certificate.verify(&checkpoint, &stranger);
    assert_eq!(verified, Err(CheckpointError::WrongCommittee));
    let mut neutral = sealed;
    neutral.certificate.signature = Signature([0; 96]);
    neutral.certificate.signature.0[0] = 0xc0;
    assert_eq!(verify(&neutral), Err(CheckpointError::BadSignature));
}

#[test]
fn weights_count_and_not_heads() {
    let keys: Vec<SecretKey> = (0..4).map(key).collect();
    let attesters = keys.iter().zip([7, 1, 1, 1]).map(|(key, weight)| attester(key, weight));
    let committee = Arc::new(Committee::new(attesters.collect()).unwrap());
    let head = Head::genesis(NETWORK, Arc::clone(&committee));
    let at = |key: &SecretKey| usize::from(committee.number(&key.public()).unwrap());
    let mut ordered = keys.clone();
    ordered.sort_by_key(|key| key.public().to_bytes());
    let checkpoint = checkpoint_after(&head, 1);
    let heavy = seal(checkpoint.clone(), &ordered, &[at(&keys[0])]);
    assert_eq!(heavy.certificate.verify(&checkpoint, &committee), Ok(()));
    let light = seal(checkpoint.clone(), &ordered, &[at(&keys[1]), at(&keys[2]), at(&keys[3])]);
    let few = CheckpointError::TooFew { signed: 3, total: 10 };
    assert_eq!(light.certificate.verify(&checkpoint, &committee), Err(few));
}

/// CKPT-1, CKPT-4.
#[test]
fn a_chain_goes_on_by_height_hash_and_time_and_carries_its_committees() {
    let (genesis, keys) = genesis(4);
    let all = [0, 1, 2, 3];
    let first = seal(checkpoint_after(&genesis, 1), &keys, &all);
    let head = genesis.follow(&first).unwrap();
    assert_eq!((head.height, head.hash), (1, first.checkpoint.hash()));
    let refused = |change: fn(&mut Checkpoint)| {
        let mut checkpoint = checkpoint_after(&head, 2);
        change(&mut checkpoint);
        head.follow(&seal(checkpoint, &keys, &all)).unwrap_err()
    };
    assert_eq!(refused(|it| it.previous = Digest([9; 32])), CheckpointError::NotNext);
    assert_eq!(refused(|it| it.height = 1), CheckpointError::NotNext);
    assert_eq!(refused(|it| it.cut_ms = 60_000), CheckpointError::NotNext);
    assert_eq!(refused(|it| it.network = Digest([9; 32])), CheckpointError::WrongNetwork);
    assert_eq!(refused(|it| it.committee = Digest([9; 32])), CheckpointError::WrongCommittee);
    assert_eq!(refused(|it| it.next_committee = Digest([9; 32])), CheckpointError::WrongCommittee);

    let (next, next_keys) = committee(3);
    let mut handing = checkpoint_after(&head, 2);
    handing.next_committee = next.hash();
    let mut second = seal(handing, &keys, &all);
    assert_eq!(
        head.follow(&second),
        Err(CheckpointError::WrongCommittee),
        "it does not come along"
    );
    second.next = Some(next.encode());
    let after = head.follow(&second).unwrap();
    assert_eq!(after.committee.hash(), next.hash());
    let third = checkpoint_after(&after, 3);
    assert!(
        after.follow(&seal(third.clone(), &keys, &all)).is_err(),
        "the old ones had their time"
    );
    let third = seal(third, &next_keys, &[0, 1, 2]);
    let file = Chain(vec![second, third]);
    let read = Chain::decode(&file.encode()).unwrap();
    let end = read.verify(&genesis).unwrap();
    assert_eq!((end.height, end.root), (3, Digest([3; 32])));
    let other = Head::genesis(NETWORK, committee(5).0);
    assert!(read.verify(&other).is_err(), "of another network file");
    assert!(Chain::decode(b"trellis-checkpoints-v1\n").is_err());
}

/// CKPT-7.
#[test]
fn evidence_proves_and_accuses_nobody_falsely() {
    let (head, keys) = genesis(4);
    let (one, other) = (checkpoint_after(&head, 1), checkpoint_after(&head, 2));
    let pair = |a, b| Evidence::Ballots(Box::new((a, b)));
    let verify = |evidence: &Evidence| evidence.verify(&NETWORK, &head.committee);
    let guilty = pair(attest(&one, 2, &keys[2]), attest(&other, 2, &keys[2]));
    assert_eq!((verify(&guilty), guilty.guilty()), (Ok(()), vec![2]));
    assert_eq!(Evidence::decode(&guilty.encode()).as_ref(), Ok(&guilty));
    let same = pair(attest(&one, 2, &keys[2]), attest(&one, 2, &keys[2]));
    assert_eq!(verify(&same), Err(CheckpointError::NoContradiction));
    let two = pair(attest(&one, 2, &keys[2]), attest(&other, 1, &keys[1]));
    assert_eq!(verify(&two), Err(CheckpointError::NoContradiction));
    let forged = pair(attest(&one, 2, &keys[2]), attest(&other, 2, &keys[1]));
    assert_eq!(verify(&forged), Err(CheckpointError::BadSignature));
    let side =
        |it: &Checkpoint, who: &[usize]| (it.clone(), seal(it.clone(), &keys, who).certificate);
    let fork = Evidence::Fork(Box::new([side(&one, &[0, 1, 2]), side(&other, &[1, 2, 3])]));
    assert_eq!((verify(&fork), fork.guilty()), (Ok(()), vec![1, 2]));
    assert_eq!(Evidence::decode(&fork.encode()).as_ref(), Ok(&fork));
    let few = Evidence::Fork(Box::new([side(&one, &[0, 1, 2]), side(&other, &[2, 3])]));
    assert!(verify(&few).is_err());
}

/// The bar of the issue: 250 bytes and 2 ms. Time is measured by the example `attesters`.
#[test]
fn a_certificate_of_a_hundred_is_small() {
    let (head, keys) = genesis(100);
    let checkpoint = checkpoint_after(&head, 1);
    let everybody: Vec<usize> = (0..100).collect();
    let sealed = seal(checkpoint.clone(), &keys, &everybody);
    assert_eq!(sealed.certificate.encode().len(), 2 + 13 + 96);
    assert_eq!(sealed.certificate.verify(&checkpoint, &head.committee), Ok(()));
}
