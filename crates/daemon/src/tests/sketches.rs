//! Two nodes on loopback compare by sketches, with looks at whole sets on their worker threads.

use std::time::Duration;

use node::Draft;

use super::lab::{Lab, settings};
use crate::api::types::EventData;
use crate::{Item, Running, Subscription, start};

async fn put(node: &Running, name: &str, count: usize) {
    let draft = |number| Draft {
        collection: "c".to_owned(),
        name: format!("{name}/{number}"),
        value: Some("1".into()),
    };
    node.commands().put((0..count).map(draft).collect()).await.unwrap();
}

/// Waits until a node says that it holds so many entries.
async fn holds(events: &mut Subscription, count: u64) {
    let found = async {
        loop {
            match events.next().await {
                Some(Item::Event(event)) => {
                    if matches!(&event.what, EventData::Root(root) if root.entries == count) {
                        return;
                    }
                }
                Some(Item::Gap(_)) => {}
                Some(Item::Bye) | None => panic!("the node has stopped"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("it never came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_nodes_wrote_alone_sketches_bring_together() {
    // SKETCH-1
    let large = ("gossip.sketch_min", "10");
    let first = Lab::with(&[large]).await;
    put(&first.node, "first", 60).await;
    // The second one writes before it knows of the first.
    let dir = tempfile::tempdir().unwrap();
    let alone = start(settings(dir.path(), &[large])).await.unwrap();
    put(&alone, "second", 40).await;
    alone.stop(Duration::from_secs(10)).await;

    let mut events = first.node.commands().events().subscribe(None);
    let address = first.node.http_url().unwrap();
    let flags = [large, ("peers.bootstrap", address.as_str())];
    let second = start(settings(dir.path(), &flags)).await.unwrap();
    let mut others = second.commands().events().subscribe(None);
    holds(&mut events, 100).await;
    holds(&mut others, 100).await;

    let [ours, theirs] = [&first.node, &second].map(Running::commands);
    let (ours, theirs) = (ours.status().await.unwrap(), theirs.status().await.unwrap());
    assert_eq!(ours.state, theirs.state);
    let found = ours.counters.sketches_found + theirs.counters.sketches_found;
    let answered = ours.counters.sketches_answered + theirs.counters.sketches_answered;
    assert_eq!((found, answered), (1, 1));
    let status = first.get("/v1/status").await.1;
    let told = status["counters"]["sketched"].as_u64().unwrap();
    assert_eq!(told, ours.counters.sketched);
    let metrics = first.client.get(first.url("/metrics")).bearer_auth(first.node.token());
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("trellis_sketches_total{step=\"found\"}"), "{metrics}");
    second.stop(Duration::from_secs(10)).await;
}
