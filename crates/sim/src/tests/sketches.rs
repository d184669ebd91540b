//! Sets that differ a little, in worlds where some lie about theirs.

use bytes::Bytes;
use engine::Counters;
use node::{Command, Draft};

use crate::liar::{self, Band};
use crate::scenario::LiarKind;
use crate::{World, WorldConfig};

/// A world that was divided, wrote on both sides, and has healed; so many of its nodes lie.
fn healed(seed: u64, hosts: usize, liars: usize) -> World {
    let mut config = WorldConfig::new(seed, hosts);
    config.node.engine.sketch_min = 10;
    let mut world = World::new(config);
    let band = Band::new(seed, hosts - liars..hosts);
    for host in hosts - liars..hosts {
        world.possess(host, liar::possess(LiarKind::LyingReconciler, host, &band));
    }
    world.start_all(1_000_000);
    world.run(10_000).unwrap();
    write(&mut world, 0, "before", 30);
    world.run(10_000).unwrap();
    world.divide(|host| u8::from(host % 2 == 0));
    for host in 0..4 {
        write(&mut world, host, "during", 8);
    }
    world.run(20_000).unwrap();
    world.heal();
    world
}

fn write(world: &mut World, host: usize, name: &str, count: usize) {
    let draft = |number| Draft {
        collection: "default".to_owned(),
        name: format!("{name}/{number}"),
        value: Some(Bytes::from_static(b"1")),
    };
    world.command(host, Command::Put((0..count).map(draft).collect())).unwrap();
}

fn counted(world: &World, hosts: usize, of: fn(&Counters) -> u64) -> u64 {
    let honest = world.nodes().filter(|(host, _)| *host < hosts);
    honest.map(|(_, node)| of(&node.engine().status().counters)).sum()
}

#[test]
fn what_a_partition_kept_apart_sketches_bring_together() {
    // SKETCH-1
    for seed in 0..4 {
        let mut world = healed(seed, 12, 0);
        let took_ms = world.run_until_equal(60_000).unwrap();
        assert!(took_ms < 30_000, "seed {seed}: {took_ms} ms");
        let [begun, found] = [|it: &Counters| it.sketched, |it: &Counters| it.sketches_found]
            .map(|of| counted(&world, 12, of));
        assert!(0 < found && found <= begun, "seed {seed}: {found} of {begun}");
    }
}

#[test]
fn liars_in_sketches_keep_nobody_apart() {
    // SKETCH-4, SKETCH-5
    for seed in 0..6 {
        let mut world = healed(seed, 18, 6);
        let took_ms = world.run_until_equal(180_000).unwrap();
        assert!(took_ms < 120_000, "seed {seed}: {took_ms} ms");
        let failed = counted(&world, 12, |it| it.sketches_failed);
        assert!(0 < failed, "seed {seed}: nobody was lied to");
    }
}
