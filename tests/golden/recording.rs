//! Conversations of a queue that are recorded.

use holdfast_base::CallId;
use holdfast_core::command::Command;

use crate::cast;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, CALL, FINE, RINGING, TRYING, ringing};
use crate::transfers::{HEARD, HUNG_UP};

fn order(on: bool) -> Command {
    Command::Record { call: CallId(1), on, by: "lea".to_owned() }
}

#[test]
fn recorded_after_the_caller_was_told() {
    let name = "recorded_after_the_caller_was_told";
    let mut ladder = Ladder::with(name, cast::recorded()).registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.remark("the agent answers before the notice is over");
    ladder.from("anna", ANSWER);
    ladder.wait(10.0);
    ladder.remark("somebody has it stopped, and begun again");
    ladder.command(order(false));
    ladder.wait(3.0);
    ladder.command(order(true));
    ladder.wait(3.0);
    ladder.ends("caller", "anna");
}

#[test]
fn recorded_by_order() {
    let mut ladder = Ladder::new("recorded_by_order").registered(&["anna"]);
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.remark("nobody talks yet");
    ladder.command(order(true));
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(2.0);
    ladder.command(order(true));
    ladder.wait(5.0);
    ladder.restart(1.5);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ANSWER);
    ladder.wait(2.0);
    ladder.remark("the agent passes the call on: nothing is recorded of what follows");
    ladder.from(
        "anna",
        "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+491715551234@golden.example>\n\
         Referred-By: <sip:anna@golden.example>",
    );
    ladder.from("anna", HEARD);
    ladder.from("carrier", RINGING);
    ladder.from("anna", HEARD);
    ladder.from("carrier", ANSWER);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.wait(5.0);
    ladder.from("caller", BYE);
    ladder.from("carrier", FINE);
    ladder.wait(40.0);
    ladder.check();
}
