//! What the site orders to be written: a fact for the event log, or the present state of something
//! alive for the recovery journal.
//!
//! Both share one order of [`holdfast_base::Lsn`], which the site assigns: when the log says that
//! it is durable up to a position, the facts and the states up to there both are. A fact stays for
//! ever; a state is replaced by the next one of its key and vanishes with what it describes.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::event::Event;

/// Longest key of a state, in bytes: an id or two and a word.
pub const STATE_KEY_BYTES_MAX: usize = 256;
/// Largest value of a state, in bytes: a dialog with both SDPs, each at most a SIP message long.
pub const STATE_VALUE_BYTES_MAX: usize = 4 * holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;

/// Names one piece of state, for example `call-17/leg-3`. Written in the clear: it holds ids, never
/// a number or name of a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StateKey(String);

impl StateKey {
    /// Wraps a key.
    ///
    /// # Errors
    /// When it is empty or longer than [`STATE_KEY_BYTES_MAX`].
    pub fn new(key: impl Into<String>) -> Result<Self, NotAStateKey> {
        let key = key.into();
        let fits = (1..=STATE_KEY_BYTES_MAX).contains(&key.len());
        if fits { Ok(Self(key)) } else { Err(NotAStateKey) }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StateKey {
    type Error = NotAStateKey;
    fn try_from(key: String) -> Result<Self, NotAStateKey> {
        Self::new(key)
    }
}

impl From<StateKey> for String {
    fn from(key: StateKey) -> Self {
        key.0
    }
}

/// The text can not name a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAStateKey;

impl fmt::Display for NotAStateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key of a state has 1 to {STATE_KEY_BYTES_MAX} bytes")
    }
}

impl std::error::Error for NotAStateKey {}

/// One thing to be made durable.
#[derive(Clone, PartialEq)]
pub enum Record {
    /// A fact, kept for ever.
    Event(Event),
    /// The present state of something alive, at most [`STATE_VALUE_BYTES_MAX`] long; `None` when
    /// it is over.
    State {
        /// What it is the state of.
        key: StateKey,
        /// The state, in the site's own encoding.
        value: Option<Vec<u8>>,
    },
}

impl fmt::Debug for Record {
    /// Values hold dialogs and media keys: only their length prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
            Self::State { key, value } => f
                .debug_struct("State")
                .field("key", key)
                .field("bytes", &value.as_ref().map(Vec::len))
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, STATE_KEY_BYTES_MAX, StateKey};

    #[test]
    fn a_key_has_a_limit() {
        assert!(StateKey::new("call-1").is_ok());
        assert!(StateKey::new("k".repeat(STATE_KEY_BYTES_MAX)).is_ok());
        assert!(StateKey::new("k".repeat(STATE_KEY_BYTES_MAX + 1)).is_err());
        assert!(StateKey::new("").is_err());
    }

    #[test]
    fn a_value_never_prints() {
        let key = StateKey::new("call-1").unwrap();
        let record = Record::State { key, value: Some(b"secret".to_vec()) };
        assert_eq!(format!("{record:?}"), "State { key: StateKey(\"call-1\"), bytes: Some(6) }");
    }
}
