//! One coded symbol: some ids at once.

use crate::places::mix;

/// The ids in one place of a set, or of the difference of two.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Symbol {
    /// All ids, one upon the other.
    pub sum: u64,
    /// Their checks, the same way.
    pub check: u32,
    /// How many, the lowest eight bits: an id that is alone is told by its check, and whose it is by
    /// one or minus one.
    pub count: i8,
}

/// Says on which side an id is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Mine,
    Theirs,
}

impl Symbol {
    /// Reads symbols; bytes that make no whole one are left out.
    pub fn read(bytes: &[u8]) -> Vec<Self> {
        let (symbols, _rest) = bytes.as_chunks::<SYMBOL_BYTES>();
        let read = |it: &[u8; SYMBOL_BYTES]| Self {
            sum: u64::from_le_bytes([it[0], it[1], it[2], it[3], it[4], it[5], it[6], it[7]]),
            check: u32::from_le_bytes([it[8], it[9], it[10], it[11]]),
            count: i8::from_le_bytes([it[12]]),
        };
        symbols.iter().map(read).collect()
    }

    /// Writes symbols, [`SYMBOL_BYTES`] each.
    pub fn write(symbols: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(symbols.len() * SYMBOL_BYTES);
        for symbol in symbols {
            bytes.extend_from_slice(&symbol.sum.to_le_bytes());
            bytes.extend_from_slice(&symbol.check.to_le_bytes());
            bytes.extend_from_slice(&symbol.count.to_le_bytes());
        }
        bytes
    }

    /// Puts an id in.
    pub(crate) fn add(&mut self, id: u64, check: u32) {
        self.sum ^= id;
        self.check ^= check;
        self.count = self.count.wrapping_add(1);
    }

    /// Takes an id of one side out of a difference.
    pub(crate) fn take(&mut self, id: u64, side: Side) {
        self.sum ^= id;
        self.check ^= check_of(id);
        self.count = match side {
            Side::Mine => self.count.wrapping_add(1),
            Side::Theirs => self.count.wrapping_sub(1),
        };
    }

    /// Takes our symbol out of a peer's: what is left is what only one side has.
    pub(crate) fn without(&self, mine: &Self) -> Self {
        Self {
            sum: self.sum ^ mine.sum,
            check: self.check ^ mine.check,
            count: self.count.wrapping_sub(mine.count),
        }
    }

    /// Says whose id is alone here, if one is.
    pub(crate) fn alone(&self) -> Option<Side> {
        let side = match self.count {
            1 => Side::Theirs,
            -1 => Side::Mine,
            _ => return None,
        };
        (check_of(self.sum) == self.check).then_some(side)
    }
}

/// Returns what a symbol knows an id again by.
pub(crate) fn check_of(id: u64) -> u32 {
    u32::try_from(mix(id ^ CHECK) >> 32).unwrap_or(0)
}

/// One symbol on the wire.
pub const SYMBOL_BYTES: usize = 13;
/// So that checks have nothing to do with places.
const CHECK: u64 = 0x5ca1_ab1e_0dd5_ca1e;
