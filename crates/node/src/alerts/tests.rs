//! Alerts at a node: heard, shown until somebody takes care, disputed, forgotten; across restarts.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::{Now, Snapshot};
use proptest::prelude::*;
use wire::{Carried, Class, Content, Digest, Hlc, Identity, Message, Record, Signed, TreeId};

use super::*;
use crate::people::{Actor, LineText, PeopleError, Role};
use crate::{
    Answer, Command, CommandError, CommandId, Config, Decision, Effect, Input, Node, Publication,
};

const NETWORK: Digest = Digest([9; 32]);
const NOW: Now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };
const HOUR_MS: u64 = 3_600_000;

/// A node and its disk.
struct Lab {
    node: Node,
    own: BTreeMap<String, Vec<u8>>,
    now: Now,
    /// Records that it sent to disk.
    kept: Vec<Signed>,
}

impl Lab {
    fn new() -> Self {
        let mut lab =
            Self { node: wake(Vec::new()), own: BTreeMap::new(), now: NOW, kept: Vec::new() };
        lab.input(Input::Net(engine::Input::Tick));
        lab
    }

    fn input(&mut self, input: Input) -> Option<Answer> {
        let mut answer = None;
        for effect in self.node.handle(input, self.now) {
            match effect {
                Effect::Answer(_, it) => answer = Some(it),
                Effect::Net(engine::Effect::Persist(batch)) => {
                    self.kept.extend(batch.keep.into_iter().map(|it| it.signed));
                    for (name, value) in batch.own {
                        match value {
                            Some(value) => self.own.insert(name, value),
                            None => self.own.remove(&name),
                        };
                    }
                }
                Effect::Net(_) | Effect::Seed(_) => {}
            }
        }
        answer
    }

    fn ask(&mut self, command: Command) -> Answer {
        self.input(Input::Command(CommandId(1), command)).unwrap()
    }

    fn decide(&mut self, decision: Decision) -> Answer {
        self.ask(Command::Decide(Actor::operator(), decision))
    }

    fn raise(&mut self, text: &str) -> RecordId {
        match self.decide(raise(text)) {
            Answer::Published { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    fn alerts(&mut self) -> Vec<Alert> {
        match self.ask(Command::Alerts) {
            Answer::Alerts(alerts, _) => alerts,
            other => panic!("{other:?}"),
        }
    }

    fn restart(&mut self) {
        self.node = wake(self.own.clone().into_iter().collect());
        self.input(Input::Net(engine::Input::Tick));
    }

    fn log(&self) -> Vec<(String, String)> {
        let rows = self.own.iter().filter(|(name, _)| name.starts_with("journal/"));
        let lines = rows.map(|(_, row)| LineText::decode(row).unwrap());
        lines.map(|line| (line.deed, line.result)).collect()
    }
}

fn wake(own: Vec<(String, Vec<u8>)>) -> Node {
    let kept = Snapshot { own, ..Snapshot::default() };
    let config = Config::new(engine::Config::server(NETWORK));
    Node::new(config, Identity::from_seed([1; 32]), kept, [2; 32], NOW)
}

fn raise(text: &str) -> Decision {
    let payload = Bytes::from(format!("{{\"text\":\"{text}\"}}"));
    Decision::RaiseAlert { payload, life_ms: 24 * HOUR_MS }
}

fn acknowledge(alert: RecordId, life_ms: u64) -> Decision {
    Decision::AcknowledgeAlert { alert, note: Bytes::from_static(b"\"on it\""), life_ms }
}

fn dispute_of(alert: RecordId) -> Decision {
    Decision::DisputeAlert { alert, payload: Bytes::from_static(b"{\"reason\":\"no\"}") }
}

/// A record of somebody else's that entered.
fn accepted(author: u8, seq: u64, message: Message, life_ms: u64) -> Accepted {
    let created = Hlc::from_ms(NOW.unix_ms + seq);
    let expires_ms = NOW.unix_ms + life_ms;
    let content = Content::Message(message);
    let record = Record { network: NETWORK, seq, created, expires_ms, content };
    let signed = Signed::seal(&record, &Identity::from_seed([author; 32]));
    let id = signed.clone().open().unwrap().id;
    let carried = Carried { signed, ttl: 1, hops: 1, tree: TreeId::default() };
    Accepted { id, carried, record, from: None }
}

fn alert_of(author: u8, seq: u64, life_ms: u64) -> Accepted {
    accepted(author, seq, alert(&Bytes::from_static(b"{}")).unwrap(), life_ms)
}

#[test]
fn an_alert_is_a_message_that_goes_first_and_is_shown_until_somebody_takes_care() {
    // ALERT-2, ALERT-3
    let mut lab = Lab::new();
    let id = lab.raise("flood");
    let opened = lab.kept.last().unwrap().clone().open().unwrap();
    assert_eq!((opened.id, opened.record.class()), (id, Class::Alert));
    let own = lab.alerts();
    assert!(own[0].is_open(lab.now) && own[0].payload == "{\"text\":\"flood\"}");
    assert_eq!(lab.decide(acknowledge(id, HOUR_MS)), Answer::Done);
    lab.restart();
    let own = lab.alerts();
    assert!(!own[0].is_open(lab.now));
    assert_eq!(own[0].acknowledged.as_ref().unwrap().by, "operator");
    let twice = lab.decide(acknowledge(id, HOUR_MS));
    assert!(
        matches!(&twice, Answer::Refused(CommandError::Alert(AlertError::Acknowledged(who))) if who == "operator")
    );
    // When the acknowledgement is over it is shown again; when the alert is over it is gone.
    lab.now.unix_ms += HOUR_MS;
    assert!(lab.alerts()[0].is_open(lab.now));
    lab.now.unix_ms += 24 * HOUR_MS;
    assert_eq!(lab.alerts(), Vec::new());
    assert_eq!(lab.decide(acknowledge(id, HOUR_MS)), unknown());
    let log = [("alert.raise", "decided"), ("alert.acknowledge", "decided")];
    assert_eq!(lab.log(), log.map(|(deed, result)| (deed.to_owned(), result.to_owned())));
}

fn unknown() -> Answer {
    Answer::Refused(CommandError::Alert(AlertError::Unknown))
}

#[test]
fn a_decision_that_cannot_be_changes_nothing() {
    let mut lab = Lab::new();
    let id = lab.raise("flood");
    let (own, kept) = (lab.own.clone(), lab.kept.len());
    let life = |life_ms| Decision::RaiseAlert { payload: Bytes::from_static(b"{}"), life_ms };
    let text = |payload: &[u8]| Decision::RaiseAlert {
        payload: Bytes::copy_from_slice(payload),
        life_ms: HOUR_MS,
    };
    for decision in [
        life(0),
        life(u64::MAX),
        text(b"two\nlines"),
        text(b"\xff"),
        text(&[b'1'; ALERT_BYTES_MAX + 1]),
        acknowledge(id, 0),
        acknowledge(id, ACKNOWLEDGED_MS_MAX + 1),
        acknowledge(NETWORK, HOUR_MS),
        dispute_of(NETWORK),
    ] {
        let answer = lab.decide(decision.clone());
        assert!(matches!(answer, Answer::Refused(_)), "{decision:?}: {answer:?}");
    }
    let eve = Actor { name: "eve".to_owned(), role: Role::Mirror };
    let answer = lab.ask(Command::Decide(eve, raise("fire")));
    assert!(matches!(answer, Answer::Refused(CommandError::People(PeopleError::Unknown(_)))));
    // Nor does anybody get past a decision by publishing.
    for topic in [TOPIC, DISPUTES] {
        let publication = Publication {
            topic: topic.to_owned(),
            kind: MessageKind::Announce,
            payload: Bytes::from_static(b"{}"),
            reply_to: None,
            life_ms: 1_000,
            class: Class::Alert,
        };
        let answer = lab.ask(Command::Publish(publication));
        assert!(matches!(answer, Answer::Refused(CommandError::OwnTopic(_))));
    }
    assert_eq!((lab.own, lab.kept.len()), (own, kept));
}

#[test]
fn a_dispute_is_a_signed_note_that_goes_with_its_alert() {
    // ALERT-4
    let mut lab = Lab::new();
    let id = lab.raise("flood");
    lab.now.unix_ms += HOUR_MS;
    assert!(matches!(lab.decide(dispute_of(id)), Answer::Published { .. }));
    let twice = Answer::Refused(CommandError::Alert(AlertError::Disputed));
    assert_eq!(lab.decide(dispute_of(id)), twice);
    lab.restart();
    let alert = &lab.alerts()[0];
    assert_eq!(alert.disputes.len(), 1);
    assert!(alert.disputes[0].expires_ms <= alert.expires_ms);
    assert_eq!(alert.disputes[0].payload, "{\"reason\":\"no\"}");
}

#[test]
fn what_is_no_alert_is_none() {
    let mut alerts = Alerts::default();
    let message = || alert(&Bytes::from_static(b"{}")).unwrap();
    let bridged = wire::Bridged {
        message_id: "1".to_owned(),
        message_type: "t".to_owned(),
        origin_peer: "p".to_owned(),
    };
    for message in [
        Message { class: Class::Normal, ..message() },
        Message { topic: "fire".to_owned(), ..message() },
        Message { bridged: Some(bridged), ..message() },
        Message { payload: Bytes::from(vec![b'1'; ALERT_BYTES_MAX + 1]), ..message() },
        Message { topic: DISPUTES.to_owned(), ..message() },
    ] {
        assert_eq!(alerts.hear(&accepted(2, 1, message, HOUR_MS), NOW), None);
    }
    assert_eq!(alerts.hear(&accepted(2, 1, message(), 0), NOW), None, "it is over");
    let heard = accepted(2, 1, message(), HOUR_MS);
    assert!(matches!(alerts.hear(&heard, NOW), Some(Heard::Alert(..))));
    assert_eq!(alerts.hear(&heard, NOW), None, "once");
}

#[test]
fn many_alerts_are_bounded_and_so_is_what_is_logged_of_them() {
    // ALERT-3
    let mut alerts = Alerts::default();
    let large = Bytes::from(vec![b'1'; ALERT_BYTES_MAX]);
    let count = 2_200_u64;
    for seq in 1..=count {
        let life_ms = (seq % 97 + 1) * HOUR_MS;
        alerts.hear(&accepted(2, seq, alert(&large).unwrap(), life_ms), NOW);
        assert!(alerts.bytes <= BYTES_MAX);
    }
    let live = alerts.all(NOW);
    assert!(live.len() < 2_000 && 1_900 < live.len(), "{}", live.len());
    let first = live.iter().map(|it| it.expires_ms).min().unwrap();
    assert!(NOW.unix_ms + HOUR_MS < first, "those that expire first made room");
    // All that is on disk is what is in memory.
    let rows = alerts.rows().into_iter().filter(|(_, value)| value.is_some());
    let rows: Vec<_> = rows.map(|(name, value)| (name, value.unwrap())).collect();
    assert_eq!(Alerts::new(&rows).all(NOW), live);
    let logged: Vec<Logged> = (0..LOGGED_PER_DAY_MAX + 3).map(|_| alerts.log(NOW)).collect();
    let alone = logged.iter().filter(|it| **it == Logged::Alone).count() as u64;
    assert_eq!(alone, LOGGED_PER_DAY_MAX);
    assert_eq!(logged[logged.len() - 3..], [Logged::More, Logged::Unsaid, Logged::Unsaid]);
    let tomorrow = Now { unix_ms: NOW.unix_ms + 24 * HOUR_MS, ..NOW };
    assert_eq!(alerts.log(tomorrow), Logged::Alone);
}

proptest! {
    #[test]
    fn in_any_order_and_with_restarts_the_same_is_shown(
        order in Just((0..40_usize).collect::<Vec<_>>()).prop_shuffle(),
        restarts in proptest::collection::vec(0..40_usize, 0..4),
    ) {
        // ALERT-4: four alerts, and six authors who dispute each, some of them twice.
        let alerts: Vec<Accepted> = (1..=4).map(|seq| alert_of(2, seq, 9 * HOUR_MS)).collect();
        let mut all = alerts.clone();
        for number in 0..36 {
            let about = alerts[number % 4].id;
            let payload = Bytes::from(format!("{{\"n\":{number}}}"));
            let author = 3 + u8::try_from(number / 4 % 6).unwrap();
            let message = dispute(about, &payload).unwrap();
            all.push(accepted(author, 100 + number as u64, message, 9 * HOUR_MS));
        }
        let show = |order: &[usize], restarts: &[usize]| {
            let (mut shown, mut disk) = (Alerts::default(), BTreeMap::new());
            for (step, at) in order.iter().enumerate() {
                shown.hear(&all[*at], NOW);
                for (name, value) in shown.rows() {
                    disk.insert(name, value);
                }
                if restarts.contains(&step) {
                    let rows = disk.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
                    shown = Alerts::new(&rows.collect::<Vec<_>>());
                }
            }
            shown.all(NOW)
        };
        let straight = show(&(0..40).collect::<Vec<_>>(), &[]);
        prop_assert_eq!(straight.len(), 4);
        prop_assert!(straight.iter().all(|it| it.disputes.len() == 6));
        prop_assert_eq!(show(&order, &restarts), straight);
    }

    #[test]
    fn any_row_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let name = format!("alerts/{NETWORK}");
        prop_assert_eq!(Alerts::new(&[(name, bytes)]).all(NOW), Vec::new());
    }
}
