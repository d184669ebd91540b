//! `trellis level`.

mod import;

use daemon::api::types::{LevelLine, LevelNeed, LevelRow, Levels, OwnLevelRow, OwnLevels};
use reqwest::Method;
use serde_json::Value;

use super::{Place, query};
use crate::failure::Failure;
use crate::table::Table;
use crate::words::{ago, counted, percent_encoded, printable, short_node};

/// Levels: how much there is of water, energy, food or anything else.
///
/// What is exact stays at this node. Others see a band, a fifth of what fits with noise, and whether
/// there is too little, enough, or something to give.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis level set water 1200 --capacity 5000 --unit L --critical 500
  trellis level list --need deficit
  trellis level list --mine
  trellis level budget")]
pub(crate) enum Verb {
    Set(SetArgs),
    List(ListArgs),
    Budget(BudgetArgs),
    Import(import::Args),
    Rm(RmArgs),
}

/// Say how much there is of a kind. Others are told a band, once an hour.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis level set water 1200 --capacity 5000 --unit L
  trellis level set water 900
  trellis level set insulin 40 --capacity 200 --unit doses --critical 20")]
pub(crate) struct SetArgs {
    /// Water, energy, food, or a kind of your own: a-z, 0-9 and -
    #[arg(value_name = "KIND")]
    kind: String,
    /// How much there is, with at most three decimals
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: String,
    /// How much fits; needed the first time
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    capacity: Option<String>,
    /// What it is measured in; needed the first time
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
    /// Below this it is critical, and others are told so at once and without noise; 0 for never
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    critical: Option<String>,
}

/// List needs and surpluses of the network, or what is exact here beside what others see.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis level list
  trellis level list --kind water --need surplus
  trellis level list --mine")]
pub(crate) struct ListArgs {
    /// Only this node's own: exact here, and what others see
    #[arg(long, conflicts_with_all = ["kind", "need", "node", "limit"])]
    mine: bool,
    /// Only this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only where there is too little, enough, or something to give
    #[arg(long, value_name = "deficit|balanced|surplus", value_parser = ["deficit", "balanced", "surplus"])]
    need: Option<String>,
    /// Only what this node says
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// At most this many [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

/// Show what of the privacy of this node's levels is spent.
///
/// What others see is drawn once for each range of levels and kept. Each draw costs a part of a
/// budget; when that is spent, what others see changes less, or not at all.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis level budget")]
pub(crate) struct BudgetArgs {}

/// Take the level of a kind back: others see none any more.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis level rm water")]
pub(crate) struct RmArgs {
    /// The kind
    #[arg(value_name = "KIND")]
    kind: String,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Budget(_) => budget(place).await,
        Verb::Import(args) => import::run(args, place).await,
        Verb::List(args) if args.mine => mine(place).await,
        Verb::List(args) => list(args, place).await,
        Verb::Rm(args) => remove(args, place).await,
        Verb::Set(args) => set(args, place).await,
    }
}

async fn set(args: &SetArgs, place: &Place) -> anyhow::Result<()> {
    let text = |it: &String| Value::from(it.clone());
    let line = LevelLine {
        kind: args.kind.clone(),
        level: text(&args.amount),
        capacity: args.capacity.as_ref().map(text),
        unit: args.unit.clone(),
        critical: args.critical.as_ref().map(text),
    };
    let client = place.client()?;
    let body = serde_json::to_string(&line)?;
    let answer = client.send::<OwnLevels>(Method::POST, "/v1/levels/own", body).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let levels = answer.value.levels;
    match levels.iter().find(|it| it.kind == args.kind) {
        Some(level) => place.output.note(told(level)),
        None => place.output.note("set"),
    }
    Ok(())
}

/// Says in a line what is exact here and what others see.
fn told(level: &OwnLevelRow) -> String {
    let (amount, capacity, unit) = (level.level.text(), level.capacity.text(), &level.unit);
    let kind = &level.kind;
    let here = format!("{kind}: {amount} of {capacity} {unit} here");
    match (&level.seen, &level.next) {
        (Some(seen), Some(next)) => {
            let (need, band) = (need(seen.need), &seen.band);
            format!("{here}; others see {need} ({band}), and are told again {}", ago(next))
        }
        (Some(seen), None) => format!("{here}; others see {} ({})", need(seen.need), seen.band),
        (None, _) => format!("{here}; others were told nothing yet"),
    }
}

async fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let (mut all, mut after, mut unreadable) = (Vec::new(), None::<String>, 0);
    loop {
        let room = args.limit.map_or(PAGE, |limit| (limit - all.len() as u64).min(PAGE));
        let parameters = query(&[
            ("kind", args.kind.as_deref()),
            ("need", args.need.as_deref()),
            ("node", args.node.as_deref()),
            ("limit", Some(&room.to_string())),
            ("after", after.as_deref()),
        ]);
        let page = client.get::<Levels>(&format!("/v1/levels{parameters}")).await?.value;
        all.extend(page.levels);
        unreadable += page.unreadable;
        after = page.next;
        if after.is_none() || args.limit.is_some_and(|limit| limit <= all.len() as u64) {
            break;
        }
    }
    if place.output.is_json() {
        let schema = "trellis.levels/1".to_owned();
        return place.output.document(&Levels { schema, levels: all, unreadable, next: after });
    }
    let mut table = Table::new(&["KIND", "NEED", "BAND", "NODE", "SAID"]);
    all.iter().for_each(|level| table.row(row(level)));
    if !all.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let count = counted(all.len() as u64, "level", "levels");
    let more = if after.is_some() { ", there are more" } else { "" };
    place.output.note(format_args!("{count}{more}; bands are noisy by design"));
    if 0 < unreadable {
        let count = counted(unreadable, "entry", "entries");
        place.output.note(format_args!("{count} of other nodes could not be read as a level"));
    }
    Ok(())
}

fn row(level: &LevelRow) -> [String; 5] {
    let node =
        if level.own { "this node".to_owned() } else { format!("...{}", short_node(&level.node)) };
    [
        printable(&level.kind),
        need(level.need).to_owned(),
        printable(&level.band),
        node,
        ago(&level.said),
    ]
}

async fn mine(place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<OwnLevels>("/v1/levels/own").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let levels = answer.value.levels;
    let mut table = Table::new(&["KIND", "EXACT HERE", "CAPACITY", "OTHERS SEE", "TOLD AGAIN"]);
    for level in &levels {
        let seen = |it: &daemon::api::types::LevelSeen| format!("{} ({})", need(it.need), it.band);
        table.row([
            level.kind.clone(),
            format!("{} {}", level.level.text(), level.unit),
            format!("{} {}", level.capacity.text(), level.unit),
            level.seen.as_ref().map_or_else(|| "nothing yet".to_owned(), seen),
            level.next.as_deref().map_or_else(|| "set too long ago".to_owned(), ago),
        ]);
    }
    show(place, &table, levels.len())
}

async fn budget(place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<OwnLevels>("/v1/levels/own").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let levels = answer.value.levels;
    let mut table =
        Table::new(&["KIND", "DRAWS, 30 DAYS", "DRAWS, A YEAR", "EPSILON", "DRAWN ANEW"]);
    for level in &levels {
        let it = &level.budget;
        let epsilon = it.year_epsilon_milli;
        table.row([
            level.kind.clone(),
            format!("{} of {}", it.period, it.period_max),
            format!("{} of {}", it.year, it.year_max),
            format!("{}.{:03}", epsilon / 1_000, epsilon % 1_000),
            ago(&it.period_ends),
        ]);
    }
    show(place, &table, levels.len())
}

fn show(place: &Place, table: &Table, rows: usize) -> anyhow::Result<()> {
    if rows == 0 {
        place
            .output
            .note("this node has no levels: trellis level set water 1200 --capacity 5000 --unit L");
        return Ok(());
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))
}

async fn remove(args: &RmArgs, place: &Place) -> anyhow::Result<()> {
    // A URL has no way to write these names: each of them means another place.
    if matches!(args.kind.as_str(), "" | "." | "..") {
        return Err(Failure::usage(format!("{:?} is no kind", args.kind)));
    }
    let path = format!("/v1/levels/own/{}", percent_encoded(&args.kind));
    let answer = place.client()?.delete::<OwnLevels>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    place.output.note(format_args!("{} is taken back: others see none any more", args.kind));
    Ok(())
}

fn need(need: LevelNeed) -> &'static str {
    match need {
        LevelNeed::Balanced => "balanced",
        LevelNeed::Deficit => "deficit",
        LevelNeed::Surplus => "surplus",
    }
}

/// Levels asked for at once.
const PAGE: u64 = 1_000;
