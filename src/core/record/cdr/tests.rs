//! Records by the tale of their events.

use super::{CdrFold, EXITS_MAX, LEGS_MAX, OPEN_MAX};
use crate::record::event::{
    Cdr, EndedBy, Event, Fact, Ingress, LedTo, LegEnd, NotLedOn, OfferEnd, Outcome, Subject,
};
use holdfast_base::{
    AgentName, CallId, ContactId, LegId, Lsn, Mono, Now, OfferId, QueueName, Wall,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

fn event(second: u64, fact: Fact) -> Event {
    let at = Now {
        mono: Mono::from_micros(second * 1_000_000),
        wall: Wall::from_micros(i64::try_from(second * 1_000_000).unwrap()),
    };
    Event { lsn: Lsn(second), at, fact }
}

fn arrived(call: u64) -> Fact {
    Fact::CallArrived {
        call: CallId(call),
        trunk: None,
        from: Subject("+49301234567".into()),
        dialled: Subject("sales".into()),
        ingress: Ingress::Sip,
        sip_call_id: Some("a@pbx".into()),
    }
}

fn ended(call: u64, by: EndedBy) -> Fact {
    Fact::CallEnded { call: CallId(call), by, status: None, cause: None }
}

fn enqueued(contact: u64, call: u64) -> Fact {
    let queue = QueueName::new("sales");
    Fact::Enqueued { contact: ContactId(contact), call: CallId(call), queue }
}

fn left(contact: u64, outcome: Outcome) -> Fact {
    let queue = QueueName::new("sales");
    Fact::ContactLeft { contact: ContactId(contact), queue, outcome, waited_ms: 4000 }
}

fn offer_ended(contact: u64, why: OfferEnd) -> Fact {
    Fact::OfferEnded {
        offer: OfferId(1),
        contact: ContactId(contact),
        agent: AgentName::new("ada"),
        why,
    }
}

fn won(contact: u64) -> Fact {
    let agent = AgentName::new("bob");
    Fact::OfferWon { offer: OfferId(2), contact: ContactId(contact), agent }
}

fn done(contact: u64) -> Fact {
    let agent = AgentName::new("bob");
    Fact::AgentDone { agent, contact: ContactId(contact), talked_ms: 7000 }
}

fn leg_started(call: u64, leg: u64) -> Fact {
    Fact::LegStarted {
        call: CallId(call),
        leg: LegId(leg),
        to: Subject("bob".into()),
        sip_call_id: Some("b@box".into()),
    }
}

fn leg_ended(call: u64, leg: u64) -> Fact {
    Fact::LegEnded {
        call: CallId(call),
        leg: LegId(leg),
        why: LegEnd::Remote,
        media: None,
        codec: Some("PCMA".into()),
        crypto: None,
    }
}

fn fold(facts: Vec<Fact>) -> Vec<Cdr> {
    let mut fold = CdrFold::default();
    (1..).zip(facts).filter_map(|(second, fact)| fold.apply(&event(second, fact))).collect()
}

fn line(cdr: &Cdr) -> String {
    let legs: Vec<String> = cdr
        .legs
        .iter()
        .map(|leg| format!("{} {:?} {:?}", leg.leg, leg.answered.map(Wall::seconds), leg.why))
        .collect();
    let queue = cdr.queue.as_ref().map_or_else(String::new, |part| {
        format!(
            " {} {:?} after {} by {:?} talked {} missed {}",
            part.queue,
            part.outcome,
            part.waited_ms,
            part.agent.as_ref().map(AgentName::as_str),
            part.talked_ms,
            part.missed_offers
        )
    });
    format!(
        "{} {}-{:?}-{} {:?}{queue} {legs:?}",
        cdr.call,
        cdr.arrived.seconds(),
        cdr.answered.map(Wall::seconds),
        cdr.ended.seconds(),
        cdr.by
    )
}

fn lines(facts: Vec<Fact>) -> Vec<String> {
    fold(facts).iter().map(line).collect()
}

fn led_on(contact: u64, to: &LedTo, why: Option<NotLedOn>) -> Fact {
    let (contact, call, to) = (ContactId(contact), CallId(1), to.clone());
    let queue = QueueName::new("sales");
    match why {
        None => Fact::LedOn { contact, call, queue, to },
        Some(why) => Fact::NotLedOn { contact, call, queue, to, why },
    }
}

#[test]
fn where_a_call_was_led_on_to_stands_in_order_with_what_came_of_it() {
    let (outside, help) = (LedTo::Number(Subject("+491715550".into())), QueueName::new("help"));
    let help = LedTo::Queue(help);
    let mut facts = vec![arrived(1), enqueued(1, 1), left(1, Outcome::OverflowTime)];
    facts.push(led_on(1, &help, Some(NotLedOn::Full)));
    facts.push(led_on(1, &outside, None));
    facts.push(led_on(1, &outside, Some(NotLedOn::LostInCrash)));
    facts.push(led_on(1, &outside, None));
    facts.push(led_on(1, &outside, Some(NotLedOn::Refused(486))));
    facts.push(led_on(1, &help, None));
    facts.extend((0..30).map(|_| led_on(1, &help, Some(NotLedOn::GoesRound))));
    facts.push(ended(1, EndedBy::Caller));
    let cdrs = fold(facts);
    let exits = cdrs[0].exits.iter().take(4);
    let told: Vec<_> = exits.map(|exit| (&exit.to, exit.waited_ms, exit.why_not)).collect();
    let expected = [
        (&help, 4000, Some(NotLedOn::Full)),
        (&outside, 4000, Some(NotLedOn::LostInCrash)),
        (&outside, 4000, Some(NotLedOn::Refused(486))),
        (&help, 4000, Some(NotLedOn::GoesRound)),
    ];
    assert_eq!(told, expected);
    assert_eq!(cdrs[0].exits.len(), EXITS_MAX);
}

#[test]
fn the_audio_of_the_caller_is_told_and_not_taken_for_that_of_a_phone() {
    let mut facts = vec![arrived(1), leg_started(1, 12), leg_ended(1, 12), leg_ended(1, 12)];
    facts.extend([leg_ended(1, 11), ended(1, EndedBy::Caller)]);
    let cdrs = fold(facts);
    let told: Vec<_> = cdrs.iter().map(|cdr| (cdr.caller.is_some(), cdr.legs.len())).collect();
    assert_eq!(told, [(true, 1)]);
    let facts = vec![arrived(1), leg_started(1, 12), leg_ended(1, 12), ended(1, EndedBy::Caller)];
    let cdrs = fold(facts);
    assert_eq!(cdrs.first().map(|cdr| cdr.caller.is_some()), Some(false));
}

#[test]
fn a_whole_call_through_a_queue() {
    let facts = vec![
        arrived(1),
        Fact::CallAnswered { call: CallId(1) },
        enqueued(5, 1),
        leg_started(1, 8),
        offer_ended(5, OfferEnd::Rona),
        leg_ended(1, 8),
        leg_started(1, 9),
        offer_ended(5, OfferEnd::LostRace),
        Fact::LegAnswered { call: CallId(1), leg: LegId(9) },
        won(5),
        left(5, Outcome::Answered),
        done(5),
        ended(1, EndedBy::Callee),
        ended(1, EndedBy::Callee),
    ];
    assert_eq!(
        lines(facts),
        ["call-1 1-Some(2)-13 Callee sales Answered after 4000 by Some(\"bob\") talked 7000 \
          missed 1 [\"leg-8 None Remote\", \"leg-9 Some(9) Local\"]"]
    );
}

#[test]
fn a_restart_ends_nothing_and_a_lost_call_says_so() {
    let started = Fact::Started { version: "1".into() };
    let facts = vec![
        arrived(1),
        enqueued(5, 1),
        arrived(2),
        leg_started(2, 9),
        started,
        ended(1, EndedBy::Crash),
        Fact::CallAnswered { call: CallId(2) },
        ended(2, EndedBy::Caller),
    ];
    assert_eq!(
        lines(facts),
        [
            "call-1 1-None-6 Crash sales LostInCrash after 4000 by None talked 0 missed 0 []",
            "call-2 3-Some(7)-8 Caller [\"leg-9 None Local\"]",
        ]
    );
}

#[test]
fn facts_about_unknown_calls_are_ignored() {
    let facts = vec![enqueued(5, 1), left(5, Outcome::Answered), ended(1, EndedBy::Box)];
    assert_eq!(lines(facts), [""; 0]);
}

#[test]
fn calls_without_an_end_are_closed_at_the_limit() {
    let mut fold = CdrFold::default();
    let calls = u64::try_from(OPEN_MAX).unwrap() + 1;
    let closed: Vec<Cdr> =
        (1..=calls).filter_map(|call| fold.apply(&event(call, arrived(call)))).collect();
    assert_eq!(
        closed.iter().map(|cdr| (cdr.call, cdr.by)).collect::<Vec<_>>(),
        [(CallId(1), EndedBy::Crash)]
    );
    assert_eq!(fold.open_calls(), OPEN_MAX);
}

#[test]
fn a_call_keeps_its_first_legs() {
    let more = u64::try_from(LEGS_MAX).unwrap() + 5;
    let mut facts = vec![arrived(1)];
    facts.extend((1..=more).map(|leg| leg_started(1, leg)));
    facts.push(ended(1, EndedBy::Caller));
    assert_eq!(fold(facts).first().unwrap().legs.len(), LEGS_MAX);
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let id = 1..4_u64;
    prop_oneof![
        id.clone().prop_map(arrived),
        (id.clone(), any::<bool>()).prop_map(|(call, crash)| {
            ended(call, if crash { EndedBy::Crash } else { EndedBy::Caller })
        }),
        (id.clone(), id.clone()).prop_map(|(contact, call)| enqueued(contact, call)),
        id.clone().prop_map(|contact| left(contact, Outcome::Abandoned)),
        id.clone().prop_map(won),
        id.clone().prop_map(done),
        (id.clone(), id.clone()).prop_map(|(call, leg)| leg_started(call, leg)),
        (id.clone(), id).prop_map(|(call, leg)| leg_ended(call, leg)),
        Just(Fact::Started { version: "1".into() }),
    ]
}

proptest! {
    #[test]
    fn folding_on_from_a_checkpoint_gives_the_same(
        facts in prop::collection::vec(any_fact(), 0..60),
        cut in 0..60_u64,
    ) {
        let (mut whole, mut resumed) = (CdrFold::default(), CdrFold::default());
        let mut arrivals = 0;
        let mut cdrs = 0;
        for (second, fact) in (0..).zip(facts) {
            if second == cut {
                let checkpoint = serde_json::to_vec(&resumed).unwrap();
                resumed = serde_json::from_slice(&checkpoint).unwrap();
            }
            let open = whole.open_calls();
            let event = event(second, fact);
            let cdr = whole.apply(&event);
            assert_eq!(cdr, resumed.apply(&event));
            arrivals += usize::from(whole.open_calls() > open);
            cdrs += usize::from(cdr.is_some());
        }
        assert_eq!(whole, resumed);
        assert_eq!(arrivals, cdrs + whole.open_calls(), "one CDR for each call");
    }
}
