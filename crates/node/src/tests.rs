//! What an operator may ask, and what is refused without a trace.

use bytes::Bytes;
use engine::{Connected, Direction, LinkId, Now, Snapshot};
use wire::{
    Class, Content, Digest, Frame, Hello, Hlc, Identity, MessageKind, Profile, Record, Signed,
    Summary,
};

use crate::{
    Answer, Command, CommandError, CommandId, Config, Draft, Effect, Input, Node, Publication,
};

const NETWORK: Digest = Digest([9; 32]);
const NOW: Now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };

fn node_with(change: impl Fn(&mut engine::Config)) -> Node {
    let mut engine = engine::Config::server(NETWORK);
    change(&mut engine);
    let identity = Identity::from_seed([1; 32]);
    let mut node = Node::new(Config::new(engine), identity, Snapshot::default(), [2; 32], NOW);
    // It writes down on waking up that it is awake.
    let woken = node.handle(Input::Net(engine::Input::Tick), NOW);
    for effect in woken {
        if let Effect::Net(engine::Effect::Load(ticket, ..)) = effect {
            node.handle(Input::Net(engine::Input::Loaded(ticket, Vec::new())), NOW);
        }
    }
    node
}

fn ask(node: &mut Node, command: Command) -> (Answer, Vec<Effect>) {
    let mut effects = node.handle(Input::Command(CommandId(7), command), NOW);
    match effects.pop() {
        Some(Effect::Answer(CommandId(7), answer)) => (answer, effects),
        other => panic!("the answer comes last, not {other:?}"),
    }
}

fn draft(name: &str, value: &str) -> Draft {
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    Draft { collection: "c".to_owned(), name: name.to_owned(), value }
}

fn publication() -> Publication {
    let payload = Bytes::from_static(b"1");
    let (kind, reply_to) = (MessageKind::Announce, None);
    Publication {
        topic: "t".to_owned(),
        kind,
        payload,
        reply_to,
        life_ms: 1_000,
        class: Class::Normal,
    }
}

/// Asks for something that is refused; nothing is written, nothing said, nothing held.
#[track_caller]
fn check_refused(node: &mut Node, command: Command) -> CommandError {
    let before = node.engine().status();
    let (answer, effects) = ask(node, command);
    let Answer::Refused(error) = answer else { panic!("not refused: {answer:?}") };
    assert_eq!(effects, Vec::new());
    assert_eq!(node.engine().status(), before);
    error
}

#[test]
fn what_was_put_is_written_before_it_is_acknowledged() {
    // DISK-1
    let mut node = node_with(|_| {});
    let (answer, effects) = ask(&mut node, Command::Put(vec![draft("a", "1"), draft("b", "2")]));
    let Answer::Written(ids) = answer else { panic!("{answer:?}") };
    assert_eq!(ids.len(), 2);
    assert!(
        matches!(&effects[0], Effect::Net(engine::Effect::Persist(batch)) if batch.keep.len() == 2)
    );
    assert_eq!(node.engine().status().state.count, 2);
}

#[test]
fn of_a_list_all_or_none_is_written() {
    let mut node = node_with(|_| {});
    let error = check_refused(&mut node, Command::Put(vec![draft("a", "1"), draft("", "2")]));
    assert!(matches!(error, CommandError::Bad(wire::WireError::Label("name", _))));
}

#[test]
fn what_is_too_large_or_badly_named_changes_nothing() {
    // RECORD-1
    let mut node = node_with(|_| {});
    let large = "1".repeat(wire::limits::BODY_BYTES_MAX);
    check_refused(&mut node, Command::Put(vec![draft("a", &large)]));
    check_refused(&mut node, Command::Put(vec![draft(&"n".repeat(1_025), "1")]));
    check_refused(&mut node, Command::Put(vec![draft("line\nbreak", "1")]));
    let topic = String::new();
    check_refused(&mut node, Command::Publish(Publication { topic, ..publication() }));
    let payload = Bytes::from(large);
    check_refused(&mut node, Command::Publish(Publication { payload, ..publication() }));
}

#[test]
fn the_largest_record_that_fits_is_one_that_peers_accept() {
    let mut node = node_with(|_| {});
    let fits = "1".repeat(wire::limits::BODY_BYTES_MAX - 160 - 2);
    let (answer, effects) = ask(&mut node, Command::Put(vec![draft("a", &fits)]));
    assert!(matches!(answer, Answer::Written(_)));
    let Effect::Net(engine::Effect::Persist(batch)) = &effects[0] else { panic!("not written") };
    assert!(batch.keep[0].signed.body.len() <= wire::limits::BODY_BYTES_MAX);
}

#[test]
fn a_message_lives_neither_no_time_nor_for_ever() {
    let mut node = node_with(|_| {});
    for life_ms in [0, wire::limits::MESSAGE_LIFE_MS_MAX + 1, u64::MAX] {
        let publication = Publication { life_ms, ..publication() };
        let error = check_refused(&mut node, Command::Publish(publication));
        assert!(matches!(error, CommandError::Life(_)));
    }
}

#[test]
fn a_full_state_says_so() {
    let mut node = node_with(|config| config.entries_max = 1);
    let error = check_refused(&mut node, Command::Put(vec![draft("a", "1"), draft("b", "2")]));
    assert_eq!(error, CommandError::Full(1));
}

#[test]
fn a_clock_off_by_a_day_is_refused_with_what_to_do() {
    // CLOCK-1
    let mut node = node_with(|_| {});
    let peer = Identity::from_seed([5; 32]);
    let ip = "127.0.0.1".parse().unwrap();
    let link = LinkId(1);
    let connected = Connected {
        link,
        peer: peer.id(),
        direction: Direction::Inbound,
        dialled: None,
        remote_ip: ip,
        local_ip: ip,
        medium: wire::Medium::Http,
    };
    node.handle(Input::Net(engine::Input::Connected(connected)), NOW);
    let content = Content::Profile(Profile {
        addresses: Vec::new(),
        agent: String::new(),
        capabilities: Vec::new(),
    });
    let (seq, created) = (1, Hlc::from_ms(NOW.unix_ms));
    let profile =
        Signed::seal(&Record { network: NETWORK, seq, created, expires_ms: 0, content }, &peer);
    let hello = Frame::Hello(Box::new(Hello {
        version: wire::PROTOCOL_VERSION,
        network: NETWORK,
        session: 1,
        agent: String::new(),
        capabilities: Vec::new(),
        time_ms: NOW.unix_ms + 86_400_000,
        profile,
        summary: Summary::default(),
        ids_key: 7,
    }));
    let frame = engine::Input::Frame(link, Bytes::from(hello.encode()));
    node.handle(Input::Net(frame), NOW);
    let error = check_refused(&mut node, Command::Put(vec![draft("a", "1")]));
    assert_eq!(error, CommandError::Clock(-86_400));
    assert!(error.to_string().contains("set the clock"));
}

#[test]
fn a_stopping_node_writes_nothing() {
    let mut node = node_with(|_| {});
    ask(&mut node, Command::Leave);
    assert_eq!(check_refused(&mut node, Command::Publish(publication())), CommandError::Stopping);
}

#[test]
fn an_added_peer_is_dialled_at_once() {
    let mut node = node_with(|_| {});
    ask(&mut node, Command::AddPeer("http://127.0.0.1:9".parse().unwrap()));
    assert!(node.deadline().is_some_and(|at| at <= NOW.time()));
    let effects = node.handle(Input::Net(engine::Input::Tick), NOW);
    assert!(effects.iter().any(|it| matches!(it, Effect::Net(engine::Effect::Dial(_)))));
}

#[test]
fn an_alert_is_signed_as_one_and_told_when_it_is_one_too_many() {
    // ALERT-1
    let mut node = node_with(|config| config.alert_burst = 1);
    let alert = Publication { class: Class::Alert, ..publication() };
    let mut classes = Vec::new();
    for _ in 0..2 {
        let (answer, effects) = ask(&mut node, Command::Publish(alert.clone()));
        let Answer::Published { class, .. } = answer else { panic!("{answer:?}") };
        let Effect::Net(engine::Effect::Persist(batch)) = &effects[0] else { panic!("not kept") };
        let opened = batch.keep[0].signed.clone().open().unwrap();
        classes.push((class, opened.record.class()));
    }
    assert_eq!(classes, [(Class::Alert, Class::Alert), (Class::Normal, Class::Alert)]);
}

#[test]
fn no_message_says_that_it_is_control() {
    let mut node = node_with(|_| {});
    let control = Publication { class: Class::Control, ..publication() };
    assert_eq!(check_refused(&mut node, Command::Publish(control)), CommandError::Control);
}
