//! This box registers with a carrier, and calls come and go because of it.

use crate::cast::config_with;
use crate::ladder::Ladder;
use crate::queue::{ACK, BYE};

/// A line that registers its main number, and two addresses to do so.
const LINE: &str = r#"
[[trunk]]
name = "line"
targets = ["10.9.1.1:5060", "10.9.1.2"]
options_every = "never"
register = true

[trunk.login]
user = "branch-17"
password = "a long and secret text"

[trunk.registration]
user = "+4930555"
domain = "carrier.example"
expires = "2m"

[[number]]
dialled = "+4930555"
to = { queue = "sales" }

[[number]]
dialled = "+41*"
to = { trunks = ["line"] }
"#;

const CHALLENGE: &str = "SIP/2.0 401 Unauthorized\n{echo REGISTER}\n\
    WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n1\", qop=\"auth\", \
    algorithm=SHA-256";
const GRANTED: &str = "SIP/2.0 200 OK\n{echo REGISTER}\n\
    Contact: <sip:somebody@10.9.7.7>;expires=3000, <{registered}>;expires=120\n\
    Service-Route: <sip:edge.carrier.example;lr>\n\
    P-Associated-URI: <sip:+4930555@carrier.example>, <sip:+4930556@carrier.example>";
const OUT: &str = "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
const ACK_OF_REFUSAL: &str = "ACK sip:+41445550@10.0.0.1 SIP/2.0\n{same}";

fn ladder(name: &'static str) -> Ladder {
    Ladder::with(name, config_with(LINE))
}

fn registered(name: &'static str) -> Ladder {
    let mut ladder = ladder(name);
    ladder.wait(2.0);
    ladder.from("first", CHALLENGE);
    ladder.from("first", GRANTED);
    ladder
}

/// The carrier calls our Contact from another address of its own, and names the number that it
/// means in P-Called-Party-ID.
fn calls_from_elsewhere(ladder: &mut Ladder, number: &str) {
    let called = format!("P-Called-Party-ID: <sip:{number}@carrier.example>");
    let invite = format!("INVITE {{registered}} SIP/2.0\n{{new}}\n{called}\n{{me}}\n\n{{sdp}}");
    ladder.from("guest", &invite);
    ladder.from("guest", ACK);
    ladder.wait(1.0);
    ladder.from("guest", BYE);
}

#[test]
fn register_and_be_called() {
    let mut ladder = registered("register_and_be_called");
    ladder.health();
    ladder.remark("the carrier calls our Contact; the number stands in To");
    ladder.from("first", "INVITE {registered} SIP/2.0\n{new +4930555}\n{me}\n\n{sdp}");
    ladder.from("first", ACK);
    ladder.wait(1.0);
    ladder.from("first", BYE);
    ladder.remark("and from another address of its own, with the number in P-Called-Party-ID");
    calls_from_elsewhere(&mut ladder, "+4930555");
    ladder.remark("who does not know that Contact is a stranger");
    ladder.from("guest", "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("guest", "ACK sip:+41445550@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn registered_carrier_calls_from_elsewhere() {
    let name = "registered_carrier_calls_from_elsewhere";
    let rule = "[[trunk.headers]]\ndirection = \"in\"\nheader = \"P-Called-Party-ID\"\n\
        action = \"replace\"\npattern = \"sip:0([1-9])\"\nvalue = \"sip:+49$1\"\n\n[[number]]";
    let mut ladder = Ladder::with(name, config_with(&LINE.replacen("[[number]]", rule, 1)));
    ladder.wait(2.0);
    ladder.from("first", CHALLENGE);
    ladder.from("first", GRANTED);
    ladder.remark("the header rules of the trunk hold there as well");
    calls_from_elsewhere(&mut ladder, "030555");
    ladder.remark("and that address is not banned any more");
    let scan = "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}\n{me}\nUser-Agent: friendly-scanner";
    ladder.from("guest", scan);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn register_and_call() {
    let mut ladder = registered("register_and_call");
    ladder.from("caller", OUT);
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.remark("renewed in time, with the credentials at once");
    ladder.wait(105.0);
    ladder.from("first", GRANTED);
    ladder.remark("the next process is known by the same Call-ID");
    ladder.restart(5.0);
    ladder.wait(2.0);
    ladder.from("first", GRANTED);
    ladder.stop();
    ladder.from("first", "SIP/2.0 200 OK\n{echo REGISTER}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn register_elsewhere() {
    let mut ladder = ladder("register_elsewhere");
    ladder.wait(2.0);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo REGISTER}");
    ladder.from("next", GRANTED);
    ladder.remark("calls go where we are registered, although the other one comes first");
    ladder.wait(30.0);
    ladder.from("caller", OUT);
    ladder.from("next", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.remark("nobody answers any more");
    ladder.wait(300.0);
    ladder.health();
    ladder.check();
}

#[test]
fn register_with_a_wrong_password() {
    let mut ladder = ladder("register_with_a_wrong_password");
    ladder.wait(2.0);
    ladder.from("first", CHALLENGE);
    ladder.from("first", &CHALLENGE.replace("n1", "n2"));
    ladder.health();
    ladder.remark("not asked again for a while: registrars lock accounts");
    ladder.wait(250.0);
    ladder.check();
}
