//! Short texts from a phone of ours to another phone or agent: MESSAGE (RFC 3428), relayed to where
//! the called one is registered.
//!
//! The answer of that phone is the answer. Nothing is stored: who is not there is told so by 480,
//! and a text under way over a restart is sent once more by its phone. Only a phone that has proven
//! its password may, and only in plain text, which every phone shows (RFC 3428 §7).

use holdfast_base::{EndpointName, Mono, Now};
use holdfast_config::Endpoint;
use holdfast_wire::sip::{Method, NameAddr, Request, Response, Status, Uri};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Site, Step};
use crate::call::io::Target;
use crate::call::words;
use crate::sip::auth::Verdict;
use crate::sip::flow::Flow;
use crate::sip::transaction::{ClientKey, ServerKey};

/// The one kind of text.
const PLAIN: &str = "text/plain";
/// Largest text. RFC 3428 §8 gives the whole request 1300 bytes; the rest is for its header fields.
const TEXT_BYTES_MAX: usize = 800;
/// Most texts without an answer.
const OPEN_MAX: usize = 500;
/// Most of them from one account.
const OF_ONE_MAX: usize = 20;
/// Seconds until a text may be sent again that found no room.
const RETRY_AFTER_S: u32 = 5;
/// RFC 3261 §8.1.1.6, where the phone says nothing.
const MAX_FORWARDS: u8 = 70;

/// How long a phone may leave a text without an answer. Its sender waits for 32 s (Timer F), and
/// who answers later than that is not heard (RFC 4320 §4.1).
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Texts that have no answer yet.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeMap<ClientKey, Text>);

#[derive(Debug)]
struct Text {
    by: String,
    server: ServerKey,
    request: Request,
    until: Mono,
}

impl Texts {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.0.values().map(|text| text.until).min()
    }
}

impl Site {
    /// A text outside of any dialog.
    pub(super) fn take_text(
        &mut self,
        now: Now,
        key: ServerKey,
        (flow, request): (Flow, &Request),
        step: &mut Step,
    ) {
        match self.text_onward(now, &flow, request) {
            Ok((by, onward, way)) => {
                let sent = self.transmit(now, (way, onward), false, step);
                let (request, until) = (request.clone(), now.mono + ANSWER_WITHIN);
                self.texts.0.insert(sent, Text { by, server: key, request, until });
            }
            Err(answer) => self.refuse(now, key, request, *answer, step),
        }
    }

    fn text_onward(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Request,
    ) -> Result<(String, Request, Flow), Box<Response>> {
        let refused = |status| Box::new(request.response(status, None));
        let by = match self.check_credentials(now, flow, request) {
            Verdict::Accepted { user } => user,
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                return Err(Box::new(answer));
            }
        };
        let Some(sender) = self.config.account(&by) else {
            return Err(refused(Status::FORBIDDEN));
        };
        let plain = matches!(request.headers.content_type(), Ok(Some(kind)) if kind.is(PLAIN));
        if !plain {
            let mut response = refused(Status::UNSUPPORTED_MEDIA);
            response.headers.push("Accept", PLAIN);
            return Err(response);
        }
        if request.body.len() > TEXT_BYTES_MAX {
            return Err(refused(Status::MESSAGE_TOO_LARGE));
        }
        let own = self.texts.0.values().filter(|text| text.by == by).count();
        if self.texts.0.len() >= OPEN_MAX || own >= OF_ONE_MAX {
            let status = Status::SERVICE_UNAVAILABLE;
            return Err(Box::new(words::later(request, status, RETRY_AFTER_S)));
        }
        let called = request.uri.user_decoded().unwrap_or_default().into_owned();
        let display = NameAddr::new(request.uri.clone()).with_display(&sender.display).display;
        let phones = self.phones_named(&called).ok_or_else(|| refused(Status::NOT_FOUND))?;
        let mut reached = phones.iter().flat_map(|phone| self.targets_of_account(now, phone));
        let Some(target) = reached.next() else {
            return Err(refused(Status::TEMPORARILY_UNAVAILABLE));
        };
        drop(reached);
        let onward = self.text_for(&target, (&by, display), request);
        Ok((by, onward, target.flow))
    }

    /// The phones of an account or agent of this name.
    fn phones_named(&self, name: &str) -> Option<Vec<EndpointName>> {
        if let Some(account) = self.config.account(name) {
            return Some(vec![account.name.clone()]);
        }
        let agent = self.config.agents.iter().find(|agent| agent.name.as_str() == name)?;
        let own = agent.endpoints.iter().filter_map(|endpoint| match endpoint {
            Endpoint::Account(account) => Some(account.clone()),
            Endpoint::Trunk { .. } => None,
        });
        Some(own.collect())
    }

    fn text_for(
        &mut self,
        target: &Target,
        (by, display): (&str, Option<String>),
        request: &Request,
    ) -> Request {
        let ours = words::host_contact(&self.config, &target.flow);
        let at_ours = |user: &str| match ours.host() {
            Some(host) => Uri::sip(Some(user), host.clone(), ours.port()),
            None => ours.clone(),
        };
        let mut from = NameAddr::new(at_ours(by)).with_tag(&self.entropy.token());
        from.display = display;
        let hops = request.headers.max_forwards().ok().flatten().unwrap_or(MAX_FORWARDS);
        let mut onward = Request::new(Method::Message, target.uri.clone());
        let headers = &mut onward.headers;
        headers.push("Max-Forwards", hops.saturating_sub(1));
        for place in &target.path {
            headers.push("Route", place);
        }
        headers.push("From", from);
        headers.push("To", NameAddr::new(target.uri.clone()));
        headers.push("Call-ID", self.entropy.token());
        headers.push("CSeq", "1 MESSAGE");
        for line in request.headers.lines("Content-Type") {
            headers.push_line(line.clone());
        }
        headers.push("User-Agent", words::PRODUCT);
        onward.body.clone_from(&request.body);
        onward
    }

    /// Whether the response was one to a text.
    pub(super) fn take_text_response(
        &mut self,
        now: Now,
        key: ClientKey,
        status: Status,
        step: &mut Step,
    ) -> bool {
        if !status.is_final() {
            return self.texts.0.contains_key(&key);
        }
        let Some(Text { server, request, .. }) = self.texts.0.remove(&key) else { return false };
        let status = match status.code() {
            // A phone has no trouble with the sender's password, and no 503 goes on (RFC 3261
            // §16.7 step 6).
            401 | 407 | 503 => Status::SERVER_ERROR,
            _ => status,
        };
        self.answer(now, server, request.response(status, None), step);
        true
    }

    /// Whether it was a text that nobody has answered.
    pub(super) fn text_failed(&mut self, now: Now, key: ClientKey, step: &mut Step) -> bool {
        let Some(Text { server, request, .. }) = self.texts.0.remove(&key) else { return false };
        let answer = request.response(Status::TEMPORARILY_UNAVAILABLE, None);
        self.answer(now, server, answer, step);
        true
    }

    /// Texts that were left without an answer.
    pub(super) fn watch_texts(&mut self, now: Now, step: &mut Step) {
        let late = self.texts.0.iter().filter(|(_, text)| text.until <= now.mono);
        for key in late.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.text_failed(now, key, step);
        }
    }
}
