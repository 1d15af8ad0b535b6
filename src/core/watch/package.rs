//! The packages that the box knows for certain.

/// What Allow-Events says.
pub const EVENTS: &str = "dialog, presence, message-summary";

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// Who talks: RFC 4235.
    Dialog,
    /// Who is there: RFC 3856.
    Presence,
    /// Whether messages wait: RFC 3842.
    Messages,
}

impl Package {
    /// The package of this event.
    #[must_use]
    pub fn named(event: &str) -> Option<Self> {
        match event {
            "dialog" => Some(Self::Dialog),
            "presence" => Some(Self::Presence),
            "message-summary" => Some(Self::Messages),
            _ => None,
        }
    }

    /// The media type of its documents.
    #[must_use]
    pub const fn media(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::Presence => "application/pidf+xml",
            Self::Messages => "application/simple-message-summary",
        }
    }
}
