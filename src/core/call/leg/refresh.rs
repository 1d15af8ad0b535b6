//! Keeping a session alive: refreshing it in time, and ending it when nobody does (RFC 4028).
//!
//! [`super::session_timer`] says when; here stands how: by UPDATE without a description where the
//! party takes it, else by a re-INVITE that changes nothing.

use holdfast_wire::sip::{CSeq, Method, Request, Response, Status};

use super::forks::Forks;
use super::session_timer::{Due, SessionTimer, widened};
use super::{Leg, News, State, Told};
use crate::call::audio::Audio;
use crate::call::io::{Desk, Output};
use crate::call::words;
use crate::record::event::LegEnd;

impl Leg {
    /// The session timer, once there is a session.
    pub(super) const fn timer_mut(&mut self) -> Option<&mut SessionTimer> {
        match &mut self.state {
            State::Accepted { timer, .. }
            | State::Answered { timer, .. }
            | State::Confirmed { timer, .. } => Some(timer),
            State::Incoming { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The deadline of the session timer has come.
    pub(super) fn session_due(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        let State::Confirmed { timer, .. } = &self.state else { return None };
        match timer.due(desk.now.mono)? {
            Due::Refresh => {
                self.refresh(desk);
                None
            }
            Due::End => Some(self.session_over(desk)),
        }
    }

    fn session_over(&mut self, desk: &mut Desk<'_>) -> News {
        self.hang_up(LegEnd::SessionExpired, desk);
        News::Ended(LegEnd::SessionExpired)
    }

    fn refresh(&mut self, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, timer, .. } = &mut self.state else { return };
        if !timer.takes_update() {
            // Does not leave while a change is open, which refreshes the session where it succeeds.
            timer.failed(desk.now.mono);
            return self.probe(LegEnd::SessionExpired, desk);
        }
        timer.sent();
        let mut request = dialog.request(Method::Update);
        words::state_abilities(&mut request.headers);
        self.origin.complete(desk.config, &mut request.headers);
        timer.write_request(&mut request.headers);
        let flow = dialog.next_flow();
        desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
    }

    /// The party answers an UPDATE of ours.
    pub(super) fn refresh_answered(
        &mut self,
        response: &Response,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let State::Confirmed { dialog, timer, .. } = &mut self.state else { return None };
        if response.status.is_provisional() {
            return None;
        }
        if response.status.is_success() {
            dialog.confirm(response);
            timer.agree(&response.headers, desk.now.mono);
            return None;
        }
        // RFC 3261 §12.2.1.2: these two say that the dialog itself is gone.
        if matches!(response.status, Status::CALL_DOES_NOT_EXIST | Status::REQUEST_TIMEOUT) {
            self.close(LegEnd::SessionExpired, desk);
            return Some(News::Ended(LegEnd::SessionExpired));
        }
        if matches!(response.status, Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED) {
            timer.give_up_update();
            self.refresh(desk);
            return None;
        }
        self.refresh_refused(response, desk);
        None
    }

    /// What a refusal by a party that knows the session means for the next refresh.
    pub(super) fn refresh_refused(&mut self, response: &Response, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, timer, .. } = &mut self.state else { return };
        match response.status {
            Status::REQUEST_PENDING => {
                let delay = dialog.glare_delay(desk.entropy);
                timer.collided(desk.now.mono, delay);
            }
            Status::SESSION_INTERVAL_TOO_SMALL if timer.widen(&response.headers) => {
                self.refresh(desk);
            }
            _ => timer.failed(desk.now.mono),
        }
    }

    /// A request of ours inside the dialog, other than INVITE, got no answer: the party is not
    /// there any more (RFC 4028 §10).
    pub fn unanswered(&mut self, cseq: &CSeq, desk: &mut Desk<'_>) -> Option<News> {
        let refreshing = cseq.method == Method::Update;
        if !refreshing || !matches!(self.state, State::Confirmed { .. }) {
            return None;
        }
        Some(self.session_over(desk))
    }

    /// Sends the first INVITE once more when it was refused for its session timer alone, or for its
    /// encryption where that was only preferred.
    pub(super) fn calls_again(&mut self, response: &Response, desk: &mut Desk<'_>) -> bool {
        let State::Calling { invite, forks, heard, word_by } = &mut self.state else {
            return false;
        };
        // Who rings has taken the interval, and the description.
        if forks.current().is_some() {
            return false;
        }
        let again = match response.status {
            Status::SESSION_INTERVAL_TOO_SMALL => widened(invite, &response.headers),
            Status::NOT_ACCEPTABLE_HERE | Status::NOT_ACCEPTABLE_ANYWHERE => {
                in_the_clear(invite, &mut self.audio)
            }
            _ => None, // of a foreign type: every other status
        };
        let Some(mut again) = again else { return false };
        let via = words::via(desk.config, &self.flow, desk.entropy);
        again.headers.set("Via", via);
        *invite = again.clone();
        (*heard, *word_by) = (Told::Nothing, None);
        let flow = self.flow;
        desk.out.push(Output::Request { leg: self.id, flow, request: again, gated: false });
        true
    }
}

impl Leg {
    /// The party has answered, but refused the encrypted stream (RFC 3264 §6: port 0), where a 488
    /// would have been plain. Where encryption is only preferred the session is ended, and the
    /// party called once more in the clear: under another tag, so that nobody takes one for the
    /// other.
    pub(super) fn calls_in_the_clear(&mut self, asked: &Request, desk: &mut Desk<'_>) -> bool {
        let State::Answered { dialog, cseq, .. } = &mut self.state else { return false };
        let Ok(from) = asked.headers.from() else { return false };
        let Some(mut again) = in_the_clear(asked, &mut self.audio) else { return false };
        let (leg, way) = (self.id, dialog.next_flow());
        let (ack, bye) = (dialog.ack(*cseq), dialog.request(Method::Bye));
        desk.out.push(Output::Ack { leg, flow: way, request: ack, gated: false });
        desk.out.push(Output::Request { leg, flow: way, request: bye, gated: false });
        again.headers.set("From", from.with_tag(&desk.entropy.token()));
        again.headers.set("Via", words::via(desk.config, &self.flow, desk.entropy));
        let (flow, request) = (self.flow, again.clone());
        let (heard, forks) = (Told::Nothing, Forks::default());
        self.state = State::Calling { invite: again, forks, heard, word_by: None };
        desk.out.push(Output::Request { leg, flow, request, gated: false });
        true
    }
}

/// The INVITE with an offer in the clear, where the audio may fall back to one.
fn in_the_clear(invite: &Request, audio: &mut Audio) -> Option<Request> {
    let number = invite.headers.cseq().ok()?.number;
    let offer = audio.offer_in_the_clear()?;
    let mut again = invite.clone();
    again.headers.set("CSeq", CSeq { number: number + 1, method: Method::Invite });
    words::describe(&mut again.headers, &mut again.body, &offer);
    Some(again)
}
