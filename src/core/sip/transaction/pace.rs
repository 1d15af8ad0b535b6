//! How long a transaction waits and how often it repeats itself: RFC 3261 §17, table 4.
//!
//! T1, T2 and T4 are settings of the site; all the lettered timers follow from them and from
//! whether the transport repeats lost data by itself.

use holdfast_base::Mono;
use std::time::Duration;

use crate::sip::flow::Transport;

/// Timers B, D, F, H, J, L and M are this many T1 (D only asks for at least 32 s, which 64·T1 is
/// with the default T1): RFC 3261 §17.1.1.2, RFC 6026 §7.
const PATIENCE_IN_T1: u32 = 64;
/// Doublings after which a gap surely has passed T2; keeps odd settings from looping.
const DOUBLINGS_MAX: u32 = 16;

/// The three base times that a site sets; all else follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of a round trip, and the first gap between repetitions.
    pub t1: Duration,
    /// The longest gap between repetitions of anything but an INVITE request.
    pub t2: Duration,
    /// How long a message may linger in the network.
    pub t4: Duration,
}

impl Default for Timers {
    /// RFC 3261 table 4.
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64·T1: silence this long means that nobody is there (Timers B, F, H, L, M).
    #[must_use]
    pub fn patience(self) -> Duration {
        self.t1.saturating_mul(PATIENCE_IN_T1)
    }
}

/// The timers of one transaction: the base times on its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    timers: Timers,
    transport: Transport,
}

impl Pace {
    /// The pace of a transaction over `transport`.
    #[must_use]
    pub const fn new(timers: Timers, transport: Transport) -> Self {
        Self { timers, transport }
    }

    /// As [`Timers::patience`].
    #[must_use]
    pub fn patience(self) -> Duration {
        self.timers.patience()
    }

    /// T4, or nothing where the network can not hold a message back (Timers I, K).
    #[must_use]
    pub const fn linger_short(self) -> Duration {
        if self.transport.is_reliable() { Duration::ZERO } else { self.timers.t4 }
    }

    /// 64·T1, or nothing where the network can not repeat a message (Timers D, J).
    #[must_use]
    pub fn linger_long(self) -> Duration {
        if self.transport.is_reliable() { Duration::ZERO } else { self.patience() }
    }

    /// The repetition of something just sent, where the transport needs it (Timers A, E, G).
    #[must_use]
    pub fn repetition(self, now: Mono) -> Repetition {
        if self.transport.is_reliable() { Repetition::Never } else { self.repetition_always(now) }
    }

    /// The repetition of a 2xx to INVITE, which must survive every hop between the two users and
    /// is therefore repeated over TCP too: RFC 3261 §13.3.1.4.
    #[must_use]
    pub fn repetition_always(self, now: Mono) -> Repetition {
        Repetition::At { when: now + self.timers.t1, gap: self.timers.t1 }
    }

    /// The time after which Timer E of the other side has grown to T2, so that a 100 to a
    /// non-INVITE request begins to save repetitions: RFC 4320 §4.1.
    #[must_use]
    pub fn hush(self) -> Duration {
        let mut gap = self.timers.t1;
        let mut passed = Duration::ZERO;
        for _ in 0..DOUBLINGS_MAX {
            if gap >= self.timers.t2 {
                break;
            }
            passed = passed.saturating_add(gap);
            gap = gap.saturating_mul(2);
        }
        passed
    }

    /// The longest gap between repetitions.
    #[must_use]
    pub const fn gap_max(self) -> Duration {
        self.timers.t2
    }
}

/// When the last message goes out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// The transport cares for it.
    Never,
    /// At this time; the time after it grows from `gap`.
    At {
        /// When it is due.
        when: Mono,
        /// The gap that led here.
        gap: Duration,
    },
}

impl Repetition {
    /// When it is due, if ever.
    #[must_use]
    pub const fn when(self) -> Option<Mono> {
        match self {
            Self::Never => None,
            Self::At { when, gap: _ } => Some(when),
        }
    }

    /// Whether it is due now.
    #[must_use]
    pub fn is_due(self, now: Mono) -> bool {
        self.when().is_some_and(|when| when <= now)
    }

    /// The next one, after a gap twice as long (Timer A: RFC 3261 §17.1.1.2 sets no cap).
    #[must_use]
    pub fn doubled(self, now: Mono) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::At { when: _, gap } => {
                let gap = gap.saturating_mul(2);
                Self::At { when: now + gap, gap }
            }
        }
    }

    /// The next one, after a gap twice as long but never above `cap` (Timers E and G).
    #[must_use]
    pub fn doubled_up_to(self, now: Mono, cap: Duration) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::At { when: _, gap } => {
                let gap = gap.saturating_mul(2).min(cap);
                Self::At { when: now + gap, gap }
            }
        }
    }

    /// The same due time, with every later gap at `gap` (Timer E after a provisional response).
    #[must_use]
    pub const fn slowed_to(self, gap: Duration) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::At { when, gap: _ } => Self::At { when, gap },
        }
    }
}

/// The earlier of a repetition and an end.
pub(super) fn earlier(repetition: Repetition, end: Mono) -> Mono {
    repetition.when().map_or(end, |when| when.min(end))
}

#[cfg(test)]
mod tests {
    use super::{Pace, Timers};
    use crate::sip::flow::Transport;
    use std::time::Duration;

    #[test]
    fn the_lettered_timers_follow_table_4() {
        let udp = Pace::new(Timers::default(), Transport::Udp);
        let tcp = Pace::new(Timers::default(), Transport::Tcp);
        assert_eq!(udp.patience(), Duration::from_secs(32));
        assert_eq!(udp.hush(), Duration::from_millis(3500));
        assert_eq!((udp.linger_short().as_secs(), udp.linger_long().as_secs()), (5, 32));
        assert_eq!((tcp.linger_short().as_secs(), tcp.linger_long().as_secs()), (0, 0));
    }

    #[test]
    fn odd_settings_do_not_loop() {
        let zero = Timers { t1: Duration::ZERO, ..Timers::default() };
        assert_eq!(Pace::new(zero, Transport::Udp).hush(), Duration::ZERO);
    }
}
