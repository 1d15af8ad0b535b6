//! Whether audio is encrypted on the way to one side, and by what its keys are agreed on.

use serde::{Deserialize, Serialize};

use crate::listener::ListenerTransport;

/// What is asked of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaEncryption {
    /// Calls are encrypted or refused.
    Required,
    /// Calls are offered encrypted, and in the clear to who refuses that; shown where it happens.
    Preferred,
    /// Calls are in the clear.
    #[default]
    Off,
}

/// By what the keys of audio are agreed on in a call from here. Either way, what the other side
/// offers is answered in its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKeys {
    /// By lines of the session description (SDES, RFC 4568), so that audio is as private as the
    /// signalling is.
    #[default]
    Sdes,
    /// By a handshake on the way of the audio (DTLS-SRTP, RFC 5763), which ICE finds: as browsers
    /// have it.
    Dtls,
}

impl MediaKeys {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sdes => "sdes",
            Self::Dtls => "dtls",
        }
    }
}

impl MediaEncryption {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Off => "off",
        }
    }

    /// What holds for a trunk that says nothing: who signals over TLS wants audio encrypted; on a
    /// line that everybody can read a key is worth nothing.
    #[must_use]
    pub const fn usual(transport: ListenerTransport) -> Self {
        match transport {
            ListenerTransport::Tls => Self::Required,
            ListenerTransport::Udp | ListenerTransport::Tcp => Self::Off,
        }
    }
}
