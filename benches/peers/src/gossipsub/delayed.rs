//! A stream whose bytes come out later than they went in, and are counted.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

/// Delays what is read, so that a stream with one at each end delays both ways; counts what is
/// written.
#[derive(Debug)]
pub struct Delayed<S> {
    inner: S,
    delay: Duration,
    written: Arc<AtomicU64>,
    /// What has arrived and may not be read yet. Bounded by what the other end may send before we
    /// acknowledge: its multiplexer's windows.
    waiting: VecDeque<(Instant, Vec<u8>)>,
    /// How much of the first one has been read.
    offset: usize,
    timer: Pin<Box<Sleep>>,
    ended: bool,
}

impl<S> Delayed<S> {
    /// Wraps one end.
    pub fn new(inner: S, delay: Duration, written: Arc<AtomicU64>) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { inner, delay, written, waiting: VecDeque::new(), offset: 0, timer, ended: false }
    }
}

impl<S: AsyncRead + Unpin> Delayed<S> {
    /// Takes in all that has arrived, and stamps it.
    fn arrive(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut chunk = [0; CHUNK_BYTES];
        while !self.ended {
            match Pin::new(&mut self.inner).poll_read(cx, &mut chunk) {
                Poll::Ready(Ok(0)) => self.ended = true,
                Poll::Ready(Ok(count)) => {
                    self.waiting.push_back((Instant::now() + self.delay, chunk[..count].to_vec()));
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Delayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.arrive(cx)?;
        let offset = self.offset;
        let Some(&(due, _)) = self.waiting.front() else {
            return if self.ended { Poll::Ready(Ok(0)) } else { Poll::Pending };
        };
        if Instant::now() < due {
            self.timer.as_mut().reset(due);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let Some((_, bytes)) = self.waiting.front() else { return Poll::Pending };
        let count = buffer.len().min(bytes.len() - offset);
        buffer[..count].copy_from_slice(&bytes[offset..offset + count]);
        if offset + count == bytes.len() {
            self.waiting.pop_front();
            self.offset = 0;
        } else {
            self.offset += count;
        }
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Delayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = outcome {
            self.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

const CHUNK_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use futures::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_util::compat::TokioAsyncReadCompatExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_come_in_order_after_the_delay_and_are_counted() {
        let (one, other) = tokio::io::duplex(100_000);
        let counters = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
        let delay = Duration::from_millis(40);
        let mut one = Delayed::new(one.compat(), delay, counters[0].clone());
        let mut other = Delayed::new(other.compat(), delay, counters[1].clone());
        let sent: Vec<u8> = (0..20_000_u32).map(|it| it.to_be_bytes()[3]).collect();
        let began = Instant::now();
        let mut read = vec![0; sent.len()];
        let write = async {
            one.write_all(&sent).await.unwrap();
            one.close().await.unwrap();
        };
        let (read_outcome, ()) = futures::join!(other.read_exact(&mut read), write);
        read_outcome.unwrap();
        assert_eq!(read, sent);
        let took = began.elapsed();
        assert!(delay <= took && took < delay * 2, "{took:?}");
        assert_eq!(counters.map(|it| it.load(Ordering::Relaxed)), [20_000, 0]);
        assert_eq!(other.read(&mut read).await.unwrap(), 0, "the end comes after the bytes");
    }
}
