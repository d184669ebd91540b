//! The demo as a person sees it: every line is printed when it has happened and was measured.

mod community;

use std::time::Duration;

use anyhow::anyhow;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::Instant;

use super::report::ms;
use super::{AIRPORTS, Directory, Lab, Lack, Report, Sent};
use crate::output::Output;
use crate::words::{counted, grouped, short_hex, took};

/// What a demo does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) nodes: usize,
    /// Messages that each node publishes.
    pub(crate) messages: usize,
    /// Entries that each node puts.
    pub(crate) entries: usize,
    /// Airports that the first node imports.
    pub(crate) airports: usize,
}

/// A demo on its way.
#[derive(Debug)]
pub(crate) struct Story {
    plan: Plan,
    began: Instant,
    output: Output,
    lab: Lab,
    sent: Vec<Sent>,
    entries: u64,
    waiting: Option<community::Waiting>,
    pub(crate) report: Report,
}

impl Story {
    /// Makes the nodes and waits until they serve.
    pub(crate) async fn begin(
        plan: Plan,
        directory: &Directory,
        output: Output,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let lab = Lab::start_with_attesters(directory.path(), plan.nodes).await?;
        let (sent, entries, report) = (Vec::new(), 0, Report::new(plan.nodes));
        let waiting = None;
        let story = Self { plan, began, output, lab, sent, entries, waiting, report };
        let place = match directory {
            Directory::Kept(path) => path.display().to_string(),
            Directory::Temporary(_) => "a temporary directory (--keep to keep it)".to_owned(),
        };
        let nodes = plan.nodes;
        story.say(format_args!("made {nodes} nodes in {place}, each with its own key and data"))?;
        story.say(format_args!(
            "{nodes} nodes listening on 127.0.0.1 (real sockets, one process)"
        ))?;
        Ok(story)
    }

    /// Tells all of it. A step that does not happen in time ends it with an error.
    pub(crate) async fn tell(&mut self) -> anyhow::Result<()> {
        self.discovery().await?;
        self.import().await?;
        self.first_message().await?;
        let everybody: Vec<usize> = (0..self.plan.nodes).collect();
        let (early, late) = halves(self.plan);
        self.work(&everybody, early).await?;
        let away = (self.plan.nodes / 3).max(1);
        let (stay, leave) = everybody.split_at(self.plan.nodes - away);
        self.absence(stay, leave, late).await?;
        self.work(leave, late).await?;
        self.community().await
    }

    /// Checks every node, whatever went before, and says what it finds.
    pub(crate) async fn check(&mut self) -> anyhow::Result<()> {
        let ids: Vec<String> = self.sent.iter().map(|sent| sent.id.clone()).collect();
        let mut lacking = self.lab.lacking(&ids, self.entries).await;
        let here = self.lab.present().count();
        if here < self.plan.nodes {
            lacking.push(format!("{} nodes are not running", self.plan.nodes - here));
        }
        let unfinished = !self.report.lacking.is_empty();
        self.report.lacking.append(&mut lacking);
        self.report.ok = self.report.lacking.is_empty();
        (self.report.messages, self.report.entries) = (ids.len(), self.entries);
        self.report.took_ms = ms(self.began.elapsed());
        if self.report.ok {
            let (messages, entries) = (ids.len() as u64, grouped(self.entries));
            let messages = counted(messages, "message", "messages");
            return self.say(format_args!(
                "checked: {here}/{here} nodes have all {messages} and one root over {entries} entries"
            ));
        }
        let what = if unfinished { "after the failed step" } else { "checked" };
        let lacking = self.report.lacking.join(", ");
        self.say(format_args!("FAILED {what}: {lacking}"))
    }

    /// Prints a failed step.
    pub(crate) fn failed(&mut self, lack: &Lack) -> anyhow::Result<()> {
        self.report.lacking.push(lack.to_string());
        self.say(format_args!("FAILED {lack}"))
    }

    /// Shows where the nodes are and what to try.
    pub(crate) fn invite(&self) -> anyhow::Result<()> {
        for node in self.lab.present().take(INVITED_MAX) {
            let (door, api) = self.lab.addresses(node)?;
            let number = node + 1;
            self.output.tell(format_args!("        n{number}  door {door}  api {api}"))?;
        }
        let (door, _) = self.lab.addresses(0)?;
        let first = community::quoted(self.lab.directory(0));
        let second = community::quoted(self.lab.directory(1));
        self.output.tell("Try, in another terminal:")?;
        self.output.tell(format_args!("  trellis --dir {first} peers"))?;
        self.output.tell(format_args!("  trellis --dir {first} watch"))?;
        self.output.tell(format_args!("  trellis --dir {second} publish news '\"hello\"'"))?;
        self.output.tell(format_args!("  curl {door}/health"))?;
        self.output.tell(format_args!("  curl {door}/state"))?;
        if !self.commands().is_empty() {
            self.output.tell("This waits for people; decide in their name:")?;
        }
        self.commands().iter().try_for_each(|it| self.output.tell(format_args!("  {it}")))?;
        self.output.tell("Ctrl-C ends it.")
    }

    /// Has everybody leave.
    pub(crate) async fn end(self) -> Report {
        self.lab.stop().await;
        self.report
    }

    async fn discovery(&mut self) -> anyhow::Result<()> {
        let statuses = self.lab.until_discovered(PATIENCE).await?;
        let since = self.began.elapsed();
        self.report.discovered_ms = Some(ms(since));
        let links = statuses.iter().map(|status| status.links);
        let (least, most) = links.fold((usize::MAX, 0), |(a, b), it| (a.min(it), b.max(it)));
        let links = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        let since = took(since);
        self.say(format_args!(
            "discovered: everyone knows everyone {since} after the start, {links} links each"
        ))
    }

    async fn import(&mut self) -> anyhow::Result<()> {
        let lines: Vec<&str> = AIRPORTS.lines().take(self.plan.airports).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let at = Instant::now();
        let imported = self.lab.import(0, &lines.join("\n")).await?;
        let durable = at.elapsed();
        self.entries += imported;
        self.report.imported = imported;
        self.report.import_durable_ms = Some(ms(durable));
        let (count, time) = (grouped(imported), took(durable));
        self.say(format_args!("n1 imported {count} airports, on its disk in {time}"))?;
        let agreed = self.agree("import", at).await?;
        self.report.import_agreed_ms = Some(ms(agreed));
        Ok(())
    }

    async fn first_message(&mut self) -> anyhow::Result<()> {
        let payload = json!({ "text": "the bridge is open" });
        let sent = self.lab.publish(1, "demo", payload).await?;
        self.sent.push(sent.clone());
        let heard = self.lab.until_heard(std::slice::from_ref(&sent.id), PATIENCE).await?;
        let time = heard.duration_since(sent.at);
        self.report.first_message_ms = Some(ms(time));
        let hops = self.lab.hops(&sent.id).into_iter().max().unwrap_or_default();
        let relays = match hops {
            0 => "without a relay".to_owned(),
            hops => format!("with at most {}", counted(hops.into(), "relay", "relays")),
        };
        let (time, here) = (took(time), self.lab.present().count());
        self.say(format_args!("message from n2 reached {here}/{here} nodes in {time}, {relays}"))
    }

    /// These nodes publish and put, all at the same time.
    async fn work(&mut self, nodes: &[usize], work: Work) -> anyhow::Result<()> {
        let at = Instant::now();
        let done = try_join_all(nodes.iter().map(|&node| one_works(&self.lab, node, work)));
        let sent: Vec<Sent> = done.await?.into_iter().flatten().collect();
        let written = nodes.len() * work.entries();
        self.entries += written as u64;
        let ids: Vec<String> = sent.iter().map(|sent| sent.id.clone()).collect();
        self.sent.extend(sent.iter().cloned());
        if !ids.is_empty() {
            self.lab.until_heard(&ids, PATIENCE).await?;
            self.messages_arrived(&sent)?;
        }
        if written > 0 {
            let what = counted(written as u64, "entry", "entries");
            self.agree(&format!("{what} by {}", counted(nodes.len() as u64, "node", "nodes")), at)
                .await?;
        }
        Ok(())
    }

    fn messages_arrived(&mut self, sent: &[Sent]) -> anyhow::Result<()> {
        let mut times: Vec<Duration> = Vec::new();
        for sent in sent {
            let last = self.lab.times(&sent.id).into_iter().max();
            times.extend(last.map(|last| last.duration_since(sent.at)));
        }
        times.sort_unstable();
        let part = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1));
        let (Some(&p50), Some(&p95), Some(&max)) = (part(50), part(95), times.last()) else {
            return Ok(());
        };
        let report = &mut self.report;
        report.messages_p50_ms.get_or_insert(ms(p50));
        report.messages_p95_ms.get_or_insert(ms(p95));
        report.messages_max_ms.get_or_insert(ms(max));
        let (count, here) = (sent.len() as u64, self.lab.present().count());
        let count = counted(count, "message", "messages");
        let (p50, max) = (took(p50), took(max));
        self.say(format_args!(
            "{count} at once reached {here}/{here} nodes: median {p50}, the last {max}"
        ))
    }

    async fn absence(&mut self, stay: &[usize], leave: &[usize], late: Work) -> anyhow::Result<()> {
        self.report.away = leave.len();
        self.lab.leave_seats(leave).await;
        let who = names(leave);
        self.say(format_args!("{who} left; the others go on"))?;
        let (messages, entries) = (self.sent.len(), self.entries);
        self.work(stay, late).await?;
        let mut missed = (self.sent.len() - messages) as u64 + (self.entries - entries);
        if self.plan.airports > 0 {
            self.lab.remove_imported(0, GONE).await?;
            missed += 1;
            self.say(format_args!("n1 deleted {GONE}"))?;
        }
        let at = Instant::now();
        self.lab.take_seats(leave).await?;
        let ids: Vec<String> = self.sent.iter().map(|sent| sent.id.clone()).collect();
        let heard = self.lab.until_heard(&ids, PATIENCE).await?;
        let (_, agreed) = self.lab.until_agreed(self.entries, PATIENCE).await?;
        let back = heard.max(agreed).saturating_duration_since(at);
        self.report.back_ms = Some(ms(back));
        let (missed, back) = (counted(missed, "missed change", "missed changes"), took(back));
        let here = self.lab.present().count();
        self.say(format_args!(
            "{who} back: {missed} synced {back} after the start. Agreement {here}/{here}"
        ))
    }

    async fn agree(&mut self, what: &str, since: Instant) -> anyhow::Result<Duration> {
        let (root, at) = self.lab.until_agreed(self.entries, PATIENCE).await?;
        let time = at.saturating_duration_since(since);
        let here = self.lab.present().count();
        self.say(format_args!(
            "{what}: {here}/{here} nodes hold root {} after {}",
            short_hex(&root),
            took(time)
        ))?;
        self.report.root = Some(root);
        Ok(time)
    }

    fn say(&self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        let seconds = self.began.elapsed().as_secs_f64();
        self.output.tell(format_args!("{seconds:5.1}s  {text}"))
    }
}

/// A stretch of messages and entries, by their numbers.
#[derive(Clone, Copy, Debug)]
struct Work {
    messages: (usize, usize),
    entries: (usize, usize),
}

impl Work {
    fn entries(self) -> usize {
        self.entries.1 - self.entries.0
    }
}

/// Splits the work, so that some of it is done while nodes are away.
fn halves(plan: Plan) -> (Work, Work) {
    let (messages, entries) = (plan.messages.div_ceil(2), plan.entries.div_ceil(2));
    let early = Work { messages: (0, messages), entries: (0, entries) };
    let late = Work { messages: (messages, plan.messages), entries: (entries, plan.entries) };
    (early, late)
}

/// One request after the other: with many nodes in this process, connections are scarce.
async fn one_works(lab: &Lab, node: usize, work: Work) -> anyhow::Result<Vec<Sent>> {
    let number = node + 1;
    let failed = |error: anyhow::Error| anyhow!("n{number}: {error:#}");
    let mut sent = Vec::new();
    for message in work.messages.0..work.messages.1 {
        let payload = json!({ "by": number, "message": message });
        sent.push(lab.publish(node, "demo", payload).await.map_err(failed)?);
    }
    for entry in work.entries.0..work.entries.1 {
        let name = format!("n{number}/{entry}");
        lab.put(node, &name, json!({ "by": number })).await.map_err(failed)?;
    }
    Ok(sent)
}

fn names(nodes: &[usize]) -> String {
    match nodes {
        [] => "nobody".to_owned(),
        [one] => format!("n{}", one + 1),
        [first, .., last] => format!("n{} to n{} ({} nodes)", first + 1, last + 1, nodes.len()),
    }
}

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The airport that is deleted while nodes are away.
const GONE: &str = "airport/00M";
/// Nodes whose addresses are printed.
const INVITED_MAX: usize = 10;
