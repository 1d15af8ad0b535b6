//! Where somebody can be reached who is called for a caller that a queue leads on.

use holdfast_base::{CallId, Now};
use std::sync::Arc;
use std::time::Duration;

use super::admission::Asks;
use super::{Site, Step};
use crate::bandwidth::BitRate;
use crate::call::Plan;
use crate::call::io::{Onward, Target};
use crate::queue::CallOn;
use crate::routing::caller::Caller;
use crate::routing::decide::{Leads, Question, agent_at, decide};
use crate::routing::numbering::Number;

impl Site {
    /// The places where somebody can be called now, and the agent who is busy with that.
    pub(super) fn onward_to(
        &mut self,
        now: Now,
        call: CallId,
        whom: CallOn,
        rings_for: Duration,
        step: &mut Step,
    ) -> Onward {
        let (targets, agent) = match whom {
            CallOn::Agent(agent, endpoint) => (self.targets_of(now, &endpoint), Some(agent)),
            CallOn::Account(account) => {
                let agent = agent_at(&self.config, &account).map(|agent| agent.name.clone());
                (self.targets_of_account(now, &account), agent)
            }
            CallOn::Number(number) => (self.targets_of_number(now, call, &number, step), None),
        };
        Onward { targets, rings_for, agent }
    }

    /// Where a number leads that a queue leads a caller on to, by the routes and numbers of the box
    /// for calls from where this one comes. The PBX of a phone that calls is not asked: the box
    /// dials, and not the phone. Help is called by people, and another queue is named as such.
    fn targets_of_number(
        &mut self,
        now: Now,
        call: CallId,
        number: &str,
        step: &mut Step,
    ) -> Vec<Target> {
        let Some(caller) = self.calls.get(&call).map(|call| call.caller()) else {
            return Vec::new();
        };
        let (origin, party, flow) =
            (caller.origin().clone(), caller.party().clone(), caller.flow());
        let config = Arc::clone(&self.config);
        let called = Number::read(&config.dial_plan, number);
        let calling = Caller::party(&config, &origin, &party.0).shown();
        let question = Question {
            called: &called,
            calling: &calling,
            origin: &origin,
            at: now.wall,
            pbx_is_there: false,
        };
        let leads = decide(&config, &question).leads;
        match leads {
            Leads::Account(_) | Leads::Out(_) => {}
            Leads::Emergency { .. }
            | Leads::Duty { .. }
            | Leads::Queue(_)
            | Leads::Pbx(_)
            | Leads::Refused(_) => return Vec::new(),
        }
        let asks = Asks { from: None, rate: BitRate::usual(flow.local.ip()) };
        match self.plan(now, leads, (&called, &origin, &flow), asks, step) {
            Plan::Ring(targets) => targets,
            Plan::Queue(_) | Plan::Announce(_) | Plan::Refuse(_) => Vec::new(),
        }
    }
}
