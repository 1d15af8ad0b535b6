//! Calls out over a trunk with several targets: which of them gets the call, and which the next.

use holdfast_core::peer::resolve::{Answer, Question, Record};
use std::time::Duration;

use crate::cast::config_with;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TERMINATED, TRYING};

/// Two targets that are never asked by OPTIONS.
const TWO: &str = r#"
[[trunk]]
name = "sbc"
networks = ["10.9.1.0/24"]
targets = ["10.9.1.1:5060", "10.9.1.2"]
options_every = "never"

[[number]]
dialled = "+41*"
to = { trunks = ["sbc"] }
"#;

const OUT: &str = "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
const ACK_OF_REFUSAL: &str = "ACK sip:+41445550@10.0.0.1 SIP/2.0\n{same}";

#[test]
fn trunk_503_goes_to_the_next() {
    let mut ladder = Ladder::with("trunk_503_goes_to_the_next", config_with(TWO));
    ladder.from("caller", OUT);
    ladder.from("first", TRYING);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo INVITE}\nRetry-After: 20");
    ladder.trunks();
    ladder.from("next", TRYING);
    ladder.from("next", RINGING);
    ladder.from("next", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.from("caller", BYE);
    ladder.from("next", FINE);
    ladder.wait(5.0);
    ladder.remark("a call within the 20 s does not try the first");
    ladder.from("second", OUT);
    ladder.from("next", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.wait(40.0);
    ladder.remark("and one after them does");
    ladder.trunks();
    ladder.from("second", OUT);
    ladder.from("first", "SIP/2.0 404 Not Found\n{echo INVITE}");
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn trunk_silence_goes_to_the_next() {
    let mut ladder = Ladder::with("trunk_silence_goes_to_the_next", config_with(TWO));
    ladder.from("caller", OUT);
    ladder.wait(4.1);
    ladder.trunks();
    ladder.from("next", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.remark("the first wakes up: its phone must not ring on");
    ladder.from("first", RINGING);
    ladder.from("first", FINE);
    ladder.from("first", TERMINATED);
    ladder.from("next", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("next", "caller");
}

#[test]
fn trunk_without_any_target_500() {
    let mut ladder = Ladder::with("trunk_without_any_target_500", config_with(TWO));
    ladder.from("caller", OUT);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo INVITE}\nRetry-After: 60");
    ladder.from("next", "SIP/2.0 503 Service Unavailable\n{echo INVITE}\nRetry-After: 60");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.trunks();
    ladder.remark("nobody is left to be asked");
    ladder.from("second", OUT);
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.wait(65.0);
    ladder.trunks();
    ladder.check();
}

#[test]
fn trunk_options_down_and_up() {
    let trunk = r#"
[[trunk]]
name = "sbc"
networks = ["10.9.1.0/24"]
target = "10.9.1.1:5060"
"#;
    let mut ladder = Ladder::with("trunk_options_down_and_up", config_with(trunk));
    ladder.wait(1.0);
    ladder.from("first", "SIP/2.0 200 OK\n{echo}\n{me}");
    ladder.trunks();
    ladder.remark("it dies");
    ladder.wait(80.0);
    ladder.trunks();
    ladder.remark("and comes back");
    ladder.from("first", "SIP/2.0 200 OK\n{echo}\n{me}");
    ladder.trunks();
    ladder.check();
}

#[test]
fn trunk_stale_name() {
    let trunk = r#"
[[trunk]]
name = "sbc"
networks = ["10.9.1.0/24"]
target = "sbc.golden.example"
options_every = "never"

[[number]]
dialled = "+41*"
to = { trunks = ["sbc"] }
"#;
    let mut ladder = Ladder::with("trunk_stale_name", config_with(trunk));
    let question = Question::Service {
        service: "_sip._udp.sbc.golden.example".to_owned(),
        host: "sbc.golden.example".to_owned(),
        port: 5060,
    };
    let record = |priority, address: &str| Record {
        priority,
        weight: 0,
        address: address.parse().expect("an address"),
    };
    let records = vec![record(20, "10.9.1.1:5060"), record(10, "10.9.1.2:5060")];
    let ttl = Duration::from_secs(60);
    ladder.remark("a call before the name means anything");
    ladder.from("caller", OUT);
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.name_server(&question, Answer::Found { records, ttl });
    ladder.wait(50.0);
    ladder.name_server(&question, Answer::Failed("request timed out".to_owned()));
    ladder.wait(20.0);
    ladder.trunks();
    ladder.remark("the addresses of before are still good, also for the next process");
    ladder.restart(5.0);
    ladder.from("caller", OUT);
    ladder.from("next", "SIP/2.0 500 Server Internal Error\n{echo INVITE}");
    ladder.from("first", RINGING);
    ladder.from("caller", "CANCEL sip:+41445550@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.from("first", FINE);
    ladder.from("first", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}
