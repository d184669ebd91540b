//! What an author is told, and what arrives elsewhere. Two nodes on loopback.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::lab::Lab;
use crate::api::types::{EventData, MessageClass, MessageEvent, PeerState};
use crate::{Item, Subscription};

/// Two nodes that are linked, and a reader of the second one's events.
async fn pair() -> (Lab, Lab, Subscription) {
    let first = Lab::start().await;
    let mut links = first.node.commands().events().subscribe(None);
    let address = first.node.http_url().unwrap();
    let second = Lab::with(&[("peers.bootstrap", &address)]).await;
    let events = second.node.commands().events().subscribe(None);
    let is_up = |it: &EventData| {
        matches!(it, EventData::Peer(peer) if peer.state == PeerState::Connected).then_some(())
    };
    find(&mut links, is_up).await;
    (first, second, events)
}

async fn find<T>(events: &mut Subscription, wanted: impl Fn(&EventData) -> Option<T>) -> T {
    let found = async {
        loop {
            match events.next().await {
                Some(Item::Event(event)) => match wanted(&event.what) {
                    Some(found) => break found,
                    None => continue,
                },
                Some(Item::Gap(_)) => {}
                Some(Item::Bye) | None => panic!("the node has stopped"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("it never came")
}

fn message(what: &EventData) -> Option<MessageEvent> {
    match what {
        EventData::Message(message) => Some(message.clone()),
        EventData::Direct(_)
        | EventData::Entry(_)
        | EventData::Peer(_)
        | EventData::Refused(_)
        | EventData::Root(_)
        | EventData::Alert(_)
        | EventData::Checkpoint(_)
        | EventData::Level(_)
        | EventData::Rule(_)
        | EventData::Transfer(_) => None,
    }
}

async fn publish(lab: &Lab, class: &str, payload: usize) -> Value {
    let body = json!({ "topic": "t", "payload": payload, "class": class }).to_string();
    let (status, published) = lab.send(Method::POST, "/v1/messages", body).await;
    assert_eq!(status, 200, "{published}");
    published
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_where_a_message_went_and_its_class_arrives() {
    let (first, second, mut events) = pair().await;
    for (number, class) in ["alert", "normal", "bulk"].into_iter().enumerate() {
        let receipt = publish(&first, class, number).await;
        assert_eq!((&receipt["class"], &receipt["demoted"]), (&json!(class), &json!(false)));
        assert_eq!((&receipt["links"], &receipt["links_queued"]), (&json!(1), &json!(1)));
        assert_eq!(receipt["links_congested"], 0);
        assert!(receipt["backlog_bytes"].as_u64().is_some(), "{receipt}");
        let arrived = find(&mut events, message).await;
        assert_eq!(
            (arrived.id, arrived.class.into()),
            (
                receipt["id"].as_str().unwrap().to_owned(),
                [wire::Class::Alert, wire::Class::Normal, wire::Class::Bulk][number],
            )
        );
    }
    let unlinked = Lab::start().await;
    let receipt = publish(&unlinked, "normal", 1).await;
    assert_eq!((&receipt["links"], &receipt["links_queued"]), (&json!(0), &json!(0)));
    for lab in [first, second, unlinked] {
        lab.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_too_many_is_told_and_arrives_all_the_same() {
    let (first, second, mut events) = pair().await;
    let receipts = join_all((0..120).map(|number| publish(&first, "alert", number))).await;
    let demoted = receipts.iter().filter(|it| it["demoted"] == json!(true));
    let demoted: Vec<_> = demoted.map(|it| it["class"].as_str().unwrap()).collect();
    // Ten at once, and one comes back every ten minutes (ALERT-1).
    assert!((109..=110).contains(&demoted.len()), "{} of 120", demoted.len());
    assert!(demoted.iter().all(|class| *class == "normal"));
    for _ in 0..120 {
        let arrived = find(&mut events, message).await;
        assert_eq!(arrived.class, MessageClass::Alert, "as its author signed it");
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_as_the_network_itself() {
    let lab = Lab::start().await;
    for class in ["control", "shout"] {
        let body = json!({ "topic": "t", "payload": 1, "class": class }).to_string();
        let (status, problem) = lab.send(Method::POST, "/v1/messages", body).await;
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().unwrap().contains("bulk"), "{problem}");
    }
    lab.stop().await;
}
