//! scratch
#![allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery)]
use bytes::Bytes;
use node::{Command, Publication};
use sim::{Boot, World, WorldConfig};
use wire::MessageKind;
fn main() -> Result<(), String> {
    let a: Vec<u64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let (rounds, per, every, bytes, secs) = (a[0], a[1], a[2], a[3] as usize, a[4]);
    let mut config = WorldConfig::new(0, 50);
    config.threads = 1;
    config.checks.steps_per_second_max = 1_000_000;
    config.network.loss = sim::network::Loss::Independent(10_000);
    config.node.engine.messages_max = 200_000;
    if a.len() > 5 { config.network.uplink_bits_per_s = Some(a[5] * 1_000_000); }
    config.boot = Boot::Books { rows: 49 };
    let mut world = World::new(config);
    world.start_all(1_000_000);
    world.run(20_000)?;
    let mut numbers = Vec::new();
    let mut last_t = 0;
    let mut i = 0;
    let mut prev = vec![engine::Counters::default(); 50];
    let mut prevt = world.traffic();
    let t0 = world.figures().now_us / 1000;
    loop {
        if i < rounds {
            for _ in 0..per {
                numbers.extend(world.command(0, Command::Publish(publication(bytes)))?);
            }
            i += 1;
        }
        world.run(every)?;
        let now = world.figures().now_us / 1000 - t0;
        if now / 1000 != last_t {
            last_t = now / 1000;
            let c: Vec<_> = (0..50).map(|h| world.status(h).unwrap().counters).collect();
            let sum = |f: fn(&engine::Counters) -> u64, from: usize| -> u64 { (from..50).map(|h| f(&c[h]) - f(&prev[h])).sum() };
            let t = world.traffic();
            print!("{last_t:3}s acc {:6} dup {:6} drop {:6} pushed0 {:6} pushed {:6} ann {:6} asked {:5} rep0 {:5} rep {:5} grafted {:4} pruned {:4} cmp {:3} sk {:3} msgs {:6} |",
              sum(|c| c.accepted,1), sum(|c| c.duplicates,1), sum(|c| c.dropped,0), c[0].pushed-prev[0].pushed, sum(|c| c.pushed,1), sum(|c| c.announced,0), sum(|c| c.asked,1), c[0].repaired-prev[0].repaired, sum(|c| c.repaired,1), sum(|c| c.grafted,0), sum(|c| c.pruned,0), sum(|c| c.compared,0), sum(|c| c.sketched,0), sum(|c| c.messages_received,1));
            for (k, v) in &t.kinds { let o = prevt.kinds.get(k).copied().unwrap_or_default(); let b = v.bytes - o.bytes; if b > 20000 { print!(" {}{:?} {}k", k.0, k.1, b/1000); } }
            println!(" cong {}k", (t.congested.bytes - prevt.congested.bytes)/1000);
            prev = c; prevt = t;
            let min = (1..50).map(|h| prev[h].accepted).min().unwrap();
            if min >= rounds * per || last_t >= secs { break; }
        }
    }
    Ok(())
}
fn publication(bytes: usize) -> Publication {
    Publication {
        topic: "scale".to_owned(),
        kind: MessageKind::Announce,
        payload: Bytes::from(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))),
        reply_to: None,
        life_ms: 86_400_000,
        class: wire::Class::Normal,
    }
}
