//! One subscription: whose turn it is, when it ends, and what its NOTIFYs say.

use holdfast_base::{EndpointName, Mono};
use holdfast_wire::sip::{Method, NameAddr, Request, Response, Status};
use std::time::Duration;

use super::{EVENTS, Package, Pictured, Watched};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;

/// Granted when nothing is asked for, and at most.
const EXPIRES_MAX: Duration = Duration::from_secs(600);
/// Asked for less, a phone is told so (423): it would refresh more often than it hears news.
const EXPIRES_MIN: Duration = Duration::from_secs(60);
/// Between two NOTIFYs of one subscription. RFC 4235 §3.10 asks for no more than one a second.
const APART: Duration = Duration::from_secs(1);

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) by: EndpointName,
    pub(super) watched: Watched,
    pub(super) entity: String,
    pub(super) package: Package,
    /// The value of Event, with its `id`.
    pub(super) event: String,
    pub(super) dialog: Dialog,
    pub(super) expires: Mono,
    pub(super) version: u32,
    pub(super) told: Option<Pictured>,
    pub(super) turn: Turn,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing is new.
    Quiet,
    /// Something is, and is said then.
    Due(Mono),
    /// A NOTIFY has no answer yet; another one may be due behind it.
    Asked { since: Mono, more: bool },
}

/// A request of ours for one subscription.
#[derive(Debug)]
pub struct Notice {
    /// Its subscription.
    pub of: DialogId,
    /// The way.
    pub flow: Flow,
    /// The NOTIFY.
    pub request: Request,
}

impl Subscription {
    /// When it has something to say or ends; none while a NOTIFY has no answer, since who does not
    /// answer is given up by the transaction.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self.turn {
            Turn::Due(at) => Some(at.min(self.expires)),
            Turn::Asked { .. } => None,
            Turn::Quiet => Some(self.expires),
        }
    }

    /// What it has to say now, and whether that was all.
    pub(super) fn speak(&mut self, now: Mono, picture: &Pictured) -> Option<(Notice, bool)> {
        match self.turn {
            Turn::Asked { .. } => None,
            Turn::Quiet | Turn::Due(_) if self.expires <= now => {
                Some((self.last_word(picture), true))
            }
            Turn::Due(at) if at <= now => Some((self.tell(now, picture), false)),
            Turn::Quiet | Turn::Due(_) => None,
        }
    }

    /// Its NOTIFY was answered.
    pub(super) fn heard(&mut self, now: Mono) {
        self.turn = match self.turn {
            Turn::Asked { since, more: true } => Turn::Due(now.max(since + APART)),
            Turn::Asked { .. } | Turn::Quiet => Turn::Quiet,
            due @ Turn::Due(_) => due,
        };
    }

    pub(super) fn answer(&self, request: &Request, lasts: Duration) -> Response {
        let mut response = request.response(Status::OK, Some(&self.dialog.id().local_tag));
        for line in request.headers.lines("Record-Route") {
            response.headers.push_line(line.clone());
        }
        response.headers.push("Contact", NameAddr::new(self.dialog.contact().clone()));
        response.headers.push("Expires", lasts.as_secs());
        response.headers.push("Allow-Events", EVENTS);
        response
    }

    /// Something is to be said as soon as it may be.
    pub(super) fn wake(&mut self, now: Mono) {
        self.turn = match self.turn {
            Turn::Quiet => Turn::Due(now),
            due @ Turn::Due(_) => due,
            Turn::Asked { since, more: _ } => Turn::Asked { since, more: true },
        };
    }

    /// The phone is elsewhere now. Nobody answers there what was said on the old way.
    pub(super) fn move_to(&mut self, now: Mono, flow: Flow) {
        if self.dialog.flow() == flow {
            return;
        }
        self.dialog.moved_to(flow);
        if let Turn::Asked { since, more: _ } = self.turn {
            self.turn = Turn::Due(now.max(since + APART));
        }
    }

    fn tell(&mut self, now: Mono, picture: &Pictured) -> Notice {
        let left = self.expires.since(now).as_secs();
        self.turn = Turn::Asked { since: now, more: false };
        self.notice(&format!("active;expires={left}"), Some(picture))
    }

    fn last_word(&mut self, picture: &Pictured) -> Notice {
        self.notice("terminated;reason=timeout", Some(picture))
    }

    pub(super) fn farewell(&mut self, reason: &str) -> Notice {
        self.notice(&format!("terminated;reason={reason}"), None)
    }

    fn notice(&mut self, state: &str, picture: Option<&Pictured>) -> Notice {
        let mut request = self.dialog.request(Method::Notify);
        request.headers.push("Event", &self.event);
        request.headers.push("Subscription-State", state);
        if let Some(picture) = picture {
            request.headers.push("Content-Type", self.package.media());
            request.body = match self.package {
                Package::Dialog => picture.dialogs(self.version, &self.entity),
                Package::Presence => picture.presence(&self.entity),
                Package::Messages => picture.word.clone(),
            }
            .into_bytes();
            self.version = self.version.wrapping_add(1);
            self.told = Some(picture.clone());
        }
        Notice { of: self.dialog.id().clone(), flow: self.dialog.next_flow(), request }
    }
}

/// How long it may last.
pub(super) fn granted(request: &Request) -> Result<Duration, Box<Response>> {
    let asked = request.headers.expires().ok().flatten();
    let asked = asked.map_or(EXPIRES_MAX, |seconds| Duration::from_secs(u64::from(seconds)));
    if asked.is_zero() || asked >= EXPIRES_MIN {
        return Ok(asked.min(EXPIRES_MAX));
    }
    let mut response = request.response(Status::INTERVAL_TOO_BRIEF, None);
    response.headers.push("Min-Expires", EXPIRES_MIN.as_secs());
    Err(Box::new(response))
}
