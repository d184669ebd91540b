//! What nodes say on a LAN, as messages of multicast DNS (MDNS-1).
//!
//! A question asks for the pointers of one network; an answer is a pointer to a name drawn for this run, and TXT
//! records `trellis=ADDRESS` at it. Nothing else is said: no node id, no host name, no name of a person.

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query};
use hickory_resolver::proto::rr::rdata::{PTR, SRV, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use wire::{Address, NetworkId, limits};

use crate::dns::{self, Told};

/// The names of one network and of this run of a node.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    network: Name,
    own: Name,
}

/// What a message means for us.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    /// Somebody looks for nodes of our network.
    Asked,
    /// It is ours, of another network, or of another program.
    Nothing,
    /// A node of our network tells where it is.
    Told(Told),
}

impl Names {
    /// Makes the names; `run` is drawn anew for each run, so that nobody is known again by it.
    pub(crate) fn new(network: NetworkId, run: [u8; 8]) -> Option<Self> {
        let tag = &network.to_string()[..TAG_DIGITS];
        let run = u64::from_be_bytes(run);
        Some(Self {
            network: Name::from_ascii(format!("_{tag}._sub.{SERVICE}")).ok()?,
            own: Name::from_ascii(format!("{run:016x}.{SERVICE}")).ok()?,
        })
    }

    /// Writes the question for everybody of the network.
    pub(crate) fn question(&self) -> Option<Vec<u8>> {
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(self.network.clone(), RecordType::PTR));
        message.to_vec().ok()
    }

    /// Writes where we are, for those who see us at one address; `life_s` 0 takes it back.
    pub(crate) fn notice(&self, addresses: &[Address], life_s: u32) -> Option<Vec<u8>> {
        let (first, port) = addresses.first()?.host_port();
        let mut message = Message::response(0, OpCode::Query);
        message.metadata.authoritative = true;
        let own = || self.own.clone();
        let mut add = |name: Name, data| {
            message.add_answer(Record::from_rdata(name, life_s, data));
        };
        add(self.network.clone(), RData::PTR(PTR(own())));
        // Programs that list services want a host and a port; ours read the texts.
        add(own(), RData::SRV(SRV::new(0, 0, port, own())));
        let texts = addresses.iter().take(limits::ADDRESSES_MAX);
        let texts: Vec<String> = texts.map(|it| format!("trellis={it}")).collect();
        texts.into_iter().for_each(|it| add(own(), RData::TXT(TXT::new(vec![it]))));
        match first.trim_matches(['[', ']']).parse() {
            Ok(std::net::IpAddr::V4(ip)) => add(own(), RData::A(ip.into())),
            Ok(std::net::IpAddr::V6(ip)) => add(own(), RData::AAAA(ip.into())),
            Err(_) => {}
        }
        message.to_vec().ok()
    }

    /// Reads a message that came from the LAN.
    pub(crate) fn read(&self, bytes: &[u8]) -> Heard {
        let Ok(message) = Message::from_vec(bytes) else { return Heard::Nothing };
        match message.metadata.message_type {
            MessageType::Query => self.asked(&message),
            MessageType::Response => self.told(&message),
        }
    }

    fn asked(&self, message: &Message) -> Heard {
        let ours = |query: &Query| {
            let kind = matches!(query.query_type(), RecordType::PTR | RecordType::ANY);
            kind && *query.name() == self.network
        };
        if message.queries.iter().any(ours) { Heard::Asked } else { Heard::Nothing }
    }

    fn told(&self, message: &Message) -> Heard {
        let records = || message.answers.iter().chain(&message.additionals);
        let pointed = records().find_map(|record| match &record.data {
            RData::PTR(PTR(to)) if record.name == self.network && 0 < record.ttl => Some(to),
            _ => None,
        });
        let Some(to) = pointed.filter(|to| **to != self.own) else { return Heard::Nothing };
        let texts = records().filter(|it| it.name == *to).filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        let mut told = dns::read(texts);
        told.left_out += told.addresses.len().saturating_sub(limits::ADDRESSES_MAX);
        told.addresses.truncate(limits::ADDRESSES_MAX);
        if told.addresses.is_empty() { Heard::Nothing } else { Heard::Told(told) }
    }
}

const SERVICE: &str = "_trellis._udp.local.";
/// Of the network's id: enough that two networks on one LAN do not meet by chance.
const TAG_DIGITS: usize = 16;
