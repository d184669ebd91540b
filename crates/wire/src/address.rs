//! Where a peer is.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::{WireError, limits};

/// A place to dial. The set is closed: a transport we do not build has no variant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Address {
    /// A plain HTTP door, `http://host[:port][/path]`, without trailing slash.
    Http(String),
}

impl Address {
    /// Returns the URL of `path` (which begins with a slash) behind this door.
    pub fn join(&self, path: &str) -> String {
        let Self::Http(url) = self;
        format!("{url}{path}")
    }

    /// Returns host and port.
    pub fn host_port(&self) -> (String, u16) {
        let Self::Http(url) = self;
        let url = Url::parse(url).expect("checked when it was made");
        let host = url.host_str().unwrap_or_default().to_owned();
        (host, url.port_or_known_default().unwrap_or(80))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Http(url) = self;
        f.write_str(url)
    }
}

impl FromStr for Address {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let refuse = |why: &str| Err(WireError::Address(format!("{why}: {}", shorten(text))));
        if text.len() > limits::ADDRESS_BYTES_MAX {
            return refuse("too long");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("use http://HOST:PORT");
        };
        match url.scheme() {
            "http" => {}
            "https" => return refuse("https is not supported yet, use http://HOST:PORT"),
            _ => return refuse("use http://HOST:PORT"),
        }
        if url.host_str().is_none_or(str::is_empty) {
            return refuse("no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("no user or password belongs here");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("no query or fragment belongs here");
        }
        let url = url.as_str().trim_end_matches('/');
        // Escapes made it longer, and peers read what we print.
        if url.len() > limits::ADDRESS_BYTES_MAX {
            return refuse("too long");
        }
        Ok(Self::Http(url.to_owned()))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_default().to_string()
}
