//! A value of any layer.

/// What a setting can be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    Flag(bool),
    List(Vec<String>),
    Number(u64),
    Text(String),
}

impl Value {
    /// Adds the items of a later flag to those of earlier ones; anything else replaces.
    pub(super) fn after(self, earlier: Self) -> Self {
        match (earlier, self) {
            (Self::List(mut items), Self::List(more)) => {
                items.extend(more);
                Self::List(items)
            }
            (_, later) => later,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => items.join(","),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Flag(_) | Self::List(_) | Self::Text(_) => 0,
        }
    }

    pub(super) fn list(&self) -> Vec<String> {
        match self {
            Self::List(items) => items.clone(),
            Self::Flag(_) | Self::Number(_) | Self::Text(_) => Vec::new(),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.clone().into(),
            Self::Number(number) => (*number).into(),
            Self::Text(text) if text.is_empty() => serde_json::Value::Null,
            Self::Text(text) => text.clone().into(),
        }
    }
}
