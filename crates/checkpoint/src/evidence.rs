//! Proof that attesters broke their word: anybody can check it.

use wire::NetworkId;

use crate::bytes::{Reader, put_part};
use crate::certificate::CERTIFICATE_BYTES_MAX;
use crate::checkpoint::CHECKPOINT_BYTES;
use crate::{Ballot, Certificate, Checkpoint, CheckpointError, Committee};

/// Two things that cannot both be honest (CKPT-7).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// One attester said two things at one place.
    Ballots(Box<(Ballot, Ballot)>),
    /// Two checkpoints of one height are final: a third of the weight or more broke its word.
    Fork(Box<[(Checkpoint, Certificate); 2]>),
}

impl Evidence {
    /// Checks it against the committee of that height.
    pub fn verify(
        &self,
        network: &NetworkId,
        committee: &Committee,
    ) -> Result<(), CheckpointError> {
        match self {
            Self::Ballots(ballots) => {
                let (one, other) = ballots.as_ref();
                if !one.contradicts(other) {
                    return Err(CheckpointError::NoContradiction);
                }
                let genuine = |ballot: &Ballot| ballot.verify(network, committee);
                if genuine(one) && genuine(other) {
                    Ok(())
                } else {
                    Err(CheckpointError::BadSignature)
                }
            }
            Self::Fork(sides) => {
                let [(one, _), (other, _)] = sides.as_ref();
                let same = one.height == other.height && one.network == other.network;
                if !same || one.network != *network || one == other {
                    return Err(CheckpointError::NoContradiction);
                }
                sides.iter().try_for_each(|(it, certificate)| certificate.verify(it, committee))
            }
        }
    }

    /// Returns the height it is about.
    pub fn height(&self) -> u64 {
        match self {
            Self::Ballots(ballots) => ballots.0.height,
            Self::Fork(sides) => sides[0].0.height,
        }
    }

    /// Returns the numbers of those who are guilty beyond doubt, in the committee of that height.
    pub fn guilty(&self) -> Vec<u16> {
        match self {
            Self::Ballots(ballots) => vec![ballots.0.attester],
            Self::Fork(sides) => {
                let second: Vec<u16> = sides[1].1.signers.iter().collect();
                sides[0].1.signers.iter().filter(|it| second.contains(it)).collect()
            }
        }
    }

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ballots(ballots) => {
                out.push(1);
                ballots.0.encode(&mut out);
                ballots.1.encode(&mut out);
            }
            Self::Fork(sides) => {
                out.push(2);
                for (checkpoint, certificate) in sides.iter() {
                    out.extend(checkpoint.encode());
                    put_part(&mut out, &certificate.encode());
                }
            }
        }
        out
    }

    /// Reads what [`Evidence::encode`] wrote. Nothing is proven by that.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, EVIDENCE_BYTES_MAX, "evidence")?;
        let evidence = match reader.byte()? {
            1 => {
                let one = Ballot::decode(&mut reader)?;
                Self::Ballots(Box::new((one, Ballot::decode(&mut reader)?)))
            }
            2 => {
                let one = side(&mut reader)?;
                Self::Fork(Box::new([one, side(&mut reader)?]))
            }
            _ => return Err(reader.malformed()),
        };
        reader.end()?;
        Ok(evidence)
    }
}

fn side(reader: &mut Reader<'_>) -> Result<(Checkpoint, Certificate), CheckpointError> {
    let checkpoint = Checkpoint::decode(&reader.array::<CHECKPOINT_BYTES>()?)?;
    Ok((checkpoint, Certificate::decode(reader.part()?)?))
}

/// Two checkpoints with their certificates.
const EVIDENCE_BYTES_MAX: usize = 1 + 2 * (CHECKPOINT_BYTES + 2 + CERTIFICATE_BYTES_MAX);
