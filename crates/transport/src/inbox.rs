//! What waits for the core: news of links first, then frames and questions by class.
//!
//! Bounds: [`Limits::inbox_max`] and [`Limits::inbox_bytes_max`] for each class. Nobody makes
//! room: while a class is full, a link that brings more of it is not read, and questions at the
//! door are told `busy`. So ten thousand bulk frames in front of an alert wait in their senders'
//! queues, where the alert overtakes them, and not here.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanes::{Bounds, Lanes};
use tokio::sync::{Notify, Semaphore};
use wire::Class;

use crate::link::parts::{Then, Whole};
use crate::{Inbound, Limits, LinkNumber};

/// Where the core hears what happened. Has to be read all the time.
pub struct Inbox(Arc<Hall>);

/// Where the tasks of the transport tell it.
#[derive(Debug)]
pub(crate) struct Porter(Arc<Hall>);

/// It was not told: nobody will ever listen again, or there was no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Untold {
    Full,
    Gone,
}

#[derive(Debug)]
struct Hall {
    limits: Limits,
    waiting: Mutex<Waiting>,
    ready: Notify,
    /// Room for news, and for what waits in each class.
    news_room: Semaphore,
    rooms: [Semaphore; 4],
}

#[derive(Debug)]
struct Waiting {
    news: VecDeque<Inbound>,
    lanes: Lanes<Waits>,
    /// Links of which something waits in a lane.
    behind: BTreeMap<LinkNumber, Behind>,
    ended: bool,
}

/// Something in a lane, and what it took of the room.
#[derive(Debug)]
struct Waits {
    inbound: Inbound,
    link: Option<LinkNumber>,
    cost: u32,
}

/// A link's frames in the lanes, and what must not overtake them.
#[derive(Debug, Default)]
struct Behind {
    frames: usize,
    news: Vec<Inbound>,
}

pub(crate) fn inbox(limits: &Limits) -> (Porter, Inbox) {
    // The semaphores bound them.
    let unbounded = Bounds { frames_max: usize::MAX, bytes_max: usize::MAX };
    let (news, behind) = (VecDeque::new(), BTreeMap::new());
    let room = || Semaphore::new(limits.inbox_bytes_max);
    let hall = Arc::new(Hall {
        limits: *limits,
        waiting: Mutex::new(Waiting { news, lanes: Lanes::new(unbounded), behind, ended: false }),
        ready: Notify::new(),
        news_room: Semaphore::new(limits.inbox_max),
        rooms: [room(), room(), room(), room()],
    });
    (Porter(hall.clone()), Inbox(hall))
}

impl Inbox {
    /// Waits for what happened next; `None` when the transport is gone. May be dropped.
    pub async fn recv(&mut self) -> Option<Inbound> {
        loop {
            {
                let mut waiting = self.0.waiting();
                if let Some(inbound) = self.0.take(&mut waiting) {
                    return Some(inbound);
                }
                if waiting.ended {
                    return None;
                }
            }
            self.0.ready.notified().await;
        }
    }

    /// Returns how much waits.
    pub fn len(&self) -> usize {
        let waiting = self.0.waiting();
        waiting.news.len() + waiting.lanes.len()
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Porter {
    /// Tells news, in order. Of a link that is `Closed` nothing follows.
    pub(crate) async fn tell(&self, news: Inbound) -> Result<(), Untold> {
        let room = self.0.news_room.acquire().await.map_err(|_| Untold::Gone)?;
        room.forget();
        let link = match &news {
            Inbound::Closed { link, .. } => Some(*link),
            Inbound::Ask(_)
            | Inbound::Congested { .. }
            | Inbound::DialFailed { .. }
            | Inbound::DoorFound { .. }
            | Inbound::DoorPushed { .. }
            | Inbound::Frame { .. }
            | Inbound::Gossip { .. }
            | Inbound::Left { .. }
            | Inbound::Linked(_)
            | Inbound::Reachable(_) => None,
        };
        self.0.news(link, news);
        Ok(())
    }

    /// Hands a frame over, in the order of its class. May be dropped: then it was not.
    pub(crate) async fn frame(&self, link: LinkNumber, whole: Whole) -> Result<(), Untold> {
        let Whole { class, bytes, then } = whole;
        if then == Then::End {
            let room = self.0.news_room.acquire().await.map_err(|_| Untold::Gone)?;
            room.forget();
            self.0.news(Some(link), Inbound::Frame { link, class, bytes });
            return Ok(());
        }
        let cost = self.0.cost(bytes.len());
        let room = self.0.rooms[class.index()].acquire_many(cost).await;
        room.map_err(|_| Untold::Gone)?.forget();
        let size = bytes.len();
        let inbound = Inbound::Frame { link, class, bytes };
        self.0.queue(class, Waits { inbound, link: Some(link), cost }, size);
        Ok(())
    }

    /// Hands over what somebody asks at the door, or says at once that it cannot.
    pub(crate) fn ask(&self, inbound: Inbound, size: usize) -> Result<(), Untold> {
        let cost = self.0.cost(size);
        let room = self.0.rooms[ASKED.index()].try_acquire_many(cost);
        room.map_err(|_| Untold::Full)?.forget();
        self.0.queue(ASKED, Waits { inbound, link: None, cost }, size);
        Ok(())
    }
}

impl Hall {
    fn news(&self, link: Option<LinkNumber>, news: Inbound) {
        let mut waiting = self.waiting();
        match link.and_then(|link| waiting.behind.get_mut(&link)) {
            Some(behind) => behind.news.push(news),
            None => waiting.news.push_back(news),
        }
        drop(waiting);
        self.ready.notify_one();
    }

    fn queue(&self, class: Class, waits: Waits, size: usize) {
        let mut waiting = self.waiting();
        if let Some(link) = waits.link {
            waiting.behind.entry(link).or_default().frames += 1;
        }
        waiting.lanes.push(class, waits, size);
        drop(waiting);
        self.ready.notify_one();
    }

    fn take(&self, waiting: &mut Waiting) -> Option<Inbound> {
        if let Some(news) = waiting.news.pop_front() {
            self.news_room.add_permits(1);
            return Some(news);
        }
        let (class, Waits { inbound, link, cost }) = waiting.lanes.pop()?;
        self.rooms[class.index()].add_permits(usize::try_from(cost).unwrap_or(0));
        if let Some(link) = link
            && let Some(behind) = waiting.behind.get_mut(&link)
        {
            behind.frames -= 1;
            if behind.frames == 0 {
                let behind = waiting.behind.remove(&link).unwrap_or_default();
                waiting.news.extend(behind.news);
            }
        }
        Some(inbound)
    }

    /// What something takes of the room of its class: its bytes, or the share of one of
    /// `inbox_max`. What is larger than all the room takes all of it.
    fn cost(&self, size: usize) -> u32 {
        let Limits { inbox_max, inbox_bytes_max, .. } = self.limits;
        let share = inbox_bytes_max / inbox_max.max(1);
        u32::try_from(size.max(share).min(inbox_bytes_max)).unwrap_or(u32::MAX)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Porter {
    fn drop(&mut self) {
        self.0.waiting().ended = true;
        self.0.ready.notify_one();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.0.news_room.close();
        self.0.rooms.iter().for_each(Semaphore::close);
        // Whoever waits for an answer learns that there will be none.
        let mut waiting = self.0.waiting();
        waiting.news.clear();
        while waiting.lanes.pop().is_some() {}
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({})", self.len())
    }
}

/// Strangers at the door wait among the messages: they must not delay what keeps links together.
const ASKED: Class = Class::Normal;
