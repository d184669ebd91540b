//! `trellis seed`.

mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use daemon::api::types::{NewLater, SeedAnswer, SeedRow, SeedState, Seeds};
use reqwest::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::Place;
use crate::client::{Answer, Client};
use crate::failure::Failure;
use crate::input;
use crate::table::Table;
use crate::words::{counted, printable, short_hex, took};
use show::{size, state};

/// Seeds: what others offer to know. Nothing of it comes here before you plant it.
///
/// A description travels to everybody; the content is fetched only by who plants the seed, from whoever
/// holds it, and every piece is checked. A planted seed is kept and given to others. It is never opened, run
/// or applied by itself, and nothing takes its place by itself.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis seed offer guide.md --title 'Guia de cisternas' --language pt-BR --licence CC-BY-4.0
  trellis seed list
  trellis seed show 5ee1d2aa
  trellis seed plant 5ee1d2aa --wait
  trellis seed save 5ee1d2aa guide.md")]
pub(crate) enum Verb {
    Offer(OfferArgs),
    List(ListArgs),
    /// Show a seed: what is said of it, who holds it, how far it is, and how it begins where it is here.
    ///
    /// Text is shown as it is; what controls, turns or hides is shown by its number, and what looks damaged
    /// is shown once more as it may have been meant.
    #[command(after_help = "Example:\n  trellis seed show 5ee1d2aa")]
    Show(IdArgs),
    Plant(PlantArgs),
    /// Decline a seed: nobody here is asked about it again.
    #[command(after_help = "Example:\n  trellis seed compost 5ee1d2aa")]
    Compost(IdArgs),
    Later(LaterArgs),
    /// Forget the content of a seed, or stop fetching it. Others who hold it keep it.
    #[command(after_help = "Example:\n  trellis seed uproot 5ee1d2aa")]
    Uproot(IdArgs),
    Save(SaveArgs),
}

/// Offer a file to everybody as a seed. Prints its name, made of what is in it.
///
/// Only the description travels now. The node keeps a copy of the file and gives it to who plants it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis seed offer guide.md --title 'Guia de cisternas' --language pt-BR --licence CC-BY-4.0
  trellis seed offer guide-2.md --title 'Guia de cisternas, 2' --supersedes 5ee1d2aa --life 7d")]
pub(crate) struct OfferArgs {
    /// The file, of at most 1 GiB
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it is called; the name of the file does not travel
    #[arg(long)]
    title: String,
    /// Its language, such as pt-BR
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// Its licence, such as CC-BY-4.0
    #[arg(long)]
    licence: Option<String>,
    /// The seed that it is meant to take the place of, or the beginning of its name
    #[arg(long, value_name = "ID")]
    supersedes: Option<String>,
    /// How long the offer stands, for example 12h or 7d [default: as long as the network allows, 30d at most]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
}

/// List seeds that wait for somebody here, and those that are here.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  trellis seed list\n  trellis seed list --all")]
pub(crate) struct ListArgs {
    /// Those that were composted or put off, too
    #[arg(long)]
    all: bool,
}

/// Which seed.
#[derive(clap::Args, Debug)]
pub(crate) struct IdArgs {
    /// Its name, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

/// Take a seed in: its content is fetched, checked and kept, and nothing else happens with it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  trellis seed plant 5ee1d2aa\n  trellis seed plant 5ee1d2aa --wait"
)]
pub(crate) struct PlantArgs {
    /// Its name, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Wait until all of it is here, and show how far it is
    #[arg(long)]
    wait: bool,
}

/// Put a seed off: it waits for somebody again after that.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis seed later 5ee1d2aa --for 7d")]
pub(crate) struct LaterArgs {
    /// Its name, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// For how long, for example 12h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = input::life_s, default_value = "1d")]
    life: u64,
}

/// Write the content of a seed that is here to a file of your choice. Nothing is opened or run.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis seed save 5ee1d2aa guide.md
  trellis seed save 5ee1d2aa - | less")]
pub(crate) struct SaveArgs {
    /// Its name, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// The file, which must not be there yet; - for standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Compost(args) => {
            decide(args, "compost", "composted; nobody here is asked again", place).await
        }
        Verb::Later(args) => later(args, place).await,
        Verb::List(args) => list(args, place).await,
        Verb::Offer(args) => offer(args, place).await,
        Verb::Plant(args) => plant(args, place).await,
        Verb::Save(args) => save(args, place).await,
        Verb::Show(args) => show::run(&args.id, place).await,
        Verb::Uproot(args) => {
            decide(args, "uproot", "uprooted; its content is gone from here", place).await
        }
    }
}

async fn offer(args: &OfferArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let file = match tokio::fs::File::open(&args.file).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::not_found(format!("there is no file {}", args.file.display())));
        }
        Err(error) => {
            return Err(error).with_context(|| format!("opening {}", args.file.display()));
        }
    };
    let meta = file.metadata().await?;
    if !meta.is_file() {
        return Err(Failure::usage(format!("{} is no file", args.file.display())));
    }
    let supersedes = match &args.supersedes {
        Some(id) => Some(find(&client, id).await?),
        None => None,
    };
    let life_s = args.life.map(|it| it.to_string());
    let query = super::query(&[
        ("title", Some(&args.title)),
        ("language", args.language.as_deref()),
        ("licence", args.licence.as_deref()),
        ("supersedes", supersedes.as_deref()),
        ("life_s", life_s.as_deref()),
    ]);
    let bar = place.output.progress(meta.len());
    bar.set_message("copying");
    let told_bar = bar.clone();
    let path = format!("/v1/seeds{query}");
    let answer =
        client.send_file::<Value>(&path, file, move |all| told_bar.set_position(all)).await;
    bar.finish_and_clear();
    told(place, &answer?, "offered to everybody; who plants it gets it from here")
}

async fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<Seeds>("/v1/seeds").await?;
    let mut all = answer.value;
    let shown = |seed: &SeedRow| match seed.state {
        SeedState::Composted => false,
        SeedState::Later | SeedState::Offered => seed.waiting,
        SeedState::Held | SeedState::Planting => true,
    };
    all.seeds.retain(|seed| args.all || shown(seed));
    all.seeds.sort_by_key(|seed| !seed.waiting);
    if place.output.is_json() {
        return place.output.document(&all);
    }
    let mut table = Table::new(&["SEED", "STATE", "SIZE", "HOLDERS", "LANGUAGE", "TITLE"]);
    for seed in &all.seeds {
        table.row([
            short_hex(&seed.seed).to_owned(),
            state(seed),
            size(seed.size),
            seed.holders.len().to_string(),
            seed.language.as_deref().map(printable).unwrap_or_default(),
            seed.shown.repaired.as_ref().map_or_else(
                || printable(&seed.shown.text),
                |repaired| format!("{} [{}]", printable(&seed.shown.text), printable(repaired)),
            ),
        ]);
    }
    if !all.seeds.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let waiting = counted(all.waiting, "seed waits", "seeds wait");
    let (used, max) = (size(all.used_bytes), size(all.max_bytes));
    place.output.note(format_args!("{waiting} for somebody here; {used} of {max} are used"));
    Ok(())
}

async fn plant(args: &PlantArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let path = format!("/v1/seeds/{id}/plant");
    let answer = client.send::<Value>(Method::POST, &path, String::new()).await?;
    let waits = answer.value["schema"] == "trellis.waits/1";
    if waits || !args.wait {
        return told(
            place,
            &answer,
            "planted; its content comes from whoever holds it: `trellis seed show`",
        );
    }
    wait(&client, &id, place).await
}

/// Shows how far a seed is until it is here.
async fn wait(client: &Client, id: &str, place: &Place) -> anyhow::Result<()> {
    let (began, path) = (std::time::Instant::now(), format!("/v1/seeds/{id}"));
    let mut bar = None;
    loop {
        let answer = client.get::<SeedAnswer>(&path).await?;
        let row = &answer.value.row;
        let bar = bar.get_or_insert_with(|| place.output.progress(row.size));
        match row.state {
            SeedState::Held => {
                bar.finish_and_clear();
                if place.output.is_json() {
                    return place.output.data(answer.text);
                }
                place.output.data(id)?;
                let (size, took) = (size(row.size), took(began.elapsed()));
                place.output.note(format_args!("all {size} are here and checked, in {took}"));
                return Ok(());
            }
            SeedState::Planting => {
                let progress = row.progress.as_ref();
                bar.set_position(progress.map_or(0, |it| it.bytes));
                let why = progress.and_then(|it| it.why.as_deref()).map(printable);
                bar.set_message(why.unwrap_or_else(|| "fetching".to_owned()));
            }
            SeedState::Composted | SeedState::Later | SeedState::Offered => {
                bar.finish_and_clear();
                return Err(Failure::refused("somebody uprooted it meanwhile"));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn later(args: &LaterArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let body = serde_json::to_string(&NewLater { for_s: args.life })?;
    let path = format!("/v1/seeds/{id}/later");
    let answer = client.send::<Value>(Method::POST, &path, body).await?;
    told(place, &answer, "put off; it is shown again after that")
}

async fn decide(args: &IdArgs, verb: &str, done: &str, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let path = format!("/v1/seeds/{id}/{verb}");
    let answer = client.send::<Value>(Method::POST, &path, String::new()).await?;
    told(place, &answer, done)
}

async fn save(args: &SaveArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let mut response = client.open(&format!("/v1/seeds/{id}/content")).await?;
    if args.file.as_os_str() == "-" {
        while let Some(bytes) = response.chunk().await? {
            place.output.raw(&bytes)?;
        }
        return Ok(());
    }
    let opened = tokio::fs::OpenOptions::new().write(true).create_new(true).open(&args.file).await;
    let shown = args.file.display();
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::refused(format!("{shown} is there already: choose another name")));
        }
        Err(error) => return Err(error).with_context(|| format!("making {shown}")),
    };
    while let Some(bytes) = response.chunk().await? {
        file.write_all(&bytes).await.with_context(|| format!("writing {shown}"))?;
    }
    file.flush().await.with_context(|| format!("writing {shown}"))?;
    place.output.note(format_args!("written to {shown}"));
    Ok(())
}

fn told(place: &Place, answer: &Answer<Value>, done: &str) -> anyhow::Result<()> {
    if place.output.is_json() {
        return place.output.data(&answer.text);
    }
    if let Some(seed) = answer.value["seed"].as_str() {
        place.output.data(seed)?;
        place.output.note(done);
        return Ok(());
    }
    super::alert::told(place, answer, |_, _| done.to_owned())
}

/// Finds the name that begins so.
async fn find(client: &Client, text: &str) -> anyhow::Result<String> {
    if text.len() == 64 {
        return Ok(text.to_owned());
    }
    if text.len() < 4 || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Failure::usage("say at least the first 4 digits of the seed's name"));
    }
    let text = text.to_ascii_lowercase();
    let seeds = client.get::<Seeds>("/v1/seeds").await?.value.seeds;
    let mut found = seeds.into_iter().map(|it| it.seed).filter(|id| id.starts_with(&text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several seeds begin with {text}"))),
        (None, _) => Err(Failure::not_found(format!("no seed begins with {text}"))),
    }
}

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);
