//! The session timer of one leg (RFC 4028): how long the session lasts unless it is refreshed, and
//! which side refreshes it.
//!
//! Each leg has a timer of its own, agreed with its party alone; a refresh on one leg is never
//! heard of on another. This machine reads and writes the header fields and names the deadlines.
//! It refuses to know transactions, descriptions and how a refresh is sent.
//!
//! ```text
//!        2xx with Session-Expires
//!   Off ──────────────────────────> Ours ── at half, and again until the end: a refresh is due
//!    ^                                ^
//!    │ 2xx without                    v
//!    └──────────────────────────── Theirs ── nobody refreshed it: the end
//! ```
//!
//! What the RFC leaves open, and how it is here:
//! * A peer that answers our INVITE without a session timer has none: RFC 4028 §7.2 wants no
//!   refreshes then, and old phones stumble over them. Its silence is noticed in its audio.
//! * A caller that knows session timers and asks for none is granted ours. Where the caller leaves
//!   open who refreshes, it is us: then what keeps the call alive is under our own test.
//! * A caller that does not know them gets one only when something on the way has asked for it
//!   (§8.1); then we refresh (§9, table 2).

use crate::call::origin::Origin;
use holdfast_base::Mono;
use holdfast_config::Config;
use holdfast_wire::sip::{CSeq, Headers, Method, Refresher, Request, SessionExpires};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The shortest session there is, and Min-SE where none is said, in seconds: RFC 4028 §5.
const LEAST_S: u32 = 90;
/// The longest Min-SE of a peer that we follow: a day. Beyond it the peer is mistaken.
const MIN_SE_MAX_S: u32 = 86_400;
/// How often a first INVITE is repeated with a larger Min-SE. Each proxy on the way may ask once
/// (RFC 4028 §8.1); more are a fault.
const WIDENED_MAX: u32 = 3;
/// RFC 4028 §10: the session ends this long before its interval is over, or a third of it.
const END_BEFORE: Duration = Duration::from_secs(32);
/// No refresh is tried this short before the end: it could not be answered any more.
const TRY_BEFORE: Duration = Duration::from_secs(4);

/// What the configuration wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The interval that we ask for and the longest that we grant, in seconds; none asks for none.
    interval_s: Option<u32>,
    /// The shortest that we grant, in seconds.
    least_s: u32,
}

impl Terms {
    /// Those towards this party: what its trunk says comes before what holds for all.
    #[must_use]
    pub fn towards(config: &Config, origin: &Origin) -> Self {
        let trunk = match origin {
            Origin::Trunk(name) => config.trunk(name),
            Origin::Account(_) | Origin::Guest => None,
        };
        let common = (config.sip.session_expires, config.sip.min_se);
        let (asked, least) = trunk.map_or(common, |trunk| (trunk.session_expires, trunk.min_se));
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Self { interval_s: asked.map(seconds), least_s: seconds(least).max(LEAST_S) }
    }

    /// The same towards a party that is known to grant no less than this.
    #[must_use]
    pub fn at_least(self, least_s: Option<u32>) -> Self {
        Self { interval_s: self.interval_s.map(|own| own.max(least_s.unwrap_or(0))), ..self }
    }
}

/// A session timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimer {
    /// The largest Min-SE heard in this dialog (RFC 4028 §7.4), in seconds.
    least_s: u32,
    /// Whether the party takes UPDATE (RFC 3311 §4), which refreshes without a description.
    takes_update: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    /// The session has no end.
    #[default]
    Off,
    /// We refresh: next at `next`, of which `tries` went before in vain.
    Ours { interval_s: u32, tries: u32, next: Mono, until: Mono },
    /// The party refreshes.
    Theirs { interval_s: u32, until: Mono },
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A refresh of ours.
    Refresh,
    /// The end: nobody has refreshed the session.
    End,
}

/// What a session refresh request says about the timer.
struct Asked {
    supports: bool,
    interval: Option<SessionExpires>,
    least_s: u32,
}

impl Asked {
    /// A field that can not be read asks for nothing.
    fn read(headers: &Headers) -> Self {
        Self {
            supports: headers.lists("Supported", "timer") || headers.lists("Require", "timer"),
            interval: headers.session_expires().ok().flatten(),
            least_s: min_se(headers),
        }
    }
}

/// The Min-SE of a request that a 422 would have to name: the request asks for less than we grant,
/// and its sender would understand the 422 (RFC 4028 §9).
#[must_use]
pub fn too_brief(request: &Request, terms: Terms) -> Option<u32> {
    let asked = Asked::read(&request.headers);
    let brief = asked.interval.is_some_and(|interval| interval.seconds < terms.least_s);
    (asked.supports && brief).then_some(terms.least_s)
}

/// Asks for a timer in a first INVITE. Who refreshes is left open, as RFC 4028 §7.1 recommends.
pub fn ask(invite: &mut Request, terms: Terms) {
    if let Some(seconds) = terms.interval_s {
        write(&mut invite.headers, SessionExpires { seconds, refresher: None });
        invite.headers.push("Min-SE", terms.least_s);
    }
}

/// The first INVITE once more, after a 422 that asks for a longer session: same Call-ID and tag,
/// the next CSeq, the largest Min-SE heard (RFC 4028 §7.3). `None` when that leads nowhere.
#[must_use]
pub fn widened(invite: &Request, answer: &Headers) -> Option<Request> {
    let asked = invite.headers.session_expires().ok().flatten()?;
    let number = invite.headers.cseq().ok()?.number;
    let least_s = min_se(answer);
    if number > WIDENED_MAX || least_s <= asked.seconds || least_s > MIN_SE_MAX_S {
        return None;
    }
    let mut again = invite.clone();
    again.headers.set("CSeq", CSeq { number: number + 1, method: Method::Invite });
    again.headers.set("Session-Expires", SessionExpires { seconds: least_s, ..asked });
    again.headers.set("Min-SE", least_s);
    Some(again)
}

impl SessionTimer {
    /// Notes what the party says of itself in any message.
    pub fn note(&mut self, headers: &Headers) {
        if headers.has("Allow") {
            self.takes_update = headers.lists("Allow", Method::Update.as_str());
        }
    }

    /// Whether the party takes UPDATE.
    #[must_use]
    pub const fn takes_update(&self) -> bool {
        self.takes_update
    }

    /// The party has refused UPDATE itself.
    pub const fn give_up_update(&mut self) {
        self.takes_update = false;
    }

    /// Takes an INVITE or UPDATE of the party that is answered by 2xx now (RFC 4028 §9).
    pub fn grant(&mut self, request: &Request, terms: Terms, now: Mono) {
        self.note(&request.headers);
        let asked = Asked::read(&request.headers);
        self.least_s = self.least_s.max(asked.least_s);
        let Some(interval_s) = self.granted(&asked, terms) else {
            self.state = State::Off;
            return;
        };
        // Table 2. Who refreshes goes on to, where the party leaves it open.
        let wanted = asked.interval.and_then(|interval| interval.refresher);
        let theirs = match (asked.supports, wanted) {
            (false, _) | (true, Some(Refresher::Uas)) => false,
            (true, Some(Refresher::Uac)) => true,
            (true, None) => matches!(self.state, State::Theirs { .. }),
        };
        self.begin(interval_s, theirs, now);
    }

    fn granted(&self, asked: &Asked, terms: Terms) -> Option<u32> {
        let longest = terms.interval_s.unwrap_or(u32::MAX);
        match asked.interval {
            // Below the least of all it is no session timer, and its sender knows no 422.
            Some(SessionExpires { seconds, .. }) if seconds < LEAST_S => None,
            // RFC 4028 §9: shorter is ours to choose, down to the Min-SE; longer is not.
            Some(SessionExpires { seconds, .. }) => Some(longest.max(asked.least_s).min(seconds)),
            None if asked.supports => {
                self.interval_s().or(terms.interval_s).map(|own| own.max(asked.least_s))
            }
            None => self.interval_s(),
        }
    }

    /// Says in our 2xx to `request` what was granted.
    pub fn write_grant(&self, request: &Request, answer: &mut Headers) {
        let Some(seconds) = self.interval_s() else { return };
        let refresher = match self.state {
            State::Theirs { .. } => Refresher::Uac,
            State::Ours { .. } | State::Off => Refresher::Uas,
        };
        write(answer, SessionExpires { seconds, refresher: Some(refresher) });
        // RFC 4028 §9: who refreshes, or hangs up when we do not, has to understand this.
        if Asked::read(&request.headers).supports {
            answer.push("Require", "timer");
        }
    }

    /// Says in a re-INVITE or UPDATE of ours what shall go on (RFC 4028 §7.4).
    pub fn write_request(&self, headers: &mut Headers) {
        let (seconds, refresher) = match self.state {
            State::Off => return,
            State::Ours { interval_s, .. } => (interval_s, Refresher::Uac),
            State::Theirs { interval_s, .. } => (interval_s, Refresher::Uas),
        };
        write(headers, SessionExpires { seconds, refresher: Some(refresher) });
        headers.push("Min-SE", self.least_s.max(LEAST_S));
    }

    /// Takes the 2xx to an INVITE or UPDATE of ours: what the party grants (RFC 4028 §7.2).
    pub fn agree(&mut self, answer: &Headers, now: Mono) {
        self.note(answer);
        let granted = answer.session_expires().ok().flatten();
        match granted.filter(|granted| granted.seconds >= LEAST_S) {
            None => self.state = State::Off,
            Some(SessionExpires { seconds, refresher }) => {
                // Who does not say who refreshes leaves it to whoever reads this.
                self.begin(seconds, refresher == Some(Refresher::Uas), now);
            }
        }
    }

    /// Takes a 422 to a refresh of ours. True when there is now more to ask for (RFC 4028 §7.3).
    pub fn widen(&mut self, answer: &Headers) -> bool {
        let least = min_se(answer);
        match &mut self.state {
            State::Ours { interval_s, tries, .. }
                if *interval_s < least && least <= MIN_SE_MAX_S && *tries <= WIDENED_MAX =>
            {
                *interval_s = least;
                self.least_s = self.least_s.max(least);
                true
            }
            State::Ours { .. } | State::Theirs { .. } | State::Off => false,
        }
    }

    fn begin(&mut self, interval_s: u32, theirs: bool, now: Mono) {
        let interval = Duration::from_secs(u64::from(interval_s));
        let until = now + (interval - END_BEFORE.min(interval / 3));
        self.state = if theirs {
            State::Theirs { interval_s, until }
        } else {
            // RFC 4028 §10: half of the interval is recommended.
            State::Ours { interval_s, tries: 0, next: now + interval / 2, until }
        };
    }

    /// A refresh is sent. There is no other one until its answer is there.
    pub const fn sent(&mut self) {
        if let State::Ours { tries, next, until, .. } = &mut self.state {
            *tries = tries.saturating_add(1);
            *next = *until;
        }
    }

    /// A refresh was refused or could not be sent: the next one is half-way to the end.
    pub fn failed(&mut self, now: Mono) {
        if let State::Ours { next, until, .. } = &mut self.state {
            let left = until.since(now) / 2;
            *next = if left < TRY_BEFORE { *until } else { now + left };
        }
    }

    /// A refresh met a change of the party's (491): it is tried again after this time, once
    /// (RFC 3261 §14.1), and then as after any refusal.
    pub fn collided(&mut self, now: Mono, delay: Duration) {
        match &mut self.state {
            State::Ours { tries: 1, next, until, .. } => *next = (now + delay).min(*until),
            State::Ours { .. } | State::Theirs { .. } | State::Off => self.failed(now),
        }
    }

    /// Goes on after a restart: the party is asked now, and has as long as any request to answer.
    pub fn resume(&mut self, now: Mono) {
        match &mut self.state {
            State::Off => {}
            State::Ours { next, until, .. } => {
                *until = (*until).max(now + END_BEFORE);
                *next = (*next).max(now + END_BEFORE / 2);
            }
            State::Theirs { until, .. } => *until = (*until).max(now + END_BEFORE),
        }
    }

    /// When something is due.
    #[must_use]
    pub const fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Off => None,
            State::Ours { next, .. } => Some(next),
            State::Theirs { until, .. } => Some(until),
        }
    }

    /// What is due now.
    #[must_use]
    pub fn due(&self, now: Mono) -> Option<Due> {
        match self.state {
            State::Ours { until, .. } | State::Theirs { until, .. } if until <= now => {
                Some(Due::End)
            }
            State::Ours { next, .. } if next <= now => Some(Due::Refresh),
            State::Ours { .. } | State::Theirs { .. } | State::Off => None,
        }
    }

    const fn interval_s(&self) -> Option<u32> {
        match self.state {
            State::Off => None,
            State::Ours { interval_s, .. } | State::Theirs { interval_s, .. } => Some(interval_s),
        }
    }
}

fn write(headers: &mut Headers, expires: SessionExpires) {
    headers.push("Session-Expires", expires);
}

/// RFC 4028 §5: 90 s where none is said.
fn min_se(headers: &Headers) -> u32 {
    headers.seconds("Min-SE").ok().flatten().unwrap_or(0).max(LEAST_S)
}

#[cfg(test)]
#[path = "session_timer_scripts.rs"]
mod scripts;
