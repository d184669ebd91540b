//! Seeds: what others offer to know, and what the people here take in.
//!
//! A description travels to everybody; the content goes only to who planted it, piece by piece, from
//! whoever holds it (docs/decisions/0026-seeds.md). Nothing is planted, opened or applied by itself.

mod decision;
mod fetch;
mod offer;
mod pieces;
mod server;
mod shelf;
pub mod text;
mod tree;
mod turn;

use std::collections::{BTreeMap, BTreeSet};

use engine::{Accepted, LinkId, Now, SeedMail, Time};
use wire::{Content, Digest, NodeId, RecordId, Seed, SeedId, SeedPiece, SeedRefusal, SeedStep};

pub use decision::SeedDecision;
use fetch::{Acts, Fetch};
pub use offer::{ABOUT_BYTES_MAX, Brief, COLLECTION, Offer, TOPIC, entry};
pub use pieces::Pieces;
use server::{Order, Server};
use shelf::Row;
pub use shelf::{Choice, Shelved};
pub use tree::{Shape, Tree, offset, piece_hash, whole_hash};

/// How much of the machine seeds may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Bytes of disk for all contents here, those on their way included. Nobody makes room: what does not
    /// fit is refused.
    pub disk_bytes_max: u64,
    /// Bytes a second that each link gets of us.
    pub bytes_per_s: u64,
}

/// All seeds that this node knows of. Bounds: [`OFFERS_MAX`] offers, [`OFFERS_EACH_MAX`] of one seed, those
/// that expire first make room; [`HOLDERS_EACH_MAX`] holders of one seed and [`HELD_ABROAD_MAX`] seeds of
/// which holders are known; [`SHELF_MAX`] decisions, one more is refused.
#[derive(Debug)]
pub struct Seeds {
    budget: Budget,
    me: NodeId,
    /// Which holders are remembered nobody else can foresee.
    key: [u8; 32],
    offers: BTreeMap<SeedId, BTreeMap<RecordId, Offer>>,
    holders: BTreeMap<SeedId, BTreeSet<NodeId>>,
    shelf: BTreeMap<SeedId, Shelved>,
    fetches: BTreeMap<SeedId, Fetch>,
    server: Server,
    wishes: Vec<SeedWish>,
    says: Vec<(LinkId, Seed)>,
    changed: BTreeMap<String, Option<Vec<u8>>>,
}

/// What the node wants of whoever keeps the files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeedWish {
    /// Make room for a content, or look which pieces of it are here.
    Open {
        /// Which.
        id: SeedId,
        /// How it hashes.
        shape: Shape,
    },
    /// Write a piece that was checked, and its hash beside it.
    Write {
        /// Of which.
        id: SeedId,
        /// What.
        piece: Box<SeedPiece>,
    },
    /// Look at all of it, and keep it.
    Finish {
        /// Which.
        id: SeedId,
        /// How it hashes.
        shape: Shape,
    },
    /// Read a piece, and what proves it.
    Read {
        /// Of which.
        id: SeedId,
        /// How it hashes.
        shape: Shape,
        /// Its place.
        index: u32,
        /// Who wants it.
        link: LinkId,
    },
    /// Forget a content.
    Remove(SeedId),
}

/// What whoever keeps the files has done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeedFact {
    /// These pieces are here, or why nobody can tell.
    Opened(SeedId, Result<Pieces, String>),
    /// A piece is written, or why not.
    Written(SeedId, u32, Result<(), String>),
    /// All of it is here and on disk, or why not.
    Finished(SeedId, Result<(), String>),
    /// A piece for a link; `None` where it is not here, or damaged.
    Read(LinkId, SeedId, Option<Box<SeedPiece>>),
}

/// What became of seeds in a turn, for the rest of the node.
#[derive(Debug, Default)]
pub struct SeedTurn {
    /// To do for whoever keeps the files, in order.
    pub wishes: Vec<SeedWish>,
    /// To say.
    pub says: Vec<(LinkId, Seed)>,
    /// Nodes that should be linked.
    pub reach: Vec<NodeId>,
    /// Links that carry something.
    pub keep: Vec<LinkId>,
    /// Who sent what is no piece, and of which seed.
    pub blame: Vec<(LinkId, NodeId, SeedId)>,
}

/// A seed as the people here see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeedView {
    /// Its name.
    pub id: SeedId,
    /// What was said of it: by the offer decided on, else by the first that stands.
    pub brief: Brief,
    /// The offers that stand.
    pub offers: Vec<Offer>,
    /// What was decided here.
    pub shelved: Option<Shelved>,
    /// Nodes that say they hold it, ourselves included.
    pub holders: Vec<NodeId>,
    /// How far it is, while it is on its way.
    pub progress: Option<Progress>,
}

/// How far a planted seed is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Pieces that are here.
    pub pieces: u32,
    /// Of so many.
    pub of: u32,
    /// Nodes that are asked at the moment.
    pub asked: usize,
    /// Who sent what was no piece of it, and how often.
    pub refused: Vec<(NodeId, u32)>,
    /// Why the disk does not go on.
    pub failed: Option<String>,
}

/// What seeds take of the disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Bytes of contents that are here or on their way.
    pub used_bytes: u64,
    /// The most.
    pub max_bytes: u64,
}

/// Why something about seeds cannot be. Nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SeedError {
    /// Too long, or not on one line.
    #[error("what is said about a seed has at most {ABOUT_BYTES_MAX} bytes of JSON on one line")]
    About,
    /// It does not fit.
    #[error(
        "it takes {need_bytes} bytes and {left_bytes} of {max_bytes} are left for seeds: uproot one, or \
         raise seeds.disk_mib"
    )]
    Budget {
        /// What it takes.
        need_bytes: u64,
        /// What is left.
        left_bytes: u64,
        /// Of so much.
        max_bytes: u64,
    },
    /// Said twice.
    #[error("it is composted already: plant it, if you want it after all")]
    Composted,
    /// Nobody offers it any more.
    #[error("nobody offers it any more: ask for a new offer, then try again")]
    Expired,
    /// Nothing to do.
    #[error("all of it is here already: see `trellis seed show`")]
    Held,
    /// Not a moment, not for ever.
    #[error("later is from a second to {} days", LATER_MS_MAX / 86_400_000)]
    Lasts,
    /// Too many decisions.
    #[error("{SHELF_MAX} seeds were decided on here, the most a node remembers: uproot some")]
    Many,
    /// It is not here.
    #[error("it is not planted here: there is nothing to uproot")]
    NotHere,
    /// It is here or on its way.
    #[error("it is planted here: uproot it first")]
    Planted,
    /// Planted, and not here yet.
    #[error("it is planted and on its way already: see `trellis seed show`")]
    Planting,
    /// Empty, or too large.
    #[error("a seed has 1 to {} bytes: split what is larger", wire::limits::SEED_BYTES_MAX)]
    Size,
    /// Too many on their way.
    #[error("{PLANTING_MAX} seeds are on their way: wait for one of them, or uproot it")]
    Slow,
    /// No such seed.
    #[error(
        "no seed of that name was offered here, or its offer has expired: see `trellis seed list`"
    )]
    Unknown,
}

impl Default for Budget {
    fn default() -> Self {
        Self { disk_bytes_max: 2 << 30, bytes_per_s: 1 << 20 }
    }
}

impl Seeds {
    /// Wakes up with the rows that were kept.
    pub fn new(
        rows: &[(String, Vec<u8>)],
        budget: Budget,
        me: NodeId,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let mut seeds = Self {
            budget,
            me,
            key: Digest::of("trellis-seed-holders-v1", &[&seed]).0,
            offers: BTreeMap::new(),
            holders: BTreeMap::new(),
            shelf: BTreeMap::new(),
            fetches: BTreeMap::new(),
            server: Server::new(budget.bytes_per_s),
            wishes: Vec::new(),
            says: Vec::new(),
            changed: BTreeMap::new(),
        };
        for (name, value) in rows.iter().filter(|(name, _)| shelf::is_ours(name)) {
            match shelf::decode(name, value) {
                Some(Row::Holder(id, node)) => {
                    seeds.holders.entry(id).or_default().insert(node);
                }
                Some(Row::Offer(offer)) => {
                    let id = offer.brief.shape.id();
                    seeds.offers.entry(id).or_default().insert(offer.id, offer);
                }
                Some(Row::Shelved(id, it)) => {
                    if it.choice == Choice::Planting {
                        seeds.fetches.insert(id, Fetch::new(it.brief.shape, now));
                    }
                    seeds.shelf.insert(id, it);
                }
                None => tracing::error!(name, "the row of a seed cannot be read: it is not shown"),
            }
        }
        seeds
    }

    /// Takes a record that entered: an offer, or that somebody holds a seed (SEED-1, SEED-2).
    pub fn hear(&mut self, accepted: &Accepted, now: Now) {
        if let Content::Entry(entry) = &accepted.record.content {
            if entry.collection == COLLECTION
                && let Some(id) = Digest::from_hex(&entry.name)
            {
                let author = accepted.carried.signed.author;
                match &entry.value {
                    Some(_) => self.note_holder(id, author),
                    None => self.forget_holder(id, author),
                }
            }
            return;
        }
        if let Some(offer) = Offer::of(accepted)
            && offer.stands(now.unix_ms)
        {
            let id = offer.brief.shape.id();
            self.changed
                .insert(shelf::offer_name(&id, &offer.id), Some(shelf::encode_offer(&offer)));
            self.offers.entry(id).or_default().insert(offer.id, offer);
            self.forget_offers(id, now);
        }
    }

    /// Returns the names of contents that are here or on their way; whoever keeps the files keeps no others.
    pub fn kept(&self) -> Vec<SeedId> {
        self.here().map(|(id, _)| *id).collect()
    }

    /// Says whether something can be offered from here (SEED-1).
    pub fn check_offer(&self, brief: &Brief) -> Result<(), SeedError> {
        brief.check()?;
        let id = brief.shape.id();
        match self.shelf.get(&id).map(|it| it.choice) {
            Some(Choice::Held) => Ok(()),
            Some(Choice::Planting) => Err(SeedError::Planting),
            Some(Choice::Composted | Choice::Later(_)) | None => self.check_room(&id, brief.shape),
        }
    }

    /// Notes that a content of ours is here, for others to have. Its file was written before.
    pub fn keep(&mut self, brief: Brief, by: &str, now: Now) {
        let id = brief.shape.id();
        self.holders.entry(id).or_default().insert(self.me);
        self.changed.insert(shelf::holder_name(&id, &self.me), Some(Vec::new()));
        self.put(id, Choice::Held, brief, by, now);
    }

    /// Says whether a seed can be planted (SEED-4).
    pub fn check_plant(&self, id: &SeedId, now: Now) -> Result<(), SeedError> {
        let brief = self.brief(id, now)?;
        match self.shelf.get(id).map(|it| it.choice) {
            Some(Choice::Held) => return Err(SeedError::Held),
            Some(Choice::Planting) => return Err(SeedError::Planting),
            Some(Choice::Composted | Choice::Later(_)) | None => {}
        }
        if PLANTING_MAX <= self.fetches.len() {
            return Err(SeedError::Slow);
        }
        self.check_room(id, brief.shape)
    }

    /// Begins to fetch what somebody planted.
    pub fn plant(&mut self, id: &SeedId, by: &str, now: Now) -> Result<(), SeedError> {
        self.check_plant(id, now)?;
        let brief = self.brief(id, now)?.clone();
        self.fetches.insert(*id, Fetch::new(brief.shape, now));
        self.put(*id, Choice::Planting, brief, by, now);
        Ok(())
    }

    /// Says whether a seed can be composted.
    pub fn check_compost(&self, id: &SeedId, now: Now) -> Result<(), SeedError> {
        match self.shelf.get(id).map(|it| it.choice) {
            Some(Choice::Composted) => Err(SeedError::Composted),
            Some(Choice::Held | Choice::Planting) => Err(SeedError::Planted),
            Some(Choice::Later(_)) | None => {
                self.brief(id, now)?;
                self.check_places(id)
            }
        }
    }

    /// Nobody here is asked about it again.
    pub fn compost(&mut self, id: &SeedId, by: &str, now: Now) -> Result<(), SeedError> {
        self.check_compost(id, now)?;
        let brief = self.brief(id, now)?.clone();
        self.put(*id, Choice::Composted, brief, by, now);
        Ok(())
    }

    /// Says whether somebody can be asked again later.
    pub fn check_later(&self, id: &SeedId, life_ms: u64, now: Now) -> Result<(), SeedError> {
        if !(1_000..=LATER_MS_MAX).contains(&life_ms) {
            return Err(SeedError::Lasts);
        }
        match self.shelf.get(id).map(|it| it.choice) {
            Some(Choice::Held | Choice::Planting) => Err(SeedError::Planted),
            Some(Choice::Composted | Choice::Later(_)) | None => {
                self.brief(id, now)?;
                self.check_places(id)
            }
        }
    }

    /// Somebody is asked again after that time.
    pub fn later(
        &mut self,
        id: &SeedId,
        life_ms: u64,
        by: &str,
        now: Now,
    ) -> Result<(), SeedError> {
        self.check_later(id, life_ms, now)?;
        let brief = self.brief(id, now)?.clone();
        self.put(*id, Choice::Later(now.unix_ms.saturating_add(life_ms)), brief, by, now);
        Ok(())
    }

    /// Says whether there is something to uproot.
    pub fn check_uproot(&self, id: &SeedId) -> Result<(), SeedError> {
        match self.shelf.get(id).map(|it| it.choice) {
            Some(Choice::Held | Choice::Planting) => Ok(()),
            Some(Choice::Composted | Choice::Later(_)) => Err(SeedError::NotHere),
            None if self.offers.contains_key(id) => Err(SeedError::NotHere),
            None => Err(SeedError::Unknown),
        }
    }

    /// Forgets a content, and that it was decided on.
    pub fn uproot(&mut self, id: &SeedId) -> Result<(), SeedError> {
        self.check_uproot(id)?;
        self.shelf.remove(id);
        self.fetches.remove(id);
        self.changed.insert(shelf::shelf_name(id), None);
        self.forget_holder(*id, self.me);
        self.wishes.push(SeedWish::Remove(*id));
        Ok(())
    }

    /// Counts those that wait for somebody here.
    pub fn open(&self, now: Now) -> usize {
        let stands = |id: &&SeedId| self.brief(id, now).is_ok() && self.waits(id, now);
        self.offers.keys().filter(stands).count()
    }

    /// Says whether a seed waits for somebody here.
    pub fn waits(&self, id: &SeedId, now: Now) -> bool {
        match self.shelf.get(id).map(|it| it.choice) {
            Some(Choice::Composted | Choice::Held | Choice::Planting) => false,
            Some(Choice::Later(until_ms)) => until_ms <= now.unix_ms,
            None => true,
        }
    }

    /// Returns all that is offered or was decided on, by name.
    pub fn all(&self, now: Now) -> Vec<SeedView> {
        let ids: BTreeSet<&SeedId> = self.offers.keys().chain(self.shelf.keys()).collect();
        ids.into_iter().filter_map(|id| self.view(id, now)).collect()
    }

    /// Returns one.
    pub fn get(&self, id: &SeedId, now: Now) -> Result<SeedView, SeedError> {
        self.view(id, now).ok_or(SeedError::Unknown)
    }

    /// Returns what they take of the disk.
    pub fn usage(&self) -> Usage {
        let used_bytes = self.here().map(|(_, it)| it.brief.shape.size).sum();
        Usage { used_bytes, max_bytes: self.budget.disk_bytes_max }
    }

    /// Returns the rows that must be on disk with the record that made them.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    fn view(&self, id: &SeedId, now: Now) -> Option<SeedView> {
        let shelved = self.shelf.get(id).cloned();
        let offers = self.offers.get(id).into_iter().flat_map(BTreeMap::values);
        let mut offers: Vec<Offer> = offers.filter(|it| it.stands(now.unix_ms)).cloned().collect();
        offers.sort_by_key(|it| (it.created_ms, it.id));
        let brief = shelved.as_ref().map(|it| &it.brief).or(offers.first().map(|it| &it.brief))?;
        let progress = self.fetches.get(id).map(|it| Progress {
            pieces: it.have.len(),
            of: it.shape.pieces(),
            asked: it.asked_len(),
            refused: it.refused.iter().map(|(node, count)| (*node, *count)).collect(),
            failed: it.failed.clone(),
        });
        let holders = self.holders.get(id).into_iter().flatten().copied().collect();
        Some(SeedView { id: *id, brief: brief.clone(), offers, shelved, holders, progress })
    }

    /// What is here or on its way.
    fn here(&self) -> impl Iterator<Item = (&SeedId, &Shelved)> {
        let here = |it: &Shelved| match it.choice {
            Choice::Held | Choice::Planting => true,
            Choice::Composted | Choice::Later(_) => false,
        };
        self.shelf.iter().filter(move |(_, it)| here(it))
    }

    fn brief(&self, id: &SeedId, now: Now) -> Result<&Brief, SeedError> {
        let offers = self.offers.get(id).ok_or(SeedError::Unknown)?;
        let standing = offers.values().filter(|it| it.stands(now.unix_ms));
        let first = standing.min_by_key(|it| (it.created_ms, it.id));
        first.map(|it| &it.brief).ok_or(SeedError::Expired)
    }

    fn check_places(&self, id: &SeedId) -> Result<(), SeedError> {
        let full = SHELF_MAX <= self.shelf.len() && !self.shelf.contains_key(id);
        if full { Err(SeedError::Many) } else { Ok(()) }
    }

    fn check_room(&self, id: &SeedId, shape: Shape) -> Result<(), SeedError> {
        self.check_places(id)?;
        let Usage { used_bytes, max_bytes } = self.usage();
        let left_bytes = max_bytes.saturating_sub(used_bytes);
        if shape.size <= left_bytes {
            return Ok(());
        }
        Err(SeedError::Budget { need_bytes: shape.size, left_bytes, max_bytes })
    }

    fn put(&mut self, id: SeedId, choice: Choice, brief: Brief, by: &str, now: Now) {
        let shelved = Shelved { choice, by: by.to_owned(), at_ms: now.unix_ms, brief };
        self.changed.insert(shelf::shelf_name(&id), Some(shelf::encode_shelved(&shelved)));
        self.shelf.insert(id, shelved);
    }

    fn note_holder(&mut self, id: SeedId, node: NodeId) {
        let known = self.holders.contains_key(&id);
        if !known && HELD_ABROAD_MAX <= self.holders.len() {
            return;
        }
        let holders = self.holders.entry(id).or_default();
        if !holders.insert(node) {
            return;
        }
        self.changed.insert(shelf::holder_name(&id, &node), Some(Vec::new()));
        if HOLDERS_EACH_MAX < holders.len() {
            // Whoever makes keys cannot foresee which of them stay.
            let (me, key) = (self.me, self.key);
            let others = holders.iter().filter(|it| **it != me);
            let rank = |it: &&NodeId| Digest::of("holder", &[&key, &id.0, it.as_bytes()]);
            if let Some(last) = others.max_by_key(rank).copied() {
                self.forget_holder(id, last);
            }
        }
    }

    fn forget_holder(&mut self, id: SeedId, node: NodeId) {
        let Some(holders) = self.holders.get_mut(&id) else { return };
        if holders.remove(&node) {
            self.changed.insert(shelf::holder_name(&id, &node), None);
        }
        if holders.is_empty() {
            self.holders.remove(&id);
        }
    }

    /// Forgets offers that have expired, and what must make room.
    fn forget_offers(&mut self, id: SeedId, now: Now) {
        let first = |all: &mut dyn Iterator<Item = &Offer>| {
            all.min_by_key(|it| (it.expires_ms, it.id)).map(|it| (it.brief.shape.id(), it.id))
        };
        let all = self.offers.values().flat_map(BTreeMap::values);
        let expired = all.filter(|it| !it.stands(now.unix_ms));
        let mut gone: Vec<_> = expired.map(|it| (it.brief.shape.id(), it.id)).collect();
        let mut of_one = self.offers.get(&id).into_iter().flat_map(BTreeMap::values);
        if OFFERS_EACH_MAX < self.offers.get(&id).map_or(0, BTreeMap::len) {
            gone.extend(first(&mut of_one));
        }
        let mut all = self.offers.values().flat_map(BTreeMap::values);
        if OFFERS_MAX + gone.len() < self.offers.values().map(BTreeMap::len).sum() {
            gone.extend(first(&mut all));
        }
        for (id, offer) in gone {
            self.changed.insert(shelf::offer_name(&id, &offer), None);
            if let Some(offers) = self.offers.get_mut(&id) {
                offers.remove(&offer);
                if offers.is_empty() {
                    self.offers.remove(&id);
                }
            }
        }
    }
}

/// Offers kept.
pub const OFFERS_MAX: usize = 4_096;
/// Offers kept of one seed.
pub const OFFERS_EACH_MAX: usize = 16;
/// Holders remembered of one seed.
pub const HOLDERS_EACH_MAX: usize = 64;
/// Seeds of which holders are remembered.
pub const HELD_ABROAD_MAX: usize = 8_192;
/// Seeds decided on.
pub const SHELF_MAX: usize = 4_096;
/// Seeds on their way at once.
pub const PLANTING_MAX: usize = 4;
/// Longest "later": 30 days.
pub const LATER_MS_MAX: u64 = 30 * 86_400_000;

#[cfg(test)]
mod tests;
