//! The first words on a link: which network it is for. Who is there, the connection has proven.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};
use wire::{Closing, LINK_WORD_BYTES_MAX, LinkWord, NodeId};

use super::frames::{MessageError, Messages, prefixed};
use crate::link::handshake::{Fault, Ourselves, printable};
use crate::membership::{Member, NotMember};

/// Both halves of the stream on which a link speaks of itself.
pub(crate) struct Words<R, W> {
    pub(crate) heard: Messages<R>,
    pub(crate) said: W,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Words<R, W> {
    pub(crate) fn new(reader: R, said: W) -> Self {
        Self { heard: Messages::new(reader, LINK_WORD_BYTES_MAX), said }
    }

    /// Opens the link from either end (LIBP2P-3).
    pub(crate) async fn open(
        &mut self,
        ourselves: &Ourselves,
        peer: NodeId,
        deadline: Instant,
    ) -> Result<Option<Member>, Fault> {
        if peer == ourselves.identity.id() {
            return Err(Fault::Ourselves);
        }
        let steps = async {
            self.agree(ourselves).await?;
            let Some(membership) = &ourselves.membership else { return Ok(None) };
            // Each shows who let it in, and says that it is content with the other (CA-3).
            self.write(membership.own().leaf()).await.map_err(broken)?;
            let shown = self.shown().await?;
            let member = ourselves.admit(Some(&shown), peer)?;
            self.agree(ourselves).await?;
            Ok(member)
        };
        timeout_at(deadline, steps).await.unwrap_or(Err(Fault::TimedOut))
    }

    /// Says which network the link is for, and hears the same.
    async fn agree(&mut self, ourselves: &Ourselves) -> Result<(), Fault> {
        self.say(&LinkWord::Opening(ourselves.network)).await.map_err(broken)?;
        match self.hear().await.map_err(broken)? {
            Some(LinkWord::Opening(network)) if network == ourselves.network => Ok(()),
            Some(LinkWord::Opening(network)) => {
                Err(Fault::WrongNetwork(ourselves.network, network))
            }
            Some(LinkWord::Closing(closing)) => Err(refused(&closing)),
            None => Err(ENDED),
        }
    }

    /// Reads the other end's certificate.
    async fn shown(&mut self) -> Result<Bytes, Fault> {
        let message = self.heard.next().await.map_err(broken)?.ok_or(ENDED)?;
        // A certificate is a sequence, and no word begins as one does.
        if message.first() == Some(&DER_SEQUENCE) {
            return Ok(message);
        }
        match LinkWord::decode(message) {
            Ok(LinkWord::Closing(closing)) => Err(refused(&closing)),
            Ok(LinkWord::Opening(_)) | Err(_) => Err(Fault::NotMember(NotMember::None)),
        }
    }

    /// Tells the peer why there is no link, where there is something to tell. Short.
    pub(crate) async fn explain(mut self, fault: &Fault) {
        let Some(code) = fault.close_code() else { return };
        let closing = Closing { code, reason: fault.to_string(), farewell: None };
        let close = async {
            self.say(&LinkWord::Closing(closing)).await?;
            self.said.close().await?;
            // Closing before the peer has read would cut off the reason.
            while self.hear().await?.is_some() {}
            Ok::<_, MessageError>(())
        };
        // The peer may be gone; then there is nobody to tell.
        let _told = timeout(CLOSE_PATIENCE, close).await;
    }

    pub(crate) async fn say(&mut self, word: &LinkWord) -> Result<(), MessageError> {
        self.write(&word.encode()).await
    }

    async fn write(&mut self, message: &[u8]) -> Result<(), MessageError> {
        self.said.write_all(&prefixed(message)).await?;
        Ok(self.said.flush().await?)
    }

    async fn hear(&mut self) -> Result<Option<LinkWord>, MessageError> {
        hear(&mut self.heard).await
    }
}

/// Reads the next word; what is none counts as a broken connection.
pub(crate) async fn hear<R: AsyncRead + Unpin>(
    heard: &mut Messages<R>,
) -> Result<Option<LinkWord>, MessageError> {
    let Some(bytes) = heard.next().await? else { return Ok(None) };
    LinkWord::decode(bytes).map(Some).map_err(|error| MessageError::NoWord(error.to_string()))
}

fn refused(closing: &Closing) -> Fault {
    Fault::Refused(closing.code, printable(&closing.reason))
}

fn broken(error: MessageError) -> Fault {
    Fault::Broken(error.to_string().into())
}

const ENDED: Fault = Fault::Broken(Cow::Borrowed("the peer closed the connection"));
/// The first byte of every certificate.
const DER_SEQUENCE: u8 = 0x30;
/// How long a peer may take to read why it was refused.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
