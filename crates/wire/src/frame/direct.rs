//! Steps of a message to one node. What is in a letter is sealed: between nodes it is bytes.

use bytes::Bytes;

use crate::generated::{self, direct::Step};
use crate::record::{check_count, digest};
use crate::{Digest, NetworkId, NodeId, WireError, limits};

/// A step along one way to a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Direct {
    /// Which way.
    pub route: RouteId,
    /// What is said.
    pub step: DirectStep,
}

/// Names a way to a node; drawn by the one who seeks it, so that nobody can foresee it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RouteId(pub [u8; 16]);

/// What is said along a way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DirectStep {
    /// Towards a node: is a way there?
    Seek {
        /// The node.
        to: NodeId,
        /// Nodes that may still stand between; clamped to [`limits::DIRECT_HOPS_MAX`] when read.
        hops: u8,
    },
    /// Back: here I am, and this key is for one letter.
    Found(Found),
    /// Towards the node: what is for it alone.
    Letter(Bytes),
    /// Back: I have it.
    Receipt([u8; 64]),
}

/// A key for one letter, signed by the node that will open it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// X25519.
    pub key: [u8; 32],
    /// Over label, network, route and key.
    pub signature: [u8; 64],
}

impl Found {
    /// Returns what the sought node signs (DIRECT-2).
    pub fn to_sign(network: &NetworkId, route: &RouteId, key: &[u8; 32]) -> [u8; 32] {
        Digest::of("trellis-direct-found-v1", &[&network.0, &route.0, key]).0
    }
}

impl Direct {
    pub(super) fn to_schema(&self) -> generated::Direct {
        let step = match &self.step {
            DirectStep::Seek { to, hops } => Step::Seek(generated::DirectSeek {
                to: Bytes::copy_from_slice(to.as_bytes()),
                hops: u32::from(*hops),
            }),
            DirectStep::Found(found) => Step::Found(generated::DirectFound {
                key: Bytes::copy_from_slice(&found.key),
                signature: Bytes::copy_from_slice(&found.signature),
            }),
            DirectStep::Letter(sealed) => Step::Letter(sealed.clone()),
            DirectStep::Receipt(signature) => Step::Receipt(Bytes::copy_from_slice(signature)),
        };
        generated::Direct { route: Bytes::copy_from_slice(&self.route.0), step: Some(step) }
    }

    pub(super) fn from_schema(schema: generated::Direct) -> Result<Self, WireError> {
        let route = RouteId(exactly("route", &schema.route)?);
        let step = match schema.step.ok_or(WireError::Field("direct step"))? {
            Step::Seek(it) => {
                let hops = u8::try_from(it.hops).unwrap_or(u8::MAX).min(limits::DIRECT_HOPS_MAX);
                DirectStep::Seek { to: NodeId::from_bytes(digest("to", &it.to)?.0), hops }
            }
            Step::Found(it) => DirectStep::Found(Found {
                key: exactly("key", &it.key)?,
                signature: exactly("signature", &it.signature)?,
            }),
            Step::Letter(sealed) => {
                check_count("letter bytes", sealed.len(), limits::LETTER_SEALED_BYTES_MAX)?;
                DirectStep::Letter(sealed)
            }
            Step::Receipt(it) => DirectStep::Receipt(exactly("receipt", &it)?),
        };
        Ok(Self { route, step })
    }
}

pub(crate) fn exactly<const N: usize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Field(what))
}
