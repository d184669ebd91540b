//! Trellis: its real daemons in one process, on real sockets, with distance between them.

pub mod wires;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use daemon::api::types::EventData;
use daemon::node::{Publication, Status};
use daemon::wire::{Class, MessageKind};
use daemon::{Item, Running, Settings, Subscription};
use futures::future::try_join_all;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::latency::Latency;
use crate::live::{Count, Deliveries, Delivery, Network, number_of};
use wires::ip_of;

/// Daemons of this process, and the process that is between them.
#[derive(Debug)]
pub struct Trellis {
    nodes: Vec<Running>,
    wires: Wires,
    /// Taken away at the end.
    _directory: tempfile::TempDir,
}

/// The relays' process; it ends with its input.
#[derive(Debug)]
struct Wires {
    ports: Vec<u16>,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Trellis {
    /// Starts nodes that know the first one, and waits until everybody has links and their number
    /// has not changed for a while.
    pub async fn start(nodes: usize, latency: Latency) -> anyhow::Result<(Self, Deliveries)> {
        let directory = tempfile::tempdir()?;
        let mut wires = Wires::start(nodes, latency).await?;
        let bootstrap = wires.url(0);
        let mut running = Vec::new();
        for node in 0..nodes {
            let bootstrap = (0 < node).then_some(bootstrap.as_str());
            let place = directory.path().join(node.to_string());
            let settings = settings(&place, node, &wires.url(node), bootstrap)?;
            let one = daemon::start(settings).await.context("starting a node")?;
            let door = one.http_url().context("a node without a door")?;
            let address = door.trim_start_matches("http://");
            wires.tell(&format!("door {node} {address}")).await?;
            running.push(one);
        }
        let (delivered, deliveries) = mpsc::unbounded_channel();
        for (node, one) in running.iter().enumerate() {
            let feed = one.commands().events().subscribe(None);
            // The task ends with its node's feed.
            tokio::spawn(observe(node, feed, delivered.clone()));
        }
        let network = Self { nodes: running, wires, _directory: directory };
        network.until_linked().await?;
        Ok((network, deliveries))
    }

    async fn until_linked(&self) -> anyhow::Result<()> {
        let wanted = LINKS_WANTED.min(self.nodes.len() - 1);
        let deadline = Instant::now() + LINK_WAIT;
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let links: Vec<usize> = self.statuses().await?.iter().map(|it| it.links).collect();
            let (fewest, all) =
                (links.iter().min().copied().unwrap_or_default(), links.iter().sum());
            if all != before {
                (before, since) = (all, Instant::now());
            }
            if wanted <= fewest && SETTLED <= since.elapsed() {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "a node has {fewest} links only");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn statuses(&self) -> anyhow::Result<Vec<Status>> {
        let asking = self.nodes.iter().map(|it| async move { it.commands().status().await });
        Ok(try_join_all(asking).await?)
    }
}

impl Network for Trellis {
    const ENGINE: &'static str = "Trellis";

    async fn publish(&mut self, source: usize, payload: Vec<u8>) -> anyhow::Result<()> {
        let node = self.nodes.get(source).context("no such node")?;
        // Two quotes make JSON of it; the payload is as long as the other engines' all the same.
        let text = payload.get(..payload.len().saturating_sub(2)).unwrap_or_default();
        let text = format!("\"{}\"", String::from_utf8_lossy(text));
        let commands = node.commands();
        let publication = Publication {
            topic: "peers".to_owned(),
            kind: MessageKind::Announce,
            payload: Bytes::from(text),
            reply_to: None,
            life_ms: commands.message_life_ms(),
            class: Class::Normal,
        };
        commands.publish(publication).await?;
        Ok(())
    }

    async fn count(&mut self) -> anyhow::Result<Count> {
        self.wires.tell("bytes").await?;
        let bytes = self.wires.hear().await?.parse()?;
        let statuses = self.statuses().await?;
        let payloads = statuses.iter().map(|it| it.counters.messages_received).sum();
        Ok(Count { bytes, payloads: Some(payloads) })
    }
}

impl Wires {
    async fn start(nodes: usize, latency: Latency) -> anyhow::Result<Self> {
        let Latency { seed, model, .. } = latency;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["wires", "--nodes", &nodes.to_string(), "--seed", &seed.to_string()]);
        command.args(["--latency", &model.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let input = child.stdin.take().context("no way to tell the relays")?;
        let output = child.stdout.take().context("no way to hear the relays")?;
        let output = BufReader::new(output).lines();
        let mut wires = Self { ports: Vec::new(), input, output, _child: child };
        let ports = wires.hear().await?;
        wires.ports = ports.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        Ok(wires)
    }

    /// Where a node's door seems to be.
    fn url(&self, node: usize) -> String {
        let port = self.ports.get(node).copied().unwrap_or_default();
        format!("http://127.0.0.1:{port}")
    }

    async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    async fn hear(&mut self) -> anyhow::Result<String> {
        self.output.next_line().await?.context("the relays have ended")
    }
}

/// Notes when a node's feed shows a message of another node.
async fn observe(node: usize, mut feed: Subscription, delivered: mpsc::UnboundedSender<Delivery>) {
    while let Some(item) = feed.next().await {
        let at = Instant::now();
        let Item::Event(event) = item else { continue };
        let EventData::Message(message) = &event.what else { continue };
        let text = message.payload.text().trim_matches('"');
        // Our own messages come from nobody.
        if message.from.is_some()
            && let Some(number) = number_of(text.as_bytes())
            && delivered.send(Delivery { number, node, at }).is_err()
        {
            return;
        }
    }
}

fn settings(
    directory: &Path,
    node: usize,
    url: &str,
    bootstrap: Option<&str>,
) -> anyhow::Result<Settings> {
    let flag = |key: &str, value: &str| (key.to_owned(), value.to_owned(), key.to_owned());
    let ip = ip_of(node);
    let mut flags = vec![
        flag("http.listen", &format!("{ip}:0")),
        flag("libp2p.listen", "none"),
        flag("peers.dial", "http"),
        flag("http.dial_from", &ip.to_string()),
        flag("http.url", url),
        flag("api.listen", "127.0.0.1:0"),
    ];
    flags.extend(bootstrap.map(|url| flag("peers.bootstrap", url)));
    Ok(Settings::load(directory, None, std::iter::empty(), flags)?)
}

/// Links that everybody must have: most of the twelve that each tries for.
const LINKS_WANTED: usize = 6;
const LINK_WAIT: Duration = Duration::from_secs(120);
/// How long the number of links must have stayed the same.
const SETTLED: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_address_that_the_relays_know() {
        let place = tempfile::tempdir().unwrap();
        let settings = settings(place.path(), 258, "http://127.0.0.1:7", None).unwrap();
        assert_eq!(settings.http_dial_from, Some(ip_of(258).into()));
        assert_eq!(settings.http_listen.map(|it| it.ip()), Some(ip_of(258).into()));
        assert_eq!(settings.http_url.map(|it| it.to_string()), Some("http://127.0.0.1:7".into()));
        assert!(settings.bootstrap.is_empty());
    }
}
