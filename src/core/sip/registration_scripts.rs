//! Scripts of a registration: what is asked, when, of whom, and what becomes of the answer.

use super::{Act, Desk, Input, Registration, Way};
use crate::sip::flow::{Flow, Transport};
use holdfast_base::{Entropy, Mono};
use holdfast_config::Registration as Wanted;
use holdfast_wire::sip::{Message, Response};
use std::time::Duration;

struct Script {
    it: Registration,
    wanted: Wanted,
    ways: Vec<Way>,
    entropy: Entropy,
    now: Mono,
    trace: String,
}

fn wanted() -> Wanted {
    Wanted {
        user: "+4930123".into(),
        domain: None,
        contact: None,
        expires: Duration::from_secs(600),
        keep_alive: Some(Duration::from_secs(90)),
    }
}

fn way(transport: Transport, remote: &str) -> Way {
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), remote.parse().unwrap());
    let flow = Flow { transport, local, remote, connection: None, trunk: None };
    Way { flow, within: Duration::from_secs(4) }
}

impl Script {
    fn new(transport: Transport, addresses: &[&str]) -> Self {
        let ways: Vec<Way> = addresses.iter().map(|it| way(transport, it)).collect();
        let (wanted, now) = (wanted(), Mono::default());
        let mut entropy = Entropy::new([5; 32]);
        let it = Registration::new(&mut Desk {
            now,
            wanted: &wanted,
            ways: &ways,
            entropy: &mut entropy,
        });
        Self { it, wanted, ways, entropy, now, trace: String::new() }
    }

    fn give(&mut self, what: &str, input: &Input<'_>) {
        let (now, wanted, ways) = (self.now, &self.wanted, self.ways.as_slice());
        let mut desk = Desk { now, wanted, ways, entropy: &mut self.entropy };
        let acts = self.it.handle(input, &mut desk);
        let words = acts.iter().map(|act| match act {
            Act::Register { way, expires_s } => {
                format!(" > REGISTER {expires_s} to {}", way.flow.remote)
            }
            Act::KeepAlive(flow) => format!(" > ping {}", flow.remote),
            Act::Registered => " > registered".to_owned(),
            Act::Lost { why } => format!(" > lost: {why}"),
        });
        let words: String = words.collect();
        self.trace += &format!("{:>4} {what}{words}\n", self.now.millis() / 1000);
    }

    /// To the next deadline.
    fn wait(&mut self) {
        self.now = self.it.deadline().expect("something is due");
        self.give("time", &Input::DeadlineReached);
    }

    fn answer(&mut self, status: &str, more: &str) {
        let more = more.replace("{contact}", self.it.contact());
        let text = format!(
            "SIP/2.0 {status}\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\nFrom: <sip:a@h>;tag=a\n\
             To: <sip:a@h>;tag=b\nCall-ID: c\nCSeq: 1 REGISTER\n{more}\n\n"
        );
        let response: Response = match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Response(response)) => response,
            other => panic!("{text} {other:?}"),
        };
        self.give(status, &Input::Answered(&response));
    }

    /// For how long it will do nothing.
    fn idle_s(&self) -> u64 {
        self.it.deadline().expect("something is due").since(self.now).as_secs()
    }
}

const FIRST: &str = "198.51.100.1:5060";
const OTHER: &str = "198.51.100.2:5060";

#[test]
fn what_is_granted_is_renewed_in_time_and_lost_at_its_end() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.wait();
    script.answer("200 OK", "Contact: <sip:x@h>;expires=30, <sip:{contact}@h>;expires=100");
    let renewed = script.idle_s();
    assert!((50..=90).contains(&renewed), "{renewed}");
    script.wait();
    script.give("nobody", &Input::Failed);
    assert!(script.it.granted().is_some(), "what was granted holds");
    script.wait();
    script.give("nobody", &Input::Failed);
    while script.it.granted().is_some() {
        script.wait();
        script.give("nobody", &Input::Failed);
    }
    assert!(script.trace.contains(&format!("lost: {FIRST}: nobody answers there")));
    let seconds = script.now.millis() / 1000;
    assert!((100..=102).contains(&seconds), "{seconds}");
}

#[test]
fn an_answer_without_our_contact_is_read_by_its_expires() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.wait();
    script.answer("200 OK", "Contact: <sip:other@h>;expires=30\nExpires: 3600");
    let left = script.it.granted().expect("granted").until.since(script.now);
    assert_eq!(left.as_secs(), 3600);
}

#[test]
fn a_longer_time_is_asked_for_once() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.wait();
    script.answer("423 Interval Too Brief", "Min-Expires: 1800");
    script.answer("423 Interval Too Brief", "Min-Expires: 3600");
    assert_eq!(
        script.trace,
        "   0 time > REGISTER 600 to 198.51.100.1:5060
   0 423 Interval Too Brief > REGISTER 1800 to 198.51.100.1:5060
   0 423 Interval Too Brief\n"
    );
}

#[test]
fn the_next_address_is_asked_and_stays() {
    let mut script = Script::new(Transport::Udp, &[FIRST, OTHER]);
    script.wait();
    script.wait();
    script.answer("200 OK", "");
    script.wait();
    assert_eq!(
        script.trace.lines().map(|line| &line[5..]).collect::<Vec<_>>(),
        [
            "time > REGISTER 600 to 198.51.100.1:5060",
            "time > REGISTER 600 to 198.51.100.2:5060",
            "200 OK > registered",
            "time > REGISTER 600 to 198.51.100.2:5060",
        ]
    );
}

#[test]
fn patience_grows_with_every_failure_and_has_an_end() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    let mut last = 0;
    for round in 0..9 {
        script.wait();
        script.answer("500 Server Internal Error", "");
        let idle = script.idle_s();
        let longest = (30 << round).min(1800);
        assert!((longest / 2..=longest).contains(&idle), "round {round}: {idle}");
        last = idle;
    }
    assert!(last >= 900, "{last}");
    script.wait();
    script.answer("503 Service Unavailable", "Retry-After: 77");
    assert_eq!(script.idle_s(), 77);
    script.wait();
    script.answer("200 OK", "");
    script.wait();
    script.answer("500 Server Internal Error", "");
    assert!(script.idle_s() <= 30, "a success makes all good");
}

#[test]
fn a_registrar_that_refuses_us_is_not_hurried() {
    for status in ["401 Unauthorized", "403 Forbidden", "404 Not Found"] {
        let mut script = Script::new(Transport::Udp, &[FIRST, OTHER]);
        script.wait();
        script.answer(status, "");
        assert!((300..=600).contains(&script.idle_s()), "{status} {}", script.idle_s());
        assert!(script.it.trouble().is_some_and(|why| why.contains("sheet of the carrier")));
    }
}

#[test]
fn a_broken_connection_is_mended_at_once_and_a_living_one_kept() {
    let mut script = Script::new(Transport::Tcp, &[FIRST]);
    script.wait();
    script.answer("200 OK", "Expires: 600");
    script.wait();
    assert!(script.trace.ends_with("time > ping 198.51.100.1:5060\n"), "{}", script.trace);
    let broken = Flow { connection: Some(3), ..way(Transport::Tcp, FIRST).flow };
    script.give("broken", &Input::FlowBroken(broken));
    assert!(script.idle_s() < 2);
    script.wait();
    assert!(script.trace.ends_with("REGISTER 600 to 198.51.100.1:5060\n"), "{}", script.trace);
}

#[test]
fn who_stops_says_so() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.give("stop", &Input::Stop);
    assert!(!script.it.is_leaving(), "nobody knows us");
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.wait();
    script.answer("200 OK", "");
    script.give("stop", &Input::Stop);
    assert!(script.it.is_leaving());
    assert!(script.trace.ends_with("stop > REGISTER 0 to 198.51.100.1:5060\n"));
    script.answer("200 OK", "");
    assert!(!script.it.is_leaving() && script.it.granted().is_none());
}

#[test]
fn the_registrar_knows_the_next_process() {
    let mut script = Script::new(Transport::Udp, &[FIRST]);
    script.wait();
    let route = "Service-Route: <sip:edge.example;lr>\nP-Associated-URI: <sip:+49301@h>";
    script.answer("200 OK", route);
    let names = {
        let (call_id, cseq, tag, contact) = script.it.next_names();
        (call_id.to_owned(), cseq, tag.to_owned(), contact.to_owned())
    };
    let json = serde_json::to_string(&script.it).expect("JSON");
    let mut after: Registration = serde_json::from_str(&json).expect("a registration");
    let (call_id, cseq, tag, contact) = after.next_names();
    assert_eq!((call_id, tag, contact), (&*names.0, &*names.2, &*names.3));
    assert_eq!(cseq, names.1 + 1);
    assert_eq!(after.granted().map(|it| it.service_route.len()), Some(1));
    assert_eq!(after.deadline(), Some(Mono::default()), "asked at once");
}
