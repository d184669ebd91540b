//! The first words on a link: which network it is for. Who is there, the connection has proven.

use std::time::Duration;

use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};
use wire::{Closing, LINK_WORD_BYTES_MAX, LinkWord, NodeId};

use super::frames::{MessageError, Messages, prefixed};
use crate::link::handshake::{Fault, Ourselves, printable};

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
    ) -> Result<(), Fault> {
        if peer == ourselves.identity.id() {
            return Err(Fault::Ourselves);
        }
        let steps = async {
            self.say(&LinkWord::Opening(ourselves.network)).await.map_err(broken)?;
            match self.hear().await.map_err(broken)? {
                Some(LinkWord::Opening(network)) if network == ourselves.network => Ok(()),
                Some(LinkWord::Opening(network)) => {
                    Err(Fault::WrongNetwork(ourselves.network, network))
                }
                Some(LinkWord::Closing(Closing { code, reason, .. })) => {
                    Err(Fault::Refused(code, printable(&reason)))
                }
                None => Err(Fault::Broken("the peer closed the connection".into())),
            }
        };
        timeout_at(deadline, steps).await.unwrap_or(Err(Fault::TimedOut))
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
        self.said.write_all(&prefixed(&word.encode())).await?;
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

fn broken(error: MessageError) -> Fault {
    Fault::Broken(error.to_string().into())
}

/// How long a peer may take to read why it was refused.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
