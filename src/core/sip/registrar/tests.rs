//! What a REGISTER does, and what is known after it.

use super::{Moved, Registrar};
use crate::sip::flow::{Flow, Transport};
use crate::sip::lifetimes::Lifetimes;
use holdfast_base::limits::BINDINGS_PER_ACCOUNT_MAX;
use holdfast_base::{EndpointName, Mono, Now, Wall};
use holdfast_wire::sip::{Message, Request};
use proptest::prelude::*;
use std::time::Duration;

const LIFETIMES: Lifetimes =
    Lifetimes { min: Duration::from_secs(60), max: Duration::from_secs(600), spread_permille: 0 };

fn at(seconds: u64) -> Now {
    let mono = Mono::from_micros(0) + Duration::from_secs(seconds);
    Now { mono, wall: Wall::from_micros(0) }
}

fn flow(connection: u64) -> Flow {
    let local = "192.0.2.1:5060".parse().expect("an address");
    let remote = "198.51.100.7:40000".parse().expect("an address");
    Flow { transport: Transport::Tcp, local, remote, connection: Some(connection), trunk: None }
}

fn alice() -> EndpointName {
    EndpointName::new("alice")
}

fn request(cseq: u32, more: &str) -> Request {
    let text = format!(
        "REGISTER sip:pbx SIP/2.0\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\n\
         From: <sip:alice@pbx>;tag=a\nTo: <sip:alice@pbx>\nCall-ID: c\n\
         CSeq: {cseq} REGISTER\n{more}\n\n"
    );
    match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

struct Bench(Registrar);

impl Bench {
    fn new() -> Self {
        Self(Registrar::new())
    }

    /// The status, and the Contacts of the answer.
    fn register(&mut self, seconds: u64, cseq: u32, more: &str) -> String {
        let request = request(cseq, more);
        let (answer, _) = self.0.register(at(seconds), &alice(), &request, flow(1), LIFETIMES);
        let contacts = answer.headers.list("Contact").join(" ");
        format!("{} {contacts}", answer.status).trim_end().to_owned()
    }
}

#[test]
fn binds_renews_asks_and_removes() {
    let mut bench = Bench::new();
    assert_eq!(bench.register(0, 1, ""), "200");
    assert_eq!(
        bench.register(0, 2, "Contact: <sip:a@h>;q=0.5, <sip:b@h>;expires=120\nExpires: 300"),
        "200 <sip:b@h>;q=1.000;expires=120 <sip:a@h>;q=0.500;expires=300"
    );
    let best: Vec<_> =
        bench.0.bindings(&alice()).map(|binding| binding.contact.to_string()).collect();
    assert_eq!(best, ["sip:b@h", "sip:a@h"]);
    assert_eq!(
        bench.register(100, 3, "Contact: <sip:b@h>"),
        "200 <sip:b@h>;q=1.000;expires=600 <sip:a@h>;q=0.500;expires=200"
    );
    assert_eq!(
        bench.register(100, 4, "Contact: <sip:b@h>;expires=0"),
        "200 <sip:a@h>;q=0.500;expires=200"
    );
    assert_eq!(bench.register(100, 5, "Contact: *\nExpires: 0"), "200");
    assert_eq!(bench.0.deadline(), None);
}

#[test]
fn a_wish_too_brief_is_423_and_one_too_long_is_cut() {
    let mut bench = Bench::new();
    let brief = request(1, "Contact: <sip:a@h>;expires=59");
    let (answer, _) = bench.0.register(at(0), &alice(), &brief, flow(1), LIFETIMES);
    assert_eq!(answer.status.code(), 423);
    assert_eq!(answer.headers.get("Min-Expires").as_deref(), Some("60"));
    assert_eq!(bench.register(0, 2, "Contact: <sip:a@h>;expires=99999"), {
        "200 <sip:a@h>;q=1.000;expires=600"
    });
}

#[test]
fn all_of_a_request_counts_or_none_of_it() {
    let mut bench = Bench::new();
    bench.register(0, 5, "Contact: <sip:a@h>");
    assert_eq!(bench.register(0, 4, "Contact: <sip:b@h>, <sip:a@h>;expires=0"), "500");
    assert_eq!(bench.register(0, 6, "Contact: <sip:b@h>, <tel:100>"), "400");
    assert_eq!(bench.register(0, 6, "Contact: *, <sip:b@h>\nExpires: 0"), "400");
    assert_eq!(bench.register(0, 6, "Contact: *"), "400");
    assert_eq!(bench.register(0, 4, "Contact: *\nExpires: 0"), "500");
    assert_eq!(bench.register(0, 6, "Contact: <sip:b@h>\nExpires: 99999999999"), "400");
    assert_eq!(bench.register(0, 7, ""), "200 <sip:a@h>;q=1.000;expires=600");
    // The same again, after a restart that swallowed the answer.
    assert_eq!(bench.register(0, 5, "Contact: <sip:a@h>"), "200 <sip:a@h>;q=1.000;expires=600");
}

#[test]
fn a_phone_that_rebooted_replaces_itself() {
    let mut bench = Bench::new();
    let instance = "+sip.instance=\"<urn:uuid:1>\"";
    bench.register(0, 1, &format!("Contact: <sip:a@h:1000>;{instance}"));
    assert_eq!(
        bench.register(0, 2, &format!("Contact: <sip:a@h:2000>;{instance}")),
        format!("200 <sip:a@h:2000>;q=1.000;expires=600;{instance}")
    );
}

#[test]
fn bindings_expire_and_die_with_their_connection() {
    let mut bench = Bench::new();
    bench.register(0, 1, "Contact: <sip:a@h>;expires=60, <sip:b@h>;expires=90");
    assert_eq!(bench.0.deadline(), Some(at(60).mono));
    assert_eq!(bench.0.handle_deadline(at(60)), [alice()]);
    assert_eq!(bench.0.bindings(&alice()).count(), 1);
    assert_eq!(bench.0.flow_lost(flow(2)), []);
    assert_eq!(bench.0.flow_lost(flow(1)), [alice()]);
    assert_eq!(bench.0.bindings(&alice()).count(), 0);
    assert_eq!(bench.0.deadline(), None);
}

#[test]
fn a_register_can_not_swell_the_box() {
    let mut bench = Bench::new();
    let many = |count: usize| {
        let each = (0..count).map(|phone| format!("<sip:p{phone}@h>")).collect::<Vec<_>>();
        format!("Contact: {}", each.join(", "))
    };
    assert!(bench.register(0, 1, &many(BINDINGS_PER_ACCOUNT_MAX)).starts_with("200 "));
    assert_eq!(bench.register(0, 2, &many(BINDINGS_PER_ACCOUNT_MAX + 1)), "400");
    let long = "x".repeat(600);
    for more in [
        format!("Contact: <sip:a@{long}>"),
        format!("Contact: <sip:a@h>;+sip.instance=\"{long}\""),
        format!("Contact: <sip:a@h>\nPath: <sip:{long};lr>"),
        format!("Contact: <sip:a@h>\nPath: {}", ["<sip:p;lr>"; 5].join(", ")),
    ] {
        assert_eq!(bench.register(0, 2, &more), "400", "{more}");
    }
    assert_eq!(bench.0.bindings(&alice()).count(), BINDINGS_PER_ACCOUNT_MAX);
}

#[test]
fn the_eldest_binding_makes_room() {
    let mut bench = Bench::new();
    for phone in 0..=BINDINGS_PER_ACCOUNT_MAX {
        let seconds = u64::try_from(phone).expect("few");
        bench.register(seconds, 1, &format!("Contact: <sip:p{phone}@h>"));
    }
    let all: Vec<_> = bench.0.bindings(&alice()).collect();
    assert_eq!(all.len(), BINDINGS_PER_ACCOUNT_MAX);
    assert!(all.iter().all(|binding| binding.contact.as_str() != "sip:p0@h"));
}

#[test]
fn the_journal_keeps_all_but_the_connection() {
    let mut bench = Bench::new();
    bench.register(0, 1, "Contact: <sip:a@h>;q=0.25\nPath: <sip:198.51.100.7:40000;lr>");
    let json = serde_json::to_string(&bench.0.snapshot()).expect("JSON");
    let after = Registrar::restore(serde_json::from_str(&json).expect("a snapshot"));
    let binding = after.bindings(&alice()).next().expect("a binding");
    assert_eq!(binding.q.to_string(), "0.250");
    assert_eq!(binding.path.len(), 1);
    assert_eq!(binding.flow.connection, None);
    assert_eq!(after.deadline(), Some(at(600).mono));
}

#[test]
fn after_a_restart_a_phone_of_tcp_is_there_when_it_takes_connections() {
    for (contact, there) in [
        ("sip:a@198.51.100.7:5060;transport=tcp", false), // it connected from another port
        ("sip:a@10.1.1.1:40000;transport=tcp", false),    // behind a NAT
        ("sip:a@198.51.100.7:40000;transport=tcp", true),
        ("sip:a@198.51.100.7:40000", true),
    ] {
        let mut registrar = Registrar::new();
        moves(&mut registrar, 1, &format!("Contact: <{contact}>"), flow(1));
        let registrar = Registrar::restore(registrar.snapshot());
        assert_eq!(registrar.bindings(&alice()).count() == 1, there, "{contact}");
    }
}

#[test]
fn after_a_restart_a_browser_has_to_come_back_and_is_known_again() {
    for transport in [Transport::Wss, Transport::Ws, Transport::Tls] {
        let (before, after) = (Flow { transport, ..flow(1) }, Flow { transport, ..flow(2) });
        let mut registrar = Registrar::new();
        moves(&mut registrar, 1, "Contact: <sip:x@abc.invalid;transport=ws>", before);
        let mut registrar = Registrar::restore(registrar.snapshot());
        assert_eq!(registrar.bindings(&alice()).count(), 0, "nobody can connect to it");
        assert_eq!(registrar.deadline(), None);
        let moved = Moved { from: Flow { connection: None, ..before }, to: after };
        let told = moves(&mut registrar, 2, "Contact: <sip:x@abc.invalid;transport=ws>", after);
        assert_eq!(told, [moved]);
    }
}

/// A REGISTER of another account, or from another way; the moves that it tells.
fn moves(registrar: &mut Registrar, cseq: u32, more: &str, flow: Flow) -> Vec<Moved> {
    let (answer, moves) =
        registrar.register(at(0), &alice(), &request(cseq, more), flow, LIFETIMES);
    assert!(answer.status.is_success(), "{}", answer.status);
    moves
}

#[test]
fn a_phone_that_registers_from_elsewhere_has_moved() {
    let mut registrar = Registrar::new();
    let instance = "+sip.instance=\"<urn:uuid:1>\"";
    let (from, to) = (flow(1), flow(2));
    assert_eq!(moves(&mut registrar, 1, "Contact: <sip:a@h>", from), []);
    assert_eq!(moves(&mut registrar, 2, "Contact: <sip:a@h>", from), [], "it is where it was");
    assert_eq!(moves(&mut registrar, 3, "Contact: <sip:b@h>", to), [], "that is another phone");
    assert_eq!(moves(&mut registrar, 4, "Contact: <sip:a@h>", to), [Moved { from, to }]);
    let named = |contact: &str| format!("Contact: <{contact}>;{instance}");
    assert_eq!(moves(&mut registrar, 5, &named("sip:c@h:1"), from), []);
    assert_eq!(moves(&mut registrar, 6, &named("sip:c@h:2"), to), [Moved { from, to }]);
}

#[test]
fn a_phone_is_remembered_over_the_loss_of_its_connection_and_not_for_ever() {
    let mut registrar = Registrar::new();
    moves(&mut registrar, 1, "Contact: <sip:a@h>;expires=60", flow(1));
    assert_eq!(registrar.flow_lost(flow(1)), [alice()]);
    let moved = Moved { from: flow(1), to: flow(2) };
    assert_eq!(moves(&mut registrar, 2, "Contact: <sip:a@h>;expires=60", flow(2)), [moved]);
    registrar.flow_lost(flow(2));
    let late = request(3, "Contact: <sip:a@h>");
    let (_, moves) = registrar.register(at(60), &alice(), &late, flow(3), LIFETIMES);
    assert_eq!(moves, []);
}

proptest! {
    /// The index of ways answers what a look at every binding would.
    #[test]
    fn the_index_is_the_scan(
        steps in prop::collection::vec((0_u8..4, 0_u64..4, 0_u8..3, 0_u8..4), 1..40),
    ) {
        let mut registrar = Registrar::new();
        for (cseq, (what, way, account, contact)) in (1..).zip(steps) {
            let account = EndpointName::new(&format!("account{account}"));
            match what {
                0 | 1 => {
                    let expires = if what == 0 { 60 } else { 0 };
                    let more = format!("Contact: <sip:c{contact}@h>;expires={expires}");
                    let request = request(cseq, &more);
                    let now = at(u64::from(cseq));
                    registrar.register(now, &account, &request, flow(way), LIFETIMES);
                }
                2 => drop(registrar.flow_lost(flow(way))),
                _ => drop(registrar.handle_deadline(at(u64::from(cseq) + 40))),
            }
            for way in 0..4 {
                let scan = registrar.accounts.values().flatten();
                let found = scan.map(|binding| binding.flow).any(|it| it == flow(way));
                prop_assert_eq!(registrar.is_way_to_a_phone(&flow(way)), found);
            }
        }
        let restored = Registrar::restore(registrar.snapshot());
        let unconnected = Flow { connection: None, ..flow(0) };
        prop_assert_eq!(restored.is_way_to_a_phone(&unconnected), !restored.is_empty());
    }
}
