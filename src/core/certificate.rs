//! A certificate of the box as people see it: how long it still serves, and when to alarm.
//!
//! The file itself is for the drivers. Here is only the rule of when somebody must be told.

use holdfast_base::Wall;

use crate::view::{HealthState, HealthView};

const DAY_SECONDS: i64 = 86_400;

/// One certificate that the box shows, or should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose: `trunk teams`, `listener 0.0.0.0:5061`.
    pub of: String,
    /// The end of its validity; `None` when there is no certificate at all.
    pub expires: Option<Wall>,
    /// What is wrong with the files that should be used, or with the name that it carries.
    pub fault: Option<String>,
}

/// How urgent the end of a certificate is: time to order one, to press for it, to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody needs to hear of it.
    Calm,
    /// It ends within 30 days.
    Month,
    /// It ends within 14 days.
    Fortnight,
    /// It ends within 3 days.
    Days,
    /// It has ended, or there is none.
    Over,
}

impl Certificate {
    /// How urgent it is. A log line is due whenever this has risen.
    #[must_use]
    pub fn urgency(&self, now: Wall) -> Urgency {
        match self.seconds_left(now) {
            None => Urgency::Over,
            Some(left) if left <= 0 => Urgency::Over,
            Some(left) if left <= 3 * DAY_SECONDS => Urgency::Days,
            Some(left) if left <= 14 * DAY_SECONDS => Urgency::Fortnight,
            Some(left) if left <= 30 * DAY_SECONDS => Urgency::Month,
            Some(_) => Urgency::Calm,
        }
    }

    /// The line of the health picture.
    #[must_use]
    pub fn health(&self, now: Wall) -> HealthView {
        let state = match (self.urgency(now), &self.fault) {
            (Urgency::Over, _) => HealthState::Down,
            (Urgency::Month | Urgency::Fortnight | Urgency::Days, _) | (Urgency::Calm, Some(_)) => {
                HealthState::Degraded
            }
            (Urgency::Calm, None) => HealthState::Good,
        };
        HealthView { part: format!("Certificate of {}", self.of), state, says: self.says(now) }
    }

    /// The same in a sentence.
    #[must_use]
    pub fn says(&self, now: Wall) -> String {
        let validity = match self.seconds_left(now) {
            None => "there is none".to_owned(),
            Some(left) if left <= 0 => "it has expired: put a new one into its file".to_owned(),
            Some(left) if self.urgency(now) == Urgency::Calm => {
                format!("valid for {} days", left / DAY_SECONDS)
            }
            Some(left) => match left / DAY_SECONDS {
                0 => "it expires today: put a new one into its file".to_owned(),
                1 => "it expires in 1 day: put a new one into its file".to_owned(),
                days => format!("it expires in {days} days: put a new one into its file"),
            },
        };
        match &self.fault {
            Some(fault) => format!("{fault}; {validity}"),
            None => validity,
        }
    }

    fn seconds_left(&self, now: Wall) -> Option<i64> {
        self.expires.map(|end| end.seconds().saturating_sub(now.seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Certificate, DAY_SECONDS};
    use holdfast_base::Wall;

    fn told(days: Option<i64>, fault: Option<&str>) -> String {
        let second = 1_000_000;
        let end = days.map(|days| Wall::from_micros((days * DAY_SECONDS + 60) * second));
        let fault = fault.map(str::to_owned);
        let certificate = Certificate { of: "trunk teams".to_owned(), expires: end, fault };
        let now = Wall::from_micros(0);
        let health = certificate.health(now);
        format!("{:?} {:?}: {}", health.state, certificate.urgency(now), health.says)
    }

    #[test]
    fn the_end_is_told_in_time_and_louder_as_it_comes() {
        let trace: Vec<String> =
            [31, 30, 29, 13, 2, 1, 0, -1].map(|days| told(Some(days), None)).into();
        assert_eq!(
            trace,
            [
                "Good Calm: valid for 31 days",
                "Good Calm: valid for 30 days",
                "Degraded Month: it expires in 29 days: put a new one into its file",
                "Degraded Fortnight: it expires in 13 days: put a new one into its file",
                "Degraded Days: it expires in 2 days: put a new one into its file",
                "Degraded Days: it expires in 1 day: put a new one into its file",
                "Degraded Days: it expires today: put a new one into its file",
                "Down Over: it has expired: put a new one into its file",
            ]
        );
    }

    #[test]
    fn a_fault_is_told_first() {
        let fault = Some("/k: not the key of this certificate");
        assert_eq!(
            told(Some(80), fault),
            "Degraded Calm: /k: not the key of this certificate; valid for 80 days"
        );
        assert_eq!(
            told(None, fault),
            "Down Over: /k: not the key of this certificate; there is none"
        );
    }
}
