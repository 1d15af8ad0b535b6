//! Why a description is not taken, and what the signalling does about it.

use holdfast_wire::sip::Headers;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Why an operation was not possible; nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reject {
    /// An offer of ours has no answer yet. From the peer this is glare: 491 (RFC 3261 §14.2,
    /// RFC 3311 §5.2).
    OurOfferIsOpen,
    /// An offer of the peer has no answer yet. A second one is too early: 500 with Retry-After
    /// (RFC 3261 §14.2, RFC 3311 §5.2).
    TheirOfferIsOpen,
    /// There is no offer that this could answer. An answer is then ignored: it repeats one that
    /// was taken already (RFC 6337 §3.1).
    NoOfferIsOpen,
    /// Nothing was agreed yet that could be repeated.
    NothingAgreed,
    /// What it describes does not suit: 488 (RFC 3261 §21.4.26).
    Unacceptable(Fault),
}

/// What does not suit in a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// No audio stream, or all at port 0.
    NoAudio,
    /// Audio only under a profile that we do not speak on this leg.
    Profile,
    /// Audio in the clear, where it has to be encrypted.
    Clear,
    /// Encrypted audio, and no crypto suite that both sides have.
    NoCommonSuite,
    /// Keys by a handshake, and something that it needs is missing or not to be had here.
    NoHandshake,
    /// No codec that both sides take.
    NoCommonCodec,
    /// No address to send to, or one of the other family.
    Address,
}

impl Reject {
    /// The status that refuses the peer's request; `None` when there is nothing to refuse.
    #[must_use]
    pub const fn status_code(self) -> Option<u16> {
        match self {
            Self::OurOfferIsOpen => Some(491),
            Self::TheirOfferIsOpen => Some(500),
            Self::Unacceptable(_) => Some(488),
            Self::NoOfferIsOpen | Self::NothingAgreed => None,
        }
    }

    /// What does not suit, where that is why.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Unacceptable(fault) => Some(fault),
            Self::OurOfferIsOpen
            | Self::TheirOfferIsOpen
            | Self::NoOfferIsOpen
            | Self::NothingAgreed => None,
        }
    }
}

impl Fault {
    /// The Warning beside the 488, for the technician at the other end (RFC 3261 §20.43).
    #[must_use]
    pub fn warning(self) -> String {
        format!("{} holdfast \"{}\"", self.warning_code(), self.warning_text())
    }

    /// What does not suit the peer, by the first of its warnings that says so.
    #[must_use]
    pub fn of_warnings(headers: &Headers) -> Option<Self> {
        let code = |warning: Cow<'_, str>| warning.split(' ').next()?.parse().ok();
        let fault = |code: u16| match code {
            301 => Some(Self::Address),
            302 => Some(Self::Profile),
            304 => Some(Self::NoAudio),
            305 => Some(Self::NoCommonCodec),
            _of_something_else => None,
        };
        headers.all("Warning").filter_map(code).find_map(fault)
    }

    /// Whether it lies in what both sides are configured to speak, so that a person can mend it.
    #[must_use]
    pub const fn is_about_terms(self) -> bool {
        match self {
            Self::Profile
            | Self::Clear
            | Self::NoCommonSuite
            | Self::NoHandshake
            | Self::NoCommonCodec => true,
            Self::NoAudio | Self::Address => false,
        }
    }

    const fn warning_code(self) -> u16 {
        match self {
            Self::Address => 301,
            Self::Profile | Self::Clear => 302,
            Self::NoAudio => 304,
            Self::NoCommonCodec => 305,
            Self::NoCommonSuite | Self::NoHandshake => 306,
        }
    }

    const fn warning_text(self) -> &'static str {
        match self {
            Self::Address => "No usable address in c=",
            Self::Clear => "Audio has to be encrypted here (RTP/SAVP with a=crypto)",
            Self::NoCommonSuite => "No a=crypto line with a suite and key usable here",
            Self::NoHandshake => "DTLS-SRTP needs a=fingerprint, a=setup, ICE and a=rtcp-mux",
            Self::Profile => "Audio offered only under a media profile not spoken here",
            Self::NoAudio => "No audio stream, or its port is 0",
            Self::NoCommonCodec => "No audio codec in common",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;
    use holdfast_wire::sip::Headers;

    fn said(warnings: &[&str]) -> Option<Fault> {
        let mut headers = Headers::new();
        warnings.iter().for_each(|warning| headers.push("Warning", warning));
        Fault::of_warnings(&headers)
    }

    #[test]
    fn a_warning_of_ours_is_understood_by_our_like() {
        for fault in [Fault::Address, Fault::Profile, Fault::NoAudio, Fault::NoCommonCodec] {
            assert_eq!(said(&[&fault.warning()]), Some(fault));
        }
        assert_eq!(Fault::NoCommonCodec.warning(), "305 holdfast \"No audio codec in common\"");
    }

    #[test]
    fn other_warnings_say_nothing_of_audio() {
        assert_eq!(said(&["399 h \"305\"", "370 h \"Bandwidth\""]), None);
        assert_eq!(said(&["", "x", "305"]), Some(Fault::NoCommonCodec));
        let second = said(&["399 h \"Misc\"", "304 h \"Media type not available\""]);
        assert_eq!(second, Some(Fault::NoAudio));
        assert_eq!(said(&[]), None);
    }
}
