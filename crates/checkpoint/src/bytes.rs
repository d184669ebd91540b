//! Reading and writing the canonical encoding: fixed order, big endian, nothing optional.

use wire::Digest;

use crate::CheckpointError;

/// What is left to be read.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Begins; what is longer than `max` is not looked at.
    pub(crate) fn new(
        bytes: &'a [u8],
        max: usize,
        what: &'static str,
    ) -> Result<Self, CheckpointError> {
        if max < bytes.len() {
            return Err(CheckpointError::Malformed(what));
        }
        Ok(Self { bytes, what })
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CheckpointError> {
        let (first, rest) = self.bytes.split_first_chunk().ok_or(self.malformed())?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, CheckpointError> {
        Ok(Digest(self.array()?))
    }

    pub(crate) fn number(&mut self) -> Result<u64, CheckpointError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn short(&mut self) -> Result<u16, CheckpointError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CheckpointError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Reads a length of two bytes and so many bytes after it.
    pub(crate) fn part(&mut self) -> Result<&'a [u8], CheckpointError> {
        let len = usize::from(self.short()?);
        let (part, rest) = self.bytes.split_at_checked(len).ok_or(self.malformed())?;
        self.bytes = rest;
        Ok(part)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Ends; bytes that are left are no part of it.
    pub(crate) fn end(self) -> Result<(), CheckpointError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    pub(crate) fn malformed(&self) -> CheckpointError {
        CheckpointError::Malformed(self.what)
    }
}

/// Writes a part with its length before it; parts are shorter than 64 KiB by their own bounds.
pub(crate) fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    let len = u16::try_from(part.len()).expect("parts are bounded below 64 KiB");
    out.extend(len.to_be_bytes());
    out.extend(part);
}
