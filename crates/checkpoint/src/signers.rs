//! Who signed: one bit for each attester, in the order of the committee.

use crate::CheckpointError;
use crate::bytes::{Reader, put_part};
use crate::committee::COMMITTEE_MAX;

/// Numbers of attesters. Canonical: the last byte is not zero.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Signers(Vec<u8>);

impl Signers {
    /// Takes numbers in any order.
    pub fn new(numbers: impl Iterator<Item = u16>) -> Self {
        let mut bits = Vec::new();
        for number in numbers.map(usize::from).filter(|number| *number < COMMITTEE_MAX) {
            if bits.len() <= number / 8 {
                bits.resize(number / 8 + 1, 0);
            }
            bits[number / 8] |= 1 << (number % 8);
        }
        Self(bits)
    }

    /// Returns the numbers, rising.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        let bits = self.0.iter().zip((0..).step_by(8));
        bits.flat_map(|(byte, first)| {
            (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| first + bit)
        })
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Says whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_part(out, &self.0);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CheckpointError> {
        let bits = reader.part()?;
        if COMMITTEE_MAX / 8 < bits.len() || bits.last() == Some(&0) {
            return Err(reader.malformed());
        }
        Ok(Self(bits.to_vec()))
    }
}
