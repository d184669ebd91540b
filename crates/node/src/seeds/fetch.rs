//! Fetching the content of one seed from whoever holds it (SEED-4, SEED-5).
//!
//! Bounds: [`WINDOW`] pieces are wished of one link, [`WRITING_MAX`] wait for the disk, [`SOURCES_MAX`] nodes
//! are asked at once. Who sends what is no piece is not asked again while this runs; who says nothing gives
//! its pieces back to the others.

use std::collections::{BTreeMap, BTreeSet};

use engine::{LinkId, Now, Time};
use wire::{NodeId, SeedId, SeedPiece, SeedRefusal, SeedStep};

use super::{Pieces, SeedWish, Shape};

/// One content on its way to us.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) shape: Shape,
    pub(super) have: Pieces,
    stage: Stage,
    /// Pieces that were wished, and of which link.
    asked: BTreeMap<u32, LinkId>,
    /// Pieces that wait for the disk.
    writing: BTreeSet<u32>,
    sources: BTreeMap<NodeId, Source>,
    /// Who sent what was no piece of it, and how often.
    pub(super) refused: BTreeMap<NodeId, u32>,
    /// Why the disk does not go on.
    pub(super) failed: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The disk is to be asked what is here, not before then.
    Closed(Time),
    /// It looks.
    Opening,
    Open,
    /// All is here, and it looks once more.
    Finishing,
}

/// A node that is asked.
#[derive(Debug)]
struct Source {
    link: LinkId,
    /// When it was asked or heard last.
    heard: Time,
    not_before: Time,
}

/// What a fetch wants done.
#[derive(Debug, Default)]
pub(super) struct Acts {
    pub(super) wishes: Vec<SeedWish>,
    pub(super) says: Vec<(LinkId, SeedStep)>,
    pub(super) reach: Vec<NodeId>,
    pub(super) keep: Vec<LinkId>,
    pub(super) blame: Vec<(LinkId, NodeId)>,
}

impl Fetch {
    pub(super) fn new(shape: Shape, now: Now) -> Self {
        Self {
            shape,
            have: Pieces::none(shape.pieces()),
            stage: Stage::Closed(now.time()),
            asked: BTreeMap::new(),
            writing: BTreeSet::new(),
            sources: BTreeMap::new(),
            refused: BTreeMap::new(),
            failed: None,
        }
    }

    /// Does what is due: opens, asks whoever is linked, wants others linked, gives up on the silent.
    pub(super) fn turn(
        &mut self,
        id: SeedId,
        holders: &[NodeId],
        link_of: &dyn Fn(&NodeId) -> Option<LinkId>,
        acts: &mut Acts,
        now: Now,
    ) {
        match self.stage {
            Stage::Closed(at) if at <= now.time() => {
                self.stage = Stage::Opening;
                acts.wishes.push(SeedWish::Open { id, shape: self.shape });
                return;
            }
            Stage::Closed(_) | Stage::Finishing | Stage::Opening => return,
            Stage::Open => {}
        }
        if self.have.is_all() {
            self.stage = Stage::Finishing;
            acts.wishes.push(SeedWish::Finish { id, shape: self.shape });
            return;
        }
        self.look_at_links(link_of, now);
        let mut working = 0;
        for node in holders {
            let good = !self.refused.contains_key(node);
            match link_of(node).filter(|_| good) {
                Some(link) if working < SOURCES_MAX => {
                    working += 1;
                    self.ask(*node, link, acts, now);
                }
                None if good && working + acts.reach.len() < SOURCES_MAX => acts.reach.push(*node),
                Some(_) | None => {}
            }
        }
    }

    /// Hears a step of a peer.
    pub(super) fn hear(
        &mut self,
        id: SeedId,
        (link, peer): (LinkId, NodeId),
        step: SeedStep,
        acts: &mut Acts,
        now: Now,
    ) {
        match step {
            SeedStep::Piece(piece) => {
                // What was not asked for, or not any more, is not looked at.
                if self.asked.get(&piece.index) != Some(&link) {
                    return;
                }
                if !self.shape.proves(&piece) {
                    self.release(link);
                    if self.refused.len() < REFUSED_MAX {
                        *self.refused.entry(peer).or_default() += 1;
                    }
                    acts.blame.push((link, peer));
                    return;
                }
                let SeedPiece { index, .. } = piece;
                self.asked.remove(&index);
                if let Some(source) = self.sources.get_mut(&peer) {
                    source.heard = now.time();
                }
                self.writing.insert(index);
                acts.wishes.push(SeedWish::Write { id, piece: Box::new(piece) });
            }
            SeedStep::Refused(refusal) => {
                self.release(link);
                let wait_ms = match refusal {
                    SeedRefusal::Absent => ABSENT_MS,
                    SeedRefusal::Exhausted => EXHAUSTED_MS,
                };
                if let Some(source) = self.sources.get_mut(&peer) {
                    source.not_before = now.after(wait_ms);
                }
            }
            SeedStep::Wanted { .. } => {}
        }
    }

    /// The disk has looked: these pieces are here.
    pub(super) fn opened(&mut self, held: Pieces) {
        if self.stage == Stage::Opening {
            (self.have, self.stage, self.failed) = (held, Stage::Open, None);
        }
    }

    /// A piece is written.
    pub(super) fn written(&mut self, index: u32) {
        if self.writing.remove(&index) {
            self.have.add(index);
        }
    }

    /// The disk says no: it is asked again later.
    pub(super) fn failed(&mut self, why: String, now: Now) {
        self.stage = Stage::Closed(now.after(FAILED_MS));
        self.failed = Some(why);
        self.writing.clear();
        self.asked.clear();
    }

    /// Returns how many nodes are asked at the moment.
    pub(super) fn asked_len(&self) -> usize {
        self.asked.values().collect::<BTreeSet<_>>().len()
    }

    pub(super) fn deadline(&self, now: Now) -> Option<Time> {
        match self.stage {
            Stage::Closed(at) => Some(at.max(now.time())),
            Stage::Open => Some(now.after(LOOK_MS)),
            Stage::Finishing | Stage::Opening => None,
        }
    }

    fn look_at_links(&mut self, link_of: &dyn Fn(&NodeId) -> Option<LinkId>, now: Now) {
        let mut gone = Vec::new();
        for (node, source) in &mut self.sources {
            let silent = source.heard.0.saturating_add(SILENT_MS) <= now.mono_ms;
            let owes = silent && self.asked.values().any(|link| *link == source.link);
            if link_of(node) != Some(source.link) {
                gone.push((source.link, Some(*node)));
            } else if owes {
                source.not_before = now.after(ABSENT_MS);
                gone.push((source.link, None));
            }
        }
        for (link, node) in gone {
            self.release(link);
            node.map(|node| self.sources.remove(&node));
        }
    }

    /// Wishes of a node as many pieces as it may owe us.
    fn ask(&mut self, node: NodeId, link: LinkId, acts: &mut Acts, now: Now) {
        let fresh = || Source { link, heard: now.time(), not_before: now.time() };
        let source = self.sources.entry(node).or_insert_with(fresh);
        if now.time() < source.not_before {
            return;
        }
        let owed = self.asked.values().filter(|it| **it == link).count();
        let room = WRITING_MAX.saturating_sub(self.writing.len() + self.asked.len());
        let wanted = WINDOW.saturating_sub(owed).min(room);
        // A few at a time would be many frames.
        if wanted == 0 || (0 < owed && wanted < WINDOW / 2) {
            return;
        }
        if owed == 0 {
            source.heard = now.time();
        }
        let free = |index: &u32| !self.asked.contains_key(index) && !self.writing.contains(index);
        let chosen: Vec<u32> = self.have.missing().filter(free).take(wanted).collect();
        for run in chosen.chunk_by(|one, two| one + 1 == *two) {
            if let (Some(from), Ok(count)) = (run.first(), u32::try_from(run.len())) {
                acts.says.push((link, SeedStep::Wanted { from: *from, count }));
            }
        }
        if !chosen.is_empty() {
            acts.keep.push(link);
        }
        self.asked.extend(chosen.into_iter().map(|index| (index, link)));
    }

    /// What was wished of a link is wished of others.
    fn release(&mut self, link: LinkId) {
        self.asked.retain(|_, it| *it != link);
    }
}

/// Pieces that one link may owe us: 128 KiB.
pub(super) const WINDOW: usize = 16;
/// Pieces that are wished or wait for the disk: 1 MiB.
pub(super) const WRITING_MAX: usize = 128;
/// Nodes asked, or dialled to be asked, at once.
pub(super) const SOURCES_MAX: usize = 6;
/// Who was asked and says nothing for so long gives its pieces back.
const SILENT_MS: u64 = 10_000;
/// How long a node is not asked that does not have it, and one that has enough to do.
const ABSENT_MS: u64 = 30_000;
const EXHAUSTED_MS: u64 = 1_000;
/// How long until a disk that said no is asked again.
const FAILED_MS: u64 = 30_000;
/// How often it looks whether others are linked by now.
const LOOK_MS: u64 = 1_000;
/// Liars named.
const REFUSED_MAX: usize = 64;
