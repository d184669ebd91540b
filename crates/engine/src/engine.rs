//! The switchboard: the only place where one part's answer becomes another part's question.
//!
//! The parts are files of their own and do not know each other. Below: `greet` (links come and
//! go), `records` (what enters), `broadcast` (where it goes), `agree` (neighbours tell each other how
//! their sets look), `compare` and `sketching` (they find what one lacks), `lattice` (design-A
//! nodes), `tick` (what is due), `view` (what the operator sees).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use wire::{
    Address, Content, Digest, Fetch, Frame, Identity, Multiaddr, NodeId, Opened, Profile, Reason,
    Set, ShortId, Signed, TreeId,
};

use crate::alerts::Alerts;
use crate::announcements::Announcements;
use crate::author::Author;
use crate::chamber::Chamber;
use crate::departures::Departures;
use crate::direct::Direct;
use crate::doors::Doors;
use crate::exchanges::Exchanges;
use crate::forest::Forest;
use crate::intake::Intake;
use crate::links::{Budget, Links};
use crate::membership::Membership;
use crate::missing::Missing;
use crate::numbers::Numbers;
use crate::outbox::Outbox;
use crate::pieces::Pieces;
use crate::random::Random;
use crate::recents::{Recent, Recents};
use crate::rounds::Rounds;
use crate::sets::Sets;
use crate::{
    BookRow, Config, Counters, Effect, Event, Input, Kept, LinkId, Now, Snapshot, TicketId, Time,
};

mod agree;
mod bodies;
mod broadcast;
mod circle;
mod compare;
mod contradictions;
mod council;
mod direct;
mod greet;
mod lattice;
mod mending;
mod mix;
mod probe;
mod records;
mod relief;
mod search;
mod seeds;
mod sketching;
mod snapshot;
mod tick;
mod view;

pub use seeds::SeedMail;

/// One node's protocol state.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    me: NodeId,
    /// Drawn once per start: peers tell a restart from a second link by it.
    session: u64,
    random: Random,
    author: Author,
    profile: Opened,
    /// Our own addresses as links have shown them.
    local_ips: BTreeSet<IpAddr>,
    /// Where others reach us beside these: through relays, or a router that was asked.
    outer: Vec<Address>,
    sets: Sets,
    links: Links,
    membership: Membership,
    intake: Intake,
    numbers: Numbers,
    alerts: Alerts,
    forest: Forest,
    recents: Recents,
    missing: Missing,
    announcements: Announcements,
    departures: Departures,
    pieces: Pieces,
    /// Bodies whose pieces wait until what was written before is on disk, and whom they follow to.
    setting_off: BTreeMap<TicketId, (ShortId, Vec<LinkId>)>,
    /// Peers that asked for announced records, until the store has answered.
    wanted: BTreeMap<TicketId, (LinkId, Vec<Recent>)>,
    /// Chooses which links hear announcements; another one each second.
    salt: (Time, u64),
    doors: Doors,
    rounds: Rounds,
    fetching: Option<Fetching>,
    /// Peers that broke the protocol, and until when they stay outside. The one that comes back
    /// first makes room.
    outcasts: BTreeMap<NodeId, Time>,
    /// Addresses heard of that were dialled lately although all links are there.
    rumours: Budget,
    serving: BTreeMap<TicketId, Serving>,
    /// What peers want beyond that, in the order of its arrival.
    wishes: VecDeque<(LinkId, Fetch)>,
    tickets: u64,
    /// Answered when the number of our profile is on disk; until then nobody is told who we are.
    pen_ticket: Option<TicketId>,
    changed: Option<Changed>,
    reported_root: Digest,
    outbox: Outbox,
    counters: Counters,
    clocks: Clocks,
    circle: circle::Circle,
    exchanges: Exchanges,
    chunks: snapshot::Chunks,
    pasts: mending::Pasts,
    mix: mix::Mix,
    search: search::Search,
    probing: probe::Probing,
    direct: Direct,
    /// What peers said of seeds, until the node on top takes it.
    seed_mail: Vec<SeedMail>,
    /// Where checkpoints are made, if this network has attesters.
    chamber: Option<Box<Chamber>>,
    /// Older versions that its moments need; taken after each input.
    late: Vec<Opened>,
    stopping: bool,
}

/// A bulk transfer towards us: one at a time, so that three neighbours do not send the same.
#[derive(Debug)]
struct Fetching {
    link: LinkId,
    /// What was asked for last.
    asked: Fetch,
    queue: VecDeque<Fetch>,
    /// The next step, held back while signatures are being checked.
    held: Option<Fetch>,
    /// When it last brought something new.
    heard: Time,
}

/// A wish of a peer's that waits for the store.
#[derive(Clone, Debug)]
struct Serving {
    link: LinkId,
    fetch: Fetch,
    /// The last place that was looked up, and whether there is more behind it.
    last: Option<Digest>,
    more: bool,
}

/// When our sets changed: first since the neighbours were told, and last.
#[derive(Clone, Copy, Debug)]
struct Changed {
    first: Time,
    last: Time,
}

/// What happens now and then.
#[derive(Debug, Default)]
struct Clocks {
    /// When the next round of dials may begin.
    dial_at: Time,
    lost_at: Time,
    rotate_at: Time,
    sweep_at: Time,
    announce_at: Time,
    peers_wanted_at: Time,
}

impl Clocks {
    fn begin(config: &Config, now: Now) -> Self {
        Self {
            dial_at: now.time(),
            lost_at: now.after(config.lost_ms),
            rotate_at: now.after(config.rotate_ms),
            sweep_at: now.time(),
            announce_at: now.after(config.heartbeat_ms),
            peers_wanted_at: now.after(config.heartbeat_ms),
        }
    }
}

impl Engine {
    /// Wakes up with what was kept; `seed` is the only randomness it will ever have.
    pub fn new(
        config: Config,
        identity: Identity,
        kept: Snapshot,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let me = identity.id();
        let mut random = Random::new(seed);
        let mut author = Author::new(identity, &config, kept.author, now);
        let sets = Sets::new(&config, &kept);
        let content = profile_of(&config, &BTreeSet::new(), &[]);
        let signed = own_profile(&kept.book, &me, config.network, &content);
        let is_new = signed.is_none();
        let profile = signed.unwrap_or_else(|| author.seal(content, 0, now));
        let reported_root = sets.summary().state.root;
        let clocks = Clocks::begin(&config, now);
        let session = random.number();
        let mut engine = Self {
            me,
            session,
            forest: Forest::new(TreeId::of(&me), &config),
            recents: Recents::new(session, config.recents_max),
            missing: Missing::new(&config),
            announcements: Announcements::new(config.announce_ms),
            departures: Departures::default(),
            pieces: Pieces::new(&config),
            setting_off: BTreeMap::new(),
            wanted: BTreeMap::new(),
            salt: (Time::default(), 0),
            membership: Membership::new(me, &config, kept.book),
            intake: Intake::new(&config),
            numbers: Numbers::default(),
            alerts: Alerts::new(&config),
            doors: Doors::new(&config),
            random,
            author,
            profile,
            local_ips: BTreeSet::new(),
            outer: Vec::new(),
            sets,
            links: Links::default(),
            rounds: Rounds::new(&config, now),
            fetching: None,
            outcasts: BTreeMap::new(),
            rumours: Budget::default(),
            serving: BTreeMap::new(),
            wishes: VecDeque::new(),
            tickets: 0,
            pen_ticket: None,
            changed: None,
            reported_root,
            outbox: Outbox::default(),
            counters: Counters::default(),
            clocks,
            circle: circle::Circle::new(),
            exchanges: Exchanges::default(),
            chunks: snapshot::Chunks::default(),
            pasts: mending::Pasts::default(),
            search: search::Search::default(),
            mix: mix::Mix::new(now.after(config.shuffle_ms), config.shuffle_ms),
            probing: probe::Probing::new(now.time(), config.probe_every_ms),
            chamber: Chamber::new(&config, kept.council, now).map(Box::new),
            late: Vec::new(),
            stopping: false,
            seed_mail: Vec::new(),
            direct: Direct::new(&config, seed),
            config,
        };
        engine.look_around();
        engine.look_back();
        engine.ask_to_fill();
        if is_new {
            engine.secure_pen();
        }
        engine
    }

    /// Advances by one input and returns what must happen next.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        self.late.clear();
        match input {
            Input::Congested(link, _, frames) => self.congested(link, frames, now),
            Input::Connected(connected) => self.connected(&connected, now),
            Input::DialFailed(address, why) => self.dial_failed(&address, &why, now),
            Input::Disconnected(link, why) => self.disconnected(link, &why, now),
            Input::DoorFound(address, door) => self.door_found(&address, &door, now),
            Input::DoorPushed(address, result) => self.doors.pushed(&address, &result, now),
            Input::Filled(set, kept) => self.filled(set, &kept),
            Input::Frame(link, bytes) => self.frame(link, &bytes, now),
            Input::Glanced(ticket, done) => self.glanced(ticket, done, now),
            Input::Gossip(ticket, from, envelope) => self.gossip(ticket, from, *envelope, now),
            Input::Left(link, class) => self.left(link, class, now),
            Input::Reachable(addresses) => self.reachable(addresses, now),
            Input::Loaded(ticket, _) if self.pen_ticket == Some(ticket) => self.pen_secured(now),
            Input::Loaded(ticket, records) if self.wanted.contains_key(&ticket) => {
                self.hand_over(ticket, records, now);
            }
            Input::Loaded(ticket, _) if self.setting_off.contains_key(&ticket) => {
                self.pieces_set_off(ticket, now);
            }
            Input::Loaded(ticket, records) if self.numbers.is_reading(ticket) => {
                self.rival_read(ticket, records, now);
            }
            Input::Loaded(ticket, records) if self.exchanges.is_loading(ticket) => {
                self.sketch_loaded(ticket, records, now);
            }
            Input::Loaded(ticket, records) if self.chunks.supplier.is_reading(ticket) => {
                self.chunk_loaded(ticket, records, now);
            }
            Input::Loaded(ticket, records) if self.pasts.is_reading(ticket) => {
                self.past_read(ticket, records, now);
            }
            Input::Loaded(ticket, records) => self.loaded(ticket, records, now),
            Input::Tick => self.tick(now),
            Input::Verified(verdicts) => self.verified(verdicts, now),
            Input::Worked(ticket, done) => self.worked(ticket, done, now),
        }
        self.drain()
    }

    /// Takes the effects of what a command did.
    pub fn drain(&mut self) -> Vec<Effect> {
        self.look_through();
        if self.outbox.changes_sets() {
            self.outbox.batch().maps = Some(Box::new(self.sets.maps()));
        }
        let effects = self.outbox.drain();
        self.counters.frames_sent += std::mem::take(&mut self.outbox.frames);
        effects
    }

    /// Returns where the store had lost or changed what the sets rest on, if that was ever seen.
    /// What this engine said since is worth nothing: whoever runs it must stop.
    pub fn lost(&self) -> Option<Digest> {
        self.sets.lost()
    }

    fn filled(&mut self, set: Set, kept: &[Kept]) {
        self.sets.fill(set, kept);
        self.ask_to_fill();
    }

    fn ask_to_fill(&mut self) {
        if let Some((set, from, leaves_max)) = self.sets.filling.wanted() {
            self.outbox.now(Effect::Fill(set, from, leaves_max));
        }
    }

    /// Dials an address now, and again as long as the node runs.
    pub fn add_peer(&mut self, address: Address) {
        self.membership.add_bootstrap(address);
    }

    /// Dials an address that somebody nearby tells of, once: it is remembered only if a node answers (MDNS-4).
    /// Says whether it is dialled.
    pub fn hear_of(&mut self, address: Address, now: Now) -> bool {
        let full = self.config.links_target <= self.links.greeted_len();
        let known = self.membership.is_dialling(&address)
            || self.membership.is_asked(&address)
            || self.membership.is_linked_at(&address);
        if self.stopping || known || self.dials_open() == 0 {
            return false;
        }
        // Two crowds that grew apart meet all the same.
        if full && !self.rumours.take(1, self.config.heartbeat_ms, now.time()) {
            return false;
        }
        self.membership.dial_heard_of(&address, now);
        self.outbox.now(Effect::Dial(address));
        true
    }

    /// Says goodbye to everybody (MEMBER-9). Nothing is dialled or written from now on.
    pub fn leave(&mut self) {
        self.stopping = true;
        for (link, _) in self.links.all() {
            let text = "the node is stopping".to_owned();
            self.outbox.now(Effect::Disconnect(link, Reason::Leaving, text));
        }
    }

    fn frame(&mut self, id: LinkId, bytes: &Bytes, now: Now) {
        self.counters.frames_received += 1;
        let Some(link) = self.links.get_mut(id) else { return };
        if link.is_silent_since(now.mono_ms.saturating_sub(SILENCE_MS)) {
            // It may have been behind a wall until now.
            link.ask.reset();
            self.rounds.hasten(now.after(self.config.compare_ms / 2));
        }
        self.heard(id, now);
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => return self.fault(id, &format!("sent no frame: {error}"), now),
        };
        match frame {
            Frame::Hello(hello) => self.hello(id, *hello, now),
            // Before the hello nobody is there. On a link that lost it, silence ends it.
            _ if !self.links.is_greeted(id) => {}
            Frame::Agreed(cutoff_ms) => self.agreed(id, cutoff_ms),
            Frame::Chunk(chunk) => self.chunk(id, chunk, now),
            Frame::Compare(compare) => self.compare(id, &compare, now),
            Frame::Council(council) => self.council_heard(id, council, now),
            Frame::Direct(direct) => self.direct(id, direct, now),
            Frame::Fetch(fetch) => self.fetch(id, fetch),
            Frame::Goodbye(goodbye) => self.goodbye(id, goodbye, now),
            Frame::Peers(peers) => self.peers(id, peers, now),
            Frame::PeersWanted(wanted) => self.peers_wanted(id, wanted, now),
            Frame::Piece(piece) => self.piece(id, piece, now),
            Frame::Pull(pull) => self.pull(id, pull, now),
            Frame::Ping(ping) => self.ping(id, &ping, now),
            Frame::Pong(pong) => self.pong(id, &pong, now),
            Frame::Push(push) => self.push(id, push, now),
            Frame::Records(records) => self.records(id, records, now),
            Frame::Seed(seed) => self.seed_heard(id, seed),
            Frame::Sketch(sketch) => self.sketch_heard(id, sketch, now),
            Frame::Summary(summary) => self.summary(id, summary, now),
        }
    }

    /// Ends a link whose peer broke the protocol, and keeps away from it for a while.
    fn fault(&mut self, id: LinkId, what: &str, now: Now) {
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        self.counters.refused += 1;
        self.outbox.now(Effect::Report(Event::Refused(Some(peer), what.to_owned())));
        let wait_ms = self.config.redial_max_ms;
        if OUTCASTS_MAX <= self.outcasts.len() {
            let first = self.outcasts.iter().min_by_key(|(_, until)| **until);
            let first = first.map(|(peer, _)| *peer);
            first.and_then(|peer| self.outcasts.remove(&peer));
        }
        self.outcasts.insert(peer, now.after(wait_ms));
        self.hang_up(id, Reason::Misbehaved, what, wait_ms, now);
    }

    fn is_outcast(&self, peer: &NodeId, now: Now) -> bool {
        self.outcasts.get(peer).is_some_and(|until| now.time() < *until)
    }

    /// Closes a link from our side.
    fn hang_up(&mut self, id: LinkId, reason: Reason, why: &str, wait_ms: u64, now: Now) {
        let text: String = why.chars().take(100).collect();
        self.outbox.now(Effect::Disconnect(id, reason, text));
        self.link_gone(id, why, wait_ms, now);
    }

    fn congested(&mut self, id: LinkId, frames: u64, now: Now) {
        self.counters.dropped += frames;
        // What was lost is found by a comparison.
        self.exchanges.congested(id);
        if let Some(link) = self.links.get_mut(id) {
            link.agreed = None;
            // A question may have been among it.
            link.answers.lost();
            link.ask.tried(now.time(), self.config.compare_ms, self.config.heartbeat_ms);
        }
        self.stir(now);
    }

    /// Draws a ticket; the node on top draws its own from here.
    pub fn ticket(&mut self) -> TicketId {
        self.tickets += 1;
        TicketId(self.tickets)
    }

    fn mark_changed(&mut self, now: Now) {
        let last = now.time();
        let first = self.changed.map_or(last, |changed| changed.first);
        self.changed = Some(Changed { first, last });
        self.rounds.entered(now);
        self.stir(now);
    }
}

/// After so much silence a peer that was asked something may be asked again at once.
const SILENCE_MS: u64 = 5_000;
/// Peers kept outside at once.
const OUTCASTS_MAX: usize = 1_024;

/// Finds the profile we signed in an earlier run, if it says what we would say now: then a restart
/// is no news to anybody (MEMBER-12).
fn own_profile(
    book: &[BookRow],
    me: &NodeId,
    network: Digest,
    content: &Content,
) -> Option<Opened> {
    let row = book.iter().find(|row| row.node == *me && row.profile.author == *me)?;
    let opened = Signed::clone(&row.profile).open().ok()?;
    let same = opened.record.network == network && opened.record.content == *content;
    same.then_some(opened)
}

/// What we say of ourselves: the operator's addresses, or those that links have shown.
fn profile_of(config: &Config, local_ips: &BTreeSet<IpAddr>, outer: &[Address]) -> Content {
    let mut addresses = config.public.clone();
    addresses.extend(outer.iter().cloned());
    let mut ips: Vec<&IpAddr> = local_ips.iter().collect();
    ips.sort_by_key(|ip| ip.is_loopback());
    for ip in ips {
        let quic = config.quic_port.map(|port| Multiaddr::quic(*ip, port));
        let tcp = config.tcp_port.map(|port| Multiaddr::tcp(*ip, port));
        let libp2p = quic.into_iter().chain(tcp).map(|it| Address::Libp2p(Box::new(it)));
        let scheme = if config.door_tls { "https" } else { "http" };
        let url = |port| format!("{scheme}://{}", SocketAddr::new(*ip, port));
        let door = config.door_port.map(url);
        addresses.extend(libp2p.chain(door.and_then(|url| url.parse().ok())));
    }
    addresses.truncate(wire::limits::ADDRESSES_MAX);
    Content::Profile(Profile {
        addresses,
        agent: config.agent.clone(),
        capabilities: vec!["gossip/1".to_owned(), "state/1".to_owned()],
    })
}
