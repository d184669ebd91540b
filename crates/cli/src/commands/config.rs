//! `trellis config`.

use daemon::Settings;
use daemon::api::types::{Config, Setting};
use serde_json::{Value, json};

use super::Place;
use crate::client::Client;
use crate::failure::Failure;
use crate::table::Table;

/// Settings: what applies, and who said so.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Example:\n  trellis config show")]
pub(crate) enum Verb {
    Show(ShowArgs),
}

/// Show every setting, its value and where the value comes from.
///
/// A setting comes from the default, from DIR/config.toml, from the environment (TRELLIS_ and the
/// key in capitals, TRELLIS_HTTP_LISTEN for http.listen) or from a flag of `trellis up`; the later
/// of these wins. Where a node is running its own answer is shown, else what `trellis up` would use.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis config show
  trellis config show --all
  TRELLIS_GOSSIP_FANOUT=3 trellis config show --json")]
pub(crate) struct ShowArgs {
    /// Also say what each setting does
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    let Verb::Show(args) = verb;
    let settings = match Client::find(&place.directory) {
        Ok(client) => match client.get::<Config>("/v1/config").await {
            Ok(answer) => answer.value.settings,
            Err(error) if Failure::exit_code(&error) == Failure::NO_DAEMON => planned(place)?,
            Err(error) => return Err(error),
        },
        Err(error) if Failure::exit_code(&error) == Failure::NO_DAEMON => planned(place)?,
        Err(error) => return Err(error),
    };
    show(args, place, &settings)
}

/// Returns what a node started here would use.
fn planned(place: &Place) -> anyhow::Result<Vec<Setting>> {
    let settings = Settings::load(&place.directory, None, environment(), Vec::new());
    let settings = settings.map_err(|error| Failure::usage(error.to_string()))?;
    settings.warnings.iter().for_each(|warning| place.output.note(warning));
    place.output.note("no node is running here; this is what `trellis up` would use");
    Ok(settings.shown())
}

fn show(args: &ShowArgs, place: &Place, settings: &[Setting]) -> anyhow::Result<()> {
    if place.output.is_json() {
        return place
            .output
            .document(&json!({ "schema": "trellis.config/1", "settings": settings }));
    }
    let headings: &[&str] =
        if args.all { &["KEY", "VALUE", "ORIGIN", "MEANING"] } else { &["KEY", "VALUE", "ORIGIN"] };
    let mut table = Table::new(headings);
    for setting in settings {
        let mut cells = vec![setting.key.clone(), shown(&setting.value), setting.origin.clone()];
        cells.extend(args.all.then(|| setting.doc.clone()));
        table.row(cells);
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Returns the environment, without what is not text: no setting of ours can hold it.
pub(crate) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
