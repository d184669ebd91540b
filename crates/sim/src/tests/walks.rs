//! When neighbours compare their sets, and when they need not.

use node::{Command, Publication};

use crate::{World, WorldConfig};

#[test]
fn steady_traffic_that_arrives_begins_no_walk() {
    // WALK-2
    for seed in 0..8 {
        let mut config = WorldConfig::new(seed, 24);
        // All neighbours are told of everything. With three of them, one push in thousands that was
        // lost with its link is missed for longer than the guard, and a walk is right.
        config.node.engine.announce_links = 50;
        let mut world = World::new(config);
        world.start_all(1_000_000);
        world.run(30_000).unwrap();
        let compared = |world: &World| -> u64 {
            world.nodes().map(|(_, node)| node.engine().status().counters.compared).sum()
        };
        let before = compared(&world);
        for number in 0..200 {
            let node = world.draw(24);
            let payload = bytes::Bytes::from(number.to_string());
            let (kind, topic) = (wire::MessageKind::Announce, "t".to_owned());
            let publication = Publication {
                topic,
                kind,
                class: wire::Class::Normal,
                payload,
                reply_to: None,
                life_ms: 86_400_000,
            };
            world.command(node, Command::Publish(publication)).unwrap();
            world.run(50).unwrap();
        }
        assert_eq!(compared(&world) - before, 0, "seed {seed}");
    }
}
