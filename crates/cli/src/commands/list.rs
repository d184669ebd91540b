//! `trellis list`.

use daemon::api::types::{Entries, Entry, Json};
use serde::Deserialize;

use super::get::RawEntry;
use super::{Place, query};
use crate::client::Client;
use crate::words::{counted, printable, printable_json, short_node};

/// List the entries of the state, one per line: collection, name, author, value.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis list --collection airports --prefix airport/0 --limit 10
  trellis list --json | jq -r '.entries[].name'")]
pub(crate) struct Args {
    /// Only this collection
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
    /// Only what this node wrote
    #[arg(long, short, value_name = "NODE")]
    author: Option<String>,
    /// Only names that begin so
    #[arg(long, short, value_name = "TEXT")]
    prefix: Option<String>,
    /// At most this many [default: all]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let mut list = List { place, shown: 0 };
    list.begin()?;
    let mut after = None;
    loop {
        let room = args.limit.map_or(PAGE, |limit| (limit - list.shown).min(PAGE));
        let page = page(&client, args, room, after.as_deref()).await?;
        list.add(&page.entries)?;
        after = page.next;
        if after.is_none() || args.limit.is_some_and(|limit| list.shown >= limit) {
            return list.end(after.as_deref());
        }
    }
}

async fn page(
    client: &Client,
    args: &Args,
    room: u64,
    after: Option<&str>,
) -> anyhow::Result<Entries> {
    let room = room.to_string();
    let path = query(&[
        ("collection", args.collection.as_deref()),
        ("author", args.author.as_deref()),
        ("prefix", args.prefix.as_deref()),
        ("limit", Some(&room)),
        ("after", after),
    ]);
    let answer = client.get::<Entries>(&format!("/v1/entries{path}")).await?;
    // The values once more, from the text: every digit counts.
    let raw: RawEntries<'_> = serde_json::from_str(&answer.text)?;
    let mut page = answer.value;
    for (entry, raw) in page.entries.iter_mut().zip(raw.entries) {
        entry.value = Json::of(raw.value.get().as_bytes());
    }
    Ok(page)
}

#[derive(Deserialize)]
struct RawEntries<'a> {
    #[serde(borrow)]
    entries: Vec<RawEntry<'a>>,
}

/// Writes pages as they come: the whole state never has to fit into this process.
struct List<'a> {
    place: &'a Place,
    shown: u64,
}

impl List<'_> {
    fn begin(&self) -> anyhow::Result<()> {
        if self.place.output.is_json() {
            self.place.output.raw(b"{\"schema\":\"trellis.entries/1\",\"entries\":[")?;
        }
        Ok(())
    }

    fn add(&mut self, entries: &[Entry]) -> anyhow::Result<()> {
        let json = self.place.output.is_json();
        let mut text = String::new();
        for entry in entries {
            if json && self.shown > 0 {
                text.push(',');
            }
            text.push_str(&if json { serde_json::to_string(entry)? } else { line(entry)? });
            self.shown += 1;
        }
        self.place.output.raw(text.as_bytes())
    }

    fn end(&self, next: Option<&str>) -> anyhow::Result<()> {
        let output = self.place.output;
        if output.is_json() {
            return output.data(format_args!("],\"next\":{}}}", serde_json::to_string(&next)?));
        }
        let more = if next.is_some() { ", there are more" } else { "" };
        let shown = counted(self.shown, "entry", "entries");
        output.note(format_args!("{shown}{more}"));
        Ok(())
    }
}

fn line(entry: &Entry) -> anyhow::Result<String> {
    let (collection, name) = (printable(&entry.collection), printable(&entry.name));
    let value = printable_json(entry.value.text());
    Ok(format!("{collection}\t{name}\t...{}\t{value}\n", short_node(&entry.author)))
}

/// Entries asked for at once.
const PAGE: u64 = 500;
