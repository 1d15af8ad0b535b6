//! Watching: a phone subscribes to what an account or agent of ours is doing (RFC 6665), and hears
//! of every change by NOTIFY. Its lamps show who talks (RFC 4235), its list who is there (RFC
//! 3856), and whether messages wait for it (RFC 3842).
//!
//! Three packages are served, because the box knows them for certain; anything else is refused with
//! 489.
//!
//! ```text
//!   SUBSCRIBE ──> Quiet ── a change ──> Due ── a second after the last NOTIFY ──> Asked
//!                   ^                                                              │ 200
//!                   └──────────────────────────────────────────────────────────────┘
//!   expired, Expires: 0, nobody to watch any more: one NOTIFY `terminated`; 481 or silence: none
//! ```
//!
//! Only phones of ours may, after they have proved who they are. Subscriptions are short and not
//! kept in the journal: after a restart a phone that refreshes one hears 481 and begins anew,
//! within [`EXPIRES_MAX`]. It refuses to know calls and queues: the site tells it what there is to
//! see.

mod document;

pub use document::{Activity, Pictured, Stage, Talk};

use holdfast_base::{AgentName, EndpointName, Mono};
use holdfast_wire::sip::{Method, NameAddr, Request, Response, Status, Uri};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;

/// What Allow-Events says.
pub const EVENTS: &str = "dialog, presence, message-summary";
/// Granted when nothing is asked for, and at most.
const EXPIRES_MAX: Duration = Duration::from_secs(600);
/// Asked for less, a phone is told so (423): it would refresh more often than it hears news.
const EXPIRES_MIN: Duration = Duration::from_secs(60);
/// Between two NOTIFYs of one subscription. RFC 4235 §3.10 asks for no more than one a second.
const APART: Duration = Duration::from_secs(1);
/// Between a change and a look at it: what happens in one breath is told once.
const BREATH: Duration = Duration::from_millis(100);
/// Most subscriptions of one account: the lamps of its phones with all their extension modules.
const OF_ONE_MAX: usize = 200;
/// Most subscriptions of all.
const ALL_MAX: usize = 5_000;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// Who talks: RFC 4235.
    Dialog,
    /// Who is there: RFC 3856.
    Presence,
    /// Whether messages wait: RFC 3842.
    Messages,
}

impl Package {
    /// The package of this event.
    #[must_use]
    pub fn named(event: &str) -> Option<Self> {
        match event {
            "dialog" => Some(Self::Dialog),
            "presence" => Some(Self::Presence),
            "message-summary" => Some(Self::Messages),
            _ => None,
        }
    }

    /// The media type of its documents.
    #[must_use]
    pub const fn media(self) -> &'static str {
        match self {
            Self::Dialog => "application/dialog-info+xml",
            Self::Presence => "application/pidf+xml",
            Self::Messages => "application/simple-message-summary",
        }
    }
}

/// Who is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// The phones of an account.
    Account(EndpointName),
    /// An agent, wherever it is reached.
    Agent(AgentName),
    /// The mailbox of an account.
    Mailbox(EndpointName),
}

/// A subscription.
#[derive(Debug)]
struct Subscription {
    by: EndpointName,
    watched: Watched,
    entity: String,
    package: Package,
    /// The value of Event, with its `id`.
    event: String,
    dialog: Dialog,
    expires: Mono,
    version: u32,
    told: Option<Pictured>,
    turn: Turn,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
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

/// Every subscription.
#[derive(Debug, Default)]
pub struct Watchers {
    all: BTreeMap<DialogId, Subscription>,
    /// When it is looked whether anybody looks different.
    look: Option<Mono>,
    /// When the next subscription has something to say or ends.
    next: Option<Mono>,
}

/// A SUBSCRIBE that was found in order and may begin one.
#[derive(Debug)]
pub struct Wish {
    /// Who asks.
    pub by: EndpointName,
    /// Whom it wants to watch.
    pub watched: Watched,
    /// How the watched one is named in documents.
    pub entity: String,
    /// What it wants to see.
    pub package: Package,
    /// The dialog that the answer begins.
    pub dialog: Dialog,
}

impl Watchers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nobody watches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether one more may begin for this account.
    #[must_use]
    pub fn has_room(&self, by: &EndpointName) -> bool {
        let own = self.all.values().filter(|known| known.by == *by).count();
        self.all.len() < ALL_MAX && own < OF_ONE_MAX
    }

    /// Whether somebody watches this one.
    #[must_use]
    pub fn watch(&self, watched: &Watched) -> bool {
        self.all.values().any(|known| known.watched == *watched)
    }

    /// Whether this dialog is a subscription.
    #[must_use]
    pub fn knows(&self, id: &DialogId) -> bool {
        self.all.contains_key(id)
    }

    /// Begins a subscription; the answer to its SUBSCRIBE. Expires: 0 asks for one picture.
    pub fn begin(&mut self, now: Mono, request: &Request, wish: Wish) -> Response {
        let lasts = match granted(request) {
            Ok(lasts) => lasts,
            Err(response) => return *response,
        };
        let Wish { by, watched, entity, package, dialog } = wish;
        let event = request.headers.get("Event").unwrap_or_default().into_owned();
        let (expires, turn) = (now + lasts, Turn::Due(now));
        let subscription = Subscription {
            by,
            watched,
            entity,
            package,
            event,
            dialog,
            expires,
            version: 0,
            told: None,
            turn,
        };
        let response = subscription.answer(request, lasts);
        self.all.insert(subscription.dialog.id().clone(), subscription);
        self.reckon();
        response
    }

    /// A SUBSCRIBE inside of a subscription: it goes on for as long again, or ends, and is told
    /// from now on along the way that the SUBSCRIBE came. Phones connect anew and NATs move them;
    /// the old way leads nowhere then.
    ///
    /// The dialog proves who asks, as it does for every other request inside of one: nobody can
    /// lead its NOTIFYs elsewhere by a forged datagram without our tag, which is random and was
    /// told to the phone alone after it had proven its password. Who reads along on the way of a
    /// phone without TLS could, and reads the NOTIFYs already.
    pub fn refresh(
        &mut self,
        now: Mono,
        id: &DialogId,
        (flow, request): (Flow, &Request),
    ) -> Response {
        let Some(known) = self.all.get_mut(id) else {
            return request.response(Status::CALL_DOES_NOT_EXIST, None);
        };
        if let Err(refusal) = known.dialog.receive(request) {
            return refusal.response(request);
        }
        known.move_to(now, flow);
        let lasts = match granted(request) {
            Ok(lasts) => lasts,
            Err(response) => return *response,
        };
        known.expires = now + lasts;
        known.told = None; // RFC 6665 §4.2.1.2: every SUBSCRIBE brings a NOTIFY
        known.wake(now);
        let response = known.answer(request, lasts);
        self.reckon();
        response
    }

    /// Something may look different now.
    pub fn stir(&mut self, now: Mono) {
        if !self.all.is_empty() {
            self.look.get_or_insert(now + BREATH);
        }
    }

    /// When [`Self::handle_deadline`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        [self.look, self.next].into_iter().flatten().min()
    }

    fn reckon(&mut self) {
        let own = self.all.values().filter_map(|known| match known.turn {
            Turn::Due(at) => Some(at.min(known.expires)),
            Turn::Asked { .. } => None, // who does not answer is given up by the transaction
            Turn::Quiet => Some(known.expires),
        });
        self.next = own.min();
    }

    /// Looks at everybody who is watched and says what is new. `see` gives the picture of one, or
    /// nothing when there is no such one any more.
    pub fn handle_deadline(
        &mut self,
        now: Mono,
        see: impl Fn(&Watched) -> Option<Pictured>,
    ) -> Vec<Notice> {
        let look = self.look.take_if(|at| *at <= now).is_some();
        let mut pictures: BTreeMap<Watched, Option<Pictured>> = BTreeMap::new();
        let (mut notices, mut over) = (Vec::new(), Vec::new());
        for (id, known) in &mut self.all {
            let due = matches!(known.turn, Turn::Due(at) if at <= now);
            let ends = known.expires <= now && !matches!(known.turn, Turn::Asked { .. });
            if !look && !due && !ends {
                continue;
            }
            let picture =
                pictures.entry(known.watched.clone()).or_insert_with(|| see(&known.watched));
            let Some(picture) = picture else {
                over.push(id.clone());
                notices.push(known.farewell("noresource"));
                continue;
            };
            if known.told.as_ref() != Some(picture) {
                known.wake(now);
            }
            if ends {
                over.push(id.clone());
                notices.push(known.last_word(picture));
            } else if matches!(known.turn, Turn::Due(at) if at <= now) {
                notices.push(known.tell(now, picture));
            }
        }
        over.iter().for_each(|id| drop(self.all.remove(id)));
        self.reckon();
        notices
    }

    /// The answer to a NOTIFY. Whoever does not know the subscription has none (RFC 6665 §4.2.2).
    pub fn answered(&mut self, now: Mono, id: &DialogId, status: Status) {
        let Some(known) = self.all.get_mut(id) else { return };
        if !status.is_success() {
            return self.end(id);
        }
        known.turn = match known.turn {
            Turn::Asked { since, more: true } => Turn::Due(now.max(since + APART)),
            Turn::Asked { .. } | Turn::Quiet => Turn::Quiet,
            due @ Turn::Due(_) => due,
        };
        self.reckon();
    }

    /// Nobody has answered a NOTIFY that went this way. That one is no longer reached there, and
    /// has moved, is no reason to tell it nothing any more.
    pub fn unanswered(&mut self, id: &DialogId, flow: Flow) {
        if self.all.get(id).is_some_and(|known| known.dialog.next_flow() == flow) {
            self.end(id);
        }
    }

    fn end(&mut self, id: &DialogId) {
        self.all.remove(id);
        self.reckon();
    }
}

impl Subscription {
    fn answer(&self, request: &Request, lasts: Duration) -> Response {
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
    fn wake(&mut self, now: Mono) {
        self.turn = match self.turn {
            Turn::Quiet => Turn::Due(now),
            due @ Turn::Due(_) => due,
            Turn::Asked { since, more: _ } => Turn::Asked { since, more: true },
        };
    }

    /// The phone is elsewhere now. Nobody answers there what was said on the old way.
    fn move_to(&mut self, now: Mono, flow: Flow) {
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

    fn farewell(&mut self, reason: &str) -> Notice {
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
fn granted(request: &Request) -> Result<Duration, Box<Response>> {
    let asked = request.headers.expires().ok().flatten();
    let asked = asked.map_or(EXPIRES_MAX, |seconds| Duration::from_secs(u64::from(seconds)));
    if asked.is_zero() || asked >= EXPIRES_MIN {
        return Ok(asked.min(EXPIRES_MAX));
    }
    let mut response = request.response(Status::INTERVAL_TOO_BRIEF, None);
    response.headers.push("Min-Expires", EXPIRES_MIN.as_secs());
    Err(Box::new(response))
}

/// How a watched one is named in documents.
#[must_use]
pub fn entity(uri: &Uri) -> String {
    uri.clone().for_request().as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        ALL_MAX, Activity, OF_ONE_MAX, Package, Pictured, Watched, Watchers, Wish, entity,
    };
    use crate::sip::dialog::Dialog;
    use crate::sip::flow::{Flow, Transport};
    use holdfast_base::{EndpointName, Mono};
    use holdfast_wire::sip::{Message, Request, Status};

    fn subscribe(call: usize) -> Request {
        numbered(call, 1, "")
    }

    fn numbered(call: usize, cseq: u32, tag: &str) -> Request {
        let text = format!(
            "SUBSCRIBE sip:anna@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call}\r\n\
             From: <sip:ben@h>;tag=a\r\nTo: <sip:anna@h>{tag}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:ben@192.0.2.1>\r\nMax-Forwards: 70\r\n\
             Event: dialog\r\nContent-Length: 0\r\n\r\n"
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    fn flow(remote: &str) -> Flow {
        Flow {
            transport: Transport::Udp,
            local: "192.0.2.9:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: None,
            trunk: None,
        }
    }

    fn begin(watchers: &mut Watchers, now: Mono, by: &str, call: usize) {
        let request = subscribe(call);
        let came = flow("192.0.2.1:5060");
        let mut dialog = Dialog::answering(&request, came, "t", request.uri.clone()).unwrap();
        dialog.keep_flow();
        let wish = Wish {
            by: EndpointName::new(by),
            watched: Watched::Account(EndpointName::new("anna")),
            entity: entity(&request.uri),
            package: Package::Dialog,
            dialog,
        };
        assert_eq!(watchers.begin(now, &request, wish).status, Status::OK);
    }

    fn picture(word: &str) -> Option<Pictured> {
        let (activity, word) = (Activity::Free, word.to_owned());
        Some(Pictured { talks: Vec::new(), reachable: true, activity, word })
    }

    fn at(ms: u64) -> Mono {
        Mono::from_micros(ms * 1000)
    }

    /// What is said at this time when the watched one looks like this.
    fn said(watchers: &mut Watchers, now: u64, word: &str) -> Vec<String> {
        let notices = watchers.handle_deadline(at(now), |_| picture(word));
        let state = |notice: super::Notice| {
            notice.request.headers.get("Subscription-State").unwrap().into_owned()
        };
        notices.into_iter().map(state).collect()
    }

    #[test]
    fn news_comes_once_a_second_and_waits_for_the_answer_to_the_last() {
        let mut watchers = Watchers::default();
        begin(&mut watchers, at(0), "ben", 1);
        let id = watchers.all.keys().next().unwrap().clone();
        assert_eq!(said(&mut watchers, 0, "a"), ["active;expires=600"]);
        watchers.stir(at(10));
        assert_eq!(watchers.deadline(), Some(at(110)), "a breath later");
        assert_eq!(said(&mut watchers, 110, "b"), [""; 0], "the last one has no answer");
        watchers.answered(at(200), &id, Status::OK);
        assert_eq!(watchers.deadline(), Some(at(1000)));
        assert_eq!(said(&mut watchers, 1000, "b"), ["active;expires=599"]);
        watchers.answered(at(1100), &id, Status::OK);
        watchers.stir(at(5000));
        assert_eq!(said(&mut watchers, 5100, "b"), [""; 0], "nothing is new");
        assert_eq!(watchers.deadline(), Some(at(600_000)));
        assert_eq!(said(&mut watchers, 600_000, "b"), ["terminated;reason=timeout"]);
        assert!(watchers.is_empty() && watchers.deadline().is_none());
    }

    #[test]
    fn who_is_gone_is_not_watched_and_who_does_not_listen_hears_no_more() {
        let mut watchers = Watchers::default();
        (1..=3).for_each(|call| begin(&mut watchers, at(0), "ben", call));
        let ids: Vec<_> = watchers.all.keys().cloned().collect();
        assert_eq!(said(&mut watchers, 0, "a").len(), 3);
        watchers.answered(at(20), ids.first().unwrap(), Status::CALL_DOES_NOT_EXIST);
        watchers.unanswered(ids.get(1).unwrap(), flow("192.0.2.1:5060"));
        assert_eq!(watchers.len(), 1);
        watchers.answered(at(20), ids.get(2).unwrap(), Status::OK);
        watchers.stir(at(30));
        let notices = watchers.handle_deadline(at(2000), |_| None);
        assert_eq!((notices.len(), watchers.len()), (1, 0));
    }

    #[test]
    fn a_phone_that_has_moved_is_told_where_it_is_now() {
        let (old, new) = (flow("192.0.2.1:5060"), flow("192.0.2.1:40001"));
        let mut watchers = Watchers::default();
        begin(&mut watchers, at(0), "ben", 1);
        let id = watchers.all.keys().next().unwrap().clone();
        assert_eq!(watchers.handle_deadline(at(0), |_| picture("a")).first().unwrap().flow, old);
        let late = watchers.refresh(at(300), &id, (new, &numbered(1, 0, ";tag=t")));
        assert_eq!(late.status.code(), 500, "a number of before moves nothing");
        let next = watchers.refresh(at(400), &id, (new, &numbered(1, 2, ";tag=t")));
        assert_eq!(next.status, Status::OK);
        watchers.unanswered(&id, old);
        assert_eq!(watchers.deadline(), Some(at(1000)));
        assert_eq!(watchers.handle_deadline(at(1000), |_| picture("a")).first().unwrap().flow, new);
        watchers.unanswered(&id, new);
        assert!(watchers.is_empty());
    }

    #[test]
    fn there_is_an_end_to_subscriptions() {
        let mut watchers = Watchers::default();
        let ben = EndpointName::new("ben");
        (0..OF_ONE_MAX).for_each(|call| begin(&mut watchers, at(0), "ben", call));
        assert!(!watchers.has_room(&ben) && watchers.has_room(&EndpointName::new("cem")));
        for (account, call) in (OF_ONE_MAX..ALL_MAX).enumerate() {
            begin(&mut watchers, at(0), &format!("{}", account / OF_ONE_MAX), call);
        }
        assert_eq!(watchers.len(), ALL_MAX);
        assert!(!watchers.has_room(&EndpointName::new("cem")));
    }
}
