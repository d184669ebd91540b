//! Four queues and one order.
//!
//! Alerts go first, but no more than half of the bytes while anything else waits, so that a flood
//! of them does not end the link. Below, deficit round robin (Shreedhar and Varghese, 1995) shares
//! 8:4:1 between control, normal and bulk. A frame that does not fit its class is not taken: what
//! waits longest goes first, and a comparison of sets finds what was not sent.

use std::collections::VecDeque;

use wire::Class;

/// The most that waits in each class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Frames of one class.
    pub frames_max: usize,
    /// Bytes of one class. One frame always fits an empty queue.
    pub bytes_max: usize,
}

/// What waits to be sent on one link.
#[derive(Clone, Debug)]
pub struct Lanes<T> {
    bounds: Bounds,
    lanes: [Lane<T>; 4],
    /// The weighted class whose turn it is.
    turn: usize,
    /// Bytes alerts have sent beyond those of all others, while others waited.
    alert_lead_bytes: usize,
}

#[derive(Clone, Debug)]
struct Lane<T> {
    queue: VecDeque<(T, usize)>,
    bytes: usize,
    /// Bytes it may still send in this turn.
    credit_bytes: usize,
}

/// Whether a frame was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pushed {
    /// It does not fit: it will not be sent.
    Full,
    /// It waits its turn.
    Queued,
}

impl<T> Lanes<T> {
    /// Makes empty queues.
    pub fn new(bounds: Bounds) -> Self {
        let lane = || Lane { queue: VecDeque::new(), bytes: 0, credit_bytes: 0 };
        Self { bounds, lanes: [lane(), lane(), lane(), lane()], turn: CONTROL, alert_lead_bytes: 0 }
    }

    /// Queues a frame of `bytes` bytes behind those of its class.
    pub fn push(&mut self, class: Class, frame: T, bytes: usize) -> Pushed {
        let lane = &mut self.lanes[class.index()];
        let fits = lane.queue.len() < self.bounds.frames_max
            && (lane.bytes + bytes <= self.bounds.bytes_max || lane.queue.is_empty());
        if !fits {
            return Pushed::Full;
        }
        lane.bytes += bytes;
        lane.queue.push_back((frame, bytes));
        Pushed::Queued
    }

    /// Takes the frame that is sent next.
    pub fn pop(&mut self) -> Option<(Class, T)> {
        let others_wait = self.lanes[CONTROL..].iter().any(|lane| !lane.queue.is_empty());
        if !others_wait {
            self.alert_lead_bytes = 0;
        }
        let alerts_first = self.alert_lead_bytes <= ALERT_LEAD_BYTES_MAX || !others_wait;
        if alerts_first && let Some((frame, bytes)) = self.lanes[ALERT].pop() {
            self.alert_lead_bytes += bytes;
            return Some((Class::Alert, frame));
        }
        let (class, frame, bytes) = self.pop_weighted()?;
        self.alert_lead_bytes = self.alert_lead_bytes.saturating_sub(bytes);
        Some((class, frame))
    }

    /// Returns how many frames wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.len()).sum()
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes wait.
    pub fn bytes(&self) -> usize {
        self.lanes.iter().map(|lane| lane.bytes).sum()
    }

    fn pop_weighted(&mut self) -> Option<(Class, T, usize)> {
        if self.lanes[CONTROL..].iter().all(|lane| lane.queue.is_empty()) {
            return None;
        }
        loop {
            let (turn, lane) = (self.turn, &mut self.lanes[self.turn]);
            match lane.queue.front() {
                Some((_, bytes)) if *bytes <= lane.credit_bytes => {
                    lane.credit_bytes -= bytes;
                    let (frame, bytes) = lane.pop()?;
                    return Some((Class::ALL[turn], frame, bytes));
                }
                Some(_) => {}
                None => lane.credit_bytes = 0,
            }
            self.turn = if turn + 1 < self.lanes.len() { turn + 1 } else { CONTROL };
            let next = &mut self.lanes[self.turn];
            if !next.queue.is_empty() {
                next.credit_bytes += WEIGHTS[self.turn] * QUANTUM_BYTES;
            }
        }
    }
}

impl<T> Lane<T> {
    fn pop(&mut self) -> Option<(T, usize)> {
        let (frame, bytes) = self.queue.pop_front()?;
        self.bytes -= bytes;
        Some((frame, bytes))
    }
}

const ALERT: usize = 0;
const CONTROL: usize = 1;
/// Shares of the link, by class; alerts have none, they go first.
const WEIGHTS: [usize; 4] = [0, 8, 4, 1];
/// What a share of one buys in one turn.
const QUANTUM_BYTES: usize = 2 * 1024;
/// How far alerts may be ahead of what waits behind them.
const ALERT_LEAD_BYTES_MAX: usize = 64 * 1024;
