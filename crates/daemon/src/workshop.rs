//! Threads for what is too long for the loop: one works for the council, a millisecond for each BLS
//! signature, and one looks at whole sets, so that neither waits for the other.

use std::sync::mpsc::{Sender, channel};

use engine::checkpoint::Work;
use engine::{Glance, Input, TicketId};
use node::engine;
use tokio::sync::mpsc;

/// What came of a piece of work: what the engine is told.
pub(crate) type Worked = Input;

/// The runtime's end. The threads end when it is dropped.
#[derive(Debug)]
pub(crate) struct Workshop {
    council: Sender<(u64, Box<Work>)>,
    glances: Sender<(TicketId, Box<Glance>)>,
}

impl Workshop {
    pub(crate) fn start(worked: mpsc::Sender<Worked>) -> std::io::Result<Self> {
        let told = worked.clone();
        // Unbounded as queues, bounded by the engine: the council has about a thousand pieces under way,
        // and two sets are compared at a time.
        let council = thread("council", told, |(ticket, work): (u64, Box<Work>)| {
            Input::Worked(ticket, work.run())
        })?;
        let glances = thread("glances", worked, |(ticket, glance): (TicketId, Box<Glance>)| {
            Input::Glanced(ticket, glance.run())
        })?;
        Ok(Self { council, glances })
    }

    pub(crate) fn work(&self, ticket: u64, work: Box<Work>) {
        // The thread is gone only when the runtime is.
        let _gone = self.council.send((ticket, work));
    }

    pub(crate) fn glance(&self, ticket: TicketId, glance: Box<Glance>) {
        let _gone = self.glances.send((ticket, glance));
    }
}

fn thread<T: Send + 'static>(
    name: &str,
    worked: mpsc::Sender<Worked>,
    run: impl Fn(T) -> Worked + Send + 'static,
) -> std::io::Result<Sender<T>> {
    let (pieces, queue) = channel::<T>();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let _detached = thread.spawn(move || {
        while let Ok(piece) = queue.recv() {
            if worked.blocking_send(run(piece)).is_err() {
                return;
            }
        }
    })?;
    Ok(pieces)
}
