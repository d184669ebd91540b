//! `trellis backup` and `trellis check`.

use std::path::PathBuf;

use daemon::backup::{self, Backup, BackupError, Checked, Keys};
use serde_json::json;

use super::Place;
use crate::failure::Failure;
use crate::words::counted;

/// Copies of a node that can be checked and brought back.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis backup create /media/stick/monday
  trellis backup verify /media/stick/monday
  trellis backup restore /media/stick/monday --dir /srv/trellis")]
pub(crate) enum Verb {
    Create(CreateArgs),
    Verify(VerifyArgs),
    Restore(RestoreArgs),
}

/// Check this node's whole store and copy it into a new directory. The node must not be running.
///
/// The keys are left out unless asked for: a node restored without them is another node with the
/// same state. Whoever holds a backup with keys can be this node.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis backup create /media/stick/monday
  trellis backup create /safe/monday --identity")]
pub(crate) struct CreateArgs {
    /// A directory that does not exist yet
    #[arg(value_name = "NEW-DIR")]
    to: PathBuf,
    /// Include the node's keys
    #[arg(long)]
    identity: bool,
}

/// Check that a backup is what was copied.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis backup verify /media/stick/monday")]
pub(crate) struct VerifyArgs {
    /// The backup
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
}

/// Make a node's directory (--dir) of a backup. The directory must be empty or not exist.
///
/// Never run a restored node while the one it was copied from runs with the same key.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis backup restore /media/stick/monday --dir /srv/trellis")]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
}

/// Check everything in this node's store. The node must not be running.
///
/// Looks at every page and every record, at all that finds them, and makes the Merkle root anew.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis check")]
pub(crate) struct CheckArgs {}

pub(crate) fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Create(args) => {
            let keys = if args.identity { Keys::Included } else { Keys::LeftOut };
            let backup = backup::create(&place.directory, &args.to, keys).map_err(sorted)?;
            tell(place, &backup, "copied and checked")
        }
        Verb::Verify(args) => {
            let backup = backup::verify(&args.from).map_err(sorted)?;
            tell(place, &backup, "every file is what was copied")
        }
        Verb::Restore(args) => {
            let backup = backup::restore(&args.from, &place.directory).map_err(sorted)?;
            tell(place, &backup, "restored")?;
            if has_keys(&backup) {
                place.output.note(
                    "this directory has the key of the node it was copied from: stop that one for \
                     ever before this one starts",
                );
            }
            Ok(())
        }
    }
}

pub(crate) fn check(_: &CheckArgs, place: &Place) -> anyhow::Result<()> {
    let Checked { verified, root } = backup::check(&place.directory).map_err(sorted)?;
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.check/1",
            "root": root.to_string(),
            "records": verified.records,
            "places": verified.items,
            "names": verified.names,
            "buckets": verified.buckets,
            "book": verified.book,
            "log": verified.log,
        }));
    }
    place.output.data(root)?;
    let records = counted(verified.records, "record", "records");
    let names = counted(verified.names, "name", "names");
    place.output.note(format_args!("the store is sound: {records}, {names}, one root"));
    Ok(())
}

fn tell(place: &Place, backup: &Backup, what: &str) -> anyhow::Result<()> {
    if place.output.is_json() {
        return place.output.document(backup);
    }
    let bytes: u64 = backup.files.iter().map(|file| file.bytes).sum();
    let keys = if has_keys(backup) { "with the keys" } else { "without the keys" };
    let records = counted(backup.records, "record", "records");
    place.output.data(format_args!(
        "{what}: {records}, {} MiB, {keys}, of {}, made {}",
        bytes.div_ceil(1 << 20),
        backup.node,
        backup.created
    ))
}

fn has_keys(backup: &Backup) -> bool {
    backup.files.iter().any(|file| file.name == "identity.pem")
}

/// What the caller can do about it decides the exit code.
fn sorted(error: BackupError) -> anyhow::Error {
    let text = error.to_string();
    match error {
        BackupError::NoNode(_) => Failure::not_found(text),
        BackupError::Occupied(_) => Failure::usage(text),
        BackupError::Changed { .. } | BackupError::NoBackup { .. } => Failure::refused(text),
        BackupError::Directory(_) | BackupError::Io { .. } => error.into(),
    }
}
