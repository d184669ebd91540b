//! Bytes as hexadecimal digits: written in small letters, read in any.

use std::fmt;

/// Shows bytes as digits, two for each.
#[derive(Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl Hex<'_> {
    /// Reads digits; `None` where they are none, or an odd number of them.
    pub fn read(text: &str) -> Option<Vec<u8>> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        bytes.filter(|_| rest.is_empty())
    }

    /// Reads exactly so many bytes.
    pub fn read_array<const N: usize>(text: &str) -> Option<[u8; N]> {
        if text.len() != 2 * N {
            return None;
        }
        Self::read(text)?.try_into().ok()
    }
}

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
