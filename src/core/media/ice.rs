//! The lite agent of one stream: it is checked, and by that knows where its remote is (RFC 8445).
//!
//! ```text
//!            a check nominates                 no check for CONSENT
//!  Waiting ─────────────────────▶ Connected ───────────────────────▶ Lost
//!                                  ▲     ▲                            │
//!                                  └─────┴──── it checks again ───────┘
//! ```
//!
//! A check is a request that knows our password, and only whom the remote has told may know it: so
//! the address that it comes from is its own. From there media and handshakes are taken, and to the
//! address that was nominated last they are sent. We check nobody, are always controlled, and stay
//! at our addresses. Consent (RFC 7675) is what the remote's checks give: without them we go quiet.
//!
//! When one side restarts, both are known by other names. Checks by the earlier ones are answered
//! until the first pair of the new ones is nominated: audio goes on meanwhile (RFC 8445 §9).

use crate::media::order::AgreedIce;
use holdfast_base::Mono;
use holdfast_wire::stun::{Class, Message, Refusal, Role, refusal, success};
use std::net::SocketAddr;
use std::time::Duration;

/// Consent ends this long after the last check. RFC 7675 §5.1 allows 30 s; browsers check every
/// 2.5 to 6 s, and a caller who hears nothing for 15 s hangs up.
pub const CONSENT: Duration = Duration::from_secs(15);
/// Most addresses that are known at once; the one unchecked for longest makes room. A browser with
/// three networks, both families and a relay in each has about 12.
pub const ADDRESSES_MAX: usize = 16;

/// The agent of one stream.
#[derive(Debug)]
pub struct Agent {
    now: AgreedIce,
    /// The names of before a restart, while those of now have found no way.
    earlier: Option<AgreedIce>,
    /// From where checks have come.
    known: Vec<Known>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No way is nominated yet.
    Waiting,
    /// Audio goes there.
    Connected { to: SocketAddr, checked: Mono },
    /// The remote has stopped checking, which was told. It may go on from where it was.
    Lost { to: SocketAddr },
}

#[derive(Clone, Debug)]
struct Known {
    address: SocketAddr,
    /// The names of the checks: `ours:theirs`. Each fork of our INVITE has names of its own.
    names: String,
    nominated: bool,
    checked: Mono,
}

/// What comes of a datagram that looks like STUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer for whoever sent it.
    Answer(Vec<u8>),
    /// Nothing has to be said to it.
    Nothing,
    /// It is none, or nobody's business.
    Refused,
}

impl Agent {
    /// An agent known by these names.
    #[must_use]
    pub const fn new(agreed: AgreedIce) -> Self {
        Self { now: agreed, earlier: None, known: Vec::new(), state: State::Waiting }
    }

    /// Takes the names of a later description. Others of ours are a restart; only others of theirs
    /// are another fork of our INVITE, whose checks may have been here before its answer.
    pub fn expect(&mut self, agreed: &AgreedIce) {
        if self.now == *agreed {
            return;
        }
        let before = std::mem::replace(&mut self.now, agreed.clone());
        if before.ours == agreed.ours {
            (self.earlier, self.state) = (None, State::Waiting);
        } else if self.earlier.is_none() {
            self.earlier = Some(before);
        }
        let is_nominated = |it: &&Known| it.nominated && is_named(&it.names, &self.now);
        let nominated = self.known.iter().rfind(is_nominated);
        if let Some(Known { address, checked, .. }) = nominated {
            self.state = State::Connected { to: *address, checked: *checked };
            self.earlier = None;
        }
    }

    /// Takes a datagram from an address.
    pub fn hear(&mut self, now: Mono, from: SocketAddr, datagram: &[u8]) -> Heard {
        let Ok(message) = Message::parse(datagram) else { return Heard::Refused };
        match message.class {
            Class::Request => self.check(now, from, &message),
            // RFC 8445 §11: keeps a NAT open, and says nothing.
            Class::Indication => Heard::Nothing,
            // We ask nobody.
            Class::Success | Class::Error => Heard::Refused,
        }
    }

    fn check(&mut self, now: Mono, from: SocketAddr, message: &Message<'_>) -> Heard {
        let transaction = message.transaction;
        let refuse = |why, password: &str| Heard::Answer(refusal(transaction, why, password));
        if !message.has_credentials() {
            return refuse(Refusal::BadRequest, "");
        }
        let Some((by, names)) = self.meant(message) else {
            return refuse(Refusal::Unauthenticated, "");
        };
        let password = by.ours.password();
        if let Some(unknown) = message.unknown {
            return refuse(Refusal::UnknownAttribute(unknown), password);
        }
        match message.role {
            // RFC 8445 §6.1.1: opposite a lite agent the full one controls, whatever it says.
            Some(Role::Controlled) => return refuse(Refusal::RoleConflict, password),
            Some(Role::Controlling) | None => {}
        }
        let answer = success(transaction, from, password);
        let is_now = is_named(names, &self.now);
        let (names, nominated) = (names.to_owned(), message.nominates);
        self.know(Known { address: from, names, nominated, checked: now });
        self.follow(now, from, nominated && is_now);
        Heard::Answer(answer)
    }

    /// By which names of ours the remote checks us, and all of its names. Forks of one INVITE know
    /// the same password of ours.
    fn meant<'m>(&self, message: &Message<'m>) -> Option<(&AgreedIce, &'m str)> {
        let names = std::str::from_utf8(message.username?).ok()?;
        let (ours, _) = names.split_once(':')?;
        let named = |agreed: &&AgreedIce| agreed.ours.fragment() == ours;
        let by = std::iter::once(&self.now).chain(&self.earlier).find(named)?;
        message.is_authentic(by.ours.password()).then_some((by, names))
    }

    fn know(&mut self, check: Known) {
        let same =
            |known: &&mut Known| known.address == check.address && known.names == check.names;
        if let Some(known) = self.known.iter_mut().find(same) {
            known.checked = check.checked;
            known.nominated |= check.nominated;
            return;
        }
        if self.known.len() == ADDRESSES_MAX {
            let selected = self.destination();
            let others = (0..).zip(&self.known).filter(|(_, it)| Some(it.address) != selected);
            let oldest = others.min_by_key(|(_, known)| known.checked).map(|(index, _)| index);
            // The last one, should all be of the address in use.
            self.known.remove(oldest.unwrap_or(ADDRESSES_MAX - 1));
        }
        self.known.push(check);
    }

    /// RFC 8445 §8.2: the pair that was nominated is used; a browser that nominates another one
    /// later has changed its mind, or its network.
    fn follow(&mut self, now: Mono, from: SocketAddr, nominated: bool) {
        if nominated {
            self.state = State::Connected { to: from, checked: now };
            self.earlier = None;
            return;
        }
        match &self.state {
            State::Connected { to, .. } | State::Lost { to } if *to == from => {
                self.state = State::Connected { to: from, checked: now };
            }
            State::Connected { .. } | State::Waiting | State::Lost { .. } => {}
        }
    }

    /// Whether the remote has shown that this address is its own.
    #[must_use]
    pub fn knows(&self, from: SocketAddr) -> bool {
        let mut there = self.known.iter().filter(|known| known.address == from);
        there.any(|known| {
            let mut agreed = std::iter::once(&self.now).chain(&self.earlier);
            agreed.any(|agreed| is_named(&known.names, agreed))
        })
    }

    /// Where to send; none while the remote has not said.
    #[must_use]
    pub const fn destination(&self) -> Option<SocketAddr> {
        match self.state {
            State::Connected { to, .. } => Some(to),
            State::Waiting | State::Lost { .. } => None,
        }
    }

    /// Where to answer a handshake, which may begin before a way is nominated: from where the last
    /// check came.
    #[must_use]
    pub fn answers_to(&self) -> Option<SocketAddr> {
        let named = self.known.iter().filter(|known| is_named(&known.names, &self.now));
        let last = named.max_by_key(|known| known.checked).map(|known| known.address);
        self.destination().or(last)
    }

    /// Forgets addresses that nobody checks any more. True when that ends consent; once.
    pub fn sweep(&mut self, now: Mono) -> bool {
        self.known.retain(|known| now.since(known.checked) < CONSENT);
        match self.state {
            State::Connected { to, checked } if now.since(checked) >= CONSENT => {
                self.state = State::Lost { to };
                true
            }
            State::Connected { .. } | State::Waiting | State::Lost { .. } => false,
        }
    }
}

/// Whether these are the names that both sides have agreed on.
fn is_named(names: &str, agreed: &AgreedIce) -> bool {
    let rest = names.strip_prefix(agreed.ours.fragment()).and_then(|it| it.strip_prefix(':'));
    rest == Some(agreed.theirs.fragment())
}

#[cfg(test)]
pub mod check;
#[cfg(test)]
mod tests;
