//! Links: all of them by number, and those that are one WebSocket, one Noise channel, one task.

pub(crate) mod hands;
pub(crate) mod handshake;
pub(crate) mod parts;
pub(crate) mod queue;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};
use wire::{Address, Class, Medium, NodeId};

use crate::channel::{MESSAGE_BYTES_MAX, Opener, Sealer};
use crate::membership::{Member, NotMember};
use crate::transport::Shared;
use crate::{Inbound, LinkNumber, Linked, Sent};
use handshake::{Met, close_message, printable};
use parts::{Joiner, Part};
use queue::{Entrance, Queue, Room, queue};

/// All links, by number: where frames are handed in.
#[derive(Debug, Default)]
pub(crate) struct Links {
    next: AtomicU64,
    entrances: Mutex<BTreeMap<LinkNumber, Entrance>>,
    /// Those of a private network, until they end.
    members: Mutex<BTreeMap<LinkNumber, Member>>,
    open: [AtomicU64; 4],
}

/// Where a link comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) dialled: Option<Address>,
    pub(crate) remote_ip: IpAddr,
    pub(crate) local_ip: IpAddr,
    pub(crate) medium: Medium,
    /// Set in a private network.
    pub(crate) member: Option<Member>,
}

impl Links {
    /// Sends a frame. A link that is closing takes no more; its `Closed` is on its way.
    pub(crate) fn send(&self, link: LinkNumber, class: Class, frame: &Bytes) -> Sent {
        match self.lock().get(&link) {
            Some(entrance) => entrance.push(class, frame),
            None => Sent::Gone,
        }
    }

    /// Returns how many parts and bytes of a class wait on all links.
    pub(crate) fn waiting(&self, class: Class) -> (usize, usize) {
        let waiting = self.lock();
        let waiting = waiting.values().map(|entrance| entrance.waiting(class));
        waiting.fold((0, 0), |(parts, bytes), more| (parts + more.0, bytes + more.1))
    }

    /// Returns how many bytes wait on all links.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().values().map(Entrance::bytes).sum()
    }

    pub(crate) fn tell_left(&self, link: LinkNumber, class: Class) {
        if let Some(entrance) = self.lock().get(&link) {
            entrance.watch(class);
        }
    }

    pub(crate) fn close(&self, link: LinkNumber, farewell: Option<Bytes>) {
        if let Some(entrance) = self.lock().remove(&link) {
            entrance.close(farewell);
        }
    }

    pub(crate) fn close_all(&self) {
        for (_, entrance) in std::mem::take(&mut *self.lock()) {
            entrance.close(None);
        }
    }

    /// Closes those of a private network whose membership is over (CA-4).
    pub(crate) fn close_members(&self, ends: impl Fn(&Member) -> Option<NotMember>) {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let over: Vec<_> =
            members.iter().filter_map(|(link, it)| Some((*link, it.node, ends(it)?))).collect();
        drop(members);
        for (link, node, why) in over {
            tracing::info!(?node, %why, "a link is closed");
            self.close(link, None);
        }
    }

    /// Returns how many are open over each medium, in the order of [`Medium::ALL`].
    pub(crate) fn open(&self) -> [u64; 4] {
        self.open.each_ref().map(|count| count.load(Relaxed))
    }

    /// Returns what carries a link.
    pub(crate) fn medium(&self, link: LinkNumber) -> Option<Medium> {
        self.lock().get(&link).map(Entrance::medium)
    }

    fn add(&self, entrance: Entrance) -> LinkNumber {
        let number = self.next.fetch_add(1, Relaxed);
        let medium = entrance.medium();
        self.lock().insert(number, entrance);
        self.open[medium as usize].fetch_add(1, Relaxed);
        number
    }

    fn remove(&self, link: LinkNumber, medium: Medium) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).remove(&link);
        self.lock().remove(&link);
        self.open[medium as usize].fetch_sub(1, Relaxed);
    }

    pub(crate) fn join(&self, link: LinkNumber, member: Member) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).insert(link, member);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkNumber, Entrance>> {
        self.entrances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries frames until the link ends, and reports both. Ends early only with the transport.
pub(crate) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    socket: WebSocketStream<S>,
    met: Met,
    origin: Origin,
) {
    let medium = origin.medium;
    let (link, queue) = begin(shared, met.peer, origin).await;
    let room = queue.room();
    let (sink, stream) = socket.split();
    let mut link = Link { shared, link, room: &room };
    let why = link.carry(sink, stream, queue, met.sealer, met.opener).await;
    end(shared, link.link, medium, why).await;
}

/// Gives a link its number and its queue, and reports it.
pub(crate) async fn begin(shared: &Shared, peer: NodeId, origin: Origin) -> (LinkNumber, Queue) {
    let (entrance, queue) = queue(&shared.limits, origin.medium);
    let link = shared.links.add(entrance);
    let over = origin.member.is_some_and(|member| shared.joined(link, member));
    if over || shared.stopping.is_cancelled() {
        shared.links.close(link, None);
    }
    let linked = Linked {
        link,
        peer,
        outbound: origin.dialled.is_some(),
        dialled: origin.dialled,
        remote_ip: origin.remote_ip,
        local_ip: origin.local_ip,
        medium: origin.medium,
    };
    shared.tell(Inbound::Linked(linked)).await;
    (link, queue)
}

/// Reports that a link is gone.
pub(crate) async fn end(shared: &Shared, link: LinkNumber, medium: Medium, why: String) {
    shared.links.remove(link, medium);
    shared.tell(Inbound::Closed { link, why }).await;
}

/// What the parts of one link's task share.
struct Link<'a> {
    shared: &'a Shared,
    link: LinkNumber,
    room: &'a Room,
}

/// Why reading ended.
enum End {
    /// The connection is of no use any more.
    Gone(String),
    /// The peer broke the rules, and is told so.
    Misbehaved(String),
}

impl Link<'_> {
    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut sink: SplitSink<WebSocketStream<S>, Message>,
        mut stream: SplitStream<WebSocketStream<S>>,
        queue: Queue,
        sealer: Sealer,
        opener: Opener,
    ) -> String {
        let end = tokio::select! {
            end = self.read(&mut stream, opener) => end,
            why = self.write(&mut sink, &queue, sealer) => End::Gone(why),
            () = self.report_congestion() => End::Gone("this node is stopping".to_owned()),
            () = self.report_left() => End::Gone("this node is stopping".to_owned()),
            () = self.out_of_patience() => End::Gone(String::new()),
        };
        match end {
            End::Gone(_) if self.room.is_closing() => "closed by this node".to_owned(),
            End::Gone(why) => why,
            End::Misbehaved(why) => {
                let close = async {
                    if sink.send(close_message(CODE_MISBEHAVED, &why)).await.is_ok() {
                        while let Some(Ok(_)) = stream.next().await {}
                    }
                };
                // A peer that does not listen learns nothing, and that is its loss.
                let _told = timeout(self.farewell_time(), close).await;
                why
            }
        }
    }

    /// Hands frames in, in order; while the core is behind, nothing is read.
    async fn read<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut SplitStream<WebSocketStream<S>>,
        mut opener: Opener,
    ) -> End {
        let mut joiner = Joiner::default();
        loop {
            let message = match stream.next().await {
                Some(Ok(Message::Binary(message))) => message,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Text(_))) => {
                    return End::Misbehaved("a text message has no place on a link".to_owned());
                }
                Some(Ok(Message::Close(frame))) => {
                    let said = frame.map(|it| printable(&it.reason)).unwrap_or_default();
                    // Our answer goes out while the stream is read to its end.
                    let rest = async { while let Some(Ok(_)) = stream.next().await {} };
                    let _read = timeout(self.farewell_time(), rest).await;
                    return End::Gone(match said.as_str() {
                        "" => "closed by the peer".to_owned(),
                        said => format!("closed by the peer: {said}"),
                    });
                }
                Some(Err(error)) => return describe(&error),
                None => return End::Gone("the connection ended".to_owned()),
            };
            if self.room.is_closing() {
                continue;
            }
            let part = match opener.open(&message) {
                Ok(part) => part,
                Err(error) => return End::Misbehaved(error.to_string()),
            };
            let frame = match joiner.join(part) {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(error) => return End::Misbehaved(error.to_string()),
            };
            self.shared.counters.class(frame.class).received(frame.bytes.len());
            tokio::select! {
                () = self.shared.tell_frame(self.link, frame) => {}
                () = self.room.closing() => {}
            }
        }
    }

    /// Sends what is queued, many parts per write where there are many; then the farewell.
    async fn write(
        &self,
        sink: &mut (impl Sink<Message, Error = Error> + Unpin),
        queue: &Queue,
        mut sealer: Sealer,
    ) -> String {
        loop {
            let more = match queue.next().await {
                Some(part) => self.in_time(self.write_batch(sink, queue, &mut sealer, part)).await,
                None => self.in_time(self.write_farewell(sink, queue, &mut sealer)).await,
            };
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    // What the peer said last, and why it went, may still be waiting to be read.
                    sleep(self.farewell_time()).await;
                    return why;
                }
            }
        }
        // The peer answers, and reading ends; or patience does.
        let _told = self.in_time(sink.send(close_message(CODE_NORMAL, ""))).await;
        std::future::pending().await
    }

    /// Hands the socket as much as goes in one write, and returns when it has taken all of it: so
    /// what an alert waits behind here is never more than that (CLASS-1). More may follow.
    async fn write_batch(
        &self,
        sink: &mut (impl Sink<Message, Error = Error> + Unpin),
        queue: &Queue,
        sealer: &mut Sealer,
        first: Part,
    ) -> Result<bool, Error> {
        let mut left_bytes = BATCH_BYTES_MAX;
        let mut next = Some(first);
        while let Some(part) = next {
            left_bytes = left_bytes.saturating_sub(part.cost_bytes());
            self.feed(sink, sealer, &part).await?;
            next = queue.next_within(left_bytes);
        }
        sink.flush().await?;
        queue.flushed();
        Ok(true)
    }

    /// Nothing follows.
    async fn write_farewell(
        &self,
        sink: &mut (impl Sink<Message, Error = Error> + Unpin),
        queue: &Queue,
        sealer: &mut Sealer,
    ) -> Result<bool, Error> {
        for part in queue.farewell() {
            self.feed(sink, sealer, &part).await?;
        }
        sink.flush().await?;
        Ok(false)
    }

    async fn feed(
        &self,
        sink: &mut (impl Sink<Message, Error = Error> + Unpin),
        sealer: &mut Sealer,
        part: &Part,
    ) -> Result<(), Error> {
        match sealer.seal(part) {
            Ok(message) => sink.feed(Message::Binary(message)).await?,
            // Parts are cut to size; and a bug of ours must not end the link.
            Err(error) => tracing::error!(link = self.link, %error, "a part was not sent"),
        }
        self.shared.counters.class(part.class()).sent(part, 0);
        Ok(())
    }

    async fn report_congestion(&self) {
        loop {
            let (class, frames) = self.room.congested().await;
            self.shared.counters.class(class).dropped(frames);
            self.shared.tell(Inbound::Congested { link: self.link, class, frames }).await;
        }
    }

    async fn report_left(&self) {
        loop {
            let class = self.room.left().await;
            self.shared.tell(Inbound::Left { link: self.link, class }).await;
        }
    }

    /// Returns when a link that we are closing has had its time.
    async fn out_of_patience(&self) {
        self.room.closing().await;
        sleep(self.farewell_time()).await;
    }

    async fn in_time<T>(&self, sent: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
        let drain_ms = self.shared.limits.drain_ms;
        match timeout(Duration::from_millis(drain_ms), sent).await {
            Ok(Ok(sent)) => Ok(sent),
            Ok(Err(error)) => Err(lost(&error)),
            Err(_) => Err(format!("the peer accepted no data for {drain_ms} ms")),
        }
    }

    fn farewell_time(&self) -> Duration {
        Duration::from_millis(self.shared.limits.farewell_ms)
    }
}

/// How every WebSocket of ours is set up. Small parts are not written before we flush, and what is
/// flushed is a batch, so the buffer holds no more than one.
pub(crate) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(2 * BATCH_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

fn describe(error: &Error) -> End {
    match error {
        Error::Capacity(why) => End::Misbehaved(why.to_string()),
        Error::Utf8(_) => End::Misbehaved("a text message has no place on a link".to_owned()),
        _ => End::Gone(lost(error)),
    }
}

fn lost(error: &Error) -> String {
    format!("the connection was lost: {error}")
}

/// Bytes of one read: small, because every link keeps a buffer of up to four times as much, and
/// most are quiet.
const READ_BYTES: usize = 1024;
/// Bytes handed to the socket in one write: one part of any size, or many small ones. Small for
/// the same reason.
const BATCH_BYTES_MAX: usize = 4 * 1024;
pub(crate) const CODE_NORMAL: u16 = 1_000;
pub(crate) const CODE_MISBEHAVED: u16 = 4_005;
