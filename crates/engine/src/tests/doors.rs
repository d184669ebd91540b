//! Design-A nodes: what they may do to us, and what we do for them.

use wire::lattice::{Door, Envelope, Meaning};
use wire::{Address, Content, Message, Refusal, Signed};

use super::lab::*;
use crate::{Config, DoorAnswer, Effect, Input, PeerState, TicketId, Unsigned};

fn address(port: u16) -> Address {
    format!("http://77.0.0.9:{port}").parse().unwrap()
}

fn envelope(id: &str, meaning: Meaning) -> Envelope {
    Envelope {
        message_id: id.to_owned(),
        message_type: "news".to_owned(),
        payload: r#"{"a":1}"#.to_owned(),
        timestamp_s: 1.0,
        ttl: 3,
        origin_peer: "node-a".to_owned(),
        seen_by: vec!["node-a".to_owned()],
        signed: None,
        meaning,
    }
}

fn announce(id: &str, name: &str, at: &Address) -> Envelope {
    envelope(id, Meaning::Announce { node_id: name.to_owned(), address: at.clone() })
}

impl Lab {
    /// Posts a signed record at the door.
    pub(super) fn gossip(&mut self, ticket: u64, signed: &Signed) -> Vec<Effect> {
        let signed = Some(signed.clone());
        self.post(ticket, Envelope { signed, ..envelope("any", Meaning::Other) })
    }

    fn post(&mut self, ticket: u64, envelope: Envelope) -> Vec<Effect> {
        self.post_from(ticket, "77.0.0.50", envelope)
    }

    fn post_from(&mut self, ticket: u64, from: &str, envelope: Envelope) -> Vec<Effect> {
        self.input(Input::Gossip(TicketId(ticket), from.parse().unwrap(), Box::new(envelope)))
    }

    fn found(&mut self, port: u16, name: &str) -> Vec<Effect> {
        let door = Door { node_id: name.to_owned(), peers: Vec::new() };
        self.input(Input::DoorFound(address(port), door))
    }

    fn doors(&self) -> Vec<String> {
        let peers = self.engine.peer_list(self.now);
        let doors = peers.iter().filter(|it| it.state == PeerState::Door);
        doors.filter_map(|it| it.name.clone()).collect()
    }
}

fn posted(effects: &[Effect]) -> Vec<(String, Envelope)> {
    let posts = effects.iter().filter_map(|effect| match effect {
        Effect::PushDoor(at, envelope) => Some((at.to_string(), (**envelope).clone())),
        _ => None,
    });
    posts.collect()
}

#[test]
fn a_signed_message_at_the_door_enters_once() {
    // DOOR-2
    let mut lab = Lab::new();
    let record = message(&puppet(7), START_MS, "x");
    let effects = lab.gossip(1, &record);
    assert_eq!(answers(&effects), vec![(TicketId(1), DoorAnswer::Accepted)]);
    let written = effects.iter().position(|it| matches!(it, Effect::Persist(_))).unwrap();
    let answered = effects.iter().position(|it| matches!(it, Effect::AnswerDoor(..))).unwrap();
    assert!(written < answered, "accepted means on disk");
    let effects = lab.gossip(2, &record);
    assert_eq!(answers(&effects), vec![(TicketId(2), DoorAnswer::Duplicate)]);
}

#[test]
fn a_corrected_copy_of_a_refused_message_is_accepted() {
    // INTAKE-2
    let mut lab = Lab::new();
    let record = message(&puppet(7), START_MS, "x");
    let forged = Signed { signature: [1; 64], ..record.clone() };
    let refused = DoorAnswer::Refused(Refusal::BadSignature);
    assert_eq!(answers(&lab.gossip(1, &forged)), vec![(TicketId(1), refused)]);
    assert_eq!(answers(&lab.gossip(2, &record)), vec![(TicketId(2), DoorAnswer::Accepted)]);
}

#[test]
fn an_expired_message_at_the_door_is_told_so() {
    let mut lab = Lab::new();
    let content = Content::Message(Message::new("t", "1"));
    let late = sign(&puppet(7), 1, START_MS - 10, 5, content);
    let refused = DoorAnswer::Refused(Refusal::Expired);
    assert_eq!(answers(&lab.gossip(1, &late)), vec![(TicketId(1), refused)]);
}

#[test]
fn an_unsigned_message_is_refused_unless_the_operator_allows_it() {
    // DOOR-3
    let mut lab = Lab::new();
    let effects = lab.post(1, envelope("m1", Meaning::Other));
    assert_eq!(answers(&effects), vec![(TicketId(1), DoorAnswer::Unsigned)]);
    assert_eq!(lab.messages(), 0);

    let mut lab = Lab::with(Config { unsigned: Unsigned::Relay, ..config() });
    let link = lab.link(&puppet(1));
    let effects = lab.post(1, envelope("m1", Meaning::Other));
    assert_eq!(answers(&effects), vec![(TicketId(1), DoorAnswer::Accepted)]);
    assert_eq!(pushed(&effects, link).len(), 1, "it crosses to Trellis nodes");
    let Some(Effect::Report(crate::Event::Accepted(accepted))) =
        effects.iter().find(|it| matches!(it, Effect::Report(crate::Event::Accepted(_))))
    else {
        panic!("nobody is told");
    };
    let Content::Message(message) = &accepted.record.content else { panic!("no message") };
    let bridged = message.bridged.as_ref().expect("marked as unproven");
    assert_eq!((bridged.message_id.as_str(), message.topic.as_str()), ("m1", "lattice/news"));
    assert_eq!(lab.root().count, 0, "never into the state");
    let effects = lab.post(2, envelope("m1", Meaning::Other));
    assert_eq!(answers(&effects), vec![(TicketId(2), DoorAnswer::Duplicate)]);
}

#[test]
fn too_many_unsigned_messages_are_told_to_come_back() {
    let mut lab = Lab::with(Config { unsigned: Unsigned::Relay, ..config() });
    let answers: Vec<DoorAnswer> = (0..200)
        .flat_map(|it| answers(&lab.post(it, envelope(&format!("m{it}"), Meaning::Other))))
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(answers.len(), 200);
    assert!(answers.contains(&DoorAnswer::Busy));
    assert_eq!(answers[0], DoorAnswer::Accepted);
}

#[test]
fn an_announced_node_enters_only_when_it_answers_under_its_name() {
    // DOOR-4
    let mut lab = Lab::new();
    let effects = lab.post(1, announce("a1", "node-a", &address(1)));
    assert_eq!(dials(&effects), vec![address(1).to_string()]);
    assert!(lab.doors().is_empty(), "a word is no proof");
    lab.found(1, "somebody else");
    assert!(lab.doors().is_empty(), "another node answers there");
    lab.pass(10_000);
    lab.post(2, announce("a2", "node-b", &address(2)));
    lab.found(2, "node-b");
    assert_eq!(lab.doors(), vec!["node-b"]);
}

#[test]
fn forged_announcements_neither_enter_nor_evict() {
    // DOOR-4: fifty forged ones filled design A's table.
    let mut lab = Lab::with(Config { doors_max: 2, ..config() });
    for port in [1, 2] {
        lab.post(
            port.into(),
            announce(&format!("a{port}"), &format!("real-{port}"), &address(port)),
        );
        lab.found(port, &format!("real-{port}"));
    }
    for port in 100..150 {
        let forged = announce(&format!("f{port}"), &format!("fake-{port}"), &address(port));
        let asked = dials(&lab.post(port.into(), forged));
        for at in asked {
            lab.input(Input::DialFailed(at.parse().unwrap(), "refused".to_owned()));
        }
        lab.pass(1_000);
    }
    // Not even one that answers, while the others live.
    lab.pass(30_000);
    lab.found(150, "fake-150");
    assert_eq!(lab.doors(), vec!["real-1", "real-2"]);
}

#[test]
fn a_door_that_died_makes_room_for_one_that_answers() {
    // DOOR-4
    let mut lab = Lab::with(Config { doors_max: 1, ..config() });
    lab.post(1, announce("a1", "old", &address(1)));
    lab.found(1, "old");
    lab.input(Input::DialFailed(address(1), "refused".to_owned()));
    lab.post(2, announce("a2", "new", &address(2)));
    lab.found(2, "new");
    assert_eq!(lab.doors(), vec!["new"]);
}

#[test]
fn a_stranger_cannot_make_us_knock_at_our_own_network() {
    // DOOR-6
    for (at, from, asks) in [
        ("http://192.168.1.1:80", "77.0.0.50", false),
        ("http://127.0.0.1:80", "77.0.0.50", false),
        ("http://localhost:80", "77.0.0.50", false),
        ("http://[::1]:80", "77.0.0.50", false),
        ("http://169.254.169.254", "77.0.0.50", false),
        ("http://192.168.1.1:80", "192.168.1.7", true),
        ("http://127.0.0.1:80", "127.0.0.1", true),
        ("http://77.0.0.9:80", "77.0.0.50", true),
    ] {
        let mut lab = Lab::new();
        let at: Address = at.parse().unwrap();
        let effects = lab.post_from(1, from, announce("a", "n", &at));
        assert_eq!(!dials(&effects).is_empty(), asks, "{at} named by {from}");
    }
}

#[test]
fn a_message_goes_to_three_doors_with_its_hops_and_not_back() {
    // DOOR-5
    let mut lab = Lab::new();
    for port in 1..=8 {
        lab.pass(5_000);
        lab.post(port.into(), announce(&format!("a{port}"), &format!("n{port}"), &address(port)));
        lab.found(port, &format!("n{port}"));
    }
    let link = lab.link(&puppet(1));
    assert_eq!(lab.doors().len(), 8);
    let record = message(&puppet(7), lab.now.unix_ms, "x");
    let posts = posted(&lab.push(link, &record, 6));
    assert_eq!(posts.len(), 3);
    assert!(posts.iter().all(|(_, it)| it.ttl == 6 && it.message_id == id_of(&record).to_string()));
    assert!(posts.iter().all(|(_, it)| it.signed.as_ref() == Some(&record)));
    assert!(posted(&lab.push(link, &record, 6)).is_empty());
    // It comes back from a door under its id, unsigned, and is known.
    let echo = envelope(&id_of(&record).to_string(), Meaning::Other);
    assert_eq!(answers(&lab.post(90, echo)), vec![(TicketId(90), DoorAnswer::Duplicate)]);
}

#[test]
fn a_new_door_is_told_where_we_are_and_again_now_and_then() {
    // DOOR-5
    let mut lab = Lab::with(Config { public: vec![address(9)], ..config() });
    lab.post(1, announce("a1", "n", &address(1)));
    let posts = posted(&lab.found(1, "n"));
    assert_eq!(posts[0].1.message_type, "peer_announce");
    assert!(posts[0].1.payload.contains(&address(9).to_string()));
    let later = posted(&lab.pass(45_000));
    assert!(later.iter().any(|(_, it)| it.message_type == "peer_announce"));
}

#[test]
fn a_changed_root_is_told_to_doors() {
    let mut lab = Lab::new();
    lab.post(1, announce("a1", "n", &address(1)));
    lab.found(1, "n");
    let entry =
        wire::Entry { collection: "c".to_owned(), name: "n".to_owned(), value: Some("1".into()) };
    lab.engine.write(vec![(Content::Entry(entry), 0)], lab.now);
    lab.engine.drain();
    let posts = posted(&lab.pass(2_000));
    let root = lab.root().root.to_string();
    assert!(
        posts.iter().any(|(_, it)| it.message_type == "state_update" && it.payload.contains(&root))
    );
}

#[test]
fn a_door_is_asked_for_its_health_for_ever() {
    let mut lab = Lab::new();
    lab.post(1, announce("a1", "n", &address(1)));
    lab.found(1, "n");
    for _ in 0..5 {
        let mut asked = Vec::new();
        while asked.is_empty() {
            asked = dials(&lab.pass(1_000));
        }
        assert_eq!(asked, vec![address(1).to_string()]);
        lab.input(Input::DialFailed(address(1), "refused".to_owned()));
    }
    assert!(lab.doors().is_empty());
    lab.found(1, "n");
    assert_eq!(lab.doors(), vec!["n"]);
}

#[test]
fn a_door_that_died_and_announces_itself_again_is_asked_at_once() {
    let mut lab = Lab::new();
    lab.post(1, announce("a1", "first-life", &address(1)));
    lab.found(1, "first-life");
    assert!(dials(&lab.post(2, announce("a2", "first-life", &address(1)))).is_empty());
    lab.input(Input::DialFailed(address(1), "refused".to_owned()));
    // Design A draws a new id at every start.
    let effects = lab.post(3, announce("a3", "second-life", &address(1)));
    assert_eq!(dials(&effects), vec![address(1).to_string()]);
    let effects = lab.post(4, announce("a4", "second-life", &address(1)));
    assert!(dials(&effects).is_empty(), "it is being asked");
    lab.found(1, "second-life");
    assert_eq!(lab.doors(), vec!["second-life"]);
}

#[test]
fn two_bridges_carry_one_message_and_it_is_told_once() {
    // DOOR-3
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let carried = |author: u8| {
        let bridged = wire::Bridged {
            message_id: "m1".to_owned(),
            message_type: "news".to_owned(),
            origin_peer: "node-a".to_owned(),
        };
        let mut message = Message::new("lattice/news", "1");
        message.bridged = Some(bridged);
        sign(&puppet(author), 1, START_MS, 1_000, Content::Message(message))
    };
    assert_eq!(accepted(&lab.push(link, &carried(7), 3)).len(), 1);
    assert_eq!(accepted(&lab.push(link, &carried(8), 3)).len(), 0);
}
