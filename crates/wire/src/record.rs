//! A record: a fact by one author, checked when it was decoded.

use bytes::Bytes;
use prost::Message as _;

use crate::contradiction::Preamble;
use crate::slot::HOUR_MS;
use crate::{
    Address, Class, Contradiction, Digest, Hlc, NetworkId, RecordId, Slot, WireError, generated,
    limits,
};

/// What a signed body says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The network it was written for.
    pub network: NetworkId,
    /// Rises with every record of its author.
    pub seq: u64,
    /// When it was written.
    pub created: Hlc,
    /// Unix milliseconds after which nobody keeps it; 0 for never.
    pub expires_ms: u64,
    /// The fact.
    pub content: Content,
}

/// The kinds of record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Proof that somebody signed two records with one number. Part of the state.
    Contradiction(Contradiction),
    /// Part of the state.
    Entry(Entry),
    /// Told to everybody, kept until it expires.
    Message(Message),
    /// Where the author can be reached.
    Profile(Profile),
}

/// A named value that only its author can change. Key: (collection, author, name).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// A label on entries.
    pub collection: String,
    /// The author's name for it.
    pub name: String,
    /// JSON text, or `None` where the author deleted it.
    pub value: Option<Bytes>,
}

/// Something told under a topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// A label on messages.
    pub topic: String,
    /// What it is for (design C).
    pub kind: MessageKind,
    /// JSON text.
    pub payload: Bytes,
    /// Hashes of the items it speaks of (design C).
    pub item_hashes: Vec<Digest>,
    /// The request it answers.
    pub reply_to: Option<RecordId>,
    /// Set where the author carried over an unsigned message; nothing in it is proven.
    pub bridged: Option<Bridged>,
    /// How urgent it is. No message is [`Class::Control`]: that one is read as normal.
    pub class: Class,
}

/// What a message is for (design C's `gossip_type`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MessageKind {
    /// Something is there.
    #[default]
    Announce,
    /// Somebody wants something.
    Request,
    /// An answer to a request.
    Response,
    /// A sign of life.
    Heartbeat,
}

/// Where an unsigned message claims to come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bridged {
    /// The sender's id for it; an opaque key against duplicates.
    pub message_id: String,
    /// The sender's type.
    pub message_type: String,
    /// The node it names as its origin.
    pub origin_peer: String,
}

/// Where a node can be reached and what it runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// Best first; empty behind a NAT.
    pub addresses: Vec<Address>,
    /// Program and version.
    pub agent: String,
    /// What it can do.
    pub capabilities: Vec<String>,
}

impl Record {
    /// Encodes it for signing. Done once: what is signed is what travels.
    pub fn encode(&self) -> Vec<u8> {
        use generated::record::Content as Schema;
        let content = match &self.content {
            Content::Contradiction(it) => Schema::Contradiction(it.to_schema()),
            Content::Entry(entry) => Schema::Entry(entry.to_schema()),
            Content::Message(message) => Schema::Message(message.to_schema()),
            Content::Profile(profile) => Schema::Profile(profile.to_schema()),
        };
        generated::Record {
            network: Bytes::copy_from_slice(&self.network.0),
            seq: self.seq,
            created: self.created.0,
            expires_ms: self.expires_ms,
            content: Some(content),
        }
        .encode_to_vec()
    }

    /// Returns how urgent it is: who waits for whom on a link.
    pub fn class(&self) -> Class {
        match &self.content {
            Content::Contradiction(_) | Content::Entry(_) => Class::Normal,
            Content::Message(message) => message.class,
            Content::Profile(_) => Class::Control,
        }
    }

    /// Decodes and checks a body (RECORD-4).
    pub fn decode(body: &Bytes) -> Result<Self, WireError> {
        use generated::record::Content as Schema;
        let (size, max) = (body.len(), limits::BODY_BYTES_CEILING);
        if size > max {
            return Err(WireError::TooLarge { what: "record body bytes", size, max });
        }
        let schema = generated::Record::decode(body.clone())
            .map_err(|error| WireError::Malformed(error.to_string()))?;
        let network = NetworkId::from_slice(&schema.network).ok_or(WireError::Field("network"))?;
        let (seq, created) = (schema.seq, Hlc(schema.created));
        let preamble = Preamble { network, seq, created };
        if Preamble::read(body) != Some(preamble) {
            return Err(WireError::Field("order of fields"));
        }
        let content = match schema.content.ok_or(WireError::Field("content"))? {
            Schema::Contradiction(it) => {
                Content::Contradiction(Contradiction::from_schema(it, &preamble)?)
            }
            Schema::Entry(entry) => Content::Entry(Entry::from_schema(entry)?),
            Schema::Message(message) => Content::Message(Message::from_schema(message)?),
            Schema::Profile(profile) => Content::Profile(Profile::from_schema(profile)?),
        };
        let expires_ms = schema.expires_ms;
        match &content {
            Content::Message(_) if expires_ms == 0 => return Err(WireError::Field("expires")),
            Content::Contradiction(_) if expires_ms != 0 => {
                return Err(WireError::Field("expires"));
            }
            Content::Entry(entry) if !entry.may_expire(expires_ms, created) => {
                return Err(WireError::Field("expires"));
            }
            Content::Contradiction(_)
            | Content::Entry(_)
            | Content::Message(_)
            | Content::Profile(_) => {}
        }
        Ok(Self { network, seq, created, expires_ms, content })
    }
}

impl Entry {
    /// Checks the labels, for callers that write.
    pub fn check(&self) -> Result<(), WireError> {
        check_label("collection", &self.collection, limits::LABEL_BYTES_MAX)?;
        check_label("name", &self.name, limits::NAME_BYTES_MAX)?;
        Slot::of(&self.name).map_or(Ok(()), |slot| slot.map(|_| ()))
    }

    /// Returns where it stands in its author's ring; `None` for an entry with a name of its own.
    pub fn slot(&self) -> Option<Slot> {
        Slot::of(&self.name)?.ok()
    }

    /// Returns when it expires, unix milliseconds; 0 for never (STATE-7).
    pub fn expires_ms(&self) -> u64 {
        self.slot().map_or(0, |slot| slot.expires_ms())
    }

    /// Says whether it may expire then: an appended entry as its name says, a deletion at the beginning of any hour
    /// after it was written, nothing else ever (STATE-7, STATE-8).
    fn may_expire(&self, expires_ms: u64, created: Hlc) -> bool {
        let is_deletion = self.value.is_none() && self.slot().is_none();
        let hour = expires_ms.is_multiple_of(HOUR_MS) && created.ms() < expires_ms;
        expires_ms == self.expires_ms() || is_deletion && hour
    }

    fn to_schema(&self) -> generated::Entry {
        generated::Entry {
            collection: self.collection.clone(),
            name: self.name.clone(),
            value: self.value.clone().unwrap_or_default(),
            deleted: self.value.is_none(),
        }
    }

    fn from_schema(schema: generated::Entry) -> Result<Self, WireError> {
        if schema.deleted && !schema.value.is_empty() {
            return Err(WireError::Field("deleted entry with a value"));
        }
        let value = if schema.deleted { None } else { Some(schema.value) };
        let entry = Self { collection: schema.collection, name: schema.name, value };
        entry.check()?;
        Ok(entry)
    }
}

impl Message {
    /// An announcement under a topic.
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            topic: topic.into(),
            kind: MessageKind::Announce,
            payload: payload.into(),
            item_hashes: Vec::new(),
            reply_to: None,
            bridged: None,
            class: Class::Normal,
        }
    }

    /// Checks labels and counts, for callers that write.
    pub fn check(&self) -> Result<(), WireError> {
        check_label("topic", &self.topic, limits::LABEL_BYTES_MAX)?;
        check_count("item hashes", self.item_hashes.len(), limits::ITEM_HASHES_MAX)?;
        let Some(bridged) = &self.bridged else { return Ok(()) };
        check_label("message_id", &bridged.message_id, limits::TEXT_BYTES_MAX)?;
        check_label("message_type", &bridged.message_type, limits::TEXT_BYTES_MAX)?;
        check_count("origin_peer bytes", bridged.origin_peer.len(), limits::TEXT_BYTES_MAX)
    }

    fn to_schema(&self) -> generated::Message {
        let kind = match self.kind {
            MessageKind::Announce => generated::MessageKind::Announce,
            MessageKind::Request => generated::MessageKind::Request,
            MessageKind::Response => generated::MessageKind::Response,
            MessageKind::Heartbeat => generated::MessageKind::Heartbeat,
        };
        generated::Message {
            topic: self.topic.clone(),
            kind: kind.into(),
            payload: self.payload.clone(),
            item_hashes: self.item_hashes.iter().map(to_bytes).collect(),
            reply_to: self.reply_to.as_ref().map(to_bytes).unwrap_or_default(),
            bridged: self.bridged.as_ref().map(|bridged| generated::Bridged {
                message_id: bridged.message_id.clone(),
                message_type: bridged.message_type.clone(),
                origin_peer: bridged.origin_peer.clone(),
            }),
            class: self.class.to_schema(),
        }
    }

    fn from_schema(schema: generated::Message) -> Result<Self, WireError> {
        check_count("item hashes", schema.item_hashes.len(), limits::ITEM_HASHES_MAX)?;
        let kind = match generated::MessageKind::try_from(schema.kind) {
            Ok(generated::MessageKind::Announce) => MessageKind::Announce,
            Ok(generated::MessageKind::Request) => MessageKind::Request,
            Ok(generated::MessageKind::Response) => MessageKind::Response,
            Ok(generated::MessageKind::Heartbeat) => MessageKind::Heartbeat,
            Err(_) => return Err(WireError::Field("message kind")),
        };
        let item_hashes: Result<Vec<Digest>, WireError> =
            schema.item_hashes.iter().map(|bytes| digest("item hash", bytes)).collect();
        let reply_to = match schema.reply_to.as_ref() {
            [] => None,
            bytes => Some(digest("reply_to", bytes)?),
        };
        let bridged = schema.bridged.map(|bridged| Bridged {
            message_id: bridged.message_id,
            message_type: bridged.message_type,
            origin_peer: bridged.origin_peer,
        });
        let class = Class::from_schema(schema.class).ok_or(WireError::Field("message class"))?;
        let message = Self {
            topic: schema.topic,
            kind,
            payload: schema.payload,
            item_hashes: item_hashes?,
            reply_to,
            bridged,
            class,
        };
        message.check()?;
        Ok(message)
    }
}

impl Profile {
    fn to_schema(&self) -> generated::Profile {
        generated::Profile {
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            agent: self.agent.clone(),
            capabilities: self.capabilities.clone(),
        }
    }

    fn from_schema(schema: generated::Profile) -> Result<Self, WireError> {
        check_count("addresses", schema.addresses.len(), limits::ADDRESSES_MAX)?;
        check_texts(&schema.agent, &schema.capabilities)?;
        // An address of a transport we do not build is no error of its author.
        let addresses = schema.addresses.iter().filter_map(|text| text.parse().ok()).collect();
        Ok(Self { addresses, agent: schema.agent, capabilities: schema.capabilities })
    }
}

/// Checks agent and capabilities of a profile or hello.
pub(crate) fn check_texts(agent: &str, capabilities: &[String]) -> Result<(), WireError> {
    check_count("agent bytes", agent.len(), limits::TEXT_BYTES_MAX)?;
    check_count("capabilities", capabilities.len(), limits::CAPABILITIES_MAX)?;
    capabilities
        .iter()
        .try_for_each(|it| check_count("capability bytes", it.len(), limits::TEXT_BYTES_MAX))
}

pub(crate) fn check_count(what: &'static str, size: usize, max: usize) -> Result<(), WireError> {
    if size <= max { Ok(()) } else { Err(WireError::TooLarge { what, size, max }) }
}

pub(crate) fn digest(what: &'static str, bytes: &[u8]) -> Result<Digest, WireError> {
    Digest::from_slice(bytes).ok_or(WireError::Field(what))
}

pub(crate) fn to_bytes(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(&digest.0)
}

/// A label is what a human may type and a log may print: no control characters, not empty
/// (RECORD-1).
fn check_label(what: &'static str, text: &str, max: usize) -> Result<(), WireError> {
    let fits = !text.is_empty() && text.len() <= max;
    if fits && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(WireError::Label(what, max))
}
