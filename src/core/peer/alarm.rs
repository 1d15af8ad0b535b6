//! Refusals that say something about the trunk's own configuration, and so about every call over
//! it: a person has to look.
//!
//! From a carrier the same codes mean a wrong number; towards Teams the box calls agents alone, who
//! are there or whose number is wrong in the configuration.

use holdfast_base::Mono;
use std::time::Duration;

/// How long one is shown after it came last, unless a call shows that it is mended.
const SHOWN: Duration = Duration::from_secs(3600);

/// What is wrong, and what to do, by the status of the refusal; none for one that is no alarm.
#[must_use]
pub const fn meaning(status: u16) -> Option<&'static str> {
    match status {
        403 => Some(
            "its certificate, its name or the tenant is not accepted there: compare the name in \
             `advertise` with the SBC in the tenant and with the certificate",
        ),
        404 | 484 => Some(
            "the number of an agent is not known there: compare the agent's `number` with the \
             number that the tenant has given",
        ),
        _no_alarm => None,
    }
}

/// The last such refusal of a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm(Option<(u16, Mono)>);

impl Alarm {
    /// A response to an INVITE. True when something new is wrong.
    pub fn heard(&mut self, now: Mono, status: u16) -> bool {
        match (self.0, meaning(status)) {
            (known, Some(_)) => {
                self.0 = Some((status, now));
                known.is_none_or(|(before, _)| before != status)
            }
            // A call that is answered has found its number, and all else was right as well.
            (Some(_), None) if (200..300).contains(&status) => {
                self.0 = None;
                false
            }
            (Some(_) | None, None) => false,
        }
    }

    /// When [`Self::handle_deadline`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.0.map(|(_, at)| at + SHOWN)
    }

    /// An old one is shown no more.
    pub fn handle_deadline(&mut self, now: Mono) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.0 = None;
        }
    }

    /// For the page.
    pub fn says(&self) -> Option<String> {
        let (status, _) = self.0?;
        let what = meaning(status)?;
        Some(format!("a call was refused with {status}: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, SHOWN};
    use holdfast_base::Mono;

    #[test]
    fn told_once_until_a_call_succeeds_or_it_is_old() {
        let mut alarm = Alarm::default();
        let now = Mono::from_micros(0);
        // 488 and 606 are told of every trunk: `unsuited`.
        for quiet in [100, 180, 480, 486, 488, 503, 603, 606] {
            assert!(!alarm.heard(now, quiet), "{quiet}");
        }
        assert_eq!(alarm.says(), None);
        assert!(alarm.heard(now, 403));
        assert!(!alarm.heard(now, 403));
        assert!(alarm.heard(now, 404));
        assert!(alarm.says().unwrap().contains("number"));
        assert!(!alarm.heard(now, 486));
        assert!(alarm.says().is_some());
        assert!(!alarm.heard(now, 200));
        assert_eq!(alarm.says(), None);
        assert!(alarm.heard(now, 484));
        alarm.handle_deadline(now + SHOWN);
        assert_eq!(alarm.deadline(), None);
    }
}
