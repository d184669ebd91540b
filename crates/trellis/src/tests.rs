//! The library as a program uses it: two nodes in one process.

use std::path::Path;

use serde_json::json;

use crate::types::{EventData, NewAlert, NewRule};
use crate::{Decided, Error, Heard, Node};

const NETWORK: &str = "name = \"library-tests\"\n[rules]\nauthors = 2\n";

async fn node(directory: &Path, peer: Option<String>) -> Node {
    let builder = Node::builder().data_dir(directory).network(NETWORK).local();
    let builder = peer.into_iter().fold(builder, |it, peer| it.peer(peer));
    builder.start().await.unwrap()
}

/// Waits for an event; the other node may have had it before this reader began.
async fn hear(events: &mut crate::Events, mut wanted: impl FnMut(&EventData) -> bool) {
    loop {
        match events.next().await.expect("the node runs") {
            Heard::Event(event) if wanted(&event) => return,
            Heard::Event(_) | Heard::Missed(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_in_one_program_write_hear_and_decide() {
    let place = tempfile::tempdir().unwrap();
    let first = node(&place.path().join("one"), None).await;
    let second = node(&place.path().join("two"), first.url()).await;
    let mut events = second.events();
    first.put("wells", "well/3 %", &json!({ "litres": 500 })).await.unwrap();
    hear(&mut events, |it| matches!(it, EventData::Entry(it) if it.name == "well/3 %")).await;
    let found = second.read("wells", "well/3 %").await.unwrap().unwrap();
    assert_eq!((found.value.text(), found.author), ("{\"litres\":500}", first.id()));
    assert_eq!(second.list("wells", "well/").await.unwrap().len(), 1);
    assert_eq!(second.list("wells", "x").await.unwrap(), Vec::new());
    assert_eq!(second.read("wells", "none").await.unwrap(), None);
    let not_ours = second.remove("wells", "well/3 %").await.unwrap_err();
    assert!(matches!(&not_ours, Error::Refused { code, .. } if code == "not-author"), "{not_ours}");
    first.remove("wells", "well/3 %").await.unwrap();
    hear(&mut events, |it| matches!(it, EventData::Entry(it) if it.deleted)).await;
    assert_eq!(second.read("wells", "well/3 %").await.unwrap(), None);

    let id = first.publish("news", &json!("open")).await.unwrap();
    hear(&mut events, |it| matches!(it, EventData::Message(it) if it.id == id)).await;
    let alert: NewAlert = serde_json::from_value(json!({ "text": "the dam leaks" })).unwrap();
    let Decided::Made(id) = first.raise_alert(&alert).await.unwrap() else { panic!("one decides") };
    hear(&mut events, |it| matches!(it, EventData::Message(it) if it.id == id)).await;
    assert_eq!(second.alerts().await.unwrap()[0].id, id);

    let rule: NewRule =
        serde_json::from_value(json!({ "logic": 1, "context": 2, "confidence": 0.9 })).unwrap();
    let Decided::Made(id) = first.commit_rule(&rule).await.unwrap() else { panic!("one decides") };
    hear(&mut events, |it| matches!(it, EventData::Entry(it) if it.name == id)).await;
    assert_eq!(second.confirm_rule(&id, 0.85, 3).await.unwrap(), Decided::Made(id.clone()));
    assert!(second.rules().await.unwrap()[0].accepted);
    assert_eq!(second.rule(&id).await.unwrap().words.len(), 2);
    let refused = second.challenge_rule(&"0".repeat(64), "no").await.unwrap_err();
    assert!(refused.is_not_found(), "{refused}");

    let status = second.status().await.unwrap();
    assert_eq!((status.network.name.as_str(), status.node), ("library-tests", second.id()));
    let root: serde_json::Value = second.call::<(), _>("GET", "/v1/root", None).await.unwrap();
    assert_eq!(root["entries"], 3);
    first.stop().await;
    second.stop().await;
    assert!(matches!(events.next().await, Some(_) | None));

    // What was written is there when it starts again, under its id.
    let again = node(&place.path().join("two"), None).await;
    assert_eq!(again.id(), status_node(&again).await);
    assert!(again.rules().await.unwrap()[0].accepted);
    again.stop().await;
}

async fn status_node(node: &Node) -> String {
    node.status().await.unwrap().node
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let place = tempfile::tempdir().unwrap();
    let builder = || Node::builder().data_dir(place.path().join("n")).network(NETWORK).local();
    let unknown = builder().set("linkz", "1").start().await.unwrap_err();
    assert!(matches!(unknown, Error::Settings(_)), "{unknown}");
    let other = builder().network("no network").start().await.unwrap_err();
    assert!(matches!(other, Error::Start(_)), "{other}");
    let node = builder().start().await.unwrap();
    let taken = builder().start().await.unwrap_err();
    assert!(taken.to_string().contains("in use"), "{taken}");
    let asked = node.call::<(), serde_json::Value>("GET", "/v1/no path", None).await.unwrap_err();
    assert!(matches!(asked, Error::Refused { status: 400, .. }), "{asked}");
    let asked = node.call::<(), serde_json::Value>("GET", "/v1/nothing", None).await.unwrap_err();
    assert!(asked.is_not_found(), "{asked}");
    node.stop().await;
}
