//! Numbers in the form of each side, callers who are nobody, and which trunk is the next.

use holdfast_core::command::Command;

use crate::cast::config_with;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TERMINATED, TRYING};

/// A carrier that speaks of numbers as people in Berlin dial them, and two that want them whole.
const BERLIN: &str = r#"
[dial_plan]
country = "49"
area = "30"
sends = "e164"

[[trunk]]
name = "berlin"
networks = ["10.9.2.0/24"]
target = "10.9.2.5:5060"
options_every = "never"
dial_plan = { sends = "national" }

[[trunk]]
name = "one"
networks = ["10.9.1.1"]
target = "10.9.1.1:5060"
options_every = "never"

[[trunk]]
name = "two"
networks = ["10.9.1.2"]
target = "10.9.1.2:5060"
options_every = "never"

[[route]]
called = ["+41*"]
to = { trunks = ["one", "two"] }
next_on = [480]

[[route]]
called = ["+4930*"]
from = "account"
to = { trunk = "berlin" }
"#;

/// One line that carries one call, and one call in a second from Berlin.
const NARROW: &str = r#"
[emergency]
numbers = ["112"]
trunks = ["one"]

[[trunk]]
name = "berlin"
networks = ["10.9.2.0/24"]
calls_per_second = 1

[[trunk]]
name = "one"
networks = ["10.9.1.1"]
target = "10.9.1.1:5060"
options_every = "never"
calls_max = 1

[[route]]
called = ["+41*"]
to = { trunk = "one" }
"#;

const TO_ZURICH: &str = "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
const ACK_OF_REFUSAL: &str = "ACK sip:+41445550@10.0.0.1 SIP/2.0\n{same}";

/// A party answers the challenge to its INVITE.
fn invite(ladder: &mut Ladder, party: &str, number: &str, more: &str) {
    let first = format!("INVITE sip:{number}@golden.example SIP/2.0\n{{new}}\n{{me}}");
    let body = "\n\n{sdp}";
    ladder.from(party, &format!("{first}{more}{body}"));
    ladder.from(party, &format!("ACK sip:{number}@golden.example SIP/2.0\n{{same}}"));
    ladder.from(party, &format!("{first}{more}\n{{credentials}}{body}"));
}

#[test]
fn national_number_is_shown_as_e164() {
    let mut ladder = Ladder::with("national_number_is_shown_as_e164", config_with(BERLIN));
    ladder = ladder.registered(&["anna"]);
    ladder.from("berlin", "INVITE sip:030100@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("berlin", ACK);
    ladder.from("anna", RINGING);
    ladder.from("berlin", BYE);
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn withheld_number_is_for_the_trusted_only() {
    let mut ladder = Ladder::with("withheld_number_is_for_the_trusted_only", config_with(BERLIN));
    ladder = ladder.registered(&["anna"]);
    ladder.remark("a phone of ours withholds its number, and dials without the area");
    invite(&mut ladder, "anna", "5550123", "\nPrivacy: id");
    ladder.from("berlin", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("anna", "ACK sip:5550123@golden.example SIP/2.0\n{same}");
    ladder.remark("a caller from outside does, and the queue's agent is told nothing");
    ladder.from(
        "berlin",
        "INVITE sip:030100@10.0.0.1 SIP/2.0\n{new}\n{me}\nPrivacy: user;id\nP-Asserted-Identity: \
         <sip:01715550123@berlin.example>\n\n{sdp}",
    );
    ladder.from("berlin", ACK);
    ladder.from("anna", RINGING);
    ladder.from("berlin", BYE);
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn trunk_480_goes_to_the_next_where_the_route_says_so() {
    let name = "trunk_480_goes_to_the_next_where_the_route_says_so";
    let mut ladder = Ladder::with(name, config_with(BERLIN));
    ladder.from("berlin", "INVITE sip:0041445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("first", TRYING);
    ladder.from("first", "SIP/2.0 480 Temporarily Unavailable\n{echo INVITE}");
    ladder.from("next", TRYING);
    ladder.from("next", ANSWER);
    ladder.from("berlin", ACK);
    ladder.wait(2.0);
    ladder.from("next", BYE);
    ladder.from("berlin", FINE);
    ladder.remark("a busy party is busy on every trunk");
    ladder.from("berlin", "INVITE sip:0041445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("berlin", "ACK sip:0041445550@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn too_many_calls_503() {
    let mut ladder = Ladder::with("too_many_calls_503", config_with(NARROW));
    ladder.from("berlin", TO_ZURICH);
    ladder.from("first", RINGING);
    ladder.remark("the line is full");
    ladder.from("caller", TO_ZURICH);
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.remark("and so was the second");
    ladder.from("berlin", "INVITE sip:+4930100@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("berlin", "ACK sip:+4930100@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(1.0);
    ladder.remark("a line whose call has failed is free");
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("caller", TO_ZURICH);
    ladder.from("first", "SIP/2.0 404 Not Found\n{echo INVITE}");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn emergency_while_the_line_is_full() {
    let mut ladder = Ladder::with("emergency_while_the_line_is_full", config_with(NARROW));
    ladder = ladder.registered(&["anna", "ben"]);
    ladder.from("caller", TO_ZURICH);
    ladder.from("first", RINGING);
    ladder.remark("a phone calls for help");
    invite(&mut ladder, "anna", "112", "");
    ladder.from("first", RINGING);
    ladder.remark("another one: the call for help stays");
    invite(&mut ladder, "ben", "112", "");
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("ben", "ACK sip:112@golden.example SIP/2.0\n{same}");
    ladder.remark("a guest is not let out");
    ladder.from("guest", "INVITE sip:112@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("guest", "ACK sip:112@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", "CANCEL sip:112@golden.example SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn emergency_over_a_line_that_wants_to_be_left_alone() {
    let mut ladder =
        Ladder::with("emergency_over_a_line_that_wants_to_be_left_alone", config_with(NARROW));
    ladder = ladder.registered(&["anna", "ben"]);
    ladder.from("caller", TO_ZURICH);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo INVITE}\nRetry-After: 600");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.remark("the line is left alone");
    ladder.from("second", TO_ZURICH);
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.remark("but not by a phone that calls for help, in whatever form");
    invite(&mut ladder, "anna", "112;phone-context=+49", "");
    ladder.from("first", RINGING);
    ladder.from("anna", "CANCEL sip:112;phone-context=+49@golden.example SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn no_new_calls_while_draining() {
    let mut ladder = Ladder::with("no_new_calls_while_draining", config_with(NARROW));
    ladder = ladder.registered(&["anna", "ben"]);
    ladder.from("caller", "INVITE sip:+4930100@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("caller", ACK);
    ladder.remark("somebody takes the box out of service");
    ladder.command(Command::Drain { on: true });
    ladder.health();
    ladder.from("carrier", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}");
    ladder.from("second", TO_ZURICH);
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.remark("who waited already gets an agent");
    ladder.from("anna", ANSWER);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.remark("a phone here calls for help");
    invite(&mut ladder, "ben", "112", "");
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("ben", "ACK sip:112@golden.example SIP/2.0\n{same}");
    ladder.remark("a restart changes nothing of it");
    ladder.restart(2.0);
    ladder.from("carrier", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}");
    ladder.command(Command::Drain { on: false });
    ladder.health();
    ladder.from("carrier", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}");
    ladder.remark("a process that stops says the same");
    ladder.stop();
    ladder.from("carrier", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn a_call_that_comes_back_482() {
    let mut ladder = Ladder::with("a_call_that_comes_back_482", config_with(NARROW));
    ladder.from("caller", TO_ZURICH);
    ladder.remark("the line's proxy sends it back");
    ladder.from("first", "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{passed}\n{me}\n\n{sdp}");
    ladder.from("first", ACK_OF_REFUSAL);
    ladder.from("first", "SIP/2.0 482 Loop Detected\n{echo INVITE}");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.remark("somebody has forwarded it too often");
    let diversions = "\nDiversion: <sip:1@x>".repeat(11);
    ladder.from("second", &TO_ZURICH.replace("{me}", &format!("{{me}}{diversions}")));
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.wait(40.0);
    ladder.check();
}
