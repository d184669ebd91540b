//! Several daemons in this process, each with its own directory, key and store; what they do is
//! observed through their event feeds and their API, like everybody else does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use daemon::api::types::{Published, Status, Written};
use daemon::{Item, Running, Settings, Subscription, attesters};
use futures_util::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::board::{Board, Column, Seen, Sight};
use super::lack::Lack;
use crate::client::Client;
use crate::commands::entry_path;

/// The network.
#[derive(Debug)]
pub struct Lab {
    directory: PathBuf,
    /// The network file of all of them, where they do not make their own.
    network: Option<PathBuf>,
    seats: Vec<Seat>,
    board: Board,
    sights: mpsc::Receiver<Sight>,
    sight: mpsc::Sender<Sight>,
}

/// One place in the network, taken or empty.
#[derive(Debug)]
struct Seat {
    directory: PathBuf,
    here: Option<Here>,
}

/// A node that is here.
#[derive(Debug)]
struct Here {
    running: Running,
    client: Client,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// Just before the node was asked to publish it.
    pub at: Instant,
}

impl Lab {
    /// Starts `nodes` of them under `directory`; the first is the bootstrap of the others.
    pub async fn start(directory: &Path, nodes: usize) -> anyhow::Result<Self> {
        Self::begin(directory, nodes, None).await
    }

    /// The same, in a network whose first nodes attest what all of them hold.
    pub async fn start_with_attesters(directory: &Path, nodes: usize) -> anyhow::Result<Self> {
        let mut text = format!(
            "name = \"demo\"\n[checkpoints]\nevery_s = 1\nview_ms = 1000\nsettle_ms = 500\n[rules]\nauthors = {}\n",
            nodes.min(RULE_AUTHORS),
        );
        for number in 1..=nodes.min(ATTESTERS) {
            let made = attesters::credentials(&directory.join(format!("n{number}")))?;
            text += &format!("[[attester]]\nkey = \"{}\"\nproof = \"{}\"\n", made.key, made.proof);
        }
        let network = directory.join("network.toml");
        std::fs::write(&network, text).with_context(|| format!("writing {}", network.display()))?;
        Self::begin(directory, nodes, Some(network)).await
    }

    async fn begin(
        directory: &Path,
        nodes: usize,
        network: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let seats = (1..=nodes)
            .map(|number| Seat { directory: directory.join(format!("n{number}")), here: None });
        let (sight, sights) = mpsc::channel(SIGHTS_MAX);
        let (seats, board) = (seats.collect(), Board::new(nodes));
        let mut lab =
            Self { directory: directory.to_owned(), network, seats, board, sights, sight };
        lab.take_seats(&[0]).await?;
        let others: Vec<usize> = (1..nodes).collect();
        lab.take_seats(&others).await?;
        Ok(lab)
    }

    /// Starts the nodes of these seats, all at once.
    pub async fn take_seats(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        let bootstrap = self.here(0).ok().and_then(|first| first.running.http_url());
        let many = self.seats.len() > FULL_LINKS_NODES_MAX;
        let starting = nodes.iter().map(|&node| {
            let directory = self.seats[node].directory.clone();
            let (bootstrap, network) = (bootstrap.clone(), self.network.clone());
            async move {
                let settings = settings(&directory, bootstrap, network.as_deref(), many)?;
                let running = daemon::start(settings).await;
                running.with_context(|| format!("starting {}", directory.display()))
            }
        });
        let started = try_join_all(starting).await?;
        for (&node, running) in nodes.iter().zip(started) {
            // From the beginning of this run, which no event of ours comes before.
            let feed = running.commands().events().subscribe(Some(0));
            // The task ends with its node's feed.
            tokio::spawn(observe(node, feed, self.sight.clone()));
            let directory = &self.seats[node].directory;
            let client = Client::at(directory, &running.api_url(), running.token())?;
            self.seats[node].here = Some(Here { running, client });
        }
        Ok(())
    }

    /// Has these nodes leave politely, all at once.
    pub async fn leave_seats(&mut self, nodes: &[usize]) {
        let leaving = nodes.iter().filter_map(|&node| self.seats[node].here.take());
        join_all(leaving.map(|here| here.running.stop(LEAVE_MAX))).await;
    }

    /// Has everybody leave.
    pub async fn stop(mut self) {
        let everybody: Vec<usize> = (0..self.seats.len()).collect();
        self.leave_seats(&everybody).await;
    }

    /// Publishes at one node.
    pub async fn publish(&self, node: usize, topic: &str, payload: Value) -> anyhow::Result<Sent> {
        let body = json!({ "topic": topic, "payload": payload }).to_string();
        let at = Instant::now();
        let client = &self.here(node)?.client;
        let published = client.send::<Published>(Method::POST, "/v1/messages", body).await?;
        Ok(Sent { id: published.value.id, at })
    }

    /// Writes one entry at one node.
    pub async fn put(&self, node: usize, name: &str, value: Value) -> anyhow::Result<()> {
        let path = entry_path(name, &[("collection", Some(COLLECTION))])?;
        let client = &self.here(node)?.client;
        client.send::<Written>(Method::PUT, &path, value.to_string()).await?;
        Ok(())
    }

    /// Deletes one imported entry at the node that imported it.
    pub async fn remove_imported(&self, node: usize, name: &str) -> anyhow::Result<()> {
        let path = entry_path(name, &[("collection", Some(IMPORTED))])?;
        self.here(node)?.client.delete::<Written>(&path).await?;
        Ok(())
    }

    /// Imports lines at one node, in requests of at most 1,000; returns when all are on disk.
    pub async fn import(&self, node: usize, lines: &str) -> anyhow::Result<u64> {
        let lines: Vec<&str> = lines.lines().collect();
        let mut entries = 0;
        for chunk in lines.chunks(1_000) {
            let path = format!("/v1/import?collection={IMPORTED}");
            let client = &self.here(node)?.client;
            let written = client.send_lines::<Written>(&path, chunk.join("\n")).await?;
            entries += written.value.ids.len() as u64;
        }
        Ok(entries)
    }

    /// Waits until every node that is here knows every other one and is linked to as many as a
    /// network of this size lets it be.
    pub async fn until_discovered(&mut self, patience: Duration) -> Result<Vec<Status>, Lack> {
        let links = (self.seats.len() - 1).min(LINKS_WANTED);
        let deadline = Instant::now() + patience;
        loop {
            let (statuses, mut lacking) = self.statuses().await;
            for (node, status) in &statuses {
                let others = self.seats.len() - 1;
                if status.known < others || status.links < links {
                    let (known, linked) = (status.known, status.links);
                    lacking.push(format!("n{} knows {known} and hears {linked}", node + 1));
                }
            }
            if lacking.is_empty() {
                return Ok(statuses.into_iter().map(|(_, status)| status).collect());
            }
            self.wait(deadline, "discovery", lacking).await?;
            // Asking many nodes is work that they would rather put into finding each other.
            tokio::time::sleep(LOOK_PER_NODE * u32::try_from(self.seats.len()).unwrap_or(1)).await;
        }
    }

    /// Waits until every node that is here has these messages; returns when the last one had.
    pub async fn until_heard(
        &mut self,
        ids: &[String],
        patience: Duration,
    ) -> Result<Instant, Lack> {
        let deadline = Instant::now() + patience;
        loop {
            self.drain();
            let missing = self.present().filter_map(|node| {
                let missing = self.board.column(node).missing(ids);
                (missing > 0).then(|| format!("n{} lacks {missing} messages", node + 1))
            });
            let missing: Vec<String> = missing.collect();
            if missing.is_empty() {
                return Ok(self.heard_at(ids));
            }
            self.wait(deadline, "messages", missing).await?;
        }
    }

    /// Waits until all nodes that are here have the same root over `entries` entries; returns
    /// the root and when the last node had it.
    pub async fn until_agreed(
        &mut self,
        entries: u64,
        patience: Duration,
    ) -> Result<(String, Instant), Lack> {
        let deadline = Instant::now() + patience;
        let mut asked = Instant::now();
        loop {
            self.drain();
            if let Some(agreed) = self.agreement(entries) {
                return Ok(agreed);
            }
            // A node that agreed before it was observed says nothing: it is asked.
            if ASK < asked.elapsed() {
                self.look().await;
                asked = Instant::now();
            }
            let roots = self.present().map(|node| {
                let column = self.board.column(node);
                let known = column.root.as_ref().map(|(root, count, _)| (root.get(..12), *count));
                let (root, count) = known.unwrap_or((None, 0));
                let root = root.unwrap_or("none");
                format!("n{} has root {root} over {count} of {entries} entries", node + 1)
            });
            let roots = roots.collect();
            self.wait(deadline, "one root", roots).await?;
        }
    }

    /// Asks every node that is here how it is; whoever does not answer is named.
    pub async fn statuses(&self) -> (Vec<(usize, Status)>, Vec<String>) {
        let asking = self.present().filter_map(|node| {
            let client = &self.seats[node].here.as_ref()?.client;
            Some(async move { (node, client.get::<Status>("/v1/status").await) })
        });
        let mut statuses = Vec::new();
        let mut silent = Vec::new();
        for (node, answer) in join_all(asking).await {
            match answer {
                Ok(answer) => statuses.push((node, answer.value)),
                Err(error) => silent.push(format!("n{} does not answer: {error:#}", node + 1)),
            }
        }
        (statuses, silent)
    }

    /// Returns the numbers of the nodes that are here.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let seats = self.seats.iter().enumerate();
        seats.filter(|(_, seat)| seat.here.is_some()).map(|(node, _)| node)
    }

    /// Returns the client of one node that is here.
    pub fn client(&self, node: usize) -> anyhow::Result<&Client> {
        Ok(&self.here(node)?.client)
    }

    /// Returns door and API of one node that is here.
    pub fn addresses(&self, node: usize) -> anyhow::Result<(String, String)> {
        let running = &self.here(node)?.running;
        Ok((running.http_url().unwrap_or_default(), running.api_url()))
    }

    /// Returns the directory of one node.
    pub fn directory(&self, node: usize) -> &Path {
        &self.seats[node].directory
    }

    /// Returns the hops that a message took to each node that is here and has it.
    pub fn hops(&mut self, id: &str) -> Vec<u8> {
        self.drain();
        let columns = self.present().map(|node| self.board.column(node));
        columns.filter_map(|column| Some(column.messages.get(id)?.1)).collect()
    }

    /// Returns when each node that is here had a message.
    pub fn times(&mut self, id: &str) -> Vec<Instant> {
        self.drain();
        let columns = self.present().map(|node| self.board.column(node));
        columns.filter_map(|column| Some(column.messages.get(id)?.0)).collect()
    }

    /// Says which node lacks what of all that was published and written; nothing if none does.
    pub async fn lacking(&mut self, ids: &[String], entries: u64) -> Vec<String> {
        self.drain();
        let (statuses, mut lacking) = self.statuses().await;
        let first = statuses.first().map(|(_, status)| status.clone());
        for (node, status) in statuses {
            let Some(first) = &first else { break };
            let number = node + 1;
            let (held, published) = (status.messages.count, ids.len() as u64);
            let Column { gap, .. } = self.board.column(node);
            let missing = self.board.column(node).missing(ids);
            if held < published || status.messages.root != first.messages.root {
                lacking.push(format!("n{number} holds {held} of {published} messages"));
            } else if missing > 0 && !gap {
                lacking.push(format!("n{number} never reported {missing} messages"));
            }
            if status.state.entries != entries || status.state.root != first.state.root {
                let (root, held) = (status.state.root, status.state.entries);
                let root = root.get(..12).unwrap_or(&root).to_owned();
                lacking.push(format!("n{number} holds {held} of {entries} entries, root {root}"));
            }
        }
        lacking
    }

    /// Writes down what the feeds have said.
    pub fn drain(&mut self) {
        while let Ok(sight) = self.sights.try_recv() {
            self.board.note(sight);
        }
    }

    fn here(&self, node: usize) -> anyhow::Result<&Here> {
        match self.seats.get(node).and_then(|seat| seat.here.as_ref()) {
            Some(here) => Ok(here),
            None => bail!("n{} is not running in {}", node + 1, self.directory.display()),
        }
    }

    fn agreement(&self, entries: u64) -> Option<(String, Instant)> {
        let mut agreed: Option<(String, Instant)> = None;
        for node in self.present() {
            let (root, count, at) = self.board.column(node).root.clone()?;
            let (first, latest) = agreed.unwrap_or((root.clone(), at));
            if count != entries || root != first {
                return None;
            }
            agreed = Some((first, latest.max(at)));
        }
        agreed
    }

    fn heard_at(&self, ids: &[String]) -> Instant {
        let columns = self.present().map(|node| self.board.column(node));
        let times = columns.flat_map(|column| ids.iter().filter_map(|id| column.messages.get(id)));
        times.map(|(at, _)| *at).max().unwrap_or_else(Instant::now)
    }

    /// Asks for every root, for what the feeds may not have said.
    async fn look(&mut self) {
        let (statuses, _) = self.statuses().await;
        let at = Instant::now();
        self.drain();
        for (node, status) in statuses {
            self.board.column_mut(node).see_root(status.state.root, status.state.entries, at);
        }
    }

    /// Waits for news, a moment at most; past the deadline it is too late.
    async fn wait(
        &mut self,
        deadline: Instant,
        step: &str,
        lacking: Vec<String>,
    ) -> Result<(), Lack> {
        if deadline <= Instant::now() {
            return Err(Lack { step: step.to_owned(), nodes: lacking });
        }
        tokio::select! {
            Some(sight) = self.sights.recv() => self.board.note(sight),
            () = tokio::time::sleep(LOOK) => {}
        }
        Ok(())
    }
}

/// Notes the time of each event of one node. Ends with the feed or with the laboratory.
async fn observe(node: usize, mut feed: Subscription, sights: mpsc::Sender<Sight>) {
    while let Some(item) = feed.next().await {
        let at = Instant::now();
        let what = match item {
            Item::Bye => return,
            Item::Event(event) => Seen::of(&event.what),
            Item::Gap(gap) => gap.lost.map(|_| Seen::Gap),
        };
        if let Some(what) = what
            && sights.send(Sight { node, at, what }).await.is_err()
        {
            return;
        }
    }
}

fn settings(
    directory: &Path,
    bootstrap: Option<String>,
    network: Option<&Path>,
    many: bool,
) -> anyhow::Result<Settings> {
    let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned(), "--demo".to_owned());
    let mut flags = vec![flag("http.listen", "127.0.0.1:0"), flag("api.listen", "127.0.0.1:0")];
    // Its many nodes share one process: HTTP alone is enough, and lighter.
    flags.extend([flag("libp2p.listen", "none"), flag("peers.dial", "http")]);
    flags.extend(bootstrap.map(|url| flag("peers.bootstrap", &url)));
    flags.extend(network.map(|file| flag("network.file", &file.display().to_string())));
    if many {
        flags.push(flag("limits.links_target", LINKS_TARGET_OF_MANY));
        flags.push(flag("limits.candidates", CANDIDATES_OF_MANY));
    }
    // The demo is the same on every machine: no variable of this one changes it.
    Ok(Settings::load(directory, None, std::iter::empty(), flags)?)
}

/// Nodes that attest, where there are so many.
const ATTESTERS: usize = 4;
/// Authors that a rule takes, where there are so many nodes.
pub(super) const RULE_AUTHORS: usize = 3;
/// The collection that [`Lab::put`] writes to.
const COLLECTION: &str = "demo";
/// The collection that [`Lab::import`] writes to.
const IMPORTED: &str = "airports";
/// Links that everybody must have before a network of more nodes counts as discovered.
const LINKS_WANTED: usize = 3;
/// Both ends of every link are in this process, and many systems allow it 1,024 open files.
const FULL_LINKS_NODES_MAX: usize = 20;
/// Links that a node of more tries to have.
const LINKS_TARGET_OF_MANY: &str = "4";
/// Nodes it dials to find the nearest: in one process all are alike.
const CANDIDATES_OF_MANY: &str = "2";
/// Sights that wait to be written down; observers wait beyond.
const SIGHTS_MAX: usize = 100_000;
/// Longest wait before looking again.
const LOOK: Duration = Duration::from_millis(10);
/// Wait between two rounds of questions to all nodes, for each of them.
const LOOK_PER_NODE: Duration = Duration::from_millis(2);
/// How often nodes are asked what their feeds may have said before we listened.
const ASK: Duration = Duration::from_millis(250);
/// How long a polite end may take.
const LEAVE_MAX: Duration = Duration::from_secs(10);
