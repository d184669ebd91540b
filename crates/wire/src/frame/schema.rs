//! Frames as bytes: the schema on one side, checked types on the other.

use bytes::Bytes;
use prost::Message as _;

use super::{
    Carried, Chunk, Compare, Council, Direct, Fetch, Frame, Goodbye, Have, Hello, Item, Peers,
    PeersWanted, Ping, Pong, Push, Range, Reason, Records, Report, Seed, Set, SetSummary, ShortId,
    Sketch, Subtree, Summary, TreeId, View, Wanted,
};
use crate::generated::{self, frame::Kind};
use crate::record::{check_count, check_texts, digest, to_bytes};
use crate::{CarriedHead, Digest, Piece, Pull, Signed, WireError, limits};

impl Frame {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        generated::Frame { kind: Some(self.to_schema()) }.encode_to_vec()
    }

    /// Decodes and checks a frame. Signatures inside are not checked yet.
    pub fn decode(bytes: &Bytes) -> Result<Self, WireError> {
        check_count("frame bytes", bytes.len(), limits::FRAME_BYTES_MAX)?;
        let schema = generated::Frame::decode(bytes.clone())
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        Ok(match schema.kind.ok_or(WireError::Field("frame kind"))? {
            Kind::Agreed(it) => Self::Agreed(moment(it.cutoff_ms)),
            Kind::Chunk(it) => Self::Chunk(Chunk::from_schema(it)?),
            Kind::Compare(it) => Self::Compare(Compare::from_schema(it)?),
            Kind::Council(it) => Self::Council(Council::from_schema(it)?),
            Kind::Direct(it) => Self::Direct(Direct::from_schema(it)?),
            Kind::Fetch(it) => Self::Fetch(Fetch::from_schema(it)?),
            Kind::Goodbye(it) => Self::Goodbye(Goodbye::from_schema(it)?),
            Kind::Hello(it) => Self::Hello(Box::new(Hello::from_schema(it)?)),
            Kind::Peers(it) => Self::Peers(Peers::from_schema(it)?),
            Kind::PeersWanted(it) => Self::PeersWanted(match it.near {
                false => PeersWanted::Any,
                true => PeersWanted::Near,
            }),
            Kind::Piece(it) => Self::Piece(Piece::from_schema(it)?),
            Kind::Ping(it) => Self::Ping(Ping::from_schema(&it)?),
            Kind::Pong(it) => Self::Pong(Pong::from_schema(&it)?),
            Kind::Pull(it) => Self::Pull(Pull::from_schema(&it)?),
            Kind::Push(it) => Self::Push(Push::from_schema(it)?),
            Kind::Records(it) => Self::Records(Records::from_schema(it)?),
            Kind::Seed(it) => Self::Seed(Seed::from_schema(it)?),
            Kind::Sketch(it) => Self::Sketch(Sketch::from_schema(it)?),
            Kind::Summary(it) => Self::Summary(Summary::from_schema(Some(&it))?),
        })
    }

    fn to_schema(&self) -> Kind {
        match self {
            Self::Agreed(cutoff_ms) => {
                Kind::Agreed(generated::Agreed { cutoff_ms: cutoff_ms.unwrap_or(0) })
            }
            Self::Chunk(it) => Kind::Chunk(it.to_schema()),
            Self::Compare(it) => Kind::Compare(it.to_schema()),
            Self::Council(it) => Kind::Council(it.to_schema()),
            Self::Direct(it) => Kind::Direct(it.to_schema()),
            Self::Fetch(it) => Kind::Fetch(it.to_schema()),
            Self::Goodbye(it) => Kind::Goodbye(it.to_schema()),
            Self::Hello(it) => Kind::Hello(it.to_schema()),
            Self::Peers(it) => Kind::Peers(generated::Peers {
                profiles: it.profiles.iter().map(Into::into).collect(),
                answer_wanted: it.answer_wanted,
            }),
            Self::PeersWanted(it) => {
                Kind::PeersWanted(generated::PeersWanted { near: *it == PeersWanted::Near })
            }
            Self::Piece(it) => Kind::Piece(it.to_schema()),
            Self::Ping(it) => Kind::Ping(generated::Ping {
                nonce: it.nonce,
                time_ms: it.report.map_or(0, |report| report.time_ms),
                summary: it.report.map(|report| report.summary.to_schema()),
            }),
            Self::Pong(it) => Kind::Pong(generated::Pong {
                nonce: it.nonce,
                time_ms: it.report.map_or(0, |report| report.time_ms),
                summary: it.report.map(|report| report.summary.to_schema()),
            }),
            Self::Pull(it) => Kind::Pull(it.to_schema()),
            Self::Push(it) => Kind::Push(it.to_schema()),
            Self::Records(it) => Kind::Records(it.to_schema()),
            Self::Seed(it) => Kind::Seed(it.to_schema()),
            Self::Sketch(it) => Kind::Sketch(it.to_schema()),
            Self::Summary(it) => Kind::Summary(it.to_schema()),
        }
    }
}

impl Council {
    fn to_schema(&self) -> generated::Council {
        let (height, known) = match &self.known {
            Some((height, known)) => (*height, to_bytes(known)),
            None => (0, Bytes::new()),
        };
        generated::Council { height, known, notes: self.notes.clone() }
    }

    fn from_schema(schema: generated::Council) -> Result<Self, WireError> {
        check_count("notes", schema.notes.len(), limits::NOTES_MAX)?;
        let known = match schema.known.as_ref() {
            [] => None,
            known => Some((schema.height, digest("known", known)?)),
        };
        Ok(Self { known, notes: schema.notes })
    }
}

impl Hello {
    fn to_schema(&self) -> generated::Hello {
        generated::Hello {
            version: self.version,
            network: to_bytes(&self.network),
            session: self.session,
            agent: self.agent.clone(),
            capabilities: self.capabilities.clone(),
            time_ms: self.time_ms,
            profile: Some((&self.profile).into()),
            summary: Some(self.summary.to_schema()),
            ids_key: self.ids_key,
        }
    }

    fn from_schema(schema: generated::Hello) -> Result<Self, WireError> {
        check_texts(&schema.agent, &schema.capabilities)?;
        Ok(Self {
            version: schema.version,
            network: digest("network", &schema.network)?,
            session: schema.session,
            agent: schema.agent,
            capabilities: schema.capabilities,
            time_ms: schema.time_ms,
            profile: schema.profile.ok_or(WireError::Field("profile"))?.try_into()?,
            summary: Summary::from_schema(schema.summary.as_ref())?,
            ids_key: schema.ids_key,
        })
    }
}

impl Ping {
    fn from_schema(schema: &generated::Ping) -> Result<Self, WireError> {
        let report = Report::from_schema(schema.time_ms, schema.summary.as_ref())?;
        Ok(Self { nonce: schema.nonce, report })
    }
}

impl Pong {
    fn from_schema(schema: &generated::Pong) -> Result<Self, WireError> {
        let report = Report::from_schema(schema.time_ms, schema.summary.as_ref())?;
        Ok(Self { nonce: schema.nonce, report })
    }
}

impl Report {
    fn from_schema(
        time_ms: u64,
        summary: Option<&generated::Summary>,
    ) -> Result<Option<Self>, WireError> {
        let Some(summary) = summary else { return Ok(None) };
        Ok(Some(Self { time_ms, summary: Summary::from_schema(Some(summary))? }))
    }
}

impl Peers {
    fn from_schema(schema: generated::Peers) -> Result<Self, WireError> {
        let profiles = all_signed(schema.profiles, limits::PEERS_MAX)?;
        Ok(Self { profiles, answer_wanted: schema.answer_wanted })
    }
}

impl Carried {
    fn to_schema(&self) -> generated::Carried {
        generated::Carried {
            signed: Some((&self.signed).into()),
            ttl: self.ttl.into(),
            hops: self.hops.into(),
            tree: self.tree.0,
        }
    }

    fn from_schema(schema: generated::Carried) -> Result<Self, WireError> {
        let signed = of_one_piece(schema.signed.ok_or(WireError::Field("signed"))?)?;
        let ttl = u8::try_from(schema.ttl).unwrap_or(u8::MAX).min(limits::HOPS_MAX);
        let hops = u8::try_from(schema.hops).unwrap_or(u8::MAX);
        Ok(Self { signed, ttl, hops, tree: TreeId(schema.tree) })
    }
}

impl Push {
    fn to_schema(&self) -> generated::Push {
        let trees = |trees: &[TreeId]| trees.iter().map(|tree| tree.0).collect();
        generated::Push {
            records: self.records.iter().map(Carried::to_schema).collect(),
            have: self.have.iter().map(|have| have.id.0).collect(),
            age_ms: self.have.iter().map(|have| have.age_ms).collect(),
            want: self.want.iter().map(|id| id.0).collect(),
            prune: trees(&self.prune),
            graft: trees(&self.graft),
            heads: self.heads.iter().map(CarriedHead::to_schema).collect(),
        }
    }

    fn from_schema(schema: generated::Push) -> Result<Self, WireError> {
        for numbers in [&schema.have, &schema.want, &schema.prune, &schema.graft] {
            check_count("short ids", numbers.len(), limits::SHORT_IDS_MAX)?;
        }
        if schema.age_ms.len() != schema.have.len() {
            return Err(WireError::Field("ages of announcements"));
        }
        let have = schema.have.into_iter().zip(schema.age_ms);
        let have = have.map(|(id, age_ms)| Have { id: ShortId(id), age_ms });
        let trees = |trees: Vec<u64>| trees.into_iter().map(TreeId).collect();
        check_count("heads", schema.heads.len(), limits::HEADS_MAX)?;
        let heads: Result<Vec<CarriedHead>, WireError> =
            schema.heads.iter().map(CarriedHead::from_schema).collect();
        Ok(Self {
            records: all_carried(schema.records)?,
            have: have.collect(),
            want: schema.want.into_iter().map(ShortId).collect(),
            prune: trees(schema.prune),
            graft: trees(schema.graft),
            heads: heads?,
        })
    }
}

impl Summary {
    fn to_schema(self) -> generated::Summary {
        let set = |set: SetSummary| {
            let schema = generated::SetSummary { root: to_bytes(&set.root), count: set.count };
            (set != SetSummary::default()).then_some(schema)
        };
        generated::Summary {
            state: set(self.state),
            messages: set(self.messages),
            answer_wanted: self.answer_wanted,
            cutoff_ms: self.cutoff_ms.unwrap_or(0),
        }
    }

    fn from_schema(schema: Option<&generated::Summary>) -> Result<Self, WireError> {
        let schema = schema.ok_or(WireError::Field("summary"))?;
        let set = |set: &Option<generated::SetSummary>| {
            let Some(set) = set else { return Ok(SetSummary::default()) };
            Ok::<_, WireError>(SetSummary { root: digest("root", &set.root)?, count: set.count })
        };
        let (state, messages) = (set(&schema.state)?, set(&schema.messages)?);
        let (answer_wanted, cutoff_ms) = (schema.answer_wanted, moment(schema.cutoff_ms));
        Ok(Self { state, messages, answer_wanted, cutoff_ms })
    }
}

impl Set {
    pub(super) fn to_schema(self) -> i32 {
        match self {
            Self::State => generated::Set::State.into(),
            Self::Messages => generated::Set::Messages.into(),
        }
    }

    pub(super) fn from_schema(schema: i32) -> Result<Self, WireError> {
        match generated::Set::try_from(schema) {
            Ok(generated::Set::State) => Ok(Self::State),
            Ok(generated::Set::Messages) => Ok(Self::Messages),
            Err(_) => Err(WireError::Field("set")),
        }
    }
}

impl Compare {
    fn to_schema(&self) -> generated::Compare {
        let ranges = self.ranges.iter().map(Range::to_schema).collect();
        let cutoff_ms = self.cutoff_ms.unwrap_or(0);
        generated::Compare { set: self.set.to_schema(), ranges, cutoff_ms }
    }

    fn from_schema(schema: generated::Compare) -> Result<Self, WireError> {
        check_count("ranges", schema.ranges.len(), limits::RANGES_MAX)?;
        let ranges: Result<Vec<Range>, WireError> =
            schema.ranges.into_iter().map(Range::from_schema).collect();
        let (set, cutoff_ms) = (Set::from_schema(schema.set)?, moment(schema.cutoff_ms));
        Ok(Self { set, ranges: ranges?, cutoff_ms })
    }
}

impl Range {
    fn to_schema(&self) -> generated::Range {
        let (mut subtrees, mut items, mut as_items) = (Vec::new(), Vec::new(), false);
        match &self.view {
            View::Items(view) => {
                as_items = true;
                items.extend(view.iter().copied().map(Item::to_schema));
            }
            View::Subtrees(view) => subtrees.extend(view.iter().map(|it| generated::Subtree {
                prefix: prefix_bytes(&it.prefix, it.bits),
                bits: it.bits.into(),
                hash: to_bytes(&it.hash),
            })),
        }
        let prefix = prefix_bytes(&self.prefix, self.bits);
        let (bits, answer) = (self.bits.into(), self.answer);
        generated::Range { prefix, bits, subtrees, items, as_items, answer }
    }

    fn from_schema(schema: generated::Range) -> Result<Self, WireError> {
        let parts = schema.subtrees.len() + schema.items.len();
        check_count("parts of a range", parts, limits::RANGE_PARTS_MAX)?;
        let (prefix, bits) = prefix_of(&schema.prefix, schema.bits)?;
        let view = if schema.as_items {
            let items: Result<Vec<Item>, WireError> =
                schema.items.iter().map(Item::from_schema).collect();
            View::Items(items?)
        } else {
            let subtrees: Result<Vec<Subtree>, WireError> = schema
                .subtrees
                .iter()
                .map(|it| {
                    let (prefix, bits) = prefix_of(&it.prefix, it.bits)?;
                    Ok(Subtree { prefix, bits, hash: digest("hash", &it.hash)? })
                })
                .collect();
            View::Subtrees(subtrees?)
        };
        Ok(Self { prefix, bits, view, answer: schema.answer })
    }
}

impl Item {
    pub(super) fn to_schema(self) -> generated::Item {
        generated::Item { key: to_bytes(&self.key), value: to_bytes(&self.value) }
    }

    pub(super) fn from_schema(schema: &generated::Item) -> Result<Self, WireError> {
        Ok(Self { key: digest("key", &schema.key)?, value: digest("value", &schema.value)? })
    }
}

impl Fetch {
    fn to_schema(&self) -> generated::Fetch {
        let mut schema = generated::Fetch { set: self.set.to_schema(), ..Default::default() };
        match &self.wanted {
            Wanted::Keys(keys) => schema.keys = keys.iter().map(to_bytes).collect(),
            Wanted::Range { prefix, bits, after } => {
                schema.range = true;
                schema.prefix = prefix_bytes(prefix, *bits);
                schema.bits = (*bits).into();
                schema.after = after.as_ref().map(to_bytes).unwrap_or_default();
            }
        }
        schema
    }

    fn from_schema(schema: generated::Fetch) -> Result<Self, WireError> {
        check_count("keys", schema.keys.len(), limits::KEYS_MAX)?;
        let set = Set::from_schema(schema.set)?;
        if schema.range {
            let (prefix, bits) = prefix_of(&schema.prefix, schema.bits)?;
            let after = match schema.after.as_ref() {
                [] => None,
                bytes => Some(digest("after", bytes)?),
            };
            return Ok(Self { set, wanted: Wanted::Range { prefix, bits, after } });
        }
        let keys: Result<Vec<Digest>, WireError> =
            schema.keys.iter().map(|bytes| digest("key", bytes)).collect();
        Ok(Self { set, wanted: Wanted::Keys(keys?) })
    }
}

impl Records {
    fn to_schema(&self) -> generated::Records {
        let mut schema = generated::Records {
            set: self.set.to_schema(),
            records: self.records.iter().map(Into::into).collect(),
            range: self.range,
            ..Default::default()
        };
        if let Some(Fetch { wanted: Wanted::Range { prefix, bits, after }, .. }) = &self.next {
            schema.more = true;
            schema.prefix = prefix_bytes(prefix, *bits);
            schema.bits = (*bits).into();
            schema.after = after.as_ref().map(to_bytes).unwrap_or_default();
        }
        schema
    }

    fn from_schema(schema: generated::Records) -> Result<Self, WireError> {
        let set = Set::from_schema(schema.set)?;
        let next = if schema.more {
            let (prefix, bits) = prefix_of(&schema.prefix, schema.bits)?;
            let after = Some(digest("after", &schema.after)?);
            Some(Fetch { set, wanted: Wanted::Range { prefix, bits, after } })
        } else {
            None
        };
        let records = all_signed(schema.records, limits::RECORDS_PER_FRAME_MAX)?;
        Ok(Self { set, records, range: schema.range, next })
    }
}

impl Goodbye {
    fn to_schema(&self) -> generated::Goodbye {
        let reason = match self.reason {
            Reason::Busy => generated::Reason::Busy,
            Reason::Duplicate => generated::Reason::Duplicate,
            Reason::Leaving => generated::Reason::Leaving,
            Reason::Misbehaved => generated::Reason::Misbehaved,
            Reason::Rotated => generated::Reason::Rotated,
            Reason::Silent => generated::Reason::Silent,
            Reason::Unspecified => generated::Reason::Unspecified,
            Reason::Version => generated::Reason::Version,
            Reason::WrongNetwork => generated::Reason::WrongNetwork,
        };
        generated::Goodbye { reason: reason.into(), text: self.text.clone() }
    }

    fn from_schema(schema: generated::Goodbye) -> Result<Self, WireError> {
        check_count("goodbye text", schema.text.len(), limits::TEXT_BYTES_MAX)?;
        let reason = match generated::Reason::try_from(schema.reason) {
            Ok(generated::Reason::Busy) => Reason::Busy,
            Ok(generated::Reason::Duplicate) => Reason::Duplicate,
            Ok(generated::Reason::Leaving) => Reason::Leaving,
            Ok(generated::Reason::Misbehaved) => Reason::Misbehaved,
            Ok(generated::Reason::Rotated) => Reason::Rotated,
            Ok(generated::Reason::Silent) => Reason::Silent,
            Ok(generated::Reason::Version) => Reason::Version,
            Ok(generated::Reason::WrongNetwork) => Reason::WrongNetwork,
            Ok(generated::Reason::Unspecified) | Err(_) => Reason::Unspecified,
        };
        Ok(Self { reason, text: schema.text })
    }
}

pub(super) fn moment(cutoff_ms: u64) -> Option<u64> {
    (0 < cutoff_ms).then_some(cutoff_ms)
}

fn all_signed(schemas: Vec<generated::Signed>, max: usize) -> Result<Vec<Signed>, WireError> {
    check_count("records", schemas.len(), max)?;
    schemas.into_iter().map(of_one_piece).collect()
}

/// Reads a record that a frame may carry whole; a larger one comes in pieces.
fn of_one_piece(schema: generated::Signed) -> Result<Signed, WireError> {
    check_count("bytes of a whole body", schema.body.len(), limits::PIECE_BYTES)?;
    schema.try_into()
}

fn all_carried(schemas: Vec<generated::Carried>) -> Result<Vec<Carried>, WireError> {
    check_count("records", schemas.len(), limits::RECORDS_PER_FRAME_MAX)?;
    schemas.into_iter().map(Carried::from_schema).collect()
}

pub(super) fn prefix_bytes(prefix: &Digest, bits: u16) -> Bytes {
    Bytes::copy_from_slice(&prefix.0[..usize::from(bits.div_ceil(8)).min(32)])
}

/// Reads a prefix and clears the bits behind it, so that equal prefixes are equal values.
pub(super) fn prefix_of(bytes: &[u8], bits: u32) -> Result<(Digest, u16), WireError> {
    let bits = u16::try_from(bits).ok().filter(|bits| *bits <= 256);
    let bits = bits.ok_or(WireError::Field("prefix bits"))?;
    let mut prefix = Digest::default();
    if bytes.len() != usize::from(bits.div_ceil(8)) {
        return Err(WireError::Field("prefix"));
    }
    prefix.0[..bytes.len()].copy_from_slice(bytes);
    if bits % 8 != 0 {
        prefix.0[usize::from(bits / 8)] &= 0xff << (8 - bits % 8);
    }
    Ok((prefix, bits))
}
