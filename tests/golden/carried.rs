//! What a call carries from one leg to the other: why it ends, who led it on, and the little else
//! that is known to be harmless.

use crate::cast;
use crate::dialling::{TO_ANNA, gives_up};
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TERMINATED};
use crate::transfers::HUNG_UP;

#[test]
fn reasons_go_both_ways() {
    let mut ladder = Ladder::new("reasons_go_both_ways").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.from("caller", &format!("{BYE}\nReason: Q.850;cause=31;text=\"Normal\""));
    ladder.from("anna", HUNG_UP);
    ladder.wait(3.0);
    ladder.remark("refused");
    ladder.from("caller", TO_ANNA);
    ladder.from(
        "anna",
        "SIP/2.0 480 Temporarily Unavailable\n{echo INVITE}\nReason: SIP;cause=480, Q.850;cause=20",
    );
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(3.0);
    ladder.remark("given up");
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from(
        "caller",
        "CANCEL sip:anna@10.0.0.1 SIP/2.0\n{same}\nReason: Q.850 ;cause=16 ;text=\"gone\"",
    );
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

const NIL: &str = "00000000000000000000000000000000";
const ANN: &str = "a0000000000040008000000000000001";
const BEN: &str = "b0000000000040008000000000000002";

#[test]
fn both_ends_of_a_session_are_named() {
    let mut ladder = Ladder::new("both_ends_of_a_session_are_named").registered(&["anna"]);
    let caller = format!("Session-ID: {ANN};remote=");
    ladder.from("caller", &TO_ANNA.replace("{me}", &format!("{{me}}\n{caller}{NIL}")));
    let anna = format!("{{me}}\nSession-ID: {BEN};remote={ANN}");
    ladder.from("anna", &RINGING.replace("{me}", &anna));
    ladder.from("anna", &ANSWER.replace("{me}", &anna));
    ladder.from("caller", &format!("{ACK}\n{caller}{BEN}"));
    ladder.wait(1.0);
    ladder.from("caller", &format!("{BYE}\n{caller}{BEN}"));
    ladder.from("anna", HUNG_UP);
    ladder.remark(
        "a phone that knows nothing of names has one all the same; a call that is given up",
    );
    ladder.wait(1.0);
    ladder.from("caller", &TO_ANNA.replace("{me}", &format!("{{me}}\n{caller}{NIL}")));
    ladder.from("anna", RINGING);
    gives_up(&mut ladder);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn the_box_is_named_while_it_plays_and_the_agent_then() {
    let name = "the_box_is_named_while_it_plays_and_the_agent_then";
    let mut ladder = Ladder::new(name).registered(&["anna"]);
    ladder.from("caller", crate::queue::CALL);
    ladder.from("caller", ACK);
    ladder.remark("the caller knows nothing of names, and the phone of the agent does");
    let anna = format!("{{me}}\nSession-ID: {BEN};remote={NIL}");
    ladder.from("anna", &RINGING.replace("{me}", &anna));
    ladder.from("anna", &ANSWER.replace("{me}", &anna));
    ladder.wait(1.0);
    ladder.ends("caller", "anna");
}

/// A trunk that knows History-Info alone.
const IMS: &str = "[[trunk]]\nname = 'ims'\nnetworks = ['10.9.1.1']\ntarget = '10.9.1.1:5060'\n\
                   options_every = 'never'\ndiversion = 'history-info'\n\
                   [[number]]\ndialled = '+41*'\nto = { trunk = 'ims' }\n";

#[test]
fn what_a_call_carries_on() {
    let mut ladder = Ladder::with("what_a_call_carries_on", cast::config_with(IMS));
    ladder.from(
        "caller",
        "INVITE sip:+4144@10.0.0.1 SIP/2.0\n{new}\n{me}\n\
         Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\n\
         User-to-User: 56a390f3d2b7310023a2;encoding=hex\n\
         Identity: eyJ0.eyJ0.c2ln;info=<https://cert.example/a.cer>\n\
         Date: Thu, 21 Feb 2002 13:02:03 GMT\n\
         Diversion: <sip:+493022@carrier.example>;reason=no-answer;counter=1\n\
         Diversion: <sip:+493011@carrier.example>;reason=user-busy;counter=1;privacy=full\n\
         P-Charging-Vector: icid-value=17\nX-Inside: yes\n\n{sdp}",
    );
    ladder.from("first", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder.ends("first", "caller");
}

#[test]
fn a_queue_leads_a_call_on() {
    let agent = "[[agent]]\nname = 'cem'\n\
                 endpoints = [{ trunk = 'carrier', number = '+49171888' }]\n\
                 [[queue]]\nname = 'mobile'\nmembers = ['cem']\n\
                 [[number]]\ndialled = '+4930200'\nto = { queue = 'mobile' }\n";
    let mut ladder = Ladder::with("a_queue_leads_a_call_on", cast::config_with(agent));
    ladder.from("caller", "INVITE sip:+4930200@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("caller", ACK);
    ladder.from("carrier", ANSWER);
    ladder.wait(1.0);
    ladder.ends("caller", "carrier");
}

#[test]
fn a_description_among_other_parts() {
    let mut ladder = Ladder::new("a_description_among_other_parts").registered(&["anna"]);
    let parts = "--x\r\nContent-Type: application/ISUP;version=etsi121\r\n\r\n7\r\n\
                 --x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\
                 o=caller 7 1 IN IP4 10.9.0.5\r\n\
                 s=-\r\nc=IN IP4 10.9.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n\r\n--x--";
    let typed = "{new}\n{me}\nContent-Type: multipart/mixed;boundary=x";
    ladder.from("caller", &format!("INVITE sip:anna@10.0.0.1 SIP/2.0\n{typed}\n\n{parts}"));
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.remark("without one");
    let other = "--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--";
    ladder.from("caller", &format!("INVITE sip:anna@10.0.0.1 SIP/2.0\n{typed}\n\n{other}"));
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}
