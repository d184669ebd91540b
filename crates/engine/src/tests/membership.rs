//! Nobody is forgotten, nobody crowds the others out.

use wire::{Address, Frame, Medium, PeersWanted};

use super::lab::*;
use crate::{BookRow, Config, Connected, Direction, Effect, Input, LinkId, Snapshot};

fn address(port: u16) -> Address {
    format!("http://77.0.0.9:{port}").parse().unwrap()
}

fn knowing(rows: &[(u8, u16, u64)]) -> Snapshot {
    let row = |(number, port, heard_ms): &(u8, u16, u64)| BookRow {
        node: puppet(*number).id(),
        profile: profile(&puppet(*number), START_MS - 1_000, &[&address(*port).to_string()]).into(),
        reached: None,
        heard_ms: *heard_ms,
    };
    Snapshot { book: rows.iter().map(row).collect(), ..Snapshot::default() }
}

/// Counts the dials of an address while every one of them fails.
fn dials_in(lab: &mut Lab, of: &Address, ms: u64) -> usize {
    let (mut count, end_ms) = (0, lab.now.mono_ms + ms);
    while lab.now.mono_ms < end_ms {
        for dialled in dials(&lab.pass(100)) {
            count += usize::from(dialled == of.to_string());
            let failed = Input::DialFailed(dialled.parse().unwrap(), "refused".to_owned());
            lab.input(failed);
        }
    }
    count
}

#[test]
fn a_bootstrap_that_is_down_is_dialled_for_ever() {
    // MEMBER-1: a node that starts before its bootstrap peer joins when that one appears.
    let mut lab = Lab::with(Config { bootstrap: vec![address(1)], ..config() });
    assert!(dials_in(&mut lab, &address(1), 60_000) >= 12, "alone: at least every 5 s or so");
    let day_later = dials_in(&mut lab, &address(1), 600_000);
    assert!(day_later >= 90, "still {day_later} in ten minutes");
}

#[test]
fn with_other_links_the_waits_grow_but_end() {
    // MEMBER-1
    let mut lab =
        Lab::with(Config { bootstrap: vec![address(1)], heartbeat_ms: 1 << 40, ..config() });
    let link = lab.link(&puppet(1));
    let pong = |lab: &mut Lab| {
        lab.push(link, &message(&puppet(7), lab.now.unix_ms, "alive"), 0);
    };
    let mut counts = Vec::new();
    for _ in 0..12 {
        pong(&mut lab);
        counts.push(dials_in(&mut lab, &address(1), 300_000));
    }
    assert!(counts[0] > counts[11], "{counts:?}");
    assert!(counts[10] + counts[11] >= 1, "never given up: {counts:?}");
}

#[test]
fn a_known_node_is_dialled_after_a_restart_without_any_bootstrap() {
    let mut lab = Lab::waking(config(), knowing(&[(5, 5, 1), (6, 6, 1)]));
    let mut dialled = dials(&lab.pass(1));
    dialled.sort_unstable();
    assert_eq!(dialled, vec![address(5).to_string(), address(6).to_string()]);
}

#[test]
fn a_node_that_moved_is_dialled_at_its_new_address() {
    // MEMBER-2
    let mut lab = Lab::waking(config(), knowing(&[(5, 5, 1)]));
    assert_eq!(dials(&lab.pass(1)), vec![address(5).to_string()]);
    lab.input(Input::DialFailed(address(5), "refused".to_owned()));
    let link = lab.link(&puppet(1));
    let moved = profile(&puppet(5), START_MS, &[&address(55).to_string()]);
    lab.say(link, &peers(vec![moved]));
    assert_eq!(dials(&lab.pass(500)), vec![address(55).to_string()]);
    // An older profile does not bring the old address back.
    let old = profile(&puppet(5), START_MS - 500, &[&address(5).to_string()]);
    lab.say(link, &peers(vec![old]));
    assert_eq!(lab.engine.peer_list(lab.now)[0].addresses.len(), 1);
}

#[test]
fn a_stranger_at_a_known_address_is_not_the_node_we_know() {
    let mut lab = Lab::waking(config(), knowing(&[(5, 5, 1)]));
    lab.pass(1);
    let ip = "77.0.0.9".parse().unwrap();
    lab.input(Input::Connected(Connected {
        link: LinkId(99),
        peer: puppet(6).id(),
        direction: Direction::Outbound,
        dialled: Some(address(5)),
        remote_ip: ip,
        local_ip: ip,
        medium: Medium::Http,
    }));
    let hello = lab.hello_of(&puppet(6), 1);
    lab.say(LinkId(99), &Frame::Hello(Box::new(hello)));
    let peers = lab.engine.peer_list(lab.now);
    let known = peers.iter().find(|it| it.node == Some(puppet(5).id())).unwrap();
    assert_eq!(known.why.as_deref(), Some("another node answers there"));
}

#[test]
fn peer_exchange_hands_over_at_most_twenty_four() {
    // MEMBER-3
    let rows: Vec<(u8, u16, u64)> = (101..=200).map(|it| (it, u16::from(it), 1)).collect();
    let mut lab = Lab::waking(config(), knowing(&rows));
    let link = lab.link(&puppet(1));
    let effects = lab.say(link, &Frame::PeersWanted(PeersWanted::Any));
    let Frame::Peers(profiles) = &sent(&effects, link)[0] else { panic!("no peers") };
    assert_eq!(profiles.profiles.len(), 24);
}

#[test]
fn strangers_cannot_crowd_out_a_node_we_have_heard() {
    // MEMBER-4
    let rows: Vec<(u8, u16, u64)> = (1..=4).map(|it| (it, u16::from(it), 1_000)).collect();
    let mut lab = Lab::waking(Config { book_max: 5, ..config() }, knowing(&rows));
    let link = lab.link(&puppet(1));
    for number in 50..90 {
        let stranger = profile(&puppet(number), START_MS, &[&address(number.into()).to_string()]);
        lab.say(link, &peers(vec![stranger]));
    }
    let known: Vec<_> = lab.engine.peer_list(lab.now).iter().filter_map(|it| it.node).collect();
    assert_eq!(known.len(), 5);
    assert!((1..=4).all(|number| known.contains(&puppet(number).id())));
}

#[test]
fn where_a_link_reached_us_is_where_we_say_we_are() {
    // MEMBER-7
    let mut lab = Lab::with(Config { door_port: Some(8880), ..config() });
    lab.link(&puppet(1));
    let addresses = lab.engine.status().addresses;
    assert_eq!(addresses, vec!["http://77.0.0.1:8880".parse().unwrap()]);
}

#[test]
fn every_listener_is_told_the_best_first() {
    // MEMBER-7
    let ports = Config { door_port: Some(8880), quic_port: Some(7), ..config() };
    let mut lab = Lab::with(Config { tcp_port: Some(8), ..ports });
    lab.link(&puppet(1));
    let told: Vec<String> = lab.engine.status().addresses.iter().map(Address::to_string).collect();
    assert_eq!(
        told,
        ["/ip4/77.0.0.1/udp/7/quic-v1", "/ip4/77.0.0.1/tcp/8", "http://77.0.0.1:8880"]
    );
}

#[test]
fn of_several_addresses_the_best_is_dialled_first_and_the_others_in_turn() {
    // MEMBER-15
    let (quic, tcp) = ("/ip4/64.0.0.9/udp/8888/quic-v1", "/ip4/64.0.0.9/tcp/8888");
    let http = "http://64.0.0.9:8880";
    let (all, few) =
        (vec![Medium::Quic, Medium::Tcp, Medium::Http], vec![Medium::Http, Medium::Quic]);
    for (media, order) in
        [(all, vec![quic, tcp, http, quic]), (few, vec![http, quic, http, quic]), (vec![], vec![])]
    {
        let rows = vec![BookRow {
            node: puppet(9).id(),
            profile: profile(&puppet(9), START_MS, &[http, tcp, quic]).into(),
            reached: None,
            heard_ms: 1,
        }];
        let kept = Snapshot { book: rows, ..Snapshot::default() };
        let mut lab = Lab::waking(Config { dials: media, ..config() }, kept);
        let mut dialled = Vec::new();
        for _ in 0..300 {
            for at in dials(&lab.pass(100)) {
                lab.input(Input::DialFailed(at.parse().unwrap(), "nobody".to_owned()));
                dialled.push(at);
            }
        }
        assert!(order.len() <= dialled.len(), "{dialled:?}");
        assert_eq!(dialled.is_empty(), order.is_empty());
        assert_eq!(dialled[..order.len()], order);
    }
}

#[test]
fn news_of_a_node_travel_to_everybody() {
    // MEMBER-2
    let mut lab = Lab::new();
    let (from, to) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let news = profile(&puppet(5), START_MS, &[&address(5).to_string()]);
    let effects = lab.push(from, &news, 3);
    assert_eq!(pushed(&effects, to), vec![(id_of(&news), 2)]);
    assert!(pushed(&lab.push(from, &news, 3), to).is_empty());
}

/// The profile in the hello that a node says to a new link, and what it writes before.
fn introduced(lab: &mut Lab) -> (wire::Signed, Vec<BookRow>) {
    let link = lab.connect(&puppet(1), Direction::Inbound);
    let written = lab.effects.iter().filter_map(|effect| match effect {
        Effect::Persist(batch) => Some(batch.book.clone()),
        _ => None,
    });
    let written = written.flatten().collect();
    let hello = sent(&lab.effects, link).into_iter().find_map(|frame| match frame {
        Frame::Hello(hello) => Some(hello.profile),
        _ => None,
    });
    (hello.unwrap(), written)
}

#[test]
fn a_restart_is_no_news_unless_something_changed() {
    // MEMBER-12
    let config = Config { public: vec![address(1)], ..config() };
    let (first, written) = introduced(&mut Lab::with(config.clone()));
    assert_eq!(written.len(), 1, "its own profile: {written:?}");
    assert_eq!((written[0].node, &*written[0].profile), (me().id(), &first));
    let kept = || Snapshot { book: written.clone(), ..Snapshot::default() };
    let (again, nothing) = introduced(&mut Lab::waking(config.clone(), kept()));
    assert_eq!((again, nothing), (first.clone(), Vec::new()));
    let moved = Config { public: vec![address(2)], ..config };
    let (other, written) = introduced(&mut Lab::waking(moved, kept()));
    assert_ne!(other, first);
    assert_eq!(*written[0].profile, other);
}

#[test]
fn what_is_heard_of_is_dialled_once_and_not_for_nothing() {
    // MDNS-4
    let mut lab = Lab::new();
    let address = |number: u32| -> Address { door_of(number).parse().unwrap() };
    assert!(lab.engine.hear_of(address(1), lab.now));
    assert!(!lab.engine.hear_of(address(1), lab.now), "it is being dialled");
    assert_eq!(dials(&lab.input(Input::Tick)), [address(1).to_string()]);
    lab.input(Input::DialFailed(address(1), "no answer".to_owned()));
    assert!(dials(&lab.pass(600_000)).is_empty(), "nobody answered there: it is forgotten");
    assert!(lab.engine.hear_of(address(1), lab.now), "until it is told again");
    lab.input(Input::Tick);
    lab.answer_dial(&door_of(1));
    assert!(!lab.engine.hear_of(address(1), lab.now), "a linked node is there");
    // With all links up, one in a heartbeat.
    for number in 2..30 {
        if lab.engine.hear_of(address(number), lab.now) {
            lab.input(Input::Tick);
            lab.answer_dial(&door_of(number));
        }
    }
    let told = (100..150).filter(|number| lab.engine.hear_of(address(*number), lab.now)).count();
    assert_eq!(told, 0, "the one of this heartbeat is spent, or there are links enough");
}
