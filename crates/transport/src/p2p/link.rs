//! A libp2p link: one connection, five streams, one task.
//!
//! Frames of each class have a stream of their own, so that one class whose reader is behind holds
//! up no other. What goes next is chosen as on every link (CLASS-1); what libp2p holds of a class
//! and has not sent is its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::io::{ReadHalf, WriteHalf};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};
use wire::limits::FRAME_BYTES_MAX;
use wire::{Address, Class, Closing, LinkWord, Medium, Multiaddr, NodeId};

use super::counted::Counted;
use super::frames::{MessageError, Messages, prefixed};
use super::opening::{Words, hear};
use super::place::local_ip_towards;
use super::porch::{Arrived, Ends};
use super::usher::{Hold, Streams};
use crate::link::hands::Hands;
use crate::link::handshake::printable;
use crate::link::parts::{Then, Whole};
use crate::link::queue::{Queue, Room};
use crate::link::{CODE_MISBEHAVED, CODE_NORMAL, Origin, begin, end};
use crate::membership::Member;
use crate::traffic::Counters;
use crate::transport::Shared;
use crate::{Inbound, LinkNumber};

/// A connection whose link may begin.
pub(crate) struct Up {
    pub(crate) peer: NodeId,
    ends: Ends,
    pub(crate) words: Words<ReadHalf<Counted>, WriteHalf<Counted>>,
    readers: [Messages<ReadHalf<Counted>>; 4],
    writers: [WriteHalf<Counted>; 4],
    pub(crate) hold: Hold,
}

impl Up {
    pub(crate) fn new(arrived: Arrived, counters: &Arc<Counters>) -> Self {
        let Arrived { peer, ends, streams, hold, .. } = arrived;
        let Streams { link, frames } = streams;
        let quic = (ends.carried == Medium::Quic).then(|| counters.clone());
        let split = |stream| Counted::new(stream, quic.clone()).split();
        let (reader, said) = split(link);
        let [alert, control, normal, bulk] = frames.map(split);
        let readers = [alert.0, control.0, normal.0, bulk.0];
        Self {
            peer,
            ends,
            words: Words::new(reader, said),
            readers: readers.map(|it| Messages::new(it, FRAME_BYTES_MAX)),
            writers: [alert.1, control.1, normal.1, bulk.1],
            hold,
        }
    }
}

/// Carries a link that was dialled by a peer.
pub(crate) async fn inbound(shared: Arc<Shared>, arrived: Box<Arrived>) {
    let mut up = Box::new(Up::new(*arrived, &shared.counters));
    let peer = up.peer;
    let deadline = Instant::now() + Duration::from_millis(shared.limits.handshake_ms);
    let met = tokio::select! {
        met = up.words.open(&shared.ourselves, peer, deadline) => met,
        () = shared.stopping.cancelled() => return,
    };
    shared.counters.handshake(&met);
    match met {
        Ok(member) => {
            if let Some(place) = &up.hold.place {
                place.link();
            }
            Box::pin(run(&shared, *up, None, member)).await;
        }
        Err(fault) => {
            tracing::debug!(remote_ip = %up.ends.remote.ip(), %fault, "no link");
            let Up { words, hold, .. } = *up;
            words.explain(&fault).await;
            drop(hold);
        }
    }
}

/// Carries a link over a connection that nobody ordered: a hole was found through two NATs.
pub(crate) async fn outbound(shared: Arc<Shared>, arrived: Box<Arrived>) {
    let mut up = Box::new(Up::new(*arrived, &shared.counters));
    let peer = up.peer;
    let mut at = match up.ends.carried {
        Medium::Quic => Multiaddr::quic(up.ends.remote.ip(), up.ends.remote.port()),
        Medium::Http | Medium::Relay | Medium::Tcp => {
            Multiaddr::tcp(up.ends.remote.ip(), up.ends.remote.port())
        }
    };
    at.node = Some(peer);
    let deadline = Instant::now() + Duration::from_millis(shared.limits.handshake_ms);
    let met = tokio::select! {
        met = up.words.open(&shared.ourselves, peer, deadline) => met,
        () = shared.stopping.cancelled() => return,
    };
    shared.counters.handshake(&met);
    match met {
        Ok(member) => {
            let dialled = Some(Address::Libp2p(Box::new(at)));
            Box::pin(run(&shared, *up, dialled, member)).await;
        }
        Err(fault) => {
            tracing::debug!(remote_ip = %up.ends.remote.ip(), %fault, "no straight link");
            let Up { words, hold, .. } = *up;
            words.explain(&fault).await;
            drop(hold);
        }
    }
}

/// Carries frames until the link ends, and reports both. Ends early only with the transport.
pub(crate) async fn run(shared: &Shared, up: Up, dialled: Option<Address>, member: Option<Member>) {
    let Up { peer, ends, words, readers, writers, hold } = up;
    let remote_ip = ends.remote.ip().to_canonical();
    let shown = ends.local.map(|it| it.ip().to_canonical()).filter(|it| !it.is_unspecified());
    let local_ip = shown.unwrap_or_else(|| local_ip_towards(remote_ip));
    let origin = Origin { dialled, remote_ip, local_ip, medium: ends.medium, member };
    let (number, queue) = begin(shared, peer, origin).await;
    let room = queue.room();
    let link = Link { shared, link: number, room: &room };
    let why = link.carry(words, readers, writers, &queue).await;
    drop(hold);
    end(shared, number, ends.medium, why).await;
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
    async fn carry(
        &self,
        words: Words<ReadHalf<Counted>, WriteHalf<Counted>>,
        readers: [Messages<ReadHalf<Counted>>; 4],
        writers: [WriteHalf<Counted>; 4],
        queue: &Queue,
    ) -> String {
        let Words { mut heard, mut said } = words;
        let mut hands = Hands::new(writers, self.shared.limits.drain_ms);
        let reading = self.read(&mut heard, readers);
        let end = tokio::select! {
            end = reading => end,
            why = self.write(&mut hands, &mut said, queue) => End::Gone(why),
            end = self.report() => end,
            () = self.out_of_patience() => End::Gone(String::new()),
        };
        let (why, closing) = match end {
            End::Gone(_) if self.room.is_closing() => ("closed by this node".to_owned(), None),
            End::Gone(why) => (why, None),
            End::Misbehaved(why) => {
                let closing =
                    Closing { code: CODE_MISBEHAVED, reason: why.clone(), farewell: None };
                (why, Some(closing))
            }
        };
        if self.room.is_closing() {
            return why;
        }
        let goodbye = async {
            hands.close().await?;
            if let Some(closing) = closing {
                say(&mut said, closing).await?;
            }
            said.close().await?;
            // The peer reads why before the connection goes.
            while heard.next().await?.is_some() {}
            Ok::<_, MessageError>(())
        };
        // A peer that does not listen learns nothing, and that is its loss.
        let _told = timeout(self.farewell_time(), goodbye).await;
        why
    }

    /// Hands frames in; each class keeps its order. While the core is behind in a class, nothing
    /// of it is read.
    async fn read(
        &self,
        heard: &mut Messages<ReadHalf<Counted>>,
        readers: [Messages<ReadHalf<Counted>>; 4],
    ) -> End {
        let [alert, control, normal, bulk] = readers;
        let frames = async {
            tokio::try_join!(
                self.read_class(Class::Alert, alert),
                self.read_class(Class::Control, control),
                self.read_class(Class::Normal, normal),
                self.read_class(Class::Bulk, bulk),
            )
        };
        let mut frames = std::pin::pin!(frames);
        let mut last = std::pin::pin!(hear(heard));
        let mut ended = false;
        let word = loop {
            tokio::select! {
                word = &mut last => break word,
                all = &mut frames, if !ended => match all {
                    Ok(_) => ended = true,
                    Err(end) => return end,
                },
                () = sleep(self.farewell_time()), if ended => {
                    return End::Gone("the connection ended".to_owned());
                }
            }
        };
        let Closing { reason, farewell, .. } = match word {
            Ok(Some(LinkWord::Closing(closing))) => closing,
            Ok(Some(LinkWord::Opening(_))) => {
                return End::Misbehaved("a link is opened only once".to_owned());
            }
            Ok(None) => return End::Gone("the connection ended".to_owned()),
            Err(error) => return end_of(error),
        };
        if !ended {
            // Streams are not in step with each other: what was sent before may come now.
            if let Ok(Err(end)) = timeout(self.farewell_time(), frames).await {
                return end;
            }
        }
        if let Some(bytes) = farewell {
            self.hand_in(Whole { class: Class::Control, bytes, then: Then::End }).await;
        }
        End::Gone(match printable(&reason).as_str() {
            "" => "closed by the peer".to_owned(),
            said => format!("closed by the peer: {said}"),
        })
    }

    async fn read_class(
        &self,
        class: Class,
        mut frames: Messages<ReadHalf<Counted>>,
    ) -> Result<(), End> {
        while let Some(bytes) = frames.next().await.map_err(end_of)? {
            if !self.room.is_closing() {
                self.hand_in(Whole { class, bytes, then: Then::More }).await;
            }
        }
        Ok(())
    }

    async fn hand_in(&self, frame: Whole) {
        self.shared.counters.class(frame.class).received(frame.bytes.len());
        tokio::select! {
            () = self.shared.tell_frame(self.link, frame) => {}
            () = self.room.closing() => {}
        }
    }

    /// Sends what is queued; then all streams end, and the closing is the last word (LIBP2P-5).
    async fn write(
        &self,
        hands: &mut Hands<WriteHalf<Counted>>,
        said: &mut WriteHalf<Counted>,
        queue: &Queue,
    ) -> String {
        let counters = &self.shared.counters;
        if let Err(why) = hands.serve(queue, counters).await {
            // What the peer said last, and why it went, may still be waiting to be read.
            sleep(self.farewell_time()).await;
            return why;
        }
        let farewell = queue.farewell_frame();
        let last = async {
            hands.close().await?;
            say(said, Closing { code: CODE_NORMAL, reason: String::new(), farewell }).await?;
            Ok::<_, MessageError>(said.close().await?)
        };
        // The peer ends its streams as well, and reading ends; or patience does.
        let _told = timeout(Duration::from_millis(self.shared.limits.drain_ms), last).await;
        std::future::pending().await
    }

    async fn report(&self) -> End {
        let congested = async {
            loop {
                let (class, frames) = self.room.congested().await;
                self.shared.counters.class(class).dropped(frames);
                self.shared.tell(Inbound::Congested { link: self.link, class, frames }).await;
            }
        };
        let left = async {
            loop {
                let class = self.room.left().await;
                self.shared.tell(Inbound::Left { link: self.link, class }).await;
            }
        };
        tokio::select! {
            () = congested => {}
            () = left => {}
        }
        End::Gone("this node is stopping".to_owned())
    }

    /// Returns when a link that we are closing has had its time.
    async fn out_of_patience(&self) {
        self.room.closing().await;
        sleep(self.farewell_time()).await;
    }

    fn farewell_time(&self) -> Duration {
        Duration::from_millis(self.shared.limits.farewell_ms)
    }
}

async fn say(said: &mut WriteHalf<Counted>, closing: Closing) -> Result<(), MessageError> {
    let word: Bytes = prefixed(&LinkWord::Closing(closing).encode());
    said.write_all(&word).await?;
    Ok(said.flush().await?)
}

fn end_of(error: MessageError) -> End {
    match error {
        MessageError::Lost(_) | MessageError::Unfinished => End::Gone(error.to_string()),
        MessageError::Length | MessageError::NoWord(_) | MessageError::TooLarge(_) => {
            End::Misbehaved(error.to_string())
        }
    }
}
