//! What a member has: its request, its certificate, and records of the authority to pass on.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, SanType};
use transport::{Authorities, Member, member_name};
use wire::{Identity, Signed};

use super::{AuthorityError, REVOCATIONS_DIR};
use crate::directory::{self, DirectoryError};
use crate::network::Network;

/// The certificate of a directory, and what is wrong with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Papers {
    /// What it says, if it can be read.
    pub member: Option<Member>,
    /// Why it does not let this node in.
    pub problem: Option<String>,
}

/// Writes a request for the node of a directory, PEM; its key is made if there is none.
pub fn request(dir: &Path) -> Result<String, AuthorityError> {
    directory::make(dir)?;
    let identity = directory::identity(dir)?.0;
    let wrong = |error: rcgen::Error| AuthorityError::File(error.to_string());
    let key = KeyPair::from_pem(&identity.to_pem()).map_err(wrong)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = member_name(identity.id()).try_into().map_err(wrong)?;
    params.subject_alt_names = vec![SanType::URI(name)];
    params.serialize_request(&key).and_then(|it| it.pem()).map_err(wrong)
}

/// Puts a certificate where the node of a directory looks for it, if it is its own.
pub fn install(dir: &Path, pem: &str) -> Result<Member, AuthorityError> {
    let member = Authorities::read_any(pem.as_bytes())
        .map_err(|why| AuthorityError::File(why.to_string()))?;
    let identity = own(dir)?;
    if member.node != identity.id() {
        let (theirs, ours) = (member.node, identity.id());
        let why = format!("that certificate is of {theirs}, and the node here is {ours}");
        return Err(AuthorityError::File(why));
    }
    let path = dir.join(CERTIFICATE_FILE);
    directory::create(dir, &path, pem.as_bytes(), 0o644)?;
    Ok(member)
}

/// Examines the certificate of a directory; `None` where its network, as the file or the directory
/// says it, is open.
pub fn papers(dir: &Path, network: Option<&Path>, now_s: u64) -> Option<Papers> {
    let path = network.map_or_else(|| dir.join("network.toml"), Path::to_owned);
    let network = Network::parse(&std::fs::read_to_string(path).ok()?).ok()?;
    let authorities = Authorities::from_pem(network.authority?.as_bytes()).ok()?;
    let wrong = |why: String| Papers { member: None, problem: Some(why) };
    let Ok(pem) = std::fs::read(dir.join(CERTIFICATE_FILE)) else {
        return Some(wrong("there is no certificate of this private network".to_owned()));
    };
    let member = match Authorities::read_any(&pem) {
        Ok(member) => member,
        Err(why) => return Some(wrong(why.to_string())),
    };
    let checked = authorities.check_pem(&pem, now_s).map_err(|why| why.to_string());
    let mine = own(dir).map(|it| it.id() == member.node).unwrap_or(false);
    let problem = match checked {
        Ok(_) if !mine => Some("it is that of another node".to_owned()),
        Ok(_) => None,
        Err(why) => Some(why),
    };
    Some(Papers { member: Some(member), problem })
}

/// Reads the records of an authority that the node of a directory shall publish; what is none is
/// left out.
pub(crate) fn revocations(dir: &Path) -> Vec<Signed> {
    let Ok(found) = std::fs::read_dir(dir.join(REVOCATIONS_DIR)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = found.flatten().map(|it| it.path()).take(FILES_MAX).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        Signed::decode(&STANDARD.decode(text.trim()).ok()?).ok()
    };
    paths.into_iter().filter_map(read).collect()
}

fn own(dir: &Path) -> Result<Identity, DirectoryError> {
    Ok(directory::identity(dir)?.0)
}

/// In the directory of a member.
pub(crate) const CERTIFICATE_FILE: &str = "certificate.pem";
/// Records looked at.
const FILES_MAX: usize = 10_000;
