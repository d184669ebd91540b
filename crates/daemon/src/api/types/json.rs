//! Foreign JSON that passes through unchanged.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// Any JSON, digit for digit as its author wrote it, without blanks between its parts.
///
/// It is written unchanged. Reading goes by way of [`Value`], which rounds numbers that no
/// machine number holds: who needs those reads the text of the answer.
#[derive(Clone, Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes an author's text; bytes that are no JSON become a string.
    pub fn of(bytes: &[u8]) -> Self {
        let checked: Result<Value, _> = serde_json::from_slice(bytes);
        let text = std::str::from_utf8(bytes).ok().filter(|_| checked.is_ok());
        let raw = text.and_then(|text| RawValue::from_string(compact(text)).ok());
        Self(raw.unwrap_or_else(|| raw_of(&String::from_utf8_lossy(bytes).into_owned().into())))
    }

    /// Returns its text, on one line.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Returns it as a value; large numbers are rounded.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or(Value::Null)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(raw_of(&Value::deserialize(deserializer)?)))
    }
}

fn raw_of(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a JSON value is JSON")
}

/// Drops blanks outside of strings; a line break among them would end a line of the event stream.
fn compact(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let mut keep = |letter: &char| {
        if quoted {
            let ends = *letter == '"' && !escaped;
            escaped = *letter == '\\' && !escaped;
            quoted = !ends;
            return true;
        }
        quoted = *letter == '"';
        !matches!(letter, ' ' | '\t' | '\n' | '\r')
    };
    text.chars().filter(|letter| keep(letter)).collect()
}

#[cfg(test)]
mod tests;
