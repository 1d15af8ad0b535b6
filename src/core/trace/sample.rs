//! One call for tests: a caller waits in a queue, a phone of the agent is offered the call with
//! SRTP, asks for nothing, answers, and the caller hangs up.

use holdfast_base::{AgentName, CallId, ContactId, LegId, OfferId, QueueName, StreamId, Wall};
use holdfast_config::Endpoint;

use super::{Direction, Entry, Media, Seen, Trace, What};
use crate::media::order::{Source, StreamCounters};
use crate::record::event::{EndedBy, Fact, Ingress, LegEnd, Outcome, Subject};
use crate::sip::flow::{Flow, Transport};

/// 2026-11-22T10:05:03Z.
pub(super) const START_US: i64 = 1_795_341_903_000_000;

pub(super) const fn call() -> CallId {
    CallId(7)
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
        trunk: None,
    }
}

const CALLER: &str = "203.0.113.5:5060";
const PHONE: &str = "192.0.2.50:5062";

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 20000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
const PHONE_OFFER: &str = "v=0\r\no=- 3 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 20002 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
    inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\na=rtpmap:8 PCMA/8000\r\n";
const PHONE_ANSWER: &str = "v=0\r\no=- 4 1 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\n\
    t=0 0\r\nm=audio 30000 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// A message of one of the two legs.
pub(super) fn message(
    direction: Direction,
    leg: &str,
    start: &str,
    cseq: &str,
    body: &str,
) -> Seen {
    let (call_id, from, to, remote) = match leg {
        "caller" => ("caller@pbx", "<sip:+41313330011@pbx>;tag=c", "<sip:sales@box>", CALLER),
        "phone" => ("leg-two", "<sip:+41313330011@box>;tag=b", "<sip:desk-anna@box>", PHONE),
        other => (other, "<sip:anna@box>;tag=r", "<sip:anna@box>", PHONE),
    };
    let (length, transaction) = (body.len(), cseq.split(' ').next().unwrap());
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP {remote};branch=z9hG4bK-{call_id}-{transaction}\r\n\
         From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    Seen::Message { direction, flow: flow(remote), bytes: text.into_bytes() }
}

/// The first message of some call.
pub(super) fn invite(call_id: &str) -> Seen {
    message(Direction::In, call_id, "INVITE sip:sales@box SIP/2.0", "1 INVITE", "")
}

/// What is no SIP.
pub(super) fn datagram(bytes: &[u8]) -> Seen {
    Seen::Message { direction: Direction::In, flow: flow(PHONE), bytes: bytes.to_vec() }
}

fn registration() -> [Seen; 2] {
    let Seen::Message { direction, flow, bytes } =
        message(Direction::In, "register@phone", "REGISTER sip:box SIP/2.0", "1 REGISTER", "")
    else {
        unreachable!("a message was made");
    };
    let text = String::from_utf8(bytes).unwrap().replace(
        "Content-Length",
        "Authorization: Digest username=\"anna\", \
         response=\"6629fae49393a05397450978507c4ef1\"\r\nContent-Length",
    );
    let refused =
        message(Direction::Out, "register@phone", "SIP/2.0 401 Unauthorized", "1 REGISTER", "");
    [Seen::Message { direction, flow, bytes: text.into_bytes() }, refused]
}

/// What passes during the call, with the milliseconds since it began.
pub(super) fn script() -> Vec<(i64, Seen)> {
    let (call, contact, offer) = (call(), ContactId(7), OfferId(9));
    let (queue, agent, leg) = (QueueName::new("sales"), AgentName::new("anna"), LegId(12));
    let (theirs, ours) = (StreamId(1), StreamId(2));
    let counters =
        StreamCounters { received: 900, sent: 900, mos_centi: 437, ..StreamCounters::default() };
    let opened = |stream, port| Media::Opened {
        stream,
        call,
        local: std::net::SocketAddr::new("192.0.2.1".parse().unwrap(), port),
    };
    let peer = |stream, other| Seen::Media(Media::Hears { stream, source: Source::Peer(other) });
    let fact = Seen::Fact;
    vec![
        (0, message(Direction::In, "caller", "INVITE sip:sales@box SIP/2.0", "1 INVITE", OFFER)),
        (
            1,
            fact(Fact::CallArrived {
                call,
                trunk: None,
                from: Subject("+41313330011".to_owned()),
                dialled: Subject("sales".to_owned()),
                ingress: Ingress::Sip,
                sip_call_id: Some("caller@pbx".to_owned()),
            }),
        ),
        (1, Seen::Media(opened(theirs, 20_000))),
        (1, fact(Fact::Enqueued { contact, call, queue: queue.clone() })),
        (2, fact(Fact::CallAnswered { call })),
        (3, message(Direction::Out, "caller", "SIP/2.0 200 OK", "1 INVITE", ANSWER)),
        (40, message(Direction::In, "caller", "ACK sip:box SIP/2.0", "1 ACK", "")),
        (60, Seen::Media(Media::FirstPacket { stream: theirs, from: CALLER.parse().unwrap() })),
        (
            5000,
            fact(Fact::Reserved {
                offer,
                contact,
                agent: agent.clone(),
                endpoint: Endpoint::Account(holdfast_base::EndpointName::new("desk-anna")),
            }),
        ),
        (
            5000,
            fact(Fact::LegStarted {
                call,
                leg,
                to: Subject("desk-anna".to_owned()),
                sip_call_id: Some("leg-two".to_owned()),
            }),
        ),
        (5000, Seen::Media(opened(ours, 20_002))),
        (
            5001,
            message(
                Direction::Out,
                "phone",
                "INVITE sip:desk-anna@192.0.2.50 SIP/2.0",
                "1 INVITE",
                PHONE_OFFER,
            ),
        ),
        (5030, message(Direction::In, "phone", "SIP/2.0 180 Ringing", "1 INVITE", "")),
        (5030, fact(Fact::OfferRinging { offer })),
        (9000, message(Direction::In, "phone", "SIP/2.0 200 OK", "1 INVITE", PHONE_ANSWER)),
        (9000, fact(Fact::LegAnswered { call, leg })),
        (9000, fact(Fact::OfferWon { offer, contact, agent: agent.clone() })),
        (
            9000,
            fact(Fact::ContactLeft { contact, queue, outcome: Outcome::Answered, waited_ms: 8999 }),
        ),
        (9000, peer(theirs, ours)),
        (
            9001,
            message(Direction::Out, "phone", "ACK sip:desk-anna@192.0.2.50 SIP/2.0", "1 ACK", ""),
        ),
        (30_000, message(Direction::In, "caller", "BYE sip:box SIP/2.0", "2 BYE", "")),
        (30_001, message(Direction::Out, "caller", "SIP/2.0 200 OK", "2 BYE", "")),
        (
            30_001,
            message(Direction::Out, "phone", "BYE sip:desk-anna@192.0.2.50 SIP/2.0", "2 BYE", ""),
        ),
        (30_020, message(Direction::In, "phone", "SIP/2.0 200 OK", "2 BYE", "")),
        (
            30_100,
            fact(Fact::LegEnded {
                call,
                leg,
                why: LegEnd::Local,
                media: Some(counters),
                codec: Some("PCMA".to_owned()),
                crypto: None,
            }),
        ),
        (30_100, Seen::Media(Media::Closed { stream: theirs, counters })),
        (30_100, fact(Fact::CallEnded { call, by: EndedBy::Caller, status: None, cause: None })),
        (30_101, fact(Fact::AgentDone { agent, contact, talked_ms: 21_000 })),
    ]
}

/// A trace of what a script says.
pub(super) fn traced(script: Vec<(i64, Seen)>) -> Trace {
    let mut trace = Trace::new(1 << 20);
    for (ms, seen) in script {
        let at = Wall::from_micros(START_US + ms * 1000);
        if let Some(entry) = trace.read(at, seen) {
            trace.keep(entry);
        }
    }
    trace
}

/// The call among other things that pass.
pub(super) fn trace() -> Trace {
    let mut all = script();
    let [register, refused] = registration();
    all.insert(3, (1, register));
    all.insert(4, (1, refused));
    all.insert(5, (1, datagram(b"\0\0\0\0")));
    all.insert(6, (1, Seen::Fact(Fact::Configured { hash: "9f".to_owned() })));
    traced(all)
}

/// Everything of the call, as it is given to whoever asks.
pub(super) fn entries(script: Vec<(i64, Seen)>) -> Vec<Entry> {
    match traced(script).answer(&super::Question::Whole(super::Of::Call(call()))) {
        super::Answer::Whole(entries) => entries,
        super::Answer::Found(_) => unreachable!("a ladder was asked for"),
    }
}

/// The text of all messages.
pub(super) fn text_of(trace: &Trace) -> String {
    let text = |entry: &Entry| match &entry.what {
        What::Message(message) => String::from_utf8_lossy(&message.bytes).into_owned(),
        What::Fact(_) | What::Media(_) => String::new(),
    };
    trace.all().map(|(_, entry)| text(entry)).collect()
}

/// One line for an entry.
pub(super) fn line(entry: &Entry) -> String {
    let first = |text: &str| text.split([' ', '{', '(']).next().unwrap_or_default().to_owned();
    match &entry.what {
        What::Message(message) => {
            let text = String::from_utf8_lossy(&message.bytes).into_owned();
            format!("{:?} {}", message.direction, text.lines().next().unwrap_or_default())
        }
        What::Fact(fact) => first(&format!("{fact:?}")),
        What::Media(media) => first(&format!("{media:?}")),
    }
}

/// The call, one line an entry.
pub(super) const LINES: [&str; 28] = [
    "In INVITE sip:sales@box SIP/2.0",
    "CallArrived",
    "Opened",
    "Enqueued",
    "CallAnswered",
    "Out SIP/2.0 200 OK",
    "In ACK sip:box SIP/2.0",
    "FirstPacket",
    "Reserved",
    "LegStarted",
    "Opened",
    "Out INVITE sip:desk-anna@192.0.2.50 SIP/2.0",
    "In SIP/2.0 180 Ringing",
    "OfferRinging",
    "In SIP/2.0 200 OK",
    "LegAnswered",
    "OfferWon",
    "ContactLeft",
    "Hears",
    "Out ACK sip:desk-anna@192.0.2.50 SIP/2.0",
    "In BYE sip:box SIP/2.0",
    "Out SIP/2.0 200 OK",
    "Out BYE sip:desk-anna@192.0.2.50 SIP/2.0",
    "In SIP/2.0 200 OK",
    "LegEnded",
    "Closed",
    "CallEnded",
    "AgentDone",
];
