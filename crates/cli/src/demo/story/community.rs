//! What the people of these nodes have to decide: an alert, a gift of water, a rule, and a checkpoint of all of it.

use std::path::Path;

use daemon::api::types::{
    AlertSeverity, Alerts, CheckpointAnswer, LevelNeed, LevelRow, Levels, NewAlert,
    NewConfirmation, NewRule, NewTransfer, OwnLevels, ProposedTransfer, RuleSaid, Rules, Status,
    Told, TransferList, TransferRow, TransferSide,
};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{PATIENCE, Story};
use crate::demo::Lack;
use crate::demo::lab::RULE_AUTHORS;
use crate::words::{counted, short_hex, short_node, took};

/// What waits for people, for the commands that decide it.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    alert: String,
    rule: String,
    transfer: String,
    /// The ids of giver and taker: the second node and the first.
    giver: String,
    taker: String,
}

impl Story {
    /// Lets the people of the nodes have something to decide.
    pub(super) async fn community(&mut self) -> anyhow::Result<()> {
        let alert = self.alert().await?;
        let (giver, taker) = self.levels().await?;
        let transfer = self.transfer(&taker).await?;
        let rule = self.rule().await?;
        self.waiting = Some(Waiting { alert, rule, transfer, giver, taker });
        self.checkpoint().await
    }

    /// Returns what decides it, as lines for a shell.
    pub(super) fn commands(&self) -> Vec<String> {
        let Some(Waiting { alert, rule, transfer, giver, taker }) = &self.waiting else {
            return Vec::new();
        };
        let first = quoted(self.lab.directory(0));
        let second = quoted(self.lab.directory(1));
        let (alert, rule, gift) = (short_hex(alert), short_hex(rule), short_hex(transfer));
        let (giver, taker) = (short_node(giver), short_node(taker));
        vec![
            format!("trellis --dir {second} alert show {alert}"),
            format!("trellis --dir {second} alert ack {alert} --for 6h --note 'on our way'"),
            format!("trellis --dir {first} level list"),
            format!("trellis --dir {first} transfer list"),
            format!("trellis --dir {first} transfer yes {gift} --confirm '500 L {giver}'"),
            format!("trellis --dir {second} transfer yes {gift} --confirm '500 L {taker}'"),
            format!("trellis --dir {second} transfer show {gift}"),
            format!("trellis --dir {second} rule show {rule}"),
            format!("trellis --dir {second} checkpoint show latest"),
            format!("trellis --dir {second} rule prove {rule} | trellis --dir {second} verify -"),
            format!("trellis --dir {second} log"),
        ]
    }

    async fn alert(&mut self) -> anyhow::Result<String> {
        let new = NewAlert {
            text: "the dam above Norrby leaks".to_owned(),
            severity: AlertSeverity::Critical,
            evidence: vec!["gauge 7: 41 cm in an hour".to_owned()],
            life_s: None,
        };
        let at = Instant::now();
        let told: Told = self.post(0, "/v1/alerts", &new).await?;
        let heard = |list: &Alerts| list.alerts.iter().any(|it| it.id == told.id);
        self.everywhere("the alert", "/v1/alerts", heard).await?;
        let (time, here) = (took(at.elapsed()), self.lab.present().count());
        self.say(format_args!(
            "n1 warns of a dam that leaks: {here}/{here} nodes show it to their people after {time}"
        ))?;
        Ok(told.id)
    }

    /// Too little at one node, enough at another. Returns the ids of the second node and the first.
    async fn levels(&mut self) -> anyhow::Result<(String, String)> {
        let low = json!({ "kind": "water", "level": 100, "capacity": 5_000, "unit": "L", "critical": 300 });
        let high = json!({ "kind": "water", "level": 4_900, "capacity": 5_000, "unit": "L" });
        self.post::<OwnLevels>(0, "/v1/levels/own", &low).await?;
        self.post::<OwnLevels>(1, "/v1/levels/own", &high).await?;
        self.entries += 2;
        let at = Instant::now();
        self.agree("water levels of n1 and n2", at).await?;
        let mut ids = Vec::with_capacity(2);
        for node in [1, 0] {
            let client = self.lab.client(node)?;
            ids.push(client.get::<Status>("/v1/status").await?.value.node);
        }
        let [giver, taker] = <[String; 2]>::try_from(ids).expect("two were asked");
        let seen = self.lab.client(self.plan.nodes - 1)?.get::<Levels>("/v1/levels").await?;
        let of = |id: &str| seen.value.levels.iter().find(|it| it.node == id).map_or("?", need);
        let (low, high, last) = (of(&taker), of(&giver), self.plan.nodes);
        self.say(format_args!(
            "others see no litres: to n{last} water shows a {low} at n1 and a {high} at n2"
        ))?;
        Ok((giver, taker))
    }

    async fn transfer(&mut self, taker: &str) -> anyhow::Result<String> {
        let new = NewTransfer {
            with: taker.to_owned(),
            side: Some(TransferSide::Give),
            kind: "water".to_owned(),
            amount: "500".to_owned(),
            unit: "L".to_owned(),
            decide_s: None,
            tick_s: Some(2),
            replaces: None,
        };
        let made: ProposedTransfer = self.post(1, "/v1/transfers", &new).await?;
        let open = |it: &TransferRow| it.id == made.id && it.status == "open";
        let waits = |list: &TransferList| list.transfers.iter().any(open);
        self.at(&[0, 1], "the proposal", "/v1/transfers", waits).await?;
        self.say("n2 offers n1 500 L of water: it waits for people at both, who decide unseen")?;
        Ok(made.id)
    }

    async fn rule(&mut self) -> anyhow::Result<String> {
        let new = NewRule {
            logic: json!("rain above 10 mm, then well 3 rises"),
            context: json!({ "site": "Norrby" }),
            confidence: json!(0.9),
            evidence: 12,
            note: "two winters".to_owned(),
        };
        let said: RuleSaid = self.post(0, "/v1/rules", &new).await?;
        let known = |list: &Rules| list.rules.iter().any(|it| it.rule == said.rule);
        self.everywhere("the rule", "/v1/rules", known).await?;
        let authors = self.plan.nodes.min(RULE_AUTHORS);
        let path = format!("/v1/rules/{}/confirm", said.rule);
        for node in 1..authors {
            let new = NewConfirmation { confidence: json!(0.85), evidence: 3 };
            self.post::<RuleSaid>(node, &path, &new).await?;
        }
        self.entries += authors as u64;
        let accepted = |list: &Rules| list.accepted == 1;
        self.everywhere("an accepted rule", "/v1/rules", accepted).await?;
        let (authors, here) =
            (counted(authors as u64, "node", "nodes"), self.lab.present().count());
        self.say(format_args!("a rule that {authors} found: {here}/{here} nodes accept it"))?;
        Ok(said.rule)
    }

    /// Waits for a checkpoint of the state as it is, at every node.
    async fn checkpoint(&mut self) -> anyhow::Result<()> {
        let at = Instant::now();
        let (root, _) = self.lab.until_agreed(self.entries, PATIENCE).await?;
        let path = "/v1/checkpoints/latest";
        let is_it = |it: &CheckpointAnswer| it.checkpoint.root == root;
        self.everywhere("a checkpoint", path, is_it).await?;
        let newest = self.lab.client(0)?.get::<CheckpointAnswer>(path).await?.value.checkpoint;
        self.report.checkpoint = Some(newest.height);
        let (height, signers, time) = (newest.height, newest.signers.len(), took(at.elapsed()));
        let signers = counted(signers as u64, "attester", "attesters");
        let rules = newest.rules_accepted.map_or(String::new(), |it| {
            format!(" and {}", counted(it, "accepted rule", "accepted rules"))
        });
        self.say(format_args!(
            "checkpoint {height} of that state{rules}, signed by {signers}, after {time}"
        ))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        node: usize,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let body = serde_json::to_string(body)?;
        Ok(self.lab.client(node)?.send(Method::POST, path, body).await?.value)
    }

    async fn everywhere<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        holds: impl Fn(&T) -> bool,
    ) -> anyhow::Result<()> {
        let nodes: Vec<usize> = self.lab.present().collect();
        self.at(&nodes, what, path, holds).await
    }

    /// Waits until what these nodes answer holds.
    async fn at<T: DeserializeOwned>(
        &self,
        nodes: &[usize],
        what: &str,
        path: &str,
        holds: impl Fn(&T) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut lacking = nodes.to_vec();
        loop {
            let mut still = Vec::new();
            for node in lacking {
                // What is not there yet is an error of its own, and no reason to stop asking.
                let answer = self.lab.client(node)?.get::<Value>(path).await;
                let value = answer.ok().and_then(|it| serde_json::from_str::<T>(&it.text).ok());
                if !value.is_some_and(|it| holds(&it)) {
                    still.push(node);
                }
            }
            if still.is_empty() {
                return Ok(());
            }
            if deadline <= Instant::now() {
                let nodes = still.iter().map(|node| format!("n{} lacks it", node + 1)).collect();
                return Err(Lack { step: what.to_owned(), nodes }.into());
            }
            lacking = still;
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn need(row: &LevelRow) -> &'static str {
    match row.need {
        LevelNeed::Balanced => "balance",
        LevelNeed::Deficit => "deficit",
        LevelNeed::Surplus => "surplus",
    }
}

/// Writes a path so that a shell reads it as it is.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+:".contains(it);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Wait between two rounds of questions.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);
