//! Where log lines go: the journal with its fields under systemd, text or JSON lines elsewhere.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The journal when systemd has connected us to it, else text.
    Auto,
    /// Lines for people, on standard error.
    Text,
    /// One JSON object a line, on standard error.
    Json,
}

/// Starts logging for the process. Called once; a second call changes nothing.
pub fn start(format: Format, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let to_journal = format == Format::Auto && std::env::var_os("JOURNAL_STREAM").is_some();
    // The journal's socket may be missing in a container: text is better than silence.
    let journal = to_journal.then(|| tracing_journald::layer().ok()).flatten();
    let started = match (journal, format) {
        (Some(journal), _) => registry.with(journal.with_field_prefix(None)).try_init(),
        (None, Format::Json) => {
            registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()
        }
        (None, Format::Auto | Format::Text) => {
            registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(false)).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}
