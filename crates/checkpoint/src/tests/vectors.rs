//! The published test vectors: docs/vectors/checkpoint.txt is what this program makes.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use super::{NETWORK, attest, checkpoint_after, committee, key, seal};
use crate::{Chain, Head};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn vectors() -> String {
    let (committee, keys) = committee(4);
    let head = Head::genesis(NETWORK, committee.clone());
    let checkpoint = checkpoint_after(&head, 1);
    let ballot = attest(&checkpoint, 0, &keys[0]);
    let sealed = seal(checkpoint.clone(), &keys, &[0, 1, 3]);
    let lines = [
        ("seed of a key", hex(&wire::Digest::of("attester", &[&0_u64.to_be_bytes()]).0)),
        ("its secret", hex(&key(0).to_bytes())),
        ("its public key", hex(&key(0).public().to_bytes())),
        ("its proof of possession", hex(&key(0).prove().0)),
        ("a committee of four, weight 1 each", hex(&committee.encode())),
        ("its hash", committee.hash().to_string()),
        ("a checkpoint of it", hex(&checkpoint.encode())),
        ("its hash", checkpoint.hash().to_string()),
        ("what attesters of it sign", ballot.signed(&NETWORK).to_string()),
        ("the signature of number 0", hex(&ballot.signature.0)),
        ("a certificate by 0, 1 and 3", hex(&sealed.certificate.encode())),
        ("a checkpoint file", hex(&Chain(vec![sealed]).encode())),
    ];
    let mut text =
        "# Checkpoints: test vectors. Made by: UPDATE=1 cargo test -p checkpoint vectors\n\
                    # Formats: docs/protocol.md, Checkpoints. Bytes as hexadecimal digits.\n"
            .to_owned();
    for (name, value) in lines {
        writeln!(text, "\n{name}\n{value}").unwrap();
    }
    text
}

#[test]
fn the_published_vectors_are_what_this_program_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/checkpoint.txt");
    let made = vectors();
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(published, made, "run: UPDATE=1 cargo test -p checkpoint vectors");
}

/// Ethereum's BLS tests (consensus-spec tests, general/phase0/bls), which use the same scheme.
#[test]
fn the_scheme_is_the_one_that_others_use() {
    let secret = "263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3";
    let message = [0; 32];
    let expected = "b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366\
                    c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e5\
                    5c8e850ce1f98458c0cfc9ab380b55285a55";
    let bytes = wire::Digest::from_hex(secret).unwrap().0;
    let secret = crate::SecretKey::from_bytes(&bytes).unwrap();
    assert_eq!(hex(&secret.sign(&wire::Digest(message)).0), expected);
}
