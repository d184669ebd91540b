//! `trellis people`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use daemon::api::types::{NewPerson, PeopleAnswer, PersonAnswer, PersonRole};
use reqwest::Method;
use serde_json::json;

use super::Place;
use crate::failure::Failure;
use crate::table::Table;
use crate::words::{ago, counted, percent_encoded, printable};

/// People: who may decide at this node.
///
/// The operator runs the machine and names the others. Mirrors decide what the node says and takes in
/// the name of its people: alerts, rules, transfers. Observers look. Until somebody is named a
/// Mirror, the operator stands in for one.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis people add ana --role mirror --out ana.token
  trellis people list
  trellis people list --token ana.token          act as ana
  trellis people remove ana")]
pub(crate) enum Verb {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Name somebody, and write the token by which the node will know them.
///
/// The token is shown this once: the node keeps a hash of it alone.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis people add ana --role mirror --out ana.token
  trellis people add bo --role observer")]
pub(crate) struct AddArgs {
    /// 1 to 32 of a-z, 0-9 and -
    #[arg(value_name = "NAME")]
    name: String,
    /// What they may do
    #[arg(long, value_parser = role, value_name = "mirror|observer|operator")]
    role: PersonRole,
    /// Where the token goes, readable by you alone [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// List who may decide at this node, and decisions that wait for another Mirror.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis people list")]
pub(crate) struct ListArgs {}

/// Take a name away; its token opens nothing from then on.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis people remove ana")]
pub(crate) struct RemoveArgs {
    /// The name
    #[arg(value_name = "NAME")]
    name: String,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Add(args) => add(args, place).await,
        Verb::List(_) => list(place).await,
        Verb::Remove(args) => remove(args, place).await,
    }
}

async fn add(args: &AddArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    // Before anybody is named: a token that cannot be kept helps nobody.
    let out = args.out.as_deref().map(fresh_file).transpose()?;
    let body = serde_json::to_string(&NewPerson { name: args.name.clone(), role: args.role })?;
    let sent = client.send::<PersonAnswer>(Method::POST, "/v1/people", body).await;
    let answer = sent.inspect_err(|_| {
        if let Some(out) = &args.out {
            // It is empty, and ours.
            let _left = std::fs::remove_file(out);
        }
    })?;
    let PersonAnswer { name, role, token, .. } = answer.value;
    let kept = match (out, &args.out) {
        (Some(mut file), Some(path)) => {
            use std::io::Write as _;
            writeln!(file, "{token}").with_context(|| format!("writing {}", path.display()))?;
            format!("their token is in {}", path.display())
        }
        _ => "their token is shown this once".to_owned(),
    };
    if place.output.is_json() {
        let token = args.out.is_none().then_some(token);
        let (schema, role) = ("trellis.person/1", word(role));
        let person = json!({ "schema": schema, "name": name, "role": role, "token": token });
        return place.output.document(&person);
    }
    if args.out.is_none() {
        place.output.data(token)?;
    }
    place.output.note(format_args!("{name} is {} here; {kept}", word(role)));
    Ok(())
}

async fn list(place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<PeopleAnswer>("/v1/people").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let PeopleAnswer { people, waiting, quorums, .. } = answer.value;
    if !people.is_empty() {
        let mut table = Table::new(&["NAME", "ROLE", "NAMED"]);
        for person in &people {
            table.row([person.name.clone(), word(person.role).to_owned(), ago(&person.added)]);
        }
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    if !people.iter().any(|it| it.role == PersonRole::Mirror) {
        place.output.note("nobody is named a Mirror: the operator decides in their place");
    }
    for quorum in &quorums {
        place.output.note(format_args!("{} takes {} Mirrors", quorum.deed, quorum.need));
    }
    for vote in &waiting {
        let (deed, what, by) = (&vote.deed, printable(vote.what.text()), vote.by.join(", "));
        let (have, need, until) = (vote.by.len(), vote.need, ago(&vote.until));
        let waits = format!("waits, {have} of {need} ({by}), forgotten {until}: {deed} {what}");
        place.output.note(waits);
    }
    let count = counted(people.len() as u64, "person", "people");
    place.output.note(format_args!("{count} beside the operator"));
    Ok(())
}

async fn remove(args: &RemoveArgs, place: &Place) -> anyhow::Result<()> {
    // A URL has no way to write these names: each of them means another place.
    if matches!(args.name.as_str(), "" | "." | "..") {
        return Err(Failure::usage(format!("{:?} is no name", args.name)));
    }
    let path = format!("/v1/people/{}", percent_encoded(&args.name));
    let answer = place.client()?.delete::<PeopleAnswer>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    place.output.note(format_args!("{} is nobody here any more", args.name));
    Ok(())
}

/// Makes a file that its owner alone can read, and that was not there.
fn fresh_file(path: &Path) -> anyhow::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).with_context(|| format!("making {}", path.display()))
}

fn role(text: &str) -> Result<PersonRole, String> {
    match text {
        "mirror" => Ok(PersonRole::Mirror),
        "observer" => Ok(PersonRole::Observer),
        "operator" => Ok(PersonRole::Operator),
        _ => Err("use mirror, observer or operator".to_owned()),
    }
}

fn word(role: PersonRole) -> &'static str {
    match role {
        PersonRole::Mirror => "mirror",
        PersonRole::Observer => "observer",
        PersonRole::Operator => "operator",
    }
}
