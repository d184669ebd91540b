//! Times, sizes and ids in the words people use.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

/// Says how long ago an RFC 3339 time was: `3 s ago`.
pub(crate) fn ago(time: &str) -> String {
    let Ok(then) = time.parse::<Timestamp>() else { return time.to_owned() };
    let seconds = Timestamp::now().as_second() - then.as_second();
    match u64::try_from(seconds) {
        Ok(0) => "now".to_owned(),
        Ok(seconds) => format!("{} ago", seconds_in_words(seconds)),
        Err(_) => format!("in {}", seconds_in_words(seconds.unsigned_abs())),
    }
}

/// Says how long something takes, in one unit.
pub(crate) fn seconds_in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Says a measured duration with the digits that matter.
pub(crate) fn took(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    }
}

/// Shortens a hexadecimal id to what tells two of them apart at a glance.
pub(crate) fn short_hex(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Shortens a peer id: its end is what differs.
pub(crate) fn short_node(id: &str) -> &str {
    id.len().checked_sub(8).and_then(|from| id.get(from..)).unwrap_or(id)
}

/// Groups digits by three: `3,376`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns `one` or `many` with the number before it.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Encodes a name for one segment of a URL's path, or for a query.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

/// Makes text from the network safe to print: no control character reaches the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}

/// Makes JSON from the network safe to print, and leaves it the same JSON: control characters that
/// JSON allows in texts (a terminal takes U+009B for an escape sequence) are written as escapes.
pub(crate) fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for it in json.chars() {
        // Line ends and spaces between tokens are ours; within a text serde_json escapes them.
        if it.is_control() && it != '\n' {
            write!(text, "\\u{:04x}", u32::from(it)).expect("writing to a string cannot fail");
        } else {
            text.push(it);
        }
    }
    text
}
