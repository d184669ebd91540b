//! What each verb does: one file per verb.

pub(crate) mod alert;
pub(crate) mod append;
pub(crate) mod backup;
pub(crate) mod ca;
pub(crate) mod checkpoint;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod contradictions;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod level;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod peers;
pub(crate) mod people;
pub(crate) mod publish;
pub(crate) mod put;
pub(crate) mod rm;
pub(crate) mod root;
pub(crate) mod rule;
pub(crate) mod seed;
pub(crate) mod send;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod transfer;
pub(crate) mod up;
pub(crate) mod verify;
pub(crate) mod watch;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::args::{Arguments, Global, Verb};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Where a command works: its directory and its output.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    /// The token of who acts, where it is not the operator.
    pub(crate) token: Option<PathBuf>,
    pub(crate) output: Output,
}

impl Place {
    /// Finds the running node.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::find_as(&self.directory, self.token.as_deref())
    }
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments, output: &Output) -> anyhow::Result<()> {
    let runtime = runtime(&arguments.verb)?;
    let result = runtime.block_on(dispatch(arguments, *output));
    // What still runs is owned by nobody who waits for it: a stream's reader, a name lookup.
    runtime.shutdown_background();
    result
}

async fn dispatch(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let Arguments { global, verb } = arguments;
    let place = || place(&global, output);
    match verb {
        Verb::Alert(verb) => alert::run(&verb, &place()?).await,
        Verb::Checkpoint(verb) => checkpoint::run(&verb, &place()?).await,
        Verb::Append(args) => append::run(&args, &place()?).await,
        Verb::Backup(verb) => backup::run(&verb, &place()?),
        Verb::Ca(verb) => ca::run(&verb, &place()?),
        Verb::Check(args) => backup::check(&args, &place()?),
        Verb::Completions(args) => completions::run(&args, output),
        Verb::Config(verb) => config::run(&verb, &place()?).await,
        Verb::Contradictions(args) => contradictions::run(&args, &place()?).await,
        Verb::Demo(args) => demo::run(&args, global.dir.as_deref(), output).await,
        Verb::Doctor(args) => doctor::run(&args, &place()?).await,
        Verb::Get(args) => get::run(&args, &place()?).await,
        Verb::Invite(args) => invite::run(&args, &place()?).await,
        Verb::Join(args) => join::run(&args, &place()?).await,
        Verb::Import(args) => import::run(&args, &place()?).await,
        Verb::Level(verb) => level::run(&verb, &place()?).await,
        Verb::List(args) => list::run(&args, &place()?).await,
        Verb::Log(args) => log::run(&args, &place()?).await,
        Verb::People(verb) => people::run(&verb, &place()?).await,
        Verb::Peers(args) => peers::run(&args, &place()?).await,
        Verb::Publish(args) => publish::run(&args, &place()?).await,
        Verb::Put(args) => put::run(&args, &place()?).await,
        Verb::Rm(args) => rm::run(&args, &place()?).await,
        Verb::Root(args) => root::run(&args, &place()?).await,
        Verb::Seed(verb) => seed::run(&verb, &place()?).await,
        Verb::Send(args) => send::run(&args, &place()?).await,
        Verb::Rule(verb) => rule::run(&verb, &place()?).await,
        Verb::Sim(verb) => sim::run(verb, output).await,
        Verb::Status(args) => status::run(&args, &place()?).await,
        Verb::Transfer(verb) => transfer::run(&verb, &place()?).await,
        Verb::Up(args) => up::run(&args, &place()?).await,
        // An entry is checked by its file alone: no directory is asked for before it is needed.
        Verb::Verify(args) => verify::run(&args, place, output),
        Verb::Watch(args) => watch::run(&args, &place()?).await,
    }
}

fn place(global: &Global, output: Output) -> anyhow::Result<Place> {
    let directory = match &global.dir {
        Some(directory) => directory.clone(),
        None => daemon::settings::default_directory()
            .context("name the node's directory with --dir DIR")?,
    };
    Ok(Place { directory, token: global.token.clone(), output })
}

/// A node wants every core; a question to one does not.
fn runtime(verb: &Verb) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = match verb {
        Verb::Demo(_) | Verb::Up(_) => tokio::runtime::Builder::new_multi_thread(),
        Verb::Append(_)
        | Verb::Alert(_)
        | Verb::Backup(_)
        | Verb::Ca(_)
        | Verb::Check(_)
        | Verb::Checkpoint(_)
        | Verb::Completions(_)
        | Verb::Config(_)
        | Verb::Contradictions(_)
        | Verb::Doctor(_)
        | Verb::Get(_)
        | Verb::Import(_)
        | Verb::Invite(_)
        | Verb::Join(_)
        | Verb::Level(_)
        | Verb::List(_)
        | Verb::Log(_)
        | Verb::Peers(_)
        | Verb::People(_)
        | Verb::Publish(_)
        | Verb::Put(_)
        | Verb::Rm(_)
        | Verb::Root(_)
        | Verb::Seed(_)
        | Verb::Send(_)
        | Verb::Rule(_)
        | Verb::Sim(_)
        | Verb::Status(_)
        | Verb::Transfer(_)
        | Verb::Verify(_)
        | Verb::Watch(_) => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().context("starting the runtime")
}

/// Returns `?collection=..&author=..` of what is given, or nothing.
pub(crate) fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let pairs: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", crate::words::percent_encoded(value)))
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Returns the path of an entry. A URL has no way to write a name that is empty, or one or two dots:
/// each of them means another place.
pub(crate) fn entry_path(
    name: &str,
    parameters: &[(&str, Option<&str>)],
) -> anyhow::Result<String> {
    if matches!(name, "" | "." | "..") {
        return Err(Failure::usage(format!("{name:?} cannot be the name of an entry")));
    }
    Ok(format!("/v1/entries/{}{}", crate::words::percent_encoded(name), query(parameters)))
}
