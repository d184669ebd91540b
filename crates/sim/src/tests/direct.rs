//! Letters in worlds: over links, by dials, through others; lost frames, absent receivers, liars.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::{Effect as Net, Event, Now, Time};
use node::{Answer, Command, CommandId, Delivery, Effect, Input, Node, Note};
use wire::{Class, Direct, DirectStep, Frame, NodeId};

use crate::chance::Chance;
use crate::network::{Loss, Mode};
use crate::{Actor, World, WorldConfig};

/// What operators of this world saw.
#[derive(Debug, Default)]
struct Board {
    /// What came of a machine's commands.
    answers: BTreeMap<(usize, CommandId), Answer>,
    /// Notes shown at a machine: who wrote, and what.
    shown: Vec<(usize, NodeId, Bytes)>,
    /// Letters that went through machines, as they saw them.
    carried: Vec<Bytes>,
}

/// How a machine treats what it carries for others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carrier {
    Honest,
    /// It drops letters and receipts, and leads everybody here.
    Swallows,
    /// It changes a byte of what it carries.
    Bends,
}

struct Witness {
    node: Node,
    host: usize,
    carrier: Carrier,
    board: Arc<Mutex<Board>>,
}

impl Witness {
    fn twist(&self, input: Input) -> Option<Input> {
        let Input::Net(engine::Input::Frame(link, bytes)) = &input else { return Some(input) };
        let Ok(Frame::Direct(direct)) = Frame::decode(bytes) else { return Some(input) };
        let Direct { route, step } = direct;
        let step = match (self.carrier, step) {
            (_, step @ (DirectStep::Seek { .. } | DirectStep::Found(_))) => step,
            (Carrier::Honest, step) => step,
            (Carrier::Swallows, DirectStep::Letter(_) | DirectStep::Receipt(_)) => return None,
            (Carrier::Bends, DirectStep::Letter(sealed)) => {
                let mut bytes = sealed.to_vec();
                bytes[20] ^= 1;
                DirectStep::Letter(bytes.into())
            }
            (Carrier::Bends, DirectStep::Receipt(mut signature)) => {
                signature[3] ^= 1;
                DirectStep::Receipt(signature)
            }
        };
        if let DirectStep::Letter(sealed) = &step {
            self.board.lock().unwrap().carried.push(sealed.clone());
        }
        let bytes = Bytes::from(Frame::Direct(Direct { route, step }).encode());
        Some(Input::Net(engine::Input::Frame(*link, bytes)))
    }
}

impl Actor for Witness {
    fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let Some(input) = self.twist(input) else { return Vec::new() };
        let effects = Node::handle(&mut self.node, input, now);
        let mut board = self.board.lock().unwrap();
        for effect in &effects {
            match effect {
                Effect::Answer(id, answer) => {
                    board.answers.insert((self.host, *id), answer.clone());
                }
                Effect::Net(Net::Report(Event::Letter(letter))) => {
                    board.shown.push((self.host, letter.author, letter.body.clone()));
                }
                Effect::Net(Net::Send(_, class, bytes)) => {
                    let direct = matches!(Frame::decode(bytes), Ok(Frame::Direct(_)));
                    assert!(!direct || *class == Class::Normal);
                }
                Effect::Net(_) | Effect::Seed(_) => {}
            }
        }
        effects
    }

    fn deadline(&self) -> Option<Time> {
        Node::deadline(&self.node)
    }

    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

struct Story {
    world: World,
    board: Arc<Mutex<Board>>,
    commands: BTreeMap<usize, u64>,
}

impl Story {
    fn new(mut config: WorldConfig, links: usize, carrier: impl Fn(usize) -> Carrier) -> Self {
        let hosts = config.hosts;
        config.tune = Some(Arc::new(move |_, config| config.engine.links_target = links));
        let board = Arc::new(Mutex::new(Board::default()));
        let mut world = World::new(config);
        for host in 0..hosts {
            let (board, carrier) = (Arc::clone(&board), carrier(host));
            world.possess(
                host,
                Arc::new(move |node, _| {
                    let board = Arc::clone(&board);
                    Box::new(Witness { node, host, carrier, board })
                }),
            );
        }
        Self { world, board, commands: BTreeMap::new() }
    }

    fn start(&mut self, hosts: usize) {
        (0..hosts).for_each(|host| self.world.start(host));
        self.world.run(20_000).unwrap();
    }

    fn send(&mut self, from: usize, to: usize, text: &str) -> (usize, CommandId) {
        let number = self.commands.entry(from).or_default();
        *number += 1;
        let id = CommandId(*number);
        let payload = Bytes::from(format!("\"{text}\""));
        let note = Note { to: self.world.id(to), payload };
        self.world.command(from, Command::Send(note)).unwrap();
        (from, id)
    }

    fn answer(&self, of: (usize, CommandId)) -> Option<Answer> {
        self.board.lock().unwrap().answers.get(&of).cloned()
    }

    fn delivery(&self, of: (usize, CommandId)) -> Option<Delivery> {
        match self.answer(of) {
            Some(Answer::Sent(_, delivery)) => Some(delivery),
            _ => None,
        }
    }

    fn shown(&self, text: &str) -> Vec<usize> {
        let text = Bytes::from(format!("\"{text}\""));
        let board = self.board.lock().unwrap();
        board.shown.iter().filter(|(.., body)| *body == text).map(|(host, ..)| *host).collect()
    }
}

/// Sends between pairs drawn from the seed. Returns (receipts, relayed, sent).
fn play(story: &mut Story, seed: u64, hosts: usize, count: usize) -> (usize, usize, usize) {
    let mut chance = Chance::new(seed, &[7]);
    let mut sent = Vec::new();
    for number in 0..count {
        let from = usize::try_from(chance.below(hosts as u64)).unwrap();
        let to = usize::try_from(chance.below(hosts as u64)).unwrap();
        if from == to {
            continue;
        }
        let text = format!("note {number}");
        sent.push((story.send(from, to, &text), to, text));
        story.world.run(300).unwrap();
    }
    story.world.run(11_000).unwrap();
    let (mut receipts, mut relayed) = (0, 0);
    for (of, to, text) in &sent {
        let shown = story.shown(text);
        match story.answer(*of) {
            // Whoever has a receipt was heard by the one it meant, and by it alone, once.
            Some(Answer::Sent(_, delivery)) => {
                assert_eq!(shown, [*to], "seed {seed}: {text}");
                receipts += 1;
                relayed += usize::from(delivery.relayed);
            }
            Some(Answer::Refused(_)) => assert!(shown.len() <= 1, "seed {seed}: {text}"),
            other => panic!("seed {seed}: {text} is answered by {other:?}"),
        }
    }
    (receipts, relayed, sent.len())
}

#[test]
fn everybody_reaches_everybody_also_behind_translators_and_over_bad_links() {
    // DIRECT-1, DIRECT-5
    for seed in 1..=3 {
        let mut config = WorldConfig::new(seed, 60);
        config.network.loss = Loss::Independent(10_000);
        config.network.mode = Mode::Reliable;
        let mut story = Story::new(config, 6, |_| Carrier::Honest);
        // Two of three cannot be dialled: between them only others can carry.
        (0..60).filter(|host| host % 3 != 0).for_each(|host| story.world.hide(host));
        story.start(60);
        let (receipts, relayed, sent) = play(&mut story, seed, 60, 60);
        assert_eq!(receipts, sent, "seed {seed}");
        assert!(sent / 4 <= relayed, "seed {seed}: only {relayed} of {sent} were carried");
        // Those between saw bytes, and no word of it.
        let board = story.board.lock().unwrap();
        assert!(!board.carried.is_empty());
        let readable = |sealed: &Bytes| sealed.windows(5).any(|it| it == b"note ");
        assert!(!board.carried.iter().any(readable));
    }
}

#[test]
fn where_frames_are_lost_letters_are_tried_again() {
    // DIRECT-5
    for seed in 1..=3 {
        let mut config = WorldConfig::new(seed, 20);
        // Not late, but gone.
        config.network.loss = Loss::Independent(100_000);
        config.network.mode = Mode::Lossy;
        let mut story = Story::new(config, 6, |_| Carrier::Honest);
        story.start(20);
        let (receipts, _, sent) = play(&mut story, seed, 20, 40);
        assert!(sent * 95 <= receipts * 100, "seed {seed}: {receipts} of {sent}");
    }
}

#[test]
fn liars_between_do_not_stop_letters_nor_change_them() {
    // DIRECT-3, DIRECT-4
    let (mut all, mut arrived) = (0, 0);
    for (seed, liar) in [(1, Carrier::Swallows), (2, Carrier::Bends), (3, Carrier::Swallows)] {
        let config = WorldConfig::new(seed, 60);
        // A quarter lies. Only honest ones write here.
        let carrier = move |host| if host % 4 == 3 { liar } else { Carrier::Honest };
        let mut story = Story::new(config, 6, carrier);
        (0..60).filter(|host| host % 4 == 1).for_each(|host| story.world.hide(host));
        story.start(60);
        let mut chance = Chance::new(seed, &[8]);
        let mut sent = Vec::new();
        for number in 0..60 {
            let mut honest = || usize::try_from(chance.below(45)).unwrap();
            let (from, to) = (honest(), honest());
            let at = |number: usize| number / 3 * 4 + number % 3;
            if from != to {
                sent.push(story.send(at(from), at(to), &format!("{number}")));
                story.world.run(500).unwrap();
            }
        }
        story.world.run(11_000).unwrap();
        let receipts = sent.iter().filter(|of| story.delivery(**of).is_some()).count();
        assert!(sent.len() * 9 <= receipts * 10, "seed {seed}: {receipts} of {}", sent.len());
        (all, arrived) = (all + sent.len(), arrived + receipts);
    }
    assert!(all * 95 <= arrived * 100, "{arrived} of {all}");
}

#[test]
fn who_is_away_is_reported_as_away_within_the_deadline() {
    // DIRECT-5
    let mut story = Story::new(WorldConfig::new(1, 12), 6, |_| Carrier::Honest);
    story.start(12);
    story.world.stop(5).unwrap();
    story.world.run(5_000).unwrap();
    let of = story.send(0, 5, "hello");
    story.world.run(9_900).unwrap();
    assert_eq!(story.answer(of), None);
    story.world.run(200).unwrap();
    let Some(Answer::Refused(why)) = story.answer(of) else { panic!("no answer in time") };
    assert!(why.to_string().contains("no neighbour leads to it"), "{why}");
    assert_eq!(story.shown("hello"), Vec::<usize>::new());
    // It comes back while the letter is tried.
    let of = story.send(0, 5, "again");
    story.world.run(3_000).unwrap();
    story.world.start(5);
    story.world.run(8_000).unwrap();
    assert!(story.delivery(of).is_some(), "{:?}", story.answer(of));
    assert_eq!(story.shown("again"), [5]);
}
