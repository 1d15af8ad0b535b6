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

/// The number outside, as the far end of its trunk is called for it.
const OUTSIDE: &str = "number = '+491715559'";

#[test]
fn overflow_to_a_number_over_the_trunk() {
    let name = "overflow_to_a_number_over_the_trunk";
    let keys = format!("wait_max = '12s'\nwhen_waited = [{{ {OUTSIDE}, ring = '20s' }}]");
    let mut ladder = Ladder::with(name, overflow(&keys));
    waits(&mut ladder, "caller");
    ladder.wait(12.5);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", RINGING);
    ladder.wait(4.0);
    ladder.from("carrier", ANSWER);
    ladder.wait(3.0);
    ladder.from("caller", BYE);
    ladder.from("carrier", FINE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn overflow_target_is_busy_and_the_next_one_answers() {
    let name = "overflow_target_is_busy_and_the_next_one_answers";
    let keys = format!(
        "length_max = 1\nwhen_full = [{{ {OUTSIDE} }}, {{ agent = 'anna' }}, {{ agent = 'ben' }}]"
    );
    let mut ladder = Ladder::with(name, overflow(&keys));
    waits(&mut ladder, "caller");
    ladder.register("ben");
    ladder.remark("the queue is full; the second caller is not answered before somebody else is");
    ladder.from("second", CALL);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.wait(2.0);
    ladder.from("ben", ANSWER);
    ladder.from("second", ACK);
    ladder.wait(3.0);
    ladder.from("ben", BYE);
    ladder.from("second", FINE);
    ladder.from("caller", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn overflow_target_does_not_answer_and_nobody_else_is_left() {
    let name = "overflow_target_does_not_answer_and_nobody_else_is_left";
    let keys = format!("wait_max = '12s'\nwhen_waited = [{{ {OUTSIDE}, ring = '8s' }}]");
    let mut ladder = Ladder::with(name, overflow(&keys));
    waits(&mut ladder, "caller");
    ladder.wait(12.5);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", RINGING);
    ladder.wait(8.5);
    ladder.from("carrier", FINE);
    ladder.from("carrier", crate::queue::TERMINATED);
    ladder.wait(5.0);
    ladder.from("caller", BYE_IS_FINE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_in_the_middle_of_an_overflow_call() {
    let name = "restart_in_the_middle_of_an_overflow_call";
    let keys = format!("wait_max = '12s'\nwhen_waited = [{{ {OUTSIDE} }}]");
    let mut ladder = Ladder::with(name, overflow(&keys));
    waits(&mut ladder, "caller");
    ladder.wait(12.5);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", RINGING);
    ladder.wait(2.0);
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("carrier", crate::queue::TERMINATED);
    ladder.remark("nobody has said no: the same number is called again");
    ladder.from("carrier", TRYING);
    ladder.from("carrier", ANSWER);
    ladder.wait(3.0);
    ladder.from("caller", BYE);
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn caller_leaves_while_the_overflow_target_rings() {
    let name = "caller_leaves_while_the_overflow_target_rings";
    let keys = "wait_max = '12s'\nwhen_waited = [{ agent = 'ben' }]";
    let mut ladder = Ladder::with(name, overflow(keys)).registered(&["ben"]);
    waits(&mut ladder, "caller");
    ladder.wait(12.5);
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("caller", BYE);
    ladder.from("ben", FINE);
    ladder.from("ben", crate::queue::TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}
