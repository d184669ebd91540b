//! Four queues and one order.
//!
//! Alerts go first, but no more than half of the bytes while anything else waits, so that a flood
//! of them does not end the link. Below, deficit round robin (Shreedhar and Varghese, 1995) shares
//! 8:4:1 between control, normal and bulk. A frame that does not fit its class is not taken: what
//! waits longest goes first, and a comparison of sets finds what was not sent.

use std::collections::VecDeque;

use wire::Class;

/// The most that waits in one class. Nobody makes room: what does not fit is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Frames.
    pub frames_max: usize,
    /// Bytes. One frame always fits an empty queue.
    pub bytes_max: usize,
}

/// What waits to be sent on one link.
#[derive(Clone, Debug)]
pub struct Lanes<T> {
    lanes: [Lane<T>; 4],
    /// The weighted class whose turn it is.
    turn: usize,
    /// Bytes alerts have sent beyond those of all others, while others waited.
    alert_lead_bytes: usize,
}

#[derive(Clone, Debug)]
struct Lane<T> {
    bounds: Bounds,
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
    /// Makes empty queues, each with the same bounds.
    pub fn new(bounds: Bounds) -> Self {
        Self::with_each([bounds; 4])
    }

    /// Makes empty queues with the bounds of each class, in the order of [`Class::ALL`].
    pub fn with_each(bounds: [Bounds; 4]) -> Self {
        let lanes = bounds.map(Lane::new);
        let mut lanes = Self { lanes, turn: CONTROL, alert_lead_bytes: 0 };
        lanes.begin_round();
        lanes
    }

    /// Queues a frame of `bytes` bytes behind those of its class.
    pub fn push(&mut self, class: Class, frame: T, bytes: usize) -> Pushed {
        let lane = &mut self.lanes[class.index()];
        if !lane.fits(1, bytes) {
            return Pushed::Full;
        }
        lane.push(frame, bytes);
        Pushed::Queued
    }

    /// Queues the parts of one frame, all or none: other classes may go between them, their own
    /// may not. The bound on frames counts parts.
    pub fn push_parts(&mut self, class: Class, parts: Vec<(T, usize)>) -> Pushed {
        let lane = &mut self.lanes[class.index()];
        let bytes = parts.iter().fold(0_usize, |sum, (_, bytes)| sum.saturating_add(*bytes));
        if !lane.fits(parts.len(), bytes) {
            return Pushed::Full;
        }
        parts.into_iter().for_each(|(part, bytes)| lane.push(part, bytes));
        Pushed::Queued
    }

    /// Takes the frame that is sent next.
    pub fn pop(&mut self) -> Option<(Class, T)> {
        self.pop_within(usize::MAX)
    }

    /// Takes the frame that is sent next, unless it has more bytes than that: it stays the next
    /// one, until a frame of a class that goes first comes.
    pub fn pop_within(&mut self, bytes_max: usize) -> Option<(Class, T)> {
        self.pop_chosen([true; 4], bytes_max)
    }

    /// Takes the frame that is sent next among the classes that can be sent now, in the order of
    /// [`Class::ALL`]. Where each class has a stream of its own, one that is full holds up no other.
    pub fn pop_among(&mut self, open: [bool; 4]) -> Option<(Class, T)> {
        self.pop_chosen(open, usize::MAX)
    }

    fn pop_chosen(&mut self, open: [bool; 4], bytes_max: usize) -> Option<(Class, T)> {
        let chosen = self.choose(open)?;
        if bytes_max < self.lanes[chosen].front_bytes()? {
            return None;
        }
        let others_wait = self.others_wait();
        let (frame, bytes) = self.lanes[chosen].pop()?;
        if chosen == ALERT && others_wait {
            self.alert_lead_bytes = self.alert_lead_bytes.saturating_add(bytes);
        } else {
            // Sent by others, or while the link was theirs to use: that evens it out.
            self.alert_lead_bytes = self.alert_lead_bytes.saturating_sub(bytes);
        }
        if !self.others_wait() {
            self.begin_round();
        }
        if self.is_empty() {
            self.alert_lead_bytes = 0;
        }
        Some((Class::ALL[chosen], frame))
    }

    /// Drops all that waits in one class. Returns how much that was: frames and bytes.
    pub fn clear(&mut self, class: Class) -> (usize, usize) {
        let dropped = self.waiting(class);
        while self.lanes[class.index()].pop().is_some() {}
        if !self.others_wait() {
            self.begin_round();
        }
        if self.is_empty() {
            self.alert_lead_bytes = 0;
        }
        dropped
    }

    /// Returns how many frames wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.len()).sum()
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.queue.is_empty())
    }

    /// Returns how many bytes wait.
    pub fn bytes(&self) -> usize {
        self.lanes.iter().fold(0, |sum, lane| sum.saturating_add(lane.bytes))
    }

    /// Returns how many frames and bytes of one class wait.
    pub fn waiting(&self, class: Class) -> (usize, usize) {
        let lane = &self.lanes[class.index()];
        (lane.queue.len(), lane.bytes)
    }

    /// Chooses whose frame is next. Chooses the same again until it was taken.
    fn choose(&mut self, open: [bool; 4]) -> Option<usize> {
        let alert_bytes = self.front_bytes(ALERT, open);
        if (CONTROL..open.len()).all(|index| self.front_bytes(index, open).is_none()) {
            return alert_bytes.map(|_| ALERT);
        }
        match alert_bytes {
            Some(bytes) if self.may_lead(bytes) => Some(ALERT),
            Some(_) | None => self.choose_weighted(open),
        }
    }

    /// Returns the size of the first frame of a class, if it has one that can be sent now.
    fn front_bytes(&self, index: usize, open: [bool; 4]) -> Option<usize> {
        self.lanes[index].front_bytes().filter(|_| open[index])
    }

    /// Says whether alerts may send so many bytes more before the others. One frame always may,
    /// after the others have had as much as they.
    fn may_lead(&self, bytes: usize) -> bool {
        let lead_bytes = self.alert_lead_bytes;
        lead_bytes == 0 || lead_bytes.saturating_add(bytes) <= ALERT_LEAD_BYTES_MAX
    }

    fn others_wait(&self) -> bool {
        self.lanes[CONTROL..].iter().any(|lane| !lane.queue.is_empty())
    }

    /// Nobody has a claim from earlier: the most urgent class that comes is the first.
    fn begin_round(&mut self) {
        self.lanes[CONTROL..].iter_mut().for_each(|lane| lane.credit_bytes = 0);
        self.turn = CONTROL;
        self.lanes[CONTROL].credit_bytes = quantum_bytes(CONTROL);
    }

    /// One step of deficit round robin: the class whose turn it is sends while its credit lasts;
    /// then each in turn gets its quantum until one can send. The rounds in which nobody can are
    /// counted, not walked, so a frame of any size costs the same.
    fn choose_weighted(&mut self, open: [bool; 4]) -> Option<usize> {
        let turn = self.turn;
        let lane = &mut self.lanes[turn];
        match lane.front_bytes() {
            Some(bytes) if bytes <= lane.credit_bytes && open[turn] => return Some(turn),
            Some(_) => {}
            None => lane.credit_bytes = 0,
        }
        let order = [1, 2, 3].map(|step| CONTROL + (turn - CONTROL + step) % 3);
        let rounds = |index: usize| {
            let front_bytes = self.front_bytes(index, open)?;
            let lacking_bytes = front_bytes.saturating_sub(self.lanes[index].credit_bytes);
            Some(lacking_bytes.div_ceil(quantum_bytes(index)).max(1))
        };
        // Of several in one round the first in order.
        let (at, rounds) = order
            .iter()
            .enumerate()
            .filter_map(|(at, index)| Some((at, rounds(*index)?)))
            .min_by_key(|(_, rounds)| *rounds)?;
        for (place, index) in order.into_iter().enumerate() {
            let lane = &mut self.lanes[index];
            if open[index] && !lane.queue.is_empty() {
                let visits = if place <= at { rounds } else { rounds - 1 };
                let gained_bytes = quantum_bytes(index).saturating_mul(visits);
                lane.credit_bytes = lane.credit_bytes.saturating_add(gained_bytes);
            }
        }
        self.turn = order[at];
        Some(self.turn)
    }
}

impl<T> Lane<T> {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, queue: VecDeque::new(), bytes: 0, credit_bytes: 0 }
    }

    fn fits(&self, frames: usize, bytes: usize) -> bool {
        let frames = self.queue.len().saturating_add(frames);
        let bytes = self.bytes.saturating_add(bytes);
        let fits = frames <= self.bounds.frames_max && bytes <= self.bounds.bytes_max;
        fits || self.queue.is_empty()
    }

    fn push(&mut self, frame: T, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.queue.push_back((frame, bytes));
    }

    fn front_bytes(&self) -> Option<usize> {
        self.queue.front().map(|(_, bytes)| *bytes)
    }

    fn pop(&mut self) -> Option<(T, usize)> {
        let (frame, bytes) = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.credit_bytes = self.credit_bytes.saturating_sub(bytes);
        if self.queue.is_empty() && IDLE_FRAMES_MAX < self.queue.capacity() {
            // A burst is over: most links are quiet most of the time.
            self.queue = VecDeque::new();
        }
        Some((frame, bytes))
    }
}

fn quantum_bytes(index: usize) -> usize {
    WEIGHTS[index] * QUANTUM_BYTES
}

const ALERT: usize = 0;
const CONTROL: usize = 1;
/// Shares of the link, by class; alerts have none, they go first.
const WEIGHTS: [usize; 4] = [0, 8, 4, 1];
/// What a share of one buys in one turn. Less would make turns of small frames more often, more
/// would make a class wait longer for its turn.
const QUANTUM_BYTES: usize = 2 * 1024;
/// How far alerts may be ahead of what waits behind them.
pub const ALERT_LEAD_BYTES_MAX: usize = 64 * 1024;
/// Room an empty queue keeps.
const IDLE_FRAMES_MAX: usize = 64;
