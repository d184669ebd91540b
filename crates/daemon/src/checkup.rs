//! What can be said of a directory without running a node in it; nothing is changed or made.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use store::DirLock;
use wire::{Identity, Medium, NodeId};

use crate::directory::{self, DirectoryError};
use crate::network::{COMMONS, Network};
use crate::ports;

/// Returns the node whose key lies in a directory; `None` where there is none yet.
pub fn identity(path: &Path) -> Result<Option<NodeId>, DirectoryError> {
    let file = path.join("identity.pem");
    let Some(text) = directory::read_secret(&file)? else { return Ok(None) };
    let identity = Identity::from_pem(&text).map_err(|_| DirectoryError::BadKey(file))?;
    Ok(Some(identity.id()))
}

/// Returns the secrets of a directory that others can read, or that cannot be read at all.
pub fn open_secrets(path: &Path) -> Vec<DirectoryError> {
    let files = SECRETS.iter().map(|name| path.join(name));
    files.filter_map(|file| directory::read_secret(&file).err()).collect()
}

/// Returns name and id of the network a node would join here.
pub fn network(path: &Path, file: Option<&Path>) -> Result<(String, String), DirectoryError> {
    let own = path.join("network.toml");
    let have = directory::read_optional(&own)?;
    let (file, text) = match (have, file) {
        (Some(text), _) => (own, text),
        (None, None) => (own, COMMONS.to_owned()),
        (None, Some(file)) => match directory::read_optional(file)? {
            Some(text) => (file.to_owned(), text),
            None => return Err(bad(file, "there is no such file")),
        },
    };
    let network = Network::parse(&text).map_err(|why| bad(&file, why))?;
    Ok((network.name, network.id.to_string()))
}

/// Says who holds a directory, if a program does.
pub fn holder(path: &Path) -> Option<String> {
    DirLock::holder(path).map(|holder| format!("process {} since {}", holder.pid, holder.since))
}

/// Tries a port; the error names who holds it, as far as this user may see that.
pub fn port(address: SocketAddr, medium: Medium) -> Result<(), String> {
    let bound = match medium {
        Medium::Http | Medium::Tcp => TcpListener::bind(address).map(drop),
        // Nobody listens at a relay before it agrees.
        Medium::Relay => Ok(()),
        Medium::Quic => UdpSocket::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(format!(
            "taken by {}",
            ports::holder(address, medium).unwrap_or("another program".into())
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn bad(path: &Path, why: impl Into<String>) -> DirectoryError {
    DirectoryError::BadNetwork { path: PathBuf::from(path), why: why.into() }
}

/// Files that only their owner may read.
const SECRETS: [&str; 3] = ["identity.pem", "token", "attester.key"];
