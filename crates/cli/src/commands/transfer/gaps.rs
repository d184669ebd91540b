//! `trellis transfer gaps`: who lacks what others have.

use daemon::api::types::{LevelNeed, LevelRow, Levels};
use serde_json::json;

use crate::commands::{Place, query};
use crate::table::Table;
use crate::words::{ago, counted, printable, short_node};

/// Show what others lack and this node can give, and what this node lacks and others can give.
///
/// It looks at the bands that all nodes tell of their levels; what is exact stays where it is.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis transfer gaps")]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let (mut levels, mut after) = (Vec::new(), None::<String>);
    loop {
        let parameters = query(&[("limit", Some("1000")), ("after", after.as_deref())]);
        let page = client.get::<Levels>(&format!("/v1/levels{parameters}")).await?.value;
        levels.extend(page.levels);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let gaps = gaps(&levels);
    if place.output.is_json() {
        let rows: Vec<_> = gaps
            .iter()
            .map(|(theirs, give)| {
                let side = if *give { "give" } else { "take" };
                json!({ "kind": theirs.kind, "node": theirs.node, "unit": theirs.unit, "side": side,
                    "need": theirs.need, "band": theirs.band, "said": theirs.said })
            })
            .collect();
        return place.output.document(&json!({ "schema": "trellis.gaps/1", "gaps": rows }));
    }
    let mut table = Table::new(&["KIND", "NODE", "THERE", "YOU COULD", "SAID"]);
    for (theirs, give) in &gaps {
        let there = match theirs.need {
            LevelNeed::Balanced => "balanced",
            LevelNeed::Deficit => "deficit",
            LevelNeed::Surplus => "surplus",
        };
        table.row([
            printable(&theirs.kind),
            format!("...{}", short_node(&theirs.node)),
            format!("{there} ({})", printable(&theirs.band)),
            if *give { "give".to_owned() } else { "take".to_owned() },
            ago(&theirs.said),
        ]);
    }
    if !gaps.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let count = counted(gaps.len() as u64, "gap", "gaps");
    place.output.note(format_args!("{count} between this node's levels and others'"));
    Ok(())
}

/// Pairs this node's surpluses with others' deficits, and the other way round; true to give.
fn gaps(levels: &[LevelRow]) -> Vec<(&LevelRow, bool)> {
    let own = |kind: &str, need: LevelNeed| {
        levels.iter().any(|it| it.own && it.kind == kind && it.need == need)
    };
    let gap = |theirs: &LevelRow| match theirs.need {
        LevelNeed::Deficit => own(&theirs.kind, LevelNeed::Surplus).then_some(true),
        LevelNeed::Surplus => own(&theirs.kind, LevelNeed::Deficit).then_some(false),
        LevelNeed::Balanced => None,
    };
    let others = levels.iter().filter(|it| !it.own);
    others.filter_map(|theirs| Some((theirs, gap(theirs)?))).collect()
}
