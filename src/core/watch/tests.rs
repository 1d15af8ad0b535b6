//! Scripts: who hears what when, and who is asked for.

use super::room::{ALL_MAX, OF_ONE_MAX, OF_ONE_TO_ONE_MAX};
use super::{Activity, Notice, Package, Pictured, Watched, Watchers, Wish, entity};
use crate::sip::dialog::Dialog;
use crate::sip::flow::{Flow, Transport};
use holdfast_base::{EndpointName, Mono};
use holdfast_wire::sip::{Message, Request, Status};
use std::collections::{BTreeMap, BTreeSet};

fn subscribe(call: usize) -> Request {
    numbered(call, 1, "")
}

fn numbered(call: usize, cseq: u32, tag: &str) -> Request {
    let text = format!(
        "SUBSCRIBE sip:anna@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call}\r\n\
         From: <sip:ben@h>;tag=a\r\nTo: <sip:anna@h>{tag}\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:ben@192.0.2.1>\r\nMax-Forwards: 70\r\n\
         Event: dialog\r\nContent-Length: 0\r\n\r\n"
    );
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{text} {other:?}"),
    }
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.9:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: None,
        trunk: None,
    }
}

fn begin(watchers: &mut Watchers, now: Mono, by: &str, call: usize) {
    begin_to(watchers, now, (by, "anna"), call);
}

fn account(name: &str) -> Watched {
    Watched::Account(EndpointName::new(name))
}

fn begin_to(watchers: &mut Watchers, now: Mono, (by, to): (&str, &str), call: usize) {
    let request = subscribe(call);
    let came = flow("192.0.2.1:5060");
    let mut dialog = Dialog::answering(&request, came, "t", request.uri.clone()).unwrap();
    dialog.keep_flow();
    let wish = Wish {
        by: EndpointName::new(by),
        watched: account(to),
        entity: entity(&request.uri),
        package: Package::Dialog,
        dialog,
    };
    assert_eq!(watchers.begin(now, &request, wish).status, Status::OK);
}

fn pictured(word: &str) -> Pictured {
    let (activity, word) = (Activity::Free, word.to_owned());
    Pictured { talks: Vec::new(), reachable: true, activity, word }
}

/// Everybody who is asked for looks like this.
fn all(word: &str) -> impl Fn(&BTreeSet<Watched>) -> BTreeMap<Watched, Pictured> {
    move |names| names.iter().map(|name| (name.clone(), pictured(word))).collect()
}

fn at(ms: u64) -> Mono {
    Mono::from_micros(ms * 1000)
}

/// What is said at this time when the watched one looks like this.
fn said(watchers: &mut Watchers, now: u64, word: &str) -> Vec<String> {
    let notices = watchers.handle_deadline(at(now), all(word));
    let state =
        |notice: Notice| notice.request.headers.get("Subscription-State").unwrap().into_owned();
    notices.into_iter().map(state).collect()
}

#[test]
fn news_comes_once_a_second_and_waits_for_the_answer_to_the_last() {
    let mut watchers = Watchers::default();
    begin(&mut watchers, at(0), "ben", 1);
    let id = watchers.all.keys().next().unwrap().clone();
    assert_eq!(said(&mut watchers, 0, "a"), ["active;expires=600"]);
    watchers.stir(at(10));
    assert_eq!(watchers.deadline(), Some(at(110)), "a breath later");
    assert_eq!(said(&mut watchers, 110, "b"), [""; 0], "the last one has no answer");
    watchers.answered(at(200), &id, Status::OK);
    assert_eq!(watchers.deadline(), Some(at(1000)));
    assert_eq!(said(&mut watchers, 1000, "b"), ["active;expires=599"]);
    watchers.answered(at(1100), &id, Status::OK);
    watchers.stir(at(5000));
    assert_eq!(said(&mut watchers, 5100, "b"), [""; 0], "nothing is new");
    assert_eq!(watchers.deadline(), Some(at(600_000)));
    assert_eq!(said(&mut watchers, 600_000, "b"), ["terminated;reason=timeout"]);
    assert!(watchers.is_empty() && watchers.deadline().is_none());
}

#[test]
fn who_is_gone_is_not_watched_and_who_does_not_listen_hears_no_more() {
    let mut watchers = Watchers::default();
    (1..=3).for_each(|call| begin(&mut watchers, at(0), "ben", call));
    let ids: Vec<_> = watchers.all.keys().cloned().collect();
    assert_eq!(said(&mut watchers, 0, "a").len(), 3);
    watchers.answered(at(20), ids.first().unwrap(), Status::CALL_DOES_NOT_EXIST);
    watchers.unanswered(ids.get(1).unwrap(), flow("192.0.2.1:5060"));
    assert_eq!(watchers.len(), 1);
    watchers.answered(at(20), ids.get(2).unwrap(), Status::OK);
    watchers.stir(at(30));
    let notices = watchers.handle_deadline(at(2000), |_| BTreeMap::new());
    assert_eq!((notices.len(), watchers.len()), (1, 0));
}

#[test]
fn a_phone_that_has_moved_is_told_where_it_is_now() {
    let (old, new) = (flow("192.0.2.1:5060"), flow("192.0.2.1:40001"));
    let mut watchers = Watchers::default();
    begin(&mut watchers, at(0), "ben", 1);
    let id = watchers.all.keys().next().unwrap().clone();
    assert_eq!(watchers.handle_deadline(at(0), all("a")).first().unwrap().flow, old);
    let late = watchers.refresh(at(300), &id, (new, &numbered(1, 0, ";tag=t")));
    assert_eq!(late.status.code(), 500, "a number of before moves nothing");
    let next = watchers.refresh(at(400), &id, (new, &numbered(1, 2, ";tag=t")));
    assert_eq!(next.status, Status::OK);
    watchers.unanswered(&id, old);
    assert_eq!(watchers.deadline(), Some(at(1000)));
    assert_eq!(watchers.handle_deadline(at(1000), all("a")).first().unwrap().flow, new);
    watchers.unanswered(&id, new);
    assert!(watchers.is_empty());
}

#[test]
fn there_is_an_end_to_subscriptions() {
    let mut watchers = Watchers::default();
    let (ben, cem) = (EndpointName::new("ben"), EndpointName::new("cem"));
    let to = |call: usize| format!("phone-{}", call / OF_ONE_TO_ONE_MAX);
    for call in 0..OF_ONE_MAX {
        assert!(watchers.has_room(&ben, &account(&to(call))), "{call}");
        begin_to(&mut watchers, at(0), ("ben", &to(call)), call);
    }
    let other = account("anna");
    assert!(!watchers.has_room(&ben, &other) && watchers.has_room(&cem, &other));
    for (by, call) in (OF_ONE_MAX..ALL_MAX).enumerate() {
        begin_to(&mut watchers, at(0), (&format!("{}", by / OF_ONE_MAX), &to(call)), call);
    }
    assert_eq!(watchers.len(), ALL_MAX);
    assert!(!watchers.has_room(&cem, &other));
    assert_eq!(watchers.handle_deadline(at(0), |_| BTreeMap::new()).len(), ALL_MAX);
    assert!(watchers.is_empty() && watchers.deadline().is_none());
    assert!(watchers.has_room(&ben, &other), "who is over takes no room");
}

#[test]
fn one_account_is_told_of_one_name_so_many_times_and_no_more() {
    let mut watchers = Watchers::default();
    let ben = EndpointName::new("ben");
    (0..OF_ONE_TO_ONE_MAX).for_each(|call| begin(&mut watchers, at(0), "ben", call));
    assert!(!watchers.has_room(&ben, &account("anna")));
    assert!(watchers.has_room(&ben, &account("cem")));
    assert!(watchers.has_room(&EndpointName::new("cem"), &account("anna")));
    let id = watchers.all.keys().next().unwrap().clone();
    watchers.answered(at(0), &id, Status::CALL_DOES_NOT_EXIST);
    assert!(watchers.has_room(&ben, &account("anna")));
}

#[test]
fn a_step_looks_at_the_names_of_who_is_due_alone() {
    let mut watchers = Watchers::default();
    let names = ["anna", "cem", "dora"];
    for (call, to) in names.iter().enumerate() {
        begin_to(&mut watchers, at(0), ("ben", to), call);
    }
    assert_eq!(said(&mut watchers, 0, "a").len(), 3);
    let ids: Vec<_> = watchers.all.keys().cloned().collect();
    ids.iter().for_each(|id| watchers.answered(at(1), id, Status::OK));
    assert_eq!(watchers.deadline(), Some(at(600_000)));
    begin_to(&mut watchers, at(2000), ("cem", "anna"), 7);
    let mut asked = BTreeSet::new();
    let notices = watchers.handle_deadline(at(2000), |names| {
        asked.clone_from(names);
        all("b")(names)
    });
    assert_eq!((notices.len(), asked), (1, BTreeSet::from([account("anna")])));
    // What the newcomer was told differs from what the other one knows: the look finds that.
    watchers.stir(at(2010));
    assert_eq!(said(&mut watchers, 2110, "b").len(), 3);
}

#[test]
fn a_change_that_one_alone_was_told_is_taken_back() {
    let mut watchers = Watchers::default();
    begin(&mut watchers, at(0), "ben", 1);
    let first = watchers.all.keys().next().unwrap().clone();
    said(&mut watchers, 0, "a");
    watchers.answered(at(1), &first, Status::OK);
    watchers.stir(at(10));
    said(&mut watchers, 110, "a");
    watchers.stir(at(2000));
    begin(&mut watchers, at(2010), "cem", 2);
    assert_eq!(said(&mut watchers, 2010, "b").len(), 1, "the newcomer");
    let second = watchers.all.keys().find(|id| **id != first).unwrap().clone();
    watchers.answered(at(2020), &second, Status::OK);
    assert_eq!(said(&mut watchers, 2100, "a").len(), 1, "it is as before: the newcomer hears so");
}
