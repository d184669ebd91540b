//! The authority of a private network: a key and a certificate in a directory, and what it has issued.
//!
//! It signs certificates of nodes, which say only that they belong, and records that say who was sent
//! away. It needs no running node, and its key need not be on a machine that runs one.

mod papers;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use transport::{Authorities, LIFE_DAYS_MAX, Member, member_name};
use wire::{Content, Entry, Hlc, Identity, NodeId, Record, Signed};

use crate::directory::{self, DirectoryError};
use crate::network::Network;

pub(crate) use papers::{CERTIFICATE_FILE, revocations};
pub use papers::{Papers, install, papers, request};

/// An authority, opened.
#[derive(Debug)]
pub struct Authority {
    path: PathBuf,
    identity: Identity,
    certificate: String,
}

/// A certificate that was issued.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issued {
    /// Whose it is.
    pub node: NodeId,
    /// From when it is good, unix seconds.
    pub begins_s: u64,
    /// Until when.
    pub expires_s: u64,
    /// Whether its node was sent away.
    pub revoked: bool,
    /// PEM.
    pub pem: String,
}

/// Why an authority does not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A directory or a file.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is one already.
    #[error("{} is there already: an authority is never overwritten", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("{} holds no authority: `trellis ca init NAME` makes one", .0.display())]
    None(PathBuf),
    /// Of a certificate.
    #[error("a certificate is good for 1 to {LIFE_DAYS_MAX} days")]
    Days,
    /// What a file holds is not what it should be.
    #[error("{0}")]
    File(String),
    /// The node was sent away: its key is not let in again.
    #[error("{0} was revoked: a node that comes back needs a new key")]
    Revoked(NodeId),
    /// Nothing was ever issued for it.
    #[error("nothing was issued for {0}: `trellis ca list` shows what was")]
    Unknown(NodeId),
}

impl Authority {
    /// Makes an authority in `dir` and the network file of its network.
    pub fn init(dir: &Path, name: &str, now_s: u64) -> Result<Self, AuthorityError> {
        let path = dir.join(AUTHORITY_DIR);
        if path.join(KEY_FILE).exists() {
            return Err(AuthorityError::Exists(path.join(KEY_FILE)));
        }
        let identity = Identity::from_seed(directory::random(&path)?);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("Trellis network {name}"));
        params.not_before = moment(now_s - now_s.min(CLOCKS_S));
        params.not_after = moment(now_s + AUTHORITY_DAYS * DAY_S);
        params.serial_number = Some(serial(&path)?);
        let certificate =
            params.self_signed(&key_pair(&identity)?).map_err(|error| file(&error))?;
        let certificate = certificate.pem();
        let network = network_file(name, &certificate);
        Network::parse(&network).map_err(AuthorityError::File)?;
        directory::make(&path)?;
        create_new(&path.join(KEY_FILE), &identity.to_pem(), 0o600)?;
        create_new(&path.join(AUTHORITY_FILE), &certificate, 0o644)?;
        create_new(&path.join(NETWORK_FILE), &network, 0o644)?;
        Ok(Self { path, identity, certificate })
    }

    /// Opens the authority in `dir`.
    pub fn open(dir: &Path) -> Result<Self, AuthorityError> {
        let path = dir.join(AUTHORITY_DIR);
        let key = path.join(KEY_FILE);
        let text =
            directory::read_secret(&key)?.ok_or_else(|| AuthorityError::None(path.clone()))?;
        let identity = Identity::from_pem(&text).map_err(|_| DirectoryError::BadKey(key))?;
        let certificate = directory::read_optional(&path.join(AUTHORITY_FILE))?
            .ok_or_else(|| AuthorityError::None(path.clone()))?;
        Ok(Self { path, identity, certificate })
    }

    /// Returns the network file that members use.
    pub fn network_file(&self) -> PathBuf {
        self.path.join(NETWORK_FILE)
    }

    /// Issues a certificate (CA-1) for the node whose request this is (PEM), and keeps a copy.
    pub fn issue(&self, request: &str, days: u64, now_s: u64) -> Result<Issued, AuthorityError> {
        let read = CertificateSigningRequestParams::from_pem(request).map_err(|error| {
            AuthorityError::File(format!("that is no request of a node: {error}"))
        })?;
        let bytes = rcgen::PublicKeyData::der_bytes(&read.public_key);
        let key = <[u8; 32]>::try_from(bytes).ok().map(NodeId::from_bytes);
        let node = key.filter(|key| !key.is_weak());
        let node = node.filter(|node| names(&read.params) == [member_name(*node)]);
        let node = node.ok_or_else(|| {
            AuthorityError::File("that request is not of a node's own key".to_owned())
        })?;
        self.sign(node, &read, days, now_s, request)
    }

    /// Issues again for a node that had a certificate.
    pub fn renew(&self, node: NodeId, days: u64, now_s: u64) -> Result<Issued, AuthorityError> {
        let kept = directory::read_optional(&self.issued().join(format!("{node}.csr")))?;
        self.issue(&kept.ok_or(AuthorityError::Unknown(node))?, days, now_s)
    }

    /// Lists the newest certificate of each node, the one that ends first at the top.
    pub fn list(&self) -> Result<Vec<Issued>, AuthorityError> {
        let mut found = Vec::new();
        for node in nodes_in(&self.issued(), ".pem")? {
            let pem = directory::read_optional(&self.issued().join(format!("{node}.pem")))?;
            let pem = pem.ok_or(AuthorityError::Unknown(node))?;
            let member = self.read(&pem)?;
            found.push(self.row(member, pem)?);
        }
        found.sort_by_key(|it| (it.expires_s, it.node));
        Ok(found)
    }

    /// Sends a node away for good: writes the record that says so for the node of this directory to
    /// publish, and returns where. Again for the same node it changes nothing.
    pub fn revoke(&self, node: NodeId, now_ms: u64) -> Result<PathBuf, AuthorityError> {
        let path = self.revoked_file(node);
        if path.exists() {
            return Ok(path);
        }
        let network = self.network()?;
        let used = revocations(self.dir()).into_iter().filter_map(|it| it.open().ok());
        let last = used.map(|it| it.record.seq).max().unwrap_or(0);
        let record = Record {
            network: network.id,
            seq: now_ms.max(last + 1),
            created: Hlc::from_ms(now_ms),
            expires_ms: 0,
            content: Content::Entry(Entry {
                collection: REVOKED.to_owned(),
                name: node.to_string(),
                value: Some("true".into()),
            }),
        };
        let signed = Signed::seal(&record, &self.identity);
        directory::make(&self.dir().join(REVOCATIONS_DIR))?;
        create_new(&path, &(STANDARD.encode(signed.encode()) + "\n"), 0o644)?;
        Ok(path)
    }

    fn sign(
        &self,
        node: NodeId,
        read: &CertificateSigningRequestParams,
        days: u64,
        now_s: u64,
        request: &str,
    ) -> Result<Issued, AuthorityError> {
        if !(1..=LIFE_DAYS_MAX).contains(&days) {
            return Err(AuthorityError::Days);
        }
        if self.revoked_file(node).exists() {
            return Err(AuthorityError::Revoked(node));
        }
        // Nothing of what is asked for is taken over but the key.
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names = read.params.subject_alt_names.clone();
        params.not_before = moment(now_s - now_s.min(CLOCKS_S));
        params.not_after = moment(now_s + days * DAY_S);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial(&self.path)?);
        let key = key_pair(&self.identity)?;
        let issuer =
            Issuer::from_ca_cert_pem(&self.certificate, key).map_err(|error| file(&error))?;
        let pem = params.signed_by(&read.public_key, &issuer).map_err(|error| file(&error))?.pem();
        let member = self.read(&pem)?;
        directory::make(&self.issued())?;
        let write = |end: &str, text: &str| {
            let path = self.issued().join(format!("{node}.{end}"));
            directory::create(&self.issued(), &path, text.as_bytes(), 0o644)
        };
        write("csr", request)?;
        write("pem", &pem)?;
        self.row(member, pem)
    }

    /// Reads a certificate of ours, whether its time is over or not.
    fn read(&self, pem: &str) -> Result<Member, AuthorityError> {
        let ours = Authorities::from_pem(self.certificate.as_bytes())
            .map_err(|error| AuthorityError::File(error.to_string()))?;
        ours.read_pem(pem.as_bytes()).map_err(|why| AuthorityError::File(why.to_string()))
    }

    fn row(&self, member: Member, pem: String) -> Result<Issued, AuthorityError> {
        let Member { node, begins_s, expires_s } = member;
        let revoked = self.revoked_file(node).exists();
        Ok(Issued { node, begins_s, expires_s, revoked, pem })
    }

    fn network(&self) -> Result<Network, AuthorityError> {
        let path = self.network_file();
        let text = directory::read_optional(&path)?.unwrap_or_default();
        Ok(Network::parse(&text).map_err(|why| DirectoryError::BadNetwork { path, why })?)
    }

    fn issued(&self) -> PathBuf {
        self.path.join("issued")
    }

    fn revoked_file(&self, node: NodeId) -> PathBuf {
        self.dir().join(REVOCATIONS_DIR).join(format!("{node}{RECORD_END}"))
    }

    /// Returns the directory that the authority's lies in.
    fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

fn network_file(name: &str, certificate: &str) -> String {
    format!(
        "# A private network: only nodes with a certificate of this authority are members.\n\
         name = {name:?}\nidentity = \"ca\"\nauthority = \"\"\"\n{certificate}\"\"\"\n"
    )
}

fn names(params: &CertificateParams) -> Vec<String> {
    let name = |it: &SanType| match it {
        SanType::URI(name) => Some(name.to_string()),
        // The set of rcgen's names is open; none of the others is ours.
        _ => None,
    };
    let all = params.subject_alt_names.iter().map(name);
    all.collect::<Option<_>>().unwrap_or_default()
}

fn key_pair(identity: &Identity) -> Result<KeyPair, AuthorityError> {
    KeyPair::from_pem(&identity.to_pem()).map_err(|error| file(&error))
}

fn file(error: &rcgen::Error) -> AuthorityError {
    AuthorityError::File(error.to_string())
}

fn serial(path: &Path) -> Result<SerialNumber, AuthorityError> {
    let mut bytes = directory::random(path)?;
    // Positive, and not shorter than it looks.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes[..16]))
}

/// Returns a moment as rcgen wants it.
fn moment(unix_s: u64) -> time::OffsetDateTime {
    rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(unix_s)
}

/// Returns the nodes that files of a directory are named after.
fn nodes_in(dir: &Path, end: &str) -> Result<Vec<NodeId>, AuthorityError> {
    let found = match fs::read_dir(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuthorityError::File(format!("{}: {error}", dir.display()))),
    };
    let names = found.flatten().filter_map(|it| it.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.strip_suffix(end)?.parse().ok()).collect())
}

/// Makes a file that is not there yet.
fn create_new(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => AuthorityError::Exists(path.to_owned()),
        _ => AuthorityError::File(format!("{}: {error}", path.display())),
    };
    let mut made = options.open(path).map_err(failed)?;
    made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(failed)
}

/// The collection of records that say who was sent away (CA-4).
pub(crate) const REVOKED: &str = "revoked";
/// Where a node finds records of an authority that it shall publish.
pub(crate) const REVOCATIONS_DIR: &str = "revocations";
const RECORD_END: &str = ".record";
const AUTHORITY_DIR: &str = "ca";
const KEY_FILE: &str = "ca.key";
const AUTHORITY_FILE: &str = "ca.pem";
const NETWORK_FILE: &str = "network.toml";
const DAY_S: u64 = 86_400;
const AUTHORITY_DAYS: u64 = 3_650;
/// Clocks of members may be as far behind.
const CLOCKS_S: u64 = 600;
