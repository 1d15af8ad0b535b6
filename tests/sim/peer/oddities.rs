//! What a peer does that no RFC wants: it interrupts, comes late, answers twice and falls silent.
//! Only on days that are not calm; the box has to bear it without harm to what is not concerned.

use holdfast_wire::sip::{Method, Request, Response, Status};
use std::time::Duration;

use super::session::Stage;
use super::{Alarm, Hands, Peer, words};
use crate::day::Habit;

/// 64·T1, around which an ACK that never came is missed.
const AROUND_GIVE_UP_MS: (u64, u64) = (29_900, 32_100);
/// Longer than the plane takes to close a stream.
const AFTER_CLOSING: Duration = Duration::from_millis(35);

impl Peer {
    /// Now and then says something else first, in the middle of an exchange.
    pub(super) fn interject(&mut self, id: u64, permille: u64, hands: &mut Hands<'_>) {
        if !hands.odd_on(Habit::Talkative, permille, 700) {
            return;
        }
        match hands.dice.below(8) {
            0 => self.acknowledge_nothing(id, hands),
            1 | 2 => self.ask_out_of_order(id, hands),
            3 => self.say_bye(id, hands),
            _ => {
                let methods = [Method::Options, Method::Update, Method::Prack, Method::Invite];
                let method = hands.dice.pick(&methods).clone();
                self.ask_within(id, method, None, hands);
            }
        }
    }

    /// An ACK to nothing, in a dialog that stands or nearly does.
    fn acknowledge_nothing(&mut self, id: u64, hands: &mut Hands<'_>) {
        let branch = self.token("z9hG4bK");
        let (transport, address) = (self.transport, self.address);
        let Some(session) = self.sessions.get(&id) else { return };
        let mut ack = words::within(session, Method::Ack, 1);
        ack.headers.push_front("Via", format!("SIP/2.0/{transport} {address};branch={branch}"));
        hands.sent.push(ack.print());
    }

    /// A request that a later one has overtaken: RFC 3261 §12.2.2.
    fn ask_out_of_order(&mut self, id: u64, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.cseq += 2;
        let overtaking = words::within(session, Method::Options, session.cseq);
        let overtaken = words::within(session, Method::Options, session.cseq - 1);
        self.ask(overtaking, Some(id), hands);
        self.ask(overtaken, Some(id), hands);
    }

    fn say_bye(&mut self, id: u64, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if matches!(session.stage, Stage::Up) {
            session.stage = Stage::Over;
        }
        self.ask_within(id, Method::Bye, None, hands);
    }

    /// After a BYE, as if nothing had happened.
    pub(super) fn ask_after_the_end(&mut self, id: u64, hands: &mut Hands<'_>) {
        if !hands.odd_on(Habit::Deaf, 100, 700) {
            return;
        }
        let methods = [Method::Options, Method::Update, Method::Prack, Method::Invite, Method::Bye];
        let method = hands.dice.pick(&methods).clone();
        let at_once = hands.dice.chance(500);
        let after = if at_once { hands.dice.ms(0, 5) } else { hands.dice.ms(0, 300) };
        hands.wake(after, Alarm::Ask(id, method));
    }

    /// Another branch of a forked call answers too: a refusal behind a success, or the reverse.
    pub(super) fn answer_as_a_fork(
        &mut self,
        invite: &Request,
        status: Status,
        hands: &mut Hands<'_>,
    ) {
        if !hands.odd(80) {
            return;
        }
        let other = if status.is_success() { Status::BUSY_HERE } else { Status::OK };
        let tag = self.token("fork");
        let mut response = invite.response(other, Some(&tag));
        if other.is_success() {
            response.headers.push("Contact", format!("<sip:peer@{}>", self.address));
        }
        let after = hands.dice.ms(0, 2000);
        hands.wake(after, Alarm::Say(response.print()));
    }

    /// Leaves a reliable response without its PRACK, and gives up around the time when the answer
    /// could have come if it were not waiting for that.
    pub(super) fn keeps_back_its_prack(&self, id: u64, hands: &mut Hands<'_>) -> bool {
        let keeps = hands.odd_on(Habit::KeepsAck, 50, 600);
        if keeps {
            let after = hands.dice.ms(0, 12_000);
            hands.wake(after, Alarm::HangUp(id));
        }
        keeps
    }

    /// The program behind the socket is restarted a while later.
    pub(super) fn may_break(&self, permille: u64, within_ms: u64, hands: &mut Hands<'_>) {
        if hands.odd(permille) {
            let after = hands.dice.ms(0, within_ms);
            hands.wake(after, Alarm::Break);
        }
    }

    /// Says once more, a while later, what was heard already.
    pub(super) fn says_again(&self, response: &Response, hands: &mut Hands<'_>) {
        if hands.odd_on(Habit::KeepsAck, 20, 400) {
            let after = hands.dice.ms(0, 8000);
            hands.wake(after, Alarm::Say(response.print()));
        }
    }

    /// Refuses without having rung for as long as a device may take, or after it has rung.
    pub(super) fn refuses_late(&mut self, id: u64, hands: &mut Hands<'_>) {
        let breaks = hands.habit == Habit::Breaks;
        let refusal = if breaks { 480 } else { *hands.dice.pick(&[486, 603, 480, 408, 404]) };
        if hands.dice.chance(if breaks { 900 } else { 350 }) {
            let ring = hands.dice.ms(0, 2000);
            hands.wake(ring, Alarm::Ring(id, false));
        }
        let after = hands.dice.ms(1500, 7000);
        hands.wake(after, Alarm::Final(id, refusal));
    }

    /// Is called, says nothing, and closes its socket a while later.
    pub(super) fn dies_instead(&mut self, id: u64, hands: &mut Hands<'_>) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.gone = true;
        }
        let after =
            if hands.dice.chance(600) { hands.dice.ms(0, 2500) } else { hands.dice.ms(0, 9000) };
        hands.wake(after, Alarm::Break);
    }

    /// Whether a success of theirs stays without ACK. Then the call is hung up at about the time
    /// when the box does so, or left to it.
    pub(super) fn keeps_back_its_ack(
        &mut self,
        id: u64,
        often: u64,
        hands: &mut Hands<'_>,
    ) -> bool {
        let vain = hands.habit == Habit::Vain;
        let often = if vain { 600 } else { often };
        let keen = vain || hands.habit == Habit::KeepsAck;
        if !hands.odd(if keen { often } else { 60 }) {
            return false;
        }
        let (from, to) = AROUND_GIVE_UP_MS;
        let (hangs_up, after) = (!vain && hands.dice.chance(600), hands.dice.ms(from, to));
        let until = hands.now + if hangs_up { after } else { after * 2 };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.stays_until = until;
        }
        if hangs_up {
            hands.wake(after, Alarm::HangUp(id));
        }
        true
    }

    /// Hangs up instead of answering a re-INVITE, and answers it all the same; or begins to answer
    /// and falls silent. False when it does neither.
    pub(super) fn answers_too_late(
        &mut self,
        id: u64,
        request: &Request,
        hands: &mut Hands<'_>,
    ) -> bool {
        if hands.odd_on(Habit::NeverDecides, 80, 400) {
            hands.sent.push(request.response(Status::TRYING, None).print());
            if let Some(session) = self.sessions.get_mut(&id) {
                session.gone = true;
            }
            return true;
        }
        let often = matches!(hands.habit, Habit::Breaks | Habit::Deaf | Habit::Vain);
        if !hands.odd(if often { 400 } else { 50 }) {
            return false;
        }
        self.remember(request);
        self.say_bye(id, hands);
        if hands.odd_on(Habit::Breaks, 100, 900) {
            let after = hands.dice.ms(0, 2500);
            hands.wake(after, Alarm::Break);
            return true;
        }
        let late = AFTER_CLOSING + hands.dice.ms(0, 400);
        let last = *hands.dice.pick(&[Status::OK, Status::CALL_DOES_NOT_EXIST]);
        for status in [Status::TRYING, last] {
            hands.wake(late, Alarm::Say(request.response(status, None).print()));
        }
        true
    }
}
