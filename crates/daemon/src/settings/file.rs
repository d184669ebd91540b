//! The file layer: TOML with the line of every key.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Layers, Origin, SettingsError, Value, keys};

/// Reads `file`, or `DIR/config.toml` where that exists.
pub(super) fn read(
    directory: &Path,
    file: Option<&Path>,
    layers: &mut Layers,
) -> Result<(), SettingsError> {
    let usual = directory.join("config.toml");
    let path = file.unwrap_or(&usual);
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, path, layers),
        // NotADirectory: the directory itself is a file, which starting the node says better.
        Err(error)
            if file.is_none()
                && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(())
        }
        Err(error) => {
            Err(SettingsError::Unreadable { path: path.to_owned(), why: error.to_string() })
        }
    }
}

/// Reads a file's text.
pub(super) fn parse(text: &str, path: &Path, layers: &mut Layers) -> Result<(), SettingsError> {
    let table = DeTable::parse(text).map_err(|error| SettingsError::NotToml {
        path: path.to_owned(),
        line: line(text, error.span().map_or(0, |span| span.start)),
        why: error.message().lines().collect::<Vec<_>>().join(", "),
    })?;
    let source = Source { text, path };
    for (section, value) in table.get_ref() {
        source.section(section, value, layers)?;
    }
    Ok(())
}

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    fn section(
        &self,
        section: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        layers: &mut Layers,
    ) -> Result<(), SettingsError> {
        let origin = self.origin(section.span().start);
        if !keys::is_section(section.get_ref()) {
            return Err(keys::unknown(section.get_ref(), &origin));
        }
        let Some(table) = value.get_ref().as_table() else {
            let text = self.text.get(value.span()).unwrap_or_default();
            let allowed = format!("a section: [{}] and its keys below", section.get_ref());
            return Err(SettingsError::bad(section.get_ref(), text, &origin, &allowed));
        };
        for (name, value) in table {
            let origin = self.origin(name.span().start);
            let name = format!("{}.{}", section.get_ref(), name.get_ref());
            let key = keys::find(&name).ok_or_else(|| keys::unknown(&name, &origin))?;
            let value = self.value(key, value, &origin)?;
            layers.set(key, value, origin)?;
        }
        Ok(())
    }

    fn value(
        &self,
        key: &'static keys::Key,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
    ) -> Result<Value, SettingsError> {
        let bad = || {
            let text = self.text.get(value.span()).unwrap_or_default();
            SettingsError::bad(key.name, text, origin, &key.kind.allowed())
        };
        match value.get_ref() {
            DeValue::Array(items) => {
                let items: Option<Vec<String>> =
                    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
                items.map(Value::List).ok_or_else(bad)
            }
            DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
            DeValue::Integer(number) => {
                let parsed = u64::from_str_radix(number.as_str(), number.radix());
                parsed.map(Value::Number).map_err(|_| bad())
            }
            DeValue::String(text) => Ok(Value::Text(text.to_string())),
            DeValue::Datetime(_) | DeValue::Float(_) | DeValue::Table(_) => Err(bad()),
        }
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File(self.path.to_owned(), line(self.text, at))
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
