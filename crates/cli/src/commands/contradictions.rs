//! `trellis contradictions`.

use daemon::api::types::Contradictions;

use super::Place;
use crate::table::Table;
use crate::words::{counted, short_hex};

/// List authors that are proven to have signed two records with one number.
///
/// An honest node never does: its key runs twice (a copied directory), or it lies. Both records stay where
/// the rules put them, the same at every node; what the proof means is for humans to decide.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis contradictions
  trellis contradictions --json | jq -r '.contradictions[].proof'")]
pub(crate) struct Args {
    /// At most so many, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Go on behind an earlier page: its `next`
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let limit = args.limit.to_string();
    let query = super::query(&[("limit", Some(&limit)), ("after", args.after.as_deref())]);
    let path = format!("/v1/contradictions{query}");
    let answer = place.client()?.get::<Contradictions>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let Contradictions { contradictions, next, .. } = answer.value;
    let mut table = Table::new(&["AUTHOR", "NUMBER", "CREATED", "RECORDS"]);
    for row in &contradictions {
        let records = row.records.each_ref().map(|id| short_hex(id).to_owned()).join(" ");
        table.row([row.author.clone(), row.seq.to_string(), row.created.clone(), records]);
    }
    if !contradictions.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let count = counted(contradictions.len() as u64, "author", "authors");
    place.output.note(format_args!("{count} signed two records with one number"));
    if let Some(next) = next {
        place.output.note(format_args!("there may be more: --after {next}"));
    }
    Ok(())
}
