//! The node's directory: lock, key, token, network file and the note by which tools find it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use node::engine::checkpoint::Seat;
use store::{DirLock, Holder, StoreError};
use wire::Identity;

use crate::api::types::RunFile;
use crate::attesters;
use crate::network::{COMMONS, Network};

/// What a directory holds, taken by this process.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) lock: DirLock,
    pub(crate) identity: Identity,
    /// Whether the key was made just now.
    pub(crate) fresh: bool,
    pub(crate) token: String,
    pub(crate) network: Network,
    /// Set where an attester's key lies beside the node's.
    pub(crate) seat: Option<Seat>,
}

/// Why a directory cannot be used. Files that were there are as they were.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The key file holds no key.
    #[error(
        "{} holds no Ed25519 key (PKCS#8 PEM): restore it, or move it away to become another node",
        .0.display()
    )]
    BadKey(PathBuf),
    /// The network file is wrong.
    #[error("network file {}: {why}", path.display())]
    BadNetwork {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system says no.
    #[error("cannot use {}: {why}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says and what to do.
        why: String,
    },
    /// Somebody else can read a secret.
    #[error("{} can be read by others; run: chmod 600 {}", .0.display(), .0.display())]
    Open(PathBuf),
    /// The directory belongs to another network.
    #[error(
        "{} belongs to the network {have:?}, not to {want:?}: choose another --dir, or leave out \
         the network file",
        path.display()
    )]
    OtherNetwork {
        /// The directory.
        path: PathBuf,
        /// Its network.
        have: String,
        /// The one asked for.
        want: String,
    },
    /// The lock or the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Home {
    /// Takes a directory, and makes what is missing. The lock comes before anything else.
    pub(crate) fn open(
        path: &Path,
        network_file: Option<&Path>,
        started: &str,
    ) -> Result<Self, DirectoryError> {
        make(path)?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let holder = Holder { pid: std::process::id(), version, since: started.to_owned() };
        let lock = DirLock::take(path, &holder)?;
        let network = network(path, network_file)?;
        let (identity, fresh) = identity(path)?;
        let token = token(path)?;
        let seat = attesters::seat(path)?;
        Ok(Self { lock, identity, fresh, token, network, seat })
    }
}

/// A directory in which a node runs. Dropping it takes the note away and then frees the directory:
/// the other way round, the note of whoever comes next could be the one that goes.
#[derive(Debug)]
pub(crate) struct Tenancy {
    path: PathBuf,
    _lock: DirLock,
}

impl Tenancy {
    pub(crate) fn new(path: &Path, lock: DirLock) -> Self {
        Self { path: path.to_owned(), _lock: lock }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(self.path.join(RUN_FILE)) {
            tracing::debug!(%error, "run.json was not removed");
        }
    }
}

/// Writes the note by which tools find the running node.
pub(crate) fn write_run_file(path: &Path, run: &RunFile) -> Result<(), DirectoryError> {
    let text = serde_json::to_string_pretty(run).map_err(|error| DirectoryError::Io {
        path: path.join(RUN_FILE),
        why: error.to_string(),
    })?;
    // Renamed into place: a reader sees the whole note or none.
    let fresh = path.join("run.json.new");
    fs::write(&fresh, text).map_err(|error| io(&fresh, &error))?;
    fs::rename(&fresh, path.join(RUN_FILE)).map_err(|error| io(&fresh, &error))
}

pub(crate) fn make(path: &Path) -> Result<(), DirectoryError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(DirectoryError::Io {
            path: path.to_owned(),
            why: "it is a file, not a directory: choose another --dir".to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(path).map_err(|error| io(path, &error))
        }
        Err(error) => Err(io(path, &error)),
    }
}

fn network(path: &Path, file: Option<&Path>) -> Result<Network, DirectoryError> {
    let ours = path.join("network.toml");
    let have = read_optional(&ours)?;
    let want = match file {
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| io(file, &error))?;
            Some((parse_network(file, &text)?, text))
        }
        None => None,
    };
    match (have, want) {
        (Some(have), None) => parse_network(&ours, &have),
        (Some(have), Some((want, _))) => {
            let have = parse_network(&ours, &have)?;
            if have.id == want.id {
                return Ok(have);
            }
            let (have, want) = (describe(&have), describe(&want));
            Err(DirectoryError::OtherNetwork { path: path.to_owned(), have, want })
        }
        (None, want) => {
            let (network, text) = match want {
                Some(want) => want,
                None => (parse_network(&ours, COMMONS)?, COMMONS.to_owned()),
            };
            create(path, &ours, text.as_bytes(), 0o644)?;
            Ok(network)
        }
    }
}

/// Two networks may have one name: the first digits of the id tell them apart.
fn describe(network: &Network) -> String {
    format!("{} ({:?})", network.name, network.id)
}

fn parse_network(path: &Path, text: &str) -> Result<Network, DirectoryError> {
    Network::parse(text).map_err(|why| DirectoryError::BadNetwork { path: path.to_owned(), why })
}

pub(crate) fn identity(path: &Path) -> Result<(Identity, bool), DirectoryError> {
    let file = path.join("identity.pem");
    if let Some(text) = read_secret(&file)? {
        let identity = Identity::from_pem(&text).map_err(|_| DirectoryError::BadKey(file))?;
        return Ok((identity, false));
    }
    let identity = Identity::from_seed(random(&file)?);
    create(path, &file, identity.to_pem().as_bytes(), 0o600)?;
    Ok((identity, true))
}

fn token(path: &Path) -> Result<String, DirectoryError> {
    let file = path.join("token");
    if let Some(text) = read_secret(&file)? {
        let token = text.trim().to_owned();
        if 32 <= token.len() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(token);
        }
        let why = "it holds no token: remove it, and a new one is made".to_owned();
        return Err(DirectoryError::Io { path: file, why });
    }
    let token = wire::Digest(random(&file)?).to_string();
    create(path, &file, format!("{token}\n").as_bytes(), 0o600)?;
    Ok(token)
}

/// Returns 32 bytes from the system; `path` is what they were for.
pub(crate) fn random(path: &Path) -> Result<[u8; 32], DirectoryError> {
    let mut bytes = [0; 32];
    let failed = |error: getrandom::Error| DirectoryError::Io {
        path: path.to_owned(),
        why: format!("no randomness from the system: {error}"),
    };
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

pub(crate) fn read_optional(path: &Path) -> Result<Option<String>, DirectoryError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, &error)),
    }
}

/// Reads a file that only its owner may be able to read.
pub(crate) fn read_secret(path: &Path) -> Result<Option<String>, DirectoryError> {
    let Some(text) = read_optional(path)? else { return Ok(None) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(|error| io(path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(DirectoryError::Open(path.to_owned()));
        }
    }
    Ok(Some(text))
}

/// Says whether everybody on this machine can read a file.
pub(crate) fn others_can_read(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Makes a file with its mode from the start, complete and on disk before it has its name.
pub(crate) fn create(
    dir: &Path,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> Result<(), DirectoryError> {
    let fresh = path.with_extension("new");
    match fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(io(&fresh, &error)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&fresh).map_err(|error| io(&fresh, &error))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| io(&fresh, &error))?;
    fs::rename(&fresh, path).map_err(|error| io(path, &error))?;
    #[cfg(unix)]
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io(dir, &error))?;
    Ok(())
}

fn io(path: &Path, error: &std::io::Error) -> DirectoryError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            ": give this user the right to write there, or choose another --dir"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ": make room on the disk",
        _ => "",
    };
    DirectoryError::Io { path: path.to_owned(), why: format!("{error}{hint}") }
}

/// In the node's directory while it runs.
const RUN_FILE: &str = "run.json";
