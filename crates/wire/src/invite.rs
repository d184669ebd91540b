//! An invitation: the link that carries it, and what the two sides say when it is taken up (INVITE).
//!
//! Whoever holds the link holds its secret. Both sides sign with their node keys, so that nobody can stand between
//! them, and both humans see the same words, so that a link that somebody else took up is noticed.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use bip39::Language;
use prost::Message as _;

use crate::{Address, Digest, Identity, NetworkId, NodeId, WireError, generated, limits};

/// What a link says (INVITE-1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invite {
    /// Who invites.
    pub inviter: NodeId,
    /// The network it is for.
    pub network: NetworkId,
    /// Whoever knows it may come, once.
    pub secret: [u8; 16],
    /// Until when, unix seconds.
    pub expires_s: u64,
    /// Where the inviter is, best first.
    pub addresses: Vec<Address>,
}

/// What the invited one says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Knock {
    /// Which invitation: see [`Invite::name`].
    pub invite: Digest,
    /// Who comes.
    pub node: NodeId,
    /// Drawn for this knock.
    pub nonce: [u8; 16],
    /// Shows that the secret is known, without saying it.
    pub proof: Digest,
    /// Made with the node's key.
    pub signature: [u8; 64],
}

/// How far it is (INVITE-3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The human who invites has not decided yet.
    Waiting,
    /// No.
    Refused,
    /// Come in.
    Welcome,
}

/// What the inviter answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Drawn for this guest.
    pub nonce: [u8; 16],
    /// How far it is.
    pub step: Step,
    /// The network file, with [`Step::Welcome`].
    pub network_file: Option<String>,
    /// Made with the inviter's key over all of it and what was asked.
    pub signature: [u8; 64],
}

impl Invite {
    /// Returns its name, which tells nothing of the secret.
    pub fn name(&self) -> Digest {
        name_of(&self.secret)
    }

    /// Returns what both humans read aloud: the same only if each talks to the other (INVITE-4).
    pub fn words(&self, knock: &Knock, reply_nonce: &[u8; 16]) -> [&'static str; 4] {
        let (inviter, node) = (self.inviter.as_bytes(), knock.node.as_bytes());
        let parts: [&[u8]; 5] = [&self.secret, inviter, node, &knock.nonce, reply_nonce];
        let digest = Digest::of("trellis-invite-words-v1", &parts);
        let list = Language::English.word_list();
        std::array::from_fn(|at| {
            let number = u16::from_be_bytes([digest.0[2 * at], digest.0[2 * at + 1]]);
            list[usize::from(number) % list.len()]
        })
    }
}

impl Knock {
    /// Knocks with an invitation.
    pub fn new(invite: &Invite, identity: &Identity, nonce: [u8; 16]) -> Self {
        let (name, node) = (invite.name(), identity.id());
        let proof = proof(&invite.secret, &node, &nonce);
        let signature = identity.sign(&knock_digest(&name, &node, &nonce, &proof).0);
        Self { invite: name, node, nonce, proof, signature }
    }

    /// Says whether it comes from somebody who knows the secret and holds the key.
    pub fn is_genuine(&self, secret: &[u8; 16]) -> bool {
        let Self { invite, node, nonce, proof: said, signature } = self;
        let signed = knock_digest(invite, node, nonce, said);
        *invite == name_of(secret)
            && *said == proof(secret, node, nonce)
            && node.verify(&signed.0, signature)
    }
}

impl Reply {
    /// Answers a knock.
    pub fn new(
        knock: &Knock,
        nonce: [u8; 16],
        (step, network_file): (Step, Option<String>),
        identity: &Identity,
    ) -> Self {
        let signed = reply_digest(knock, &nonce, step, network_file.as_deref());
        Self { nonce, step, network_file, signature: identity.sign(&signed.0) }
    }

    /// Says whether it is the inviter's, to this knock, and brings the network that was promised.
    pub fn is_genuine(&self, invite: &Invite, knock: &Knock) -> bool {
        let Self { nonce, step, network_file, signature } = self;
        let signed = reply_digest(knock, nonce, *step, network_file.as_deref());
        let promised =
            |text: &String| Digest::of("trellis-network-v1", &[text.as_bytes()]) == invite.network;
        let fits = match step {
            Step::Waiting | Step::Refused => network_file.is_none(),
            Step::Welcome => network_file.as_ref().is_some_and(promised),
        };
        fits && invite.inviter.verify(&signed.0, signature)
    }
}

impl Step {
    /// Returns its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Welcome => "welcome",
        }
    }
}

impl FromStr for Step {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let all = [Self::Waiting, Self::Refused, Self::Welcome];
        all.into_iter().find(|it| it.name() == text).ok_or(WireError::Field("step"))
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inviter, network, secret, expires_s, addresses } = self;
        let bytes = generated::Invite {
            inviter: inviter.as_bytes().to_vec().into(),
            network: network.0.to_vec().into(),
            secret: secret.to_vec().into(),
            expires_s: *expires_s,
            addresses: addresses.iter().map(ToString::to_string).collect(),
        }
        .encode_to_vec();
        f.write_str(SCHEME)?;
        // Upper case is what makes a small QR code.
        bech32::encode_upper_to_fmt::<Bech32m, _>(f, hrp(), &bytes).map_err(|_| fmt::Error)
    }
}

impl FromStr for Invite {
    type Err = WireError;

    /// Reads a link; the checksum tells a mistyped one.
    fn from_str(text: &str) -> Result<Self, WireError> {
        let text = text.trim();
        let scheme = text.get(..SCHEME.len());
        let code = match scheme.filter(|it| it.eq_ignore_ascii_case(SCHEME)) {
            Some(_) => &text[SCHEME.len()..],
            None => text,
        };
        let checked = CheckedHrpstring::new::<Bech32m>(code).map_err(|_| WireError::Invite)?;
        if checked.hrp() != hrp() {
            return Err(WireError::Invite);
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let schema = generated::Invite::decode(bytes.as_slice());
        let schema = schema.map_err(|error| WireError::Malformed(error.to_string()))?;
        if limits::INVITE_ADDRESSES_MAX < schema.addresses.len() {
            return Err(WireError::Field("addresses"));
        }
        // An address of a transport we do not build is no error of its author.
        let addresses = schema.addresses.iter().filter_map(|text| text.parse().ok()).collect();
        let inviter: [u8; 32] =
            schema.inviter.as_ref().try_into().map_err(|_| WireError::Field("inviter"))?;
        let inviter = NodeId::from_bytes(inviter);
        if inviter.is_weak() {
            return Err(WireError::BadKey);
        }
        Ok(Self {
            inviter,
            network: Digest::from_slice(&schema.network).ok_or(WireError::Field("network"))?,
            secret: schema.secret.as_ref().try_into().map_err(|_| WireError::Field("secret"))?,
            expires_s: schema.expires_s,
            addresses,
        })
    }
}

fn name_of(secret: &[u8; 16]) -> Digest {
    Digest::of("trellis-invite-name-v1", &[secret])
}

fn proof(secret: &[u8; 16], node: &NodeId, nonce: &[u8; 16]) -> Digest {
    Digest::of("trellis-invite-proof-v1", &[secret, node.as_bytes(), nonce])
}

fn knock_digest(name: &Digest, node: &NodeId, nonce: &[u8; 16], proof: &Digest) -> Digest {
    Digest::of("trellis-invite-knock-v1", &[&name.0, node.as_bytes(), nonce, &proof.0])
}

fn reply_digest(knock: &Knock, nonce: &[u8; 16], step: Step, file: Option<&str>) -> Digest {
    let asked = knock_digest(&knock.invite, &knock.node, &knock.nonce, &knock.proof);
    let step = match step {
        Step::Waiting => [0],
        Step::Refused => [1],
        Step::Welcome => [2],
    };
    let file = file.unwrap_or_default().as_bytes();
    Digest::of("trellis-invite-reply-v1", &[&asked.0, nonce, &step, file])
}

fn hrp() -> Hrp {
    Hrp::parse_unchecked("join")
}

/// Before the code, so that a system knows which program opens it.
const SCHEME: &str = "trellis:";
