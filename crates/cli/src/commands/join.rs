//! `trellis join`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use daemon::Settings;
use daemon::joining::{Guest, parse_reply, render_knock};
use daemon::tls::Caller;
use daemon::wire::{Address, Invite, Knock, Reply, Step, WireError};
use serde_json::json;

use super::Place;
use super::config::environment;
use crate::ask;
use crate::failure::Failure;
use crate::words::seconds_in_words;

/// Join a network by an invitation: this directory gets the network file and its first peer.
///
/// Both programs show four words. Compare them with whoever invites you; only then does the other side say
/// yes. Nothing is written before. Start the node afterwards with `trellis up`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis join trellis:JOIN1PQ...
  trellis --dir /srv/trellis join --yes trellis:JOIN1PQ...")]
pub(crate) struct Args {
    /// The link
    #[arg(value_name = "LINK")]
    link: String,
    /// Do not ask whether the words are the same
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let invite: Invite =
        args.link.parse().map_err(|error: WireError| Failure::usage(error.to_string()))?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if invite.expires_s <= now_s {
        let ago = seconds_in_words(now_s - invite.expires_s);
        let text = format!(
            "the invitation expired {ago} ago (or this machine's clock is wrong): ask for another one"
        );
        return Err(Failure::refused(text));
    }
    let guest = Guest::of(&place.directory)?;
    let have = guest.network()?;
    if let Some((name, id)) = &have
        && *id != invite.network.to_string()
    {
        let text = format!(
            "{} belongs to the network {name:?}: choose another --dir",
            place.directory.display()
        );
        return Err(Failure::refused(text));
    }
    if !args.yes && !ask::is_possible() {
        let text = "nobody is here to compare the words: run it in a terminal, or add --yes if they are compared elsewhere";
        return Err(Failure::usage(text));
    }
    let knock = Knock::new(&invite, guest.identity(), guest.nonce()?);
    let settings = Settings::load(&place.directory, None, environment(), Vec::new())?;
    let caller = daemon::tls::caller(Some(&settings)).map_err(Failure::usage)?;
    let host = Host::find(caller, &invite, &knock).await?;
    let words = invite.words(&knock, &host.first.nonce).join(" ");
    place.output.note(format_args!("{} answers. Its words: {words}", host.address));
    if !args.yes && !ask::yes("Does whoever invited you read the same words?")? {
        return Err(Failure::refused("not joined; nothing was written"));
    }
    let network_file = host.welcome(&invite, &knock, place).await?;
    let peers: Vec<Address> = std::iter::once(host.address.clone())
        .chain(invite.addresses.iter().filter(|it| **it != host.address).cloned())
        .collect();
    let settled = guest.settle(&network_file, &peers)?;
    joined(&guest, &invite, (&words, settled, &host.address), place)
}

fn joined(
    guest: &Guest,
    invite: &Invite,
    (words, settled, peer): (&str, bool, &Address),
    place: &Place,
) -> anyhow::Result<()> {
    let (node, name) = (guest.identity().id(), guest.network()?.map(|it| it.0).unwrap_or_default());
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.joined/1",
            "node": node.to_string(),
            "network": invite.network.to_string(),
            "name": name,
            "inviter": invite.inviter.to_string(),
            "peer": peer.to_string(),
            "words": words,
        }));
    }
    place.output.data(format_args!("joined {name:?} as {node}"))?;
    let directory = place.directory.display();
    place.output.note(match settled {
        true => format!("next: trellis --dir {directory} up"),
        // Somebody wrote settings by hand: they stay as they are.
        false => format!("next: trellis --dir {directory} up --peer {peer}"),
    });
    Ok(())
}

/// The inviter, where it answered.
struct Host {
    caller: Caller,
    address: Address,
    first: Reply,
}

impl Host {
    /// Knocks at each address until one answers as the inviter.
    async fn find(caller: Caller, invite: &Invite, knock: &Knock) -> anyhow::Result<Self> {
        let mut reasons = Vec::new();
        for address in invite.addresses.iter().filter(|it| it.url().is_some()) {
            match ask_at(&caller, address, invite, knock).await {
                Ok(first) => return Ok(Self { caller, address: address.clone(), first }),
                Err(error) if Failure::exit_code(&error) != 1 => return Err(error),
                Err(error) => reasons.push(format!("{address}: {error:#}")),
            }
        }
        if reasons.is_empty() {
            return Err(Failure::refused(
                "the invitation names no address that this program can ask",
            ));
        }
        let tried = reasons.join("\n  ");
        anyhow::bail!(
            "nobody answers as the inviter:\n  {tried}\nthere, `trellis doctor` says whether its door is open"
        )
    }

    /// Asks until the human there has decided.
    async fn welcome(
        &self,
        invite: &Invite,
        knock: &Knock,
        place: &Place,
    ) -> anyhow::Result<String> {
        place.output.note("waiting for the other side to say yes");
        loop {
            let reply = ask_at(&self.caller, &self.address, invite, knock).await?;
            match (reply.step, reply.network_file) {
                (Step::Welcome, Some(file)) => return Ok(file),
                (Step::Refused, _) => {
                    return Err(Failure::refused("the other side said no; nothing was written"));
                }
                (Step::Waiting | Step::Welcome, _) => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

async fn ask_at(
    caller: &Caller,
    address: &Address,
    invite: &Invite,
    knock: &Knock,
) -> anyhow::Result<Reply> {
    let asked = caller.ask(address, "/invite", Some(render_knock(knock).into())).await;
    let (status, bytes) = asked.map_err(anyhow::Error::msg)?;
    if status == 404 {
        return Err(Failure::refused(
            "the invitation is not good any more: it was used, taken back or has expired",
        ));
    }
    let reply = parse_reply(&bytes)
        .with_context(|| format!("what answers is no node of ours (HTTP {status})"))?;
    if reply.is_genuine(invite, knock) {
        return Ok(reply);
    }
    anyhow::bail!("what answers is not the node that invited you")
}

/// Wait between two questions.
const LOOK: Duration = Duration::from_millis(500);
