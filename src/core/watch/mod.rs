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
//! within ten minutes. It refuses to know calls and queues: the site tells it what there is to
//! see.

mod document;
mod package;
mod room;
mod subscription;
#[cfg(test)]
mod tests;

pub use document::{Activity, Pictured, Stage, Talk};
pub use package::{EVENTS, Package};
pub use subscription::Notice;

use holdfast_base::{AgentName, EndpointName, Mono};
use holdfast_wire::sip::{Request, Response, Status, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use room::Room;
use subscription::{Subscription, Turn, granted};

use crate::deadlines::Deadlines;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;

/// Between a change and a look at it: what happens in one breath is told once.
const BREATH: Duration = Duration::from_millis(100);

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

/// Every subscription.
#[derive(Debug, Default)]
pub struct Watchers {
    all: BTreeMap<DialogId, Subscription>,
    /// Who is watched by which of them.
    watched: BTreeMap<Watched, Seen>,
    room: Room,
    /// When each has something to say or ends.
    due: Deadlines<DialogId>,
    /// When it is looked whether anybody looks different.
    look: Option<Mono>,
}

/// One who is watched.
#[derive(Debug, Default)]
struct Seen {
    by: BTreeSet<DialogId>,
    /// What all of them have been told or will be; none when that has to be compared one by one.
    told_all: Option<Pictured>,
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

    /// Whether one more may begin: of this account, to watch this one.
    #[must_use]
    pub fn has_room(&self, by: &EndpointName, watched: &Watched) -> bool {
        self.room.is_there(by, watched)
    }

    /// Whether somebody watches this one.
    #[must_use]
    pub fn watch(&self, watched: &Watched) -> bool {
        self.watched.contains_key(watched)
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
        let id = subscription.dialog.id().clone();
        self.end(&id);
        self.room.take(&subscription.by, &subscription.watched);
        let by = &mut self.watched.entry(subscription.watched.clone()).or_default().by;
        by.insert(id.clone());
        self.all.insert(id.clone(), subscription);
        self.reckon(&id);
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
        self.reckon(id);
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
        [self.look, self.due.next()].into_iter().flatten().min()
    }

    fn reckon(&mut self, id: &DialogId) {
        self.due.set(id.clone(), self.all.get(id).and_then(Subscription::deadline));
    }

    /// Looks at who is watched and may look different, and says what is new. `see` gives the
    /// pictures of the names that it is asked for, but of those that there are not any more.
    pub fn handle_deadline(
        &mut self,
        now: Mono,
        see: impl FnOnce(&BTreeSet<Watched>) -> BTreeMap<Watched, Pictured>,
    ) -> Vec<Notice> {
        let look = self.look.take_if(|at| *at <= now).is_some();
        let names: BTreeSet<Watched> = if look {
            self.watched.keys().cloned().collect()
        } else {
            let due = self.due.due(now).filter_map(|id| self.all.get(&id));
            due.map(|known| known.watched.clone()).collect()
        };
        let pictures = see(&names);
        let mut notices = Vec::new();
        for name in &names {
            match pictures.get(name) {
                None => notices.extend(self.gone(name)),
                Some(picture) if look => self.compare(now, name, picture),
                Some(picture) => self.doubt(name, picture),
            }
        }
        let due: Vec<DialogId> = self.due.due(now).collect();
        for id in due {
            let Some(known) = self.all.get_mut(&id) else { continue };
            let Some(picture) = pictures.get(&known.watched) else { continue };
            let Some((notice, last)) = known.speak(now, picture) else { continue };
            notices.push(notice);
            if last {
                self.end(&id);
            } else {
                self.reckon(&id);
            }
        }
        notices
    }

    /// Nobody to watch any more.
    fn gone(&mut self, name: &Watched) -> Vec<Notice> {
        let by = self.watched.get(name).map(|seen| seen.by.clone()).unwrap_or_default();
        let mut notices = Vec::new();
        for id in by {
            notices.extend(self.all.get_mut(&id).map(|known| known.farewell("noresource")));
            self.end(&id);
        }
        notices
    }

    /// Wakes who has been told something else of this one than there is to see.
    fn compare(&mut self, now: Mono, name: &Watched, picture: &Pictured) {
        let Some(seen) = self.watched.get_mut(name) else { return };
        if seen.told_all.as_ref() == Some(picture) {
            return;
        }
        seen.told_all = Some(picture.clone());
        for id in &seen.by {
            let Some(known) = self.all.get_mut(id) else { continue };
            if known.told.as_ref() != Some(picture) {
                known.wake(now);
                self.due.set(id.clone(), known.deadline());
            }
        }
    }

    /// One of those who watch is told more than the others: the next look compares them all.
    fn doubt(&mut self, name: &Watched, picture: &Pictured) {
        let Some(seen) = self.watched.get_mut(name) else { return };
        seen.told_all.take_if(|told| told != picture);
    }

    /// The answer to a NOTIFY. Whoever does not know the subscription has none (RFC 6665 §4.2.2).
    pub fn answered(&mut self, now: Mono, id: &DialogId, status: Status) {
        let Some(known) = self.all.get_mut(id) else { return };
        if !status.is_success() {
            return self.end(id);
        }
        known.heard(now);
        self.reckon(id);
    }

    /// Nobody has answered a NOTIFY that went this way. That one is no longer reached there, and
    /// has moved, is no reason to tell it nothing any more.
    pub fn unanswered(&mut self, id: &DialogId, flow: Flow) {
        if self.all.get(id).is_some_and(|known| known.dialog.next_flow() == flow) {
            self.end(id);
        }
    }

    fn end(&mut self, id: &DialogId) {
        let Some(known) = self.all.remove(id) else { return };
        self.due.set(id.clone(), None);
        self.room.leave(&known.by, &known.watched);
        if let Some(seen) = self.watched.get_mut(&known.watched) {
            seen.by.remove(id);
            if seen.by.is_empty() {
                self.watched.remove(&known.watched);
            }
        }
    }
}

/// How a watched one is named in documents.
#[must_use]
pub fn entity(uri: &Uri) -> String {
    uri.clone().for_request().as_str().to_owned()
}
