//! Text of others for people's eyes: what is hidden in it is shown, and what was damaged is shown repaired
//! beside it. Nothing that was signed or hashed is changed.

use encoding_rs::{Encoding, WINDOWS_1252, WINDOWS_1254};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A guess at what a damaged text said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repaired {
    /// The guess.
    pub text: String,
    /// As what its UTF-8 was misread.
    pub misread_as: &'static str,
    /// Characters that came out of it.
    pub characters: usize,
}

/// Repairs UTF-8 that somebody read as Windows-1252 or Windows-1254 and saved again (SEED-7).
///
/// Characters in a row whose bytes in that encoding are one character of UTF-8 become that character; all
/// else stays as it is, also where bytes were lost. Of the two encodings the one that repairs more is taken.
/// `None` where there is nothing to repair. A rare text is meant as it stands, so it is never shown alone.
pub fn repair(text: &str) -> Option<Repaired> {
    if text.is_ascii() {
        return None;
    }
    let one = repair_as(text, WINDOWS_1252);
    let two = repair_as(text, WINDOWS_1254);
    let best = if one.characters < two.characters { two } else { one };
    (0 < best.characters).then_some(best)
}

/// Shows characters that control a terminal, turn the direction of a text, or are not seen, by their numbers.
/// Ends of lines and tabs stay (SEED-7).
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        if is_hidden(it) {
            write!(shown, "<U+{:04X}>", u32::from(it)).expect("writing to a string cannot fail");
        } else {
            shown.push(it);
        }
    }
    shown
}

/// Counts what [`visible`] would show by its number.
pub fn hidden_len(text: &str) -> usize {
    text.chars().filter(|it| is_hidden(*it)).count()
}

fn is_hidden(it: char) -> bool {
    let control = it.is_control() && it != '\n' && it != '\t';
    let unseen = matches!(
        it,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    control || unseen
}

fn repair_as(text: &str, encoding: &'static Encoding) -> Repaired {
    let bytes = bytes_of(encoding);
    let chars: Vec<char> = text.chars().collect();
    let (mut repaired, mut at, mut characters) = (String::with_capacity(text.len()), 0, 0);
    while let Some(first) = chars.get(at) {
        let meant = bytes.get(first).and_then(|first| {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return None,
            };
            let run = chars.get(at..at + length)?;
            let run: Option<Vec<u8>> = run.iter().map(|it| bytes.get(it).copied()).collect();
            let meant = String::from_utf8(run?).ok()?;
            Some((meant, length))
        });
        match meant {
            Some((meant, length)) => {
                repaired.push_str(&meant);
                (at, characters) = (at + length, characters + 1);
            }
            None => {
                repaired.push(*first);
                at += 1;
            }
        }
    }
    Repaired { text: repaired, misread_as: encoding.name(), characters }
}

/// Which character stands for which byte. Bytes without one stand for the control of their number, as
/// browsers have it.
fn bytes_of(encoding: &'static Encoding) -> BTreeMap<char, u8> {
    let byte = |byte: u8| {
        let (text, _) = encoding.decode_without_bom_handling(std::slice::from_ref(&byte));
        Some((text.chars().next()?, byte))
    };
    (0x80..=0xff).filter_map(byte).collect()
}
