//! Test calls over trunks: placed when the peers want one and it costs nobody a line, and brought
//! what their legs hear.
//!
//! They are beside the calls and not among them: not counted, not journaled, not in the picture.
//! One that a crash cuts off rings until the far end ends it, or is let go when its 200 finds
//! nobody.

use holdfast_base::{CallId, Now, Outbox, TrunkName};
use holdfast_wire::sip::Status;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::numbers::Over;
use super::{Site, Step, Work};
use crate::call::io::{Input, Output};
use crate::call::test_call::TestCall;
use crate::peer::{nobody_there, target};
use crate::record::event::{EndedBy, TestOutcome};
use crate::routing::decide::emergency_number;
use crate::routing::numbering::Number;

impl Site {
    pub(super) fn place_test_call(&mut self, now: Now, trunk: &TrunkName, step: &mut Step) {
        match self.test_call_over(now, trunk) {
            Some((test, out)) => self.keep_test_call(now, test, out, step),
            None => self.peers.test_call_over(now, trunk, None),
        }
    }

    fn test_call_over(
        &mut self,
        now: Now,
        trunk: &TrunkName,
    ) -> Option<(TestCall, Outbox<Output>)> {
        let wanted = self.config.trunk(trunk)?.test_call.clone()?;
        let number = Number::read(&self.config.dial_plan, &wanted.number);
        // Nobody is sent to help a box, and no caller loses a line to it.
        let rescue = emergency_number(&self.config, &number).is_some();
        if rescue || self.is_full(trunk) || self.load.refuses() {
            return None;
        }
        let target = self.target_over(Over::one(trunk), &number, None)?;
        let mut out = Outbox::new();
        let mut desk = self.desk(now, &mut out);
        let test = TestCall::place(trunk.clone(), &wanted, &target, &mut desk)?;
        Some((test, out))
    }

    /// Gives a test call one input, as [`Site::step_call`] does.
    pub(super) fn step_test_call(&mut self, now: Now, id: CallId, input: Input, step: &mut Step) {
        let Some(mut test) = self.test_calls.remove(&id) else { return };
        let undecided = test.outcome().is_none();
        let mut out = Outbox::new();
        let done = catch_unwind(AssertUnwindSafe(|| {
            test.handle(input, &mut self.desk(now, &mut out));
        }));
        if done.is_err() {
            self.ledger.totals.call_panics += 1;
            let mut out = Outbox::new();
            self.bury_leg(now, test.leg().clone(), &mut out);
            self.peers.test_call_over(now, test.trunk(), None);
            self.carry_out(now, id, out, step);
            return self.forget(id);
        }
        let way = test.leg().flow();
        let silent = undecided && test.outcome() == Some(TestOutcome::Silent);
        let counts = self.peers.test_call_is_proven(test.trunk());
        self.keep_test_call(now, test, out, step);
        if silent && counts {
            // What an SBC says that waits less long than the box.
            let status = Status::REQUEST_TIMEOUT.code();
            let what = target::Input::Heard { status, retry_after: None };
            self.peer_happened(now, &way, &what, step);
        }
    }

    /// Puts a test call back after its turn and carries out its orders.
    fn keep_test_call(&mut self, now: Now, test: TestCall, out: Outbox<Output>, step: &mut Step) {
        let (id, over) = (test.id(), test.is_over());
        self.deadlines.set(id, test.deadline().filter(|_| !over));
        if over {
            self.peers.test_call_over(now, test.trunk(), test.outcome());
        } else {
            self.test_calls.insert(id, test);
        }
        self.carry_out(now, id, out, step);
        if over {
            self.forget(id);
        }
    }

    /// Whether such a response to an INVITE of this call says something of its trunk.
    pub(super) fn counts(&self, call: CallId, status: Status) -> bool {
        let test = self.test_calls.get(&call);
        let proven = |test: &TestCall| self.peers.test_call_is_proven(test.trunk());
        !nobody_there(status.code()) || test.is_none_or(proven)
    }

    /// Whoever needs help, and the end of the process, do not wait for a test.
    pub(super) fn end_test_calls(&self, step: &mut Step) {
        for id in self.test_calls.keys() {
            step.work.push_back(Work::Call(*id, Input::HangUp { by: EndedBy::Box }));
        }
    }
}
