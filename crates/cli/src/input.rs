//! Values from the command line: JSON, durations.

use std::io::{self, IsTerminal, Read};

use serde_json::Value;

use crate::failure::Failure;

/// Takes the JSON argument, or standard input for `-` and for no argument at all. What comes back
/// is checked and otherwise unchanged: numbers keep their digits.
pub(crate) fn json(argument: Option<&str>) -> anyhow::Result<String> {
    match argument {
        Some("-") => from_stdin(),
        Some(text) => checked(text, Source::Argument),
        None if io::stdin().is_terminal() => Err(Failure::usage(
            "no value given: add a JSON value, or - to read it from standard input",
        )),
        None => from_stdin(),
    }
}

/// Reads a life such as `90s`, `15m`, `24h` or `7d`; a bare number is seconds.
pub(crate) fn life_s(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit_s = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        unit => return Err(format!("unknown unit {unit:?}: use s, m, h or d, for example 24h")),
    };
    let number: u64 =
        digits.parse().map_err(|_| "use a number and s, m, h or d: 24h".to_owned())?;
    match number.checked_mul(unit_s) {
        Some(life) if life > 0 => Ok(life),
        Some(_) | None => Err("a message lives at least 1 s and at most 30d".to_owned()),
    }
}

/// Where a value came from, for the message about it.
#[derive(Clone, Copy, Debug)]
enum Source {
    Argument,
    Stdin,
}

fn from_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(VALUE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > VALUE_BYTES_MAX {
        return Err(Failure::usage(format!(
            "the value on standard input is longer than {VALUE_BYTES_MAX} bytes"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("standard input is not UTF-8 text: first bad byte at {at}"))
    })?;
    checked(&text, Source::Stdin)
}

fn checked(text: &str, source: Source) -> anyhow::Result<String> {
    let text = text.trim();
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Failure::usage(complaint(text, source, &error))),
    }
}

fn complaint(text: &str, source: Source, error: &serde_json::Error) -> String {
    let what = match source {
        Source::Argument => "the value",
        Source::Stdin => "standard input",
    };
    if text.is_empty() {
        return format!("{what} is empty: give a JSON value, for example '{{\"ok\":true}}'");
    }
    let hint = if is_bare(text) {
        format!(": a text needs its own quotes, '\"{text}\"'")
    } else {
        String::new()
    };
    format!("{what} is not JSON: {error}{hint}")
}

fn is_bare(text: &str) -> bool {
    text.len() <= 200
        && !text.contains(['"', '{', '[', '\'', '\\'])
        && !text.contains(char::is_control)
}

/// The largest body a network can allow is 256 KiB; the node says what its own network allows.
const VALUE_BYTES_MAX: u64 = 384 * 1024;
