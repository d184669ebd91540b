//! Time on several threads: all run ahead by the least latency, then they exchange what they sent.
//!
//! Nothing that one machine does reaches another before the window ends, so it does not matter
//! which thread was faster, and events are ordered by their keys alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;

use crate::ground::Ground;
use crate::happening::Happening;
use crate::shard::{Broken, Shard};
use crate::wheel::Key;

/// Runs all shards until `end_us`: everything before that moment has happened.
pub(crate) fn run(shards: &mut [Shard], ground: &Ground, end_us: u64) -> Result<(), Broken> {
    match shards {
        [shard] => shard.run(ground, end_us),
        shards => run_together(shards, ground, end_us),
    }
}

/// What the threads share while they run.
struct Border {
    barrier: Barrier,
    /// When something happens next, by shard.
    next_us: Vec<AtomicU64>,
    /// What goes to a shard, by shard it comes from.
    mail: Vec<Vec<Mutex<Mail>>>,
    broken: Mutex<Vec<Broken>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    lookahead_us: u64,
    end_us: u64,
}

/// What crosses the border.
type Mail = Vec<(Key, Happening)>;

fn run_together(shards: &mut [Shard], ground: &Ground, end_us: u64) -> Result<(), Broken> {
    let count = shards.len();
    let border = Border {
        barrier: Barrier::new(count),
        next_us: (0..count).map(|_| AtomicU64::new(u64::MAX)).collect(),
        mail: (0..count).map(|_| (0..count).map(|_| Mutex::default()).collect()).collect(),
        broken: Mutex::default(),
        panic: Mutex::default(),
        lookahead_us: ground.network.lookahead_us(),
        end_us,
    };
    thread::scope(|scope| {
        let (first, others) = shards.split_at_mut(1);
        for shard in others {
            scope.spawn(|| border.work(shard, ground));
        }
        first.iter_mut().for_each(|shard| border.work(shard, ground));
    });
    if let Some(panic) = lock(&border.panic).take() {
        resume_unwind(panic);
    }
    let mut broken = std::mem::take(&mut *lock(&border.broken));
    broken.sort();
    match broken.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(()),
    }
}

impl Border {
    fn work(&self, shard: &mut Shard, ground: &Ground) {
        loop {
            // What was sent while the world stood still is in `outgoing` before the first window.
            for (to, mail) in self.mail.iter().enumerate() {
                lock(&mail[shard.number]).append(&mut shard.outgoing[to]);
            }
            self.barrier.wait();
            for mail in &self.mail[shard.number] {
                for (key, happening) in lock(mail).drain(..) {
                    shard.wheel.insert(key, happening);
                }
            }
            let next_us = shard.wheel.next_us(self.end_us).unwrap_or(u64::MAX);
            self.next_us[shard.number].store(next_us, Ordering::Release);
            // Between these two barriers nobody runs, so all read the same.
            let over = self.is_over();
            self.barrier.wait();
            let next_us = self.next_us.iter().map(|it| it.load(Ordering::Acquire)).min();
            let next_us = next_us.unwrap_or(u64::MAX);
            if next_us == u64::MAX || over {
                return;
            }
            let end_us = next_us.saturating_add(self.lookahead_us).min(self.end_us);
            let ran = catch_unwind(AssertUnwindSafe(|| shard.run(ground, end_us)));
            match ran {
                Ok(Ok(())) => {}
                Ok(Err(broken)) => lock(&self.broken).push(broken),
                Err(panic) => *lock(&self.panic) = Some(panic),
            }
        }
    }

    fn is_over(&self) -> bool {
        !lock(&self.broken).is_empty() || lock(&self.panic).is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
