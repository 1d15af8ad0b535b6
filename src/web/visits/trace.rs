//! The trace as a visitor finds it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{StatusCode, header};
use holdfast_base::{AgentName, CallId, ContactId, OfferId, QueueName, Wall};
use holdfast_core::record::event::{EndedBy, Fact, Ingress, Subject};
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::trace::{Direction, Seen, Trace};

use super::Visit;
use crate::doors::Traces;
use crate::sample::AT;

const NUMBER: &str = "+41313330011";

/// A trace in which one call has passed, from a caller who writes markup, and one registration.
fn traced() -> Trace {
    let mut trace = Trace::new(1 << 20);
    let mut at = AT.micros() - 60_000_000;
    for seen in script() {
        at += 10_000;
        if let Some(entry) = trace.read(Wall::from_micros(at), seen) {
            trace.keep(entry);
        }
    }
    trace
}

/// The door of the tests.
pub(super) fn door() -> Traces {
    let trace = Mutex::new(traced());
    Arc::new(move |question| {
        let trace = trace.lock().unwrap();
        let answer = (trace.answer(&question), trace.kept());
        Box::pin(std::future::ready(Some(answer)))
    })
}

fn script() -> Vec<Seen> {
    let (call, contact, offer) = (CallId(7), ContactId(7), OfferId(1));
    let (queue, agent) = (QueueName::new("sales"), AgentName::new("anna"));
    let subject = |text: &str| Subject(text.to_owned());
    vec![
        message(Direction::In, "one@pbx", "INVITE sip:sales@box SIP/2.0", "1 INVITE"),
        Seen::Fact(Fact::CallArrived {
            call,
            trunk: None,
            from: subject(NUMBER),
            dialled: subject("sales"),
            ingress: Ingress::Sip,
            sip_call_id: Some("one@pbx".to_owned()),
        }),
        Seen::Fact(Fact::Enqueued { contact, call, queue }),
        Seen::Fact(Fact::CallAnswered { call }),
        message(Direction::Out, "one@pbx", "SIP/2.0 200 OK", "1 INVITE"),
        message(Direction::In, "one@pbx", "ACK sip:box SIP/2.0", "1 ACK"),
        Seen::Fact(Fact::OfferWon { offer, contact, agent }),
        message(Direction::In, "one@pbx", "BYE sip:box SIP/2.0", "2 BYE"),
        Seen::Fact(Fact::CallEnded { call, by: EndedBy::Caller, status: None, cause: None }),
        message(Direction::In, "reg&1@phone", "REGISTER sip:box SIP/2.0", "1 REGISTER"),
        message(Direction::Out, "reg&1@phone", "SIP/2.0 200 OK", "1 REGISTER"),
    ]
}

fn message(direction: Direction, call_id: &str, start: &str, cseq: &str) -> Seen {
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK1\r\n\
         From: \"<script>alert('\\\"1\\\"')</script>\" <sip:{NUMBER}@pbx>;tag=c\r\n\
         To: <sip:sales@box>\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
    );
    let flow = Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "203.0.113.5:5060".parse().unwrap(),
        connection: None,
        trunk: None,
    };
    Seen::Message { direction, flow, bytes: text.into_bytes() }
}

/// What the API answers to a search and of a call, to be held against its description.
pub(crate) async fn answers() -> [serde_json::Value; 2] {
    let mut visit = Visit::claimed("trace-schema").await;
    let found = visit.get("/api/v1/trace?call_id=@").await.json();
    assert!(found["found"].as_array().is_some_and(|found| found.len() == 2), "{found}");
    [found, visit.get("/api/v1/calls/7/trace").await.json()]
}

#[tokio::test]
async fn a_call_is_found_and_its_ladder_opens() {
    let mut visit = Visit::claimed("ladder").await;
    let found = visit.get("/trace?party=031+333+00+11&call_id=&minutes=60").await;
    assert_eq!(found.status, StatusCode::OK);
    assert!(found.body.contains(r#"href="/calls/7""#), "{}", found.body);
    assert!(found.body.contains("+4\u{2026}11"));
    let nothing = visit.get("/trace?party=999999").await.body;
    assert!(nothing.contains("Nothing that fits"));

    let ladder = visit.get("/calls/7").await;
    assert_eq!(ladder.status, StatusCode::OK);
    let places: Vec<Option<usize>> = [
        "What happened",
        "+4\u{2026}11 called sales",
        "The caller hung up",
        ">INVITE<",
        "waits in queue sales",
        ">200 OK<",
        ">ACK<",
        "agent anna has the call",
        ">BYE<",
        "call over, ended by the caller",
    ]
    .into_iter()
    .map(|part| ladder.body.find(part))
    .collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    for path in ["/", "/calls/7", "/calls/call-7"] {
        assert!(visit.get(path).await.body.contains(r#"href="/trace""#), "{path}");
    }
    assert!(visit.get("/").await.body.contains(r#"href="/calls/308""#), "a record leads there");
    assert!(visit.get("/").await.body.contains(r#"href="/calls/309""#), "and a live call");
}

#[tokio::test]
async fn numbers_are_hidden_everywhere_until_somebody_asks() {
    let mut visit = Visit::claimed("ladder-masked").await;
    let api = "/api/v1/calls/7/trace";
    let pages = ["/trace", "/calls/7", "/trace/dialog?call_id=one%40pbx", "/api/v1/trace", api];
    for path in pages.into_iter().chain(["/api/v1/calls/7/trace.txt"]) {
        let masked = visit.get(path).await;
        assert_eq!(masked.status, StatusCode::OK, "{path}");
        assert!(!masked.body.contains("3330011"), "{path}");
        assert!(masked.body.contains("+4\u{2026}11"), "{path}");
    }
    for path in ["/calls/7?numbers=full", "/trace/dialog?call_id=one%40pbx&numbers=full"] {
        assert!(visit.get(path).await.body.contains(NUMBER), "{path}");
    }
    for path in [format!("{api}?numbers=full"), format!("{api}.txt?numbers=full")] {
        assert!(visit.get(&path).await.body.contains(NUMBER), "{path}");
    }
    let wrong = visit.get("/calls/7?numbers=some").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_registration_has_a_ladder_by_its_call_id() {
    let mut visit = Visit::claimed("ladder-dialog").await;
    let found = visit.get("/trace?call_id=reg%26").await.body;
    assert!(found.contains(r#"href="/trace/dialog?call_id=reg%261@phone""#), "{found}");
    let ladder = visit.get("/trace/dialog?call_id=reg%261@phone").await.body;
    assert!(ladder.contains(">REGISTER<") && ladder.contains(">200 OK (REGISTER)<"), "{ladder}");
}

#[tokio::test]
async fn what_a_caller_writes_is_no_markup_in_a_ladder() {
    let mut visit = Visit::claimed("ladder-hostile").await;
    for path in ["/calls/7", "/trace?party=%22%3E%3Cscript%3E", "/trace?minutes=1440"] {
        let page = visit.get(path).await;
        assert!(!page.body.contains("<script"), "{path}");
        assert!(!page.body.contains("style="), "{path}");
    }
    assert!(visit.get("/calls/7").await.body.contains("&lt;script&gt;alert("));
}

#[tokio::test]
async fn other_programs_get_it_as_json_text_and_packets() {
    let mut visit = Visit::claimed("ladder-api").await;
    let call = visit.get("/api/v1/calls/7/trace").await.json();
    assert_eq!(call["call"], 7);
    assert_eq!(call["ladder"]["parties"][1]["name"], "Holdfast");
    let rows = call["ladder"]["rows"].as_array().unwrap();
    assert_eq!(rows.iter().filter(|row| row["row"] == "message").count(), 4);
    let request = visit.request("GET", "/api/v1/calls/7/trace.pcap").body(Body::empty()).unwrap();
    let answer = visit.send(request).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/vnd.tcpdump.pcap");
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    assert_eq!(visit.get("/api/v1/calls/8/trace").await.status, StatusCode::NOT_FOUND);
    let wrong = visit.get("/api/v1/calls/seven/trace.txt").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(visit.get("/calls/seven").await.status, StatusCode::NOT_FOUND);
    assert!(visit.get("/calls/8").await.body.contains("Nothing of it is in the trace"));
}

/// Leaves the pages in `target/pages`, to be looked at in a browser.
#[tokio::test]
async fn a_query_that_is_wrong_is_told_in_the_form_of_who_asks() {
    let mut visit = Visit::claimed("query").await;
    for (path, part) in [
        ("/api/v1/trace?number=1", "`number`"),
        ("/api/v1/trace?minutes=-1", "minutes"),
        ("/api/v1/calls/7/trace?numbers=all", "numbers"),
        ("/api/v1/cdrs?limit=abc", "`limit`"),
        ("/api/v1/queues/sales?limit=1", "`limit`"),
        ("/api/v1/routes/explain?guest=maybe", "guest"),
    ] {
        let answer = visit.get(path).await;
        assert_eq!(answer.status.as_u16(), 422, "{path}");
        let refusal = answer.json();
        assert!(refusal["error"].as_str().is_some_and(|it| it.contains(part)), "{refusal}");
        assert!(refusal["remedy"].as_str().is_some_and(|it| it.contains("openapi")), "{refusal}");
    }
    for path in ["/trace?minutes=abc", "/trace/dialog", "/calls/7?numbers=all", "/routes?guest=1"] {
        let answer = visit.get(path).await;
        assert_eq!(answer.status.as_u16(), 422, "{path}");
        assert!(answer.body.starts_with("<!DOCTYPE html>"), "{path} {}", answer.body);
        assert!(answer.body.contains("what stands behind the ? is wrong"), "{path}");
    }
    for path in ["/api/v1/queues/nothing", "/api/v1/agents/nobody", "/api/v1/trunks/no/doctor"] {
        let refusal = visit.get(path).await.json();
        let remedy = refusal["remedy"].as_str().unwrap_or_default();
        assert!(remedy.ends_with(" lists those there are."), "{path} {refusal}");
    }
}

#[tokio::test]
async fn the_ladder_can_be_looked_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let mut visit = Visit::claimed("ladder-look").await;
    for (name, path) in [
        ("trace.html", "/trace"),
        ("ladder.html", "/calls/7"),
        ("assets/trace.css", "/assets/trace.css"),
    ] {
        std::fs::write(folder.join(name), visit.get(path).await.body).unwrap();
    }
}
