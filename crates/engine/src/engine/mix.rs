//! Who is in whose book: profiles go to everybody while the network is small, and are mixed by
//! random walks and shuffles beyond (MEMBER-2, MEMBER-3, MEMBER-10).

use wire::{Carried, Frame, Opened, Peers, PeersWanted, Signed, TreeId, limits};

use super::Engine;
use crate::intake::{Arrival, Source, Spread};
use crate::outbox::{Parcel, When, into_frames};
use crate::sets::Standing;
use crate::{LinkId, Now, Time};

/// What goes on between address books.
#[derive(Debug)]
pub(super) struct Mix {
    shuffle_at: Time,
    shuffle_wait_ms: u64,
    /// Whether a profile that was handed to us was new, since the last shuffle.
    news: bool,
    /// How many more answers without news we take before new links are no longer asked.
    hunger: u8,
}

impl Mix {
    pub(super) fn new(first: Time, shuffle_ms: u64) -> Self {
        Self { shuffle_at: first, shuffle_wait_ms: shuffle_ms, news: true, hunger: HUNGER }
    }

    pub(super) fn deadline(&self) -> Time {
        self.shuffle_at
    }

    /// Asks everybody again: we were alone.
    pub(super) fn starve(&mut self) {
        self.hunger = HUNGER;
    }
}

impl Engine {
    /// Says whether we know so few that all shall know each other.
    pub(super) fn is_small_world(&self) -> bool {
        let known = self.membership.book().len();
        known < self.config.passive_target.min(self.config.book_max)
    }

    /// Judges a profile before its signature is checked. In a large world each link may bring a
    /// bounded number of new ones, so that nobody fills our book with its friends (MEMBER-10).
    pub(super) fn profile_standing(&mut self, arrival: &Arrival, now: Now) -> Standing {
        if !self.membership.is_news(&arrival.opened, now) {
            return Standing::Held;
        }
        let small = self.is_small_world();
        let (author, shuffle_ms) = (arrival.opened.signed.author, self.config.shuffle_ms);
        let link = match arrival.source {
            Source::Door(_) => None,
            Source::Link(id) => self.links.get_mut(id),
        };
        if let Some(link) = link
            && !small
            && author != link.peer
            && !link.profiles.take(PROFILES_PER_SHUFFLE, shuffle_ms, now.time())
        {
            return Standing::Held;
        }
        self.mix.news = true;
        Standing::New
    }

    /// Takes a genuine profile in. Returns to whom it is passed on: to random links while all know
    /// each other, else to a single one, for a few hops.
    pub(super) fn meet(
        &mut self,
        opened: &Opened,
        carried: Carried,
        spread: Spread,
        sources: &[Source],
        now: Now,
    ) -> Option<Parcel> {
        let small = self.is_small_world();
        if !self.learn(opened, now) || spread != Spread::Push || carried.ttl == 0 {
            return None;
        }
        if small {
            return Some(self.pass_on(carried, sources));
        }
        let ttl = carried.ttl.min(self.config.walk_hops);
        Some(self.walk_on(Carried { ttl, ..carried }, sources))
    }

    pub(super) fn peers(&mut self, id: LinkId, peers: Peers, now: Now) {
        let Peers { profiles, answer_wanted } = peers;
        let Some(link) = self.links.get(id) else { return };
        let peer = link.peer;
        if answer_wanted && self.may_hand_out(id, now) {
            let sample = self.membership.sample(&peer, SHUFFLE_PROFILES, &mut self.random);
            self.outbox.send(id, &into_peers(sample));
        }
        self.tipped(id, &profiles);
        let before = std::mem::take(&mut self.mix.news);
        for profile in profiles {
            if !self.membership.has_profile(&profile) {
                self.arrive_profile(id, profile, Spread::Quiet, now);
            }
        }
        self.mix.hunger = if self.mix.news { HUNGER } else { self.mix.hunger.saturating_sub(1) };
        self.mix.news |= before;
    }

    /// Hands profiles to a node that knows few; in a large world others hear of it as well.
    pub(super) fn peers_wanted(&mut self, id: LinkId, wanted: PeersWanted, now: Now) {
        if !self.may_hand_out(id, now) {
            return;
        }
        match wanted {
            PeersWanted::Any => {}
            PeersWanted::Near => return self.name_the_nearest(id),
        }
        self.hand_out_peers(id);
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        if self.is_small_world() {
            return;
        }
        let Some(known) = self.membership.book().get(&peer) else { return };
        let carried = Carried {
            signed: Signed::clone(known.signed()),
            ttl: self.config.walk_hops,
            hops: 0,
            tree: TreeId::default(),
        };
        let parcel = self.walk_on(carried, &[Source::Link(id)]);
        self.outbox.push(When::AtOnce, vec![parcel]);
    }

    /// Passes a profile on to a single link: one step of a random walk.
    fn walk_on(&mut self, carried: Carried, sources: &[Source]) -> Parcel {
        let parcel = self.pass_on(carried, sources);
        let links = self.random.pick(parcel.links, 1);
        Parcel { links, ..parcel }
    }

    pub(super) fn hand_out_peers(&mut self, id: LinkId) {
        let Some(link) = self.links.get(id) else { return };
        let profiles = self.membership.sample(&link.peer, PEERS_HANDED, &mut self.random);
        for frame in into_frames(profiles, Signed::size, into_peers) {
            self.outbox.send(id, &frame);
        }
    }

    /// Asks a new neighbour whom it knows, while that brings something.
    pub(super) fn ask_if_hungry(&mut self, id: LinkId) {
        if self.is_small_world() && 0 < self.mix.hunger {
            self.outbox.send(id, &Frame::PeersWanted(PeersWanted::Any));
        }
    }

    /// Exchanges a few profiles with one link, our own among them (MEMBER-10).
    pub(super) fn shuffle(&mut self, now: Now) {
        if now.time() < self.mix.shuffle_at {
            return;
        }
        let (first_ms, most_ms) = (self.config.shuffle_ms, self.config.shuffle_ms * 10);
        let wait_ms = if self.mix.news { first_ms } else { self.mix.shuffle_wait_ms * 2 };
        self.mix.shuffle_wait_ms = wait_ms.min(most_ms);
        self.mix.news = false;
        self.mix.shuffle_at = now.after(self.random.jitter(self.mix.shuffle_wait_ms));
        if self.pen_ticket.is_some() {
            return;
        }
        let Some(id) = self.random.pick(self.links.greeted_ids(), 1).pop() else { return };
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        let mut profiles = self.membership.sample(&peer, SHUFFLE_PROFILES - 1, &mut self.random);
        profiles.push(self.profile.signed.clone());
        self.outbox.send(id, &Frame::Peers(Peers { profiles, answer_wanted: true }));
    }

    pub(super) fn arrive_profile(&mut self, id: LinkId, signed: Signed, spread: Spread, now: Now) {
        match signed.open() {
            Ok(opened) => {
                let source = Source::Link(id);
                let (ttl, hops, tree) = (self.config.ttl, 0, TreeId::default());
                self.arrive(Arrival { opened, ttl, hops, spread, source, tree }, now);
            }
            Err(error) => self.fault(id, &format!("sent no profile: {error}"), now),
        }
    }

    /// A small question brings a large answer: a few in a while is enough.
    fn may_hand_out(&mut self, id: LinkId, now: Now) -> bool {
        let link = self.links.get_mut(id);
        link.is_some_and(|link| link.handed.take(HANDED_MAX, HANDED_MS, now.time()))
    }
}

fn into_peers(profiles: Vec<Signed>) -> Frame {
    Frame::Peers(Peers { profiles, answer_wanted: false })
}

/// Profiles in one half of a shuffle.
const SHUFFLE_PROFILES: usize = 8;
/// Profiles handed to a node that asks or that we have no place for.
const PEERS_HANDED: usize = 24;
const _: () = assert!(PEERS_HANDED <= limits::PEERS_MAX);
/// New profiles that one link may bring into a full book in the time of a shuffle: what we asked
/// for, and some walks.
const PROFILES_PER_SHUFFLE: u32 = 40;
/// Answers without news after which new neighbours are not asked any more.
const HUNGER: u8 = 4;
/// Answers to one link in ten seconds.
const HANDED_MAX: u32 = 4;
const HANDED_MS: u64 = 10_000;
