//! Bytes and types agree, and the committed code is what the schema says.

use std::path::Path;
use std::{env, fs};

mod any;
mod contradiction;
mod corpus;
mod decode;
mod head;
mod hex;
mod identity;
mod invite;
mod keyring;
mod letter;
mod limits;
mod link_word;
mod slot;

/// The committed code is what the schema says; `UPDATE=1 cargo test -p wire` rewrites it.
#[test]
fn generated_code_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = protox::compile(["trellis.proto"], [root.join("proto")]).unwrap();
    let out = env::temp_dir().join(format!("wire-generated-{}", std::process::id()));
    fs::create_dir_all(&out).unwrap();
    prost_build::Config::new().bytes(["."]).out_dir(&out).compile_fds(schema).unwrap();
    let fresh = fs::read_to_string(out.join("trellis.v1.rs")).unwrap();
    fs::remove_dir_all(&out).unwrap();
    let committed = root.join("src/generated.rs");
    if env::var_os("UPDATE").is_some() {
        fs::write(&committed, &fresh).unwrap();
    }
    let current = fs::read_to_string(&committed).unwrap();
    assert!(current == fresh, "run: UPDATE=1 cargo test -p wire generated_code_is_current");
}
