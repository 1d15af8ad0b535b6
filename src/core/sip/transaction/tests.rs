//! The whole table, by messages in and orders out.

use super::{ClientKey, Event, Order, SentBy, ServerKey, Standing, Timers, Transactions};
use crate::sip::flow::{Flow, Transport};
use holdfast_base::{Entropy, Mono, Now, Outbox, Wall};
use holdfast_wire::sip::{Host, Message, Method, Request, Response, Status, Uri};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use std::time::Duration;

fn flow(transport: Transport, remote: &str) -> Flow {
    let local = "192.0.2.1:5060".parse().expect("an address");
    Flow {
        transport,
        local,
        remote: remote.parse().expect("an address"),
        connection: None,
        trunk: None,
    }
}

fn carrier() -> Flow {
    flow(Transport::Udp, "198.51.100.7:5060")
}

fn message(text: &str) -> Message {
    Message::parse(text.replace('\n', "\r\n").as_bytes()).expect(text)
}

fn request(method: &str, via: &str, to_tag: &str) -> String {
    format!(
        "{method} sip:100@192.0.2.1 SIP/2.0\nVia: {via}\nMax-Forwards: 70\n\
         From: <sip:alice@example.com>;tag=a1\nTo: <sip:100@192.0.2.1>{to_tag}\n\
         Call-ID: one@example.com\nCSeq: 1 {method}\nContact: <sip:alice@198.51.100.7>\n\n"
    )
}

const VIA: &str = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKin1;rport";

struct Bench {
    table: Transactions,
    now: Now,
    entropy: Entropy,
    sent: Vec<Vec<u8>>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Transactions::new(Timers::default()))
    }

    fn with(table: Transactions) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        Self { table, now, entropy: Entropy::new([7; 32]), sent: Vec::new() }
    }

    /// What was ordered, in words.
    fn told(&mut self, mut out: Outbox<Order>) -> String {
        let told: Vec<String> = out.drain().map(|order| self.word(order)).collect();
        told.join(", ")
    }

    fn word(&mut self, order: Order) -> String {
        match order {
            Order::Send { flow, bytes, gated } => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let line = text.lines().next().unwrap_or_default().to_owned();
                let cseq = text.lines().find(|line| line.starts_with("CSeq")).unwrap_or_default();
                self.sent.push(bytes);
                let gate = if gated { " gated" } else { "" };
                let what = line.replace("SIP/2.0", "").trim().to_owned();
                let over = flow.connection.map(|number| format!("#{number}")).unwrap_or_default();
                format!("[{what}|{} {}{over}{gate}]", &cseq[6..], flow.remote)
            }
            Order::Deliver(event) => match event {
                Event::Request { key, request, .. } => format!("s{} {}", key.0, request.method),
                Event::Ack { .. } => "ack".to_owned(),
                Event::Cancelled { key, reason } => {
                    format!("s{} cancelled {}", key.0, reason.unwrap_or_default())
                }
                Event::Response { key, received } => {
                    let again = if received.standing == Standing::Again { " again" } else { "" };
                    format!("c{} {}{again}", key.0, received.response.status)
                }
                Event::StraySuccess(stray) => format!("stray {}", stray.response.status),
                Event::TimedOut { key } => format!("c{} timed out", key.0),
                Event::Unreachable { key } => format!("c{} unreachable", key.0),
                Event::NoAck { key } => format!("s{} no ack", key.0),
            },
        }
    }

    fn net(&mut self, text: &str) -> String {
        self.net_on(carrier(), text)
    }

    fn net_on(&mut self, flow: Flow, text: &str) -> String {
        let mut out = Outbox::new();
        self.table.receive(self.now, flow, message(text), &mut out);
        self.told(out)
    }

    fn respond(&mut self, key: u64, response: Response) -> String {
        let mut out = Outbox::new();
        self.table.respond(self.now, ServerKey(key), response, true, &mut out);
        self.told(out)
    }

    fn send(&mut self, method: Method) -> String {
        let uri = Uri::parse("sip:bob@198.51.100.7").expect("a URI");
        let cseq = format!("4 {method}");
        let mut request = Request::new(method, uri);
        for (name, value) in [
            ("Route", "<sip:198.51.100.7;lr>"),
            ("From", "<sip:us@192.0.2.1>;tag=u1"),
            ("To", "<sip:bob@198.51.100.7>"),
            ("Call-ID", "two"),
            ("CSeq", cseq.as_str()),
        ] {
            request.headers.push(name, value);
        }
        request.body = b"v=0".to_vec();
        let mut out = Outbox::new();
        let (now, sent_by) = (self.now, us());
        self.table.request(now, request, carrier(), &sent_by, true, &mut self.entropy, &mut out);
        self.told(out)
    }

    /// The response of the other side to what we sent last.
    fn answer(&mut self, status: &str) -> String {
        let sent = self.sent.last().expect("something sent").clone();
        let text = String::from_utf8_lossy(&sent).into_owned();
        self.net(&answer_to(&text, status))
    }

    /// Lets time pass, deadline by deadline.
    fn wait(&mut self, millis: u64) -> String {
        let until = self.now.mono + Duration::from_millis(millis);
        let mut told = Vec::new();
        while let Some(due) = self.table.deadline().filter(|due| *due <= until) {
            self.now.mono = self.now.mono.max(due);
            let mut out = Outbox::new();
            self.table.handle_deadline(self.now, &mut out);
            assert!(self.table.deadline() > Some(due) || self.table.deadline().is_none());
            let said = self.told(out);
            if !said.is_empty() {
                told.push(format!("{}: {said}", self.now.mono.millis()));
            }
            assert!(told.len() < 1000, "livelock {told:?}");
        }
        self.now.mono = until;
        told.join("; ")
    }
}

fn us() -> SentBy {
    SentBy { host: Host::parse("192.0.2.1").expect("a host"), port: 5060, alias: false }
}

fn answer_to(request: &str, status: &str) -> String {
    let pick = |name: &str| {
        request.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
    };
    format!(
        "SIP/2.0 {status} x\n{}\n{}\n{};tag=b1\n{}\n{}\n\n",
        pick("Via"),
        pick("From"),
        pick("To"),
        pick("Call-ID"),
        pick("CSeq")
    )
}

fn reply(method: &str, status: Status, tag: Option<&str>) -> Response {
    match message(&request(method, VIA, "")) {
        Message::Request(request) => request.response(status, tag),
        Message::Response(_) => unreachable!("a request was written"),
    }
}

#[test]
fn an_answered_call_repeats_its_200_until_the_ack_is_matched() {
    let mut bench = Bench::new();
    let invite = request("INVITE", VIA, "");
    assert_eq!(bench.net(&invite), "s1 INVITE");
    assert_eq!(bench.net(&invite), "");
    let trying = bench.respond(1, reply("INVITE", Status::TRYING, None));
    assert_eq!(trying, "[100 Trying|1 INVITE 198.51.100.7:5060 gated]");
    assert_eq!(bench.net(&invite), "[100 Trying|1 INVITE 198.51.100.7:5060 gated]");
    bench.respond(1, reply("INVITE", Status::OK, Some("t")));
    assert_eq!(bench.wait(600), "500: [200 OK|1 INVITE 198.51.100.7:5060]");
    let ack = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKother";
    assert_eq!(bench.net(&request("ACK", ack, ";tag=t")), "ack");
    bench.table.acked(ServerKey(1));
    assert_eq!(bench.wait(40_000), "");
    assert!(bench.table.is_empty());
}

#[test]
fn a_cancel_has_its_own_transaction_and_the_tag_of_the_call() {
    let mut bench = Bench::new();
    bench.net(&request("INVITE", VIA, ""));
    bench.respond(1, reply("INVITE", Status::RINGING, Some("ours")));
    let cancel = request("CANCEL", VIA, ";tag=").replace("\n\n", "\nReason: SIP;cause=200\n\n");
    assert_eq!(
        bench.net(&cancel),
        "[200 OK|1 CANCEL 198.51.100.7:5060], s1 cancelled SIP;cause=200"
    );
    let answer = String::from_utf8(bench.sent.pop().expect("sent")).expect("text");
    assert!(answer.contains("To: <sip:100@192.0.2.1>;tag=ours\r\n"), "{answer}");
    assert_eq!(bench.net(&cancel), "[200 OK|1 CANCEL 198.51.100.7:5060]");
    bench.respond(1, reply("INVITE", Status::REQUEST_TERMINATED, Some("ours")));
    assert_eq!(bench.net(&request("ACK", VIA, ";tag=ours")), "");
    assert_eq!(bench.wait(40_000), "");
    assert!(bench.table.is_empty());
}

#[test]
fn a_cancel_of_an_answered_call_changes_nothing() {
    let mut bench = Bench::new();
    bench.net(&request("INVITE", VIA, ""));
    bench.respond(1, reply("INVITE", Status::OK, Some("t")));
    assert_eq!(bench.net(&request("CANCEL", VIA, "")), "[200 OK|1 CANCEL 198.51.100.7:5060]");
}

#[test]
fn a_cancel_of_nothing_is_481() {
    let mut bench = Bench::new();
    let told = bench.net(&request("CANCEL", VIA, ""));
    assert_eq!(told, "[481 Call/Transaction Does Not Exist|1 CANCEL 198.51.100.7:5060]");
}

#[test]
fn the_same_call_over_another_way_is_482() {
    let mut bench = Bench::new();
    bench.net(&request("INVITE", VIA, ""));
    let other = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKin2;rport";
    let told = bench.net(&request("INVITE", other, ""));
    assert_eq!(told, "[482 Loop Detected|1 INVITE 198.51.100.7:5060]");
    assert_eq!(bench.net(&request("INVITE", other, ";tag=t")), "s2 INVITE", "inside a dialog");
}

#[test]
fn an_old_peer_without_branch_is_matched_by_all_else() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "SIP/2.0/UDP 198.51.100.7", "");
    assert_eq!(bench.net(&invite), "s1 INVITE");
    assert_eq!(bench.net(&invite), "");
    let refused = bench.respond(1, reply("INVITE", Status::BUSY_HERE, Some("t")));
    assert_eq!(refused, "[486 Busy Here|1 INVITE 198.51.100.7:5060 gated]");
    assert_eq!(bench.net(&request("ACK", "SIP/2.0/UDP 198.51.100.7", ";tag=t")), "");
    assert_eq!(bench.wait(6000), "");
    assert!(bench.table.is_empty());
}

#[test]
fn answers_go_where_rfc_3581_and_18_2_2_say() {
    let source = flow(Transport::Udp, "198.51.100.7:40000");
    let cases = [
        ("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa;rport", "198.51.100.7:40000"),
        ("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKb", "198.51.100.7:5070"),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKc", "198.51.100.7:5060"),
        ("SIP/2.0/UDP pbx.example.com:5080;branch=z9hG4bKd", "198.51.100.7:5080"),
        ("SIP/2.0/UDP 10.0.0.9:5080;branch=z9hG4bKe", "198.51.100.7:40000"),
    ];
    for (at, (via, expected)) in cases.into_iter().enumerate() {
        let mut bench = Bench::new();
        let told = bench.net_on(source, &request("OPTIONS", via, ""));
        assert_eq!(told, "s1 OPTIONS", "case {at}");
        let told = bench.respond(1, reply("OPTIONS", Status::OK, Some("t")));
        assert_eq!(told, format!("[200 OK|1 OPTIONS {expected} gated]"), "{via}");
    }
    let mut out = Outbox::new();
    let mut table = Transactions::new(Timers::default());
    let invite = message(&request("OPTIONS", cases[0].0, ""));
    table.receive(Now::default(), source, invite, &mut out);
    let [Order::Deliver(Event::Request { request, .. })] = out.as_slice() else {
        panic!("{out:?}");
    };
    assert_eq!(
        request.headers.get("Via").as_deref(),
        Some("SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKa;rport=40000;received=198.51.100.7")
    );
}

#[test]
fn a_call_of_ours_is_refused_and_acknowledged_hop_by_hop() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.send(Method::Invite),
        "[INVITE sip:bob@198.51.100.7|4 INVITE 198.51.100.7:5060 gated]"
    );
    assert_eq!(bench.answer("180"), "c1 180");
    assert_eq!(bench.answer("486"), "[ACK sip:bob@198.51.100.7|4 ACK 198.51.100.7:5060], c1 486");
    let ack = String::from_utf8(bench.sent.pop().expect("sent")).expect("text");
    let via = ack.lines().find(|line| line.starts_with("Via")).expect("a Via").to_owned();
    assert_eq!(
        ack.replace(&via, "Via").replace("\r\n", "|"),
        "ACK sip:bob@198.51.100.7 SIP/2.0|Via|Max-Forwards: 70|Route: <sip:198.51.100.7;lr>|\
         From: <sip:us@192.0.2.1>;tag=u1|Call-ID: two|CSeq: 4 ACK|\
         To: <sip:bob@198.51.100.7>;tag=b1|Content-Length: 0||"
    );
    let invite = String::from_utf8(bench.sent[0].clone()).expect("text");
    assert!(invite.contains(&via), "the ACK has the Via of its INVITE");
    assert_eq!(bench.wait(40_000), "");
    assert!(bench.table.is_empty());
}

#[test]
fn the_cancel_of_a_call_of_ours_follows_its_invite() {
    let mut bench = Bench::new();
    bench.send(Method::Invite);
    let mut out = Outbox::new();
    bench.table.cancel(bench.now, ClientKey(1), Some("SIP;cause=200".to_owned()), false, &mut out);
    assert_eq!(bench.told(out), "", "before a 1xx there is nothing to cancel");
    let invite = String::from_utf8(bench.sent[0].clone()).expect("text");
    assert_eq!(
        bench.net(&answer_to(&invite, "180")),
        "c1 180, [CANCEL sip:bob@198.51.100.7|4 CANCEL 198.51.100.7:5060]"
    );
    let cancel = String::from_utf8(bench.sent[1].clone()).expect("text");
    let via = invite.lines().find(|line| line.starts_with("Via")).expect("a Via");
    assert_eq!(
        cancel.replace(via, "Via").replace("\r\n", "|"),
        "CANCEL sip:bob@198.51.100.7 SIP/2.0|Via|Max-Forwards: 70|\
         Route: <sip:198.51.100.7;lr>|From: <sip:us@192.0.2.1>;tag=u1|Call-ID: two|\
         CSeq: 4 CANCEL|To: <sip:bob@198.51.100.7>|Reason: SIP;cause=200|Content-Length: 0||"
    );
    assert_eq!(bench.wait(600), "500: [CANCEL sip:bob@198.51.100.7|4 CANCEL 198.51.100.7:5060]");
    assert_eq!(bench.net(&answer_to(&cancel, "200")), "", "nobody needs to hear of it");
    assert_eq!(bench.net(&answer_to(&invite, "200")), "c1 200", "the race is the user's to end");
    assert_eq!(bench.net(&answer_to(&invite, "200")), "c1 200 again");
    let other = answer_to(&invite, "200").replace(";tag=b1", ";tag=b2");
    assert_eq!(bench.net(&other), "c1 200", "the first of another fork");
    assert_eq!(bench.wait(40_000), "");
    assert!(bench.table.is_empty());
    assert_eq!(bench.net(&answer_to(&invite, "200")), "stray 200");
}

#[test]
fn responses_that_are_not_ours_are_dropped() {
    let mut bench = Bench::new();
    bench.send(Method::Invite);
    let invite = String::from_utf8(bench.sent[0].clone()).expect("text");
    let ours = answer_to(&invite, "200");
    let foreign = ours.replace("192.0.2.1:5060;branch=z9hG4bK", "192.0.2.9:5060;branch=z9hG4bKx");
    assert_eq!(bench.net(&foreign), "");
    let astray = ours.replace("\nFrom", "\nVia: SIP/2.0/UDP 255.255.255.255\nFrom");
    assert_eq!(bench.net(&astray), "");
    let bye = ours.replace("INVITE", "BYE");
    assert_eq!(bench.net(&bye), "", "the method belongs to the match");
    assert_eq!(bench.net(&ours), "c1 200");
}

#[test]
fn a_broken_way_ends_the_requests_on_it_and_no_other() {
    let mut bench = Bench::new();
    bench.send(Method::Options);
    bench.send(Method::Invite);
    let mut out = Outbox::new();
    bench.table.transport_failed(bench.now, flow(Transport::Udp, "198.51.100.8:5060"), &mut out);
    assert_eq!(bench.told(out), "");
    let mut out = Outbox::new();
    bench.table.transport_failed(bench.now, carrier(), &mut out);
    assert_eq!(bench.told(out), "c1 unreachable, c2 unreachable");
    assert!(bench.table.is_empty());
}

#[test]
fn an_answer_whose_connection_broke_goes_to_sent_by() {
    let mut bench = Bench::new();
    let phone = Flow { connection: Some(3), ..flow(Transport::Tcp, "198.51.100.7:40000") };
    let via = "SIP/2.0/TCP 198.51.100.7:5070;branch=z9hG4bKt";
    bench.net_on(phone, &request("INVITE", via, ""));
    bench.respond(1, reply("INVITE", Status::BUSY_HERE, Some("t")));
    let broken = |bench: &mut Bench, flow| {
        let mut out = Outbox::new();
        bench.table.transport_failed(bench.now, flow, &mut out);
        bench.told(out)
    };
    assert_eq!(broken(&mut bench, Flow { connection: Some(4), ..phone }), "");
    assert_eq!(broken(&mut bench, phone), "[486 Busy Here|1 INVITE 198.51.100.7:5070 gated]");
    assert_eq!(broken(&mut bench, phone), "");
    let reopened = flow(Transport::Tcp, "198.51.100.7:5070");
    assert_eq!(broken(&mut bench, reopened), "", "there is no third way");
    assert_eq!(bench.wait(40_000), "");
    assert!(bench.table.is_empty());
}

#[test]
fn an_ack_goes_out_under_a_via_of_its_own_and_is_never_repeated() {
    let mut bench = Bench::new();
    let mut ack = Request::new(Method::Ack, Uri::parse("sip:bob@198.51.100.7").unwrap());
    ack.headers.push("CSeq", "4 ACK");
    let mut out = Outbox::new();
    let sent_by = us();
    bench.table.send_stateless(ack, carrier(), &sent_by, true, &mut bench.entropy, &mut out);
    let told = bench.told(out);
    assert_eq!(told, "[ACK sip:bob@198.51.100.7|4 ACK 198.51.100.7:5060 gated]");
    let sent = String::from_utf8_lossy(&bench.sent[0]).into_owned();
    assert!(sent.contains("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"), "{sent}");
    assert_eq!((bench.wait(40_000), bench.table.is_empty()), (String::new(), true));
}

#[test]
fn a_challenged_call_may_come_again_under_its_number() {
    let mut bench = Bench::new();
    bench.net(&request("INVITE", VIA, ""));
    bench.respond(1, reply("INVITE", Status::UNAUTHORIZED, Some("t")));
    let other = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKin2;rport";
    assert_eq!(bench.net(&request("INVITE", other, "")), "s2 INVITE");
}

#[test]
fn a_full_table_refuses_the_newest_politely() {
    let mut bench = Bench::with(Transactions::with_room(Timers::default(), 1));
    let invite = request("INVITE", VIA, "");
    assert_eq!(bench.net(&invite), "s1 INVITE");
    let other = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKin2";
    let told = bench.net(&request("OPTIONS", other, ""));
    assert_eq!(told, "[503 Service Unavailable|1 OPTIONS 198.51.100.7:5060]");
    let answer = String::from_utf8(bench.sent.pop().expect("sent")).expect("text");
    assert!(answer.contains("Retry-After: 10\r\n"), "{answer}");
    assert_eq!(bench.net(&invite), "", "what was begun goes on");
    assert_eq!(bench.table.len(), 1);
    let stray = bench.net(&request("CANCEL", other, ""));
    assert_eq!(stray, "[481 Call/Transaction Does Not Exist|1 CANCEL 198.51.100.7:5060]");
    assert_eq!(bench.table.len(), 1);
    let ended = bench.net(&request("CANCEL", VIA, ""));
    assert_eq!(ended, "[200 OK|1 CANCEL 198.51.100.7:5060], s1 cancelled ");
}

#[test]
fn a_full_table_lets_calls_end() {
    let mut bench = Bench::with(Transactions::with_room(Timers::default(), 8));
    let via = |number: u8| format!("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{number}");
    let own = |number: u8, text: String| text.replace("one@", &format!("c{number}@"));
    for number in 1..=8 {
        let told = bench.net(&own(number, request("INVITE", &via(number), "")));
        assert_eq!(told, format!("s{number} INVITE"));
    }
    let refused = |method: &str| format!("[503 Service Unavailable|1 {method} 198.51.100.7:5060]");
    assert_eq!(bench.net(&request("UPDATE", &via(20), ";tag=t")), refused("UPDATE"));
    assert_eq!(bench.net(&request("BYE", &via(21), ";tag=t")), "s9 BYE");
    assert_eq!(bench.net(&request("BYE", &via(22), ";tag=u")), "s10 BYE");
    assert_eq!(bench.net(&request("BYE", &via(23), ";tag=v")), refused("BYE"), "a flood");
    assert_eq!(bench.net(&request("ACK", &via(24), ";tag=t")), "ack");
}

#[test]
fn an_ack_with_another_number_acknowledges_nothing() {
    let mut bench = Bench::new();
    bench.net(&request("INVITE", VIA, ""));
    bench.respond(1, reply("INVITE", Status::BUSY_HERE, Some("t")));
    let ack = request("ACK", VIA, ";tag=t");
    bench.net(&ack.replace("CSeq: 1", "CSeq: 2"));
    assert_eq!(bench.wait(600), "500: [486 Busy Here|1 INVITE 198.51.100.7:5060]", "repeated");
    bench.net(&ack);
    assert_eq!(bench.wait(60_000), "");
}

#[test]
fn an_answer_to_what_is_over_is_ignored() {
    let mut bench = Bench::new();
    assert_eq!(bench.respond(99, reply("INVITE", Status::OK, None)), "");
    let mut out = Outbox::new();
    bench.table.cancel(bench.now, ClientKey(99), None, false, &mut out);
    bench.table.acked(ServerKey(99));
    assert_eq!(bench.told(out), "");
}

/// One random step: what happens, and to which of several transactions.
fn stir(bench: &mut Bench, op: u8, which: u8) {
    let branch = which % 4;
    let via = format!("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch}");
    let own = |text: String| text.replace("one@", &format!("call{branch}@"));
    let statuses = [100, 180, 183, 200, 202, 302, 408, 486, 487, 603];
    let status = statuses[usize::from(which) % statuses.len()];
    let mut out = Outbox::new();
    match op % 12 {
        0 => drop(bench.net(&own(request("INVITE", &via, "")))),
        1 => drop(bench.net(&own(request("ACK", &via, ";tag=t")))),
        2 => drop(bench.net(&own(request("CANCEL", &via, "")))),
        3 => drop(bench.net(&own(request("BYE", &via, ";tag=t")))),
        4 => {
            let status = Status::new(status).expect("a status");
            drop(bench.respond(u64::from(which % 16), reply("INVITE", status, Some("t"))));
        }
        5 => drop(bench.send(Method::Invite)),
        6 => drop(bench.send(Method::Bye)),
        7 | 8 => {
            let sent: Vec<String> = bench
                .sent
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .filter(|text| !text.starts_with("SIP/2.0") && !text.starts_with("ACK"))
                .collect();
            if let Some(text) = sent.get(usize::from(which) % sent.len().max(1)) {
                drop(bench.net(&answer_to(text, &status.to_string())));
            }
        }
        9 => {
            bench.table.cancel(bench.now, ClientKey(u64::from(which % 16)), None, false, &mut out);
            bench.told(out);
        }
        10 => {
            bench.table.transport_failed(bench.now, carrier(), &mut out);
            bench.told(out);
            bench.table.acked(ServerKey(u64::from(which % 16)));
        }
        _ => drop(bench.wait(u64::from(which) * 50)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_inputs_panics_or_leaks(
        steps in prop::collection::vec((any::<u8>(), any::<u8>()), 0..80)
    ) {
        let mut bench = Bench::new();
        for (op, which) in &steps {
            stir(&mut bench, *op, *which);
        }
        // The user lets go of everything: then silence of 64·T1 + T4 empties the table.
        for key in 1..=200 {
            bench.respond(key, reply("INVITE", Status::SERVER_ERROR, Some("t")));
            let mut out = Outbox::new();
            bench.table.cancel(bench.now, ClientKey(key), None, false, &mut out);
            bench.told(out);
        }
        bench.wait(64 * 500 + 5000);
        assert_eq!((bench.table.len(), bench.table.deadline()), (0, None));
        #[cfg(feature = "trace-arms")]
        for arm in bench.table.last_arms().keys() {
            let known = super::TABLES.iter().any(|table| {
                table.machine == arm.machine
                    && table.states.contains(&arm.state)
                    && table.inputs.contains(&arm.input)
            });
            assert!(known, "{arm:?} is in no table");
        }
    }
}
