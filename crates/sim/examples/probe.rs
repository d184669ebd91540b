//! A look at the broadcast.
#![allow(clippy::all, clippy::print_stdout, clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs, clippy::allow_attributes)]
use std::time::Instant;
use sim::{World, WorldConfig, Boot};
use node::{Command, Publication};
fn arg(n: usize, d: u64) -> u64 { std::env::args().nth(n).and_then(|a| a.parse().ok()).unwrap_or(d) }
fn main() {
    let hosts = arg(1, 1000) as usize;
    let sources = arg(2, 4) as usize; // 0 = all
    let every_ms = arg(3, 500);
    let warm = arg(4, 40);
    let measured = arg(5, 20);
    let threads = arg(6, 2) as usize;
    let settle_s = arg(7, 20);
    let mut config = WorldConfig::new(1, hosts);
    config.boot = Boot::Books { rows: 200.min(hosts - 1) };
    config.threads = threads;
    let env = |k: &str, d: u64| std::env::var(k).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
    config.node.engine.announce_ms = env("ANN", 50);
    config.node.engine.graft_ms = env("GRAFT", 30);
    config.node.engine.graft_ms_max = env("GMAX", 500);
    config.node.engine.announce_links = env("AL", 3) as usize;
    if env("LOSS", 1) == 0 { config.network.loss = sim::network::Loss::Independent(0); }
    let wall = Instant::now();
    let mut world = World::new(config);
    println!("made {:.1}s", wall.elapsed().as_secs_f64());
    world.start_all(5_000_000);
    world.run(settle_s * 1000).unwrap();
    let links: Vec<usize> = (0..hosts).map(|h| world.links(h).len()).collect();
    let mut sorted = links.clone(); sorted.sort();
    println!("up {:.1}s links mean {:.2} min {} max {}", wall.elapsed().as_secs_f64(), links.iter().sum::<usize>() as f64 / hosts as f64, sorted[0], sorted[hosts-1]);
    let before_all = world.traffic();
    world.run(5_000).unwrap();
    let idle = world.traffic();
    println!("idle bytes/s/node {:.0}", (idle.sent.bytes - before_all.sent.bytes) as f64 / 5.0 / hosts as f64);
    let mut ids = Vec::new();
    let mut before = None;
    for n in 0..warm + measured {
        if n == warm { before = Some(world.traffic()); }
        let who = if sources == 0 { world.draw(hosts) } else { (n as usize % sources) * (hosts / sources.max(1)) % hosts };
        let payload = bytes::Bytes::from(format!("\"{}{:08}\"", "x".repeat(1014), n));
        let publication = Publication { topic: "water".into(), kind: wire::MessageKind::Announce, payload, reply_to: None, life_ms: 3_600_000 };
        let out = world.command(who, Command::Publish(publication)).unwrap();
        if n >= warm { ids.extend(out); }
        world.run(every_ms).unwrap();
    }
    let after = world.traffic();
    world.run(5_000).unwrap();
    let mut all = sim::observer::Latencies::default();
    let (mut copies, mut delivered) = (0u64, 0u64);
    let (mut fp50, mut fp99, mut fmax) = (vec![], vec![], vec![]);
    let adj: Vec<Vec<sim::Link>> = (0..hosts).map(|h| world.links(h)).collect();
    for id in &ids {
        all.add_all(&world.latencies(*id));
        delivered += world.delivered_len(*id);
        copies += world.copies(*id).total;
        // flood bound: dijkstra with a step cost
        let src = world.published()[*id].host;
        let mut dist = vec![u64::MAX; hosts];
        let mut heap = std::collections::BinaryHeap::new();
        dist[src] = 0; heap.push(std::cmp::Reverse((0u64, src)));
        while let Some(std::cmp::Reverse((d, at))) = heap.pop() {
            if d > dist[at] { continue; }
            for (k, l) in adj[at].iter().enumerate() {
                let _ = k;
                let nd = d + l.latency_us * 105 / 100 + 600;
                if nd < dist[l.to] { dist[l.to] = nd; heap.push(std::cmp::Reverse((nd, l.to))); }
            }
        }
        dist.sort();
        fp50.push(dist[hosts / 2]); fp99.push(dist[hosts * 99 / 100]); fmax.push(dist[hosts-1]);
    }
    let mean = |v: &Vec<u64>| v.iter().sum::<u64>() as f64 / v.len() as f64 / 1000.0;
    println!("latency ms p50 {:.0} p90 {:.0} p99 {:.0} p99.9 {:.0} max {:.0}; flood bound p50 {:.0} p99 {:.0} max {:.0}", all.quantile_us(500) as f64/1000., all.quantile_us(900) as f64/1000., all.quantile_us(990) as f64/1000., all.quantile_us(999) as f64/1000., all.quantile_us(1000) as f64/1000., mean(&fp50), mean(&fp99), mean(&fmax));
    println!("delivered {delivered} of {} ({} missing), copies/node {:.3}", ids.len() * (hosts-1), (ids.len()*(hosts-1)) as i64 - delivered as i64, copies as f64 / (ids.len() * (hosts-1)) as f64);
    let before = before.unwrap();
    let per = (measured as usize * hosts) as f64;
    let wire = (after.sent.bytes - before.sent.bytes + 60 * (after.sent.frames - before.sent.frames)) as f64 / per; println!("wire bytes per message and node {:.0} = {:.2} x 1024", wire, wire / 1024.);
    for (k, t) in &after.kinds {
        let b = before.kinds.get(k).copied().unwrap_or_default();
        println!("   {:?}: {:.2} frames {:.0} B", k, (t.frames - b.frames) as f64 / per, (t.bytes - b.bytes + 60 * (t.frames - b.frames)) as f64 / per);
    }
    let mut c = node::Counters::default();
    for h in 0..hosts.min(1000) { if let Some(s) = world.status(h) { let s = s.counters; c.asked += s.asked; c.pruned += s.pruned; c.grafted += s.grafted; c.announced += s.announced; c.compared += s.compared; c.duplicates += s.duplicates; c.repaired += s.repaired; } }
    let n = hosts.min(1000) as f64;
    println!("per node: asked {:.2} pruned {:.2} grafted {:.2} announced {:.2} compared {:.2} dups {:.2} repaired {:.2}", c.asked as f64/n, c.pruned as f64/n, c.grafted as f64/n, c.announced as f64/n, c.compared as f64/n, c.duplicates as f64/n, c.repaired as f64/n);
    let f = world.figures();
    let rss = std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap().to_owned();
    println!("wall {:.1}s events {} steps {} {rss} trace {:x}", wall.elapsed().as_secs_f64(), f.events, f.steps, world.trace());
}
