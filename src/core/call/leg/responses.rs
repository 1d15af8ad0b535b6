//! What the party of a leg answers to an INVITE of ours.

use holdfast_wire::sip::{Method, Request, Response, Status};

use super::forks::{Order, Turn};
use super::info::takes_info;
use super::session_timer::SessionTimer;
use super::{Change, Leg, News, Reach, State, Told};
use crate::call::io::{Desk, Failure, Output};
use crate::call::words;
use crate::record::event::LegEnd;
use crate::sip::cause::Cause;
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;

impl Leg {
    /// A response to a request of ours.
    pub fn receive_response(&mut self, response: &Response, desk: &mut Desk<'_>) -> Option<News> {
        let Ok(cseq) = response.headers.cseq() else { return None };
        match cseq.method {
            Method::Invite => {}
            Method::Update => return self.refresh_answered(response, desk),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Prack
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Info
            | Method::Message
            | Method::Publish
            | Method::Other(_) => return None, // BYE: whatever they say, it is over
        }
        if response.status.is_success() {
            self.invite_succeeded(cseq.number, response, desk)
        } else if response.status.is_provisional() {
            self.invite_progressed(response, desk)
        } else {
            self.invite_refused(cseq.number, response, desk)
        }
    }

    fn invite_progressed(&mut self, response: &Response, desk: &mut Desk<'_>) -> Option<News> {
        let State::Calling { invite, forks, heard, word_by } = &mut self.state else { return None };
        *word_by = None;
        let mut order = Order::Unreliable;
        if let Some(begun) = begun(invite, self.flow, self.reach, response) {
            let id = begun.id().clone();
            match forks.turn_to(begun, &mut self.audio) {
                Turn::New => desk.out.push(Output::DialogMade { leg: self.id, id }),
                Turn::Known => {}
                Turn::TooMany => return None,
            }
            order = forks.order(response);
        }
        match order {
            Order::Unreliable => {}
            Order::Next { rseq } => {
                if let Some((request, dialog)) = forks.prack(rseq, response) {
                    let (leg, flow) = (self.id, dialog.next_flow());
                    desk.out.push(Output::Request { leg, flow, request, gated: false });
                }
            }
            Order::Ignored => return None,
        }
        let answer = words::description(&response.body).ok().flatten();
        let early_media = answer.is_some_and(|sdp| match order {
            Order::Next { .. } => self.audio.receive_answer(&sdp, desk).is_ok(),
            Order::Unreliable | Order::Ignored => self.audio.preview_answer(&sdp, desk).is_ok(),
        });
        if early_media && !heard.has_media() {
            *heard = Told::EarlyMedia;
            return Some(News::EarlyMedia);
        }
        // A 183 without a description says of a phone that it rings where nothing was known of it;
        // behind early media only a 180 does.
        let rings = match heard.has_media() {
            true => response.status == Status::RINGING,
            false => response.status != Status::TRYING,
        };
        *heard = heard.with_ringing().filter(|_| rings)?;
        Some(News::Ringing)
    }

    fn invite_succeeded(
        &mut self,
        cseq: u32,
        response: &Response,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        match &mut self.state {
            State::Calling { invite, forks, .. } => {
                let begun = begun(invite, self.flow, self.reach, response)?;
                let asked = invite.clone();
                let mut dialog = forks.settle(begun, &mut self.audio);
                dialog.confirm(response);
                self.takes_info = takes_info(&response.headers);
                desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
                let answer = words::description(&response.body).ok().flatten();
                let mut timer = SessionTimer::default();
                timer.agree(&response.headers, desk.now.mono);
                self.state = State::Answered { dialog, cseq, timer };
                let agreed = match answer {
                    // RFC 3261 §13.2.1: after the answer of a reliable 18x there is no other one.
                    _ if self.audio.follow_answer(desk) => Ok(()),
                    Some(answer) => self.audio.receive_answer(&answer, desk),
                    // The answer was in the 183 alone, which phones do although it was unreliable.
                    None => self.audio.keep_preview(desk),
                };
                if agreed.is_ok() {
                    return Some(News::Answered);
                }
                if self.calls_in_the_clear(&asked, desk) {
                    return None;
                }
                self.offer_refused(response, desk);
                let why = LegEnd::Refused(Status::NOT_ACCEPTABLE_HERE.code());
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            // The 2xx crossed our CANCEL: RFC 3261 §9.1 leaves us with a session to end.
            State::Cancelling { invite, why, forks, .. } => {
                let why = *why;
                let begun = begun(invite, self.flow, self.reach, response)?;
                let mut dialog = forks.settle(begun, &mut self.audio);
                dialog.confirm(response);
                self.state = State::Answered { dialog, cseq, timer: SessionTimer::default() };
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { dialog, change, timer } => {
                let open = match change {
                    Change::Ours { cseq: open, gone: _ } if *open == cseq => true,
                    Change::Ours { .. } | Change::Theirs { .. } | Change::None => false,
                };
                // RFC 3261 §12.2.1.2: the ACK goes to the Contact of the 2xx already.
                if open {
                    dialog.confirm(response);
                }
                // RFC 3261 §13.2.2.4: every repeated 2xx is acknowledged again.
                let request = dialog.ack(cseq);
                let flow = dialog.next_flow();
                desk.out.push(Output::Ack { leg: self.id, flow, request, gated: false });
                if !open {
                    return None;
                }
                *change = Change::None;
                timer.agree(&response.headers, desk.now.mono);
                let answer = words::description(&response.body).ok().flatten();
                let suits = answer.is_some_and(|sdp| self.audio.receive_answer(&sdp, desk).is_ok());
                if !suits {
                    self.audio.roll_back();
                    if self.audio.awaits_key() {
                        return Some(self.without_key(desk));
                    }
                }
                self.hold_answered(suits);
                self.voice_answered(suits);
                Some(News::SessionChanged)
            }
            // The call has not decided yet; its ACK or BYE is on the way.
            State::Answered { .. }
            | State::Incoming { .. }
            | State::Accepted { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    fn invite_refused(
        &mut self,
        cseq: u32,
        response: &Response,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let status = response.status;
        if self.calls_again(response, desk) {
            return None;
        }
        match &mut self.state {
            State::Calling { .. } => {
                self.cause = Cause::of(&response.headers);
                self.offer_refused(response, desk);
                let why = LegEnd::Refused(status.code());
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Cancelling { why, .. } => {
                let why = *why;
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { change, .. } => {
                let gone = match change {
                    Change::Ours { cseq: open, gone } if *open == cseq => *gone,
                    Change::Ours { .. } | Change::Theirs { .. } | Change::None => return None,
                };
                *change = Change::None;
                self.audio.roll_back();
                // Any other refusal comes from a party that knows the call, and ours was a question
                // that changes nothing. Only the session timer may want it tried again.
                // These two say that the dialog itself is gone (RFC 3261 §12.2.1.2).
                if status == Status::CALL_DOES_NOT_EXIST || status == Status::REQUEST_TIMEOUT {
                    self.close(gone, desk);
                    return Some(News::Ended(gone));
                }
                if self.audio.awaits_key() && status != Status::REQUEST_PENDING {
                    return Some(self.without_key(desk));
                }
                self.hold_refused(status, desk);
                self.voice_refused(status, desk);
                self.refresh_refused(response, desk);
                None
            }
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The party does not want another key, and the one that it has must not be used any more: it
    /// would hear nothing for the rest of the call.
    fn without_key(&mut self, desk: &mut Desk<'_>) -> News {
        self.hang_up(LegEnd::MediaLost, desk);
        News::Ended(LegEnd::MediaLost)
    }

    /// An INVITE of ours got no final response.
    pub fn invite_failed(&mut self, how: Failure, desk: &mut Desk<'_>) -> Option<News> {
        match &mut self.state {
            State::Calling { heard, .. } => {
                let why = match (how, heard) {
                    (
                        Failure::TimedOut,
                        Told::Ringing | Told::EarlyMedia | Told::RingingWithMedia,
                    ) => LegEnd::NoAnswer,
                    (Failure::TimedOut, Told::Nothing) | (Failure::Unreachable, _) => {
                        LegEnd::Unreachable
                    }
                };
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Cancelling { why, .. } => {
                let why = *why;
                self.close(why, desk);
                Some(News::Ended(why))
            }
            // A probe without an answer.
            State::Confirmed { change: Change::Ours { cseq: _, gone }, .. } => {
                let gone = *gone;
                self.hang_up(gone, desk);
                Some(News::Ended(gone))
            }
            State::Confirmed { change: Change::None | Change::Theirs { .. }, .. }
            | State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }
}

/// The dialog that this response to our INVITE begins.
fn begun(invite: &Request, flow: Flow, reach: Reach, response: &Response) -> Option<Dialog> {
    let mut dialog = Dialog::calling(invite, flow, response).ok()?;
    reach.settle(&mut dialog);
    Some(dialog)
}
