//! The first bits of a key.

use wire::Digest;

/// All keys that begin with these bits.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Prefix {
    key: Digest,
    bits: u16,
}

impl Prefix {
    /// Every key.
    pub const ALL: Self = Self { key: Digest([0; 32]), bits: 0 };

    /// The first `bits` bits of `key`; at most 256.
    pub fn new(key: &Digest, bits: u16) -> Self {
        let bits = bits.min(256);
        let mut key = *key;
        for (byte, before) in key.0.iter_mut().zip((0..).step_by(8)) {
            let kept = u32::from(bits.saturating_sub(before)).min(8);
            *byte &= !(0xff_u8.checked_shr(kept).unwrap_or(0));
        }
        Self { key, bits }
    }

    /// Returns the bits, followed by zeros.
    pub fn key(&self) -> &Digest {
        &self.key
    }

    /// Returns how many bits count.
    pub fn bits(&self) -> u16 {
        self.bits
    }

    /// Says whether a key begins with these bits.
    pub fn covers(&self, key: &Digest) -> bool {
        Self::new(key, self.bits) == *self
    }

    /// Says whether every key under `other` lies under this prefix too.
    pub fn includes(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.covers(&other.key)
    }
}

/// Returns bit `at` of a key, counted from the most significant.
pub(crate) fn bit(key: &Digest, at: u8) -> usize {
    usize::from(key.0[usize::from(at / 8)] >> (7 - at % 8) & 1)
}

/// Returns the first bit in which two keys differ.
pub(crate) fn first_difference(a: &Digest, b: &Digest) -> Option<u8> {
    let at = a.0.iter().zip(&b.0).position(|(a, b)| a != b)?;
    let within = (a.0[at] ^ b.0[at]).leading_zeros();
    u8::try_from(at * 8).ok()?.checked_add(u8::try_from(within).ok()?)
}
