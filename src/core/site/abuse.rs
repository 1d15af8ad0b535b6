//! Who is kept out of this site: what strangers did wrong, as the site sees it, and who is spared.
//!
//! Asked at the door ([`Site::entry`]), before a message is read. A trunk that has proven itself on
//! its connection is always heard, and so is a phone on the very way by which it is registered,
//! however much comes from its address; nobody else is heard through a ban.

use holdfast_base::Now;
use holdfast_wire::sip::{Message, Request};
use std::net::IpAddr;

use super::ledger::BAN;
use super::{Site, Snapshot, Step};
use crate::abuse::ban::Ban;
use crate::abuse::offence::{Offence, Words};
use crate::abuse::source::Source;
use crate::abuse::{Entry, News, Order, Shut};
use crate::command::{Refusal, Reply};
use crate::record::encoding::decoded;
use crate::record::event::{Fact, Subject};
use crate::sip::auth::Verdict;
use crate::sip::flow::Flow;

/// Bytes that keep a way through a NAT open and say nothing: CRLFs and zeros of many phones. The
/// longest known, a double CRLF, is that of RFC 5626 §3.5.1.
const KEEP_ALIVE_BYTES_MAX: usize = 4;

impl Site {
    /// Whether a message that came this way is to be read at all.
    pub fn entry(&mut self, now: Now, flow: &Flow) -> Entry {
        if flow.identity().is_some() {
            return Entry::Granted;
        }
        let address = flow.remote.ip();
        let entry = if flow.transport.is_reliable() {
            // Its pace is kept by not reading it: what TCP has taken must not be lost.
            self.guard.admits(now, address)
        } else {
            self.guard.enters(now, address)
        };
        match entry {
            Entry::Granted => Entry::Granted,
            Entry::TooMany | Entry::Banned if self.registrar.is_way_to_a_phone(flow) => {
                Entry::Granted
            }
            Entry::TooMany => Entry::TooMany,
            Entry::Banned => {
                self.guard.kept_out();
                Entry::Banned
            }
        }
    }

    /// Somebody did something wrong.
    pub(super) fn offended(&mut self, now: Now, flow: &Flow, what: Offence) {
        if flow.identity().is_none() {
            let address = flow.remote.ip();
            let at_home = self.has_phones(Source::of(address));
            self.guard.offended(now, address, what, at_home);
        }
    }

    /// What is not SIP is an offence unless it only keeps a way open.
    pub(super) fn malformed(&mut self, now: Now, flow: &Flow, bytes: &[u8]) {
        if bytes.len() > KEEP_ALIVE_BYTES_MAX {
            self.offended(now, flow, Offence::Malformed);
        }
    }

    /// Whether a scanner says its name; it gets no answer, which would only show it that somebody
    /// is here.
    pub(super) fn is_scanner(&mut self, now: Now, flow: &Flow, message: &Message) -> bool {
        let Message::Request(request) = message else { return false };
        let agent = request.headers.get("User-Agent").unwrap_or_default();
        let Some(offence) = Offence::of_agent(&agent) else { return false };
        if self.registrar.is_way_to_a_phone(flow) {
            return false;
        }
        self.offended(now, flow, offence);
        self.guard.is_banned(now.mono, Source::of(flow.remote.ip()))
    }

    /// A stranger dialled what leads nowhere.
    pub(super) fn tried_out(&mut self, now: Now, flow: &Flow, dialled: &Subject) {
        self.offended(now, flow, Offence::UnknownNumber(Words::new(&dialled.masked())));
    }

    /// What came of asking somebody for a password.
    pub(super) fn note_verdict(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Request,
        verdict: &Verdict,
    ) {
        let address = flow.remote.ip();
        let claimed = || {
            let from = request.headers.from().ok();
            Words::new(from.as_ref().and_then(|from| from.uri.user()).unwrap_or_default())
        };
        match verdict {
            Verdict::Accepted { user } => {
                self.guard.answered(now.mono, address);
                let trunk = |user: &str| {
                    self.config.trunks.iter().any(|trunk| trunk.user.as_deref() == Some(user))
                };
                if trunk(user) {
                    self.guard.proven(now.mono, address);
                }
            }
            Verdict::Challenge(_) => self.offended(now, flow, Offence::Unproven(claimed())),
            Verdict::Guessed(_) => self.offended(now, flow, Offence::WrongPassword(claimed())),
            Verdict::Refused(_) => {
                self.guard.answered(now.mono, address); // it did answer what it was asked
                self.offended(now, flow, Offence::WrongPassword(claimed()));
            }
        }
    }

    /// Phones answer from there.
    fn has_phones(&self, source: Source) -> bool {
        self.registrar.has_phone_at(|address| Source::of(address) == source)
    }

    /// The addresses of trunks' targets are spared as soon as they are known.
    pub(super) fn spare_peers(&mut self, now: Now) {
        self.guard.peers_are(now.mono, self.peers.addresses());
    }

    pub(super) fn lift_ban(&mut self, now: Now, address: IpAddr) -> Reply {
        let source = Source::of(address);
        let unknown = || Refusal::NotFound(format!("{source} is not banned"));
        self.guard.lift(now.mono, source).then_some(()).ok_or_else(unknown)
    }

    pub(super) fn restore_bans(&mut self, now: Now, snapshot: &Snapshot) {
        for (key, value) in &snapshot.states {
            if key.as_str().starts_with(BAN)
                && let Some(ban) = decoded::<Ban>(value)
            {
                self.guard.restore(now.mono, ban);
            }
        }
    }

    /// Tells the log and the doors what happened to bans within the step.
    pub(super) fn take_guard_news(&mut self, now: Now, step: &mut Step) {
        for news in self.guard.news() {
            match news {
                News::Banned(ban) => {
                    let (source, why) = (ban.source, ban.why());
                    step.facts.push(Fact::Banned {
                        source: source.to_string(),
                        why: why.to_owned(),
                        for_s: ban.lasts().as_secs(),
                        times: ban.times,
                    });
                    let (lasts, partly) = (ban.until.since(now.mono), self.has_phones(source));
                    step.doors.push(Order::Shut(Shut { source, lasts, why, partly }));
                }
                News::Over(source, how) => {
                    step.facts.push(Fact::BanEnded { source: source.to_string(), how });
                    step.doors.push(Order::Open(source));
                }
            }
        }
    }
}
