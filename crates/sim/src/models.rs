//! Reference models: what Trellis is compared with. Models, not implementations.
//!
//! Each is a small simulation of its own that keeps a protocol's decisions and sizes, and leaves
//! out its bytes, keys and sockets. They run on the figures of the world (distance, loss, uplink,
//! work for each hop, overhead of each frame) and are checked against what is known of them in
//! theory. Nothing here is part of a node.

mod air;
mod config;
mod event;
mod flood;
mod gossipsub;
mod outcome;
mod overlay;
mod plumtree;
mod push;
mod reach;

pub use config::{
    DontWant, Faults, Gossipsub, Kill, Model, ModelConfig, Plumtree, Publication, Publishing,
    Purpose, Role, Sources, Workload, baseline_machines, baseline_network,
};
pub use outcome::{Kind, MessageOutcome, ModelOutcome, Sent};
pub use overlay::Overlay;
pub use reach::{ReachConfig, ReachRow, reach};

use air::Air;
use event::{Event, What};
use flood::Flood;
use gossipsub::Mesh;
use plumtree::Tree;
use push::Push;

/// Runs one model. The same configuration gives the same outcome.
pub fn run(config: &ModelConfig<'_>) -> ModelOutcome {
    let mut air = Air::new(config);
    let mut machine = match config.model {
        Model::Direct => return direct(air, config),
        Model::Flood { degree } => Machine::Flood(Flood::new(links(config, degree))),
        Model::Push { fanout, ttl } => Machine::Push(Push::new(config, fanout, ttl)),
        Model::Gossipsub(settings) => {
            // It keeps its own kind of connections, whatever the others are linked by.
            let links = Overlay::random_regular(config.nodes, settings.peers, config.seed);
            let mut mesh = Mesh::new(links, settings);
            mesh.start(&mut air);
            Machine::Gossipsub(mesh)
        }
        Model::Plumtree(settings) => {
            Machine::Plumtree(Tree::new(links(config, settings.degree), settings))
        }
    };
    air.link(machine.overlay());
    let last_us = config.workload.publications.iter().map(|it| it.at_us).max().unwrap_or(0);
    while let Some(event) = air.next(last_us + config.workload.drain_us) {
        match event.what {
            What::Kill(kill) => {
                let victims = &config.faults.kills[kill as usize].nodes;
                machine.kill(&mut air, victims, config.faults.detection_us);
            }
            _ if air.lives(event.to) => machine.handle(&mut air, event),
            _ => {}
        }
    }
    air.close()
}

/// The models that move.
enum Machine {
    Flood(Flood),
    Push(Push),
    Gossipsub(Mesh),
    Plumtree(Tree),
}

impl Machine {
    fn handle(&mut self, air: &mut Air, event: Event) {
        match self {
            Self::Flood(it) => it.handle(air, event),
            Self::Push(it) => it.handle(air, event),
            Self::Gossipsub(it) => it.handle(air, event),
            Self::Plumtree(it) => it.handle(air, event),
        }
    }

    /// Whom a node would notice to be gone.
    fn overlay(&self) -> &Overlay {
        match self {
            Self::Flood(it) => it.overlay(),
            Self::Push(it) => it.overlay(),
            Self::Gossipsub(it) => it.overlay(),
            Self::Plumtree(it) => it.overlay(),
        }
    }

    fn kill(&self, air: &mut Air, victims: &[u32], detection_us: (u64, u64)) {
        for victim in victims {
            air.kill(*victim);
        }
        let overlay = self.overlay();
        for node in 0..overlay::number(overlay.nodes()) {
            if !air.lives(node) {
                continue;
            }
            for peer in overlay.peers(node) {
                if !air.lives(*peer) {
                    let after_us = air.between(detection_us);
                    air.lose(node, *peer, after_us);
                }
            }
        }
    }
}

/// No protocol: each node hears the source itself.
fn direct(mut air: Air, config: &ModelConfig<'_>) -> ModelOutcome {
    for (message, it) in config.workload.publications.iter().enumerate() {
        for node in (0..overlay::number(config.nodes)).filter(|node| *node != it.source) {
            air.now_us = it.at_us + air.direct_us(it.source, node);
            air.receive(node, overlay::number(message));
        }
    }
    for victim in config.faults.kills.iter().flat_map(|it| &it.nodes) {
        air.kill(*victim);
    }
    air.close()
}

/// The links of the world this model is compared with, or drawn ones.
fn links(config: &ModelConfig<'_>, degree: usize) -> Overlay {
    let own = || Overlay::random_regular(config.nodes, degree, config.seed);
    config.overlay.cloned().unwrap_or_else(own)
}

#[cfg(test)]
mod tests;
