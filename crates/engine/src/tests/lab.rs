//! One engine on a bench: a hand-driven clock, peers that are puppets, a store that is a map.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use wire::{
    Carried, Content, Entry, Frame, Hello, Hlc, Identity, Message, NetworkId, Profile, Reason,
    Record, RecordId, SetSummary, ShortId, Signed, Summary,
};

use crate::{
    Batch, BookRow, Config, Connected, Direction, DoorAnswer, Effect, Engine, Event, Input, LinkId,
    Now, Snapshot, TicketId,
};

pub(super) const NETWORK: NetworkId = wire::Digest([9; 32]);
pub(super) const START_MS: u64 = 1_800_000_000_000;

/// The engine and all it has asked for.
pub(super) struct Lab {
    pub(super) engine: Engine,
    pub(super) now: Now,
    pub(super) effects: Vec<Effect>,
    /// Whether signature checks are answered at once.
    pub(super) verifies: bool,
    /// Whether the store answers at once.
    pub(super) loads: bool,
    /// Whether the puppets answer pings and questions, at once.
    pub(super) answers: bool,
    /// Whether what is sent leaves at once.
    pub(super) uplink: bool,
    kept: BTreeMap<RecordId, Signed>,
    links: u64,
}

/// One of many keys that somebody else holds.
pub(super) fn crowd(number: u32) -> Identity {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

/// Where one of the crowd listens.
pub(super) fn door_of(number: u32) -> String {
    format!("http://77.{}.{}.9:80", number / 256, number % 256)
}

/// Who of the crowd listens there.
pub(super) fn number_at(url: &str) -> u32 {
    let octets: Vec<u32> = url[7..].split(['.', ':']).filter_map(|it| it.parse().ok()).collect();
    octets[1] * 256 + octets[2]
}

/// A book of some of the crowd; who was heard, and who was reached.
pub(super) fn crowded(numbers: std::ops::Range<u32>, heard_ms: u64, reached: bool) -> Vec<BookRow> {
    let row = |number: u32| BookRow {
        node: crowd(number).id(),
        profile: profile(&crowd(number), START_MS - 1_000, &[&door_of(number)]).into(),
        reached: reached.then(|| door_of(number).parse().unwrap()),
        heard_ms,
    };
    numbers.map(row).collect()
}

/// A store with these entries, whose bytes nobody needs.
pub(super) fn holding(numbers: std::ops::Range<u64>) -> Snapshot {
    let item = |number: u64| {
        let mut key = wire::Digest::of("key", &[&number.to_be_bytes()]);
        key.0[..8].copy_from_slice(&wire::Digest::of("trellis-collection-v1", &[b"c"]).0[..8]);
        key.0[8..12].fill(0);
        let id = wire::Digest::of("id", &[&number.to_be_bytes()]);
        let created = Hlc::from_ms(START_MS - 60_000);
        crate::Kept { set: wire::Set::State, key, id, created, expires_ms: 0 }
    };
    Snapshot { items: numbers.map(item).collect(), ..Snapshot::default() }
}

/// A key somebody else holds.
pub(super) fn puppet(number: u8) -> Identity {
    Identity::from_seed([number; 32])
}

pub(super) fn me() -> Identity {
    puppet(100)
}

pub(super) fn config() -> Config {
    Config::server(NETWORK)
}

impl Lab {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: Config) -> Self {
        Self::waking(config, Snapshot::default())
    }

    pub(super) fn waking(config: Config, kept: Snapshot) -> Self {
        let now = Now { mono_ms: 1_000, unix_ms: START_MS };
        let engine = Engine::new(config, me(), kept, [3; 32], now);
        let (effects, kept) = (Vec::new(), BTreeMap::new());
        Self {
            engine,
            now,
            effects,
            verifies: true,
            loads: true,
            answers: true,
            uplink: true,
            kept,
            links: 0,
        }
    }

    /// Feeds one input, plays store and verifier, and returns what that caused.
    pub(super) fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut queue = vec![input];
        let mut all = Vec::new();
        while let Some(input) = queue.pop() {
            let mut effects = self.engine.handle(input, self.now);
            for cut_ms in self.engine.cuts() {
                self.engine.count(cut_ms, Some(wire::Digest::default()), self.now);
            }
            effects.extend(self.engine.drain());
            for effect in &effects {
                match effect {
                    Effect::Verify(_, batch) if self.verifies => {
                        let verdicts =
                            batch.iter().map(|(id, it)| (*id, it.verify(&NETWORK))).collect();
                        queue.push(Input::Verified(verdicts));
                    }
                    Effect::Load(ticket, ids, bytes_max) if self.loads => {
                        let records = load(&self.kept, ids, *bytes_max);
                        queue.push(Input::Loaded(*ticket, records));
                    }
                    Effect::TellLeft(link, class) if self.uplink => {
                        queue.push(Input::Left(*link, *class));
                    }
                    Effect::Work(ticket, work) => {
                        queue.push(Input::Worked(*ticket, work.run()));
                    }
                    Effect::Glance(ticket, glance) => {
                        queue.push(Input::Glanced(*ticket, glance.run()));
                    }
                    Effect::Persist(batch) => self.keep(batch),
                    Effect::Send(link, _, bytes) if self.answers => {
                        queue.extend(answer(*link, bytes));
                    }
                    _ => {}
                }
            }
            all.extend(effects);
        }
        self.effects.extend(all.clone());
        all
    }

    pub(super) fn keep(&mut self, batch: &Batch) {
        self.kept.extend(batch.keep.iter().map(|keep| (keep.id, keep.signed.clone())));
    }

    /// Lets time pass, ticking whenever the engine wants.
    pub(super) fn pass(&mut self, ms: u64) -> Vec<Effect> {
        let end_ms = self.now.mono_ms + ms;
        let mut all = Vec::new();
        while let Some(at) = self.engine.deadline().filter(|at| at.0 <= end_ms) {
            self.set_mono(at.0.max(self.now.mono_ms));
            all.extend(self.input(Input::Tick));
        }
        self.set_mono(end_ms);
        all
    }

    fn set_mono(&mut self, mono_ms: u64) {
        self.now.unix_ms += mono_ms - self.now.mono_ms;
        self.now.mono_ms = mono_ms;
    }

    /// Opens a link; nobody has said hello.
    pub(super) fn connect(&mut self, peer: &Identity, direction: Direction) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        let ip = |last| IpAddr::V4(Ipv4Addr::new(77, 0, 0, last));
        let (peer, dialled, remote_ip, local_ip) = (peer.id(), None, ip(2), ip(1));
        let connected = Connected {
            link,
            peer,
            direction,
            dialled,
            remote_ip,
            local_ip,
            medium: wire::Medium::Http,
        };
        self.input(Input::Connected(connected));
        link
    }

    /// Opens an inbound link on which both have said hello.
    pub(super) fn link(&mut self, peer: &Identity) -> LinkId {
        let link = self.connect(peer, Direction::Inbound);
        let hello = self.hello_of(peer, 1);
        self.say(link, &Frame::Hello(Box::new(hello)));
        link
    }

    /// Lets a dial of one of the crowd succeed; both say hello.
    pub(super) fn answer_dial(&mut self, url: &str) -> (LinkId, Vec<Effect>) {
        let peer = crowd(number_at(url));
        self.links += 1;
        let link = LinkId(self.links);
        let ip = |last| IpAddr::V4(Ipv4Addr::new(77, 0, 0, last));
        let connected = Connected {
            link,
            peer: peer.id(),
            direction: Direction::Outbound,
            dialled: Some(url.parse().unwrap()),
            remote_ip: ip(2),
            local_ip: ip(1),
            medium: wire::Medium::Http,
        };
        let mut effects = self.input(Input::Connected(connected));
        let mut hello = self.hello_of(&peer, 1);
        hello.profile = profile(&peer, START_MS - 1_000, &[url]);
        effects.extend(self.say(link, &Frame::Hello(Box::new(hello))));
        (link, effects)
    }

    pub(super) fn hello_of(&self, peer: &Identity, session: u64) -> Hello {
        Hello {
            version: wire::PROTOCOL_VERSION,
            network: NETWORK,
            session,
            agent: "puppet".to_owned(),
            capabilities: Vec::new(),
            time_ms: self.now.unix_ms,
            profile: profile(peer, self.now.unix_ms, &[]),
            summary: Summary::default(),
            ids_key: 7,
        }
    }

    pub(super) fn say(&mut self, link: LinkId, frame: &Frame) -> Vec<Effect> {
        self.input(Input::Frame(link, Bytes::from(frame.encode())))
    }

    pub(super) fn push(&mut self, link: LinkId, signed: &Signed, ttl: u8) -> Vec<Effect> {
        self.say(
            link,
            &Frame::Push(wire::Push {
                records: vec![Carried {
                    signed: signed.clone(),
                    ttl,
                    hops: 1,
                    tree: wire::TreeId(0),
                }],
                ..wire::Push::default()
            }),
        )
    }

    /// What the store has of a record.
    pub(super) fn kept(&self, id: &RecordId) -> Option<&Signed> {
        self.kept.get(id)
    }

    pub(super) fn root(&self) -> SetSummary {
        self.engine.status().state
    }

    pub(super) fn messages(&self) -> u64 {
        self.engine.status().messages.count
    }
}

/// What a peer answers that is there and says nothing else: asked what it holds, it names nothing
/// that differs.
pub(super) fn answer(link: LinkId, bytes: &Bytes) -> Option<Input> {
    let answer = match Frame::decode(bytes) {
        Ok(Frame::Ping(ping)) => Frame::Pong(wire::Pong { nonce: ping.nonce, report: None }),
        Ok(Frame::Summary(summary)) if summary.answer_wanted => {
            let (set, ranges, cutoff_ms) = (wire::Set::State, Vec::new(), None);
            Frame::Compare(wire::Compare { set, ranges, cutoff_ms })
        }
        _ => return None,
    };
    Some(Input::Frame(link, Bytes::from(answer.encode())))
}

/// What a store answers.
pub(super) fn load(kept: &BTreeMap<RecordId, Signed>, ids: &[RecordId], max: usize) -> Vec<Signed> {
    let mut bytes = 0;
    let records = ids.iter().filter_map(|id| kept.get(id).cloned());
    let fits = records.take_while(|signed| {
        let wanted = bytes < max;
        bytes += signed.size();
        wanted
    });
    fits.collect()
}

/// Signs a record as somebody.
pub(super) fn sign(
    author: &Identity,
    seq: u64,
    at_ms: u64,
    life_ms: u64,
    content: Content,
) -> Signed {
    let expires_ms = if life_ms == 0 { 0 } else { at_ms + life_ms };
    let created = Hlc::from_ms(at_ms);
    Signed::seal(&Record { network: NETWORK, seq, created, expires_ms, content }, author)
}

pub(super) fn entry(author: &Identity, at_ms: u64, name: &str, value: &str) -> Signed {
    let seq = number(at_ms, &[name, value]);
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    let entry = Entry { collection: "c".to_owned(), name: name.to_owned(), value };
    sign(author, seq, at_ms, 0, Content::Entry(entry))
}

pub(super) fn message(author: &Identity, at_ms: u64, text: &str) -> Signed {
    let payload = Bytes::from(format!("\"{text}\""));
    let content = Content::Message(Message::new("t", payload));
    sign(author, number(at_ms, &[text]), at_ms, 3_600_000, content)
}

/// Another number for each record, so that nobody contradicts itself.
pub(super) fn number(at_ms: u64, parts: &[&str]) -> u64 {
    let hash = wire::Digest::of("number", &[&at_ms.to_be_bytes(), parts.join("/").as_bytes()]);
    u64::from_be_bytes(*hash.0.first_chunk().unwrap())
}

pub(super) fn profile(author: &Identity, at_ms: u64, addresses: &[&str]) -> Signed {
    let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
    let (agent, capabilities) = ("puppet".to_owned(), Vec::new());
    sign(author, at_ms, at_ms, 0, Content::Profile(Profile { addresses, agent, capabilities }))
}

pub(super) fn peers(profiles: Vec<Signed>) -> Frame {
    Frame::Peers(wire::Peers { profiles, answer_wanted: false })
}

pub(super) fn id_of(signed: &Signed) -> RecordId {
    signed.clone().open().unwrap().id
}

/// How peers name a record to us: they learned our key from our hello.
pub(super) fn our_name(lab: &Lab, id: &RecordId) -> ShortId {
    let keys = lab.effects.iter().find_map(|effect| match effect {
        Effect::Send(_, _, bytes) => match Frame::decode(bytes).unwrap() {
            Frame::Hello(hello) => Some(hello.ids_key),
            _ => None,
        },
        _ => None,
    });
    ShortId::of(keys.unwrap(), id)
}

/// Everything sent on a link, decoded.
pub(super) fn sent(effects: &[Effect], link: LinkId) -> Vec<Frame> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(to, _, bytes) if *to == link => Some(Frame::decode(bytes).unwrap()),
        _ => None,
    });
    frames.collect()
}

/// The records pushed on a link, with the hops they may still travel.
pub(super) fn pushed(effects: &[Effect], link: LinkId) -> Vec<(RecordId, u8)> {
    let frames = sent(effects, link).into_iter();
    let records = frames.flat_map(|frame| match frame {
        Frame::Push(push) => push.records,
        _ => Vec::new(),
    });
    records.map(|carried| (id_of(&carried.signed), carried.ttl)).collect()
}

pub(super) fn dials(effects: &[Effect]) -> Vec<String> {
    let dials = effects.iter().filter_map(|effect| match effect {
        Effect::Dial(address) => Some(address.to_string()),
        _ => None,
    });
    dials.collect()
}

pub(super) fn closed(effects: &[Effect]) -> Vec<(LinkId, Reason)> {
    let closed = effects.iter().filter_map(|effect| match effect {
        Effect::Disconnect(link, reason, _) => Some((*link, *reason)),
        _ => None,
    });
    closed.collect()
}

pub(super) fn answers(effects: &[Effect]) -> Vec<(TicketId, DoorAnswer)> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::AnswerDoor(ticket, answer) => Some((*ticket, *answer)),
        _ => None,
    });
    answers.collect()
}

pub(super) fn accepted(effects: &[Effect]) -> Vec<RecordId> {
    let accepted = effects.iter().filter_map(|effect| match effect {
        Effect::Report(Event::Accepted(it)) => Some(it.id),
        _ => None,
    });
    accepted.collect()
}
