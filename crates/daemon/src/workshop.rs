//! Threads for what is too long for the loop: one works for the council, a millisecond for each BLS
//! signature, one looks at whole sets, and two keep the contents of seeds, one for what is short and one for
//! what is long, so that none waits for the other.

use std::sync::mpsc::{Sender, channel};

use engine::checkpoint::Work;
use engine::{Glance, Input as NetInput, TicketId};
use node::seeds::SeedWish;
use node::{Input, engine};
use tokio::sync::mpsc;

use crate::shelf::Shelf;

/// What came of a piece of work: what the node is told.
pub(crate) type Worked = Input;

/// The runtime's end. The threads end when it is dropped.
#[derive(Debug)]
pub(crate) struct Workshop {
    council: Sender<(u64, Box<Work>)>,
    glances: Sender<(TicketId, Box<Glance>)>,
    seeds: Sender<SeedWish>,
    long_seeds: Sender<SeedWish>,
}

impl Workshop {
    pub(crate) fn start(worked: mpsc::Sender<Worked>, shelf: &Shelf) -> std::io::Result<Self> {
        let told = worked.clone();
        // Unbounded as queues, bounded by the engine: the council has about a thousand pieces under way,
        // and two sets are compared at a time.
        let council = thread("council", told, |(ticket, work): (u64, Box<Work>)| {
            Some(Input::Net(NetInput::Worked(ticket, work.run())))
        })?;
        let told = worked.clone();
        let glances = thread("glances", told, |(ticket, glance): (TicketId, Box<Glance>)| {
            Some(Input::Net(NetInput::Glanced(ticket, glance.run())))
        })?;
        let seeds = keeper("seeds", worked.clone(), shelf)?;
        let long_seeds = keeper("long-seeds", worked, shelf)?;
        Ok(Self { council, glances, seeds, long_seeds })
    }

    pub(crate) fn work(&self, ticket: u64, work: Box<Work>) {
        // The thread is gone only when the runtime is.
        let _gone = self.council.send((ticket, work));
    }

    pub(crate) fn glance(&self, ticket: TicketId, glance: Box<Glance>) {
        let _gone = self.glances.send((ticket, glance));
    }

    /// Does something with the content of a seed. Bound: what the node wishes and what it may serve at once.
    pub(crate) fn seed(&self, wish: SeedWish) {
        let keeper = match wish {
            SeedWish::Read { .. } | SeedWish::Write { .. } => &self.seeds,
            SeedWish::Finish { .. } | SeedWish::Open { .. } | SeedWish::Remove(_) => {
                &self.long_seeds
            }
        };
        let _gone = keeper.send(wish);
    }
}

fn keeper(
    name: &str,
    worked: mpsc::Sender<Worked>,
    shelf: &Shelf,
) -> std::io::Result<Sender<SeedWish>> {
    let shelf = shelf.clone();
    thread(name, worked, move |wish| shelf.perform(wish).map(Input::Seed))
}

fn thread<T: Send + 'static>(
    name: &str,
    worked: mpsc::Sender<Worked>,
    run: impl Fn(T) -> Option<Worked> + Send + 'static,
) -> std::io::Result<Sender<T>> {
    let (pieces, queue) = channel::<T>();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let _detached = thread.spawn(move || {
        while let Ok(piece) = queue.recv() {
            if let Some(done) = run(piece)
                && worked.blocking_send(done).is_err()
            {
                return;
            }
        }
    })?;
    Ok(pieces)
}
