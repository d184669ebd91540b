//! What a node fetches that lacks most of the state: which chunks it wishes, of whom, and what has come.
//!
//! A wish is a prefix, mostly with the hash of all that stands under it. Who is asked sends that in a chunk, or
//! says of which parts it consists, and these become wishes (SNAP-2). Each chunk and each list of parts is
//! checked alone, against the hash that was wished (SNAP-3), so that it may come from anybody.
//!
//! Bounds: [`WISHES_MAX`] wishes ever, [`UNDER_WAY_MAX`] chunks asked for or waiting for their signatures
//! to be checked, [`PER_LINK_MAX`] of them of one peer. Wishes beyond are left to a comparison.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use merkle::{Leaf, Map, Prefix, join};
use wire::{ChunkPart, Digest, Item, Opened, RecordId, limits};

use crate::horizon::Line;
use crate::{Joining, LinkId, Now, Time};

/// One run, from the first wish to the last.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// The checkpoint that is fetched; `None` for what peers happen to hold.
    height: Option<u64>,
    purpose: Purpose,
    /// What is older than this and not in the checkpoint is dropped (STATE-10); `None` where there is no checkpoint, or
    /// deletions are kept for ever.
    line: Option<Line>,
    /// Who is asked what there is at all.
    pub(crate) lister: LinkId,
    /// When the first wish is made.
    start_at: Time,
    /// What is wished and not asked for, the next one last.
    wishes: Vec<Wish>,
    asked: BTreeMap<u32, Asked>,
    /// Chunks that are whole and wait for room among the signatures that are checked.
    whole: VecDeque<Whole>,
    suppliers: BTreeMap<LinkId, Supplier>,
    /// Wishes ever, which numbers them.
    wished: u32,
    /// Entries there are, and those in ranges that have come or were here.
    entries: u64,
    held: u64,
    /// Those that came.
    pub(crate) came: u64,
    begun: Time,
    /// When a chunk was whole last.
    progress: Time,
}

/// Why chunks are fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// We lack most of the state: whatever there is will do.
    Join,
    /// Our state is not the checkpoint's: nothing but that will do.
    Mend,
}

/// A prefix whose entries are wished.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Wish {
    prefix: Prefix,
    /// Of all under it; `None` for whatever a peer holds there.
    hash: Option<Digest>,
    /// Whether that follows from the checkpoint.
    signed: bool,
    /// Entries under it, as far as it is known.
    count: u64,
    /// Who does not hold it, or did not send it.
    tried: BTreeSet<LinkId>,
    /// How often part of it was lost on its way.
    lost: u8,
}

#[derive(Debug)]
struct Asked {
    link: LinkId,
    wish: Wish,
    at: Time,
    heard: Time,
    bytes: usize,
    records: Vec<(Leaf, Opened)>,
    items: Vec<Leaf>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Supplier {
    /// Asked for nothing until then.
    rests_until: Time,
}

/// A chunk that is what was wished.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) link: LinkId,
    pub(crate) records: Vec<Opened>,
    /// Places whose records did not come with it.
    pub(crate) keys: Vec<Digest>,
    /// All that the checkpoint has there, and behind which line that is all there is.
    pub(crate) past: Option<(Line, Signed)>,
}

/// All that a checkpoint has under a prefix.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) prefix: Prefix,
    pub(crate) leaves: BTreeMap<Digest, RecordId>,
}

/// The checkpoint that is fetched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) height: u64,
    pub(crate) root: Digest,
    pub(crate) entries: u64,
    /// Behind which all that there is, is in it.
    pub(crate) line: Option<Line>,
}

/// A question for a peer.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Question {
    pub(crate) link: LinkId,
    pub(crate) wish: u32,
    pub(crate) prefix: Prefix,
    pub(crate) hash: Option<Digest>,
}

/// What a peer said that no honest one would.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lie(pub(crate) &'static str);

/// Part of an answer.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) records: Vec<(Leaf, Opened)>,
    pub(crate) items: Vec<Item>,
    pub(crate) last: bool,
    /// How many records and items came before.
    pub(crate) from: u32,
}

impl Newcomer {
    /// Begins; `lister` has more than we do.
    pub(crate) fn begin(lister: LinkId, entries: u64, start_at: Time, now: Now) -> Self {
        Self {
            height: None,
            purpose: Purpose::Join,
            line: None,
            lister,
            start_at,
            wishes: Vec::new(),
            asked: BTreeMap::new(),
            whole: VecDeque::new(),
            suppliers: BTreeMap::from([(lister, Supplier::default())]),
            wished: 0,
            entries,
            held: 0,
            came: 0,
            begun: now.time(),
            progress: now.time(),
        }
    }

    /// Begins to make our state what a checkpoint's is, from all that are linked; the first of them has it.
    pub(crate) fn mend(links: &[LinkId], wanted: Wanted, now: Now) -> Option<Self> {
        let mut newcomer = Self::begin(*links.first()?, wanted.entries, now.time(), now);
        newcomer.purpose = Purpose::Mend;
        links.iter().for_each(|link| newcomer.supplied_by(*link));
        newcomer.start(Some(wanted), now);
        Some(newcomer)
    }

    /// Returns why this is done.
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the checkpoint that was fetched.
    pub(crate) fn height(&self) -> Option<u64> {
        self.height
    }

    /// Says whether the first wish is due.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.wished == 0 && self.wishes.is_empty() && self.start_at <= now.time()
    }

    /// Makes the first wish: the state of a checkpoint, or all that the lister holds.
    pub(crate) fn start(&mut self, checkpoint: Option<Wanted>, now: Now) {
        self.height = checkpoint.map(|it| it.height);
        self.line = checkpoint.and_then(|it| it.line);
        self.entries = checkpoint.map_or(self.entries, |it| it.entries);
        self.progress = now.time();
        let hash = checkpoint.map(|it| it.root);
        self.wish(Wish::new(Prefix::ALL, hash, self.entries, hash.is_some()));
    }

    /// Notes that a peer has more than we do.
    pub(crate) fn supplied_by(&mut self, link: LinkId) {
        self.suppliers.entry(link).or_default();
    }

    /// Forgets a link; what it was asked for is wished again.
    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.suppliers.remove(&link);
        for number in self.asked_of(link) {
            self.ask_another(number);
        }
    }

    /// Says whether nothing is left to be asked for.
    pub(crate) fn is_done(&self) -> bool {
        let idle = self.wishes.is_empty() && self.asked.is_empty() && self.whole.is_empty();
        0 < self.wished && idle
    }

    /// Says whether nothing came for too long, or nobody is left.
    pub(crate) fn is_stalled(&self, now: Now) -> bool {
        let stalled = self.whole.is_empty() && self.progress.0 + STALLED_MS <= now.mono_ms;
        stalled || self.suppliers.is_empty()
    }

    /// Says whether most of what was promised has come, or was here.
    pub(crate) fn was_worth_it(&self) -> bool {
        self.entries / 2 <= self.held
    }

    /// Chooses what is asked now, and of whom.
    pub(crate) fn ask(&mut self, now: Now) -> Vec<Question> {
        for supplier in self.suppliers.values_mut() {
            if supplier.rests_until <= now.time() {
                supplier.rests_until = Time::default();
            }
        }
        let mut questions = Vec::new();
        while self.asked.len() + self.whole.len() < UNDER_WAY_MAX {
            let Some((at, link)) = self.choose(now) else { break };
            let wish = self.wishes.remove(at);
            self.wished += 1;
            let Wish { prefix, hash, .. } = wish;
            questions.push(Question { link, wish: self.wished, prefix, hash });
            let (at, heard) = (now.time(), now.time());
            let (records, items) = (Vec::new(), Vec::new());
            let asked = Asked { link, wish, at, heard, bytes: 0, records, items };
            self.asked.insert(self.wished, asked);
        }
        questions
    }

    /// Finds a wish near the end of the list that somebody can be asked for: the least busy one.
    fn choose(&mut self, now: Now) -> Option<(usize, LinkId)> {
        let mut at = self.wishes.len();
        let last = at.saturating_sub(LOOKED_AT);
        while last < at {
            at -= 1;
            if self.suppliers.keys().all(|link| self.wishes[at].tried.contains(link)) {
                if self.wishes[at].hash.is_none() || self.purpose == Purpose::Mend {
                    // Nobody sends it: a comparison will tell, or the next checkpoint.
                    self.wishes.remove(at);
                    continue;
                }
                // Nobody holds that any more: whatever they hold now, then (SNAP-4).
                self.wishes[at].hash = None;
                self.wishes[at].signed = false;
                self.wishes[at].tried.clear();
            }
            if let Some(link) = self.supplier_for(&self.wishes[at], now) {
                return Some((at, link));
            }
        }
        None
    }

    fn supplier_for(&self, wish: &Wish, now: Now) -> Option<LinkId> {
        // Whatever there is at all, one peer says: the one that has shown us that it is much.
        let is_list = wish.hash.is_none() && wish.prefix.bits() == 0;
        let lister = is_list && self.suppliers.contains_key(&self.lister);
        let free = self.suppliers.iter().filter(|(link, it)| {
            it.rests_until <= now.time()
                && !wish.tried.contains(link)
                && (!lister || **link == self.lister || wish.tried.contains(&self.lister))
        });
        let busy = |link: &LinkId| self.asked.values().filter(|it| it.link == *link).count();
        let least = free.map(|(link, _)| (busy(link), *link)).min()?;
        (least.0 < PER_LINK_MAX).then_some(least.1)
    }

    /// Hears of which parts a wish consists. Returns whether that was asked for.
    pub(crate) fn parts(
        &mut self,
        (link, number): (LinkId, u32),
        parts: &[ChunkPart],
        ours: &Map,
        now: Now,
    ) -> Result<(), Lie> {
        let Some(asked) = self.take(link, number) else { return Ok(()) };
        let named: Vec<(Prefix, Digest)> =
            parts.iter().map(|it| (Prefix::new(&it.prefix, it.bits), it.hash)).collect();
        let wish = &asked.wish;
        let below = |part: &Prefix| wish.prefix.includes(part);
        // Two at least, so that it gets smaller.
        let joined = join(&named).filter(|_| 1 < named.len());
        let fits = joined.is_some_and(|it| wish.hash.is_none_or(|hash| hash == it));
        if !fits || !named.iter().all(|(part, _)| below(part)) {
            self.wish_again(asked.wish, link);
            return Err(Lie("sent parts that are not those of what was wished"));
        }
        self.progress = now.time();
        if wish.prefix.bits() == 0 && self.height.is_none() {
            self.entries = parts.iter().fold(0, |sum, it| it.count.saturating_add(sum));
        }
        for part in parts.iter().rev() {
            let prefix = Prefix::new(&part.prefix, part.bits);
            if ours.part(&prefix).is_some_and(|it| it.hash == part.hash) {
                // Resumed: it came in an earlier run (SNAP-5).
                self.held = self.held.saturating_add(part.count).min(self.entries);
                continue;
            }
            self.wish(Wish::new(prefix, Some(part.hash), part.count, asked.wish.signed));
        }
        Ok(())
    }

    /// Hears part of a chunk. With the last one it has to be what was wished.
    pub(crate) fn records(
        &mut self,
        (link, number): (LinkId, u32),
        heard: Heard,
        now: Now,
    ) -> Result<(), Lie> {
        let Some(asked) = self.asked.get_mut(&number).filter(|it| it.link == link) else {
            return Ok(());
        };
        asked.heard = now.time();
        let Heard { records, items, last, from } = heard;
        if usize::try_from(from) != Ok(asked.records.len() + asked.items.len()) {
            // Frames before this one were lost, for which nobody is to blame.
            self.wish_once_more(number);
            return Ok(());
        }
        asked.bytes += records.iter().map(|(_, it)| it.signed.size()).sum::<usize>();
        asked.records.extend(records);
        let leaf = |it: Item| Leaf { key: it.key, value: it.value, stamp: 0 };
        asked.items.extend(items.into_iter().map(leaf));
        let count = asked.records.len() + asked.items.len();
        if limits::CHUNK_RECORDS_MAX < count || limits::CHUNK_BYTES_MAX * 2 < asked.bytes {
            self.ask_another(number);
            return Err(Lie("sent a chunk that is too large"));
        }
        if !last {
            return Ok(());
        }
        let Some(asked) = self.take(link, number) else { return Ok(()) };
        if !asked.is_what_was_wished() {
            self.wish_again(asked.wish, link);
            return Err(Lie("sent a chunk that is not what was wished"));
        }
        self.progress = now.time();
        self.came += asked.records.len() as u64;
        self.held = self.held.saturating_add(count as u64).min(self.entries);
        let leaves = asked.records.iter().map(|(leaf, _)| leaf).chain(&asked.items);
        let signed = leaves.map(|leaf| (leaf.key, leaf.value)).collect();
        let signed = Signed { prefix: asked.wish.prefix, leaves: signed };
        let past = self.line.filter(|_| asked.wish.signed).map(|line| (line, signed));
        let keys = asked.items.iter().map(|it| it.key).collect();
        let records = asked.records.into_iter().map(|(_, it)| it).collect();
        self.whole.push_back(Whole { link, records, keys, past });
        Ok(())
    }

    /// Hears that a peer does not hold what was wished.
    pub(crate) fn absent(&mut self, link: LinkId, number: u32) {
        if let Some(asked) = self.take(link, number) {
            self.wish_again(asked.wish, link);
        }
    }

    /// Hears that a peer has sent enough for now.
    pub(crate) fn exhausted(&mut self, link: LinkId, number: u32, now: Now) {
        if let Some(asked) = self.take(link, number) {
            self.wishes.push(asked.wish);
            self.rest(link, EXHAUSTED_MS, now);
        }
    }

    /// Gives what nothing came of to somebody else (SNAP-6).
    pub(crate) fn give_up_late(&mut self, now: Now) {
        let late: Vec<(u32, LinkId)> = self
            .asked
            .iter()
            .filter(|(_, it)| it.late_at() <= now.time())
            .map(|(number, it)| (*number, it.link))
            .collect();
        for (number, link) in late {
            self.ask_another(number);
            self.rest(link, LATE_REST_MS, now);
        }
    }

    /// Takes a chunk whose signatures can be checked, if it has no more records than there is room for.
    pub(crate) fn take_whole(&mut self, room: usize, now: Now) -> Option<Whole> {
        let whole = self.whole.pop_front_if(|it| it.records.len() <= room)?;
        self.progress = now.time();
        Some(whole)
    }

    /// When it needs a tick; `None` while only signatures are waited for.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let late = self.asked.values().map(Asked::late_at);
        let waits = !self.wishes.is_empty();
        let rests = self.suppliers.values().map(|it| it.rests_until);
        let rests = rests.filter(|it| waits && *it != Time::default());
        let start = Some(self.start_at).filter(|_| self.wished == 0 && !waits);
        let stalled = Some(Time(self.progress.0 + STALLED_MS)).filter(|_| self.whole.is_empty());
        late.chain(rests).chain(start).chain(stalled).min()
    }

    /// How far it is.
    pub(crate) fn status(&self) -> Joining {
        let took_ms = self.progress.0.saturating_sub(self.begun.0).max(1);
        Joining {
            checkpoint: self.height,
            entries: self.entries,
            held: self.held,
            per_s: self.came.saturating_mul(1_000) / took_ms,
            peers: self.suppliers.len(),
        }
    }

    fn wish(&mut self, wish: Wish) {
        let ever = usize::try_from(self.wished).unwrap_or(usize::MAX);
        if ever.saturating_add(self.wishes.len()) < WISHES_MAX {
            self.wishes.push(wish);
        }
    }

    fn asked_of(&self, link: LinkId) -> Vec<u32> {
        self.asked.iter().filter(|(_, it)| it.link == link).map(|(number, _)| *number).collect()
    }

    fn take(&mut self, link: LinkId, number: u32) -> Option<Asked> {
        self.asked.get(&number).filter(|it| it.link == link)?;
        self.asked.remove(&number)
    }

    fn ask_another(&mut self, number: u32) {
        if let Some(asked) = self.asked.remove(&number) {
            self.wish_again(asked.wish, asked.link);
        }
    }

    /// Wishes what was asked for again, of anybody; of others, if this is not the first time.
    fn wish_once_more(&mut self, number: u32) {
        let Some(asked) = self.asked.remove(&number) else { return };
        let Wish { lost, .. } = &asked.wish;
        if LOST_MAX <= *lost {
            return self.wish_again(asked.wish, asked.link);
        }
        self.wish(Wish { lost: lost + 1, ..asked.wish });
    }

    fn wish_again(&mut self, mut wish: Wish, tried: LinkId) {
        wish.tried.insert(tried);
        self.wish(wish);
    }

    fn rest(&mut self, link: LinkId, wait_ms: u64, now: Now) {
        if let Some(supplier) = self.suppliers.get_mut(&link) {
            supplier.rests_until = now.after(wait_ms);
        }
    }
}

impl Wish {
    fn new(prefix: Prefix, hash: Option<Digest>, count: u64, signed: bool) -> Self {
        Self { prefix, hash, signed, count, tried: BTreeSet::new(), lost: 0 }
    }
}

impl Asked {
    /// Says whether all of it stands under the prefix, once, and is what the hash commits to.
    fn is_what_was_wished(&self) -> bool {
        let leaves = self.records.iter().map(|(leaf, _)| *leaf).chain(self.items.iter().copied());
        let leaves: Vec<Leaf> = leaves.collect();
        if !leaves.iter().all(|leaf| self.wish.prefix.covers(&leaf.key)) {
            return false;
        }
        let (count, map) = (leaves.len() as u64, Map::of(leaves));
        map.len() == count && self.wish.hash.is_none_or(|hash| hash == map.root())
    }

    fn late_at(&self) -> Time {
        Time((self.heard.0 + SILENT_MS).min(self.at.0 + SLOW_MS))
    }
}

/// Wishes of one run: four times as many as two million entries need.
const WISHES_MAX: usize = 65_536;
/// Chunks under way: 4 MiB, and as many signatures as may wait.
const UNDER_WAY_MAX: usize = 16;
const PER_LINK_MAX: usize = 4;
/// A chunk of which part was lost so often is asked of another.
const LOST_MAX: u8 = 3;
/// Wishes looked at when the last one waits for somebody.
const LOOKED_AT: usize = 64;
/// A chunk of which nothing comes for so long, or that is not whole after so long, is asked of another.
const SILENT_MS: u64 = 5_000;
const SLOW_MS: u64 = 20_000;
/// How long a peer is left alone then, or when it has sent enough.
const LATE_REST_MS: u64 = 10_000;
const EXHAUSTED_MS: u64 = 250;
/// When no chunk was whole for so long, comparisons go on instead.
const STALLED_MS: u64 = 30_000;
