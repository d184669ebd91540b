//! Names of 64 bits under a key, so that nobody can choose how names relate.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// Both sides' randomness of one exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// Drawn by who asks.
    pub asker: u64,
    /// Drawn by who answers; 0 as long as it has not.
    pub answerer: u64,
}

impl Key {
    /// Names something.
    pub fn id(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.asker, self.answerer);
        hasher.write(bytes);
        hasher.finish()
    }
}
