//! `trellis invite`.

use std::time::Duration;

use daemon::api::types::{InviteList, InviteMade, InviteRow, InviteState};
use qrcodegen::{QrCode, QrCodeEcc};
use reqwest::Method;
use serde_json::json;

use super::Place;
use crate::ask;
use crate::client::Client;
use crate::failure::Failure;
use crate::input;
use crate::table::Table;
use crate::words::{printable, short_hex, short_node};

/// Invite somebody: prints a link, good once and for a while, that brings a new node into this network.
///
/// Give the link to one person. When their `trellis join` has come, both programs show four words: compare
/// them, by voice if you can, and say yes here. Only then does the guest get the network file.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  trellis invite
  trellis invite --life 2h --no-wait
  trellis invite list
  trellis invite accept 3f9a01bc")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    make: MakeArgs,
}

#[derive(clap::Args, Debug)]
struct MakeArgs {
    /// How long the link is good, for example 15m, 2h or 7d [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
    /// Where the guest finds this node; may be repeated [default: where peers find it]
    #[arg(long, value_name = "URL")]
    address: Vec<String>,
    /// Only print the link
    #[arg(long)]
    no_wait: bool,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// List invitations: who has come, and the words to compare
    #[command(after_help = "Example:\n  trellis invite list")]
    List,
    /// Let a guest in whose words are the same
    #[command(after_help = "Example:\n  trellis invite accept 3f9a01bc")]
    Accept(Which),
    /// Refuse a guest, or take an invitation back
    #[command(after_help = "Example:\n  trellis invite refuse 3f9a01bc")]
    Refuse(Which),
}

#[derive(clap::Args, Debug)]
struct Which {
    /// The first digits of its name
    #[arg(value_name = "INVITE")]
    invite: String,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    match &args.verb {
        None => make(&args.make, &client, place).await,
        Some(Verb::List) => list(&client, place).await,
        Some(Verb::Accept(which)) => decide(which, "accept", &client, place).await,
        Some(Verb::Refuse(which)) => decide(which, "refuse", &client, place).await,
    }
}

async fn make(args: &MakeArgs, client: &Client, place: &Place) -> anyhow::Result<()> {
    let mut body = json!({ "addresses": args.address });
    if let Some(life_s) = args.life {
        body["life_s"] = life_s.into();
    }
    let made = client.send::<InviteMade>(Method::POST, "/v1/invites", body.to_string()).await?;
    if place.output.is_json() {
        return place.output.data(made.text);
    }
    let InviteMade { invite, link, expires, addresses, .. } = &made.value;
    if ask::is_possible() {
        qr_lines(link).iter().for_each(|line| place.output.note(line));
    }
    place.output.data(link)?;
    place.output.note(format_args!(
        "good once, until {expires}; the guest looks for this node at {}",
        addresses.join(" ")
    ));
    place.output.note("the guest runs: trellis join LINK");
    if args.no_wait || !ask::is_possible() {
        let name = short_hex(invite);
        place
            .output
            .note(format_args!("then: trellis invite list, and trellis invite accept {name}"));
        return Ok(());
    }
    place.output.note("waiting for the guest; Ctrl-C leaves the invitation open");
    let guest = guest(invite, client).await?;
    let node = guest.node.as_deref().map(short_node).unwrap_or_default();
    place.output.note(format_args!("{node} has come. Its words: {}", guest.words.join(" ")));
    let verb = if ask::yes("Does the guest read the same words?")? { "accept" } else { "refuse" };
    tell(&post(invite, verb, client).await?.value, place)
}

/// Waits until somebody has come.
async fn guest(invite: &str, client: &Client) -> anyhow::Result<InviteRow> {
    loop {
        let rows = client.get::<InviteList>("/v1/invites").await?.value.invites;
        let row = rows.into_iter().find(|row| row.invite == invite);
        match row.map(|row| (row.state, row)) {
            Some((InviteState::Waiting, row)) => return Ok(row),
            Some((InviteState::Open, _)) => tokio::time::sleep(LOOK).await,
            Some((InviteState::Expired, _)) | None => {
                return Err(Failure::not_found("nobody came in time; the invitation has expired"));
            }
            Some((InviteState::Refused | InviteState::Welcome, _)) => {
                return Err(Failure::refused("it was decided elsewhere: trellis invite list"));
            }
        }
    }
}

async fn list(client: &Client, place: &Place) -> anyhow::Result<()> {
    let answer = client.get::<InviteList>("/v1/invites").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    if answer.value.invites.is_empty() {
        place.output.note("nobody is invited: trellis invite");
        return Ok(());
    }
    let mut table = Table::new(&["INVITE", "STATE", "UNTIL", "NODE", "WORDS"]);
    for row in answer.value.invites {
        let node = row.node.as_deref().map_or("-".to_owned(), |it| printable(short_node(it)));
        let name = short_hex(&row.invite).to_owned();
        table.row([name, state(row.state).to_owned(), row.expires, node, row.words.join(" ")]);
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))
}

async fn decide(which: &Which, verb: &str, client: &Client, place: &Place) -> anyhow::Result<()> {
    let rows = client.get::<InviteList>("/v1/invites").await?.value.invites;
    let named = rows.iter().filter(|row| row.invite.starts_with(&which.invite)).collect::<Vec<_>>();
    let row = match named.as_slice() {
        [] => return Err(Failure::not_found("no such invitation: trellis invite list")),
        [row] => row,
        _ => return Err(Failure::usage("more than one begins so: give more digits")),
    };
    let answer = post(&row.invite, verb, client).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    tell(&answer.value, place)
}

async fn post(
    invite: &str,
    verb: &str,
    client: &Client,
) -> anyhow::Result<crate::client::Answer<InviteRow>> {
    let path = format!("/v1/invites/{invite}/{verb}");
    client.send::<InviteRow>(Method::POST, &path, "{}".to_owned()).await
}

fn tell(row: &InviteRow, place: &Place) -> anyhow::Result<()> {
    place.output.data(format_args!("{} {}", short_hex(&row.invite), state(row.state)))?;
    if row.state == InviteState::Welcome {
        place.output.note("the guest gets the network file now, and this node as its first peer");
    }
    Ok(())
}

fn state(state: InviteState) -> &'static str {
    match state {
        InviteState::Expired => "expired",
        InviteState::Open => "open",
        InviteState::Refused => "refused",
        InviteState::Waiting => "waiting",
        InviteState::Welcome => "welcome",
    }
}

/// Two rows of the code in a line of text.
fn qr_lines(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(&text.to_uppercase(), QrCodeEcc::Low) else {
        return Vec::new();
    };
    let (from, until) = (-QUIET, code.size() + QUIET);
    let rows = (from..until).step_by(2);
    rows.map(|y| {
        let cell = |x| match (code.get_module(x, y), code.get_module(x, y + 1)) {
            // Light on dark terminals is what cameras expect inverted: dark modules are left out.
            (true, true) => ' ',
            (true, false) => '\u{2584}',
            (false, true) => '\u{2580}',
            (false, false) => '\u{2588}',
        };
        (from..until).map(cell).collect()
    })
    .collect()
}

/// Modules of light around a code.
const QUIET: i32 = 2;
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_quiet_border_and_whole_lines() {
        let lines = qr_lines("trellis:join1qqqq");
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(lines[0].chars().all(|it| it == '\u{2588}'));
        assert_eq!(lines.len(), width.div_ceil(2));
        assert_eq!(lines, qr_lines("TRELLIS:JOIN1QQQQ"), "capitals make the smaller code");
    }
}
