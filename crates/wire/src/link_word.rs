//! What the two ends of a libp2p link say of the link itself: its beginning and its end.

use bytes::Bytes;
use prost::Message as _;

use crate::record::check_count;
use crate::{NetworkId, WireError, generated, limits};

/// One word on the stream of the link (LIBP2P-3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkWord {
    /// The first: which network the link is for.
    Opening(NetworkId),
    /// The last.
    Closing(Closing),
}

/// Why a link ends, and the last frame on it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Closing {
    /// As a WebSocket close code.
    pub code: u16,
    /// For a human.
    pub reason: String,
    /// The last frame, if there is one.
    pub farewell: Option<Bytes>,
}

impl LinkWord {
    /// Encodes it; a reason that is too long is cut.
    pub fn encode(&self) -> Vec<u8> {
        use generated::link_word::Word;
        let word = match self {
            Self::Opening(network) => {
                Word::Opening(generated::Opening { network: Bytes::copy_from_slice(&network.0) })
            }
            Self::Closing(closing) => Word::Closing(generated::Closing {
                code: closing.code.into(),
                reason: cut(&closing.reason),
                farewell: closing.farewell.clone().unwrap_or_default(),
            }),
        };
        generated::LinkWord { word: Some(word) }.encode_to_vec()
    }

    /// Reads what [`LinkWord::encode`] wrote.
    pub fn decode(bytes: Bytes) -> Result<Self, WireError> {
        use generated::link_word::Word;
        check_count("link word bytes", bytes.len(), LINK_WORD_BYTES_MAX)?;
        let schema = generated::LinkWord::decode(bytes)
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        match schema.word.ok_or(WireError::Field("word"))? {
            Word::Opening(opening) => {
                let network = NetworkId::from_slice(&opening.network);
                Ok(Self::Opening(network.ok_or(WireError::Field("network"))?))
            }
            Word::Closing(closing) => {
                check_count("reason bytes", closing.reason.len(), limits::TEXT_BYTES_MAX)?;
                let code = u16::try_from(closing.code).map_err(|_| WireError::Field("code"))?;
                let farewell = Some(closing.farewell).filter(|it| !it.is_empty());
                Ok(Self::Closing(Closing { code, reason: closing.reason, farewell }))
            }
        }
    }
}

fn cut(reason: &str) -> String {
    let mut end = reason.len().min(limits::TEXT_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

/// The last frame, a reason, and what is around them.
pub const LINK_WORD_BYTES_MAX: usize = limits::FRAME_BYTES_MAX + limits::TEXT_BYTES_MAX + 32;
