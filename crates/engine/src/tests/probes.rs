//! Silence is found soon, by few bytes, and floods of pings bring little.

use wire::{Frame, Ping, Pong, Reason};

use super::lab::*;
use crate::{Config, Effect, Input, LinkId};

/// Peers that answer, each after its own time.
#[derive(Default)]
struct Slow {
    due: Vec<(u64, Input)>,
}

impl Slow {
    /// Lets time pass in small steps. Returns what happened.
    fn pass(&mut self, lab: &mut Lab, ms: u64, delay_ms: impl Fn(LinkId) -> u64) -> Vec<Effect> {
        let mut all = Vec::new();
        for _ in 0..ms / 10 {
            let mut effects = lab.pass(10);
            let now_ms = lab.now.mono_ms;
            for (_, input) in self.due.extract_if(.., |(at, _)| *at <= now_ms) {
                effects.extend(lab.input(input));
            }
            for effect in &effects {
                let Effect::Send(link, _, bytes) = effect else { continue };
                let answer = answer(*link, bytes);
                self.due.extend(answer.map(|input| (now_ms + delay_ms(*link), input)));
            }
            all.extend(effects);
        }
        all
    }
}

fn pings(effects: &[Effect]) -> Vec<(LinkId, Ping)> {
    let pings = effects.iter().filter_map(|effect| match effect {
        Effect::Send(link, _, bytes) => match Frame::decode(bytes) {
            Ok(Frame::Ping(ping)) => Some((*link, ping)),
            _ => None,
        },
        _ => None,
    });
    pings.collect()
}

#[test]
fn twelve_dead_links_are_found_together() {
    // MEMBER-6
    let mut lab = Lab::new();
    let links: Vec<LinkId> = (1..=12).map(|number| lab.link(&puppet(number))).collect();
    lab.pass(20_000);
    lab.answers = false;
    let effects = lab.pass(6_000);
    let mut gone: Vec<LinkId> = closed(&effects).into_iter().map(|(link, _)| link).collect();
    gone.sort_unstable();
    assert_eq!(gone, links);
    assert!(closed(&effects).iter().all(|(_, reason)| *reason == Reason::Silent));
}

#[test]
fn under_traffic_a_dead_link_is_found_within_three_seconds() {
    // MEMBER-6: those that are heard are not asked, so the dead one is.
    let mut lab = Lab::new();
    let links: Vec<LinkId> = (1..=12).map(|number| lab.link(&puppet(number))).collect();
    let mut gone = Vec::new();
    for round in 0..80_u64 {
        lab.answers = round < 50;
        for link in &links[usize::from(50 <= round)..] {
            let signed = message(&puppet(50), START_MS + round, &format!("{round}"));
            lab.push(*link, &signed, 0);
        }
        gone.extend(closed(&lab.pass(100)));
    }
    assert_eq!(gone, vec![(links[0], Reason::Silent)]);
}

#[test]
fn a_quiet_network_costs_little() {
    let mut lab = Lab::new();
    for number in 1..=12 {
        lab.link(&puppet(number));
    }
    lab.pass(600_000);
    let effects = lab.pass(600_000);
    let sizes: Vec<usize> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(_, _, bytes) => Some(bytes.len()),
            _ => None,
        })
        .collect();
    // What encryption, WebSocket, TCP and IP put around a frame.
    let bytes: usize = sizes.iter().map(|size| size + 60).sum();
    // The puppets answer with small pongs; as many again are answers of ours to their pings.
    assert!(bytes / 600 <= 100, "{} bytes a second in {} frames", bytes / 600, sizes.len());
}

#[test]
fn a_small_ping_is_small() {
    let ping = Frame::Ping(Ping { nonce: (1 << 28) - 1, report: None });
    assert!(ping.encode().len() <= 7, "{} bytes", ping.encode().len());
    let mut lab = Lab::new();
    for number in 1..=3 {
        lab.link(&puppet(number));
    }
    let all = pings(&lab.pass(300_000));
    assert!(100 < all.len() && all.iter().all(|(_, ping)| ping.nonce < 1 << 28));
    let reports = all.iter().filter(|(_, ping)| ping.report.is_some()).count();
    assert!((20..=45).contains(&reports), "{reports} reports on 3 links in 300 s");
}

#[test]
fn floods_of_pings_are_answered_within_a_bound() {
    // MEMBER-6
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let mut answered = 0;
    for nonce in 0..10_000 {
        let effects = lab.say(link, &Frame::Ping(Ping { nonce, report: None }));
        answered += sent(&effects, link).iter().filter(|it| matches!(it, Frame::Pong(_))).count();
        if nonce % 1_000 == 0 {
            lab.pass(100);
        }
    }
    assert!(answered <= 40, "{answered} pongs in one second");
    lab.pass(2_000);
    let effects = lab.say(link, &Frame::Ping(Ping { nonce: 1, report: None }));
    assert!(matches!(sent(&effects, link)[..], [Frame::Pong(_)]), "an honest ping is answered");
}

#[test]
fn nobody_looks_nearer_than_it_is() {
    let mut lab = Lab::new();
    lab.answers = false;
    let link = lab.link(&puppet(1));
    for nonce in 0..5_000 {
        lab.say(link, &Frame::Pong(Pong { nonce, report: None }));
    }
    assert_eq!(lab.engine.peer_list(lab.now)[0].rtt_ms, None, "a guess was believed");
    let mut slow = Slow::default();
    let (_, ping) = pings(&lab.effects).pop().unwrap();
    let pong = Frame::Pong(Pong { nonce: ping.nonce, report: None });
    slow.due.push((lab.now.mono_ms + 400, Input::Frame(link, pong.encode().into())));
    slow.pass(&mut lab, 1_000, |_| 400);
    assert_eq!(lab.engine.peer_list(lab.now)[0].rtt_ms, Some(400), "who is slow is far");
}

#[test]
fn who_is_slow_itself_becomes_patient_and_loses_nobody() {
    // MEMBER-6
    let mut lab = Lab::waking(config(), snapshot(12));
    for url in dials(&lab.pass(600)) {
        lab.answer_dial(&url);
    }
    lab.pass(2_000);
    lab.answers = false;
    let links = lab.engine.links_len();
    assert!(4 <= links);
    // From now on everything takes more than twice as long as anybody is waited for.
    let effects = Slow::default().pass(&mut lab, 120_000, |_| 700);
    let silent = closed(&effects).into_iter().filter(|(_, reason)| *reason == Reason::Silent);
    assert_eq!(silent.count(), 0);
}

#[test]
fn a_machine_that_slept_does_not_blame_its_peers() {
    let mut lab = Lab::new();
    for number in 1..=5 {
        lab.link(&puppet(number));
    }
    lab.pass(10_000);
    lab.answers = false;
    while pings(&lab.pass(100)).is_empty() {}
    lab.answers = true;
    // A lid is closed for an hour, just after a ping.
    lab.now.mono_ms += 3_600_000;
    lab.now.unix_ms += 3_600_000;
    let effects = lab.pass(5_000);
    assert!(closed(&effects).is_empty());
    assert_eq!(lab.engine.links_len(), 5);
}

fn snapshot(rows: u32) -> crate::Snapshot {
    crate::Snapshot { book: crowded(0..rows, 0, false), ..Default::default() }
}

#[test]
fn a_link_that_is_heard_is_not_asked() {
    let mut lab = Lab::with(Config { heartbeat_ms: 1 << 40, ..config() });
    let link = lab.link(&puppet(1));
    lab.pass(5_000);
    let mut asked = 0;
    for round in 0..600_u64 {
        lab.push(link, &message(&puppet(50), START_MS + round, &format!("{round}")), 0);
        asked += pings(&lab.pass(100)).len();
    }
    assert_eq!(asked, 0);
}
