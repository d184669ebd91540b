//! Stopping, starting again, and being killed.

use std::time::{Duration, Instant};

use node::Draft;

use super::lab::{Lab, settings};
use crate::{Running, StartError, start};

async fn start_again(dir: &std::path::Path) -> Running {
    // A killed node's store thread finishes its queue before it gives the directory free.
    let begun = Instant::now();
    loop {
        match start(settings(dir, &[])).await {
            Ok(node) => return node,
            Err(StartError::Directory(error)) if begun.elapsed() < Duration::from_secs(20) => {
                assert!(error.to_string().contains("in use"), "{error}");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn draft(name: String) -> Draft {
    Draft { collection: "c".to_owned(), name, value: Some("1".into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_has_its_key_its_entries_and_its_pen() {
    let lab = Lab::start().await;
    let (id, token) = (lab.node.node_id(), lab.node.token().to_owned());
    lab.put("n", "1").await;
    let before = lab.get("/v1/root").await.1;
    let begun = Instant::now();
    let dir = lab.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10));

    let node = start_again(dir.path()).await;
    assert_eq!((node.node_id(), node.token()), (id, &*token));
    let commands = node.commands();
    let status = commands.status().await.unwrap();
    assert_eq!(status.state.root.to_string(), before["root"]);
    // A second record under a used number would be refused by everybody.
    commands.put(vec![draft("m".to_owned())]).await.unwrap();
    assert_eq!(commands.status().await.unwrap().state.count, 2);
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..5 {
        let node = start_again(dir.path()).await;
        let commands = node.commands();
        let count = commands.status().await.unwrap().state.count;
        assert!(acknowledged <= count, "{count} of {acknowledged} entries");
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let commands = commands.clone();
                tokio::spawn(async move {
                    let mut done = 0;
                    for n in 0..1_000 {
                        let name = format!("{round}-{writer}-{n}");
                        match commands.put(vec![draft(name)]).await {
                            Ok(_) => done += 1,
                            Err(_) => return done,
                        }
                    }
                    done
                })
            })
            .collect();
        let mut feed = commands.events().subscribe(None);
        for _ in 0..200 {
            feed.next().await;
        }
        drop(node);
        acknowledged = count;
        for writer in writers {
            acknowledged += writer.await.unwrap();
        }
    }
    let node = start_again(dir.path()).await;
    let count = node.commands().status().await.unwrap().state.count;
    assert!(acknowledged <= count, "{count} of {acknowledged} entries");
    node.stop(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_node_stops_politely_within_ten_seconds() {
    let first = Lab::start().await;
    let url = first.node.http_url().unwrap();
    let second = Lab::with(&[("peers.bootstrap", &url)]).await;
    let mut feed = first.node.commands().events().subscribe(None);
    wait_for_links(&first, &mut feed, 1).await;
    let begun = Instant::now();
    second.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    // The goodbye arrives at once: no silence has to be waited for.
    wait_for_links(&first, &mut feed, 0).await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_free_only_when_nothing_says_that_a_node_runs_there() {
    for _ in 0..10 {
        let lab = Lab::start().await;
        let run_file = lab.dir.path().join("run.json");
        assert!(run_file.exists());
        let path = lab.dir.path().to_owned();
        // A node that starts now would write its own note: ours must be gone by then.
        let next = std::thread::spawn(move || {
            let begun = Instant::now();
            let lock = std::fs::File::open(path.join("lock")).unwrap();
            while lock.try_lock().is_err() {
                assert!(begun.elapsed() < Duration::from_secs(20), "never free");
                std::thread::yield_now();
            }
            path.join("run.json").exists()
        });
        let dir = lab.stop().await;
        assert!(!next.join().unwrap(), "{} is free and has a note", dir.path().display());
    }
}

async fn wait_for_links(lab: &Lab, feed: &mut crate::Subscription, links: usize) {
    while lab.node.commands().status().await.unwrap().links != links {
        tokio::time::timeout(Duration::from_secs(20), feed.next()).await.unwrap();
    }
}
