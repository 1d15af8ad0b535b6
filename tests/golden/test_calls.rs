//! Test calls of the box over a trunk behind which OPTIONS prove nothing.

use crate::cast::config_with;
use crate::ladder::Ladder;
use crate::queue::{ANSWER, FINE, RINGING, TERMINATED, TRYING};

const TESTED: &str = r#"
[[trunk]]
name = "teams"
type = "teams-via-sbc"
networks = ["10.9.1.0/24"]
target = "10.9.1.1:5060"
options_every = "never"
test_call = { number = "+4930299", every = "1m", ring = "3s", caller = "+4930100" }
"#;

const GONE: &str = "SIP/2.0 504 Server Time-out\n{echo INVITE}";

#[test]
fn test_calls_of_the_box() {
    let mut ladder = Ladder::with("test_calls_of_the_box", config_with(TESTED));
    ladder.wait(10.0);
    ladder.from("first", TRYING);
    ladder.remark("answered: it is ended at once");
    ladder.from("first", ANSWER);
    ladder.from("first", FINE);
    ladder.trunks();
    ladder.remark("it rings for long enough");
    ladder.wait(60.0);
    ladder.from("first", RINGING);
    ladder.wait(3.0);
    ladder.from("first", FINE);
    ladder.from("first", TERMINATED);
    ladder.remark("Teams is gone: asked again soon");
    ladder.wait(60.0);
    ladder.from("first", GONE);
    ladder.silently(|ladder| {
        ladder.wait(20.0);
        ladder.from("first", GONE);
        ladder.wait(20.0);
    });
    ladder.from("first", GONE);
    ladder.trunks();
    ladder.remark("and back: 486 is the word of somebody there");
    ladder.silently(|ladder| ladder.wait(20.0));
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.trunks();
    ladder.remark("the process ends in good order: nothing is left ringing");
    ladder.silently(|ladder| ladder.wait(60.0));
    ladder.from("first", RINGING);
    ladder.stop();
    ladder.from("first", FINE);
    ladder.from("first", TERMINATED);
    ladder.wait(5.0);
    ladder.check();
}
