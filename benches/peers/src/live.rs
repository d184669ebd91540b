//! Real nodes in real time: what is measured, whatever the engine.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::ledger::Ledger;
use crate::report::Row;
use crate::usage;
use crate::workload::Workload;

/// A network that runs in this process.
pub trait Network {
    /// Its name in tables, with its version.
    const ENGINE: &'static str;

    /// Has a node publish.
    async fn publish(&mut self, source: usize, payload: Vec<u8>) -> anyhow::Result<()>;

    /// Returns what has been sent and received so far.
    async fn count(&mut self) -> anyhow::Result<Count>;
}

/// Counters of all nodes together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// Bytes sent.
    pub bytes: u64,
    /// Payloads that arrived, again or for the first time; nothing where the engine does not say.
    pub payloads: Option<u64>,
}

/// A message came out at a node.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Its number.
    pub number: usize,
    /// The node.
    pub node: usize,
    /// When.
    pub at: Instant,
}

/// Where deliveries come from: unbounded, because it is read all the time and a bound would make
/// the nodes wait for the measurement.
pub type Deliveries = mpsc::UnboundedReceiver<Delivery>;

/// Lets the network be idle, then publishes, and sums up.
pub async fn measure<N: Network>(
    mut network: N,
    deliveries: Deliveries,
    workload: &Workload,
    plan: &Plan,
) -> anyhow::Result<Row> {
    let mut watch = Watch { start: Instant::now(), ledger: Ledger::default(), deliveries };
    let quiet = network.count().await?;
    watch.listen_until(Instant::now() + plan.idle).await;
    let idle_bytes = network.count().await?.bytes - quiet.bytes;
    let (mut before, mut cpu) = (quiet, usage::cpu()?);
    let mut next = Instant::now();
    for number in 0..workload.warm_up + workload.messages {
        if number == workload.warm_up {
            (before, cpu) = (network.count().await?, usage::cpu()?);
        }
        let number = watch.ledger.open(watch.start.elapsed(), workload.nodes - 1);
        let payload = payload(number, workload.payload_bytes);
        network.publish(workload.source(number), payload).await?;
        next += workload.pause();
        watch.listen_until(next).await;
    }
    watch.listen_until(next + LAST_WAIT).await;
    let (after, cpu) = (network.count().await?, usage::cpu()? - cpu);
    let sum = watch.ledger.sum_from(workload.warm_up);
    let each = |count: f64| Some(count / sum.deliveries.max(1) as f64);
    let resident = usage::resident_bytes()?.saturating_sub(plan.resident_bytes_before);
    let payloads = after.payloads.zip(before.payloads).map(|(after, before)| after - before);
    anyhow::ensure!(watch.ledger.again == 0, "{} deliveries came twice", watch.ledger.again);
    Ok(Row {
        engine: N::ENGINE.to_owned(),
        copies: payloads.and_then(|count| each(count as f64)),
        wire_bytes: each((after.bytes - before.bytes) as f64),
        cpu_us: each(cpu.as_micros() as f64),
        memory_kib: Some(resident as f64 / 1_024.0 / workload.nodes as f64),
        idle_bytes_per_s: Some(idle_bytes as f64 / plan.idle.as_secs_f64() / workload.nodes as f64),
        load: usage::load(),
        ..workload.row(&sum)
    })
}

/// How long, and what there was before.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Time without messages, whose traffic is measured.
    pub idle: Duration,
    /// Resident memory of this process before its first node.
    pub resident_bytes_before: u64,
}

/// Makes a payload of printable bytes that begins with its number.
pub fn payload(number: usize, payload_bytes: usize) -> Vec<u8> {
    let mut payload = format!("{number:0NUMBER_DIGITS$}").into_bytes();
    payload.resize(payload_bytes.max(NUMBER_DIGITS), b'x');
    payload
}

/// Reads the number of a payload.
pub fn number_of(payload: &[u8]) -> Option<usize> {
    let digits = payload.get(..NUMBER_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The one who notes what comes out.
struct Watch {
    start: Instant,
    ledger: Ledger,
    deliveries: Deliveries,
}

impl Watch {
    async fn listen_until(&mut self, end: Instant) {
        loop {
            match timeout_at(end, self.deliveries.recv()).await {
                Ok(Some(Delivery { number, node, at })) => {
                    self.ledger.deliver(number, node, at.saturating_duration_since(self.start));
                }
                // Every node has gone; nothing will come, but time goes on.
                Ok(None) => return sleep_until(end).await,
                Err(_) => return,
            }
        }
    }
}

const NUMBER_DIGITS: usize = 12;
const LAST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_long_as_asked_and_know_their_number() {
        assert_eq!(payload(31, 256).len(), 256);
        assert_eq!(number_of(&payload(31, 256)), Some(31));
        assert_eq!(number_of(b"000"), None);
        assert_eq!(number_of(b"not a number"), None);
    }
}
