//! Supervisors who are let into conversations of a queue.

use holdfast_base::{AgentName, CallId};
use holdfast_config::supervision::Mode;
use holdfast_core::command::{Command, Wish};

use crate::cast;
use crate::ladder::Ladder;
use crate::queue::{ANSWER, BYE, FINE, RINGING, TERMINATED, TRYING, ringing};
use crate::transfers::{HEARD, HUNG_UP};

/// The call of the ladder: the ids of a box that has just begun count from 1.
const CALL: CallId = CallId(1);

/// Anna talks to a caller of the queue, and ben may be let in.
fn talking(name: &'static str) -> Ladder {
    let mut ladder = Ladder::with(name, cast::supervised()).registered(&["anna", "ben"]);
    ringing(&mut ladder, "anna");
    ladder.from("anna", ANSWER);
    ladder.wait(5.0);
    ladder
}

fn ben(mode: Mode) -> Command {
    let (supervisor, by) = (AgentName::new("ben"), "lea".to_owned());
    Command::Supervise(Wish { call: CALL, supervisor, mode, by })
}

/// Ben is there.
fn supervised(name: &'static str, mode: Mode) -> Ladder {
    let mut ladder = talking(name);
    ladder.command(ben(mode));
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.wait(2.0);
    ladder.from("ben", ANSWER);
    ladder.wait(5.0);
    ladder
}

#[test]
fn supervisor_listens_whispers_and_barges() {
    let mut ladder = supervised("supervisor_listens_whispers_and_barges", Mode::Listen);
    for mode in [Mode::Whisper, Mode::Barge, Mode::Listen] {
        ladder.command(ben(mode));
        ladder.wait(3.0);
    }
    ladder.remark("the supervisor hangs up, and the call goes on");
    ladder.from("ben", BYE);
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

#[test]
fn supervisor_goes_with_the_call() {
    let mut ladder = supervised("supervisor_goes_with_the_call", Mode::Whisper);
    ladder.remark("while the supervisor holds, the agent hears the caller alone");
    ladder.from("ben", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("ben", crate::queue::ACK);
    ladder.wait(2.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.from("ben", HUNG_UP);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn supervisor_is_let_go() {
    let mut ladder = supervised("supervisor_is_let_go", Mode::Barge);
    ladder.command(Command::EndSupervision { call: CALL, by: "lea".to_owned() });
    ladder.from("ben", HUNG_UP);
    ladder.wait(5.0);
    ladder.remark("nobody is there any more to be let go");
    ladder.command(Command::EndSupervision { call: CALL, by: "lea".to_owned() });
    ladder.ends("caller", "anna");
}

#[test]
fn supervisor_does_not_come() {
    let mut ladder = talking("supervisor_does_not_come");
    ladder.command(ben(Mode::Listen));
    ladder.from("ben", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.wait(3.0);
    ladder.remark("another time nobody answers");
    ladder.command(ben(Mode::Listen));
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.wait(31.0);
    ladder.from("ben", FINE);
    ladder.from("ben", TERMINATED);
    ladder.wait(1.0);
    ladder.remark("the caller hangs up while the phone rings");
    ladder.command(ben(Mode::Listen));
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.from("ben", FINE);
    ladder.from("ben", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn supervisor_does_not_follow_a_transfer() {
    let mut ladder = supervised("supervisor_does_not_follow_a_transfer", Mode::Listen);
    ladder.register("desk");
    ladder.from(
        "anna",
        "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+491715551234@golden.example>\n\
         Referred-By: <sip:anna@golden.example>",
    );
    ladder.from("anna", HEARD);
    ladder.from("carrier", RINGING);
    ladder.from("anna", HEARD);
    ladder.wait(1.0);
    ladder.from("carrier", ANSWER);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.from("ben", HUNG_UP);
    ladder.wait(5.0);
    ladder.ends("caller", "carrier");
}

#[test]
fn restart_while_supervised() {
    let mut ladder = supervised("restart_while_supervised", Mode::Barge);
    ladder.restart(1.5);
    for phone in ["anna", "ben", "caller"] {
        ladder.from(phone, ANSWER);
    }
    ladder.wait(5.0);
    ladder.from("ben", BYE);
    ladder.wait(1.0);
    ladder.remark("the process dies while the phone of the supervisor rings");
    ladder.command(ben(Mode::Listen));
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.restart(1.5);
    ladder.from("ben", FINE);
    ladder.from("ben", TERMINATED);
    for phone in ["anna", "caller"] {
        ladder.from(phone, ANSWER);
    }
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

#[test]
fn not_everybody_is_let_in_everywhere() {
    let mut ladder = talking("not_everybody_is_let_in_everywhere");
    let wish = |call, supervisor: &str, mode, by: &str| {
        let (supervisor, by) = (AgentName::new(supervisor), by.to_owned());
        Command::Supervise(Wish { call, supervisor, mode, by })
    };
    let lea = "lea";
    ladder.command(wish(CallId(77), "ben", Mode::Listen, lea));
    ladder.command(wish(CALL, "eve", Mode::Listen, lea));
    ladder.command(wish(CALL, "anna", Mode::Listen, lea));
    ladder.command(wish(CALL, "ben", Mode::Listen, "somebody else"));
    ladder.command(Command::EndSupervision { call: CALL, by: lea.to_owned() });
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.command(ben(Mode::Listen));
    ladder.wait(40.0);
    ladder.check();
}
