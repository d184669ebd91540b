//! DH-AND: a blind AND of two over ristretto255. NOT REVIEWED BY A CRYPTOGRAPHER.
//!
//! Seal: yes is `P = kG`; not yes is `P = C - kG`, with `C` a point nobody knows the logarithm of. Both are
//! uniform. Reveal: yes is `D = k P'` with `P'` the other one's seal; not yes is `D = wG`. Both said yes
//! iff both `D` are equal: `k k' G`. Proofs that one of two statements holds (Cramer, Damgard and
//! Schoenmakers, with Fiat and Shamir's hash) keep each side to what it sealed. Under the
//! decisional Diffie-Hellman assumption who does not know the logarithm of its own seal cannot tell
//! `k P'` from `wG`.
//!
//! Both branches are always computed and the result is chosen without a branch on the choice.

use bytes::Bytes;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest as _, Sha512};
use subtle::{Choice as Bit, ConditionallySelectable as _};
use wire::Side;
use zeroize::Zeroize as _;

use super::blind::{BlindAnd, Choice, Tick};

/// The protocol; it has no settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct DhAnd;

/// What a side keeps to itself. Wiped when dropped, never printed.
pub struct Hand {
    yes: Bit,
    secret: Scalar,
}

impl std::fmt::Debug for Hand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hand")
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.yes = Bit::from(0);
    }
}

impl BlindAnd for DhAnd {
    type Hand = Hand;

    fn seal(
        &self,
        tick: &Tick,
        side: Side,
        choice: Choice,
        random: &mut ChaCha20Rng,
    ) -> (Hand, Bytes) {
        let yes = Bit::from(u8::from(choice == Choice::Yes));
        let c = nobodys(tick);
        let secret = Scalar::random(random);
        let public = base(&secret);
        let seal = select(&(c - public), &public, yes);
        let targets = [seal, c - seal];
        // One of two logarithms is known: of the first for yes, else of the second.
        let (r, fake_e, fake_s) = (draw(random), draw(random), draw(random));
        let fake_target = select(&targets[0], &targets[1], yes);
        let (true_r, fake_r) = (base(&r), base(&fake_s) - fake_e * fake_target);
        let commits = [select(&fake_r, &true_r, yes), select(&true_r, &fake_r, yes)];
        let e = challenge("seal", tick, side, &[seal, commits[0], commits[1]]);
        let true_e = e - fake_e;
        let true_s = r + true_e * secret;
        let scalars = [
            pick(&fake_e, &true_e, yes),
            pick(&true_e, &fake_e, yes),
            pick(&fake_s, &true_s, yes),
            pick(&true_s, &fake_s, yes),
        ];
        (Hand { yes, secret }, join(&seal, &scalars))
    }

    fn are_seals(&self, tick: &Tick, seals: [&[u8]; 2]) -> bool {
        let is = |side: Side| is_seal(tick, side, seals[side.index()]);
        // A copy of the other one's seal could make its reveal look like both.
        let different = point(seals[0]) != point(seals[1]);
        different && is(Side::Giver) && is(Side::Taker)
    }

    fn reveal(
        &self,
        tick: &Tick,
        side: Side,
        hand: Hand,
        seals: [&[u8]; 2],
        random: &mut ChaCha20Rng,
    ) -> Option<Bytes> {
        let (mine, theirs) = (point(seals[side.index()])?, point(seals[side.other().index()])?);
        let c = nobodys(tick);
        let (yes, k, w) = (hand.yes, &hand.secret, draw(random));
        let d = select(&base(&w), &(k * theirs), yes);
        let [r, r2, fake_e, fake_s, fake_s2] = std::array::from_fn(|_| draw(random));
        // Yes: the same k makes the seal of G and D of the other seal. Not yes: k makes C - seal, w makes D.
        let true_yes = [base(&r), r * theirs];
        let fake_yes = [base(&fake_s) - fake_e * mine, fake_s * theirs - fake_e * d];
        let true_no = [base(&r), base(&r2)];
        let fake_no = [base(&fake_s) - fake_e * (c - mine), base(&fake_s2) - fake_e * d];
        let commits = [
            select(&fake_yes[0], &true_yes[0], yes),
            select(&fake_yes[1], &true_yes[1], yes),
            select(&true_no[0], &fake_no[0], yes),
            select(&true_no[1], &fake_no[1], yes),
        ];
        let e = challenge_reveal(tick, side, [&mine, &theirs], &d, &commits);
        let true_e = e - fake_e;
        let true_s = r + true_e * k;
        let true_s2 = r2 + true_e * w;
        let scalars = [
            pick(&fake_e, &true_e, yes),
            pick(&true_e, &fake_e, yes),
            pick(&fake_s, &true_s, yes),
            pick(&true_s, &fake_s, yes),
            pick(&true_s2, &fake_s2, yes),
        ];
        Some(join(&d, &scalars))
    }

    fn is_reveal(&self, tick: &Tick, side: Side, seals: [&[u8]; 2], reveal: &[u8]) -> bool {
        let pair = (point(seals[side.index()]), point(seals[side.other().index()]));
        let (Some(mine), Some(theirs)) = pair else { return false };
        let Some((d, [e_yes, e_no, s, s1, s2])) = split::<5>(reveal) else { return false };
        let c = nobodys(tick);
        let commits = [
            base(&s) - e_yes * mine,
            s * theirs - e_yes * d,
            base(&s1) - e_no * (c - mine),
            base(&s2) - e_no * d,
        ];
        let e = challenge_reveal(tick, side, [&mine, &theirs], &d, &commits);
        !d.is_identity() && e == e_yes + e_no
    }

    fn both(&self, reveals: [&[u8]; 2]) -> bool {
        let (one, two) = (point(reveals[0]), point(reveals[1]));
        one.is_some() && one == two
    }
}

fn is_seal(tick: &Tick, side: Side, seal: &[u8]) -> bool {
    let Some((seal, [e0, e1, s0, s1])) = split::<4>(seal) else { return false };
    let c = nobodys(tick);
    let commits = [base(&s0) - e0 * seal, base(&s1) - e1 * (c - seal)];
    let e = challenge("seal", tick, side, &[seal, commits[0], commits[1]]);
    let degenerate = seal.is_identity() || (c - seal).is_identity();
    !degenerate && e == e0 + e1
}

/// A point whose logarithm nobody knows, another one for each tick.
fn nobodys(tick: &Tick) -> RistrettoPoint {
    let hash = Sha512::new_with_prefix(LABEL).chain_update(b"point\0").chain_update(tick.bytes());
    RistrettoPoint::from_uniform_bytes(&hash.finalize().into())
}

fn challenge_reveal(
    tick: &Tick,
    side: Side,
    seals: [&RistrettoPoint; 2],
    d: &RistrettoPoint,
    commits: &[RistrettoPoint; 4],
) -> Scalar {
    let [a, b, c, e] = commits;
    challenge("reveal", tick, side, &[*seals[0], *seals[1], *d, *a, *b, *c, *e])
}

/// The hash of all that a proof speaks of: every part has a fixed length.
fn challenge(round: &str, tick: &Tick, side: Side, points: &[RistrettoPoint]) -> Scalar {
    let side = [u8::try_from(side.index()).unwrap_or(0)];
    let hash = Sha512::new_with_prefix(LABEL).chain_update(round).chain_update([0]);
    let hash = hash.chain_update(tick.bytes()).chain_update(side);
    let hash = points.iter().fold(hash, |hash, it| hash.chain_update(it.compress().as_bytes()));
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn base(scalar: &Scalar) -> RistrettoPoint {
    RISTRETTO_BASEPOINT_TABLE * scalar
}

fn draw(random: &mut ChaCha20Rng) -> Scalar {
    Scalar::random(random)
}

/// Returns the second where `bit` is set, in constant time.
fn select(no: &RistrettoPoint, yes: &RistrettoPoint, bit: Bit) -> RistrettoPoint {
    RistrettoPoint::conditional_select(no, yes, bit)
}

fn pick(no: &Scalar, yes: &Scalar, bit: Bit) -> Scalar {
    Scalar::conditional_select(no, yes, bit)
}

fn join(point: &RistrettoPoint, scalars: &[Scalar]) -> Bytes {
    let mut bytes = point.compress().to_bytes().to_vec();
    scalars.iter().for_each(|it| bytes.extend_from_slice(it.as_bytes()));
    bytes.into()
}

/// Reads a point and scalars in their only form, and nothing behind them.
fn split<const N: usize>(bytes: &[u8]) -> Option<(RistrettoPoint, [Scalar; N])> {
    if bytes.len() != 32 * (N + 1) {
        return None;
    }
    let mut scalars = [Scalar::ZERO; N];
    for (scalar, bytes) in scalars.iter_mut().zip(bytes[32..].as_chunks::<32>().0) {
        *scalar = Option::from(Scalar::from_canonical_bytes(*bytes))?;
    }
    Some((point(bytes)?, scalars))
}

/// Reads the point that bytes begin with; the identity is none of anybody's.
fn point(bytes: &[u8]) -> Option<RistrettoPoint> {
    let point = CompressedRistretto::from_slice(bytes.get(..32)?).ok()?.decompress()?;
    (point != RistrettoPoint::identity()).then_some(point)
}

const LABEL: &[u8] = b"trellis-transfer-and-v1\0";
