//! A no touches nothing else: two lives of one node that differ in it alone keep and show the same.

use bytes::Bytes;
use engine::{Now, Snapshot};
use wire::Digest;

use super::pair::{START_MS, identity, proposal};
use crate::people::Actor;
use crate::transfers::{DECIDE_MS_MIN, Proposal};
use crate::{Answer, Command, CommandId, Config, Decision, Draft, Effect, Input, Node};

/// What becomes of a proposal.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Somebody says no.
    No,
    /// Nobody says anything until its time is over.
    Time,
}

/// What a node keeps and shows, but for transfers themselves and the log of what people said.
#[derive(Debug, Default, PartialEq)]
struct Life {
    kept: Vec<engine::Batch>,
    shown: Vec<Answer>,
}

fn live(end: End, seed: u8) -> Life {
    let start = Now { mono_ms: 1_000, unix_ms: START_MS };
    let config = Config::new(engine::Config::server(Digest([9; 32])));
    let mut node = Node::new(config, identity(0), Snapshot::default(), [seed; 32], start);
    let (mut life, mut now, mut number) = (Life::default(), start, 0);
    let mut say = |node: &mut Node, input: Input, now: Now| {
        let mut inputs = vec![input];
        let mut answers = Vec::new();
        while let Some(input) = inputs.pop() {
            for effect in node.handle(input, now) {
                match effect {
                    Effect::Answer(_, answer) => answers.push(answer),
                    Effect::Net(engine::Effect::Load(ticket, ..)) => {
                        inputs.push(Input::Net(engine::Input::Loaded(ticket, Vec::new())));
                    }
                    Effect::Net(engine::Effect::Persist(mut batch)) => {
                        let theirs = ["transfer/", engine::JOURNAL];
                        batch.own.retain(|(name, _)| !theirs.iter().any(|it| name.starts_with(it)));
                        if batch != engine::Batch::default() {
                            life.kept.push(batch);
                        }
                    }
                    Effect::Net(_) | Effect::Seed(_) => {}
                }
            }
        }
        answers
    };
    let mut ask = |node: &mut Node, command: Command, now: Now| {
        number += 1;
        say(node, Input::Command(CommandId(number), command), now).pop().unwrap()
    };
    let propose = Proposal { decide_ms: DECIDE_MS_MIN, ..proposal() };
    let decide = |decision| Command::Decide(Actor::operator(), decision);
    let answer = ask(&mut node, decide(Decision::ProposeTransfer(propose)), now);
    let Answer::Proposed(id) = answer else { panic!("{answer:?}") };
    for minute in 0..10_u64 {
        if minute == 0
            && let End::No = end
        {
            assert_eq!(ask(&mut node, decide(Decision::RefuseTransfer(id)), now), Answer::Done);
        }
        let (collection, name) = ("c".to_owned(), format!("{minute}"));
        let value = Some(Bytes::from_static(b"1"));
        let draft = Draft { collection, name, value };
        let written = ask(&mut node, Command::Put(vec![draft]), now);
        assert!(matches!(written, Answer::Written(_)), "{written:?}");
        now = Now { mono_ms: now.mono_ms + 60_000, unix_ms: now.unix_ms + 60_000 };
        life.shown.push(ask(&mut node, Command::Status, now));
        for command in [Command::Levels, Command::Peers, Command::Alerts, Command::Seeds] {
            life.shown.push(ask(&mut node, command, now));
        }
        life.shown.push(ask(&mut node, Command::Rules(None, 100), now));
    }
    let Answer::Transfers(all) = ask(&mut node, Command::Transfers, now) else { panic!("none") };
    assert_eq!(all.len(), 1);
    life
}

#[test]
fn a_no_leaves_no_trace_in_anything_else_that_a_node_keeps_or_shows() {
    // TRANSFER-5
    for seed in 0..8 {
        let (no, time) = (live(End::No, seed), live(End::Time, seed));
        assert!(!no.kept.is_empty() && no.shown.len() == 60);
        assert_eq!(no, time, "seed {seed}");
    }
}
