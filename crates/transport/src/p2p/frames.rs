//! Messages on one stream, each after its length as a varint, as Protocol Buffers do it.
//!
//! Bound: the largest message; its memory grows with what has arrived, not with what was promised.

use std::io;
use std::pin::Pin;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{AsyncRead, AsyncReadExt as _};

/// Reads messages.
pub(crate) struct Messages<S> {
    stream: S,
    bytes_max: usize,
    buffer: BytesMut,
    /// How much is asked for at once.
    read_bytes: usize,
}

/// Why there is no further message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the connection was lost: {0}")]
    Lost(#[from] io::Error),
    #[error("a message has a length that is no number of three bytes")]
    Length,
    #[error("a message is larger than {0} bytes")]
    TooLarge(usize),
    #[error("what came is no word of a link: {0}")]
    NoWord(String),
    #[error("a stream ended within a message")]
    Unfinished,
}

impl<S: AsyncRead + Unpin> Messages<S> {
    pub(crate) fn new(stream: S, bytes_max: usize) -> Self {
        Self { stream, bytes_max, buffer: BytesMut::new(), read_bytes: READ_BYTES_MIN }
    }

    /// Reads the next message; `None` at the end of the stream. May not be dropped half way.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, MessageError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.read().await? == 0 {
                let ended = self.buffer.is_empty();
                return if ended { Ok(None) } else { Err(MessageError::Unfinished) };
            }
        }
    }

    /// Cuts a message off what has arrived.
    fn take(&mut self) -> Result<Option<Bytes>, MessageError> {
        let Some((size, prefix)) = read_length(&self.buffer)? else { return Ok(None) };
        if self.bytes_max < size {
            return Err(MessageError::TooLarge(self.bytes_max));
        }
        if self.buffer.len() < prefix + size {
            return Ok(None);
        }
        let message = if size < COPIED_BYTES_MAX {
            // A small message must not hold all that came with it.
            let copy = Bytes::copy_from_slice(&self.buffer[prefix..prefix + size]);
            let _rest = self.buffer.split_to(prefix + size);
            copy
        } else {
            self.buffer.split_to(prefix + size).freeze().slice(prefix..)
        };
        Ok(Some(message))
    }

    async fn read(&mut self) -> io::Result<usize> {
        let have = self.buffer.len();
        if have == 0 && self.read_bytes == READ_BYTES_MIN {
            // A burst is over: most links are quiet most of the time.
            self.buffer = BytesMut::new();
        }
        self.buffer.resize(have + self.read_bytes, 0);
        let read = Pin::new(&mut self.stream).read(&mut self.buffer[have..]).await;
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(have + count);
        self.read_bytes = if count == self.read_bytes {
            (2 * self.read_bytes).min(READ_BYTES_MAX)
        } else {
            READ_BYTES_MIN.max(self.read_bytes / 2)
        };
        read
    }
}

/// Puts the length before a message.
pub(crate) fn prefixed(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(message.len() + PREFIX_BYTES_MAX);
    let mut rest = message.len();
    while 0x7f < rest {
        bytes.put_u8(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    bytes.put_u8(low_bits(rest));
    bytes.put_slice(message);
    bytes.freeze()
}

/// Reads a length and says how many bytes it takes itself; `None` while it is not all there.
fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, MessageError> {
    let mut size = 0;
    for (at, byte) in bytes.iter().take(PREFIX_BYTES_MAX).enumerate() {
        size |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((size, at + 1)));
        }
    }
    if bytes.len() < PREFIX_BYTES_MAX { Ok(None) } else { Err(MessageError::Length) }
}

/// Returns how many bytes of a frame's beginning are its length.
pub(crate) fn prefix_bytes(bytes: &[u8]) -> usize {
    read_length(bytes).ok().flatten().map_or(0, |(_, prefix)| prefix)
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// Enough for 2 MiB; no message of ours is as large.
const PREFIX_BYTES_MAX: usize = 3;
/// One read of a quiet stream, and of one that is not: every link has five.
const READ_BYTES_MIN: usize = 512;
const READ_BYTES_MAX: usize = 16 * 1024;
/// Messages below are copied.
const COPIED_BYTES_MAX: usize = 4 * 1024;
