//! A private network at a running node: its own certificate (CA-5), and who was sent away (CA-4).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store::{Query, Read};
use tokio_util::sync::CancellationToken;
use transport::{Authorities, Certificate, GossipAnswer, NotMember, Private, Transport};
use wire::{NodeId, RecordId};

use crate::authority::{CERTIFICATE_FILE, REVOKED, revocations};
use crate::clock::unix_ms;
use crate::network::Network;
use crate::settings::TlsFiles;

/// What looks after a membership.
pub(crate) struct Watch {
    pub(crate) directory: PathBuf,
    pub(crate) authorities: Authorities,
    pub(crate) reader: Arc<dyn Read>,
    pub(crate) transport: Transport,
}

/// Returns where a member's certificate and key are; `None` where the network is open.
pub(crate) fn files(directory: &Path, network: &Network) -> Option<TlsFiles> {
    network.authority.as_ref()?;
    let (certificate, key) = (directory.join(CERTIFICATE_FILE), directory.join("identity.pem"));
    Some(TlsFiles { certificate, key })
}

/// Makes a member of what was read. One whose time is over starts all the same: it serves its
/// operator, and is let in again once it is renewed.
pub(crate) fn private(
    authority: &str,
    certificate: Option<Certificate>,
    node: NodeId,
) -> Result<Private, String> {
    let authorities = Authorities::from_pem(authority.as_bytes()).map_err(|why| why.to_string())?;
    let certificate = certificate.ok_or("there is no certificate here")?;
    match certificate.member(&authorities, unix_ms() / 1_000) {
        Ok(member) if member.node == node => {}
        Ok(_) => return Err(NotMember::Other.to_string()),
        Err(why @ NotMember::Expired) => tracing::warn!(%why, "no member will link to this node"),
        Err(why) => return Err(why.to_string()),
    }
    Ok(Private { authorities, certificate, revoked: BTreeSet::new() })
}

impl Watch {
    /// Publishes what the authority left here, and closes the links of those who were sent away,
    /// until the node stops (CA-4).
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut published = BTreeSet::new();
        loop {
            self.publish(&mut published).await;
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn publish(&self, published: &mut BTreeSet<RecordId>) {
        let directory = self.directory.clone();
        let found = tokio::task::spawn_blocking(move || revocations(&directory)).await;
        for signed in found.unwrap_or_default() {
            let Ok(opened) = signed.clone().open() else { continue };
            let ours = self.authorities.keys().contains(&signed.author);
            if !ours || published.contains(&opened.id) {
                continue;
            }
            match self.transport.offer(signed).await {
                GossipAnswer::Accepted | GossipAnswer::Duplicate => {
                    published.insert(opened.id);
                }
                GossipAnswer::Busy => {}
                why @ (GossipAnswer::Malformed
                | GossipAnswer::Refused(_)
                | GossipAnswer::Unsigned) => {
                    tracing::warn!(?why, id = %opened.id, "a revocation cannot be published");
                    published.insert(opened.id);
                }
            }
        }
    }

    async fn look(&self) {
        let (reader, keys) = (self.reader.clone(), self.authorities.keys().to_vec());
        let read = tokio::task::spawn_blocking(move || revoked(reader.as_ref(), &keys)).await;
        match read {
            Ok(Ok(nodes)) => self.transport.revoke(nodes),
            Ok(Err(error)) => tracing::warn!(%error, "who was sent away cannot be read"),
            Err(error) => tracing::error!(%error, "who was sent away was not read"),
        }
    }
}

/// Reads the records of the authorities, page by page.
fn revoked(reader: &dyn Read, keys: &[NodeId]) -> Result<BTreeSet<NodeId>, store::StoreError> {
    let mut nodes = BTreeSet::new();
    for key in keys {
        let mut query = Query {
            collection: Some(REVOKED.to_owned()),
            author: Some(*key),
            limit: Query::LIMIT_MAX,
            ..Query::default()
        };
        loop {
            let (found, cursor) = reader.list(&query)?;
            nodes.extend(found.iter().filter_map(|it| it.label.name.parse::<NodeId>().ok()));
            match cursor {
                Some(cursor) => query.after = Some(cursor),
                None => break,
            }
        }
    }
    Ok(nodes)
}

/// How soon a revocation takes effect here.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
