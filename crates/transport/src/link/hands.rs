//! What is on its way into the streams of a link that has one for each class.
//!
//! Bound: one batch of each class. A class whose stream takes nothing holds up no other.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures_util::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};
use wire::Class;

use super::parts::Part;
use super::queue::Queue;
use crate::p2p::prefix_bytes;
use crate::traffic::Counters;

/// The streams, and a batch for each.
pub(crate) struct Hands<W> {
    hands: [Hand<W>; 4],
    drain_ms: u64,
}

struct Hand<W> {
    stream: W,
    batch: BytesMut,
    /// Something was written and is not with the system yet.
    flushing: bool,
    /// When its stream took something last, or had nothing to take.
    since: Instant,
    /// Whether the next part goes on with a frame.
    within: bool,
}

impl<W: AsyncWrite + Unpin> Hands<W> {
    pub(crate) fn new(streams: [W; 4], drain_ms: u64) -> Self {
        let hand = |stream| Hand {
            stream,
            batch: BytesMut::new(),
            flushing: false,
            since: Instant::now(),
            within: false,
        };
        Self { hands: streams.map(hand), drain_ms }
    }

    /// Sends what is queued, in the order of the lanes, until the link is closed and nothing is
    /// left. May be dropped only with the link.
    pub(crate) async fn serve(&mut self, queue: &Queue, counters: &Counters) -> Result<(), String> {
        loop {
            // Read before the queue is, so that nothing can be pushed between.
            let closing = queue.is_closing();
            self.fill(queue, counters);
            let Some(since) = self.oldest() else {
                if closing {
                    return Ok(());
                }
                queue.news().await;
                continue;
            };
            let drain_ms = self.drain_ms;
            tokio::select! {
                biased;
                moved = poll_fn(|cx| self.poll_write(cx, queue)) => moved?,
                () = queue.news() => {}
                () = sleep_until(since + Duration::from_millis(drain_ms)) => {
                    return Err(format!("the peer accepted no data for {drain_ms} ms"));
                }
            }
        }
    }

    /// Ends all streams.
    pub(crate) async fn close(&mut self) -> std::io::Result<()> {
        for hand in &mut self.hands {
            hand.stream.close().await?;
        }
        Ok(())
    }

    fn fill(&mut self, queue: &Queue, counters: &Counters) {
        loop {
            let open = self.hands.each_ref().map(|hand| hand.batch.len() < BATCH_BYTES_MAX);
            let Some(part) = queue.next_among(open) else { return };
            let hand = &mut self.hands[part.class().index()];
            if hand.is_idle() {
                hand.since = Instant::now();
            }
            hand.take(&part, counters);
        }
    }

    /// Returns since when a stream has taken nothing of what it should.
    fn oldest(&self) -> Option<Instant> {
        self.hands.iter().filter(|hand| !hand.is_idle()).map(|hand| hand.since).min()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, queue: &Queue) -> Poll<Result<(), String>> {
        let mut moved = Poll::Pending;
        for (class, hand) in Class::ALL.into_iter().zip(&mut self.hands) {
            match hand.poll_write(cx) {
                Poll::Ready(Ok(())) => moved = Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(format!("the connection was lost: {error}")));
                }
                Poll::Pending => {}
            }
            if hand.is_idle() {
                queue.flushed_class(class);
            }
        }
        moved
    }
}

impl<W: AsyncWrite + Unpin> Hand<W> {
    fn is_idle(&self) -> bool {
        self.batch.is_empty() && !self.flushing
    }

    fn take(&mut self, part: &Part, counters: &Counters) {
        let prefix = if self.within { 0 } else { prefix_bytes(&part.bytes) };
        self.within = !part.ends_frame();
        counters.class(part.class()).sent(part, prefix);
        self.batch.extend_from_slice(&part.bytes);
    }

    /// Writes and flushes; ready if anything happened.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let mut moved = Poll::Pending;
        while !self.batch.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.batch) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
                }
                Poll::Ready(Ok(count)) => {
                    self.batch.advance(count);
                    (self.flushing, self.since) = (true, Instant::now());
                    moved = Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return moved,
            }
        }
        if self.flushing {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.flushing = false;
                    // A burst is over: most links are quiet most of the time.
                    self.batch = BytesMut::new();
                    moved = Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        moved
    }
}

/// Bytes of one class handed to its stream at once: one part of any size, or many small ones.
const BATCH_BYTES_MAX: usize = 16 * 1024;
