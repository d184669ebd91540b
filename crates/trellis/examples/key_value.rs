//! A replicated key-value store: what is set at one node can be read at all of them; of a key the newest counts.
//!
//! `cargo run -p trellis --example key_value -- DIR [PEER]`, then lines on standard input:
//! `set KEY JSON`, `get KEY`, `del KEY`, `keys`. Changes by others are printed as they come.
#![expect(clippy::print_stdout, reason = "a program that talks to a terminal")]

use std::io::BufRead as _;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use trellis::types::EventData;
use trellis::{Error, Heard, Node};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| "key-value".to_owned());
    let mut builder = Node::builder().data_dir(directory).network(NETWORK).local();
    if let Some(peer) = arguments.next() {
        builder = builder.peer(peer);
    }
    let node = builder.start().await?;
    println!("at {}", node.url().unwrap_or_default());

    let (sender, mut lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| sender.blocking_send(line.clone()).is_ok()).count()
    });
    let (mut events, me) = (node.events(), node.id());
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => match answer(&node, &line).await {
                    Ok(said) => println!("{said}"),
                    // What is refused changed nothing; the message says what to do.
                    Err(error) => println!("! {error}"),
                },
                None => break,
            },
            heard = events.next() => match heard {
                Some(Heard::Event(EventData::Entry(it)))
                    if it.collection == COLLECTION && it.author != me =>
                {
                    println!("* {} was {}", it.name, if it.deleted { "deleted" } else { "set" });
                }
                Some(Heard::Missed(_)) => println!("* some changes were not told"),
                Some(Heard::Event(_)) => {}
                None => break,
            },
        }
    }
    node.stop().await;
    Ok(())
}

async fn answer(node: &Node, line: &str) -> Result<String, Error> {
    let words: Vec<&str> = line.trim().splitn(3, ' ').collect();
    match words[..] {
        ["set", key, value] => {
            // What is no JSON is taken as text.
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            set(node, key, value).await
        }
        ["get", key] => Ok(match node.read(COLLECTION, key).await? {
            Some(entry) if !is_gone(&entry.value.value()) => entry.value.text().to_owned(),
            Some(_) | None => "(nothing)".to_owned(),
        }),
        // Each node deletes its own entries alone: what hides another's is a newer word of ours.
        ["del", key] => set(node, key, json!({ "gone": true })).await,
        ["keys"] => {
            let mut keys = Vec::new();
            for entry in node.list(COLLECTION, "").await? {
                let newest = node.read(COLLECTION, &entry.name).await?;
                if newest.is_some_and(|it| !is_gone(&it.value.value())) {
                    keys.push(entry.name);
                }
            }
            keys.dedup();
            Ok(keys.join(" "))
        }
        _ => Ok("say: set KEY JSON, get KEY, del KEY, or keys".to_owned()),
    }
}

async fn set(node: &Node, key: &str, value: Value) -> Result<String, Error> {
    node.put(COLLECTION, key, &value).await?;
    Ok("ok".to_owned())
}

fn is_gone(value: &Value) -> bool {
    value == &json!({ "gone": true })
}

const COLLECTION: &str = "key-value";
const NETWORK: &str = "name = \"key-value\"\n";
