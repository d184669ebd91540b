//! Which pieces of a seed are here: a bit for each. Bound: 16 KiB for the largest seed.

/// A set of pieces of one seed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pieces {
    bits: Vec<u64>,
    count: u32,
    of: u32,
    /// All below are here.
    first_open: u32,
}

impl Pieces {
    /// None of so many.
    pub fn none(of: u32) -> Self {
        Self { bits: vec![0; of.div_ceil(64) as usize], count: 0, of, first_open: 0 }
    }

    /// Returns how many are here.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Says whether none is here.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Says whether all are here.
    pub fn is_all(&self) -> bool {
        self.count == self.of
    }

    /// Says whether one is here.
    pub fn has(&self, index: u32) -> bool {
        let word = self.bits.get(index as usize / 64);
        index < self.of && word.is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Adds one. Says whether it is new.
    pub fn add(&mut self, index: u32) -> bool {
        if self.of <= index || self.has(index) {
            return false;
        }
        if let Some(word) = self.bits.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
        self.count += 1;
        while self.has(self.first_open) {
            self.first_open += 1;
        }
        true
    }

    /// Returns those that are not here, from the first on.
    pub fn missing(&self) -> impl Iterator<Item = u32> {
        (self.first_open..self.of).filter(|index| !self.has(*index))
    }
}
