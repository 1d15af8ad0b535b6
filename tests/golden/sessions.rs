//! What happens inside a session: hold, resume, and offers that meet.

use holdfast_base::StreamId;
use holdfast_core::media::order::{MediaEdge, StreamCounters};

use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, RINGING, TRYING};

/// Caller and agent talk.
fn talking(name: &'static str) -> Ladder {
    let mut ladder = Ladder::new(name).registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder
}

#[test]
fn hold_resume() {
    let mut ladder = talking("hold_resume");
    for (how, body) in [
        ("sendonly: the caller hears music", "{sdp sendonly}"),
        ("and back", "{sdp}"),
        ("inactive", "{sdp inactive}"),
        ("and back", "{sdp}"),
        ("the old way, c=0.0.0.0", "{sdp 0.0.0.0}"),
        ("and back", "{sdp}"),
    ] {
        ladder.remark(how);
        let invite = "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n";
        ladder.from("anna", &format!("{invite}{body}"));
        ladder.from("anna", ACK);
        ladder.wait(1.0);
    }
    ladder.ends("anna", "caller");
}

#[test]
fn reinvite_glare_491() {
    let mut ladder = talking("reinvite_glare_491");
    ladder.remark("the phone is silent, so the box asks whether it is still there");
    ladder.wait(20.5);
    ladder.media(MediaEdge::Counters(vec![(StreamId(4), StreamCounters::default())]));
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("anna", "ACK {contact} SIP/2.0\n{same}");
    ladder.from("anna", "SIP/2.0 491 Request Pending\n{echo INVITE}");
    ladder.wait(3.0);
    ladder.remark("the phone tries again");
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("anna", ACK);
    ladder.wait(1.0);
    ladder.ends("anna", "caller");
}

#[test]
fn update_and_overlap() {
    let mut ladder = talking("update_and_overlap");
    ladder.remark("UPDATE with an offer");
    ladder.from("anna", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.remark("a re-INVITE without an offer, whose ACK takes the call off hold");
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}");
    ladder.remark("another one before the ACK");
    ladder.from("anna", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("anna", "ACK {contact} SIP/2.0\n{next}\n\n{sdp}");
    ladder.remark("a codec that the box does not speak");
    ladder.from(
        "anna",
        "INVITE {contact} SIP/2.0\n{next}\n{me}\n\nv=0\r\no=anna 7 9 IN IP4 10.1.0.1\r\ns=-\r\n\
         c=IN IP4 10.1.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
    );
    ladder.from("anna", "ACK {contact} SIP/2.0\n{same}");
    ladder.wait(1.0);
    ladder.ends("anna", "caller");
}

#[test]
fn options_in_dialog() {
    let mut ladder = talking("options_in_dialog");
    ladder.from("anna", "OPTIONS {contact} SIP/2.0\n{next}");
    ladder.from("anna", "INFO {contact} SIP/2.0\n{next}");
    ladder.remark("the 200 again: its ACK was lost");
    ladder.from("anna", ANSWER);
    ladder.ends("anna", "caller");
}
