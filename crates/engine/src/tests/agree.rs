//! Neighbours tell each other how their sets look, seldom, and as of a moment ago.

use wire::{
    Class, Content, Digest, Frame, Message, PeersWanted, Pong, Reason, Records, Set, SetSummary,
    Signed, Summary,
};

use super::lab::*;
use crate::sets::Place;
use crate::{Config, Effect, Input, LinkId};

/// Summaries sent to anybody, the link and the frame.
fn summaries(effects: &[Effect]) -> Vec<(LinkId, Summary)> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(link, _, bytes) => Some((*link, Frame::decode(bytes).unwrap())),
        _ => None,
    });
    frames
        .filter_map(|(link, frame)| match frame {
            Frame::Summary(summary) => Some((link, summary)),
            _ => None,
        })
        .collect()
}

fn walks(effects: &[Effect], link: LinkId) -> usize {
    sent(effects, link).iter().filter(|it| matches!(it, Frame::Compare(_))).count()
}

/// Lets time pass among neighbours that are alive and agree to everything they are told, but for a
/// deaf one. Returns what was told.
fn pass_but(lab: &mut Lab, ms: u64, deaf: Option<LinkId>) -> Vec<(LinkId, Summary)> {
    let mut all = Vec::new();
    for _ in 0..ms / 50 {
        let effects = lab.pass(50);
        for effect in &effects {
            let Effect::Send(link, _, bytes) = effect else { continue };
            if deaf == Some(*link) {
                continue;
            }
            match Frame::decode(bytes).unwrap() {
                Frame::Ping(ping) => {
                    let pong = Pong { nonce: ping.nonce, report: None };
                    lab.say(*link, &Frame::Pong(pong));
                }
                Frame::Summary(summary) => drop(lab.say(*link, &Frame::Agreed(summary.cutoff_ms))),
                _ => {}
            }
        }
        all.extend(summaries(&effects));
    }
    all
}

fn pass_agreeing(lab: &mut Lab, ms: u64) -> Vec<(LinkId, Summary)> {
    pass_but(lab, ms, None)
}

fn lab_of_twelve() -> (Lab, Vec<LinkId>) {
    // Nobody is given up for its silence.
    let for_ever = 1 << 40;
    let mut lab = Lab::with(Config {
        probe_ms: for_ever,
        patience_min_ms: for_ever,
        patience_max_ms: for_ever,
        ..config()
    });
    let links: Vec<LinkId> = (1..=12).map(|number| lab.link(&puppet(number))).collect();
    lab.answers = false;
    pass_agreeing(&mut lab, 20_000);
    (lab, links)
}

#[test]
fn while_something_changes_one_link_a_second_is_told() {
    // WALK-1
    let (mut lab, links) = lab_of_twelve();
    let mut told = Vec::new();
    for number in 0..400 {
        lab.push(links[0], &message(&puppet(50), lab.now.unix_ms, &format!("{number}")), 0);
        told.extend(pass_agreeing(&mut lab, 50));
    }
    assert!((12..=28).contains(&told.len()), "{} summaries in 20 s", told.len());
    assert!(told.iter().all(|(_, summary)| summary.answer_wanted));
    let mut who: Vec<LinkId> = told.iter().map(|(link, _)| *link).collect();
    who.sort_unstable();
    who.dedup();
    assert!(6 <= who.len(), "always the same: {who:?}");
}

#[test]
fn a_quiet_network_agrees_soon_and_is_silent_then() {
    // WALK-1
    let (mut lab, links) = lab_of_twelve();
    assert_eq!(lab.engine.status().agreeing, 12);
    lab.push(links[0], &entry(&puppet(50), lab.now.unix_ms, "n", "1"), 0);
    assert_eq!(lab.engine.status().agreeing, 0);
    let told = pass_agreeing(&mut lab, 9_000);
    assert_eq!(lab.engine.status().agreeing, 12);
    assert!(told.len() <= 14, "{} summaries for one change", told.len());
    assert!(pass_agreeing(&mut lab, 60_000).is_empty());
}

#[test]
fn what_is_on_its_way_is_no_difference() {
    // WALK-2
    let (mut lab, links) = lab_of_twelve();
    // The peer, asked a moment ago, has not got it yet, and asks beside our clock's moment.
    let before = Summary {
        answer_wanted: true,
        cutoff_ms: Some(lab.now.unix_ms - 1_500),
        ..Summary::default()
    };
    lab.push(links[0], &message(&puppet(50), lab.now.unix_ms - 300, "x"), 0);
    let effects = lab.say(links[1], &Frame::Summary(before));
    assert_eq!(sent(&effects, links[1]), vec![Frame::Agreed(before.cutoff_ms)]);
    assert_eq!(lab.engine.status().counters.compared, 0);
    // Once it is old enough to be everywhere, the same answer is a difference.
    pass_agreeing(&mut lab, 3_000);
    let after = Summary { cutoff_ms: Some(lab.now.unix_ms - 2_000), ..before };
    let effects = lab.say(links[1], &Frame::Summary(after));
    assert_eq!(walks(&effects, links[1]), 1);
    assert_eq!(lab.engine.status().counters.compared, 1);
}

#[test]
fn a_walk_looks_at_the_moment_it_names() {
    // WALK-2
    let (mut lab, links) = lab_of_twelve();
    lab.push(links[0], &message(&puppet(50), lab.now.unix_ms - 300, "x"), 0);
    let prefix = Digest::default();
    let nothing = wire::View::Items(Vec::new());
    let ranges = vec![wire::Range { prefix, bits: 0, view: nothing, answer: false }];
    let compare = |cutoff_ms| {
        Frame::Compare(wire::Compare { set: Set::Messages, ranges: ranges.clone(), cutoff_ms })
    };
    let young = lab.say(links[1], &compare(Some(lab.now.unix_ms - 1_000)));
    assert_eq!(walks(&young, links[1]), 0, "what is on its way is not offered");
    let all = lab.say(links[1], &compare(None));
    assert_eq!(walks(&all, links[1]), 1);
}

#[test]
fn a_clock_that_is_off_is_answered_once_and_the_answer_is_not() {
    // WALK-2
    let (mut lab, links) = lab_of_twelve();
    lab.push(links[0], &message(&puppet(50), lab.now.unix_ms, "x"), 0);
    let ahead = Summary {
        answer_wanted: true,
        cutoff_ms: Some(lab.now.unix_ms + 10_000),
        ..Summary::default()
    };
    let effects = lab.say(links[1], &Frame::Summary(ahead));
    let answers = sent(&effects, links[1]);
    let [Frame::Summary(answer)] = &answers[..] else { panic!("{answers:?}") };
    assert!(!answer.answer_wanted);
    assert_eq!(answer.cutoff_ms, Some(lab.now.unix_ms - 2_000));
    // Whatever an answer says, it gets none; at most a walk.
    for cutoff_ms in [None, Some(1), answer.cutoff_ms, ahead.cutoff_ms] {
        let effects =
            lab.say(links[2], &Frame::Summary(Summary { cutoff_ms, ..Summary::default() }));
        assert!(summaries(&effects).is_empty());
    }
}

#[test]
fn who_differs_for_ever_costs_less_and_less() {
    // WALK-1
    let mut lab = Lab::with(Config { probe_ms: 1 << 40, ..config() });
    let (liar, other) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let lie = |cutoff_ms, answer_wanted| {
        let state = SetSummary { root: Digest([1; 32]), count: 1 };
        Frame::Summary(Summary { state, answer_wanted, cutoff_ms, ..Summary::default() })
    };
    let mut costs = Vec::new();
    for _ in 0..4 {
        let mut frames = 0;
        for _ in 0..3_000 {
            let effects = lab.pass(50);
            for (link, summary) in summaries(&effects) {
                let answer = if link == other {
                    Frame::Agreed(summary.cutoff_ms)
                } else {
                    lie(summary.cutoff_ms, false)
                };
                let more = lab.say(link, &answer);
                frames += 1 + walks(&more, liar);
            }
        }
        costs.push(frames);
    }
    assert!(0 < costs[0] && costs[3] <= 12, "frames in each of four times 150 s: {costs:?}");
    // One that asks all the time gets an answer each time, and fewer and fewer walks.
    let begun = [0, 1].map(|_| {
        let before = lab.engine.status().counters.compared;
        for _ in 0..600 {
            lab.pass(100);
            lab.say(liar, &lie(Some(lab.now.unix_ms - 2_000), true));
        }
        lab.engine.status().counters.compared - before
    });
    assert!(begun[0] <= 7 && begun[1] <= 3, "walks in each of two minutes: {begun:?}");
}

#[test]
fn who_was_behind_a_wall_is_asked_as_soon_as_it_speaks() {
    let (mut lab, links) = lab_of_twelve();
    lab.push(links[0], &message(&puppet(50), lab.now.unix_ms - 60_000, "x"), 0);
    pass_but(&mut lab, 60_000, Some(links[5]));
    lab.say(links[5], &Frame::PeersWanted(PeersWanted::Any));
    let told = pass_agreeing(&mut lab, 1_500);
    assert!(told.iter().any(|(link, _)| *link == links[5]), "{told:?}");
}

#[test]
fn who_never_says_what_it_holds_makes_room() {
    // MEMBER-14
    let mut lab = Lab::new();
    lab.link(&puppet(1));
    let leech = lab.link(&puppet(2));
    lab.answers = false;
    for _ in 0..800 {
        let effects = lab.pass(50);
        for effect in &effects {
            let Effect::Send(link, _, bytes) = effect else { continue };
            // It is alive, and asks as others do.
            match Frame::decode(bytes).unwrap() {
                Frame::Summary(_) if *link == leech => {
                    drop(lab.say(leech, &Frame::PeersWanted(PeersWanted::Any)));
                }
                _ => drop(answer(*link, bytes).map(|it| lab.input(it))),
            }
        }
    }
    assert_eq!(
        closed(&lab.effects),
        [(leech, Reason::Silent)],
        "nothing is published, and it is found out"
    );
    assert!(lab.engine.status().counters.given_up == 1 && lab.engine.links_len() == 1);
}

#[test]
fn who_answers_late_and_who_lost_a_question_stays() {
    // MEMBER-14
    let mut lab = Lab::new();
    let links: Vec<LinkId> = (1..=3).map(|number| lab.link(&puppet(number))).collect();
    lab.answers = false;
    let mut due: Vec<(u64, Input)> = Vec::new();
    for round in 0..6_000_u64 {
        let effects = lab.pass(50);
        for effect in &effects {
            let Effect::Send(link, _, bytes) = effect else { continue };
            let is_question = matches!(Frame::decode(bytes).unwrap(), Frame::Summary(_));
            // The first takes six seconds for each answer, and what it brings lets
            // it be asked again at once; all that the second is asked finds no room.
            let wait_ms = match (*link == links[0], is_question) {
                (true, true) => 6_000,
                (true | false, _) => 100,
            };
            if *link == links[1] && is_question {
                lab.input(Input::Congested(*link, Class::Control, 1));
                continue;
            }
            let at_ms = lab.now.mono_ms + wait_ms;
            due.extend(answer(*link, bytes).map(|input| (at_ms, input)));
        }
        let now_ms = lab.now.mono_ms;
        for (_, input) in due.extract_if(.., |(at, _)| *at <= now_ms) {
            lab.input(input);
        }
        if round % 20 == 0 {
            lab.push(links[0], &message(&puppet(50), lab.now.unix_ms, &format!("{round}")), 0);
        }
    }
    assert_eq!(closed(&lab.effects), []);
}

#[test]
fn a_repair_is_told_to_all_within_a_second_and_not_for_ever() {
    // WALK-5
    let (mut lab, links) = lab_of_twelve();
    let repair = |lab: &mut Lab, name: &str| {
        let records = vec![entry(&puppet(50), START_MS - 60_000, name, "1")];
        let answer = Records { set: Set::State, records, range: false, next: None };
        lab.say(links[0], &Frame::Records(answer))
    };
    repair(&mut lab, "first");
    let mut told: Vec<LinkId> =
        pass_agreeing(&mut lab, 700).into_iter().map(|(link, _)| link).collect();
    told.sort_unstable();
    assert_eq!(told, links);
    // A minute in which each 100 ms brings something old.
    let mut count = 0;
    for number in 0..600 {
        repair(&mut lab, &format!("n{number}"));
        count += pass_agreeing(&mut lab, 100).len();
    }
    assert!(count <= 96 + 2 * 60 + 20, "{count} summaries in a minute");
}

#[test]
fn alerts_are_repaired_first() {
    // WALK-6
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let alert = |text: &str| {
        let class = Class::Alert;
        let message = Message { class, ..Message::new("t", format!("\"{text}\"")) };
        sign(&puppet(7), 9, START_MS, 3_600_000, Content::Message(message))
    };
    let records =
        [message(&puppet(7), START_MS, "a"), alert("b"), message(&puppet(7), START_MS, "c")];
    records.iter().for_each(|record| drop(lab.push(link, record, 0)));
    let key = |signed: &Signed| {
        let opened = signed.clone().open().unwrap();
        Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap().key
    };
    let wanted = wire::Wanted::Keys(records.iter().map(key).collect());
    let effects = lab.say(link, &Frame::Fetch(wire::Fetch { set: Set::Messages, wanted }));
    let sent: Vec<(Class, Vec<Signed>)> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(_, class, bytes) => match Frame::decode(bytes).unwrap() {
                Frame::Records(records) => Some((*class, records.records)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(sent[0], (Class::Alert, vec![records[1].clone()]));
    assert_eq!((sent[1].0, sent[1].1.len()), (Class::Bulk, 2));
}

#[test]
fn who_waits_for_much_compares_rarely_and_not_never() {
    // WALK-7
    let (mut lab, links) = lab_of_twelve();
    let differs = |number: u64| {
        let state = SetSummary { root: Digest::of("root", &[&number.to_be_bytes()]), count: 9 };
        Frame::Summary(Summary { state, answer_wanted: true, ..Summary::default() })
    };
    let begun = |lab: &mut Lab, from: u64| {
        let mut begun = 0;
        for number in from..from + 80 {
            let at = links[usize::try_from(number).unwrap() % links.len()];
            // What is announced does not come, and nobody said that it would not.
            if 1_000 <= from {
                let have = (0..512).map(|it| wire::Have { id: wire::ShortId(it), age_ms: 0 });
                let push = wire::Push { have: have.collect(), ..wire::Push::default() };
                let by = links[usize::try_from(number + 1).unwrap() % links.len()];
                lab.say(by, &Frame::Push(push));
            }
            let effects = lab.say(at, &differs(number));
            let frames = sent(&effects, at);
            assert!(!frames.is_empty(), "it is answered either way");
            begun += usize::from(frames.iter().any(|it| matches!(it, Frame::Compare(_))));
            lab.pass(31_000);
        }
        begun
    };
    assert_eq!(begun(&mut lab, 0), 80);
    let busy = begun(&mut lab, 1_000);
    assert!((1..=30).contains(&busy), "{busy} of 80");
}
