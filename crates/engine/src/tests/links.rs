//! Hello, who stays, who is suspect, who is gone.

use wire::{Address, Frame, Goodbye, Medium, Pong, Reason, Report, Summary};

use super::lab::*;
use crate::{Config, Connected, Direction, Effect, Event, Input, LinkId, PeerState};

#[test]
fn a_hello_makes_a_link() {
    // LINK-2
    let mut lab = Lab::new();
    let link = lab.connect(&puppet(1), Direction::Inbound);
    assert!(matches!(sent(&lab.effects, link)[0], Frame::Hello(_)));
    assert_eq!(lab.engine.links_len(), 0);
    let hello = lab.hello_of(&puppet(1), 1);
    let effects = lab.say(link, &Frame::Hello(Box::new(hello)));
    assert_eq!(lab.engine.links_len(), 1);
    assert!(effects.iter().any(|it| matches!(it, Effect::Report(Event::LinkUp(..)))));
}

#[test]
fn our_hello_is_the_first_word_and_waits_for_the_disk() {
    // DISK-1, LINK-2
    let mut lab = Lab::new();
    lab.loads = false;
    let link = lab.connect(&puppet(1), Direction::Inbound);
    let hello = lab.hello_of(&puppet(1), 1);
    lab.say(link, &Frame::Hello(Box::new(hello)));
    lab.pass(1_000);
    assert!(sent(&lab.effects, link).is_empty());
    let ticket = lab.effects.iter().find_map(|it| match it {
        Effect::Load(ticket, ids, _) if ids.is_empty() => Some(*ticket),
        _ => None,
    });
    let effects = lab.input(Input::Loaded(ticket.unwrap(), Vec::new()));
    assert!(matches!(sent(&effects, link)[0], Frame::Hello(_)));
    assert_eq!(lab.engine.links_len(), 1, "the hello that came early was kept");
}

#[test]
fn before_the_hello_nothing_is_heard() {
    let mut lab = Lab::new();
    let link = lab.connect(&puppet(1), Direction::Inbound);
    lab.push(link, &message(&puppet(7), START_MS, "x"), 3);
    assert_eq!(lab.messages(), 0);
    let effects = lab.pass(10_001);
    assert_eq!(closed(&effects), vec![(link, Reason::Silent)]);
}

#[test]
fn another_version_or_network_or_name_is_sent_away_with_a_reason() {
    let cases: [(Spoil, Reason); 3] = [
        (|hello| hello.version = 2, Reason::Version),
        (|hello| hello.network = wire::Digest([1; 32]), Reason::WrongNetwork),
        (|hello| hello.profile = profile(&puppet(2), START_MS, &[]), Reason::Misbehaved),
    ];
    for (spoil, reason) in cases {
        let mut lab = Lab::new();
        let link = lab.connect(&puppet(1), Direction::Inbound);
        let mut hello = lab.hello_of(&puppet(1), 1);
        spoil(&mut hello);
        let effects = lab.say(link, &Frame::Hello(Box::new(hello)));
        assert_eq!(closed(&effects), vec![(link, reason)]);
        assert_eq!(lab.engine.links_len(), 0);
    }
}

#[test]
fn a_node_does_not_link_with_itself() {
    let mut lab = Lab::new();
    let link = lab.connect(&me(), Direction::Outbound);
    assert_eq!(closed(&lab.effects), vec![(link, Reason::Leaving)]);
}

#[test]
fn two_nodes_that_dialled_each_other_keep_the_link_of_the_smaller_id() {
    // MEMBER-5
    for peer in [1, 2, 3, 4].map(puppet) {
        for first in [Direction::Inbound, Direction::Outbound] {
            let second = match first {
                Direction::Inbound => Direction::Outbound,
                Direction::Outbound => Direction::Inbound,
            };
            let mut lab = Lab::new();
            let hello = Frame::Hello(Box::new(lab.hello_of(&peer, 5)));
            let links = [first, second].map(|direction| lab.connect(&peer, direction));
            let effects = links.map(|link| lab.say(link, &hello)).concat();
            let ours = if me().id() < peer.id() { Direction::Outbound } else { Direction::Inbound };
            let loser = if first == ours { links[1] } else { links[0] };
            assert_eq!(closed(&effects), vec![(loser, Reason::Duplicate)]);
            assert_eq!(lab.engine.links_len(), 1);
        }
    }
}

#[test]
fn a_restarted_peer_takes_the_place_of_its_dead_link() {
    let mut lab = Lab::new();
    let old = lab.link(&puppet(1));
    let new = lab.connect(&puppet(1), Direction::Inbound);
    let hello = lab.hello_of(&puppet(1), 2);
    let effects = lab.say(new, &Frame::Hello(Box::new(hello)));
    assert_eq!(closed(&effects), vec![(old, Reason::Duplicate)]);
    assert_eq!(lab.engine.links_len(), 1);
}

#[test]
fn one_link_too_many_is_told_so_and_gets_others_to_try() {
    // MEMBER-8
    let mut lab = Lab::with(Config { links_max: 6, ..config() });
    for number in 1..=3 {
        lab.link(&puppet(number));
    }
    let link = lab.connect(&puppet(4), Direction::Inbound);
    let hello = lab.hello_of(&puppet(4), 1);
    let effects = lab.say(link, &Frame::Hello(Box::new(hello)));
    assert_eq!(closed(&effects), vec![(link, Reason::Busy)]);
    assert!(
        sent(&effects, link)
            .iter()
            .any(|it| matches!(it, Frame::Peers(list) if list.profiles.len() == 3))
    );
}

#[test]
fn a_silent_peer_is_first_suspect_and_then_gone() {
    // MEMBER-6
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.pass(100);
    lab.answers = false;
    let (mut suspect_ms, start_ms) = (None, lab.now.mono_ms);
    loop {
        let effects = lab.pass(10);
        let is_suspect = |it: &Effect| matches!(it, Effect::Report(Event::Suspect(_)));
        if effects.iter().any(is_suspect) {
            suspect_ms = Some(lab.now.mono_ms - start_ms);
            assert_eq!(lab.engine.peer_list(lab.now)[0].state, PeerState::Suspect);
        }
        if !closed(&effects).is_empty() {
            assert_eq!(closed(&effects), vec![(link, Reason::Silent)]);
            break;
        }
        assert!(lab.now.mono_ms < start_ms + 3_000, "still there after 3 s of silence");
    }
    assert!(suspect_ms.is_some(), "gone without ever being suspect");
}

#[test]
fn a_peer_that_answers_is_measured_and_stays() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    for _ in 0..20 {
        let asked = lab.pass(5_000);
        for frame in sent(&asked, link) {
            let Frame::Ping(ping) = frame else { continue };
            let report = Report { time_ms: lab.now.unix_ms, summary: Summary::default() };
            lab.say(link, &Frame::Pong(Pong { nonce: ping.nonce, report: Some(report) }));
        }
    }
    assert_eq!(lab.engine.links_len(), 1);
    assert!(lab.engine.peer_list(lab.now)[0].rtt_ms.is_some());
}

#[test]
fn a_clock_that_is_off_by_a_day_is_seen_and_stops_writing() {
    // CLOCK-1
    let day_ms = 86_400_000_i64;
    for off in [day_ms, -day_ms] {
        let mut lab = Lab::new();
        let link = lab.connect(&puppet(1), Direction::Inbound);
        let mut hello = lab.hello_of(&puppet(1), 1);
        hello.time_ms = hello.time_ms.checked_add_signed(off).unwrap();
        let effects = lab.say(link, &Frame::Hello(Box::new(hello)));
        assert!(
            effects
                .iter()
                .any(|it| matches!(it, Effect::Report(Event::ClockSkew(_, skew)) if *skew == off))
        );
        assert_eq!(lab.engine.clock_off_ms(), Some(off));
    }
}

#[test]
fn leaving_is_said() {
    // MEMBER-9
    let mut lab = Lab::new();
    let links: Vec<LinkId> = (1..=2).map(|number| lab.link(&puppet(number))).collect();
    lab.engine.leave();
    let effects = lab.engine.drain();
    let expected: Vec<_> = links.iter().map(|link| (*link, Reason::Leaving)).collect();
    assert_eq!(closed(&effects), expected);
    assert_eq!(lab.engine.deadline(), None);
}

#[test]
fn a_goodbye_ends_the_link_on_both_sides() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let goodbye = Goodbye { reason: Reason::Leaving, text: "bye".to_owned() };
    let effects = lab.say(link, &Frame::Goodbye(goodbye));
    assert_eq!(closed(&effects).len(), 1);
    assert_eq!(lab.engine.links_len(), 0);
    // What the shell reports afterwards is no news.
    assert!(lab.input(Input::Disconnected(link, "closed".to_owned())).is_empty());
}

/// Makes a hello wrong.
type Spoil = fn(&mut wire::Hello);

#[test]
fn a_link_through_a_relay_gives_way_to_a_straight_one_and_not_the_other_way() {
    // NAT-3
    for (first, second, stays) in
        [(Medium::Relay, Medium::Quic, 1), (Medium::Quic, Medium::Relay, 0)]
    {
        let mut lab = Lab::new();
        let (peer, mut links, mut effects) = (puppet(1), Vec::new(), Vec::new());
        for (number, medium) in [first, second].into_iter().enumerate() {
            let ip = |last| std::net::IpAddr::from([77, 0, 0, last]);
            let connected = Connected {
                link: LinkId(500 + number as u64),
                peer: peer.id(),
                direction: Direction::Inbound,
                dialled: None,
                remote_ip: ip(2),
                local_ip: ip(1),
                medium,
            };
            links.push(connected.link);
            lab.input(Input::Connected(connected));
            let hello = Frame::Hello(Box::new(lab.hello_of(&peer, 1)));
            effects.extend(lab.say(links[number], &hello));
        }
        assert_eq!(lab.engine.links_len(), 1);
        let gone = closed(&effects).into_iter().map(|(link, _)| link).collect::<Vec<_>>();
        assert_eq!(gone, [links[1 - stays]], "{first:?} then {second:?}");
    }
}

#[test]
fn where_others_reach_us_through_a_relay_stands_in_our_profile() {
    // NAT-2
    let mut lab = Lab::new();
    let text = format!(
        "/ip4/203.0.113.1/udp/8888/quic-v1/p2p/{}/p2p-circuit/p2p/{}",
        puppet(1).id(),
        me().id()
    );
    let address: Address = text.parse().unwrap();
    assert_eq!(address.to_string(), text);
    lab.input(Input::Reachable(vec![address.clone()]));
    assert!(lab.engine.status().addresses.contains(&address));
    lab.input(Input::Reachable(Vec::new()));
    assert!(!lab.engine.status().addresses.contains(&address));
}
