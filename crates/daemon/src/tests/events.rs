//! The event feed and its stream: replay, gaps, and the end.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::lab::Lab;
use crate::api::types::{EventData, Gap, RootEvent, RuleStance};
use crate::{Feed, Item};

/// Reads the stream until a block fits, and returns all blocks up to it.
async fn read_until(response: &mut reqwest::Response, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut text = String::new();
    loop {
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await;
        let chunk = chunk.unwrap().unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        let blocks: Vec<String> = text.split_terminator("\n\n").map(str::to_owned).collect();
        if text.ends_with("\n\n") && blocks.iter().any(|block| fits(block)) {
            return blocks;
        }
    }
}

fn field(block: &str, name: &str) -> String {
    let prefix = format!("{name}: ");
    let line = block.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
}

async fn open(lab: &Lab, path: &str, last: Option<&str>) -> reqwest::Response {
    let request = lab.client.get(lab.url(path)).bearer_auth(lab.node.token());
    let request = match last {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    request.send().await.unwrap()
}

async fn publish(lab: &Lab, topic: &str, payload: u64) {
    let body = json!({"topic": topic, "payload": payload}).to_string();
    let (status, answer) = lab.send(Method::POST, "/v1/messages", body).await;
    assert_eq!((status.as_u16(), &answer["links"]), (200, &json!(0)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_gets_what_it_missed() {
    let lab = Lab::start().await;
    let mut stream = open(&lab, "/v1/events?topic=t", None).await;
    publish(&lab, "t", 1).await;
    publish(&lab, "other", 2).await;
    let blocks = read_until(&mut stream, |block| block.contains("event: message")).await;
    drop(stream);
    let block = blocks.iter().find(|block| block.contains("event: message")).unwrap();
    let id = field(block, "id");
    let data: Value = serde_json::from_str(&field(block, "data")).unwrap();
    assert_eq!((&data["schema"], &data["kind"]), (&json!("trellis.event/1"), &json!("message")));
    assert_eq!(data["id"].to_string(), id);
    assert_eq!((&data["data"]["topic"], &data["data"]["payload"]), (&json!("t"), &json!(1)));
    assert_eq!(data["data"]["author"], lab.node.node_id().to_string());

    publish(&lab, "t", 3).await;
    let mut stream = open(&lab, "/v1/events?topic=t", Some(&id)).await;
    publish(&lab, "t", 4).await;
    let blocks = read_until(&mut stream, |block| block.contains("\"payload\":4")).await;
    let payloads: Vec<Value> = blocks
        .iter()
        .filter(|block| block.contains("event: message"))
        .map(|block| serde_json::from_str::<Value>(&field(block, "data")).unwrap())
        .map(|data| data["data"]["payload"].clone())
        .collect();
    assert_eq!(payloads, [json!(3), json!(4)]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_run_is_a_gap_of_unknown_size() {
    let lab = Lab::start().await;
    publish(&lab, "t", 1).await;
    let mut stream = open(&lab, "/v1/events", Some("17")).await;
    let blocks = read_until(&mut stream, |block| block.contains("event: message")).await;
    let gap = blocks.iter().find(|block| block.contains("event: gap")).unwrap();
    let gap: Value = serde_json::from_str(&field(gap, "data")).unwrap();
    assert_eq!(gap, json!({"after": 17, "lost": null}));
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_with_bye() {
    let lab = Lab::start().await;
    let mut stream = open(&lab, "/v1/events", None).await;
    let (blocks, _dir) =
        tokio::join!(read_until(&mut stream, |block| block.contains("event: bye")), lab.stop());
    assert!(blocks.last().unwrap().starts_with("event: bye"));
    assert_eq!(stream.chunk().await.unwrap(), None);
}

fn root(entries: u64) -> EventData {
    EventData::Root(RootEvent { root: "0".to_owned(), entries })
}

fn publish_roots(feed: &Feed, count: u64) {
    (0..count).for_each(|entries| feed.publish(String::new(), root(entries)));
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let feed = Feed::new(1);
    let mut reader = feed.subscribe(None);
    publish_roots(&feed, 5_000);
    assert_eq!(reader.next().await, Some(Item::Gap(Gap { after: 999, lost: Some(904) })));
    let Some(Item::Event(event)) = reader.next().await else { panic!("no event") };
    assert_eq!((event.id, &event.what), (1_904, &root(904)));
    feed.end();
    let mut rest = 0;
    while let Some(Item::Event(_)) = reader.next().await {
        rest += 1;
    }
    assert_eq!((rest, feed.lost(), feed.readers()), (4_095, 904, 1));
    assert_eq!(reader.next().await, None);
    drop(reader);
    assert_eq!(feed.readers(), 0);
}

#[tokio::test]
async fn replay_goes_over_into_live_without_a_seam() {
    let feed = Feed::new(1);
    publish_roots(&feed, 3);
    let mut reader = feed.subscribe(Some(1_000));
    publish_roots(&feed, 1);
    feed.end();
    let mut ids = Vec::new();
    while let Some(Item::Event(event)) = reader.next().await {
        ids.push(event.id);
    }
    assert_eq!(ids, [1_001, 1_002, 1_003]);
}

#[tokio::test]
async fn a_reader_that_has_everything_waits() {
    let feed = Feed::new(1);
    publish_roots(&feed, 1);
    for after in [None, Some(1_000)] {
        let mut reader = feed.subscribe(after);
        let next = reader.next();
        assert!(futures_util::FutureExt::now_or_never(next).is_none(), "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_record_means_to_people_is_an_event_of_its_own() {
    let lab = Lab::start().await;
    let mut feed = lab.node.commands().events().subscribe(None);
    let posts = [
        ("/v1/alerts", r#"{"text":"flood","severity":"critical"}"#),
        ("/v1/rules", r#"{"logic":1,"context":2,"confidence":0.9}"#),
        ("/v1/levels/own", r#"{"kind":"water","level":1,"capacity":50,"unit":"L","critical":9}"#),
    ];
    for (path, body) in posts {
        assert_eq!(lab.send(Method::POST, path, body).await.0.as_u16(), 200, "{path}");
    }
    let id = lab.node.node_id().to_string();
    let (mut alerts, mut rules, mut levels) = (0, 0, 0);
    while alerts + rules + levels < 3 {
        let Some(Item::Event(event)) = feed.next().await else { panic!("an event") };
        match &event.what {
            EventData::Alert(it) => {
                assert_eq!((&it.node, it.text.as_str()), (&id, "flood"));
                alerts += 1;
            }
            EventData::Rule(it) => {
                assert_eq!((&it.node, it.stance), (&id, Some(RuleStance::Commit)));
                rules += 1;
            }
            EventData::Level(it) => {
                assert_eq!(
                    (it.kind.as_str(), it.band.as_str(), it.own),
                    ("water", "critical", true)
                );
                levels += 1;
            }
            _ => {}
        }
    }
    assert_eq!((alerts, rules, levels), (1, 1, 1));
    lab.stop().await;
}
