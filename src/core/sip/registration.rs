//! Registration of this box with a registrar: RFC 3261 §10.2, with the patience of RFC 5626 §4.5.
//!
//! It decides when the next REGISTER leaves, what it asks for and to which address it goes, and
//! what the answers mean. It refuses to know transactions and credentials: a challenge that could
//! be answered never comes here.
//!
//! ```text
//!            200                      a part of the time
//!  Asking ─────────> Resting ───────────────────────────> Asking
//!    │  ^ 423: longer     │ the connection broke             ^
//!    │  └─ next address   └───────────┐                      │
//!    │ nobody left, refused           v       time, jittered │
//!    └─────────────────────────> Waiting ────────────────────┘
//!
//!  stop: Leaving ── any answer ──> Gone
//! ```
//!
//! What the registrar has granted holds until it ends, whatever becomes of the next REGISTER.

use holdfast_base::{Entropy, Mono};
use holdfast_config::Registration as Wanted;
use holdfast_wire::sip::{NameAddr, Response, Status};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

use super::as_text;
use super::flow::Flow;
use crate::peer::target::part;

/// RFC 5626 §4.5: the first wait when no address has taken the registration.
const WAIT_BASE: Duration = Duration::from_secs(30);
/// RFC 5626 §4.5: the longest.
const WAIT_MAX: Duration = Duration::from_secs(1800);
/// Who says no to our name or password is not asked every minute: registrars lock accounts.
const WAIT_REFUSED: Duration = Duration::from_secs(600);
/// Doublings after which the longest wait is reached in any case.
const DOUBLINGS_MAX: u32 = 6;
/// A first REGISTER, and one after a broken connection, leaves within this time: the boxes of all
/// branches see the same carrier come back.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// While no address is known.
const NAMES_WAIT: Duration = Duration::from_secs(5);
/// A Retry-After or Min-Expires beyond this is a mistake of the other side.
const ASKED_MAX: Duration = Duration::from_secs(86_400);
/// A registration shorter than this is none: it is over before the next REGISTER can be answered.
const GRANT_MIN: Duration = Duration::from_secs(10);
/// Service-Route and P-Associated-URI values that are kept.
const VALUES_MAX: usize = 8;

/// What outlives the process: the registrar knows us by it (RFC 3261 §10.2: one Call-ID, CSeq that
/// rises).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    call_id: String,
    cseq: u32,
    tag: String,
    contact: String,
    /// What is asked for; more than is configured after a 423.
    expires: Duration,
    granted: Option<Granted>,
    #[serde(skip, default)]
    state: State,
}

/// What the registrar has granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// Until when.
    pub until: Mono,
    /// The way of the REGISTER, by which calls come and go.
    #[serde(serialize_with = "as_text::lasting")]
    pub flow: Flow,
    /// The way of requests from here (RFC 3608).
    #[serde(with = "as_text::addresses")]
    pub service_route: Vec<NameAddr>,
    /// The other addresses that are ours by this registration (RFC 7315 §4.1), best first.
    #[serde(with = "as_text::addresses")]
    pub associated: Vec<NameAddr>,
    keep_alive: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// A REGISTER is on its way; those to the addresses of `tried` have failed.
    Asking { way: Way, tried: Vec<SocketAddr>, silent: Option<Mono>, widened: bool, failures: u32 },
    /// Registered; the next REGISTER leaves at this time.
    Resting { renew: Mono },
    /// It was in vain.
    Waiting { again: Mono, failures: u32, why: String },
    /// The REGISTER that removes us is on its way.
    Leaving,
    /// Nothing is registered, on purpose.
    Gone,
}

impl Default for State {
    /// After a restart the registrar is asked at once; the site spreads that.
    fn default() -> Self {
        Self::Waiting { again: Mono::default(), failures: 0, why: "just started".to_owned() }
    }
}

/// An address that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// The way there.
    pub flow: Flow,
    /// How long it may leave a request without any word.
    pub within: Duration,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A final response to the last REGISTER.
    Answered(&'a Response),
    /// It got none: silence, or nothing could be delivered.
    Failed,
    /// A connection broke.
    FlowBroken(Flow),
    /// The box stops.
    Stop,
    /// The deadline has come.
    DeadlineReached,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Send a REGISTER that asks for so many seconds; 0 removes us.
    Register {
        /// To this address.
        way: Way,
        /// For so long.
        expires_s: u64,
    },
    /// Send a double CRLF.
    KeepAlive(Flow),
    /// Calls reach us now.
    Registered,
    /// They do not any more.
    Lost {
        /// What is wrong and what helps, for a technician.
        why: String,
    },
}

/// What it works with during one step.
pub struct Desk<'a> {
    /// The time.
    pub now: Mono,
    /// The configuration.
    pub wanted: &'a Wanted,
    /// The addresses that can be asked, best first.
    pub ways: &'a [Way],
    /// For the jitter.
    pub entropy: &'a mut Entropy,
}

impl Registration {
    /// One that nobody has heard of.
    #[must_use]
    pub fn new(desk: &mut Desk<'_>) -> Self {
        let mut this = Self {
            call_id: desk.entropy.token(),
            cseq: 0,
            tag: desk.entropy.token(),
            contact: contact(desk),
            expires: desk.wanted.expires,
            granted: None,
            state: State::default(),
        };
        this.start(desk);
        this
    }

    /// Goes on after a restart, or with another configuration: the registrar is told soon.
    pub fn start(&mut self, desk: &mut Desk<'_>) {
        self.expires = desk.wanted.expires;
        if desk.wanted.contact.as_ref().is_some_and(|wanted| *wanted != self.contact) {
            self.contact = contact(desk);
        }
        let again = desk.now + part(FIRST_WITHIN, desk.entropy);
        let why = "not asked yet".to_owned();
        self.state = State::Waiting { again, failures: 0, why };
    }

    /// Call-ID, CSeq number, From tag and the user of our Contact for the next REGISTER.
    pub fn next_names(&mut self) -> (&str, u32, &str, &str) {
        self.cseq = self.cseq.saturating_add(1);
        (&self.call_id, self.cseq, &self.tag, &self.contact)
    }

    /// The REGISTER was sent once more under this number.
    pub fn renumbered(&mut self, cseq: u32) {
        self.cseq = self.cseq.max(cseq);
    }

    /// The user of our Contact.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// What holds now.
    #[must_use]
    pub const fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// Why nothing holds, or the last REGISTER was in vain.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &self.state {
            State::Waiting { why, .. } => Some(why),
            State::Asking { .. } | State::Resting { .. } | State::Leaving | State::Gone => None,
        }
    }

    /// Whether the registrar has still to be told that the box stops.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving)
    }

    /// When [`Input::DeadlineReached`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let own = match &self.state {
            State::Asking { silent, .. } => *silent,
            State::Resting { renew } => Some(*renew),
            State::Waiting { again, .. } => Some(*again),
            State::Leaving | State::Gone => None,
        };
        let granted = self.granted.as_ref();
        let kept = granted.and_then(|granted| granted.keep_alive);
        own.into_iter().chain(granted.map(|granted| granted.until)).chain(kept).min()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: &Input<'_>, desk: &mut Desk<'_>) -> Vec<Act> {
        match input {
            Input::Answered(response) => self.answered(response, desk),
            Input::Failed => match self.state {
                State::Asking { .. } => self.next_address("nobody answers there", None, desk),
                State::Leaving => self.left(),
                State::Resting { .. } | State::Waiting { .. } | State::Gone => Vec::new(),
            },
            Input::FlowBroken(flow) => self.flow_broken(flow, desk),
            Input::Stop => self.leave(desk),
            Input::DeadlineReached => self.tick(desk),
        }
    }

    fn tick(&mut self, desk: &mut Desk<'_>) -> Vec<Act> {
        let now = desk.now;
        let mut acts = Vec::new();
        if let Some(granted) = &mut self.granted {
            if granted.until <= now {
                self.granted = None;
                let why = self.trouble().unwrap_or("nobody answers our REGISTER").to_owned();
                acts.push(Act::Lost { why });
            } else if granted.keep_alive.is_some_and(|at| at <= now) {
                acts.push(Act::KeepAlive(granted.flow));
                granted.keep_alive = next_keep_alive(granted.flow, desk);
            }
        }
        match &self.state {
            State::Asking { silent: Some(at), .. } if *at <= now => {
                acts.extend(self.next_address("nobody answers there in time", None, desk));
            }
            State::Resting { renew: at } | State::Waiting { again: at, .. } if *at <= now => {
                acts.extend(self.ask(desk));
            }
            State::Asking { .. }
            | State::Resting { .. }
            | State::Waiting { .. }
            | State::Leaving
            | State::Gone => {}
        }
        acts
    }

    fn ask(&mut self, desk: &Desk<'_>) -> Vec<Act> {
        let tried = Vec::new();
        match self.ask_any(tried, false, desk) {
            Some(act) => vec![act],
            None => {
                let failures = self.failures();
                let why = "none of its targets has an address that can be asked now".to_owned();
                self.state = State::Waiting { again: desk.now + NAMES_WAIT, failures, why };
                Vec::new()
            }
        }
    }

    fn ask_any(&mut self, tried: Vec<SocketAddr>, widened: bool, desk: &Desk<'_>) -> Option<Act> {
        let left = || desk.ways.iter().filter(|way| !tried.contains(&way.flow.remote));
        // The address that knows us comes first: calls are looked for there.
        let home = self.granted.as_ref().map(|granted| granted.flow.remote);
        let known = left().find(|way| Some(way.flow.remote) == home);
        let way = known.or_else(|| left().next())?.clone();
        let more = left().count() > 1;
        let silent = more.then(|| desk.now + way.within);
        let failures = self.failures();
        self.state = State::Asking { way: way.clone(), tried, silent, widened, failures };
        Some(Act::Register { way, expires_s: self.expires.as_secs() })
    }

    fn answered(&mut self, response: &Response, desk: &mut Desk<'_>) -> Vec<Act> {
        let status = response.status;
        match &self.state {
            State::Asking { .. } if status.is_success() => self.accepted(response, desk),
            State::Asking { way, tried, silent: _, widened: false, failures }
                if status == Status::INTERVAL_TOO_BRIEF =>
            {
                let (way, tried, failures) = (way.clone(), tried.clone(), *failures);
                let least = seconds(response, "Min-Expires").filter(|least| *least <= ASKED_MAX);
                let Some(least) = least.filter(|least| *least > self.expires) else {
                    return self.next_address("it wants another time, and not which", None, desk);
                };
                self.expires = least;
                let expires_s = least.as_secs();
                let act = Act::Register { way: way.clone(), expires_s };
                self.state = State::Asking { way, tried, silent: None, widened: true, failures };
                vec![act]
            }
            State::Asking { .. } => match status.code() {
                401 | 403 | 404 | 407 => {
                    let why = format!(
                        "the registrar refuses us ({status} {}): compare user and password of \
                         the trunk with the sheet of the carrier",
                        status.reason()
                    );
                    self.wait(WAIT_REFUSED, why, desk)
                }
                408 | 500..=599 => {
                    let after = seconds(response, "Retry-After").map(|it| it.min(ASKED_MAX));
                    let why = format!("the registrar answers {status} {}", status.reason());
                    self.next_address(&why, after, desk)
                }
                _ => {
                    let why = format!(
                        "the registrar answers {status} {}: ask the carrier",
                        status.reason()
                    );
                    self.wait(WAIT_BASE, why, desk)
                }
            },
            State::Leaving => self.left(),
            State::Resting { .. } | State::Waiting { .. } | State::Gone => Vec::new(),
        }
    }

    fn accepted(&mut self, response: &Response, desk: &mut Desk<'_>) -> Vec<Act> {
        let granted = self.time_granted(response);
        if granted < GRANT_MIN {
            let why = "the registrar takes us and forgets us at once: ask the carrier".to_owned();
            return self.wait(WAIT_BASE, why, desk);
        }
        let State::Asking { way: Way { flow, .. }, .. } = &self.state else { return Vec::new() };
        let flow = *flow;
        let kept = |name| {
            let mut values = response.headers.routes(name).unwrap_or_default();
            values.truncate(VALUES_MAX);
            values
        };
        let news = self.granted.is_none();
        self.granted = Some(Granted {
            until: desk.now + granted,
            flow,
            service_route: kept("Service-Route"),
            associated: kept("P-Associated-URI"),
            keep_alive: next_keep_alive(flow, desk),
        });
        // Between half and nine tenths: early enough for two more tries, and never all at once.
        let renew = granted / 2 + part(granted * 2 / 5, desk.entropy);
        self.state = State::Resting { renew: desk.now + renew };
        if news { vec![Act::Registered] } else { Vec::new() }
    }

    /// RFC 3261 §10.2.4: what stands at our own Contact, else in Expires, else what we asked for.
    fn time_granted(&self, response: &Response) -> Duration {
        let contacts = response.headers.contacts().unwrap_or_default();
        let ours = contacts.iter().find(|it| it.uri.user() == Some(&self.contact));
        let own = ours.and_then(|contact| contact.params.value("expires")?.parse::<u32>().ok());
        let general = || response.headers.expires().ok().flatten();
        let said = own.or_else(general).map(|it| Duration::from_secs(it.into()));
        said.unwrap_or(self.expires).min(ASKED_MAX)
    }

    /// The address has failed; another one is asked, or nobody for a while.
    fn next_address(
        &mut self,
        why: &str,
        after: Option<Duration>,
        desk: &mut Desk<'_>,
    ) -> Vec<Act> {
        let State::Asking { way, tried, silent: _, widened, failures: _ } = &self.state else {
            return Vec::new();
        };
        let (asked, widened) = (way.flow.remote, *widened);
        let tried: Vec<SocketAddr> = tried.iter().copied().chain([asked]).collect();
        if let Some(act) = self.ask_any(tried, widened, desk) {
            return vec![act];
        }
        let why = format!("{asked}: {why}");
        match after {
            Some(after) => self.wait_exactly(after, why, desk),
            None => self.wait(WAIT_BASE, why, desk),
        }
    }

    /// RFC 5626 §4.5: twice as long after each failure, and between half and all of it.
    fn wait(&mut self, base: Duration, why: String, desk: &mut Desk<'_>) -> Vec<Act> {
        let longest = base * 2_u32.pow(self.failures().min(DOUBLINGS_MAX));
        let longest = longest.min(WAIT_MAX);
        let span = longest / 2 + part(longest / 2, desk.entropy);
        self.wait_exactly(span, why, desk)
    }

    fn wait_exactly(&mut self, span: Duration, why: String, desk: &Desk<'_>) -> Vec<Act> {
        // While something holds, there is a try before it ends.
        let left = self.granted.as_ref().map(|granted| granted.until.since(desk.now) / 2);
        let span = left.map_or(span, |left| span.min(left.max(NAMES_WAIT)));
        let failures = self.failures().saturating_add(1);
        self.state = State::Waiting { again: desk.now + span, failures, why };
        Vec::new()
    }

    const fn failures(&self) -> u32 {
        match self.state {
            State::Waiting { failures, .. } | State::Asking { failures, .. } => failures,
            State::Resting { .. } | State::Leaving | State::Gone => 0,
        }
    }

    fn flow_broken(&mut self, broken: &Flow, desk: &mut Desk<'_>) -> Vec<Act> {
        let Some(granted) = &self.granted else { return Vec::new() };
        let same = granted.flow.transport == broken.transport
            && granted.flow.remote == broken.remote
            && broken.connection.is_some();
        match &mut self.state {
            // Calls would be sent over a connection that is not there any more (RFC 5626 §4.5).
            State::Resting { renew } if same => {
                *renew = desk.now + part(FIRST_WITHIN, desk.entropy);
            }
            State::Resting { .. }
            | State::Asking { .. }
            | State::Waiting { .. }
            | State::Leaving
            | State::Gone => {}
        }
        Vec::new()
    }

    /// RFC 3261 §10.2.2: removed by an expiry of 0.
    fn leave(&mut self, desk: &Desk<'_>) -> Vec<Act> {
        let Some(granted) = &self.granted else {
            self.state = State::Gone;
            return Vec::new();
        };
        let home = granted.flow.remote;
        match desk.ways.iter().find(|way| way.flow.remote == home) {
            Some(way) => {
                self.state = State::Leaving;
                vec![Act::Register { way: way.clone(), expires_s: 0 }]
            }
            None => self.left(),
        }
    }

    fn left(&mut self) -> Vec<Act> {
        self.granted = None;
        self.state = State::Gone;
        Vec::new()
    }
}

/// The user of our Contact: as configured, else one that nobody can guess, so that whoever calls it
/// has heard of it from the registrar.
fn contact(desk: &mut Desk<'_>) -> String {
    desk.wanted.contact.clone().unwrap_or_else(|| desk.entropy.token())
}

/// RFC 5626 §4.4.1: on connections, between 80 and 100 parts of a hundred of the time.
fn next_keep_alive(flow: Flow, desk: &mut Desk<'_>) -> Option<Mono> {
    let every = desk.wanted.keep_alive.filter(|_| flow.transport.is_reliable())?;
    Some(desk.now + every * 4 / 5 + part(every / 5, desk.entropy))
}

fn seconds(response: &Response, name: &'static str) -> Option<Duration> {
    let seconds = response.headers.seconds(name).ok().flatten()?;
    Some(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
#[path = "registration_scripts.rs"]
mod scripts;
