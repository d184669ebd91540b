//! A running node, and what a program may want of it.

use std::time::Duration;

use daemon::api::types::{
    AlertRow, Alerts, Entries, Entry, EntryAnswer, NewAlert, NewChallenge, NewConfirmation,
    NewMessage, NewRule, ProblemBody, Published, RuleAnswer, RuleRow, RuleSaid, Rules, Status,
    Told, Written,
};
use daemon::{Inside, Running};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Builder, Error, Events};

/// A running node. Dropping it stops the node at once, without a goodbye.
#[derive(Debug)]
pub struct Node {
    running: Running,
    inside: Inside,
}

/// What became of a decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decided {
    /// It is made, and on disk; this is its id.
    Made(String),
    /// It takes more people than have said so by now (`trellis people list`).
    Waits,
}

impl Node {
    /// Begins to describe one.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(running: Running) -> Self {
        let inside = running.inside();
        Self { running, inside }
    }

    /// Returns its id.
    pub fn id(&self) -> String {
        self.running.node_id().to_string()
    }

    /// Returns the address of its HTTP door, which others may be told; `None` where that is closed.
    pub fn url(&self) -> Option<String> {
        self.running.http_url()
    }

    /// Returns how it is.
    pub async fn status(&self) -> Result<Status, Error> {
        self.get("/v1/status").await
    }

    /// Tells everybody; returns the message's id once it is on disk and on its way.
    pub async fn publish(&self, topic: &str, payload: &Value) -> Result<String, Error> {
        let body = serde_json::json!({ "topic": topic, "payload": payload });
        let new: NewMessage = serde_json::from_value(body)?;
        let published: Published = self.call("POST", "/v1/messages", Some(&new)).await?;
        Ok(published.id)
    }

    /// Writes an entry of this node, which takes the place of its earlier one; returns once it is on disk.
    pub async fn put(&self, collection: &str, name: &str, value: &Value) -> Result<(), Error> {
        let path = entry_path(collection, name);
        let _written: Written = self.call("PUT", &path, Some(value)).await?;
        Ok(())
    }

    /// Returns the newest entry of a name, whoever wrote it.
    pub async fn read(&self, collection: &str, name: &str) -> Result<Option<Entry>, Error> {
        match self.get::<EntryAnswer>(&entry_path(collection, name)).await {
            Ok(answer) => Ok(Some(answer.entry)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an entry of this node.
    pub async fn remove(&self, collection: &str, name: &str) -> Result<(), Error> {
        let path = entry_path(collection, name);
        let _written: Written = self.call::<(), _>("DELETE", &path, None).await?;
        Ok(())
    }

    /// Returns the entries of a collection whose names begin so, of all authors, in the order of names.
    pub async fn list(&self, collection: &str, prefix: &str) -> Result<Vec<Entry>, Error> {
        let (collection, prefix) = (percent(collection), percent(prefix));
        let first = format!("/v1/entries?collection={collection}&prefix={prefix}&limit=1000");
        let (mut path, mut all) = (first.clone(), Vec::new());
        loop {
            let page: Entries = self.get(&path).await?;
            all.extend(page.entries);
            let Some(next) = page.next else { return Ok(all) };
            path = format!("{first}&after={}", percent(&next));
        }
    }

    /// Warns everybody, in the operator's name.
    pub async fn raise_alert(&self, alert: &NewAlert) -> Result<Decided, Error> {
        self.decide("/v1/alerts", alert, |told: Told| told.id).await
    }

    /// Returns what this node was warned of and has not expired, the newest first.
    pub async fn alerts(&self) -> Result<Vec<AlertRow>, Error> {
        Ok(self.get::<Alerts>("/v1/alerts").await?.alerts)
    }

    /// Puts a rule forward, in the operator's name; its id is the hash of what it says.
    pub async fn commit_rule(&self, rule: &NewRule) -> Result<Decided, Error> {
        self.decide("/v1/rules", rule, |said: RuleSaid| said.rule).await
    }

    /// Calls a rule right, with a confidence of 0 to 1 and so many pieces of evidence.
    pub async fn confirm_rule(
        &self,
        rule: &str,
        confidence: f64,
        evidence: u64,
    ) -> Result<Decided, Error> {
        let path = format!("/v1/rules/{}/confirm", percent(rule));
        // Three decimals are what counts.
        let confidence = Value::from(format!("{confidence:.3}"));
        let new = NewConfirmation { confidence, evidence };
        self.decide(&path, &new, |said: RuleSaid| said.rule).await
    }

    /// Calls a rule wrong.
    pub async fn challenge_rule(&self, rule: &str, reason: &str) -> Result<Decided, Error> {
        let path = format!("/v1/rules/{}/challenge", percent(rule));
        let new = NewChallenge { reason: reason.to_owned() };
        self.decide(&path, &new, |said: RuleSaid| said.rule).await
    }

    /// Returns the rules that anybody has spoken of, in the order of their ids.
    pub async fn rules(&self) -> Result<Vec<RuleRow>, Error> {
        let (mut path, mut all) = ("/v1/rules?limit=1000".to_owned(), Vec::new());
        loop {
            let page: Rules = self.get(&path).await?;
            all.extend(page.rules);
            let Some(next) = page.next else { return Ok(all) };
            path = format!("/v1/rules?limit=1000&after={next}");
        }
    }

    /// Returns one rule with all words on it. What it says is asked for where it is not here: ask again in a
    /// moment.
    pub async fn rule(&self, rule: &str) -> Result<RuleAnswer, Error> {
        let path = format!("/v1/rules/{}/fetch", percent(rule));
        self.call::<(), _>("POST", &path, None).await
    }

    /// Follows what happens from here on.
    pub fn events(&self) -> Events {
        Events(self.running.commands().events().subscribe(None))
    }

    /// Asks anything else that the operator's API has (docs/api.md), in the operator's name and without a socket.
    pub async fn call<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.ask(method, path, body).await?.1)?)
    }

    /// Says goodbye to the peers, finishes what is queued and stops.
    pub async fn stop(self) {
        self.running.stop(STOP_MAX).await;
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call::<(), T>("GET", path, None).await
    }

    async fn decide<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        id: impl FnOnce(T) -> String,
    ) -> Result<Decided, Error> {
        match self.ask("POST", path, Some(body)).await? {
            (WAITS, _) => Ok(Decided::Waits),
            (_, bytes) => Ok(Decided::Made(id(serde_json::from_slice(&bytes)?))),
        }
    }

    async fn ask<B: Serialize + Sync>(
        &self,
        method: &str,
        path: &str,
        body: Option<&B>,
    ) -> Result<(u16, Vec<u8>), Error> {
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let (status, bytes) = self.inside.ask(method, path, body).await;
        if (200..300).contains(&status) {
            return Ok((status, bytes));
        }
        let problem: ProblemBody = serde_json::from_slice(&bytes)?;
        Err(Error::Refused { status, code: problem.code, detail: problem.detail })
    }
}

fn entry_path(collection: &str, name: &str) -> String {
    format!("/v1/entries/{}?collection={}", percent(name), percent(collection))
}

/// Writes a text so that a path or a query reads it as it is.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// A decision that waits for others has this status.
const WAITS: u16 = 202;
/// How long a polite end may take.
const STOP_MAX: Duration = Duration::from_secs(10);
