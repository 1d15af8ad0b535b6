//! Callers whom a queue does not serve, and where they are led on to.

use holdfast_base::QueueName;
use holdfast_core::command::Command;

use crate::cast::overflow;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, CALL, FINE, RINGING, TRYING};

/// The end of a call that the box ends.
const BYE_IS_FINE: &str = "SIP/2.0 200 OK\n{echo BYE}";

fn waits(ladder: &mut Ladder, caller: &str) {
    ladder.from(caller, CALL);
    ladder.from(caller, ACK);
}

#[test]
fn overflow_to_a_second_queue_by_time() {
    let name = "overflow_to_a_second_queue_by_time";
    let keys = "wait_max = '12s'\nwhen_waited = [{ queue = 'help' }]";
    let mut ladder = Ladder::with(name, overflow(keys));
    waits(&mut ladder, "caller");
    ladder.wait(12.5);
    ladder.remark("the process dies while the caller waits in the second queue");
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.register("ben");
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.wait(3.0);
    ladder.from("caller", BYE);
    ladder.from("ben", FINE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_full_at_entry() {
    let keys = "length_max = 1\nwhen_full = [{ queue = 'help' }]";
    let mut ladder = Ladder::with("queue_full_at_entry", overflow(keys));
    waits(&mut ladder, "caller");
    ladder.remark("the queue is full: the second caller waits in the other one");
    ladder.register("ben");
    waits(&mut ladder, "second");
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.wait(1.0);
    ladder.from("second", BYE);
    ladder.from("ben", FINE);
    ladder.from("caller", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_closed_with_an_announcement() {
    let name = "queue_closed_with_an_announcement";
    let keys = "when_closed = [{ announce = 'closed-sorry', lasts = '6s' }]";
    let mut ladder = Ladder::with(name, overflow(keys)).registered(&["anna"]);
    let queue = QueueName::new("sales");
    let why = "fire drill".to_owned();
    ladder.command(Command::CloseQueue { queue: queue.clone(), why, for_s: Some(60) });
    ladder.restart(1.5);
    ladder.remark("it is closed after a restart, too");
    waits(&mut ladder, "caller");
    ladder.wait(7.0);
    ladder.from("caller", BYE_IS_FINE);
    ladder.remark("it opens by itself");
    ladder.wait(52.0);
    waits(&mut ladder, "second");
    ladder.from("anna", TRYING);
    ladder.from("second", BYE);
    ladder.from("anna", FINE);
    ladder.from("anna", crate::queue::TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_closed_before_anybody_is_answered() {
    let name = "queue_closed_before_anybody_is_answered";
    let mut ladder = Ladder::with(name, overflow(""));
    let queue = QueueName::new("sales");
    ladder.command(Command::CloseQueue { queue, why: String::new(), for_s: None });
    ladder.from("caller", CALL);
    ladder.from("caller", "ACK sip:+4930100@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn all_agents_leave_while_somebody_waits() {
    let name = "all_agents_leave_while_somebody_waits";
    let keys = "leave_empty = ['logged-out', 'unreachable']\nwhen_empty = [{ queue = 'help' }]";
    let mut ladder = Ladder::with(name, overflow(keys)).registered(&["anna"]);
    crate::queue::ringing(&mut ladder, "anna");
    waits(&mut ladder, "second");
    ladder.from("anna", ANSWER);
    ladder.wait(2.0);
    ladder.remark("the only agent goes home while she talks");
    let agent = holdfast_base::AgentName::new("anna");
    let duty = holdfast_core::record::event::Duty::OffDuty(String::new());
    ladder.command(Command::SetDuty { agent, duty });
    ladder.wait(10.5);
    ladder.register("ben");
    ladder.from("ben", TRYING);
    ladder.from("ben", ANSWER);
    ladder.from("second", BYE);
    ladder.from("ben", FINE);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
}
