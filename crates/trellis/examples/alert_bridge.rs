//! A bridge for alerts: lines of another system become alerts here, and alerts of others become lines there.
//!
//! `cargo run -p trellis --example alert_bridge -- DIR [PEER]` reads NDJSON from standard input,
//! `{"text": "..", "severity": "notice|warning|critical", "evidence": [".."]}`, and prints
//! what other nodes raise as `{"id", "node", "severity", "text", "evidence"}`. A line that is no alert
//! is named on standard error and skipped. It ends when its input does and everything raised is on disk.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of a pipe")]

use std::io::BufRead as _;

use serde_json::json;
use tokio::sync::mpsc;
use trellis::types::{AlertRow, EventData, NewAlert};
use trellis::{Decided, Error, Heard, Node};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| "alert-bridge".to_owned());
    let mut builder = Node::builder().data_dir(directory).network(NETWORK).local();
    if let Some(peer) = arguments.next() {
        builder = builder.peer(peer);
    }
    let node = builder.start().await?;
    eprintln!("at {}", node.url().unwrap_or_default());

    let (sender, mut lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| sender.blocking_send(line.clone()).is_ok()).count()
    });
    // Before the first look, so that nothing falls between that and the first event.
    let mut events = node.events();
    for alert in node.alerts().await?.iter().rev() {
        show(alert, &node.id());
    }
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => raise(&node, &line).await,
                None => break,
            },
            heard = events.next() => match heard {
                Some(Heard::Event(EventData::Message(it))) if it.topic == "alerts" => {
                    let all = node.alerts().await?;
                    all.iter().filter(|alert| alert.id == it.id).for_each(|it| show(it, &node.id()));
                }
                Some(Heard::Event(_)) => {}
                Some(Heard::Missed(_)) => eprintln!("some events were missed: start again to see all alerts"),
                None => break,
            },
        }
    }
    node.stop().await;
    Ok(())
}

/// Raises what a line says. One that cannot be raised must not stop those behind it.
async fn raise(node: &Node, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    let alert: NewAlert = match serde_json::from_str(line) {
        Ok(alert) => alert,
        Err(error) => return eprintln!("not an alert: {error}: {line}"),
    };
    match node.raise_alert(&alert).await {
        Ok(Decided::Made(id)) => eprintln!("raised {id}"),
        Ok(Decided::Waits) => eprintln!("waits for another Mirror: {line}"),
        Err(error) => eprintln!("not raised: {error}: {line}"),
    }
}

fn show(alert: &AlertRow, me: &str) {
    let AlertRow { id, node, severity, text, evidence, .. } = alert;
    if node != me {
        let line = json!({ "id": id, "node": node, "severity": severity, "text": text, "evidence": evidence });
        println!("{line}");
    }
}

const NETWORK: &str = "name = \"alert-bridge\"\n";
