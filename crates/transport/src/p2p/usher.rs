//! One connection's streams: five, opened by the end that dialled, gathered until all are there.
//!
//! Bounds: five streams, each once; a second of its kind is dropped, and so are all that come
//! later. A connection that brings no link ends when its place at the door does.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
};
use libp2p::{Stream, StreamProtocol};
use tokio::sync::oneshot;

use crate::door::places::Place;

/// What a stream of a link is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// Frames of one class, by its index.
    Frames(usize),
    /// The link itself: its opening and its closing.
    Link,
}

/// All streams of a link.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) link: Stream,
    /// In the order of [`wire::Class::ALL`].
    pub(crate) frames: [Stream; 4],
}

/// What the behaviour hears of a connection.
#[derive(Debug)]
pub(crate) enum News {
    /// The link's streams are there. The connection ends when the hold is dropped.
    Complete(Box<Streams>, Hold),
    /// The other end has no such streams.
    Lacking(String),
    /// It has to end.
    Over,
}

/// Keeps a connection.
#[derive(Debug)]
pub(crate) struct Hold {
    _held: oneshot::Sender<Infallible>,
    /// For a connection that came in.
    pub(crate) place: Option<Arc<Place>>,
}

/// The task of one connection that is ours.
pub(crate) struct Usher {
    end: End,
    timeout: Duration,
    link: Option<Stream>,
    frames: [Option<Stream>; 4],
    held: Option<oneshot::Receiver<Infallible>>,
    news: Option<News>,
    over: bool,
}

/// Which end of the connection we are.
enum End {
    /// We dialled; streams are opened one by one.
    Dialler { opened: usize },
    /// It is there for something else, such as what a relay passes on, and brings no link.
    Idle,
    /// We were dialled.
    Listener { place: Arc<Place>, expired: Pin<Box<dyn Future<Output = ()> + Send>> },
}

/// The protocols a stream may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer(&'static [Purpose]);

impl Purpose {
    const ALL: [Self; 5] =
        [Self::Link, Self::Frames(0), Self::Frames(1), Self::Frames(2), Self::Frames(3)];

    /// Returns the protocol's name (LIBP2P-2).
    fn protocol(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Self::Link => "/trellis/link/1",
            Self::Frames(0) => "/trellis/frames/1/alert",
            Self::Frames(1) => "/trellis/frames/1/control",
            Self::Frames(2) => "/trellis/frames/1/normal",
            Self::Frames(_) => "/trellis/frames/1/bulk",
        })
    }
}

impl Usher {
    pub(crate) fn dialler(timeout: Duration) -> Self {
        Self::new(End::Dialler { opened: 0 }, timeout)
    }

    pub(crate) fn idle(timeout: Duration) -> Self {
        Self::new(End::Idle, timeout)
    }

    pub(crate) fn listener(place: Arc<Place>, timeout: Duration) -> Self {
        let watched = place.clone();
        let expired = Box::pin(async move { watched.expired().await });
        Self::new(End::Listener { place, expired }, timeout)
    }

    fn new(end: End, timeout: Duration) -> Self {
        let frames = [const { None }; 4];
        Self { end, timeout, link: None, frames, held: None, news: None, over: false }
    }

    fn offer(&self, purposes: &'static [Purpose]) -> SubstreamProtocol<Offer> {
        SubstreamProtocol::new(Offer(purposes), ()).with_timeout(self.timeout)
    }

    fn take(&mut self, purpose: Purpose, stream: Stream) {
        if self.held.is_some() {
            return;
        }
        let place = match purpose {
            Purpose::Frames(class) => &mut self.frames[class],
            Purpose::Link => &mut self.link,
        };
        place.get_or_insert(stream);
        if self.link.is_none() || self.frames.iter().any(Option::is_none) {
            return;
        }
        let frames = std::mem::take(&mut self.frames);
        let [Some(alert), Some(control), Some(normal), Some(bulk)] = frames else { return };
        let Some(link) = self.link.take() else { return };
        let (sender, receiver) = oneshot::channel();
        self.held = Some(receiver);
        let place = match &self.end {
            End::Dialler { .. } | End::Idle => None,
            End::Listener { place, .. } => Some(place.clone()),
        };
        let streams = Streams { link, frames: [alert, control, normal, bulk] };
        self.news = Some(News::Complete(Box::new(streams), Hold { _held: sender, place }));
    }

    fn lacks(&mut self, error: &StreamUpgradeError<Infallible>) {
        let why = match error {
            StreamUpgradeError::NegotiationFailed => {
                "a libp2p node, but no Trellis node answers there".to_owned()
            }
            StreamUpgradeError::Timeout => "its streams took too long".to_owned(),
            StreamUpgradeError::Io(error) => format!("the connection broke: {error}"),
            StreamUpgradeError::Apply(never) => match *never {},
        };
        self.news.get_or_insert(News::Lacking(why));
    }

    /// Says whether the connection's time is up.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let released = self.held.as_mut().is_some_and(|it| Pin::new(it).poll(cx).is_ready());
        let expired = match &mut self.end {
            End::Dialler { .. } | End::Idle => false,
            End::Listener { expired, .. } => !self.over && expired.as_mut().poll(cx).is_ready(),
        };
        released || expired
    }
}

impl ConnectionHandler for Usher {
    type FromBehaviour = Infallible;
    type ToBehaviour = News;
    type InboundProtocol = Offer;
    type OutboundProtocol = Offer;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        match self.end {
            End::Dialler { .. } | End::Idle => self.offer(&[]),
            End::Listener { .. } => self.offer(&Purpose::ALL),
        }
    }

    fn connection_keep_alive(&self) -> bool {
        match self.end {
            End::Dialler { .. } => !self.over,
            End::Idle => false,
            End::Listener { .. } => self.held.is_some() && !self.over,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Offer, (), News>> {
        if let Some(news) = self.news.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news));
        }
        if !self.over && self.is_over(cx) {
            self.over = true;
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(News::Over));
        }
        if let End::Dialler { opened } = &mut self.end
            && let Some(purpose) = Purpose::ALL.get(*opened..=*opened)
        {
            *opened += 1;
            let protocol = self.offer(purpose);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, never: Infallible) {
        match never {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Offer, Offer>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (purpose, stream),
                ..
            })
            | ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (purpose, stream),
                ..
            }) => self.take(purpose, stream),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => self.lacks(&error),
            // The set of libp2p's events is open; none of the others concerns a link.
            _ => {}
        }
    }
}

impl UpgradeInfo for Offer {
    type Info = Protocol;
    type InfoIter = Vec<Protocol>;

    fn protocol_info(&self) -> Vec<Protocol> {
        self.0.iter().map(|it| Protocol(*it, it.protocol())).collect()
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Purpose, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: Protocol) -> Self::Future {
        ready(Ok((protocol.0, stream)))
    }
}

impl OutboundUpgrade<Stream> for Offer {
    type Output = (Purpose, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: Protocol) -> Self::Future {
        ready(Ok((protocol.0, stream)))
    }
}

/// A purpose and its name.
#[derive(Clone, Debug)]
pub(crate) struct Protocol(Purpose, StreamProtocol);

impl AsRef<str> for Protocol {
    fn as_ref(&self) -> &str {
        self.1.as_ref()
    }
}

impl fmt::Debug for Usher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Usher")
    }
}
