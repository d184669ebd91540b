//! Attesters outside the core: the key file, the rows of a network file, and checks without a node.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::engine::checkpoint::{
    Attester, Chain, Checkpoint, Committee, Head, PublicKey, Seat, SecretKey, Signature,
};
use serde::Deserialize;
use wire::Hex;

use crate::directory::{self, DirectoryError};
use crate::network::Network;

/// An attester in a network file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttesterRow {
    /// What people call it; no part of anything.
    #[serde(rename = "name")]
    _name: Option<String>,
    key: String,
    proof: String,
    weight: Option<u64>,
}

/// The file of an attester: its key was there, or is new.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The public key, hexadecimal.
    pub key: String,
    /// The proof that its owner holds it, hexadecimal.
    pub proof: String,
    /// Where the secret is.
    pub path: PathBuf,
    /// Whether it was made just now.
    pub fresh: bool,
}

/// What a file of checkpoints proves.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The newest checkpoint in it.
    pub checkpoint: Checkpoint,
    /// Attesters that signed it, and the weight of all that may.
    pub signers: usize,
    /// What they count, and what all count.
    pub weight: (u64, u64),
    /// The network's name.
    pub network: String,
}

/// Checks a file of checkpoints from the committee of the network file on. Needs no node.
pub fn verify(network: &str, file: &[u8]) -> Result<Verified, String> {
    let network = Network::parse(network).map_err(|why| format!("the network file: {why}"))?;
    let (_, committee) = network.checkpoints.ok_or("the network file names no attester")?;
    let chain = Chain::decode(file).map_err(|error| error.to_string())?;
    let mut head = Head::genesis(network.id, committee);
    let mut signed_by = Arc::clone(&head.committee);
    for sealed in &chain.0 {
        signed_by = Arc::clone(&head.committee);
        head = head
            .follow(sealed)
            .map_err(|error| format!("height {}: {error}", sealed.checkpoint.height))?;
    }
    let last = chain.0.last().ok_or("it holds no checkpoint")?;
    let signers = &last.certificate.signers;
    Ok(Verified {
        checkpoint: last.checkpoint.clone(),
        signers: signers.len(),
        weight: (signed_by.weight_of(signers.iter()), signed_by.weight()),
        network: network.name,
    })
}

/// Returns the attester key of a directory, and makes it where there is none. No other can make it
/// again: a copy of it in two running nodes breaks its word.
pub fn credentials(dir: &Path) -> Result<Credentials, DirectoryError> {
    directory::make(dir)?;
    let path = dir.join(KEY_FILE);
    let (key, fresh) = match key(dir)? {
        Some(key) => (key, false),
        None => {
            let key = SecretKey::from_seed(&directory::random(&path)?);
            let secret = wire::Digest(key.to_bytes());
            directory::create(dir, &path, format!("{LABEL}{secret}\n").as_bytes(), 0o600)?;
            (key, true)
        }
    };
    let (public, proof) = (key.public().to_string(), key.prove().to_string());
    Ok(Credentials { key: public, proof, path, fresh })
}

/// Returns what makes a node an attester: its key, and the committee its operator wants next.
pub(crate) fn seat(dir: &Path) -> Result<Option<Seat>, DirectoryError> {
    let Some(key) = key(dir)? else { return Ok(None) };
    let path = dir.join(NEXT_FILE);
    let Some(text) = directory::read_optional(&path)? else {
        return Ok(Some(Seat { key, next: None }));
    };
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        attester: Vec<AttesterRow>,
    }
    let file: Result<File, String> =
        toml::from_str(&text).map_err(|error| error.message().to_owned());
    let next = file.and_then(|file| committee(&file.attester));
    let next = next.map_err(|why| DirectoryError::Io { path, why })?;
    Ok(Some(Seat { key, next: Some(Arc::new(next)) }))
}

/// Makes a committee of the rows of a file.
pub(crate) fn committee(rows: &[AttesterRow]) -> Result<Committee, String> {
    let one = |(row, number): (&AttesterRow, usize)| {
        let wrong = |why: &str| format!("attester {number}: {why}");
        let key = Hex::read_array::<48>(&row.key)
            .ok_or_else(|| wrong("key needs 96 hexadecimal digits"))?;
        let proof = Hex::read_array::<96>(&row.proof)
            .ok_or_else(|| wrong("proof needs 192 hexadecimal digits"))?;
        let key = PublicKey::from_bytes(&key).map_err(|error| wrong(&error.to_string()))?;
        let proof = Signature(proof);
        key.check_possession(&proof).map_err(|error| wrong(&error.to_string()))?;
        Ok(Attester { key, proof, weight: row.weight.unwrap_or(1) })
    };
    let attesters = rows.iter().zip(1..).map(one).collect::<Result<Vec<_>, String>>()?;
    Committee::new(attesters).map_err(|error| error.to_string())
}

fn key(dir: &Path) -> Result<Option<SecretKey>, DirectoryError> {
    let path = dir.join(KEY_FILE);
    let Some(text) = directory::read_secret(&path)? else { return Ok(None) };
    let secret = text.strip_prefix(LABEL).and_then(|it| Hex::read_array::<32>(it.trim_end()));
    let key = secret.and_then(|it| SecretKey::from_bytes(&it).ok());
    let why = "it holds no attester key: restore it from your copy, or move it away".to_owned();
    key.map(Some).ok_or(DirectoryError::Io { path, why })
}

/// The secret of an attester, beside the node's own.
const KEY_FILE: &str = "attester.key";
/// The committee that this attester's operator wants next.
const NEXT_FILE: &str = "committee.toml";
const LABEL: &str = "trellis-attester-key-v1 ";
