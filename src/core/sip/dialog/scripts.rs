//! Scripts of dialogs: what is sent where, what is refused, what a restart leaves.

use super::{Dialog, NextHop, Refusal};
use crate::sip::dialog::DialogId;
use crate::sip::flow::{Flow, Transport};
use holdfast_wire::sip::{Message, Method, Request, Response, Uri};

fn flow(remote: &str) -> Flow {
    let local = "192.0.2.1:5060".parse().expect("an address");
    let remote = remote.parse().expect("an address");
    Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None }
}

fn invite(more: &str) -> Request {
    request("INVITE", 1, more)
}

fn request(method: &str, cseq: u32, more: &str) -> Request {
    let text = format!(
        "{method} sip:100@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa\n\
         From: \"Alice\" <sip:alice@a.example>;tag=a1\nTo: <sip:100@b.example>\n\
         Call-ID: one\nCSeq: {cseq} {method}\n{more}\n\n"
    );
    match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(status: u16, more: &str) -> Response {
    let text = format!(
        "SIP/2.0 {status} x\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb\n\
         From: \"Alice\" <sip:alice@a.example>;tag=a1\nTo: <sip:100@b.example>;tag=b1\n\
         Call-ID: one\nCSeq: 1 INVITE\n{more}\n\n"
    );
    match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn uri(text: &str) -> Uri {
    Uri::parse(text).expect(text)
}

fn printed(request: &Request) -> String {
    String::from_utf8(request.print()).expect("text").replace("\r\n", "|")
}

fn answering(more: &str, remote: &str) -> Dialog {
    Dialog::answering(&invite(more), flow(remote), "b1", uri("sip:us@192.0.2.1")).expect("a dialog")
}

fn calling(more: &str) -> Dialog {
    let invite = invite("Contact: <sip:us@192.0.2.1>");
    Dialog::calling(&invite, flow("198.51.100.7:5060"), &response(180, more)).expect("a dialog")
}

#[test]
fn an_answerer_keeps_the_order_of_the_proxies() {
    let mut dialog = answering(
        "Contact: <sip:alice@10.1.1.1>\nRecord-Route: <sip:p2.example;lr>, <sip:p1.example;lr=on>",
        "198.51.100.7:5060",
    );
    assert_eq!(
        printed(&dialog.request(Method::Bye)),
        "BYE sip:alice@10.1.1.1 SIP/2.0|Route: <sip:p2.example;lr>|\
         Route: <sip:p1.example;lr=on>|Max-Forwards: 70|From: <sip:100@b.example>;tag=b1|\
         To: \"Alice\" <sip:alice@a.example>;tag=a1|Call-ID: one|CSeq: 1 BYE|\
         Content-Length: 0||"
    );
    let NextHop::Address { host, .. } = dialog.next_hop() else { panic!("a proxy") };
    assert_eq!(host.to_string(), "p2.example");
}

#[test]
fn a_caller_reverses_it_and_a_2xx_settles_it_anew() {
    let more =
        "Contact: <sip:bob@c.example>\nRecord-Route: <sip:p1.example;lr>,<sip:p2.example;lr>";
    let mut dialog = calling(more);
    assert!(!dialog.is_confirmed());
    let bye = dialog.request(Method::Update);
    let routes: Vec<_> = bye.headers.all("Route").collect();
    assert_eq!(routes, ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    assert_eq!(bye.headers.get("CSeq").as_deref(), Some("2 UPDATE"));
    dialog.confirm(&response(200, "Contact: <sip:bob@d.example>"));
    assert!(dialog.is_confirmed());
    let ack = dialog.ack(1);
    assert_eq!(
        printed(&ack),
        "ACK sip:bob@d.example SIP/2.0|Max-Forwards: 70|\
         From: \"Alice\" <sip:alice@a.example>;tag=a1|To: <sip:100@b.example>;tag=b1|\
         Call-ID: one|CSeq: 1 ACK|Content-Length: 0||"
    );
    dialog.confirm(&response(200, "Contact: <sip:bob@e.example>\nRecord-Route: <sip:x;lr>"));
    assert_eq!(dialog.target().as_str(), "sip:bob@e.example");
    assert!(!dialog.ack(1).headers.has("Route"), "a re-INVITE moves no route");
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let mut dialog = answering(
        "Contact: <sip:alice@a.example>\nRecord-Route: <sip:old.example?x=y>, <sip:p1.example;lr>",
        "198.51.100.7:5060",
    );
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.as_str(), "sip:old.example");
    let routes: Vec<_> = bye.headers.all("Route").collect();
    assert_eq!(routes, ["<sip:p1.example;lr>", "<sip:alice@a.example>"]);
    let NextHop::Address { host, .. } = dialog.next_hop() else { panic!("a proxy") };
    assert_eq!(host.to_string(), "old.example");
}

#[test]
fn the_order_of_requests_is_kept_per_direction() {
    let mut dialog = answering("Contact: <sip:alice@a.example>", "198.51.100.7:5060");
    let mut take = |method, cseq, more| dialog.receive(&request(method, cseq, more));
    assert_eq!(take("INFO", 5, ""), Ok(()));
    assert_eq!(take("BYE", 4, ""), Err(Refusal::OutOfOrder));
    assert_eq!(take("BYE", 5, ""), Ok(()), "the same again after a restart");
    assert_eq!(take("ACK", 1, ""), Ok(()), "an ACK has the number of its INVITE");
    assert_eq!(take("INFO", 6, "Contact: <sip:x@x.example>"), Ok(()));
    assert_eq!(take("UPDATE", 7, "Contact: <sip:new@a.example>"), Ok(()));
    assert_eq!(dialog.target().as_str(), "sip:new@a.example");
    assert_eq!(Refusal::OutOfOrder.status().code(), 500);
}

#[test]
fn a_peer_behind_nat_is_reached_along_its_flow() {
    let cases = [
        // Its Via and Contact name an address that it does not send from.
        ("sip:alice@10.0.0.9:5060", "198.51.100.7:40000", "flow"),
        // A private Contact seen from the internet.
        ("sip:alice@192.168.1.5", "198.51.100.7:40000", "flow"),
        // A private Contact seen from the private network, through another machine.
        ("sip:alice@10.0.0.8:5062", "10.0.0.1:5060", "10.0.0.8 Some(5062) UDP"),
        // A carrier whose signalling comes from one address and is taken at another.
        ("sip:alice@203.0.113.5;transport=tcp", "198.51.100.7:5060", "203.0.113.5 None TCP"),
        ("sip:alice@198.51.100.7", "198.51.100.7:5060", "flow"),
        ("sip:alice@a.example", "198.51.100.7:5060", "a.example None UDP"),
    ];
    for (contact, remote, expected) in cases {
        let mut dialog = answering(&format!("Contact: <{contact}>"), remote);
        let hop = match dialog.next_hop() {
            NextHop::Flow(_) => "flow".to_owned(),
            NextHop::Address { host, port, transport } => {
                format!("{host} {port:?} {transport}")
            }
        };
        assert_eq!(hop, expected, "{contact}");
        dialog.keep_flow();
        assert_eq!(dialog.next_hop(), NextHop::Flow(flow(remote)));
    }
}

#[test]
fn over_tls_only_a_trunk_is_connected_to() {
    let name = holdfast_base::TrunkName::new("sbc");
    for (trunk, remote) in [(None, "198.51.100.7:40000"), (Some(name.id()), "198.51.100.7:5061")] {
        let mut dialog = answering("Contact: <sips:alice@198.51.100.7>", "198.51.100.7:40000");
        let came = flow("198.51.100.7:40000");
        let came = Flow { transport: Transport::Tls, connection: Some(7), trunk, ..came };
        dialog.moved_to(came);
        assert_eq!(dialog.next_flow().remote.to_string(), remote);
    }
}

#[test]
fn over_tcp_a_phone_that_takes_no_connections_opens_them() {
    let tcp = |remote| Flow { transport: Transport::Tcp, connection: Some(7), ..flow(remote) };
    for (contact, flow, theirs) in [
        // Behind a NAT: what leads to it is the connection that it has opened.
        ("sip:alice@10.0.0.9:5060;transport=tcp", tcp("198.51.100.7:40000"), true),
        // It takes connections, at another port than the one that it calls from.
        ("sip:alice@198.51.100.7:5060;transport=tcp", tcp("198.51.100.7:40000"), false),
        ("sip:alice@198.51.100.7:5060;transport=tcp", tcp("198.51.100.7:5060"), false),
        // A name: nobody asks name servers in the middle of a call.
        ("sip:alice@a.example;transport=tcp", tcp("198.51.100.7:40000"), true),
    ] {
        let mut dialog = answering(&format!("Contact: <{contact}>"), &flow.remote.to_string());
        dialog.moved_to(flow);
        assert_eq!(dialog.is_theirs_to_open(), theirs, "{contact}");
        dialog.keep_flow();
        let takes_none = flow.remote.port() == 40_000;
        assert_eq!(dialog.is_theirs_to_open(), takes_none, "{contact}");
    }
}

#[test]
fn the_journal_keeps_all_but_the_connection() {
    let mut before = calling("Record-Route: <sip:p1.example;lr>;x=\"y,z\"");
    before.moved_to(Flow { connection: Some(7), ..flow("198.51.100.7:5060") });
    let json = serde_json::to_string(&before).expect("JSON");
    let mut after: Dialog = serde_json::from_str(&json).expect("a dialog");
    assert_eq!(after.flow().connection, None);
    assert_eq!(after.request(Method::Bye).print(), before.request(Method::Bye).print());
}

#[test]
fn a_request_that_is_asked_for_credentials_takes_the_next_number() {
    let mut dialog = calling("");
    let before = dialog.request(Method::Update);
    assert_eq!(DialogId::of_ours(&before).as_ref(), Some(dialog.id()));
    let number = before.headers.cseq().expect("ours").number;
    assert_eq!(dialog.next_number(), number + 1);
    assert_eq!(dialog.request(Method::Bye).headers.cseq().expect("ours").number, number + 2);
}

#[test]
fn a_response_without_a_tag_makes_no_dialog() {
    let invite = invite("Contact: <sip:us@192.0.2.1>");
    let mut trying = response(180, "");
    trying.headers.set("To", "<sip:100@b.example>");
    assert!(Dialog::calling(&invite, flow("198.51.100.7:5060"), &trying).is_err());
}
