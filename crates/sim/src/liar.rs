//! Nodes that are not honest: each wraps a real node and changes what goes in and out.
//!
//! A liar is as good as a real one at everything it does not lie about, so that honest nodes keep
//! its links. What it tells its own operator is not reported: it is in no figure.

mod band;
mod mischief;
mod reconciler;
mod twist;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use engine::{Input as Net, LinkId, Now, Time};
use node::{Effect, Input, Node};
use wire::{Frame, Identity, NodeId, RecordId, TreeId};

use crate::actor::Actor;
use crate::chance::Chance;
use crate::host::Possess;
use crate::scenario::LiarKind;

pub(crate) use band::Band;

/// Makes what puts a liar into a machine.
pub(crate) fn possess(kind: LiarKind, host: usize, band: &Arc<Band>) -> Possess {
    let band = Arc::clone(band);
    Arc::new(move |node, identity| {
        let chance = Chance::new(band.seed(), &[LIAR, host as u64]);
        Box::new(Liar {
            kind,
            node,
            id: identity.id(),
            identity: identity.clone(),
            band: Arc::clone(&band),
            chance,
            links: BTreeMap::new(),
            pushed: BTreeMap::new(),
            trees: VecDeque::new(),
            frames: VecDeque::new(),
            next_ms: 0,
            written: 0,
        })
    })
}

/// One liar.
struct Liar {
    kind: LiarKind,
    node: Node,
    id: NodeId,
    identity: Identity,
    band: Arc<Band>,
    chance: Chance,
    /// Its links, and the key under which each peer is told short ids, once it has said it.
    links: BTreeMap<LinkId, Option<u64>>,
    /// Records of each author that it has pushed so far. Bound: as many authors as the world has.
    pushed: BTreeMap<NodeId, BTreeSet<RecordId>>,
    /// Trees it has heard of, the newest last; [`TREES_MAX`], the oldest makes room.
    trees: VecDeque<TreeId>,
    /// Frames it received, the newest last; [`FRAMES_MAX`], the oldest makes room.
    frames: VecDeque<Bytes>,
    /// When it next does something of its own.
    next_ms: u64,
    /// Records that it wrote by hand.
    written: u64,
}

impl Liar {
    /// Learns from what comes in.
    fn listen(&mut self, input: &Input) {
        match input {
            Input::Net(Net::Connected(connected)) => {
                self.links.insert(connected.link, None);
            }
            Input::Net(Net::Disconnected(link, _)) => {
                self.links.remove(link);
            }
            Input::Net(Net::Frame(link, bytes)) => self.hear(*link, bytes),
            _ => {}
        }
    }

    fn hear(&mut self, link: LinkId, bytes: &Bytes) {
        match Frame::decode(bytes) {
            Ok(Frame::Hello(hello)) => {
                self.links.insert(link, Some(hello.ids_key));
            }
            Ok(Frame::Push(push)) if !push.records.is_empty() => {
                for it in &push.records {
                    let tree = TreeId::of(&it.signed.author);
                    if !self.trees.contains(&tree) {
                        keep(&mut self.trees, tree, TREES_MAX);
                    }
                }
                if self.kind == LiarKind::Replay {
                    keep(&mut self.frames, bytes.clone(), FRAMES_MAX);
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Changes what the node inside wants done; `None` where it is not done at all.
    fn lie(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Net(engine::Effect::Report(_)) => None,
            Effect::Net(engine::Effect::Send(link, class, bytes)) => {
                let bytes = self.twist(link, bytes)?;
                Some(Effect::Net(engine::Effect::Send(link, class, bytes)))
            }
            other => Some(other),
        }
    }
}

impl Actor for Liar {
    fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        self.listen(&input);
        let effects = self.node.handle(input, now);
        let mut lies: Vec<Effect> = effects.into_iter().filter_map(|it| self.lie(it)).collect();
        lies.extend(self.mischief(now));
        lies
    }

    fn deadline(&self) -> Option<Time> {
        let own = self.has_mischief().then_some(Time(self.next_ms));
        self.node.deadline().into_iter().chain(own).min()
    }

    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

/// Keeps the newest.
fn keep<T>(items: &mut VecDeque<T>, item: T, max: usize) {
    items.push_back(item);
    if max < items.len() {
        items.pop_front();
    }
}

const TREES_MAX: usize = 64;
const FRAMES_MAX: usize = 64;
const LIAR: u64 = 0x11a2;
