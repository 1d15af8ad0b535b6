//! Whether messages wait for a phone: RFC 3842.
//!
//! There is no mailbox in this box, so nothing waits here, and that is what a phone hears which
//! subscribes. The phone of a central PBX has its mailbox there: what the PBX says unasked, as most
//! of them do to whoever is registered, goes on to the phone and is what its subscription shows.

use holdfast_base::{EndpointName, Now};
use holdfast_wire::sip::{Method, NameAddr, Request, Status, Uri};

use super::{Site, Step};
use crate::call::words;
use crate::sip::extension::Summary;
use crate::sip::flow::Flow;
use crate::sip::transaction::ServerKey;
use crate::watch::{Activity, EVENTS, Package, Pictured, Watched};

/// RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;

impl Site {
    /// A NOTIFY outside of any dialog: word of a PBX about the mailbox of one of its phones.
    pub(super) fn take_summary(
        &mut self,
        now: Now,
        key: ServerKey,
        (flow, request): (Flow, &Request),
        step: &mut Step,
    ) {
        let event = request.headers.valued("Event").ok().flatten();
        let about = event.is_some_and(|it| Package::named(&it.value) == Some(Package::Messages));
        let phone = self.phone_of_alias(&flow, &request.uri).filter(|_| about);
        let Some((account, contact)) = phone else {
            let mut answer = request.response(Status::BAD_EVENT, None);
            answer.headers.push("Allow-Events", EVENTS); // RFC 6665 §8.3.2
            return self.refuse(now, key, request, answer, step);
        };
        let Some(summary) = Summary::read(&request.body) else {
            let answer = request.response(Status::BAD_REQUEST, None);
            return self.refuse(now, key, request, answer, step);
        };
        self.answer(now, key, request.response(Status::OK, None), step);
        if !self.watchers.watch(&Watched::Mailbox(account.clone())) {
            self.pass_summary(now, (&account, &contact), (request, &summary), step);
        }
        self.note_summary(&account, summary);
        self.watchers.stir(now.mono);
    }

    /// To a phone that takes it unasked, as it would from its PBX.
    fn pass_summary(
        &mut self,
        now: Now,
        (account, contact): (&EndpointName, &Uri),
        (request, summary): (&Request, &Summary),
        step: &mut Step,
    ) {
        let all = self.targets_of_account(now, account);
        let Some(target) = all.into_iter().find(|it| it.uri.same_as(contact)) else { return };
        let ours = words::contact(&self.config, &target.flow);
        let mut notify = Request::new(Method::Notify, target.uri.clone());
        let headers = &mut notify.headers;
        headers.push("Max-Forwards", MAX_FORWARDS);
        for place in &target.path {
            headers.push("Route", place);
        }
        let from = NameAddr::new(words::host_contact(&self.config, &target.flow));
        headers.push("From", from.with_tag(&self.entropy.token()));
        headers.push("To", NameAddr::new(target.uri.clone()));
        headers.push("Call-ID", self.entropy.token());
        headers.push("CSeq", "1 NOTIFY");
        headers.push("Contact", NameAddr::new(ours));
        for name in ["Event", "Subscription-State"] {
            for line in request.headers.lines(name) {
                headers.push_line(line.clone());
            }
        }
        headers.push("Content-Type", Package::Messages.media());
        notify.body = summary.text().as_bytes().to_vec();
        self.transmit(now, (target.flow, notify), false, step);
    }

    /// What the subscription of a phone to its own mailbox shows.
    pub(super) fn see_mailbox(&self, account: &EndpointName) -> Option<Pictured> {
        self.config.account(account.as_str())?;
        let word = self.summary_of(account).unwrap_or(Summary::NOTHING).to_owned();
        Some(Pictured { talks: Vec::new(), reachable: true, activity: Activity::Free, word })
    }
}
