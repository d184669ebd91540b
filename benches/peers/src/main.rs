//! Other engines beside ours, over the same latencies: what each costs and what it survives.

mod arguments;
mod gossipsub;
mod iroh;
mod latency;
mod ledger;
mod live;
mod report;
mod samples;
mod trellis;
mod usage;
mod workload;

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;

use arguments::{Arguments, Case, Common, Iroh, Live, Sign, What};
use gossipsub::Gossipsub;
use live::Plan;
use report::{Report, Row};
use trellis::Trellis;
use workload::Workload;

fn main() -> anyhow::Result<()> {
    let (report, json) = match Arguments::parse().what {
        What::All(it) => (isolated(&["trellis", "iroh", "gossipsub"], &it)?, it.common.json),
        What::Gossipsub(it) if it.here => (here(&it, gossipsub)?, it.common.json),
        What::Gossipsub(it) => (isolated(&["gossipsub"], &it)?, it.common.json),
        What::Trellis(it) if it.here => (here(&it, trellis)?, it.common.json),
        What::Trellis(it) => (isolated(&["trellis"], &it)?, it.common.json),
        What::Wires(it) => return wires(&it),
        What::Iroh(it) => (iroh(&it), it.common.json),
    };
    let mut out = std::io::stdout().lock();
    if json {
        report.json(&mut out)?
    } else {
        report.table(&mut out)?
    }
    Ok(out.flush()?)
}

/// Measures each workload with each engine in a process of its own, one after the other: memory
/// and processor time are then its own as well.
fn isolated(engines: &[&str], live: &Live) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for workload in live.common.workloads() {
        for &engine in engines {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(engine).args(live.for_one(&workload));
            if engine != "iroh" {
                command.args(["--here", "--idle-s", &live.idle_s.to_string()]);
                command.args(["--sign", live.sign.name()]);
            }
            let output = command.stderr(std::process::Stdio::inherit()).output()?;
            anyhow::ensure!(output.status.success(), "{engine} failed: {}", output.status);
            let one: Report = serde_json::from_slice(&output.stdout)
                .with_context(|| format!("what {engine} reports"))?;
            report.append(one);
        }
    }
    Ok(report)
}

/// Measures in this process, on a runtime with as many threads as anybody would have.
fn here<F: Future<Output = anyhow::Result<Row>>>(
    live: &Live,
    measure: impl Fn(Workload, Live) -> F,
) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report::default();
    for workload in live.common.workloads() {
        report.rows.push(runtime.block_on(measure(workload, live.clone()))?);
    }
    Ok(report)
}

async fn gossipsub(workload: Workload, live: Live) -> anyhow::Result<Row> {
    let plan = Plan { idle: live.idle(), resident_bytes_before: usage::resident_bytes()? };
    let latency = live.common.latency_of(live.common.seed);
    let (network, deliveries) = Gossipsub::start(workload.nodes, latency, live.sign).await?;
    let row = live::measure(network, deliveries, &workload, &plan).await?;
    Ok(match live.sign {
        Sign::Signed => row,
        Sign::Anonymous => Row { engine: format!("{}, unsigned", row.engine), ..row },
    })
}

async fn trellis(workload: Workload, live: Live) -> anyhow::Result<Row> {
    let plan = Plan { idle: live.idle(), resident_bytes_before: usage::resident_bytes()? };
    let latency = live.common.latency_of(live.common.seed);
    let (network, deliveries) = Trellis::start(workload.nodes, latency).await?;
    live::measure(network, deliveries, &workload, &plan).await
}

fn wires(common: &Common) -> anyhow::Result<()> {
    let nodes = common.nodes.first().copied().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(trellis::wires::serve(nodes, common.latency_of(common.seed)))
}

fn iroh(arguments: &Iroh) -> Report {
    let common = &arguments.common;
    let beginning = |nodes, seed| iroh::Beginning {
        nodes,
        latency: common.latency_of(seed),
        settle: Duration::from_secs(arguments.settle_s),
        unreachable: arguments.unreachable,
    };
    let mut report = Report::default();
    let seeds = || common.seed..common.seed + arguments.seeds;
    for &nodes in &common.nodes {
        match arguments.case {
            Case::Publish => {}
            Case::Kill => {
                for &killed in &arguments.killed {
                    let faults = seeds().map(|seed| iroh::kill(&beginning(nodes, seed), killed));
                    report.faults.extend(faults);
                }
            }
            Case::Partition => {
                report.faults.extend(seeds().map(|seed| iroh::partition(&beginning(nodes, seed))));
            }
        }
    }
    if matches!(arguments.case, Case::Publish) {
        let workloads = common.workloads();
        let rows = workloads.iter().map(|it| iroh::publish(it, &beginning(it.nodes, common.seed)));
        report.rows = rows.collect();
    }
    report
}
