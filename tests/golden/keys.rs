//! Keys that travel as INFO.

use holdfast_base::StreamId;
use holdfast_core::media::order::{Digit, MediaEdge};

use crate::ladder::Ladder;
use crate::queue::ACK;

/// A party with and one without telephone events.
const WITHOUT: &str = "v=0\no=x 7 1 IN IP4 10.9.0.9\ns=-\nc=IN IP4 10.9.0.9\nt=0 0\n\
                       m=audio 4000 RTP/AVP 8";

fn info(kind: &str, body: &str) -> String {
    format!("INFO {{contact}} SIP/2.0\n{{next}}\nContent-Type: {kind}\n\n{body}")
}

#[test]
fn keys_as_info() {
    let mut ladder = Ladder::new("keys_as_info");
    ladder.from("caller", "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    let answer = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nAllow: INVITE, ACK, BYE, INFO";
    ladder.from("carrier", &format!("{answer}\n\n{}", WITHOUT.replace('\n', "\r\n")));
    ladder.from("caller", ACK);
    ladder.remark("the line sends INFO: the caller gets telephone events");
    ladder.from("carrier", &info("application/dtmf-relay", "Signal=5\r\nDuration=200"));
    ladder.from("carrier", &info("application/dtmf", "10"));
    ladder.remark("the caller sends telephone events: the line gets INFO");
    ladder.media(MediaEdge::Key { stream: StreamId(2), digit: Digit('7') });
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo INFO}");
    ladder.remark("what is no key");
    ladder.from("carrier", &info("application/media_control+xml", "<x/>"));
    ladder.from("carrier", "INFO {contact} SIP/2.0\n{next}\nInfo-Package: x");
    ladder.from("carrier", "INFO {contact} SIP/2.0\n{next}");
    ladder.remark("of no call");
    ladder.from("carrier", "INFO sip:box@10.0.0.1 SIP/2.0\n{new}");
    ladder.ends("caller", "carrier");
}
