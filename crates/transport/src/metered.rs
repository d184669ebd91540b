//! A TCP stream that counts its bytes, and tells its place at the door when some arrive.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::door::places::Place;
use crate::traffic::{Counters, Kind};

#[derive(Debug)]
pub(crate) struct Metered {
    stream: TcpStream,
    meter: Arc<Meter>,
}

/// Where the bytes are counted.
#[derive(Debug)]
pub(crate) struct Meter {
    counters: Arc<Counters>,
    pub(crate) kind: Kind,
    place: Option<Arc<Place>>,
    /// Whether bytes are no news for the place.
    muted: AtomicBool,
}

impl Metered {
    pub(crate) fn new(stream: TcpStream, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Meter {
    pub(crate) fn new(counters: Arc<Counters>, kind: Kind, place: Option<Arc<Place>>) -> Self {
        Self { counters, kind, place, muted: AtomicBool::default() }
    }

    /// Tells the place nothing any more: what arrives is not the beginning of a request.
    pub(crate) fn mute(&self) {
        self.muted.store(true, Relaxed);
    }

    fn received(&self, count: usize) {
        self.counters.bytes(&self.kind).received(count);
        if let Some(place) = &self.place
            && 0 < count
            && !self.muted.load(Relaxed)
        {
            place.heard();
        }
    }

    fn sent(&self, count: usize) {
        self.counters.bytes(&self.kind).sent(count);
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.meter.received(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.meter.sent(count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.meter.sent(count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
