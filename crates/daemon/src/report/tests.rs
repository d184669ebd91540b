//! A flood of refusals stays small in feed and log.

use engine::Event;
use node::engine;
use wire::NodeId;

use super::{PAUSE_MS, REFUSED_BURST, Reporter};
use crate::api::types::EventData;
use crate::feed::{Feed, Item};

async fn refusals(feed: &Feed) -> Vec<String> {
    let mut reader = feed.subscribe(Some(999));
    let mut seen = Vec::new();
    while let Some(Item::Event(event)) = reader.next().await {
        let EventData::Refused(refused) = &event.what else { panic!("{event:?}") };
        seen.push(refused.why.clone());
    }
    seen
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_not_repeated() {
    let feed = Feed::new(1);
    let mut reporter = Reporter::new(feed.clone(), NodeId::default());
    for _ in 0..1_000 {
        reporter.report(Event::Refused(None, "bad".to_owned()), 5);
    }
    reporter.report(Event::Refused(None, "late".to_owned()), 5 + PAUSE_MS);
    feed.end();
    let seen = refusals(&feed).await;
    assert_eq!(u64::try_from(seen.len()).unwrap(), REFUSED_BURST + 1);
    let told = 1_000 - REFUSED_BURST;
    let last = format!("late (and {told} more since the last of these events)");
    assert_eq!(seen.last(), Some(&last));
}

#[tokio::test]
async fn a_clock_set_back_silences_nobody() {
    let feed = Feed::new(1);
    let mut reporter = Reporter::new(feed.clone(), NodeId::default());
    for _ in 0..100 {
        reporter.report(Event::Refused(None, "bad".to_owned()), 1_000_000_000);
    }
    reporter.report(Event::Refused(None, "after".to_owned()), 1_000);
    feed.end();
    assert!(refusals(&feed).await.last().unwrap().starts_with("after"));
}
