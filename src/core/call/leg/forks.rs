//! The early dialogs of one INVITE of ours: one for each To tag that a response brought.
//!
//! A proxy may ring several phones with one INVITE, and each begins a dialog of its own (RFC 3261
//! §13.2.2.4) with its own CSeq, its own target, its own reliable responses (RFC 3262 §4) and its
//! own answer to the one offer (RFC 6337 §3.1). The leg has one audio stream: it follows the fork
//! that spoke last, until one wins with its 2xx.

use holdfast_wire::sip::{Method, RAck, Request, Response};
use serde::{Deserialize, Serialize};

use crate::call::audio::Audio;
use crate::offer_answer::OfferAnswer;
use crate::sip::dialog::{Dialog, DialogId};

/// Most forks of one INVITE that are kept. A further one may still win by its 2xx; until then it
/// is not spoken to.
const FORKS_MAX: usize = 8;

/// Most reliable responses of one fork that are acknowledged: each costs a transaction, and whoever
/// sends them in earnest has a few things to say before the answer.
const RELIABLE_MAX: u16 = 32;

/// The early dialogs of an INVITE.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Forks {
    /// The offers and answers as they were before any fork spoke; none before the first has.
    fresh: Option<Box<OfferAnswer>>,
    all: Vec<Fork>,
    /// The one whose offers and answers the audio follows.
    current: usize,
}

/// One early dialog.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fork {
    dialog: Dialog,
    /// RSeq of its last reliable response.
    rseq: Option<u32>,
    /// How many of them came.
    #[serde(default)]
    reliable: u16,
    /// Its offers and answers, while another one is current.
    exchange: Box<OfferAnswer>,
}

/// Whose a 1xx is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A fork that has not spoken before.
    New,
    /// One that has.
    Known,
    /// One too many.
    TooMany,
}

/// What a reliable response of a fork is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is not reliable.
    Unreliable,
    /// The next one, or the first: to be acknowledged.
    Next { rseq: u32 },
    /// It came before, or one before it is missing: RFC 3262 §4 wants it not even looked at.
    Ignored,
}

impl Forks {
    /// The fork that spoke last.
    pub(super) fn current(&self) -> Option<&Dialog> {
        self.all.get(self.current).map(|fork| &fork.dialog)
    }

    /// Turns to the fork whose dialog a 1xx begins, or would have begun, had it been the first.
    pub(super) fn turn_to(&mut self, begun: Dialog, audio: &mut Audio) -> Turn {
        if let Some(known) = self.place(begun.id()) {
            self.switch(known, audio);
            return Turn::Known;
        }
        if self.all.len() >= FORKS_MAX {
            return Turn::TooMany;
        }
        let fresh = self.fresh.get_or_insert_with(|| Box::new(audio.exchange().clone()));
        self.all.push(Fork { dialog: begun, rseq: None, reliable: 0, exchange: fresh.clone() });
        self.switch(self.all.len().saturating_sub(1), audio);
        Turn::New
    }

    /// Turns to the fork that this request is from.
    pub(super) fn turn_to_sender(
        &mut self,
        request: &Request,
        audio: &mut Audio,
    ) -> Option<&mut Dialog> {
        let known = self.place(&DialogId::of_request(request)?)?;
        self.switch(known, audio);
        self.all.get_mut(known).map(|fork| &mut fork.dialog)
    }

    /// The dialog that a 2xx confirms, `begun` anew by it when no 1xx came before.
    pub(super) fn settle(&mut self, begun: Dialog, audio: &mut Audio) -> Dialog {
        if let Some(known) = self.place(begun.id()) {
            self.switch(known, audio);
            return self.current().cloned().unwrap_or(begun);
        }
        if let Some(fresh) = &self.fresh {
            audio.set_exchange(fresh.as_ref().clone());
        }
        begun
    }

    /// How this provisional response of the current fork stands in their order (RFC 3262 §4).
    pub(super) fn order(&mut self, response: &Response) -> Order {
        let headers = &response.headers;
        let rseq = headers.rseq().ok().flatten().filter(|_| headers.lists("Require", "100rel"));
        let Some((fork, rseq)) = self.all.get_mut(self.current).zip(rseq) else {
            return Order::Unreliable;
        };
        let follows = fork.rseq.is_none_or(|last| last.checked_add(1) == Some(rseq));
        if !follows || fork.reliable >= RELIABLE_MAX {
            return Order::Ignored;
        }
        fork.rseq = Some(rseq);
        fork.reliable += 1;
        Order::Next { rseq }
    }

    /// The PRACK to this reliable response of the current fork, and its dialog: it goes to the
    /// early dialog's own tag and Contact (RFC 3262 §4).
    pub(super) fn prack(&mut self, rseq: u32, response: &Response) -> Option<(Request, &Dialog)> {
        let fork = self.all.get_mut(self.current)?;
        let cseq = response.headers.cseq().ok()?;
        fork.dialog.heard_early(response);
        let mut prack = fork.dialog.request(Method::Prack);
        prack.headers.push("RAck", RAck { response: rseq, cseq });
        Some((prack, &fork.dialog))
    }

    /// The early dialog of a request of ours.
    pub(super) fn of_ours(&mut self, request: &Request) -> Option<&mut Dialog> {
        let known = self.place(&DialogId::of_ours(request)?)?;
        self.all.get_mut(known).map(|fork| &mut fork.dialog)
    }

    fn place(&self, id: &DialogId) -> Option<usize> {
        self.all.iter().position(|fork| fork.dialog.id() == id)
    }

    fn switch(&mut self, to: usize, audio: &mut Audio) {
        if to == self.current {
            return;
        }
        if let Some(left) = self.all.get_mut(self.current) {
            *left.exchange = audio.exchange().clone();
        }
        if let Some(fork) = self.all.get(to) {
            audio.set_exchange(fork.exchange.as_ref().clone());
        }
        self.current = to;
    }
}
