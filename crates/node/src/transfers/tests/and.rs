//! The blind AND: its truth table, and what cannot be said with it.

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wire::{Digest, Identity, Side};

use crate::transfers::blind::{BlindAnd as _, Choice, Tick};
use crate::transfers::dh_and::DhAnd;

const CHOICES: [Choice; 2] = [Choice::Yes, Choice::NotYes];

fn tick(number: u64) -> Tick {
    let node = |seed| Identity::from_seed([seed; 32]).id();
    Tick { terms: Digest([7; 32]), nodes: [node(1), node(2)], number }
}

fn random(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(Digest::of("seed", &[&seed.to_be_bytes()]).0)
}

/// Plays a tick; returns seals and reveals.
fn play(choices: [Choice; 2], seed: u64) -> ([Bytes; 2], [Bytes; 2]) {
    let (tick, mut random) = (tick(1), random(seed));
    let (giver, giver_seal) = DhAnd.seal(&tick, Side::Giver, choices[0], &mut random);
    let (taker, taker_seal) = DhAnd.seal(&tick, Side::Taker, choices[1], &mut random);
    let seals = [giver_seal.as_ref(), taker_seal.as_ref()];
    assert!(DhAnd.are_seals(&tick, seals));
    let giver = DhAnd.reveal(&tick, Side::Giver, giver, seals, &mut random).unwrap();
    let taker = DhAnd.reveal(&tick, Side::Taker, taker, seals, &mut random).unwrap();
    assert!(DhAnd.is_reveal(&tick, Side::Giver, seals, &giver), "seed {seed}");
    assert!(DhAnd.is_reveal(&tick, Side::Taker, seals, &taker), "seed {seed}");
    ([giver_seal.clone(), taker_seal.clone()], [giver, taker])
}

#[test]
fn both_is_yes_and_yes_and_nothing_else() {
    // TRANSFER-3
    for seed in 0..250 {
        for giver in CHOICES {
            for taker in CHOICES {
                let (_, [one, two]) = play([giver, taker], seed);
                let both = giver == Choice::Yes && taker == Choice::Yes;
                assert_eq!(DhAnd.both([&one, &two]), both, "seed {seed}: {giver:?} {taker:?}");
            }
        }
    }
}

#[test]
fn no_byte_of_a_seal_or_reveal_can_be_changed() {
    for choices in [[Choice::Yes; 2], [Choice::Yes, Choice::NotYes], [Choice::NotYes; 2]] {
        let ([giver_seal, taker_seal], [giver, _]) = play(choices, 3);
        assert_eq!((giver_seal.len(), giver.len()), (160, 192));
        let seals = [giver_seal.as_ref(), taker_seal.as_ref()];
        for at in 0..giver_seal.len() {
            let mut bent = giver_seal.to_vec();
            bent[at] ^= 1 << (at % 8);
            assert!(!DhAnd.are_seals(&tick(1), [&bent, &taker_seal]), "byte {at}");
        }
        for at in 0..giver.len() {
            let mut bent = giver.to_vec();
            bent[at] ^= 1 << (at % 8);
            assert!(!DhAnd.is_reveal(&tick(1), Side::Giver, seals, &bent), "byte {at}");
        }
        let longer = [giver.as_ref(), &[0]].concat();
        assert!(!DhAnd.is_reveal(&tick(1), Side::Giver, seals, &longer));
        assert!(!DhAnd.is_reveal(&tick(1), Side::Giver, seals, &giver[..191]));
        assert!(!DhAnd.are_seals(&tick(1), [&[], &[]]));
    }
}

#[test]
fn what_was_said_elsewhere_or_by_the_other_side_is_refused() {
    let ([giver_seal, taker_seal], [giver, taker]) = play([Choice::Yes; 2], 4);
    let seals = [giver_seal.as_ref(), taker_seal.as_ref()];
    // Another tick, other terms, other nodes.
    let mut others = [tick(2), tick(1), tick(1)];
    others[1].terms = Digest([8; 32]);
    others[2].nodes.swap(0, 1);
    for other in others {
        assert!(!DhAnd.are_seals(&other, seals));
        assert!(!DhAnd.is_reveal(&other, Side::Giver, seals, &giver));
    }
    // Copies of what the other side said.
    assert!(!DhAnd.are_seals(&tick(1), [&giver_seal, &giver_seal]));
    assert!(!DhAnd.are_seals(&tick(1), [&taker_seal, &giver_seal]));
    assert!(!DhAnd.is_reveal(&tick(1), Side::Taker, seals, &giver));
    assert!(!DhAnd.is_reveal(&tick(1), Side::Giver, seals, &taker));
    // The other one's point under a proof of one's own.
    let ([giver_seal, taker_seal], [giver, taker]) = play([Choice::Yes, Choice::NotYes], 4);
    let seals = [giver_seal.as_ref(), taker_seal.as_ref()];
    let mut copied = taker.to_vec();
    copied[..32].copy_from_slice(&giver[..32]);
    assert!(!DhAnd.is_reveal(&tick(1), Side::Taker, seals, &copied));
    // The identity is nobody's point.
    let zero = vec![0; 160];
    assert!(!DhAnd.are_seals(&tick(1), [&zero, &taker_seal]));
}

#[test]
fn who_sealed_one_choice_cannot_reveal_the_other() {
    // TRANSFER-3: a hand that was changed between seal and reveal makes no proof.
    for sealed in CHOICES {
        let (tick, mut random) = (tick(1), random(5));
        let other = if sealed == Choice::Yes { Choice::NotYes } else { Choice::Yes };
        let (_, giver_seal) = DhAnd.seal(&tick, Side::Giver, sealed, &mut random);
        let (changed, _) = DhAnd.seal(&tick, Side::Giver, other, &mut random);
        let (_, taker_seal) = DhAnd.seal(&tick, Side::Taker, Choice::Yes, &mut random);
        let seals = [giver_seal.as_ref(), taker_seal.as_ref()];
        let reveal = DhAnd.reveal(&tick, Side::Giver, changed, seals, &mut random).unwrap();
        assert!(!DhAnd.is_reveal(&tick, Side::Giver, seals, &reveal));
    }
}

/// To the taker, who sealed no: every bit of what the giver says is as often set for yes as for not
/// yes. A coarse net, not a proof: that is the Diffie-Hellman assumption's.
#[test]
fn to_who_said_no_the_other_ones_bytes_look_alike() {
    // TRANSFER-3
    let runs = 500;
    let count = |giver: Choice| {
        let mut set = vec![0_u32; (160 + 192) * 8];
        for run in 0..runs {
            let seed = run + if giver == Choice::Yes { 1_000_000 } else { 0 };
            let ([seal, _], [reveal, _]) = play([giver, Choice::NotYes], seed);
            for (at, byte) in seal.iter().chain(reveal.iter()).enumerate() {
                for bit in 0..8 {
                    set[at * 8 + bit] += u32::from(byte >> bit & 1);
                }
            }
        }
        set
    };
    let (yes, no) = (count(Choice::Yes), count(Choice::NotYes));
    // Five deviations of a difference of two counts: 2,816 bits are looked at.
    let most = 5.0 * (2.0 * runs as f64 * 0.25).sqrt();
    for (bit, (yes, no)) in yes.iter().zip(&no).enumerate() {
        let off = (f64::from(*yes) - f64::from(*no)).abs();
        assert!(off <= most, "bit {bit}: {yes} and {no} of {runs}");
    }
}
