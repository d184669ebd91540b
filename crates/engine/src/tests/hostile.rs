//! What hostile peers and strangers tried on us. Each of these once worked.

use bytes::Bytes;
use wire::lattice::{Door, Envelope, Meaning};
use wire::{
    Address, Bridged, Compare, Content, Digest, Fetch, Frame, Hlc, Identity, Item, Message,
    PeersWanted, Ping, Range, Records, Set, SetSummary, Signed, Subtree, Summary, View, Wanted,
    limits,
};

use super::lab::*;
use crate::{
    AuthorClock, BookRow, Config, Connected, Direction, DoorAnswer, Effect, Input, LinkId,
    Snapshot, TicketId, Unsigned,
};

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// One of more keys than there are puppets.
fn key(number: u32) -> Identity {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    Identity::from_seed(seed)
}

/// A link that we opened, before anybody said hello.
fn dialled(lab: &mut Lab, number: u64, peer: &Identity, at: &Address) -> LinkId {
    let (link, ip) = (LinkId(number), "77.0.0.9".parse().unwrap());
    lab.input(Input::Connected(Connected {
        link,
        peer: peer.id(),
        direction: Direction::Outbound,
        dialled: Some(at.clone()),
        remote_ip: ip,
        local_ip: ip,
        medium: wire::Medium::Http,
    }));
    link
}

fn unsigned(message_id: &str, meaning: Meaning) -> Envelope {
    Envelope {
        message_id: message_id.to_owned(),
        message_type: "news".to_owned(),
        payload: "1".to_owned(),
        timestamp_s: 1.0,
        ttl: 3,
        origin_peer: "a".to_owned(),
        seen_by: Vec::new(),
        signed: None,
        meaning,
    }
}

/// An address book: keys, and when each was heard.
fn book(rows: &[(u32, u64)]) -> Snapshot {
    let row = |(number, heard_ms): &(u32, u64)| BookRow {
        node: key(*number).id(),
        profile: profile(&key(*number), START_MS - 1_000, &[]).into(),
        reached: None,
        heard_ms: *heard_ms,
    };
    Snapshot { book: rows.iter().map(row).collect(), ..Snapshot::default() }
}

#[test]
fn a_peer_that_never_says_hello_is_not_dialled_at_the_speed_of_light() {
    let a = address("http://77.0.0.9:1");
    let mut lab = Lab::with(Config { bootstrap: vec![a.clone()], ..config() });
    assert_eq!(dials(&lab.pass(1)).len(), 1);
    let mut n = 0;
    // a peer that completes the handshake and never says hello; 5 ms per dial
    for i in 0..1000 {
        dialled(&mut lab, 100 + i, &puppet(1), &a);
        n += dials(&lab.pass(5)).len();
    }
    assert!(n <= 3, "{n} dials, ghost links in 5 s");
}

#[test]
fn a_known_node_is_not_dialled_twice_while_its_hello_is_on_its_way() {
    let at = "http://77.0.0.9:7";
    let row = BookRow {
        node: puppet(7).id(),
        profile: profile(&puppet(7), START_MS - 1_000, &[at]).into(),
        reached: None,
        heard_ms: 1,
    };
    let mut lab = Lab::waking(config(), Snapshot { book: vec![row], ..Snapshot::default() });
    assert_eq!(dials(&lab.pass(1)), vec![at]);
    dialled(&mut lab, 1, &puppet(7), &address(at));
    assert!(dials(&lab.pass(5_000)).is_empty());
    // It never comes: that was as good as no answer, and the node is not given up.
    assert_eq!(dials(&lab.pass(30_000)).first().map(String::as_str), Some(at));
}

#[test]
fn a_linked_bootstrap_is_not_dialled_even_if_the_book_is_full() {
    let a = address("http://77.0.0.9:1");
    let mut lab = Lab::waking(
        Config { book_max: 2, bootstrap: vec![a.clone()], ..config() },
        book(&[(1, 5), (2, 5)]),
    );
    lab.pass(1);
    let mut n = 0;
    for i in 0..200 {
        let link = dialled(&mut lab, 100 + i, &puppet(1), &a);
        let h = lab.hello_of(&puppet(1), 1);
        lab.say(link, &Frame::Hello(Box::new(h)));
        let d = dials(&lab.pass(20)).len();
        n += d;
        if d == 0 {
            break;
        }
    }
    assert!(n <= 2, "{n} dials of a linked bootstrap in 4 s");
}

#[test]
fn a_profile_there_is_no_room_for_is_checked_once_and_goes_nowhere() {
    let mut lab = Lab::waking(Config { book_max: 2, ..config() }, book(&[(1, 5), (2, 5)]));
    let (f, t) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let v0 = lab.engine.status().counters.verified;
    let p = profile(&puppet(9), START_MS, &[]);
    let mut n = 0;
    for _ in 0..10 {
        n += pushed(&lab.push(f, &p, 9), t).len();
    }
    let v = lab.engine.status().counters.verified - v0;
    assert!(v <= 1 && n <= 1, "verified {v} times, forwarded {n} times");
}

#[test]
fn profiles_are_small_enough_to_be_handed_over() {
    // PROFILE_BYTES_MAX times PEERS_MAX fits into FRAME_BYTES_MAX.
    let all = limits::PROFILE_BYTES_MAX * limits::PEERS_MAX;
    assert!(all < limits::FRAME_BYTES_MAX);
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    for n in 0..8 {
        let id = key(n);
        let mut body = profile(&id, START_MS, &[]).body.to_vec();
        // unknown field 1000, length-delimited, 60 000 bytes
        body.extend([0xc2, 0x3e]);
        body.extend([0xe0, 0xd4, 0x03]);
        body.extend(vec![0u8; 60_000]);
        let body = Bytes::from(body);
        let signed = Signed { body, ..profile(&id, START_MS, &[]) };
        let digest = signed.clone().open().unwrap().digest;
        let label = b"trellis-record-signature-v1\0".as_slice();
        let signature = id.sign(&[label, &NETWORK.0, &digest.0].concat());
        let signed = Signed { signature, ..signed };
        lab.push(link, &signed, 3);
    }
    let known = lab.engine.status().known;
    let effects = lab.say(link, &Frame::PeersWanted(PeersWanted::Any));
    let max = effects
        .iter()
        .filter_map(|effects| match effects {
            Effect::Send(_, _, b) => Some(b.len()),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    assert!(
        max <= limits::FRAME_BYTES_MAX,
        "known {known}, a frame of {max} bytes, which every peer calls misbehaviour"
    );
}

#[test]
fn a_liar_does_not_hold_the_bulk_transfer_for_ever() {
    let mut lab = Lab::new();
    lab.input(Input::Tick);
    let (liar, honest) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let sub = |b: u8| {
        Frame::Compare(Compare {
            set: Set::State,
            cutoff_ms: None,
            ranges: vec![Range {
                prefix: Digest::default(),
                bits: 0,
                answer: false,
                view: View::Subtrees(vec![Subtree {
                    prefix: Digest([b; 32]),
                    bits: 256,
                    hash: Digest([1; 32]),
                }]),
            }],
        })
    };
    lab.say(liar, &sub(1));
    let mut asked = 0;
    for _ in 0..30 {
        lab.pass(4_000);
        let next = Fetch {
            set: Set::State,
            wanted: Wanted::Range {
                prefix: Digest::default(),
                bits: 0,
                after: Some(Digest([3; 32])),
            },
        };
        lab.say(
            liar,
            &Frame::Records(Records {
                set: Set::State,
                records: vec![],
                range: true,
                next: Some(next),
            }),
        );
        let effects = lab.say(honest, &sub(0x80));
        asked += sent(&effects, honest).iter().filter(|f| matches!(f, Frame::Fetch(_))).count();
    }
    assert!(asked > 0, "honest neighbour never asked in 2 minutes");
}

#[test]
fn invented_keys_keep_nobody_from_being_asked() {
    let mut lab = Lab::new();
    let (liar, honest) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let mut n = 0u32;
    let mut frame = |count: u32| {
        let items = (0..count)
            .map(|_| {
                n += 1;
                Item { key: Digest::of("x", &[&n.to_be_bytes()]), value: Digest([1; 32]) }
            })
            .collect::<Vec<_>>();
        Frame::Compare(Compare {
            set: Set::State,
            cutoff_ms: None,
            ranges: items
                .chunks(256)
                .map(|c| Range {
                    prefix: Digest::default(),
                    bits: 0,
                    answer: false,
                    view: View::Items(c.to_vec()),
                })
                .collect(),
        })
    };
    for _ in 0..17 {
        let f = frame(4_000);
        lab.say(liar, &f);
    }
    lab.pass(1);
    let f = frame(5);
    let effects = lab.say(honest, &f);
    assert!(
        sent(&effects, honest).iter().any(|f| matches!(f, Frame::Fetch(_))),
        "no key is asked of anybody"
    );
}

#[test]
fn sybils_do_not_push_out_the_links_we_chose() {
    let mut lab = Lab::with(Config { heartbeat_ms: 1 << 40, ..config() });
    let ping = || Frame::Ping(Ping { nonce: 1, report: None });
    let mut honest = vec![];
    for n in 0..6 {
        let link = LinkId(1000 + u64::from(n));
        dialled(&mut lab, link.0, &key(n), &address(&format!("http://77.0.0.9:{}", n + 1)));
        let h = lab.hello_of(&key(n), 1);
        lab.say(link, &Frame::Hello(Box::new(h)));
        lab.say(link, &ping());
        honest.push(link);
    }
    let sybil: Vec<_> = (0..38)
        .map(|n| {
            let link = lab.link(&key(100 + n));
            lab.say(link, &ping());
            link
        })
        .collect();
    assert_eq!(lab.engine.links_len(), 44);
    let mut shut = vec![];
    for _ in 0..300 {
        shut.extend(closed(&lab.pass(1_000)));
        for link in honest.iter().chain(&sybil) {
            lab.say(*link, &ping());
        }
    }
    let h = shut.iter().filter(|(link, _)| honest.contains(link)).count();
    assert_eq!(h, 0, "{h} of 6 honest outbound links closed, {} of 38 sybils", shut.len() - h);
}

#[test]
fn one_liar_about_the_time_does_not_stop_writing() {
    let mut lab = Lab::new();
    lab.link(&puppet(1));
    let link = lab.connect(&puppet(2), Direction::Inbound);
    let mut h = lab.hello_of(&puppet(2), 1);
    h.time_ms += 3_600_000;
    lab.say(link, &Frame::Hello(Box::new(h)));
    assert_eq!(lab.engine.clock_off_ms(), None);
}

#[test]
fn a_wish_brings_a_bounded_answer_however_often_it_names_a_key() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let big = "1".repeat(60_000);
    lab.push(link, &entry(&puppet(7), START_MS, "n", &big), 0);
    let o = entry(&puppet(7), START_MS, "n", &big).open().unwrap();
    let place = crate::sets::Place::of(&o.id, &o.signed.author, &o.record).unwrap();
    let f = Frame::Fetch(Fetch { set: Set::State, wanted: Wanted::Keys(vec![place.key; 1024]) });
    let asked = f.encode().len();
    let effects = lab.say(link, &f);
    let got: usize = effects
        .iter()
        .filter_map(|effects| match effects {
            Effect::Send(_, _, b) => Some(b.len()),
            _ => None,
        })
        .sum();
    assert!(got < 4 << 20, "{asked} bytes asked, {got} bytes loaded and queued");
}

#[test]
fn nobody_makes_us_knock_inside_by_way_of_a_door_or_a_profile() {
    let mut lab = Lab::new();
    let door = address("http://77.0.0.9:80");
    lab.input(Input::Gossip(
        TicketId(1),
        "77.0.0.50".parse().unwrap(),
        Box::new(unsigned("m", Meaning::Announce { node_id: "a".into(), address: door.clone() })),
    ));
    let peers = vec![address("http://169.254.169.254/latest"), address("http://127.0.0.1:8881")];
    let effects = lab.input(Input::DoorFound(door, Door { node_id: "a".into(), peers }));
    let mut all = dials(&effects);
    let link = lab.link(&puppet(1)); // remote 77.0.0.2
    lab.push(link, &profile(&puppet(9), START_MS, &["http://127.0.0.1:6379"]), 3);
    all.extend(dials(&lab.pass(1)));
    assert!(all.is_empty(), "{all:?}");
}

#[test]
fn a_full_queue_is_not_filled_further() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.pass(20);
    let mut n = 0;
    for _ in 0..1000 {
        lab.input(Input::Congested(link, wire::Class::Normal, 1));
        n += sent(&lab.pass(0), link).len();
    }
    assert!(n < 10, "{n} frames at one moment into a full queue");
}

#[test]
fn a_stranger_does_not_drag_our_clock_to_the_edge() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.push(link, &entry(&puppet(7), START_MS + 60_000, "n", "1"), 0);
    lab.engine.write(vec![(Content::Message(Message::new("t", "1")), 3_600_000)], lab.now);
    let effects = lab.engine.drain();
    let signed = effects
        .iter()
        .find_map(|effects| match effects {
            Effect::Persist(b) => b.keep.first().map(|k| k.signed.clone()),
            _ => None,
        })
        .unwrap();
    let mut other = Lab::new();
    other.now.unix_ms -= 20; // a clock 20 ms behind
    let ol = other.link(&puppet(1));
    assert_eq!(
        accepted(&other.push(ol, &signed, 3)).len(),
        1,
        "our record is refused by a peer 20 ms behind"
    );
}

#[test]
fn our_profile_is_seen_only_after_its_number_is_on_disk() {
    // DISK-1, RECORD-2
    let mut lab = Lab::new();
    lab.link(&puppet(1));
    let at = |wanted: fn(&Effect) -> bool| lab.effects.iter().position(wanted).unwrap();
    let written = at(|it| matches!(it, Effect::Persist(batch) if batch.author.is_some()));
    assert!(written < at(|it| matches!(it, Effect::Send(..))));
}

#[test]
fn a_hint_does_not_suppress_a_message_with_its_id() {
    let mut lab = Lab::with(Config { unsigned: Unsigned::Refuse, ..config() });
    let link = lab.link(&puppet(1));
    lab.input(Input::Gossip(
        TicketId(1),
        "77.0.0.50".parse().unwrap(),
        Box::new(unsigned("victim", Meaning::StateUpdate { merkle_root: "x".into() })),
    ));
    let mut m = Message::new("lattice/news", "1");
    m.bridged = Some(Bridged {
        message_id: "victim".into(),
        message_type: "news".into(),
        origin_peer: "a".into(),
    });
    let r = sign(&puppet(7), 1, START_MS, 3_600_000, Content::Message(m));
    assert_eq!(accepted(&lab.push(link, &r, 3)).len(), 1, "never reported");
}

#[test]
fn under_steady_traffic_sets_are_compared_all_the_same() {
    let mut lab = Lab::with(Config { heartbeat_ms: 1 << 40, ..config() });
    let peer = (1..250).map(puppet).find(|p| me().id() < p.id() && p.id() != me().id()).unwrap();
    let (link, src) = (lab.link(&peer), lab.link(&key(1)));
    lab.pass(3_000);
    let mut walks = 0;
    for i in 0..6_000u64 {
        // 60 s, a record each 10 ms
        lab.push(src, &message(&key(2), lab.now.unix_ms, &format!("{i}")), 0);
        let mut effects = lab.pass(5);
        if i % 100 == 0 {
            let s = Summary {
                state: SetSummary { root: Digest([1; 32]), count: 1_000 },
                messages: SetSummary { root: Digest([2; 32]), count: 1 },
                answer_wanted: true,
                cutoff_ms: Some(lab.now.unix_ms - 2_000),
            };
            effects.extend(lab.say(link, &Frame::Summary(s)));
        }
        effects.extend(lab.pass(5));
        walks += sent(&effects, link).iter().filter(|f| matches!(f, Frame::Compare(_))).count();
    }
    assert!(
        walks > 3,
        "{walks} walks in 60 s under 100 records/s though a neighbour asks every second"
    );
}

#[test]
fn a_true_copy_is_not_called_a_duplicate_of_a_false_one() {
    let mut lab = Lab::new();
    lab.verifies = false;
    let r = message(&puppet(7), START_MS, "x");
    let forged = Signed { signature: [7; 64], ..r.clone() };
    lab.gossip(1, &forged);
    let a = answers(&lab.gossip(2, &r));
    assert_ne!(a, vec![(TicketId(2), DoorAnswer::Duplicate)]);
}

#[test]
fn a_book_full_of_keys_that_hung_up_takes_new_ones() {
    let mut lab = Lab::with(Config { book_max: 5, ..config() });
    for n in 0..5 {
        let link = lab.link(&key(n));
        lab.input(Input::Disconnected(link, "bye".into()));
    }
    let link = lab.link(&puppet(1));
    lab.push(link, &profile(&puppet(9), START_MS, &["http://77.0.0.9:1"]), 3);
    assert!(
        lab.engine.peer_list(lab.now).iter().any(|p| p.node == Some(puppet(9).id())),
        "full for ever with keys that hung up"
    );
}

#[test]
fn the_operators_own_door_always_has_a_place() {
    let b = address("http://77.0.0.9:1");
    let mut lab = Lab::with(Config { doors_max: 1, bootstrap: vec![b.clone()], ..config() });
    let d = |n: &str| Door { node_id: n.into(), peers: vec![] };
    lab.input(Input::DoorFound(address("http://77.0.0.66:1"), d("evil")));
    assert_eq!(dials(&lab.pass(1)).len(), 1);
    lab.input(Input::DoorFound(b.clone(), d("mine")));
    let again = dials(&lab.pass(3_600_000)).into_iter().filter(|a| *a == b.to_string()).count();
    let in_table = lab.engine.peer_list(lab.now).iter().any(|p| p.name.as_deref() == Some("mine"));
    assert!(
        again > 0 || in_table,
        "the operator's bootstrap is neither a door nor dialled again in an hour"
    );
}

#[test]
fn one_frame_gets_a_bounded_amount_of_work_out_of_us() {
    // The largest frame of small ranges: what is answered is what was looked at.
    let mut map = merkle::Map::default();
    let keys: Vec<Digest> =
        (0..20_000_u32).map(|it| Digest::of("k", &[&it.to_be_bytes()])).collect();
    for key in &keys {
        map.insert(merkle::Leaf { key: *key, value: *key, stamp: 0 });
    }
    let other = Digest([1; 32]);
    let items = keys[..8_000].chunks(250).map(|part| Range {
        prefix: Digest::default(),
        bits: 0,
        answer: false,
        view: View::Items(part.iter().map(|key| Item { key: *key, value: other }).collect()),
    });
    let ranges: Vec<Range> = items.collect();
    let outcome = crate::reconcile::compare(&map, &ranges);
    assert!(outcome.ranges.len() <= 256);
    assert!(outcome.keys.len() <= 4_096, "{} keys looked at", outcome.keys.len());
}

#[test]
fn free_posts_do_not_flush_what_was_carried() {
    let mut lab = Lab::with(Config { unsigned: Unsigned::Relay, ..config() });
    let ip = "77.0.0.50".parse().unwrap();
    let post = |lab: &mut Lab, id: &str, m| {
        answers(&lab.input(Input::Gossip(TicketId(1), ip, Box::new(unsigned(id, m)))))[0].1
    };
    assert_eq!(post(&mut lab, "m", Meaning::Other), DoorAnswer::Accepted);
    for n in 0..10_001 {
        post(&mut lab, &n.to_string(), Meaning::StateUpdate { merkle_root: "x".into() });
    }
    assert_eq!(
        post(&mut lab, "m", Meaning::Other),
        DoorAnswer::Duplicate,
        "10,001 free posts make us carry it twice"
    );
}
#[test]
fn an_acknowledged_message_is_not_dropped_in_the_same_breath() {
    let mut lab = Lab::with(Config { messages_max: 3, ..config() });
    let link = lab.link(&puppet(1));
    for n in 0..4 {
        let c = Content::Message(Message::new("t", format!("{n}")));
        lab.push(link, &sign(&puppet(66), n, START_MS, limits::MESSAGE_LIFE_MS_MAX, c), 0);
    }
    let content = Content::Message(Message::new("t", "1"));
    let ids = lab.engine.write(vec![(content, 86_400_000)], lab.now);
    assert_eq!(ids, Vec::new(), "said at once, not acknowledged and then dropped");
}

#[test]
fn a_clock_that_was_set_back_is_noticed() {
    // CLOCK-1
    let day_ms = 86_400_000;
    let author = AuthorClock { seq: 1, hlc: Hlc::from_ms(START_MS + day_ms) };
    let lab = Lab::waking(config(), Snapshot { author, ..Snapshot::default() });
    assert!(day_ms <= lab.engine.pen_ahead_ms(lab.now));
    assert_eq!(Lab::new().engine.pen_ahead_ms(lab.now), 0);
}

#[test]
fn wishes_that_wait_for_the_store_are_bounded() {
    let mut lab = Lab::new();
    let mut loads = 0;
    for _ in 0..100 {
        let link = lab.link(&puppet(1));
        for _ in 0..16 {
            let f = Frame::Fetch(Fetch {
                set: Set::State,
                wanted: Wanted::Range { prefix: Digest::default(), bits: 0, after: None },
            });
            let effects = lab.engine.handle(Input::Frame(link, Bytes::from(f.encode())), lab.now);
            loads += effects.iter().filter(|it| matches!(it, Effect::Load(..))).count();
        }
        lab.input(Input::Disconnected(link, "bye".into()));
    }
    assert!(loads <= 256, "{loads} loads wait for the store");
}
