//! HPKE (RFC 9180) in base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305. Who wrote is signed inside.

use bytes::Bytes;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_chacha::ChaCha20Rng;

/// A key for one letter. The private half is wiped when dropped and never printed.
pub(crate) struct Pair {
    private: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: [u8; 32],
}

impl Pair {
    pub(crate) fn draw(random: &mut ChaCha20Rng) -> Self {
        let (private, public) = X25519HkdfSha256::gen_keypair_with_rng(random);
        Self { private, public: public.to_bytes().into() }
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Opens what was sealed to the public half; `None` if it was not, or not with this `info`.
    pub(crate) fn open(&self, info: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (key, bytes) = sealed.split_at_checked(KEY_BYTES)?;
        let key = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(key).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &key,
            info,
            bytes,
            &[],
        )
        .ok()
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair")
    }
}

/// Seals bytes; `None` where the key is none.
pub(crate) fn seal(
    public: &[u8; 32],
    info: &[u8],
    bytes: &[u8],
    random: &mut ChaCha20Rng,
) -> Option<Bytes> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).ok()?;
    let (key, sealed) = hpke::single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &public, info, bytes, &[], random)
    .ok()?;
    let mut all = key.to_bytes().to_vec();
    all.extend_from_slice(&sealed);
    Some(all.into())
}

/// What stands before the sealed bytes.
const KEY_BYTES: usize = 32;
