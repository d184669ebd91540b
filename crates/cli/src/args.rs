//! The words the program understands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::{
    alert, append, backup, ca, checkpoint, completions, config, contradictions, demo, doctor, get,
    import, invite, join, level, list, log, peers, people, publish, put, rm, root, rule, seed,
    send, sim, status, transfer, up, verify, watch,
};

/// Shares facts among equals: every node hears every message and ends with the same state.
///
/// Begin with `trellis demo` (a whole network on this machine) or `trellis up` (one node).
#[derive(Debug, Parser)]
#[command(name = "trellis", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The node's directory: its key, its data, and where a running node is found
    /// [default: the platform's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "TRELLIS_DIR", display_order = 900)]
    pub(crate) dir: Option<PathBuf>,
    /// Who acts: a file with the token that `trellis people add` gave [default: the operator's, in
    /// the node's directory]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TRELLIS_TOKEN_FILE",
        display_order = 902
    )]
    pub(crate) token: Option<PathBuf>,
    /// Write JSON to standard output
    #[arg(long, global = true, display_order = 901)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    // In the order in which a newcomer needs them.
    Demo(demo::Args),
    Up(up::Args),
    Status(status::Args),
    Peers(peers::Args),
    Doctor(doctor::Args),
    Invite(invite::Args),
    Join(join::Args),
    #[command(subcommand)]
    Ca(ca::Verb),
    Publish(publish::Args),
    Send(send::Args),
    Watch(watch::Args),
    Put(put::Args),
    Append(append::Args),
    Get(get::Args),
    Rm(rm::Args),
    List(list::Args),
    Root(root::Args),
    Verify(verify::Args),
    Import(import::Args),
    #[command(subcommand)]
    Level(level::Verb),
    #[command(subcommand)]
    Alert(alert::Verb),
    #[command(subcommand)]
    Transfer(transfer::Verb),
    #[command(subcommand)]
    Seed(seed::Verb),
    #[command(subcommand)]
    Rule(rule::Verb),
    #[command(subcommand)]
    People(people::Verb),
    Log(log::Args),
    Contradictions(contradictions::Args),
    #[command(subcommand)]
    Checkpoint(checkpoint::Verb),
    #[command(subcommand)]
    Backup(backup::Verb),
    Check(backup::CheckArgs),
    #[command(subcommand)]
    Config(config::Verb),
    #[command(subcommand)]
    Sim(sim::Verb),
    Completions(completions::Args),
}

/// Parses the command line; the error prints itself and knows its exit code.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(arguments)
}

/// Describes the command line, for completions and tests.
pub(crate) fn description() -> clap::Command {
    Arguments::command()
}

const EXAMPLES: &str = "\
Examples:
  trellis demo                                   five nodes on this machine that agree
  trellis up --peer http://192.0.2.7:8880        one node, joined to another
  trellis publish news '\"the bridge is open\"'   tell every node
  trellis put well/3 '{\"litres\": 500}'          change the state of every node

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no node is running, 4 refused, 5 not found.";
