//! Log lines: pretty on a terminal, JSON otherwise.

use std::io::IsTerminal as _;
use std::str::FromStr as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// Pretty where standard error is a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For humans.
    Pretty,
}

impl LogFormat {
    /// Reads the setting; anything else is `auto`.
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "json" => Self::Json,
            "pretty" => Self::Pretty,
            _ => Self::Auto,
        }
    }
}

/// Sends this process's log lines to standard error. Called once, by a program's `main`: a node
/// never calls it, so that many live in one process. A second call changes nothing.
pub fn init(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(quiet(level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let colour = terminal
        && std::env::var_os("NO_COLOR").is_none()
        && std::env::var_os("TRELLIS_NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let pretty = match format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let outcome = if pretty {
        builder.with_ansi(colour).with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).try_init()
    };
    if outcome.is_err() {
        tracing::debug!("log lines already go somewhere");
    }
}

/// Leaves out what libp2p says of listeners at the level of our own facts: we say it ourselves.
fn quiet(level: &str) -> String {
    if level.split(',').any(|part| part.trim() == "info") && !level.contains("libp2p_swarm") {
        return format!("{level},libp2p_swarm=warn");
    }
    level.to_owned()
}

/// Says whether a log filter is one. A lone word must be a level: taken as the name of a crate, as
/// the filter would, a typing error would silence everything else.
pub(crate) fn is_filter(text: &str) -> bool {
    let level = |word: &str| LevelFilter::from_str(word).is_ok();
    let parts = || text.split(',').map(str::trim);
    parts().all(|part| part.contains('=') || level(part)) && EnvFilter::try_new(text).is_ok()
}
