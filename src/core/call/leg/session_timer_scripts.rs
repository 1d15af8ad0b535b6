//! Scripts of session timers: what is asked and granted, and what is due when.

use super::{Due, SessionTimer, Terms, ask, too_brief, widened};
use holdfast_base::Mono;
use holdfast_wire::sip::{Headers, Message, Request};
use std::time::Duration;

const TERMS: Terms = Terms { interval_s: Some(1800), least_s: 90 };

fn request(method: &str, more: &str) -> Request {
    let text = format!(
        "{method} sip:100@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\n\
         From: <sip:a@h>;tag=a\nTo: <sip:100@192.0.2.1>\nCall-ID: c\nCSeq: 1 {method}\n{more}\n\n"
    );
    let text = text.replace('\n', "\r\n").replace("\r\n\r\n\r\n", "\r\n\r\n");
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{text} {other:?}"),
    }
}

fn headers(more: &str) -> Headers {
    request("INVITE", more).headers
}

fn at(seconds: u64) -> Mono {
    Mono::from_micros(seconds * 1_000_000)
}

/// The fields about the session, on one line.
fn said(headers: &Headers) -> String {
    let names = ["Session-Expires", "Min-SE", "Require"];
    let said = names.iter().filter_map(|name| headers.get(name).map(|it| format!("{name}: {it}")));
    said.collect::<Vec<_>>().join(", ")
}

/// Every deadline with what is due there, as long as each refresh is refused.
fn deadlines(mut timer: SessionTimer) -> String {
    let mut told = Vec::new();
    for _ in 0..20 {
        let Some(deadline) = timer.deadline() else { return told.join(" ") };
        let due = timer.due(deadline).expect("what has a deadline is due then");
        assert_eq!(timer.due(at(0)), None, "and not before");
        let seconds = deadline.millis() as f64 / 1000.0;
        told.push(format!("{due:?}@{seconds:.0}"));
        match due {
            Due::Refresh => {
                timer.sent();
                assert_eq!(timer.due(deadline), None, "one at a time");
                timer.failed(deadline);
            }
            Due::End => return told.join(" "),
        }
    }
    panic!("livelock: {told:?}");
}

fn granted(request: &Request, timer: &mut SessionTimer) -> String {
    timer.grant(request, TERMS, at(0));
    let mut answer = Headers::new();
    timer.write_grant(request, &mut answer);
    said(&answer)
}

#[test]
fn what_a_caller_is_granted() {
    let cases = [
        // Neither knows nor wants one.
        ("", ""),
        // RFC 4028 §9, table 2.
        ("Supported: timer", "Session-Expires: 1800;refresher=uas, Require: timer"),
        (
            "Supported: timer\nSession-Expires: 600",
            "Session-Expires: 600;refresher=uas, Require: timer",
        ),
        (
            "Require: timer\nSession-Expires: 600;refresher=uac",
            "Session-Expires: 600;refresher=uac, Require: timer",
        ),
        (
            "k: 100rel,timer\nx: 600;refresher=uas",
            "Session-Expires: 600;refresher=uas, Require: timer",
        ),
        // A proxy wants one, and the caller does not know what it is.
        ("Session-Expires: 600", "Session-Expires: 600;refresher=uas"),
        ("Session-Expires: 600;refresher=uac", "Session-Expires: 600;refresher=uas"),
        // Longer than ours is made shorter, but not below their Min-SE.
        ("Session-Expires: 7200", "Session-Expires: 1800;refresher=uas"),
        ("Session-Expires: 7200\nMin-SE: 3600", "Session-Expires: 3600;refresher=uas"),
        ("Supported: timer\nMin-SE: 3600", "Session-Expires: 3600;refresher=uas, Require: timer"),
        // Less than there is: nonsense of somebody who would not understand a 422.
        ("Session-Expires: 1", ""),
        (
            "Supported: timer\nSession-Expires: soon",
            "Session-Expires: 1800;refresher=uas, Require: timer",
        ),
    ];
    for (more, expected) in cases {
        let granted = granted(&request("INVITE", more), &mut SessionTimer::default());
        assert_eq!(granted, expected, "{more}");
    }
}

#[test]
fn who_refreshes_goes_on_to() {
    let first = request("INVITE", "Supported: timer\nSession-Expires: 600;refresher=uac");
    let mut timer = SessionTimer::default();
    granted(&first, &mut timer);
    let open = request("UPDATE", "Supported: timer\nSession-Expires: 600");
    let uac = "Session-Expires: 600;refresher=uac, Require: timer";
    assert_eq!(granted(&open, &mut timer), uac);
    let forgetful = request("UPDATE", "Supported: timer");
    assert_eq!(granted(&forgetful, &mut timer), uac, "it goes on as it was");
    let silent = request("UPDATE", "");
    let granted = granted(&silent, &mut timer);
    assert_eq!(granted, "Session-Expires: 600;refresher=uas", "who knows none can not refresh");
}

#[test]
fn a_short_session_is_refused_by_who_would_understand_it() {
    let terms = Terms { interval_s: Some(1800), least_s: 120 };
    for (more, expected) in [
        ("Supported: timer\nSession-Expires: 119", Some(120)),
        ("Supported: timer\nSession-Expires: 120", None),
        ("Supported: timer", None),
        ("Session-Expires: 60", None),
    ] {
        assert_eq!(too_brief(&request("INVITE", more), terms), expected, "{more}");
    }
}

#[test]
fn what_we_ask_for_and_how_a_422_widens_it() {
    let mut invite = request("INVITE", "");
    ask(&mut invite, TERMS);
    assert_eq!(said(&invite.headers), "Session-Expires: 1800, Min-SE: 90");
    let mut told = Vec::new();
    for least in ["Min-SE: 1800", "Min-SE: 90000", "", "Min-SE: 3600", "Min-SE: 3600"] {
        match widened(&invite, &headers(least)) {
            Some(again) => {
                invite = again;
                let cseq = invite.headers.get("CSeq").expect("a CSeq").into_owned();
                told.push(format!("{cseq}, {}", said(&invite.headers)));
            }
            None => told.push("no".to_owned()),
        }
    }
    let wide = "2 INVITE, Session-Expires: 3600, Min-SE: 3600";
    assert_eq!(told, ["no", "no", "no", wide, "no"]);
    for least in [4000, 5000] {
        invite = widened(&invite, &headers(&format!("Min-SE: {least}"))).expect("one more");
    }
    assert!(widened(&invite, &headers("Min-SE: 6000")).is_none(), "the limit is reached");
    let mut plain = request("INVITE", "");
    ask(&mut plain, Terms { interval_s: None, ..TERMS });
    assert_eq!(said(&plain.headers), "");
    assert!(widened(&plain, &headers("Min-SE: 6000")).is_none(), "none was asked for");
}

#[test]
fn what_a_called_party_grants_and_what_is_due_when() {
    for (answer, expected) in [
        ("", ""),
        ("Session-Expires: 10", ""),
        ("Session-Expires: 1800;refresher=uas", "End@1768"),
        ("Session-Expires: 90;refresher=uas", "End@60"),
        (
            "Session-Expires: 1800;refresher=uac",
            "Refresh@900 Refresh@1334 Refresh@1551 Refresh@1660 Refresh@1714 Refresh@1741 \
             Refresh@1754 Refresh@1761 End@1768",
        ),
        ("Session-Expires: 90", "Refresh@45 Refresh@52 End@60"),
    ] {
        let mut timer = SessionTimer::default();
        timer.agree(&headers(answer), at(0));
        assert_eq!(deadlines(timer), expected, "{answer}");
    }
}

#[test]
fn a_refresh_puts_the_end_off_and_names_the_roles_anew() {
    let mut timer = SessionTimer::default();
    timer.agree(&headers("Session-Expires: 90;refresher=uac\nAllow: INVITE, UPDATE"), at(0));
    assert!(timer.takes_update());
    let mut asked = Headers::new();
    timer.write_request(&mut asked);
    assert_eq!(said(&asked), "Session-Expires: 90;refresher=uac, Min-SE: 90");
    timer.sent();
    timer.agree(&headers("Session-Expires: 90;refresher=uac"), at(46));
    assert_eq!(deadlines(timer), "Refresh@91 Refresh@98 End@106");
    timer.agree(&headers("Session-Expires: 120;refresher=uas"), at(50));
    let mut asked = Headers::new();
    timer.write_request(&mut asked);
    assert_eq!(said(&asked), "Session-Expires: 120;refresher=uas, Min-SE: 90");
    timer.agree(&headers(""), at(60));
    assert_eq!(timer.deadline(), None, "RFC 4028 §7.2: a 2xx without it turns it off");
}

#[test]
fn a_refresh_that_collides_is_tried_again_once() {
    let mut timer = SessionTimer::default();
    timer.agree(&headers("Session-Expires: 1800;refresher=uac"), at(0));
    timer.sent();
    timer.collided(at(900), Duration::from_secs(3));
    assert_eq!(timer.deadline(), Some(at(903)));
    timer.sent();
    timer.collided(at(903), Duration::from_secs(3));
    assert!(timer.deadline() > Some(at(1300)), "no loop of 491");
}

#[test]
fn a_422_to_a_refresh_widens_it() {
    let mut timer = SessionTimer::default();
    assert!(!timer.widen(&headers("Min-SE: 200")), "there is no timer");
    timer.agree(&headers("Session-Expires: 90"), at(0));
    timer.sent();
    assert!(!timer.widen(&headers("")), "nothing new is said");
    assert!(timer.widen(&headers("Min-SE: 200")));
    let mut asked = Headers::new();
    timer.write_request(&mut asked);
    assert_eq!(said(&asked), "Session-Expires: 200;refresher=uac, Min-SE: 200");
}

#[test]
fn after_a_restart_the_party_has_time_to_answer() {
    for (answer, expected) in [
        ("Session-Expires: 90;refresher=uas", "End@532"),
        ("Session-Expires: 90;refresher=uac", "Refresh@516 Refresh@524 Refresh@528 End@532"),
    ] {
        let mut timer = SessionTimer::default();
        timer.agree(&headers(answer), at(0));
        timer.resume(at(500));
        assert_eq!(deadlines(timer), expected);
    }
}
