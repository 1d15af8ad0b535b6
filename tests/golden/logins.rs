//! Calls out over a trunk that asks for a user name and password.

use crate::cast::config_with;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TRYING};

/// Two targets of a carrier that asks who we are.
const LINE: &str = r#"
[[trunk]]
name = "line"
networks = ["10.9.1.0/24"]
targets = ["10.9.1.1:5060", "10.9.1.2"]
options_every = "never"

[trunk.login]
user = "branch-17"
password = "a long and secret text"

[[number]]
dialled = "+41*"
to = { trunks = ["line"] }
"#;

const OUT: &str = "INVITE sip:+41445550@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
const CANCEL: &str = "CANCEL sip:+41445550@10.0.0.1 SIP/2.0\n{same}";
const ACK_OF_REFUSAL: &str = "ACK sip:+41445550@10.0.0.1 SIP/2.0\n{same}";
/// A proxy that can both, and puts the weaker one first.
const PROXY: &str = "SIP/2.0 407 Proxy Authentication Required\n{echo INVITE}\n\
    Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"p1\", qop=\"auth\", algorithm=MD5\n\
    Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"p2\", qop=\"auth\", algorithm=SHA-256";
/// The far end, of RFC 2069.
const SERVER: &str = "SIP/2.0 401 Unauthorized\n{echo}\n\
    WWW-Authenticate: Digest realm=\"server\", nonce=\"s1\", opaque=\"o\"";

fn ladder(name: &'static str) -> Ladder {
    Ladder::with(name, config_with(LINE))
}

#[test]
fn login_asked_for_on_the_way_and_at_the_end() {
    let mut ladder = ladder("login_asked_for_on_the_way_and_at_the_end");
    ladder.from("caller", OUT);
    ladder.from("first", PROXY);
    ladder.from("first", SERVER);
    ladder.from("first", RINGING);
    ladder.from("first", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.remark("the nonce has become too old for the BYE");
    ladder.from("caller", BYE);
    ladder.from(
        "first",
        "SIP/2.0 407 Proxy Authentication Required\n{echo}\n\
         Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"p3\", qop=\"auth\", stale=true",
    );
    ladder.from("first", FINE);
    ladder.wait(40.0);
    ladder.remark("the next call brings its credentials along");
    ladder.from("second", OUT);
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn login_refused() {
    let mut ladder = ladder("login_refused");
    ladder.from("caller", OUT);
    ladder.from("first", PROXY);
    ladder.from("first", &PROXY.replace("p1", "p3").replace("p2", "p4"));
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.health();
    ladder.wait(40.0);
    ladder.remark("the carrier has corrected its list");
    ladder.from("second", OUT);
    ladder.from("first", PROXY);
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("second", ACK_OF_REFUSAL);
    ladder.health();
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn login_asked_for_after_the_caller_gave_up() {
    let mut ladder = ladder("login_asked_for_after_the_caller_gave_up");
    ladder.from("caller", OUT);
    ladder.from("caller", CANCEL);
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.from("first", PROXY);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn login_shown_to_the_next_target() {
    let mut ladder = ladder("login_shown_to_the_next_target");
    ladder.from("caller", OUT);
    ladder.from("first", PROXY);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo INVITE}");
    ladder.remark("which has nonces of its own and never heard of this one");
    ladder.from("next", &PROXY.replace("p1", "p3").replace("p2", "p4"));
    ladder.from("next", TRYING);
    ladder.remark("cancelled by the branch of the last INVITE");
    ladder.from("caller", CANCEL);
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.from("next", FINE);
    ladder.from("next", "SIP/2.0 487 Request Terminated\n{echo cancelled}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn login_asked_for_inside_the_dialog() {
    let mut ladder = ladder("login_asked_for_inside_the_dialog");
    ladder.from("caller", OUT);
    ladder.from(
        "first",
        "SIP/2.0 183 Session Progress\n{echo INVITE}\nRequire: 100rel\nRSeq: 7\n{me}\n\n{sdp}",
    );
    ladder.remark("PRACK");
    ladder.from("first", SERVER);
    ladder.from("first", FINE);
    ladder.from("first", &ANSWER.replace("{me}", "{me}\nAllow: INVITE, ACK, BYE, UPDATE"));
    ladder.from("caller", ACK);
    ladder.remark("after a restart the first question meets a server that has forgotten us");
    ladder.restart(5.0);
    ladder.from("first", SERVER);
    ladder.from("first", "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.wait(1.0);
    ladder.ends("caller", "first");
}

#[test]
fn login_after_a_restart() {
    let mut ladder = ladder("login_after_a_restart");
    ladder.from("caller", OUT);
    ladder.from("first", PROXY);
    ladder.from("first", RINGING);
    ladder.restart(2.0);
    ladder.from("caller", ACK_OF_REFUSAL);
    ladder.from("first", FINE);
    ladder.from("first", "SIP/2.0 487 Request Terminated\n{echo cancelled}");
    ladder.wait(40.0);
    ladder.check();
}
