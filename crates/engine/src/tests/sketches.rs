//! Two engines with large sets find what one lacks by sketches, and walk where those do not do.

use bytes::Bytes;
use wire::{Frame, Sketch, SketchStep, Summary};

use super::lab::*;
use super::pair::Pair;
use crate::{Config, LinkId};

/// Two that share so many entries, and each have so many more; linked.
fn linked(shared: u64, own: [usize; 2]) -> Pair {
    let mut pair = apart(shared, own);
    pair.connect();
    pair
}

fn apart(shared: u64, own: [usize; 2]) -> Pair {
    let mut pair = Pair::sharing(&small(), shared);
    pair.write(0, own[0]);
    pair.write(1, own[1]);
    pair
}

/// Sets of a thousand are large here.
fn small() -> Config {
    Config { sketch_min: 1_000, ..config() }
}

/// What a side makes of the symbols it sends.
fn lying(pair: &mut Pair, mut lie: impl FnMut(SketchStep) -> Vec<SketchStep> + 'static) {
    pair.twist = Box::new(move |_, frame| match frame {
        Frame::Sketch(Sketch { exchange, step }) => {
            let steps = lie(step).into_iter();
            steps.map(|step| Frame::Sketch(Sketch { exchange, step })).collect()
        }
        other => vec![other],
    });
}

/// A lie about a nonce; about how many differ, from where and until where; about the symbols.
type Lie = fn(&mut u64, [&mut u32; 3], &mut Vec<u8>);

fn changed(step: SketchStep, change: Lie) -> SketchStep {
    let SketchStep::Symbols { mut nonce, mut differing, mut from, mut until, symbols } = step
    else {
        return step;
    };
    let mut bytes = symbols.to_vec();
    change(&mut nonce, [&mut differing, &mut from, &mut until], &mut bytes);
    SketchStep::Symbols { nonce, differing, from, until, symbols: Bytes::from(bytes) }
}

/// What both sides count: begun, told, failed, answered.
fn exchanges(pair: &Pair) -> [u64; 4] {
    [
        pair.counted(|it| it.sketched),
        pair.counted(|it| it.sketches_found),
        pair.counted(|it| it.sketches_failed),
        pair.counted(|it| it.sketches_answered),
    ]
}

#[test]
fn large_sets_that_differ_are_compared_by_sketches() {
    // SKETCH-1, SKETCH-2, SKETCH-5
    for own in [[1, 0], [0, 1], [60, 40], [0, 100], [1_700, 1_300], [3_000, 0]] {
        let mut pair = linked(20_000, own);
        let took_ms = pair.until_equal();
        assert!(took_ms <= 1_000, "{own:?} took {took_ms} ms");
        let count = pair.sides[0].engine.status().state.count;
        assert_eq!(count, 20_000 + (own[0] + own[1]) as u64);
        // Both ends soon know that they agree, and nothing goes on.
        pair.pass(3_000);
        let agreeing = pair.sides.each_ref().map(|it| it.engine.status().agreeing);
        assert_eq!(agreeing, [1, 1], "{own:?}");
        assert_eq!(exchanges(&pair), [1, 1, 0, 1], "{own:?}");
        assert_eq!(pair.sent("compare").0, 0, "{own:?}: nobody walks");
        assert!(pair.glances.iter().all(|it| *it <= 5), "{own:?}: {:?}", pair.glances);
        // Nothing came twice.
        let verified = pair.sides.each_ref().map(|it| it.engine.status().counters.verified);
        assert_eq!(verified, [own[1] as u64 + 1, own[0] as u64 + 1]);
    }
}

#[test]
fn disjoint_sets_are_found_by_a_sketch_as_far_as_it_goes() {
    // SKETCH-2
    let mut pair = linked(0, [1_500, 1_500]);
    pair.until_equal();
    assert_eq!((exchanges(&pair), pair.sent("compare").0), ([1, 1, 0, 1], 0));
    // Much more than one can tell: the estimate is enough to know, and they walk.
    let mut pair = Pair::holding(&small(), [0..15_000, 15_000..30_000]);
    pair.connect();
    assert_eq!(exchanges(&pair), [1, 0, 1, 1]);
    assert!(pair.sent("sketch").1 < 400, "{:?}", pair.sent("sketch"));
    assert!(0 < pair.sent("compare").0);
}

#[test]
fn what_is_small_or_far_apart_is_walked() {
    // SKETCH-1
    let mut pair = linked(900, [50, 60]);
    pair.until_equal();
    assert_eq!(exchanges(&pair), [0; 4]);
    let mut pair = Pair::holding(&small(), [0..2_000, 0..20_000]);
    pair.connect();
    assert_eq!(exchanges(&pair), [0; 4]);
    assert!(0 < pair.sent("compare").0);
}

#[test]
fn equal_sets_take_one_small_message_each_way() {
    // SKETCH-1
    let mut pair = linked(20_000, [0, 0]);
    pair.pass(10_000);
    assert_eq!(exchanges(&pair), [0; 4]);
    let told = ["summary", "agreed"].map(|kind| pair.sent(kind));
    assert!(told.iter().all(|(frames, bytes)| *bytes <= 100 * frames), "{told:?}");
    assert!(told.iter().map(|(frames, _)| frames).sum::<usize>() <= 4, "{told:?}");
}

/// What symbols say is no proof of a lie: whoever cannot be understood is walked.
#[test]
fn symbols_that_tell_nothing_cost_the_budget_and_a_walk() {
    // SKETCH-4
    let garbage: Lie = |_, _, bytes| {
        bytes
            .iter_mut()
            .enumerate()
            .for_each(|(at, it)| *it ^= (at * 7 + at / 13).to_le_bytes()[0]);
    };
    let counts: Lie = |_, _, bytes| bytes.iter_mut().skip(12).step_by(13).for_each(|it| *it = 3);
    let gap: Lie = |_, [_, from, _], bytes| {
        *from += 1;
        bytes.truncate(bytes.len() - 13);
    };
    for lie in [garbage, counts, gap] {
        let mut pair = apart(5_000, [300, 200]);
        lying(&mut pair, move |step| vec![changed(step, lie)]);
        pair.connect();
        pair.until_equal();
        assert_eq!(exchanges(&pair), [1, 0, 1, 1]);
        assert_eq!(pair.faults, [0, 0]);
        assert!(0 < pair.sent("compare").0);
        // Two symbols of 13 bytes for each that seems to differ, and 64 more.
        assert!(pair.sent("sketch").1 < 500 + (2 * 600 + 64) * 13, "{:?}", pair.sent("sketch"));
        // They differ again within the hour: no other sketch of this one.
        pair.write_named(0, "later", 30);
        pair.pass(600_000);
        assert!(pair.is_equal());
        assert_eq!(exchanges(&pair), [1, 0, 1, 1]);
    }
}

#[test]
fn symbols_that_say_all_is_equal_change_nothing() {
    // SKETCH-5
    let zeros: Lie = |_, _, bytes| bytes.fill(0);
    let mut pair = apart(0, [1_000, 1_000]);
    // As if the peer had nothing: it is sent what it has. And what it lacks we do not hear of.
    lying(&mut pair, move |step| vec![changed(step, zeros)]);
    pair.connect();
    pair.until_equal();
    assert!(pair.sides.iter().all(|it| it.engine.status().state.count == 2_000));
    assert!(0 < pair.sent("compare").0, "roots still differed, and they walked");
}

#[test]
fn what_cannot_be_said_closes_the_link() {
    // SKETCH-4
    let nonce: Lie = |nonce, [_, from, _], _| *nonce += u64::from(*from);
    let differing: Lie = |_, [differing, from, _], _| *differing += *from;
    let greedy: Lie = |_, [_, _, until], _| *until += 5_000;
    let none: Lie = |_, _, bytes| bytes.clear();
    let torn: Lie = |_, _, bytes| bytes.push(1);
    let beyond: Lie = |_, [.., until], bytes| bytes.resize(13 * (*until as usize + 1), 0);
    for (at, lie) in [nonce, differing, greedy, none, torn, beyond].into_iter().enumerate() {
        let mut pair = apart(5_000, [300, 200]);
        lying(&mut pair, move |step| vec![changed(step, lie)]);
        pair.connect();
        assert_eq!(pair.faults.iter().sum::<usize>(), 1, "lie {at}");
        let [begun, told, failed, answered] = exchanges(&pair);
        assert_eq!([begun, told, failed, answered], [1, 0, 1, 1], "lie {at}");
    }
}

#[test]
fn an_asker_that_wants_too_much_is_cut_off() {
    // SKETCH-3, SKETCH-4
    let more = |step| match step {
        SketchStep::Want(_) => vec![SketchStep::More(32_768)],
        other => vec![other],
    };
    let wants = |step| match step {
        SketchStep::Want(_) => (0..9).map(|_| SketchStep::Want(vec![7; 1_024])).collect(),
        other => vec![other],
    };
    let empty = |step| match step {
        SketchStep::Begin { set, cutoff_ms, .. } => {
            vec![SketchStep::Begin { set, cutoff_ms, estimate: Bytes::new() }]
        }
        other => vec![other],
    };
    let lies: [fn(SketchStep) -> Vec<SketchStep>; 3] = [more, wants, empty];
    for lie in lies {
        let mut pair = apart(5_000, [300, 200]);
        lying(&mut pair, lie);
        pair.connect();
        assert_eq!(pair.faults.iter().sum::<usize>(), 1);
    }
}

#[test]
fn whoever_begins_again_and_again_is_refused() {
    // SKETCH-3
    let mut pair = apart(5_000, [30, 20]);
    lying(&mut pair, |step| match step {
        begin @ SketchStep::Begin { .. } => vec![begin; 100],
        other => vec![other],
    });
    pair.connect();
    pair.until_equal();
    assert!(pair.counted(|it| it.sketches_answered) <= 1);
    // A new link is no new budget.
    for round in 0..5 {
        pair.cut();
        pair.write_named(0, &format!("round {round}"), 3);
        pair.connect();
        pair.until_equal();
    }
    assert!(pair.counted(|it| it.sketches_answered) <= 1);
    assert!(pair.glances.iter().sum::<usize>() <= 8, "{:?}", pair.glances);
    // Later there is another one.
    pair.cut();
    pair.pass(700_000);
    pair.write_named(1, "much later", 3);
    lying(&mut pair, |step| vec![step]);
    pair.connect();
    pair.until_equal();
    let [_, told, _, answered] = exchanges(&pair);
    assert_eq!((told, answered), (1, 2));
}

#[test]
fn whoever_never_answers_is_walked() {
    // SKETCH-4
    let mut pair = apart(5_000, [30, 20]);
    lying(&mut pair, |step| match step {
        SketchStep::Symbols { .. } => Vec::new(),
        other => vec![other],
    });
    pair.connect();
    let took_ms = pair.until_equal();
    assert!((9_000..13_000).contains(&took_ms), "{took_ms} ms");
    assert_eq!(exchanges(&pair), [1, 0, 1, 1]);
    assert!(0 < pair.sent("compare").0);
}

#[test]
fn one_that_drips_is_given_up() {
    // SKETCH-4
    let mut pair = apart(5_000, [30, 20]);
    // Each second a symbol of those that were promised.
    lying(&mut pair, |step| {
        let one: Lie = |_, _, bytes| bytes.truncate(13);
        match step {
            symbols @ SketchStep::Symbols { .. } => vec![changed(symbols, one)],
            other => vec![other],
        }
    });
    pair.connect();
    let first = pair.now.mono_ms;
    let took_ms = pair.until_equal();
    assert!(took_ms < 35_000, "{took_ms} ms since {first}");
    assert_eq!(exchanges(&pair), [1, 0, 1, 1]);
}

#[test]
fn a_link_that_is_cut_midway_leaves_nothing_behind() {
    // SKETCH-4
    for silent in ["begin", "symbols", "want"] {
        let mut pair = apart(5_000, [30, 20]);
        lying(&mut pair, move |step| {
            let name = match &step {
                SketchStep::Begin { .. } => "begin",
                SketchStep::More(_) => "more",
                SketchStep::Want(_) => "want",
                SketchStep::Symbols { .. } => "symbols",
                SketchStep::Refused => "refused",
            };
            if name == silent { Vec::new() } else { vec![step] }
        });
        pair.connect();
        pair.cut();
        lying(&mut pair, |step| vec![step]);
        pair.connect();
        // Neither end waits for the old exchange: it is forgotten with its link.
        let took_ms = pair.until_equal();
        assert!(took_ms <= 2_000, "{silent}: {took_ms} ms");
    }
}

#[test]
fn while_one_is_asked_the_others_are_not_walked() {
    // SKETCH-3
    let mut lab = Lab::waking(small(), holding(0..2_000));
    let links: Vec<LinkId> = (1..=4).map(|it| lab.link(&puppet(it))).collect();
    lab.pass(3_000);
    // What is done when a peer says that its state looks otherwise.
    let said = |lab: &mut Lab, link: LinkId| {
        let root = wire::Digest([7; 32]);
        let state = wire::SetSummary { root, count: 2_001 };
        let summary = Summary { state, answer_wanted: true, ..Summary::default() };
        let effects = lab.say(link, &Frame::Summary(summary));
        sent(&effects, link).iter().map(Frame::name).collect::<Vec<_>>()
    };
    assert_eq!(said(&mut lab, links[0]), ["sketch"]);
    for link in &links[1..] {
        // A word, so that they know that they were heard.
        assert_eq!(said(&mut lab, *link), ["sketch"]);
        assert_eq!(lab.engine.status().counters.sketched, 1);
    }
    // The first never answers: it is walked, and the next one is asked.
    let effects = lab.pass(10_500);
    assert!(sent(&effects, links[0]).iter().any(|it| matches!(it, Frame::Compare(_))));
    assert_eq!(said(&mut lab, links[1]), ["sketch"]);
    assert_eq!(lab.engine.status().counters.sketched, 2);
    // It refuses, and is walked at once.
    let effects = lab.effects.split_off(lab.effects.len() - 2);
    let begun = sent(&effects, links[1]).into_iter().find_map(|frame| match frame {
        Frame::Sketch(sketch) => Some(sketch.exchange),
        _ => None,
    });
    let step = SketchStep::Refused;
    let refused = Frame::Sketch(Sketch { exchange: begun.unwrap(), step });
    let effects = lab.say(links[1], &refused);
    assert_eq!(sent(&effects, links[1]).iter().map(Frame::name).collect::<Vec<_>>(), ["compare"]);
    // Words of an exchange that is over mean nothing.
    assert!(lab.say(links[1], &refused).is_empty());
    assert_eq!(said(&mut lab, links[2]), ["sketch"]);
    assert_eq!(lab.engine.status().counters.sketched, 3);
}

#[test]
fn of_two_that_ask_each_other_the_smaller_one_does() {
    // SKETCH-3
    let estimate = Bytes::from_static(&[0; 256]);
    let answered = |peer: &wire::Identity| {
        let mut lab = Lab::waking(small(), holding(0..2_000));
        let link = lab.link(peer);
        lab.pass(3_000);
        let state = wire::SetSummary { root: wire::Digest([7; 32]), count: 2_001 };
        lab.say(link, &Frame::Summary(Summary { state, ..Summary::default() }));
        assert_eq!(lab.engine.status().counters.sketched, 1);
        let (set, cutoff_ms, estimate) = (wire::Set::State, None, estimate.clone());
        let step = SketchStep::Begin { set, cutoff_ms, estimate };
        let effects = lab.say(link, &Frame::Sketch(Sketch { exchange: 5, step }));
        let steps = sent(&effects, link).into_iter().filter_map(|it| match it {
            Frame::Sketch(Sketch { exchange: 5, step }) => Some(step),
            _ => None,
        });
        !steps.collect::<Vec<_>>().contains(&SketchStep::Refused)
    };
    let me = me().id();
    let peers: Vec<wire::Identity> = (1..=20).map(puppet).collect();
    assert!(peers.iter().all(|peer| answered(peer) == (peer.id() < me)));
    assert!(peers.iter().any(answered) && !peers.iter().all(answered));
}

#[test]
fn records_that_a_peer_lacks_leave_no_faster_than_links_take_them() {
    // SKETCH-5
    let mut pair = Pair::sharing(&small(), 5_000);
    for number in 0..1_000 {
        pair.put(0, format!("large {number}"), Some(Bytes::from(vec![b'1'; 3_000])));
    }
    pair.connect();
    let took_ms = pair.until_equal();
    // 3.1 MB, more than half a megabyte at once but none twice.
    assert!((1_000..2_500).contains(&took_ms), "{took_ms} ms");
    assert!(pair.sent("records").1 < 3_300_000, "{:?}", pair.sent("records"));
    assert_eq!((exchanges(&pair), pair.sent("compare").0), ([1, 1, 0, 1], 0));
}

#[test]
fn the_longest_step_is_a_frame() {
    // SKETCH-2
    let symbols = sketch::SYMBOLS_PER_ANSWER * sketch::SYMBOL_BYTES;
    assert!(symbols <= wire::limits::SKETCH_BYTES_MAX);
    assert_eq!(sketch::WANTED_PER_QUESTION, wire::limits::SKETCH_IDS_MAX);
}
