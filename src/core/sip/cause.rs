//! Why a call ended, in the words of the telephone network: the causes of Q.850 as Reason carries
//! them (RFC 3326 §2), and which of them a SIP status means (RFC 3398 §8.2.6.1).

use holdfast_wire::sip::{Headers, Valued};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What phones are told whose call somebody else has taken, so that they list none as missed.
pub const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";
/// Causes have seven bits (Q.850 §2.2.6).
const CAUSE_MAX: u8 = 127;

/// A cause of Q.850.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cause(u8);

impl Cause {
    /// The cause that a message names. Reasons of other protocols stand beside it (RFC 3326 §2).
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        headers.list("Reason").iter().find_map(|reason| Self::read(reason))
    }

    /// The cause that one value of Reason names.
    #[must_use]
    pub fn read(reason: &str) -> Option<Self> {
        let Valued { value, params } = Valued::parse(reason).ok()?;
        let cause = params.value("cause")?.parse().ok()?;
        let known = value.eq_ignore_ascii_case("Q.850") && (1..=CAUSE_MAX).contains(&cause);
        known.then_some(Self(cause))
    }

    /// What a refusal with this status means. None for what is no end of its own: a redirection,
    /// a call that was given up, an offer that does not suit, for which §8.2.6.1 asks the warning.
    #[must_use]
    pub const fn of_status(status: u16) -> Option<Self> {
        let cause = match status {
            486 | 600 => 17,
            480 => 18,
            401 | 402 | 403 | 407 | 603 => 21,
            410 => 22,
            482 | 483 => 25,
            484 => 28,
            502 => 38,
            400 | 481 | 500 | 503 => 41,
            405 => 63,
            406 | 415 | 501 => 79,
            408 | 504 => 102,
            404 | 485 | 604 => 1,
            413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
            _ => return None,
        };
        Some(Self(cause))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Cause {
    /// A value of Reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Q.850;cause={}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;
    use holdfast_wire::sip::Headers;

    #[test]
    fn a_cause_is_found_beside_other_reasons() {
        for (reasons, found) in [
            (&["Q.850;cause=16;text=\"Terminated\""][..], Some("Q.850;cause=16")),
            (&["SIP;cause=486, q.850 ;cause=17"], Some("Q.850;cause=17")),
            (&["SIP ;cause=200 ;text=\"a, b\"", "Q.850;cause=31"], Some("Q.850;cause=31")),
            (&["SIP;cause=600"], None),
            (&["Q.850"], None),
            (&["Q.850;cause=0", "Q.850;cause=128", "Q.850;cause=x"], None),
            (&[], None),
        ] {
            let mut headers = Headers::new();
            reasons.iter().for_each(|reason| headers.push("Reason", reason));
            let cause = Cause::of(&headers).map(|cause| cause.to_string());
            assert_eq!(cause.as_deref(), found, "{reasons:?}");
        }
    }

    #[test]
    fn a_status_means_what_the_standard_says() {
        let said = [404, 480, 486, 487, 488, 503, 603, 302]
            .map(|status| Cause::of_status(status).map(Cause::number));
        assert_eq!(said, [Some(1), Some(18), Some(17), None, None, Some(41), Some(21), None]);
    }
}
