//! What a node is told before it starts.

use std::path::{Path, PathBuf};

use daemon::Settings;

use crate::{Error, Node};

/// A node to be. What is not said has the program's defaults; the directory's `config.toml` counts, and the
/// environment does not.
#[derive(Clone, Debug)]
pub struct Builder {
    directory: PathBuf,
    network: Option<String>,
    settings: Vec<(String, String)>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { directory: PathBuf::from("trellis"), network: None, settings: Vec::new() }
    }

    /// Lives in this directory (`trellis` in the current one unless told). It is made if it is not there; key and data
    /// stay in it, and no other node may use it meanwhile.
    #[must_use]
    pub fn data_dir(mut self, directory: impl AsRef<Path>) -> Self {
        directory.as_ref().clone_into(&mut self.directory);
        self
    }

    /// Belongs to the network of this network file, whose text this is. All its nodes need the same. Without it the
    /// directory's own counts, and a new directory joins the network `trellis`.
    #[must_use]
    pub fn network(mut self, text: impl Into<String>) -> Self {
        self.network = Some(text.into());
        self
    }

    /// Knows a node by its address, such as `http://192.0.2.7:8880` or a multiaddr. May be said several times.
    #[must_use]
    pub fn peer(self, address: impl Into<String>) -> Self {
        self.set("peers.bootstrap", address)
    }

    /// Listens on this machine alone, on any free port, over HTTP: for tests, and for several nodes in one program.
    #[must_use]
    pub fn local(self) -> Self {
        let one = |it: Self, key| it.set(key, "127.0.0.1:0");
        let it = one(one(self, "http.listen"), "api.listen");
        it.set("libp2p.listen", "none").set("peers.dial", "http")
    }

    /// Changes any other setting by its name in `config.toml` (`trellis config show` lists them).
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Starts the node; it serves when this returns. Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<Node, Error> {
        let flag = |(key, value)| (key, value, "the builder".to_owned());
        let mut flags: Vec<_> = self.settings.into_iter().map(flag).collect();
        if let Some(text) = self.network {
            let file = self.directory.join(NETWORK_FILE);
            let shown = file.display().to_string();
            let failed = |error| Error::System(shown.clone(), error);
            std::fs::create_dir_all(&self.directory).map_err(failed)?;
            std::fs::write(&file, text).map_err(failed)?;
            flags.push(flag(("network.file".to_owned(), shown.clone())));
        }
        let settings = Settings::load(&self.directory, None, std::iter::empty(), flags)?;
        Ok(Node::new(daemon::start(settings).await?))
    }
}

/// Where the text of a network file is put for the node to read; its own copy is `network.toml`.
const NETWORK_FILE: &str = "network.given.toml";
