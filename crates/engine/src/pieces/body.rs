//! One body: its pieces, the links it is pulled from, the links it is fed to.

use bytes::Bytes;
use wire::{CarriedHead, Class, Head, Offer, PieceSet, RecordId, TreeId, limits};

use super::{Begun, Got, What, Word};
use crate::intake::Spread;
use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Body {
    id: RecordId,
    head: Head,
    pub(crate) ttl: u8,
    pub(crate) hops: u8,
    pub(crate) tree: TreeId,
    pub(crate) class: Class,
    pub(crate) spread: Spread,
    /// Unix milliseconds when its head came.
    pub(crate) came_ms: u64,
    /// Whether its signature was right; before, nothing goes on.
    genuine: bool,
    /// Heads with other signatures, should this one be wrong.
    rivals: Vec<(LinkId, CarriedHead)>,
    parts: Vec<Bytes>,
    held: PieceSet,
    /// Who can be asked, the first that sent its head first.
    sources: Vec<Source>,
    feeds: Vec<Feed>,
    /// When something new came of it last, and how long that had taken.
    heard: Time,
    gap_ms: u64,
    /// When somebody else is asked.
    ask_at: Time,
    /// How often that happened since something came.
    asks: u32,
}

/// A link that can be asked.
#[derive(Debug)]
struct Source {
    link: LinkId,
    /// What it was asked for, or is going to send unasked, and has not sent.
    asked: PieceSet,
    asked_at: Time,
    /// Whether it sent the head.
    headed: bool,
    /// Whether it said that it has pieces. A head alone says only that it will.
    ahead: bool,
}

/// A link that wants pieces.
#[derive(Debug)]
struct Feed {
    link: LinkId,
    wants: PieceSet,
    state: FeedState,
    /// When it was sent something last.
    sent_at: Time,
    /// Pieces sent in all.
    sent: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum FeedState {
    /// It has most of it: it is sent the rest, and its place is free.
    Ending,
    Fed,
    InLine,
}

impl Body {
    pub(super) fn coming(begun: Begun, link: LinkId, now: Now) -> Self {
        let Begun { id, carried, tree, class, spread } = begun;
        let CarriedHead { head, ttl, hops, offer, .. } = carried;
        let asked = match offer {
            Offer::Follow => head.all(),
            Offer::Ask | Offer::Repair => PieceSet::default(),
        };
        let source = Source { link, asked, asked_at: now.time(), headed: true, ahead: false };
        Self {
            id,
            ttl,
            hops,
            tree,
            class,
            spread,
            came_ms: now.unix_ms,
            genuine: false,
            rivals: Vec::new(),
            parts: vec![Bytes::new(); head.hashes.len()],
            head,
            held: PieceSet::default(),
            sources: vec![source],
            feeds: Vec::new(),
            heard: now.time(),
            gap_ms: 0,
            ask_at: now.after(STALL_MS),
            asks: 0,
        }
    }

    pub(super) fn whole(begun: Begun, body: &Bytes, now: Now) -> Self {
        let mut this = Self::coming(begun, LinkId(0), now);
        this.sources.clear();
        this.genuine = true;
        this.held = this.head.all();
        this.cut(body);
        this
    }

    pub(crate) fn id(&self) -> &RecordId {
        &self.id
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn is_genuine(&self) -> bool {
        self.genuine
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.held == self.head.all()
    }

    /// Says whether some of it is here.
    pub(crate) fn is_ahead(&self) -> bool {
        !self.held.is_empty()
    }

    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    /// Says whether a link brought its head first, and it is not here yet.
    pub(super) fn is_owed_by(&self, link: LinkId) -> bool {
        !self.is_whole() && self.sources.first().is_some_and(|source| source.link == link)
    }

    /// Returns the links that sent its head or have it, the first first.
    pub(crate) fn sources(&self) -> impl Iterator<Item = LinkId> {
        self.sources.iter().map(|source| source.link)
    }

    /// Says whether a link is fed it, or gave us to understand that it has it.
    pub(crate) fn is_served(&self, link: LinkId) -> bool {
        let fed = |feed: &Feed| feed.link == link && feed.state != FeedState::InLine;
        let ahead =
            |source: &Source| source.link == link && (source.ahead || !source.asked.is_empty());
        self.feeds.iter().any(fed) || self.sources.iter().any(ahead)
    }

    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    pub(super) fn second_head(
        &mut self,
        link: LinkId,
        carried: CarriedHead,
        now: Now,
        words: &mut Vec<Word>,
    ) {
        if !self.genuine && carried.head.signature != self.head.signature {
            if self.rivals.len() < RIVALS_MAX {
                self.rivals.push((link, carried));
            }
            return;
        }
        let other = |it: &Source| it.link != link && !it.asked.is_empty();
        let comes = !self.held.is_empty() && self.sources.iter().any(other);
        let missing = self.missing();
        let Some(source) = self.source(link) else { return };
        source.headed = true;
        match carried.offer {
            // It had it in its store only when it was asked.
            Offer::Ask | Offer::Repair if !source.asked.is_empty() => self.ask(link, now, words),
            Offer::Ask | Offer::Repair => {}
            // Whoever begins to send what another sends is told not to.
            Offer::Follow if comes || missing.is_empty() => {
                self.say(link, What::Pull(PieceSet::default()), words);
            }
            Offer::Follow => (source.asked, source.asked_at) = (missing, now.time()),
        }
    }

    /// Its signature is right: asks for its pieces if they do not come by themselves.
    pub(super) fn believe(&mut self, now: Now, words: &mut Vec<Word>) {
        self.genuine = true;
        self.rivals.clear();
        if self.sources.iter().all(|source| source.asked.is_empty())
            && let Some(first) = self.sources.first().map(|source| source.link)
        {
            self.ask(first, now, words);
        }
    }

    /// Returns who sent its wrong signature, and the heads with others.
    pub(super) fn disown(&mut self) -> (Vec<LinkId>, Vec<(LinkId, CarriedHead)>) {
        let guilty = self.sources.iter().filter(|source| source.headed);
        (guilty.map(|source| source.link).collect(), std::mem::take(&mut self.rivals))
    }

    /// A link has it, or soon will. It needs no feeding; and if nothing has come yet, it is asked.
    pub(super) fn announced(&mut self, link: LinkId, now: Now, words: &mut Vec<Word>) {
        let fed = self.feeds.iter_mut().find(|it| it.link == link && it.state == FeedState::Fed);
        if let Some(feed) = fed {
            feed.state = FeedState::Ending;
        }
        if self.is_whole() {
            return;
        }
        let Some(source) = self.source(link) else { return };
        source.ahead = true;
        let idle = source.asked.is_empty();
        let asked = self.sources.iter().filter(|source| !source.asked.is_empty()).count();
        if idle && self.genuine && self.held.is_empty() && asked < ASKED_MAX {
            self.ask(link, now, words);
        }
    }

    /// A link wants these pieces from now on.
    pub(super) fn wants(&mut self, link: LinkId, pieces: PieceSet) {
        let wants = pieces.and(self.head.all());
        let known = self.feeds.iter_mut().find(|feed| feed.link == link);
        let Some(feed) = known else {
            if !wants.is_empty() && self.feeds.len() < FEEDS_MAX {
                let (state, sent_at) = (FeedState::InLine, self.heard);
                self.feeds.push(Feed { link, wants, state, sent_at, sent: 0 });
            }
            return;
        };
        // Whoever pulls for ever is fed as often as a lossy link needs, and no more.
        let most = SENT_TIMES_MAX * self.head.hashes.len();
        feed.wants = if feed.sent < most { wants } else { PieceSet::default() };
        feed.state = match (feed.state, feed.wants.is_empty()) {
            (_, true) => FeedState::Ending,
            (FeedState::Fed, false) => FeedState::Fed,
            (FeedState::Ending | FeedState::InLine, false) => FeedState::InLine,
        };
    }

    /// Feeds those who wait in line, as far as there are places. All of them get their first piece
    /// before one gets its second.
    pub(super) fn promote(&mut self, feeds_max: usize, now: Now, words: &mut Vec<Word>) {
        if !self.genuine {
            return;
        }
        let fed = self.feeds.iter().filter(|feed| feed.state == FeedState::Fed).count();
        let in_line = self.feeds.iter_mut().filter(|feed| feed.state == FeedState::InLine);
        for feed in in_line.take(feeds_max.saturating_sub(fed)) {
            (feed.state, feed.sent_at) = (FeedState::Fed, now.time());
        }
        self.held.iter().for_each(|index| self.pass_on(index, now, words));
    }

    pub(super) fn got(
        &mut self,
        link: LinkId,
        (index, piece): (u8, Bytes),
        now: Now,
        words: &mut Vec<Word>,
    ) -> Got {
        if self.held.has(index) {
            let source = self.sources.iter_mut().find(|source| source.link == link);
            source.into_iter().for_each(|source| source.asked.remove(PieceSet::one(index)));
            return Got::Known;
        }
        if !self.head.fits(index, &piece) {
            return Got::Wrong;
        }
        let full = piece.len() == limits::PIECE_BYTES;
        // A short one would keep alive the whole frame it came in.
        let piece = if full { piece } else { Bytes::copy_from_slice(&piece) };
        self.parts[usize::from(index)] = piece;
        let first = self.held.is_empty();
        self.held.add(PieceSet::one(index));
        self.gap_ms = now.mono_ms.saturating_sub(self.heard.0).min(GAP_MS_MAX);
        (self.heard, self.asks) = (now.time(), 0);
        self.delivered(link, index, words);
        if self.genuine {
            self.pass_on(index, now, words);
        }
        match (first, self.is_whole()) {
            (_, true) => Got::All,
            (true, false) => Got::First,
            (false, false) => Got::More,
        }
    }

    /// The first that sends wins: others are told not to.
    fn delivered(&mut self, link: LinkId, index: u8, words: &mut Vec<Word>) {
        let nearly = 2 * self.head.hashes.len() <= 3 * self.held.len();
        let was_nearly = 2 * self.head.hashes.len() <= 3 * (self.held.len() - 1);
        let asked = |source: &Source| source.link == link && source.asked.has(index);
        if !self.sources.iter().any(asked) {
            return;
        }
        let mut others = Vec::new();
        for source in &mut self.sources {
            source.asked.remove(PieceSet::one(index));
            if source.link == link {
                source.ahead = true;
            } else if !source.asked.is_empty() {
                source.asked = PieceSet::default();
                others.push(source.link);
            }
        }
        for other in others {
            self.say(other, What::Pull(PieceSet::default()), words);
        }
        if nearly && !was_nearly {
            // Its place is free for the next in line while the rest is on its way.
            self.say(link, What::Have, words);
        }
    }

    fn pass_on(&mut self, index: u8, now: Now, words: &mut Vec<Word>) {
        let (id, class) = (self.id, self.class);
        let piece = &self.parts[usize::from(index)];
        for feed in &mut self.feeds {
            if feed.state != FeedState::InLine && feed.wants.has(index) {
                feed.wants.remove(PieceSet::one(index));
                (feed.sent_at, feed.sent) = (now.time(), feed.sent + 1);
                let what = What::Piece(index, piece.clone());
                words.push(Word { link: feed.link, id, class, what });
            }
        }
    }

    /// Does what is due. Says whether the body stays.
    pub(super) fn mend(
        &mut self,
        now: Now,
        patience: impl Fn(LinkId) -> Option<u64>,
        words: &mut Vec<Word>,
    ) -> bool {
        for feed in &mut self.feeds {
            if feed.state == FeedState::Fed && feed.sent_at.0 + FED_MS <= now.mono_ms {
                feed.state = FeedState::Ending;
            }
        }
        if self.is_whole() {
            return self.is_needed() || now.mono_ms < self.used().0 + KEPT_MS;
        }
        if self.heard.0 + COMING_MS <= now.mono_ms {
            return false;
        }
        if now.time() < self.ask_at {
            return true;
        }
        let asked = self.sources.iter().filter(|source| !source.asked.is_empty());
        let wait_ms = asked.filter_map(|source| patience(source.link)).max();
        let wait_ms = wait_ms.unwrap_or(0).max(3 * self.gap_ms).max(STALL_MS);
        let waited = |since: Time| since.0 + wait_ms <= now.mono_ms;
        let asked_at = self.sources.iter().map(|source| source.asked_at).max();
        if !waited(self.heard) || !waited(asked_at.unwrap_or_default()) {
            let since = self.heard.max(asked_at.unwrap_or_default());
            self.ask_at = Time(since.0 + wait_ms);
            return true;
        }
        self.ask_at = now.after(wait_ms << self.asks.min(4));
        self.asks = self.asks.saturating_add(1);
        // Those who are ahead first, then those that were not asked for longest.
        let open = self.sources.iter().filter(|source| patience(source.link).is_some());
        let next = open.min_by_key(|it| (it.asked_at, !it.ahead)).map(|it| it.link);
        let ahead = self.sources.iter().filter(|it| it.ahead && it.asked.is_empty());
        let ahead = ahead.min_by_key(|it| it.asked_at).map(|it| it.link);
        if self.genuine
            && let Some(link) = ahead.or(next)
        {
            self.ask(link, now, words);
        }
        true
    }

    /// Returns when [`Body::mend`] is due.
    pub(super) fn due(&self) -> Time {
        let fed = self.feeds.iter().filter(|feed| feed.state == FeedState::Fed);
        let fed = fed.map(|feed| Time(feed.sent_at.0 + FED_MS)).min();
        let own = if !self.is_whole() {
            self.ask_at.min(Time(self.heard.0 + COMING_MS))
        } else if self.is_needed() {
            // Whoever waits in line waits for somebody who is fed.
            fed.unwrap_or(Time(self.used().0 + KEPT_MS))
        } else {
            Time(self.used().0 + KEPT_MS)
        };
        fed.map_or(own, |fed| fed.min(own))
    }

    pub(super) fn link_gone(&mut self, link: LinkId, now: Now) {
        self.feeds.retain(|feed| feed.link != link);
        self.rivals.retain(|(rival, _)| *rival != link);
        self.sources.retain(|source| source.link != link);
        self.ask_at = self.ask_at.min(now.after(STALL_MS));
    }

    /// Returns the body in one. Its pieces become parts of that.
    pub(super) fn join(&mut self) -> Bytes {
        let body = Bytes::from(self.parts.concat());
        self.cut(&body);
        body
    }

    fn cut(&mut self, body: &Bytes) {
        for (at, part) in self.parts.iter_mut().enumerate() {
            let begin = (at * limits::PIECE_BYTES).min(body.len());
            *part = body.slice(begin..(begin + limits::PIECE_BYTES).min(body.len()));
        }
    }

    fn missing(&self) -> PieceSet {
        self.head.all().without(self.held)
    }

    fn is_needed(&self) -> bool {
        self.feeds.iter().any(|feed| feed.state != FeedState::Ending)
    }

    /// Returns a link as one that can be asked, if there is room for it.
    fn source(&mut self, link: LinkId) -> Option<&mut Source> {
        let known = self.sources.iter().any(|source| source.link == link);
        if !known && self.sources.len() < SOURCES_MAX {
            let (asked, asked_at) = (PieceSet::default(), Time::default());
            self.sources.push(Source { link, asked, asked_at, headed: false, ahead: false });
        }
        self.sources.iter_mut().find(|source| source.link == link)
    }

    /// When it was needed last.
    pub(super) fn used(&self) -> Time {
        let sent = self.feeds.iter().map(|feed| feed.sent_at).max();
        sent.map_or(self.heard, |sent| sent.max(self.heard))
    }

    fn ask(&mut self, link: LinkId, now: Now, words: &mut Vec<Word>) {
        let missing = self.missing();
        let Some(source) = self.sources.iter_mut().find(|it| it.link == link) else { return };
        (source.asked, source.asked_at) = (missing, now.time());
        self.say(link, What::Pull(missing), words);
    }

    fn say(&self, link: LinkId, what: What, words: &mut Vec<Word>) {
        words.push(Word { link, id: self.id, class: self.class, what });
    }
}

/// Heads with differing signatures kept for one record.
const RIVALS_MAX: usize = 4;
/// Links remembered that have a body, and links that want it.
const SOURCES_MAX: usize = 16;
const FEEDS_MAX: usize = 64;
/// How many are asked at once before the first piece: more lines, more copies.
const ASKED_MAX: usize = 2;
/// How often a link may be sent all of a body.
const SENT_TIMES_MAX: usize = 3;
/// The longest gap between two pieces that makes us more patient.
const GAP_MS_MAX: u64 = 100;
/// Nothing for so long, or three times as long as the last piece took, or what the link takes to
/// answer: somebody else is asked.
const STALL_MS: u64 = 60;
/// A link that says nothing for so long after what it was sent makes room for the next in line.
const FED_MS: u64 = 1_000;
/// A complete body stays so long after it was needed last; the store has it.
const KEPT_MS: u64 = 3_000;
/// An incomplete body of which nothing more comes is left to a comparison.
const COMING_MS: u64 = 10_000;
