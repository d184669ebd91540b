//! What happens to machines.

use bytes::Bytes;
use engine::{Batch, TicketId};
use node::Effect;
use wire::RecordId;

use crate::chance::mix;
use crate::observer::Carries;
use crate::wheel::Key;

/// Something that will happen to one machine, and to which run of its node if it is that one's own.
#[derive(Debug)]
pub(crate) struct Happening {
    /// 0 for what comes from others.
    pub(crate) run: u32,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A dial was answered: both ends of the new link.
    Accepted {
        near: u32,
        far: u32,
    },
    /// The other end of a link is gone.
    Closed {
        link: u32,
        why: &'static str,
    },
    /// Nobody answered for too long.
    DialTimeout {
        link: u32,
    },
    Frame(Parcel),
    Input(Box<engine::Input>),
    /// Somebody dials; he will call the link so.
    Knock {
        near: u32,
    },
    /// The disk reads.
    Load(Box<(TicketId, Vec<RecordId>, usize)>),
    Refused {
        link: u32,
    },
    /// The handshake of somebody who knocked is through.
    Setup {
        dialler: u32,
        near: u32,
    },
    Start,
    Tick,
    /// The uplink has sent the last bit of a frame.
    Uplink,
    /// The processor is free again.
    Wake,
    /// The disk has done it; then the rest.
    Written(Box<(Batch, Vec<Effect>)>),
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// What the receiver calls the link.
    pub(crate) link: u32,
    /// What the sender calls it.
    pub(crate) back: u32,
    pub(crate) bytes: Bytes,
    pub(crate) digest: u64,
    pub(crate) carries: Carries,
    pub(crate) record_bytes: u32,
}

impl What {
    /// Says whether the node has to think about it.
    pub(crate) fn needs_processor(&self) -> bool {
        match self {
            Self::Accepted { .. }
            | Self::Closed { .. }
            | Self::DialTimeout { .. }
            | Self::Frame(_)
            | Self::Input(_)
            | Self::Load(_)
            | Self::Refused { .. }
            | Self::Setup { .. }
            | Self::Tick => true,
            Self::Knock { .. } | Self::Start | Self::Uplink | Self::Wake | Self::Written(_) => {
                false
            }
        }
    }

    /// Hashes one happening for the trace.
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        let (kind, detail) = match self {
            Self::Accepted { near, far } => (1, mix(u64::from(*near), u64::from(*far))),
            Self::Closed { link, .. } => (2, u64::from(*link)),
            Self::DialTimeout { link } => (3, u64::from(*link)),
            Self::Frame(parcel) => (4, mix(parcel.digest, u64::from(parcel.link))),
            Self::Input(_) => (5, 0),
            Self::Knock { near } => (6, u64::from(*near)),
            Self::Load(load) => (7, load.0.0),
            Self::Refused { link } => (8, u64::from(*link)),
            Self::Setup { dialler, near } => (9, mix(u64::from(*dialler), u64::from(*near))),
            Self::Start => (10, 0),
            Self::Tick => (11, 0),
            Self::Uplink => (12, 0),
            Self::Wake => (13, 0),
            Self::Written(_) => (14, 0),
        };
        let who = (u64::from(key.to) << 32) | u64::from(key.from);
        let order = (u64::from(key.sequence) << 8) | kind;
        mix(mix(key.at_us, who), mix(order, detail))
    }
}
