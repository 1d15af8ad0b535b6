//! Offers: the rows of the table of QUEUEING.md 2.1, each as a script.

use crate::agent::Reason;
use crate::contact::Capabilities;
use crate::contact::Deliveries;
use holdfast_base::ContactId;

use super::{Stage, agent, config, endpoint, queue, same, two_agents, two_phones};

#[test]
fn a_whole_call() {
    let trace = two_agents().play(
        "0 arrive c1 sales
         0.1 sent o1
         0.5 ringing o1
         4 answered o1
         64 ended o1
         80",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0.5 ringing o1
         4 won o1 c1 anna
         4 left c1 Answered after 4000
         4 CONNECT c1 o1
         64 done anna c1 after 60000
         64 END c1 Answered
         74 wrapped up anna after 10000",
    );
}

#[test]
fn the_caller_hangs_up_while_talking_and_wrap_up_starts_then() {
    let mut stage = two_agents();
    let trace = stage.play(
        "0 arrive c1 sales
         0.1 sent o1
         4 answered o1
         64 leave c1
         64.1 ended o1
         70",
    );
    assert_eq!(stage.task("anna"), "wrap_up");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         3.1 ALARM no ring anna desk
         4 won o1 c1 anna
         4 left c1 Answered after 4000
         4 CONNECT c1 o1
         64 done anna c1 after 60000
         64 HANG UP o1",
    );
}

#[test]
fn a_reservation_that_is_not_sent_is_given_up_after_2_s() {
    let trace = two_agents().play("0 arrive c1 sales\n3");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         2 WITHDRAW o1 Unreachable
         2 over o1 c1 anna Unreachable
         2 reserved o2 c1 ben ben
         2 DELIVER o2 c1 ben ben",
    );
}

#[test]
fn busy_declined_and_unreachable_cool_for_their_times() {
    let cools = |word: &str| {
        let mut stage = two_agents();
        stage.play(&format!("0 off ben\n0 arrive c1 sales\n0 sent o1\n1 {word} o1\n1 pull c1"));
        let task = stage.task("anna");
        let left = stage.engine.agents(stage.now())[0].left_ms;
        format!("{word}: {task} {left:?}\n")
    };
    let words = ["busy", "declined", "unavailable", "unregistered", "no-answer", "failed"];
    same(
        &words.map(cools).concat(),
        "busy: cooling_busy Some(30000)
         declined: cooling_declined Some(30000)
         unavailable: cooling_unreachable Some(10000)
         unregistered: cooling_unreachable Some(5000)
         no-answer: cooling_unreachable Some(10000)
         failed: cooling_unreachable Some(10000)",
    );
}

#[test]
fn a_call_that_was_declined_is_never_offered_to_that_agent_again() {
    let mut stage = two_agents();
    let trace = stage.play(
        "0 off ben
         0 arrive c1 sales
         0 sent o1
         1 declined o1
         32 arrive c2 sales
         33",
    );
    let why = stage.why_not(ContactId(1), "anna");
    assert_eq!(why, Err(Reason::BeingCalled));
    same(
        &trace,
        "0 duty ben OffDuty(\"\") by Page
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 over o1 c1 anna Declined
         32 enqueued c2 sales
         32 reserved o2 c2 anna desk
         32 DELIVER o2 c2 anna desk",
    );
    stage.play("33 declined o2\n70");
    let why = stage.why_not(ContactId(1), "anna");
    assert_eq!(why, Err(Reason::DeclinedThis));
}

#[test]
fn the_next_endpoint_of_the_same_agent_comes_before_the_next_agent() {
    let trace = two_phones().play(
        "0 arrive c1 sales
         0 sent o1
         1 unavailable o1
         1 sent o2
         2 failed o2
         2 sent o3
         3 answered o3",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 over o1 c1 anna Unreachable
         1 reserved o2 c1 anna 017@pstn
         1 DELIVER o2 c1 anna 017@pstn
         2 over o2 c1 anna DeviceFailed
         2 ALARM device failed anna 017@pstn
         2 reserved o3 c1 ben ben
         2 DELIVER o3 c1 ben ben
         3 won o3 c1 ben
         3 left c1 Answered after 3000
         3 CONNECT c1 o3",
    );
}

#[test]
fn a_phone_that_never_rings_is_trouble_of_the_device_and_no_miss() {
    let mut stage = two_phones();
    let trace = stage.play(
        "0 arrive c1 sales
         0 sent o1
         18 sent o2
         19 ringing o2
         20 answered o2",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         3 ALARM no ring anna desk
         18 WITHDRAW o1 Unreachable
         18 over o1 c1 anna Unreachable
         18 reserved o2 c1 anna 017@pstn
         18 DELIVER o2 c1 anna 017@pstn
         19 ringing o2
         20 won o2 c1 anna
         20 left c1 Answered after 20000
         20 CONNECT c1 o2",
    );
}

#[test]
fn an_endpoint_out_of_reach_is_not_called() {
    let trace = two_phones().play(
        "0 down desk
         0 arrive c1 sales
         0 leave c1
         1 down 017@pstn
         1 arrive c2 sales
         2 down ben
         2 arrive c3 sales
         3 up desk",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna 017@pstn
         0 DELIVER o1 c1 anna 017@pstn
         0 WITHDRAW o1 CallerLeft
         0 over o1 c1 anna CallerLeft
         0 left c1 AbandonedShort after 0
         1 enqueued c2 sales
         1 reserved o2 c2 ben ben
         1 DELIVER o2 c2 ben ben
         2 enqueued c3 sales
         3 WITHDRAW o2 Unreachable
         3 over o2 c2 ben Unreachable
         3 reserved o3 c2 anna desk
         3 DELIVER o3 c2 anna desk",
    );
}

#[test]
fn busy_is_the_person_and_declined_too_so_no_other_phone_of_theirs_is_tried() {
    let trace = two_phones().play("0 arrive c1 sales\n0 sent o1\n1 busy o1\n1 sent o2\n2");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 over o1 c1 anna Busy
         1 reserved o2 c1 ben ben
         1 DELIVER o2 c1 ben ben",
    );
}

#[test]
fn a_silent_leg_frees_the_agent_and_ends_the_call() {
    let trace = two_agents().play(
        "0 arrive c1 sales
         0 answered o1
         100 silence o1
         111",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 won o1 c1 anna
         0 left c1 Answered after 0
         0 CONNECT c1 o1
         100 done anna c1 after 100000
         100 END c1 Answered
         100 HANG UP o1
         110 wrapped up anna after 10000",
    );
}

#[test]
fn a_blind_offer_holds_its_agent_until_it_is_heard_of_or_must_be_over() {
    let agents = vec![agent("anna", &["desk"])];
    let ways = Deliveries::sip().except(endpoint("desk"), Capabilities::BLIND);
    let site = || config(vec![queue("sales", &["anna"])], agents.clone());
    let mut stage = Stage::new(site(), ways.clone());
    let trace = stage.play(
        "0 arrive c1 sales
         0 sent o1
         6 leave c1
         7 arrive c2 sales
         7 release anna
         20 answered o1
         21 sent o2
         40 leave c2
         80",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         6 over o1 c1 anna CallerLeft
         6 left c1 AbandonedRinging after 6000
         7 enqueued c2 sales
         20 HANG UP o1
         20 reserved o2 c2 anna desk
         20 DELIVER o2 c2 anna desk
         39 over o2 c2 anna Rona
         40 left c2 Abandoned after 33000",
    );
    let mut stage = Stage::new(site(), ways);
    stage.play("0 arrive c1 sales\n0 sent o1\n6 leave c1\n7 arrive c2 sales\n35.9");
    assert_eq!(stage.task("anna"), "lingering");
    same(
        &stage.play("37"),
        "36 reserved o2 c2 anna desk
         36 DELIVER o2 c2 anna desk",
    );
}

#[test]
fn a_way_that_never_confirms_has_taken_the_contact_when_it_accepts() {
    let mute = Capabilities { confirms_answer: false, ..Capabilities::BLIND };
    let ways = Deliveries::sip().except(endpoint("desk"), mute);
    let site = config(vec![queue("sales", &["anna"])], vec![agent("anna", &["desk"])]);
    let trace = Stage::new(site, ways).play("0 arrive c1 sales\n1 sent o1\n9 ended o1");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 won o1 c1 anna
         1 left c1 Answered after 1000
         1 CONNECT c1 o1
         9 done anna c1 after 8000
         9 END c1 Answered",
    );
}
