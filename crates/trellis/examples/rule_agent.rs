//! An agent that finds rules: it looks at what it has observed, puts forward what it sees, and confirms or
//! challenges what others put forward, by its own observations. All agents accept the same rules.
//!
//! `cargo run -p trellis --example rule_agent -- DIR OBSERVATIONS [PEER]`. The file holds lines
//! `{"rain_mm": 12, "rises": true}`. It prints each word that it says, and each rule once it is accepted.
//! It ends when its input does.
#![expect(clippy::print_stdout, reason = "a program that talks to a terminal")]

use std::collections::BTreeSet;
use std::error::Error;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;
use trellis::types::{EventData, NewRule};
use trellis::{Heard, Node};

/// What was seen on one day.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Observation {
    rain_mm: u64,
    rises: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(directory), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("say: rule_agent DIR OBSERVATIONS [PEER]".into());
    };
    let text = std::fs::read_to_string(file)?;
    let seen: Vec<Observation> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut builder = Node::builder().data_dir(directory).network(NETWORK).local();
    if let Some(peer) = arguments.next() {
        builder = builder.peer(peer);
    }
    let node = builder.start().await?;
    println!("at {}", node.url().unwrap_or_default());

    let mut events = node.events();
    if let Some((above_mm, right)) = best(&seen)
        && SURE <= share(right)
    {
        let rule = NewRule {
            logic: json!({ "if_rain_above_mm": above_mm, "then": "the well rises" }),
            context: json!("well 3"),
            confidence: json!(format!("{:.3}", share(right))),
            evidence: right.1,
            note: String::new(),
        };
        match node.commit_rule(&rule).await {
            Ok(_) => println!("committed above {above_mm} mm"),
            Err(error) => println!("not committed: {error}"),
        }
    }
    let (mut judged, mut accepted) = (BTreeSet::new(), BTreeSet::new());
    let (sender, mut end) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _lines = std::io::stdin().lines().count();
        drop(sender);
    });
    loop {
        look(&node, &seen, &mut judged, &mut accepted).await?;
        // Words come as entries, and what a rule says as a message; both may change what is to be said.
        tokio::select! {
            _ = &mut end => break,
            heard = events.next() => match heard {
                Some(Heard::Event(EventData::Entry(_) | EventData::Message(_)) | Heard::Missed(_)) => {}
                Some(Heard::Event(_)) => continue,
                None => break,
            },
        }
    }
    node.stop().await;
    Ok(())
}

/// Says what it thinks of rules it has said nothing of, as soon as it knows what they say.
async fn look(
    node: &Node,
    seen: &[Observation],
    judged: &mut BTreeSet<String>,
    accepted: &mut BTreeSet<String>,
) -> Result<(), trellis::Error> {
    for row in node.rules().await? {
        if row.accepted && accepted.insert(row.rule.clone()) {
            println!("accepted {}", row.rule);
        }
        if judged.contains(&row.rule) {
            continue;
        }
        let rule = node.rule(&row.rule).await?;
        let Some(content) = rule.content else { continue };
        judged.insert(row.rule.clone());
        let above_mm = content.value()["logic"]["if_rain_above_mm"].as_u64();
        let Some(above_mm) = above_mm.filter(|_| content.value()["context"] == "well 3") else {
            continue;
        };
        let is_own = rule.words.iter().any(|word| word.own);
        let right = tally(seen, above_mm);
        if !is_own && SURE <= share(right) {
            node.confirm_rule(&row.rule, share(right), right.1).await?;
            println!("confirmed above {above_mm} mm");
        } else if !is_own && 0 < right.1 {
            let reason = format!("right on {} of {} days here", right.0, right.1);
            node.challenge_rule(&row.rule, &reason).await?;
            println!("challenged above {above_mm} mm: {reason}");
        }
    }
    Ok(())
}

/// The threshold that is right most often, with how often, of how many days.
fn best(seen: &[Observation]) -> Option<(u64, (u64, u64))> {
    let all = [5, 10, 20].map(|above_mm| (above_mm, tally(seen, above_mm)));
    all.into_iter().filter(|(_, right)| 0 < right.1).max_by_key(|(_, right)| right.0)
}

fn tally(seen: &[Observation], above_mm: u64) -> (u64, u64) {
    let right = seen.iter().filter(|it| (above_mm < it.rain_mm) == it.rises).count();
    (right as u64, seen.len() as u64)
}

fn share((right, all): (u64, u64)) -> f64 {
    right as f64 / all.max(1) as f64
}

/// How sure an agent is that speaks for a rule.
const SURE: f64 = 0.8;
const NETWORK: &str = "name = \"rule-agent\"\n";
