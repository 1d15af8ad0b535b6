//! What becomes of a call: where its number leads, as targets that can be called now.

use holdfast_base::{AgentName, Now, TrunkName};
use holdfast_config::Agent;
use holdfast_wire::sip::Status;
use std::sync::Arc;

use super::admission::Asks;
use super::numbers::Over;
use super::{Site, Step, Work};
use crate::bandwidth::BitRate;
use crate::call::Plan;
use crate::call::io::Target;
use crate::call::origin::Origin;
use crate::media::order::ClipId;
use crate::queue;
use crate::record::event::{Duty, DutyChangedBy, Subject};
use crate::routing::caller::Caller;
use crate::routing::decide::{Leads, Question, agent_at, decide};
use crate::routing::numbering::Number;
use crate::routing::share;
use crate::sip::flow::Flow;

/// The reason shown for an agent who dialled the off-duty code.
const OFF_DUTY_BY_PHONE: &str = "by phone";

impl Site {
    pub(super) fn plan(
        &mut self,
        now: Now,
        leads: Leads<'_>,
        (called, origin, flow): (&Number, &Origin, &Flow),
        asks: Asks<'_>,
        step: &mut Step,
    ) -> Plan {
        match leads {
            Leads::Emergency { number, out } => {
                let trunks = self.lines_for_emergency(now, (out.trunks, asks), step);
                let over = Over::emergency(&trunks, out.next_on);
                self.plan_out(over, &Number::plain(number), flow)
            }
            Leads::Duty { agent, on } => set_duty(agent, on, step),
            Leads::Queue(queue) => Plan::Queue(queue.clone()),
            Leads::Account(account) => ring(self.targets_of_account(now, account)),
            Leads::Pbx(pbx) => self.plan_by_pbx(now, pbx, (called, origin, flow)),
            Leads::Out(out) => {
                let trunks = share::order(out.trunks, out.weights, &mut self.entropy);
                let trunks = self.with_room(now, trunks, asks);
                if trunks.is_empty() {
                    return Plan::Refuse(Status::SERVICE_UNAVAILABLE);
                }
                self.plan_out(Over::usual(&trunks, out.next_on), called, flow)
            }
            Leads::Refused(status) => Plan::Refuse(status),
        }
    }

    /// Where a number leads that a party has another one brought to, as if it had dialled it, and
    /// whether that is an emergency number.
    pub(super) fn onward(
        &mut self,
        now: Now,
        (origin, party): (&Origin, &Subject),
        dialled: &str,
        flow: &Flow,
        step: &mut Step,
    ) -> (Plan, bool) {
        // A party may be in a call for longer than it is in the configuration.
        if let Origin::Account(account) = origin
            && self.config.account(account.as_str()).is_none()
        {
            return (Plan::Refuse(Status::FORBIDDEN), false);
        }
        let called = Number::read(origin.dial_plan(&self.config), dialled);
        let config = Arc::clone(&self.config);
        let calling = Caller::party(&config, origin, &party.0).shown();
        let (at, pbx_is_there) = (now.wall, self.calls_by_pbx(now, origin));
        let question = Question { called: &called, calling: &calling, origin, at, pbx_is_there };
        match decide(&config, &question).leads {
            // Not for others to dial.
            Leads::Duty { .. } => (Plan::Refuse(Status::NOT_FOUND), false),
            // No call is ended for it: the first that had to go might be the one that asks.
            Leads::Emergency { number, out } => {
                let over = Over::emergency(out.trunks, out.next_on);
                (self.plan_out(over, &Number::plain(number), flow), true)
            }
            leads => {
                // The party that stays has its line already.
                let asks = Asks { from: None, rate: BitRate::usual(flow.local.ip()) };
                (self.plan(now, leads, (&called, origin, flow), asks, step), false)
            }
        }
    }

    fn plan_out(&mut self, over: Over<'_>, called: &Number, flow: &Flow) -> Plan {
        match self.target_over(over, called, Some(flow)) {
            Some(target) => Plan::Ring(vec![target]),
            // RFC 3261 §16.7 step 6: 503 would be said of this box, which is well.
            None => Plan::Refuse(Status::SERVER_ERROR),
        }
    }

    /// The PBX of a phone has the word. It may be gone without anybody knowing yet: then the phone
    /// of the house that is dialled rings all the same.
    fn plan_by_pbx(
        &mut self,
        now: Now,
        pbx: &TrunkName,
        (called, origin, flow): (&Number, &Origin, &Flow),
    ) -> Plan {
        let Origin::Account(account) = origin else { return Plan::Refuse(Status::NOT_FOUND) };
        let Some(mut target) = self.target_at_pbx(account, (pbx, called.written()), flow) else {
            return Plan::Refuse(Status::SERVER_ERROR);
        };
        let config = Arc::clone(&self.config);
        if let Some(phone) = config.account(called.written()) {
            target.then.extend(self.targets_of_account(now, &phone.name));
        }
        Plan::Ring(vec![target])
    }

    /// Agents who are on one of their own phones in this call: a queue must not ring there now.
    pub(super) fn own_call_of(&self, origin: &Origin, plan: &Plan) -> Vec<AgentName> {
        let calling = match origin {
            Origin::Account(account) => agent_at(&self.config, account),
            Origin::Trunk(_) | Origin::Guest => None,
        };
        let called = match plan {
            Plan::Ring(targets) => targets.iter().find_map(|target| target.account.as_ref()),
            Plan::Queue(_) | Plan::Announce(_) | Plan::Refuse(_) => None,
        };
        let called = called.and_then(|account| agent_at(&self.config, account));
        calling.into_iter().chain(called).map(|agent| agent.name.clone()).collect()
    }
}

/// Whichever of these answers first; nobody is there without any.
pub(super) fn ring(targets: Vec<Target>) -> Plan {
    if targets.is_empty() {
        return Plan::Refuse(Status::TEMPORARILY_UNAVAILABLE);
    }
    Plan::Ring(targets)
}

/// An agent's own phone sets the agent's duty.
fn set_duty(agent: &Agent, on: bool, step: &mut Step) -> Plan {
    let duty = if on { Duty::OnDuty } else { Duty::OffDuty(OFF_DUTY_BY_PHONE.to_owned()) };
    let (agent, by) = (agent.name.clone(), DutyChangedBy::Phone);
    step.work.push_back(Work::Queue(queue::Input::Duty { agent, duty, by }));
    Plan::Announce(ClipId(if on { "duty-on" } else { "duty-off" }.into()))
}
