//! Neighbours tell each other how their sets look, until they agree.
//!
//! Both look at the same moment, a little ago: what was created later is on its way to everybody and
//! is left alone (WALK-2). Who finds a difference begins a walk (`compare`).

use wire::{Compare, Frame, Reason, Set, SetSummary, Summary};

use super::Engine;
use super::sketching::Way;
use crate::exchanges::About;
use crate::intake::{Source, Spread};
use crate::links::Look;
use crate::{Effect, Event, LinkId, Now, Time, reconcile};

impl Engine {
    /// Says how our sets look, unasked: in a hello or a report. With nobody linked nothing is on its
    /// way to us, and all of it counts.
    pub(super) fn present(&mut self, now: Now) -> Summary {
        let alone = self.links.greeted_len() == 0;
        let cutoff_ms = if alone { None } else { self.cutoff_ms(now) };
        self.sets.summary_as_of(cutoff_ms)
    }

    /// Hears how a peer's sets look, unasked. Both ends do, so the smaller id begins the walk (WALK-3).
    pub(super) fn summary_heard(&mut self, id: LinkId, theirs: Summary, now: Now) {
        let mut ours = self.beside(&theirs);
        let others = 1 < self.links.greeted_len();
        if theirs.cutoff_ms.is_none() && others && !ours.agrees_with(&theirs) {
            // All of theirs beside what ought to be there by now: the rest is on its way.
            ours = self.sets.summary_as_of(self.cutoff_ms(now));
        }
        if !self.weigh(id, &ours, &theirs, now)
            && self.links.get(id).is_some_and(|link| self.me < link.peer)
        {
            self.begin_walk(id, &ours, &theirs, now);
        }
    }

    /// Hears a summary that was told to us alone, or an answer to ours.
    pub(super) fn summary(&mut self, id: LinkId, theirs: Summary, now: Now) {
        self.answered(id);
        let ours = self.beside(&theirs);
        if theirs.answer_wanted && !ours.agrees_with(&theirs) && !self.is_past(&theirs, now) {
            // One of two clocks or memories is off: the older moment decides, and an answer is
            // not answered (WALK-2).
            let ours = self.sets.summary_as_of(Some(self.guarded_ms(now)));
            return self.outbox.send(id, &Frame::Summary(ours));
        }
        let agrees = self.weigh(id, &ours, &theirs, now);
        let begun = !agrees && self.begin_walk(id, &ours, &theirs, now);
        if !theirs.answer_wanted || begun {
            return;
        }
        // Where our walks brought us nothing lately, the peer's may bring it something.
        let answer = if agrees { Frame::Agreed(theirs.cutoff_ms) } else { Frame::Summary(ours) };
        self.outbox.send(id, &answer);
    }

    /// Hears that a peer holds what we told it.
    pub(super) fn agreed(&mut self, id: LinkId, cutoff_ms: Option<u64>) {
        self.answered(id);
        let Some(link) = self.links.get_mut(id) else { return };
        let Some((_, look)) = link.told.filter(|(told_ms, _)| *told_ms == cutoff_ms) else {
            return;
        };
        link.agreed = Some(look);
        link.ask.reset();
        link.walk.reset();
        link.word.settled();
        for set in [Set::Messages, Set::State] {
            self.exchanges.settled(id, set, cutoff_ms);
        }
    }

    /// Notes what a peer's summary means beside ours. Says whether they agree.
    fn weigh(&mut self, id: LinkId, ours: &Summary, theirs: &Summary, now: Now) -> bool {
        let agrees = ours.agrees_with(theirs);
        let Some(link) = self.links.get_mut(id) else { return false };
        link.root = Some(theirs.state.root);
        if agrees {
            link.agreed = Some(Look::of(ours));
            link.ask.reset();
            link.walk.reset();
            link.word.settled();
        } else {
            if link.agreed.take().is_some() {
                // Nothing of what it said before counts.
                link.ask.reset();
            }
            self.stir(now);
            self.weigh_size(id, theirs, now);
        }
        for (set, ..) in beside(ours, theirs).filter(|(_, ours, theirs)| ours == theirs) {
            self.exchanges.settled(id, set, theirs.cutoff_ms);
        }
        agrees
    }

    /// Begins a comparison, if the last ones with this peer brought something or are long ago.
    fn begin_walk(&mut self, id: LinkId, ours: &Summary, theirs: &Summary, now: Now) -> bool {
        // Nobody else brings us anything: nothing is on its way, and all of it counts.
        let alone = self.links.greeted_len() == 1;
        let cutoff_ms = if alone { None } else { ours.cutoff_ms };
        if !self.links.get(id).is_some_and(|link| link.walk.is_due(now.time())) {
            return false;
        }
        if self.is_busy_catching_up(now) {
            self.let_wait(id);
            return true;
        }
        if self.is_worthless(id, now) {
            return true;
        }
        let mut has_begun = false;
        for (set, ours, theirs) in beside(ours, theirs).filter(|(_, ours, theirs)| ours != theirs) {
            match self.way_to_compare(id, set, (ours, theirs), now) {
                Way::Sketch => self.begin_sketch(id, About { set, cutoff_ms }, now),
                Way::Wait => continue,
                Way::Walk => {
                    let ranges = vec![reconcile::whole(&self.sets.as_of(set, cutoff_ms))];
                    self.outbox.send(id, &Frame::Compare(Compare { set, ranges, cutoff_ms }));
                }
            }
            has_begun = true;
        }
        if !has_begun {
            self.let_wait(id);
        } else if let Some(link) = self.links.get_mut(id) {
            link.walk.tried(now.time(), self.config.compare_ms, self.config.heartbeat_ms);
            self.counters.compared += 1;
        }
        true
    }

    /// Ends the link of a peer that names again and again what it never sends (WALK-8).
    pub(super) fn is_worthless(&mut self, id: LinkId, now: Now) -> bool {
        let Some(link) = self.links.get_mut(id) else { return false };
        link.word.weigh(now.time());
        if !link.word.is_worthless() {
            return false;
        }
        self.counters.given_up += 1;
        self.fault(id, "names what it never sends", now);
        true
    }

    /// Tells neighbours that have not agreed to what we hold: one at random in each round (WALK-1).
    pub(super) fn tell(&mut self, now: Now) {
        if self.settled_at().is_some_and(|at| at <= now.time()) {
            self.changed = None;
            self.report_root(now);
        }
        if !self.rounds.is_due(now) {
            return;
        }
        if self.is_busy_catching_up(now) {
            let wait_ms = self.random.jitter(self.config.compare_ms).max(1);
            return self.rounds.go_on(wait_ms, now);
        }
        self.sets.age(now.unix_ms);
        let cutoff_ms = self.cutoff_ms(now);
        let ours = self.sets.summary_as_of(cutoff_ms);
        let look = Look::of(&ours);
        let open: Vec<(LinkId, Time)> = self
            .links
            .greeted()
            .filter(|(_, link)| link.agreed != Some(look) || !link.answers.is_proven())
            .map(|(id, link)| (id, link.ask.at))
            .collect();
        let due: Vec<LinkId> =
            open.iter().filter(|(_, at)| *at <= now.time()).map(|(id, _)| *id).collect();
        let width = self.rounds.width(due.len(), now);
        let (again, due): (Vec<LinkId>, Vec<LinkId>) =
            due.into_iter().partition(|id| self.owes_answer(*id, now));
        // Whether a silent one is there at all, the answer to a ping says.
        again.iter().for_each(|id| self.suspected(*id, now));
        let mut asked = self.random.pick(due, width);
        // Whether it is of use is found out beside that, not instead.
        asked.extend(again);
        for id in asked {
            let Some(link) = self.links.get_mut(id) else { continue };
            link.answers.asked(link.heard, now.time());
            if link.answers.is_useless(now.time()) {
                self.leave_useless(id, now);
                continue;
            }
            link.ask.tried(now.time(), self.config.compare_ms, self.config.heartbeat_ms);
            link.told = Some((cutoff_ms, look));
            self.outbox.send(id, &Frame::Summary(Summary { answer_wanted: true, ..ours }));
        }
        let wait_ms = self.random.jitter(self.config.compare_ms).max(1);
        match open.iter().map(|(_, at)| *at).min() {
            // Nothing is left to be said until something changes.
            None if cutoff_ms.is_none() => self.rounds.rest(),
            // All of them were asked lately.
            Some(at) if now.time() < at => self.rounds.go_on(wait_ms.max(at.0 - now.mono_ms), now),
            None | Some(_) => self.rounds.go_on(wait_ms, now),
        }
    }

    /// Says whether what we lack was found and is on its way: to compare with somebody else would
    /// find the same once more, and neighbours have better things to send (WALK-7). One time in
    /// eight it is done all the same, so that no peer that promises and does not send holds off the
    /// others.
    fn is_busy_catching_up(&mut self, now: Now) -> bool {
        let owed = self.fetching.is_some()
            || CATCHING_UP <= self.missing.len()
            || self.links.owe_keys(CATCHING_UP, now.time());
        owed && !self.random.number().is_multiple_of(8)
    }

    fn owes_answer(&self, id: LinkId, now: Now) -> bool {
        let before_ms = now.mono_ms.saturating_sub(self.config.compare_ms);
        self.links.get(id).is_some_and(|link| link.answers.is_owed_since(before_ms))
    }

    /// Gives the place of a peer that never says what it holds to another (MEMBER-14): a node all of
    /// whose links are such ones is cut off and does not know it.
    fn leave_useless(&mut self, id: LinkId, now: Now) {
        self.counters.given_up += 1;
        let (why, wait_ms) = ("it does not say what it holds", self.config.redial_max_ms);
        self.hang_up(id, Reason::Silent, why, wait_ms, now);
    }

    /// Notes that a peer said something about its sets, whatever it was.
    pub(super) fn answered(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(id) {
            link.answers.answered();
        }
    }

    /// When neighbours are told next.
    pub(super) fn tell_deadline(&self) -> Option<Time> {
        let round = self.rounds.deadline().filter(|_| 0 < self.links.greeted_len());
        [self.settled_at(), round].into_iter().flatten().min()
    }

    /// Notes that somebody brought something new.
    pub(super) fn made_progress(&mut self, sources: &[Source], spread: Spread, now: Now) {
        match spread {
            Spread::Asked | Spread::Push => {}
            // Others probably need it too.
            Spread::Quiet => {
                if self.rounds.repaired(now) {
                    self.links.all_mut().for_each(|link| link.ask.reset());
                }
            }
        }
        for source in sources {
            let Source::Link(id) = source else { continue };
            if let Some(link) = self.links.get_mut(*id) {
                link.ask.reset();
                link.walk.reset();
                if spread == Spread::Quiet {
                    link.word.settled();
                }
            }
            if let Some(fetching) = self.fetching.as_mut().filter(|it| it.link == *id) {
                fetching.heard = now.time();
            }
            self.exchanges.heard(*id, now);
        }
    }

    /// Sees to it that there will be a round.
    pub(super) fn stir(&mut self, now: Now) {
        if self.rounds.deadline().is_none() {
            let wait_ms = self.random.jitter(self.config.compare_ms);
            self.rounds.wake(now.after(wait_ms));
        }
    }

    /// As of when we tell of our sets: all of it, unless something may be on its way.
    fn cutoff_ms(&self, now: Now) -> Option<u64> {
        (!self.rounds.is_quiet(now)).then(|| self.guarded_ms(now))
    }

    fn guarded_ms(&self, now: Now) -> u64 {
        now.unix_ms.saturating_sub(self.config.guard_ms).max(self.sets.floor_ms())
    }

    /// Tells of our sets as of a peer's moment, or of the nearest to it that we remember.
    fn beside(&mut self, theirs: &Summary) -> Summary {
        let floor_ms = self.sets.floor_ms();
        self.sets.summary_as_of(theirs.cutoff_ms.map(|it| it.max(floor_ms)))
    }

    /// Says whether what was created up to a peer's moment is everywhere by now, and remembered.
    fn is_past(&self, theirs: &Summary, now: Now) -> bool {
        let recent_ms = now.unix_ms.saturating_sub(self.config.guard_ms / 2);
        match theirs.cutoff_ms {
            Some(cutoff_ms) => self.sets.floor_ms() <= cutoff_ms && cutoff_ms <= recent_ms,
            None => self.rounds.is_quiet(now),
        }
    }

    /// When the operator is told of a new root; `None` if there is none.
    fn settled_at(&self) -> Option<Time> {
        let changed = self.changed?;
        let quiet = changed.last.0.saturating_add(self.config.settle_ms);
        let latest = changed.first.0.saturating_add(self.config.settle_max_ms);
        Some(Time(quiet.min(latest)))
    }

    fn report_root(&mut self, now: Now) {
        let ours = self.sets.summary();
        if ours.state.root == self.reported_root {
            return;
        }
        self.reported_root = ours.state.root;
        let event = Event::RootChanged(ours.state.root, ours.state.count);
        self.outbox.now(Effect::Report(event));
        self.tell_doors_root(&ours, now);
    }
}

/// Both sets of two summaries, messages first: they do not wait as well as the state does.
fn beside<'a>(
    ours: &'a Summary,
    theirs: &'a Summary,
) -> impl Iterator<Item = (Set, &'a SetSummary, &'a SetSummary)> {
    let messages = (Set::Messages, &ours.messages, &theirs.messages);
    [messages, (Set::State, &ours.state, &theirs.state)].into_iter()
}

/// Records found and not brought from which on we are catching up.
const CATCHING_UP: usize = 512;
