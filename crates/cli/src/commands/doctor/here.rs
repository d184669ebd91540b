//! What can be seen of a node's place without asking it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use daemon::settings::SettingsError;
use daemon::{Settings, checkup};
use wire::Medium;

use super::finding::Finding;
use super::running::Seen;
use crate::words::{seconds_in_words, short_hex};

pub(super) fn settings(settings: &Result<Settings, SettingsError>) -> Finding {
    match settings {
        Ok(settings) if settings.warnings.is_empty() => {
            Finding::pass("settings", "they can be read; `trellis config show` lists them")
        }
        Ok(settings) => {
            Finding::warn("settings", settings.warnings.join("; "), "trellis config show --all")
        }
        Err(error) => {
            Finding::fail("settings", error.to_string(), "mend the file or variable it names")
        }
    }
}

pub(super) fn directory(path: &Path) -> Finding {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            let mend = "choose another directory with --dir DIR";
            Finding::fail("directory", format!("{shown} is a file"), mend)
        }
        Ok(found) if found.permissions().readonly() => {
            let detail = format!("{shown} cannot be written");
            Finding::fail("directory", detail, format!("chmod u+w {shown}"))
        }
        Ok(_) => match checkup::holder(path) {
            Some(holder) => Finding::pass("directory", format!("{shown}, taken by {holder}")),
            None => Finding::pass("directory", format!("{shown}, free")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::unknown(
            "directory",
            format!("{shown} is not there yet: `trellis up` makes it"),
        ),
        Err(error) => {
            let mend = "give this user the right to read it, or choose another --dir";
            Finding::fail("directory", format!("{shown}: {error}"), mend)
        }
    }
}

pub(super) fn secrets(path: &Path) -> Finding {
    let open = checkup::open_secrets(path);
    if let Some(first) = open.first() {
        let mend = "chmod 600 on each secret in the directory, and think of who read it";
        return Finding::fail("keys", first.to_string(), mend);
    }
    match checkup::identity(path) {
        Ok(Some(node)) => {
            Finding::pass("keys", format!("node {node}; only its owner reads the key"))
        }
        Ok(None) => Finding::unknown("keys", "there is no key yet: `trellis up` makes one"),
        Err(error) => {
            Finding::fail("keys", error.to_string(), "restore identity.pem from a backup")
        }
    }
}

pub(super) fn network(path: &Path, settings: Option<&Settings>) -> Finding {
    let file = settings.and_then(|it| it.network_file.as_deref());
    match checkup::network(path, file) {
        Ok((name, id)) => Finding::pass("network", format!("{name:?}, {}", short_hex(&id))),
        Err(error) => {
            Finding::fail("network", error.to_string(), "get the network file again from a member")
        }
    }
}

/// How long the door's certificate is good, where it has one.
pub(super) fn certificate(settings: &Settings, now_s: u64) -> Option<Finding> {
    let check = "certificate";
    let mend =
        "renew it, and put the new files in the place of the old ones: the node takes them up";
    Some(match daemon::tls::certificate(settings.tls.as_ref()?) {
        Err(why) => Finding::fail(check, why, "mend http.tls_cert and http.tls_key"),
        Ok(found) => {
            let names = found.names().join(" ");
            match found.expires_s().saturating_sub(now_s) {
                0 => Finding::fail(check, format!("for {names}, expired"), mend),
                left if left < EXPIRY_S_GOOD => {
                    let detail = format!("for {names}, ends in {}", seconds_in_words(left));
                    Finding::warn(check, detail, mend)
                }
                left => Finding::pass(
                    check,
                    format!("for {names}, good for {}", seconds_in_words(left)),
                ),
            }
        }
    })
}

/// Whether this node is a member, where its network is private.
pub(super) fn membership(path: &Path, settings: Option<&Settings>, now_s: u64) -> Option<Finding> {
    let check = "membership";
    let file = settings.and_then(|it| it.network_file.as_deref());
    let papers = daemon::authority::papers(path, file, now_s)?;
    let ask = "trellis ca request > me.csr, have it issued, then trellis ca install FILE";
    if let Some(why) = papers.problem {
        return Some(Finding::fail(check, why, ask));
    }
    let member = papers.member?;
    let left_s = member.expires_s.saturating_sub(now_s);
    let detail =
        format!("this network is private, and lets this node in for {}", seconds_in_words(left_s));
    Some(match member.expires_s.saturating_sub(member.begins_s) / 3 {
        third if left_s <= third => {
            Finding::warn(check, detail, "trellis ca renew, at the authority")
        }
        _ => Finding::pass(check, detail),
    })
}

pub(super) fn open_files() -> Finding {
    match crate::open_files::allowed() {
        None => Finding::unknown("open files", "this system does not say how many are allowed"),
        Some(allowed) if allowed < OPEN_FILES_MIN => {
            let detail =
                format!("{allowed} may be open; a node with 50 links and readers needs more");
            Finding::warn("open files", detail, format!("ulimit -n {OPEN_FILES_GOOD}"))
        }
        Some(allowed) => Finding::pass("open files", format!("{allowed} may be open")),
    }
}

/// Whether the ports a node here would take are free.
pub(super) fn ports(settings: &Settings) -> Vec<Finding> {
    let (door, api) = (settings.http_listen, Some(settings.api_listen));
    let mut rows = vec![
        ("http port", door, Medium::Http, settings.http_by_hand, "http.listen"),
        ("api port", api, Medium::Http, settings.api_by_hand, "api.listen"),
    ];
    rows.extend(settings.libp2p_listen.iter().map(|it| {
        let check = if it.medium() == Medium::Quic { "quic port" } else { "tcp port" };
        let address = it.ip().map(|ip| SocketAddr::new(ip, it.port));
        (check, address, it.medium(), settings.libp2p_by_hand, "libp2p.listen")
    }));
    let found = rows.into_iter().map(|(check, address, medium, by_hand, key)| {
        let Some(address) = address else {
            return Finding::pass(check, "closed: outgoing links only");
        };
        match checkup::port(address, medium) {
            Ok(()) => Finding::pass(check, format!("{address} is free")),
            Err(why) if by_hand => {
                let mend = format!("stop that program, or set {key} to another port");
                Finding::fail(check, format!("{address} is {why}"), mend)
            }
            Err(why) => {
                let mend = format!("set {key} so that the port stays the same");
                Finding::warn(check, format!("{address} is {why}: a free one will be used"), mend)
            }
        }
    });
    found.collect()
}

/// Who can reach the operator's API: of the node that runs, or of one that would run.
pub(super) fn exposure(settings: &Settings, seen: Option<&Seen>) -> Finding {
    let bound = seen.and_then(|seen| seen.status.api.strip_prefix("http://")?.parse().ok());
    let address: SocketAddr = bound.unwrap_or(settings.api_listen);
    if address.ip().is_loopback() {
        return Finding::pass(
            "api",
            format!("only this machine reaches the operator's API ({address})"),
        );
    }
    let detail =
        format!("the operator's API listens on {address}, and what it says is not encrypted");
    Finding::warn("api", detail, "set api.listen to 127.0.0.1:8881, and use a tunnel from afar")
}

/// Room on the disk, as `df` says it: the standard library does not.
pub(super) fn disk(path: &Path) -> Finding {
    let Some((free_kib, percent)) = existing(path).and_then(|it| free(&it)) else {
        return Finding::unknown("disk", "this system does not say how much room there is");
    };
    let detail = format!("{} MiB free, {percent} % used", free_kib / 1_024);
    let mend = "make room: a node without it goes on reading and refuses to write";
    match free_kib / 1_024 {
        0..FREE_MIB_MIN => Finding::fail("disk", detail, mend),
        FREE_MIB_MIN..FREE_MIB_GOOD => Finding::warn("disk", detail, mend),
        _ => Finding::pass("disk", detail),
    }
}

/// The first directory upwards that is there.
fn existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|it| it.is_dir()).map(Path::to_owned)
}

fn free(path: &Path) -> Option<(u64, u64)> {
    let answer = Command::new("df").arg("-Pk").arg(path).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    parse_df(&text)
}

/// Reads KiB free and per cent used out of what POSIX lays down for `df -Pk`.
fn parse_df(text: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    // A device's name may hold spaces: counted from the per cent on.
    let at = fields.iter().position(|it| it.ends_with('%'))?;
    let free = fields.get(at.checked_sub(1)?)?.parse().ok()?;
    Some((free, fields[at].trim_end_matches('%').parse().ok()?))
}

/// A week.
const EXPIRY_S_GOOD: u64 = 7 * 86_400;
const OPEN_FILES_MIN: u64 = 512;
const OPEN_FILES_GOOD: u64 = 4_096;
/// The store needs room for a copy of what it merges.
const FREE_MIB_MIN: u64 = 64;
const FREE_MIB_GOOD: u64 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_read_from_what_df_says() {
        let head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n";
        assert_eq!(parse_df(&format!("{head}/dev/vda 264 68 23 75% /\n")), Some((23, 75)));
        assert_eq!(parse_df(&format!("{head}a b c 264 68 23 0% /x y\n")), Some((23, 0)));
        for text in ["", head, "a\n%\n", "a\nb c d\n"] {
            assert_eq!(parse_df(text), None, "{text:?}");
        }
    }
}
