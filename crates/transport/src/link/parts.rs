//! Frames in parts, so that an urgent one need not wait for the end of a large one.
//!
//! A part is one Noise message in one WebSocket message, together at most 16 KiB: a head of one
//! byte, then bytes of a frame (LINK-3). The head says the class, which only the sender is harmed
//! by if it lies. Bound: one frame under way for each class.

use bytes::{BufMut as _, Bytes, BytesMut};
use lanes::PART_BYTES_MAX;
use wire::Class;
use wire::limits::FRAME_BYTES_MAX;

/// One part of a frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    pub(crate) head: u8,
    pub(crate) bytes: Bytes,
}

/// What follows a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// Nothing: it is the farewell.
    End,
    /// Perhaps another one.
    More,
}

/// A frame that has all its parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Whole {
    pub(crate) class: Class,
    pub(crate) bytes: Bytes,
    pub(crate) then: Then,
}

/// Parts that do not make a frame. Nothing more can be read from the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum PartError {
    #[error("a frame came after the farewell")]
    AfterEnd,
    #[error("a part of a frame has a head of no meaning")]
    Head,
    #[error("a part that is not the last of its frame is not full")]
    Short,
    #[error("a frame is larger than {FRAME_BYTES_MAX} bytes")]
    TooLarge,
}

/// What has come of the frames that are under way.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    begun: [BytesMut; 4],
    ended: bool,
}

impl Part {
    pub(crate) fn class(&self) -> Class {
        Class::ALL[usize::from(self.head & CLASS_BITS)]
    }

    /// Says whether it is the last of its frame.
    pub(crate) fn ends_frame(&self) -> bool {
        self.head & MORE_BIT == 0
    }

    /// What it counts for against bounds on bytes.
    pub(crate) fn cost_bytes(&self) -> usize {
        self.bytes.len() + OVERHEAD_BYTES
    }
}

/// Cuts a frame into full parts and a rest.
pub(crate) fn cut(class: Class, frame: &Bytes, then: Then) -> Vec<Part> {
    let end = match then {
        Then::End => END_BIT,
        Then::More => 0,
    };
    let head = u8::try_from(class.index()).unwrap_or(CLASS_BITS) | end;
    let count = frame.len().div_ceil(PART_BYTES_MAX).max(1);
    let part = |number: usize| {
        let from = number * PART_BYTES_MAX;
        let bytes = frame.slice(from..frame.len().min(from + PART_BYTES_MAX));
        let more = if number + 1 < count { MORE_BIT } else { 0 };
        Part { head: head | more, bytes }
    };
    (0..count).map(part).collect()
}

impl Joiner {
    /// Takes the next part; returns the frame that it completes.
    pub(crate) fn join(&mut self, part: Part) -> Result<Option<Whole>, PartError> {
        if part.head & !(CLASS_BITS | MORE_BIT | END_BIT) != 0 {
            return Err(PartError::Head);
        }
        if self.ended {
            return Err(PartError::AfterEnd);
        }
        let class = part.class();
        let begun = &mut self.begun[class.index()];
        if FRAME_BYTES_MAX < begun.len() + part.bytes.len() {
            return Err(PartError::TooLarge);
        }
        if !part.ends_frame() {
            if part.bytes.len() != PART_BYTES_MAX {
                return Err(PartError::Short);
            }
            begun.put(part.bytes);
            return Ok(None);
        }
        let bytes = if begun.is_empty() {
            part.bytes
        } else {
            begun.put(part.bytes);
            std::mem::take(begun).freeze()
        };
        let then = if part.head & END_BIT == 0 { Then::More } else { Then::End };
        self.ended = then == Then::End;
        Ok(Some(Whole { class, bytes, then }))
    }
}

const CLASS_BITS: u8 = 0b0000_0011;
/// The frame goes on in the next part of its class.
const MORE_BIT: u8 = 0b1000_0000;
/// Nothing follows this frame.
const END_BIT: u8 = 0b0100_0000;
/// What a part needs beside its bytes, rounded up: head, tag, WebSocket header and mask.
const OVERHEAD_BYTES: usize = 32;
