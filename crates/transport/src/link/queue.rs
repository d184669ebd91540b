//! What waits to be sent on one link: bounded by frames and by bytes, never blocking the sender.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::Limits;

/// The sender's end. When it is dropped, what is queued is still sent.
#[derive(Debug)]
pub(crate) struct Entrance {
    frames: mpsc::Sender<Bytes>,
    room: Arc<Room>,
    bytes_max: usize,
}

/// The link's end.
#[derive(Debug)]
pub(crate) struct Queue {
    frames: mpsc::Receiver<Bytes>,
    room: Arc<Room>,
}

/// What both ends know.
#[derive(Debug, Default)]
pub(crate) struct Room {
    bytes: AtomicUsize,
    dropped: AtomicU64,
    congested: Notify,
    farewell: Mutex<Option<Bytes>>,
    closing: CancellationToken,
}

pub(crate) fn queue(limits: &Limits) -> (Entrance, Queue) {
    let (sender, frames) = mpsc::channel(limits.queue_frames_max);
    let room = Arc::new(Room::default());
    let bytes_max = limits.queue_bytes_max;
    (Entrance { frames: sender, room: room.clone(), bytes_max }, Queue { frames, room })
}

impl Entrance {
    /// Queues a frame, or counts it as not sent.
    pub(crate) fn push(&self, frame: Bytes) {
        let size = frame.len();
        let before = self.room.bytes.fetch_add(size, Relaxed);
        if before + size <= self.bytes_max && self.frames.try_send(frame).is_ok() {
            return;
        }
        self.room.bytes.fetch_sub(size, Relaxed);
        self.room.dropped.fetch_add(1, Relaxed);
        self.room.congested.notify_one();
    }

    /// Lets the link send what is queued, then the farewell, then end.
    pub(crate) fn close(self, farewell: Option<Bytes>) {
        *self.room.farewell.lock().unwrap_or_else(PoisonError::into_inner) = farewell;
        self.room.closing.cancel();
    }
}

impl Queue {
    pub(crate) fn room(&self) -> Arc<Room> {
        self.room.clone()
    }

    /// Waits for the next frame; `None` after the last one. May be dropped.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let frame = self.frames.recv().await;
        self.taken(frame)
    }

    /// Returns the next frame if there is one already.
    pub(crate) fn next_now(&mut self) -> Option<Bytes> {
        let frame = self.frames.try_recv().ok();
        self.taken(frame)
    }

    /// Takes the frame that follows the last one.
    pub(crate) fn farewell(&mut self) -> Option<Bytes> {
        self.room.farewell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn taken(&self, frame: Option<Bytes>) -> Option<Bytes> {
        let size = frame.as_ref().map_or(0, Bytes::len);
        self.room.bytes.fetch_sub(size, Relaxed);
        frame
    }
}

impl Room {
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Returns when our side wants the link to end. May be dropped.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Returns how many frames were not sent, once there are any. May be dropped.
    pub(crate) async fn congested(&self) -> u64 {
        loop {
            match self.dropped.swap(0, Relaxed) {
                0 => self.congested.notified().await,
                frames => return frames,
            }
        }
    }
}
