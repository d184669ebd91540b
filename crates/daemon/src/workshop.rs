//! The thread that works for the council: a millisecond for each BLS signature, so neither the loop
//! nor the checking of records waits for it.

use std::sync::mpsc::{Receiver, Sender, channel};

use engine::checkpoint::{Done, Work};
use node::engine;
use tokio::sync::mpsc;

/// What came of a piece of work.
pub(crate) type Worked = (u64, Done);

/// The runtime's end. The thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Workshop(Sender<(u64, Box<Work>)>);

impl Workshop {
    pub(crate) fn start(worked: mpsc::Sender<Worked>) -> std::io::Result<Self> {
        // Unbounded as a queue, bounded by the council: it has about a thousand pieces under way.
        let (pieces, queue) = channel();
        let thread = std::thread::Builder::new().name("council".to_owned());
        let _detached = thread.spawn(move || run(&queue, &worked))?;
        Ok(Self(pieces))
    }

    pub(crate) fn work(&self, ticket: u64, work: Box<Work>) {
        // The thread is gone only when the runtime is.
        let _gone = self.0.send((ticket, work));
    }
}

fn run(queue: &Receiver<(u64, Box<Work>)>, worked: &mpsc::Sender<Worked>) {
    while let Ok((ticket, work)) = queue.recv() {
        if worked.blocking_send((ticket, work.run())).is_err() {
            return;
        }
    }
}
