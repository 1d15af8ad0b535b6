//! Phones register: where they are from now on, and their calls with them.

use holdfast_base::{EndpointName, Now};
use holdfast_wire::sip::{Request, Response, Status};

use super::{Site, Step, Work};
use crate::call::io::Input;
use crate::sip::auth::Verdict;
use crate::sip::flow::Flow;
use crate::sip::lifetimes::Lifetimes;
use crate::sip::registrar::Moved;
use crate::sip::transaction::ServerKey;

/// Registrations of phones differ by up to an eighth: after a power cut thousands of them come at
/// once, and a few of their own periods later no longer.
pub(super) const SPREAD_PERMILLE: u32 = 125;

impl Site {
    pub(super) fn take_register(
        &mut self,
        now: Now,
        key: ServerKey,
        flow: Flow,
        request: &Request,
        step: &mut Step,
    ) {
        if self.register_extension(now, key, (flow, request), step) {
            return;
        }
        let user = match self.check_credentials(now, &flow, request) {
            Verdict::Accepted { user } => user,
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                return self.refuse(now, key, request, answer, step);
            }
        };
        let account = EndpointName::new(&user);
        let named = request.headers.to().ok();
        let own = named.is_some_and(|to| to.uri.user_decoded().as_deref() == Some(&user));
        if !own || !self.config.accounts.iter().any(|known| known.name == account) {
            // RFC 3261 §10.3 step 4: the account may only speak for itself.
            let answer = request.response(Status::FORBIDDEN, None);
            return self.refuse(now, key, request, answer, step);
        }
        let lifetimes = Lifetimes {
            min: self.config.sip.register_expires_min,
            max: self.config.sip.register_expires_max,
            spread_permille: SPREAD_PERMILLE,
        };
        let answer = self.registered(now, &account, (flow, request), lifetimes, step);
        self.answer(now, key, answer, step);
        self.note_reach(&account, step);
    }

    /// The registrar takes the REGISTER; legs of a phone that has moved follow it.
    pub(super) fn registered(
        &mut self,
        now: Now,
        account: &EndpointName,
        (flow, request): (Flow, &Request),
        lifetimes: Lifetimes,
        step: &mut Step,
    ) -> Response {
        let (answer, moves) = self.registrar.register(now, account, request, flow, lifetimes);
        for moved in moves {
            self.legs_follow(account, moved, step);
        }
        answer
    }

    fn legs_follow(&self, account: &EndpointName, moved: Moved, step: &mut Step) {
        for (call, known) in &self.calls {
            for leg in known.legs().filter(|leg| leg.concerns(account, &moved)) {
                let input = Input::Moved { leg: leg.id(), moved };
                step.work.push_back(Work::Call(*call, input));
            }
        }
    }
}
