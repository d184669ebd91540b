//! What a small network on this machine does, beside what the machine itself can do.
//!
//! `cargo run --release -p cli --example bench` prints a Markdown table; `-- quick` a hasty one.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use cli::{AIRPORTS, Lab};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    messages: usize,
    imports: usize,
    idle: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let quick = std::env::args().any(|argument| argument == "quick");
    let rows = measure(if quick { QUICK } else { FULL }).await?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "| what | figure | bar |\n|---|---|---|")?;
    for [what, figure, bar] in rows {
        writeln!(stdout, "| {what} | {figure} | {bar} |")?;
    }
    Ok(())
}

async fn measure(size: Size) -> anyhow::Result<Vec<[String; 3]>> {
    let mut rows = messages(size).await?;
    rows.extend(imports(size).await?);
    rows.extend(idle(size).await?);
    Ok(rows)
}

/// A message from one node to all of five, and the machine's own round trip in the same run.
async fn messages(size: Size) -> anyhow::Result<Vec<[String; 3]>> {
    let place = tempfile::tempdir()?;
    let mut lab = Lab::start(place.path(), 5).await?;
    lab.until_discovered(PATIENCE).await?;
    settled(&lab).await;
    let before = counters(&lab).await;
    let mut raw = Echo::start().await?;
    let (mut times, mut round_trips) = (Vec::new(), Vec::new());
    for number in 0..size.messages {
        let sent = lab.publish(number % 5, "bench", json!({ "number": number })).await?;
        let heard = lab.until_heard(std::slice::from_ref(&sent.id), PATIENCE).await?;
        times.push(heard.duration_since(sent.at));
        round_trips.push(raw.round_trip().await?);
    }
    let figures = format!(
        "p50 {}, p95 {}, max {}",
        ms(part(&mut times, 50)),
        ms(part(&mut times, 95)),
        ms(part(&mut times, 100))
    );
    let raw = ms(part(&mut round_trips, 50));
    let after = counters(&lab).await;
    let [records, verified] = [0, 1].map(|it| after[it] - before[it]);
    // What a node wrote itself it does not check; what it got from others it does.
    let received = records - size.messages as u64;
    lab.stop().await;
    let count = size.messages;
    Ok(vec![
        [
            format!("message to all of 5 nodes, durable at its author first ({count} messages)"),
            figures,
            "p95 under 20 ms".to_owned(),
        ],
        ["raw TCP round trip on loopback, p50".to_owned(), raw, "-".to_owned()],
        [
            format!("signatures checked per record received ({received} records)"),
            ratio(verified, received),
            "exactly 1".to_owned(),
        ],
    ])
}

/// Returns records accepted and signatures checked, of all nodes together.
async fn counters(lab: &Lab) -> [u64; 2] {
    let (statuses, _) = lab.statuses().await;
    let counters = statuses.iter().map(|(_, status)| &status.counters);
    counters.fold([0, 0], |sum, it| [sum[0] + it.accepted, sum[1] + it.verified])
}

/// Waits until the profiles of the start are checked: the count has stayed the same for a while.
async fn settled(lab: &Lab) {
    let mut last = counters(lab).await;
    let mut same = 0;
    while same < 10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let counted = counters(lab).await;
        same = if counted == last { same + 1 } else { 0 };
        last = counted;
    }
}

/// The airports at one node of three: durable there, then the same root everywhere.
async fn imports(size: Size) -> anyhow::Result<Vec<[String; 3]>> {
    let (mut durable, mut agreed) = (Vec::new(), Vec::new());
    let mut entries = 0;
    for _ in 0..size.imports {
        let place = tempfile::tempdir()?;
        let mut lab = Lab::start(place.path(), 3).await?;
        lab.until_discovered(PATIENCE).await?;
        let began = Instant::now();
        entries = lab.import(0, AIRPORTS).await?;
        durable.push(began.elapsed());
        let (_, at) = lab.until_agreed(entries, PATIENCE).await?;
        agreed.push(at.saturating_duration_since(began));
        lab.stop().await;
    }
    let (durable, agreed) = (part(&mut durable, 50), part(&mut agreed, 50));
    let rate = rate(entries, durable);
    let runs = size.imports;
    Ok(vec![
        [
            format!("import of {entries} airports until durable (median of {runs})"),
            format!("{}, {rate} entries/s", ms(durable)),
            "5,000 entries/s".to_owned(),
        ],
        [
            "the same until the roots of 3 nodes agree".to_owned(),
            ms(agreed),
            "under 3 s".to_owned(),
        ],
    ])
}

/// Five nodes with nothing to say.
async fn idle(size: Size) -> anyhow::Result<Vec<[String; 3]>> {
    let place = tempfile::tempdir()?;
    let mut lab = Lab::start(place.path(), 5).await?;
    lab.until_discovered(PATIENCE).await?;
    lab.put(0, "last", json!(1)).await?;
    lab.until_agreed(1, PATIENCE).await?;
    let before = bytes(&lab).await?;
    // The one wait in here that is itself the measurement.
    tokio::time::sleep(size.idle).await;
    let after = bytes(&lab).await?;
    lab.stop().await;
    let seconds = size.idle.as_secs();
    let per_node = (after - before) / 5.0 / size.idle.as_secs_f64();
    Ok(vec![[
        format!("idle traffic per node, sent and received, 5 nodes, {seconds} s"),
        format!("{per_node:.0} B/s"),
        "under 1 KB/s".to_owned(),
    ]])
}

/// Sums what all nodes have sent and received, by their own metrics.
async fn bytes(lab: &Lab) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    let mut lines = 0;
    for node in lab.present() {
        let metrics = lab.client(node)?.text("/metrics").await?;
        for line in metrics.lines().filter(|line| line.starts_with("trellis_network_bytes_total{"))
        {
            let (_, value) = line.rsplit_once(' ').context("a metric without a value")?;
            sum += value.parse::<f64>()?;
            lines += 1;
        }
    }
    anyhow::ensure!(lines > 0, "no metric counts the bytes");
    Ok(sum)
}

/// A program that sends back what it gets, to know what the machine can do.
struct Echo {
    stream: TcpStream,
}

impl Echo {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        stream.set_nodelay(true)?;
        let (mut other, _) = listener.accept().await?;
        other.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut bytes = [0; PAYLOAD_BYTES];
            while other.read_exact(&mut bytes).await.is_ok() {
                if other.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { stream })
    }

    async fn round_trip(&mut self) -> anyhow::Result<Duration> {
        let mut bytes = [7; PAYLOAD_BYTES];
        let began = Instant::now();
        self.stream.write_all(&bytes).await?;
        self.stream.read_exact(&mut bytes).await?;
        Ok(began.elapsed())
    }
}

/// Returns the duration below which `percent` of them lie.
fn part(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

fn rate(entries: u64, time: Duration) -> u128 {
    u128::from(entries) * 1_000_000 / time.as_micros().max(1)
}

fn ratio(part: u64, whole: u64) -> String {
    let thousandths = part * 1_000 / whole.max(1);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

const FULL: Size = Size { messages: 500, imports: 5, idle: Duration::from_secs(60) };
const QUICK: Size = Size { messages: 20, imports: 1, idle: Duration::from_secs(1) };
const PAYLOAD_BYTES: usize = 256;
/// Longer than any of this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    //! The benchmark itself works: its figures are not judged here.

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hasty_run_has_all_its_rows() {
        let rows = measure(QUICK).await.unwrap();
        assert_eq!(rows.len(), 6, "{rows:?}");
        assert_eq!(rows[2][1], "1.000", "signatures checked once per record");
    }
}
