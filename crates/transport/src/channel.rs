//! The encrypted channel inside a link: Noise XX, bound to the node keys by [`wire::Proof`].
//!
//! One frame is one WebSocket message: a sequence of Noise messages, all but the last full
//! (LINK-3). The
//! border between two WebSocket messages is not authenticated, but a frame moved across it fails
//! to decrypt or to decode: Noise counts its messages, and a frame's schema begins with its length.

use std::sync::Arc;

use bytes::Bytes;
use snow::{Builder, HandshakeState, Keypair, StatelessTransportState};
use wire::limits::FRAME_BYTES_MAX;

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
    #[error("a frame is larger than {FRAME_BYTES_MAX} bytes")]
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
    /// Encrypts one frame.
    pub(crate) fn seal(&mut self, frame: &[u8]) -> Result<Bytes, ChannelError> {
        if FRAME_BYTES_MAX < frame.len() {
            return Err(ChannelError::TooLarge);
        }
        let parts = frame.len().div_ceil(PLAIN_BYTES_MAX).max(1);
        let mut message = vec![0; frame.len() + parts * TAG_BYTES];
        let mut at = 0;
        for part in 0..parts {
            let from = part * PLAIN_BYTES_MAX;
            let plain = &frame[from..frame.len().min(from + PLAIN_BYTES_MAX)];
            let sealed = self.noise.write_message(self.nonce, plain, &mut message[at..]);
            at += sealed.expect("the room was computed above, and nonces do not run out");
            self.nonce += 1;
        }
        Ok(message.into())
    }
}

impl Opener {
    /// Decrypts one frame.
    pub(crate) fn open(&mut self, message: &[u8]) -> Result<Bytes, ChannelError> {
        if MESSAGE_BYTES_MAX < message.len() {
            return Err(ChannelError::TooLarge);
        }
        if message.is_empty() {
            return Err(ChannelError::Decrypt);
        }
        let mut frame = vec![0; message.len()];
        let mut at = 0;
        for part in message.chunks(NOISE_BYTES_MAX) {
            let opened = self.noise.read_message(self.nonce, part, &mut frame[at..]);
            at += opened.map_err(|_| ChannelError::Decrypt)?;
            self.nonce += 1;
        }
        frame.truncate(at);
        Ok(frame.into())
    }
}

fn builder() -> Builder<'static> {
    Builder::new(PATTERN.parse().expect("the name of a pattern this library has"))
}

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// The most Noise allows in one message.
const NOISE_BYTES_MAX: usize = 65_535;
const TAG_BYTES: usize = 16;
/// Plaintext of a full message.
const PLAIN_BYTES_MAX: usize = NOISE_BYTES_MAX - TAG_BYTES;
/// Two keys and two tags.
const HANDSHAKE_OVERHEAD_MAX: usize = 2 * 32 + 2 * TAG_BYTES;
/// The largest frame, encrypted.
const MESSAGE_BYTES_MAX: usize =
    FRAME_BYTES_MAX + FRAME_BYTES_MAX.div_ceil(PLAIN_BYTES_MAX) * TAG_BYTES;
