//! Who is there: Noise XX over WebSocket, with a [`Proof`] of the node key in both directions.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, protocol::CloseFrame};
use wire::{Identity, NetworkId, NodeId, Proof};

use crate::channel::{Handshake, Opener, Sealer, StaticKey};
use crate::membership::{Member, Membership, NotMember};

/// What we prove, and what we check the other side against.
pub(crate) struct Ourselves {
    pub(crate) identity: Identity,
    pub(crate) network: NetworkId,
    pub(crate) key: StaticKey,
    /// Set in a private network.
    pub(crate) membership: Option<Arc<Membership>>,
}

/// A channel to a node that has proven its key.
pub(crate) struct Met {
    pub(crate) peer: NodeId,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

/// Why there is no channel.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the handshake broke: {0}")]
    Broken(Cow<'static, str>),
    #[error("the peer's proof does not fit its key and this channel")]
    Forged,
    #[error("no member of this private network: {0}")]
    NotMember(#[from] NotMember),
    #[error("that is this node itself")]
    Ourselves,
    #[error("the peer refused the link: {1}")]
    Refused(u16, String),
    #[error("the handshake took too long")]
    TimedOut,
    #[error("wrong network: ours {0:?}.., yours {1:?}..")]
    WrongNetwork(NetworkId, NetworkId),
}

impl Ourselves {
    /// Opens the channel as the side that dialled. May be dropped.
    pub(crate) async fn initiate<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
        deadline: Instant,
    ) -> Result<Met, Fault> {
        let steps = async {
            let mut handshake = self.key.initiate();
            say(socket, handshake.write(&[])).await?;
            let answer = hear(socket).await?;
            let peer = self.check(&mut handshake, &answer)?;
            say(socket, handshake.write(&self.proof())).await?;
            meet(peer, handshake)
        };
        timeout_at(deadline, steps).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Opens the channel as the side that was dialled. May be dropped.
    pub(crate) async fn respond<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
        deadline: Instant,
    ) -> Result<Met, Fault> {
        let steps = async {
            let mut handshake = self.key.respond();
            let first = hear(socket).await?;
            handshake.read(&first).map_err(|_| NO_NOISE)?;
            say(socket, handshake.write(&self.proof())).await?;
            let last = hear(socket).await?;
            let peer = self.check(&mut handshake, &last)?;
            meet(peer, handshake)
        };
        timeout_at(deadline, steps).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Checks that what was shown in TLS belongs to the node that is there (CA-2); `None` in a
    /// network that is open.
    pub(crate) fn admit(
        &self,
        shown: Option<&[u8]>,
        peer: NodeId,
    ) -> Result<Option<Member>, Fault> {
        let Some(membership) = &self.membership else { return Ok(None) };
        match membership.check_own(shown, peer) {
            Ok(member) => Ok(Some(member)),
            Err(why) => {
                membership.refused(&why);
                Err(Fault::NotMember(why))
            }
        }
    }

    fn proof(&self) -> Vec<u8> {
        Proof::new(&self.identity, self.network, &self.key.public()).encode()
    }

    /// Reads the message that carries the other side's proof, and believes it or not (LINK-1).
    fn check(&self, handshake: &mut Handshake, message: &[u8]) -> Result<NodeId, Fault> {
        let payload = handshake.read(message).map_err(|_| NO_NOISE)?;
        let proof = Proof::decode(&payload).map_err(|_| Fault::Forged)?;
        let key = handshake.remote_static().ok_or(Fault::Forged)?;
        if !proof.binds(&key) {
            return Err(Fault::Forged);
        }
        if proof.network != self.network {
            return Err(Fault::WrongNetwork(self.network, proof.network));
        }
        if proof.author == self.identity.id() {
            return Err(Fault::Ourselves);
        }
        Ok(proof.author)
    }
}

impl Fault {
    /// How many kinds are counted.
    pub(crate) const KINDS: usize = 6;

    /// The counter this belongs to: broken, forged, ourselves, timed out, wrong network, no member. What the
    /// peer found counts here as what it found.
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::Broken(_) => 0,
            Self::Forged => 1,
            Self::Ourselves => 2,
            Self::TimedOut => 3,
            Self::WrongNetwork(..) => 4,
            Self::NotMember(_) => 5,
            Self::Refused(code, _) => match *code {
                CODE_OURSELVES => 2,
                CODE_TIMED_OUT => 3,
                CODE_WRONG_NETWORK => 4,
                CODE_NOT_MEMBER => 5,
                _ => 0,
            },
        }
    }

    /// Tells the peer why, where there is something to tell. Short; may be dropped.
    pub(crate) async fn explain<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: &mut WebSocketStream<S>,
    ) {
        let Some(code) = self.close_code() else { return };
        let close = async {
            if socket.send(close_message(code, &self.to_string())).await.is_ok() {
                // Closing before the peer has read would reset the connection under the reason.
                while let Some(Ok(_)) = socket.next().await {}
            }
        };
        // The peer may be gone; then there is nobody to tell.
        let _told = timeout(CLOSE_PATIENCE, close).await;
    }

    /// Returns what the peer is told, where there is something to tell.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self {
            Self::Broken(_) => Some(CODE_BROKEN),
            Self::Forged => Some(CODE_FORGED),
            Self::NotMember(_) => Some(CODE_NOT_MEMBER),
            Self::Ourselves => Some(CODE_OURSELVES),
            // The peer has closed already.
            Self::Refused(..) => None,
            Self::TimedOut => Some(CODE_TIMED_OUT),
            Self::WrongNetwork(..) => Some(CODE_WRONG_NETWORK),
        }
    }
}

/// Makes a close message; longer reasons are cut to what a control frame holds.
pub(crate) fn close_message(code: u16, reason: &str) -> Message {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = Utf8Bytes::from(&reason[..end]);
    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason }))
}

/// Makes text of a stranger fit for a log.
pub(crate) fn printable(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(REASON_BYTES_MAX).collect()
}

fn meet(peer: NodeId, handshake: Handshake) -> Result<Met, Fault> {
    let (sealer, opener) = handshake.finish().map_err(|_| NO_NOISE)?;
    Ok(Met { peer, sealer, opener })
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    message: Vec<u8>,
) -> Result<(), Fault> {
    let sent = socket.send(Message::Binary(message.into())).await;
    sent.map_err(|error| Fault::Broken(error.to_string().into()))
}

async fn hear<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
) -> Result<bytes::Bytes, Fault> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
            Some(Ok(Message::Close(Some(frame)))) => {
                return Err(Fault::Refused(frame.code.into(), printable(&frame.reason)));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Text(_) | Message::Frame(_))) => return Err(NO_NOISE),
            Some(Err(error)) => return Err(Fault::Broken(error.to_string().into())),
            Some(Ok(Message::Close(None))) | None => return Err(ENDED),
        }
    }
}

const NO_NOISE: Fault = Fault::Broken(Cow::Borrowed("what came is no Noise handshake"));
const ENDED: Fault = Fault::Broken(Cow::Borrowed("the peer closed the connection"));
/// RFC 6455 allows 125 bytes, two of which are the code.
const REASON_BYTES_MAX: usize = 123;
const CODE_BROKEN: u16 = 4_000;
const CODE_FORGED: u16 = 4_001;
const CODE_OURSELVES: u16 = 4_002;
const CODE_TIMED_OUT: u16 = 4_003;
const CODE_WRONG_NETWORK: u16 = 4_004;
const CODE_NOT_MEMBER: u16 = 4_006;
/// How long a peer may take to read why it was refused.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
