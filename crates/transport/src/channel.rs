//! The encrypted channel inside a link: Noise XX, bound to the node keys by [`wire::Proof`].
//!
//! One part of a frame is one Noise message in one WebSocket message (LINK-3). Noise counts its
//! messages, so none can be left out, doubled or moved.

use std::sync::Arc;

use bytes::Bytes;
use lanes::PART_BYTES_MAX;
use snow::{Builder, HandshakeState, Keypair, StatelessTransportState};

use crate::link::parts::Part;

/// The channel's own static key. Fresh in each process: the node key proves it in the handshake.
pub(crate) struct StaticKey(Keypair);

/// A handshake under way, either side.
pub(crate) struct Handshake {
    noise: HandshakeState,
}

/// The half of a channel that encrypts.
pub(crate) struct Sealer {
    noise: Arc<StatelessTransportState>,
    nonce: u64,
}

/// The half of a channel that decrypts.
pub(crate) struct Opener {
    noise: Arc<StatelessTransportState>,
    nonce: u64,
}

/// Bytes that do not belong on this channel. Nothing more can be read from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("what arrived does not decrypt")]
    Decrypt,
    #[error("a part of a frame has no head")]
    Empty,
    #[error("a part of a frame is larger than {PART_BYTES_MAX} bytes")]
    TooLarge,
}

impl StaticKey {
    pub(crate) fn generate() -> Self {
        Self(
            builder().generate_keypair().expect("the system's randomness and the one curve we use"),
        )
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.public.as_slice().try_into().expect("an X25519 key has 32 bytes")
    }

    pub(crate) fn initiate(&self) -> Handshake {
        let noise = self.builder().build_initiator().expect("XX needs only the local key");
        Handshake { noise }
    }

    pub(crate) fn respond(&self) -> Handshake {
        let noise = self.builder().build_responder().expect("XX needs only the local key");
        Handshake { noise }
    }

    fn builder(&self) -> Builder<'_> {
        builder().local_private_key(&self.0.private).expect("set once")
    }
}

impl Handshake {
    /// Writes the next message around `payload`.
    pub(crate) fn write(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HANDSHAKE_OVERHEAD_MAX + payload.len()];
        let size = self
            .noise
            .write_message(payload, &mut message)
            .expect("a proof fits, and it is our turn in the fixed order of XX");
        message.truncate(size);
        message
    }

    /// Reads the other side's message and returns its payload.
    pub(crate) fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut payload = vec![0; message.len().min(NOISE_BYTES_MAX)];
        let size =
            self.noise.read_message(message, &mut payload).map_err(|_| ChannelError::Decrypt)?;
        payload.truncate(size);
        Ok(payload)
    }

    /// Returns the other side's static key, once it has been read.
    pub(crate) fn remote_static(&self) -> Option<[u8; 32]> {
        self.noise.get_remote_static()?.try_into().ok()
    }

    pub(crate) fn finish(self) -> Result<(Sealer, Opener), ChannelError> {
        let noise = self.noise.into_stateless_transport_mode();
        let noise = Arc::new(noise.map_err(|_| ChannelError::Decrypt)?);
        Ok((Sealer { noise: noise.clone(), nonce: 0 }, Opener { noise, nonce: 0 }))
    }
}

impl Sealer {
    /// Encrypts one part of a frame.
    pub(crate) fn seal(&mut self, part: &Part) -> Result<Bytes, ChannelError> {
        if PART_BYTES_MAX < part.bytes.len() {
            return Err(ChannelError::TooLarge);
        }
        let mut plain = Vec::with_capacity(HEAD_BYTES + part.bytes.len());
        plain.push(part.head);
        plain.extend_from_slice(&part.bytes);
        let mut message = vec![0; plain.len() + TAG_BYTES];
        let sealed = self.noise.write_message(self.nonce, &plain, &mut message);
        sealed.expect("the room was computed above, and nonces do not run out");
        self.nonce += 1;
        Ok(message.into())
    }
}

impl Opener {
    /// Decrypts one part of a frame.
    pub(crate) fn open(&mut self, message: &[u8]) -> Result<Part, ChannelError> {
        if MESSAGE_BYTES_MAX < message.len() {
            return Err(ChannelError::TooLarge);
        }
        let Some(size) = message.len().checked_sub(TAG_BYTES) else {
            return Err(ChannelError::Decrypt);
        };
        let mut plain = vec![0; size];
        let opened = self.noise.read_message(self.nonce, message, &mut plain);
        opened.map_err(|_| ChannelError::Decrypt)?;
        self.nonce += 1;
        let plain = Bytes::from(plain);
        let head = *plain.first().ok_or(ChannelError::Empty)?;
        Ok(Part { head, bytes: plain.slice(HEAD_BYTES..) })
    }
}

fn builder() -> Builder<'static> {
    Builder::new(PATTERN.parse().expect("the name of a pattern this library has"))
}

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// The most Noise allows in one message.
const NOISE_BYTES_MAX: usize = 65_535;
const TAG_BYTES: usize = 16;
/// Class, and what follows.
const HEAD_BYTES: usize = 1;
/// Two keys and two tags.
const HANDSHAKE_OVERHEAD_MAX: usize = 2 * 32 + 2 * TAG_BYTES;
/// The largest part, encrypted.
pub(crate) const MESSAGE_BYTES_MAX: usize = HEAD_BYTES + PART_BYTES_MAX + TAG_BYTES;
