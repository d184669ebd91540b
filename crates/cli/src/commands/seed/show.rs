//! `trellis seed show`.

use daemon::api::types::{SeedAnswer, SeedHidden, SeedRow, SeedState};

use super::{Place, find};
use crate::words::{ago, counted, grouped, printable, short_node};

pub(super) async fn run(id: &str, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, id).await?;
    let answer = client.get::<SeedAnswer>(&format!("/v1/seeds/{id}")).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let SeedAnswer { row, preview, .. } = answer.value;
    for (label, text) in facts(&row) {
        place.output.data(format_args!("{label:<12}{text}"))?;
    }
    let Some(preview) = preview else { return Ok(()) };
    place.output.data("\nhow it begins, as it is:")?;
    lines(&preview.text, place)?;
    if let Some((repaired, misread_as)) = guess(&preview) {
        place.output.data(format_args!(
            "\nit looks like UTF-8 that was misread as {misread_as}; it may have said:"
        ))?;
        lines(repaired, place)?;
    }
    Ok(())
}

/// Says what became of a seed here.
pub(super) fn state(seed: &SeedRow) -> String {
    match seed.state {
        SeedState::Composted => "composted".to_owned(),
        SeedState::Held => "held".to_owned(),
        SeedState::Later => "later".to_owned(),
        SeedState::Offered if seed.waiting => "waits".to_owned(),
        SeedState::Offered => "expired".to_owned(),
        SeedState::Planting => {
            let bytes = seed.progress.as_ref().map_or(0, |it| it.bytes);
            format!("{} %", bytes.saturating_mul(100) / seed.size.max(1))
        }
    }
}

/// Says how large something is, in one unit.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{} B", grouped(bytes)),
        10_240..10_485_760 => format!("{} KiB", grouped(bytes / 1_024)),
        _ => format!("{} MiB", grouped(bytes / 1_048_576)),
    }
}

fn facts(row: &SeedRow) -> Vec<(&'static str, String)> {
    let mut facts = vec![("seed", row.seed.clone()), ("title", printable(&row.shown.text))];
    if let Some((repaired, misread_as)) = guess(&row.shown) {
        let how = format!("(if its UTF-8 was misread as {misread_as})");
        facts.push(("perhaps", format!("{} {how}", printable(repaired))));
    }
    if 0 < row.shown.hidden {
        let count = counted(row.shown.hidden, "character", "characters");
        facts.push(("careful", format!("{count} of the title are not seen where it is read")));
    }
    facts.push(("size", format!("{} ({} bytes)", size(row.size), grouped(row.size))));
    facts.push(("blake3", row.blake3.clone()));
    facts.extend(row.language.iter().map(|it| ("language", printable(it))));
    facts.extend(row.licence.iter().map(|it| ("licence", printable(it))));
    facts.extend(row.supersedes.iter().map(|it| ("supersedes", it.clone())));
    let decided = match (&row.by, &row.decided) {
        (Some(by), Some(at)) => format!(", decided by {by} {}", ago(at)),
        (_, _) => String::new(),
    };
    facts.push(("state", format!("{}{decided}", state(row))));
    facts.extend(row.until.iter().map(|it| ("asked again", ago(it))));
    for offer in &row.offers {
        let who =
            if offer.own { "this node".into() } else { format!("...{}", short_node(&offer.node)) };
        let (offered, expires) = (ago(&offer.offered), ago(&offer.expires));
        facts.push(("offer", format!("by {who} {offered}, expires {expires}")));
    }
    let holders: Vec<String> =
        row.holders.iter().map(|it| format!("...{}", short_node(it))).take(HOLDERS_SHOWN).collect();
    let count = counted(row.holders.len() as u64, "node", "nodes");
    facts.push(("held by", format!("{count} {}", holders.join(" "))));
    if let Some(progress) = &row.progress {
        let asked = counted(progress.asked, "node", "nodes");
        facts.push(("here", format!("{} bytes, asking {asked}", grouped(progress.bytes))));
        facts.extend(progress.why.iter().map(|it| ("waits for", printable(it))));
        for refused in &progress.refused {
            let times = counted(refused.count, "time", "times");
            facts.push((
                "refused",
                format!("{} sent what is no piece of it, {times}", refused.node),
            ));
        }
    }
    let todo = match (row.waiting, row.state) {
        (true, _) => Some("trellis seed plant | later | compost"),
        (false, SeedState::Held) => Some("trellis seed save | uproot"),
        (false, _) => None,
    };
    facts.extend(todo.map(|it| ("do", it.to_owned())));
    facts
}

fn guess(hidden: &SeedHidden) -> Option<(&str, &str)> {
    Some((hidden.repaired.as_deref()?, hidden.misread_as.as_deref()?))
}

fn lines(text: &str, place: &Place) -> anyhow::Result<()> {
    text.lines().take(LINES_SHOWN).try_for_each(|line| {
        place.output.data(format_args!("  {}", printable(&line.replace('\t', "    "))))
    })
}

const HOLDERS_SHOWN: usize = 8;
const LINES_SHOWN: usize = 20;
