//! The rules of QUEUEING.md 2.1 to 2.6, each as a script.

use std::time::Duration;

use super::{Stage, agent, at, config, endpoint, queue, same, secs};
use crate::agent::Reason;
use crate::contact::{Capabilities, Deliveries};
use crate::queue::Input;
use crate::record::event::Duty;
use holdfast_base::{AgentName, ContactId};

/// Anna and Ben serve `sales`; Anna logged in first.
fn two_agents() -> Stage {
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    Stage::new(config(vec![queue("sales", &["anna", "ben"])], agents), Deliveries::sip())
}

/// Anna alone, with a desk phone and a mobile.
fn two_phones() -> Stage {
    let agents = vec![agent("anna", &["desk", "017@pstn"]), agent("ben", &["ben"])];
    Stage::new(config(vec![queue("sales", &["anna", "ben"])], agents), Deliveries::sip())
}

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
fn who_does_not_answer_is_left_alone_and_the_caller_keeps_the_place() {
    let trace = two_agents().play(
        "0 arrive c1 sales
         0.5 off ben
         1 sent o1
         1.5 ringing o1
         5 arrive c2 sales
         49.5 leave c1
         60",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0.5 duty ben OffDuty(\"\") by Page
         1.5 ringing o1
         5 enqueued c2 sales
         19 WITHDRAW o1 Rona
         19 over o1 c1 anna Rona
         49 reserved o2 c1 anna desk
         49 DELIVER o2 c1 anna desk
         49.5 WITHDRAW o2 CallerLeft
         49.5 over o2 c1 anna CallerLeft
         49.5 left c1 Abandoned after 49500
         49.5 reserved o3 c2 anna desk
         49.5 DELIVER o3 c2 anna desk
         51.5 WITHDRAW o3 Unreachable
         51.5 over o3 c2 anna Unreachable
         56.5 reserved o4 c2 anna desk
         56.5 DELIVER o4 c2 anna desk
         58.5 WITHDRAW o4 Unreachable
         58.5 over o4 c2 anna Unreachable",
    );
}

#[test]
fn who_did_not_answer_this_call_comes_after_everybody_else() {
    let mut stage = two_agents();
    stage.play(
        "0 off ben lunch
         0 arrive c1 sales
         1 sent o1
         1.5 ringing o1
         20 release anna",
    );
    // Nobody else is there: the list is exhausted at once and starts again.
    assert_eq!(stage.task("anna"), "reserved");
    let trace = stage.play(
        "20 sent o2
         20.5 ringing o2
         37 on ben
         38 dials ben
         38 answered o3
         40 hangs-up ben
         41",
    );
    same(
        &trace,
        "20.5 ringing o2
         37 duty ben OnDuty by Page
         38 WITHDRAW o2 Rona
         38 over o2 c1 anna Rona
         38 reserved o3 c1 ben ben
         38 DELIVER o3 c1 ben ben
         38 WITHDRAW o3 Withdrawn
         38 over o3 c1 ben Withdrawn
         38 HANG UP o3
         40 reserved o4 c1 ben ben
         40 DELIVER o4 c1 ben ben",
    );
}

#[test]
fn a_missed_call_passes_over_the_agent_while_another_is_free() {
    let mut stage = two_agents();
    stage.play(
        "0 down ben
         0 arrive c1 sales
         0 sent o1
         0 ringing o1
         18 arrive c2 sales",
    );
    let now = stage.now();
    let why = stage.engine.why_not(ContactId(1), &AgentName::new("anna"), now);
    assert_eq!(why, Err(Reason::Rona(secs(30))));
    let trace = stage.play(
        "19 up ben
         19 release anna
         20",
    );
    let why = stage.engine.why_not(ContactId(2), &AgentName::new("ben"), stage.now());
    assert_eq!(why, Err(Reason::BeingCalled));
    same(
        &trace,
        "19 reserved o2 c1 ben ben
         19 DELIVER o2 c1 ben ben
         19 reserved o3 c2 anna desk
         19 DELIVER o3 c2 anna desk",
    );
}

#[test]
fn three_misses_in_a_row_end_duty_and_an_answer_resets_the_count() {
    let miss = |stage: &mut Stage, from: u32, offer: u32| {
        stage.play(&format!(
            "{from} arrive c{offer} sales
             {from} sent o{offer}
             {from} ringing o{offer}
             {} pull c{offer}
             {} release anna",
            from + 18,
            from + 19
        ))
    };
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    let (sales, help) = (queue("sales", &["anna"]), queue("help", &["ben"]));
    let mut sales = sales;
    sales.keep_last_agent = false;
    let mut stage = Stage::new(config(vec![sales, help], agents), Deliveries::sip());
    miss(&mut stage, 0, 1);
    miss(&mut stage, 100, 2);
    stage.play("200 arrive c3 sales\n200 sent o3\n201 answered o3\n202 ended o3\n240");
    miss(&mut stage, 300, 4);
    miss(&mut stage, 400, 5);
    let trace = miss(&mut stage, 500, 6) + &stage.play("600 arrive c7 sales\n601 on anna\n602");
    same(
        &trace,
        "500 enqueued c6 sales
         500 reserved o6 c6 anna desk
         500 DELIVER o6 c6 anna desk
         500 ringing o6
         518 WITHDRAW o6 Rona
         518 over o6 c6 anna Rona
         518 duty anna OffDuty(\"rona\") by Rona
         518 left c6 Pulled after 18000
         600 enqueued c7 sales
         601 duty anna OnDuty by Page
         601 reserved o7 c7 anna desk
         601 DELIVER o7 c7 anna desk",
    );
}

#[test]
fn the_last_agent_of_a_queue_is_kept_and_an_alarm_is_raised() {
    let mut sales = queue("sales", &["anna", "ben"]);
    sales.rona_limit = 1;
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    let mut stage = Stage::new(config(vec![sales], agents), Deliveries::sip());
    let trace = stage.play(
        "0 down ben
         0 arrive c1 sales
         0 sent o1
         0 ringing o1
         18 leave c1
         60 up ben
         60 arrive c2 sales
         60 sent o2
         60 ringing o2
         79",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 ringing o1
         18 WITHDRAW o1 Rona
         18 over o1 c1 anna Rona
         18 ALARM last agent kept anna sales
         18 left c1 Abandoned after 18000
         60 enqueued c2 sales
         60 reserved o2 c2 anna desk
         60 DELIVER o2 c2 anna desk
         60 ringing o2
         78 WITHDRAW o2 Rona
         78 over o2 c2 anna Rona
         78 duty anna OffDuty(\"rona\") by Rona
         78 reserved o3 c2 ben ben
         78 DELIVER o3 c2 ben ben",
    );
}

#[test]
fn an_agent_in_a_call_stands_by_so_the_other_is_not_the_last() {
    let mut sales = queue("sales", &["anna", "ben"]);
    sales.rona_limit = 1;
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    let mut stage = Stage::new(config(vec![sales], agents), Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 answered o1\n0 arrive c2 sales\n0 sent o2\n0 ringing o2\n18");
    assert_eq!(stage.engine.agents(stage.now())[1].duty, Duty::OffDuty("rona".to_owned()));
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
    let why = stage.engine.why_not(ContactId(1), &AgentName::new("anna"), stage.now());
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
    let why = stage.engine.why_not(ContactId(1), &AgentName::new("anna"), stage.now());
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
fn a_caller_may_leave_in_any_phase() {
    let phase = |script: &str| {
        let mut stage = two_agents();
        stage.play("0 down ben");
        stage.play(script) + "\n"
    };
    let trace = [
        "0 down desk\n0 arrive c1 sales\n5 leave c1",
        "0 down desk\n0 arrive c1 sales\n5.001 leave c1",
        "0 arrive c1 sales\n1 leave c1",
        "0 arrive c1 sales\n1 sent o1\n6 leave c1",
        "0 arrive c1 sales\n1 sent o1\n2 ringing o1\n6 leave c1\n6 answered o1",
        "0 arrive c1 sales\n1 sent o1\n2 ringing o1\n6 pull c1",
        "0 arrive c1 sales\n1 fault c1",
        "0 arrive c1 sales\n9 gone c1",
        "0 arrive c1 sales\n1 leave c1\n1 leave c1",
    ]
    .map(phase);
    same(
        &trace.concat(),
        "0 enqueued c1 sales
         5 left c1 AbandonedShort after 5000
         0 enqueued c1 sales
         5.001 left c1 Abandoned after 5001
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 WITHDRAW o1 CallerLeft
         1 over o1 c1 anna CallerLeft
         1 left c1 AbandonedShort after 1000
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         4 ALARM no ring anna desk
         6 WITHDRAW o1 CallerLeft
         6 over o1 c1 anna CallerLeft
         6 left c1 Abandoned after 6000
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         2 ringing o1
         6 WITHDRAW o1 CallerLeft
         6 over o1 c1 anna CallerLeft
         6 left c1 AbandonedRinging after 6000
         6 HANG UP o1
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         2 ringing o1
         6 WITHDRAW o1 CallerLeft
         6 over o1 c1 anna CallerLeft
         6 left c1 Pulled after 6000
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 WITHDRAW o1 CallerLeft
         1 over o1 c1 anna CallerLeft
         1 left c1 SystemFailed after 1000
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         2 WITHDRAW o1 Unreachable
         2 over o1 c1 anna Unreachable
         7 reserved o2 c1 anna desk
         7 DELIVER o2 c1 anna desk
         9 WITHDRAW o2 Unreachable
         9 over o2 c1 anna Unreachable
         9 left c1 LostInCrash after 9000
         0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 WITHDRAW o1 CallerLeft
         1 over o1 c1 anna CallerLeft
         1 left c1 AbandonedShort after 1000",
    );
}

#[test]
fn the_longest_wait_ends_the_call_but_lets_a_ringing_phone_finish() {
    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(20));
    let agents = vec![agent("anna", &["desk", "017@pstn"])];
    let mut stage = Stage::new(config(vec![sales], agents), Deliveries::sip());
    let trace = stage.play(
        "0 arrive c1 sales
         0 arrive c2 sales
         1 declined o1
         15 release anna
         15 sent o2
         15 ringing o2
         32.9",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 enqueued c2 sales
         1 over o1 c1 anna Declined
         15 reserved o2 c2 anna desk
         15 DELIVER o2 c2 anna desk
         15 ringing o2
         20 left c1 OverflowTime after 20000
         20 END c1 OverflowTime",
    );
    same(
        &stage.play("33 arrive c3 sales\n40"),
        "33 WITHDRAW o2 Rona
         33 over o2 c2 anna Rona
         33 left c2 OverflowTime after 33000
         33 END c2 OverflowTime
         33 enqueued c3 sales",
    );
}

#[test]
fn no_other_endpoint_is_tried_beyond_the_longest_wait() {
    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(10));
    let agents = vec![agent("anna", &["desk", "017@pstn"])];
    let mut stage = Stage::new(config(vec![sales], agents), Deliveries::sip());
    let trace = stage.play("0 arrive c1 sales\n0 sent o1\n10 unavailable o1");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         3 ALARM no ring anna desk
         10 over o1 c1 anna Unreachable
         10 left c1 OverflowTime after 10000
         10 END c1 OverflowTime",
    );
}

#[test]
fn a_full_queue_refuses_before_the_answer_and_still_adds_up() {
    let mut sales = queue("sales", &["anna"]);
    sales.length_max = 2;
    let stage = config(vec![sales], vec![agent("anna", &["desk"])]);
    let trace = Stage::new(stage, Deliveries::sip()).play(
        "0 arrive c1 sales
         0 arrive c2 sales
         1 arrive c3 sales
         1.5 answered o1
         3 arrive c4 sales
         4 arrive c5 elsewhere",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 enqueued c2 sales
         1 enqueued c3 sales
         1 left c3 OverflowFull after 0
         1 REFUSE c3 OverflowFull
         1.5 won o1 c1 anna
         1.5 left c1 Answered after 1500
         1.5 CONNECT c1 o1
         3 enqueued c4 sales
         4 REFUSE c5 SystemFailed",
    );
}

#[test]
fn going_off_duty_takes_an_offer_back_but_finishes_wrap_up() {
    let mut stage = two_agents();
    let trace = stage.play(
        "0 down ben
         0 arrive c1 sales
         0 sent o1
         1 off anna lunch
         2 on anna
         2 answered o2
         3 ended o2
         4 off anna lunch
         14",
    );
    assert_eq!(stage.engine.agents(stage.now())[0].why_not, "off duty");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 duty anna OffDuty(\"lunch\") by Page
         1 WITHDRAW o1 Withdrawn
         1 over o1 c1 anna Withdrawn
         2 duty anna OnDuty by Page
         2 reserved o2 c1 anna desk
         2 DELIVER o2 c1 anna desk
         2 won o2 c1 anna
         2 left c1 Answered after 2000
         2 CONNECT c1 o2
         3 done anna c1 after 1000
         3 END c1 Answered
         4 duty anna OffDuty(\"lunch\") by Page
         13 wrapped up anna after 10000",
    );
}

#[test]
fn a_break_keeps_the_place_in_the_idle_order_and_a_log_in_starts_anew() {
    let mut stage = two_agents();
    let trace = stage.play(
        "1 off anna lunch
         2 on anna
         3 arrive c1 sales
         3 leave c1
         4 off anna
         5 on anna
         6 arrive c2 sales",
    );
    same(
        &trace,
        "1 duty anna OffDuty(\"lunch\") by Page
         2 duty anna OnDuty by Page
         3 enqueued c1 sales
         3 reserved o1 c1 anna desk
         3 DELIVER o1 c1 anna desk
         3 WITHDRAW o1 CallerLeft
         3 over o1 c1 anna CallerLeft
         3 left c1 AbandonedShort after 0
         4 duty anna OffDuty(\"\") by Page
         5 duty anna OnDuty by Page
         6 enqueued c2 sales
         6 reserved o2 c2 ben ben
         6 DELIVER o2 c2 ben ben",
    );
}

#[test]
fn longest_idle_counts_from_the_end_of_the_last_wrap_up() {
    let mut stage = two_agents();
    let trace = stage.play(
        "0 arrive c1 sales
         0 answered o1
         1 arrive c2 sales
         1 answered o2
         5 ended o2
         9 ended o1
         16 arrive c3 sales
         16 busy o3
         20 arrive c4 sales
         20",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 won o1 c1 anna
         0 left c1 Answered after 0
         0 CONNECT c1 o1
         1 enqueued c2 sales
         1 reserved o2 c2 ben ben
         1 DELIVER o2 c2 ben ben
         1 won o2 c2 ben
         1 left c2 Answered after 0
         1 CONNECT c2 o2
         5 done ben c2 after 4000
         5 END c2 Answered
         9 done anna c1 after 9000
         9 END c1 Answered
         15 wrapped up ben after 10000
         16 enqueued c3 sales
         16 reserved o3 c3 ben ben
         16 DELIVER o3 c3 ben ben
         16 over o3 c3 ben Busy
         19 wrapped up anna after 10000
         19 reserved o4 c3 anna desk
         19 DELIVER o4 c3 anna desk
         20 enqueued c4 sales",
    );
}

#[test]
fn an_own_call_takes_the_offer_back_and_holds_the_agent_until_it_ends() {
    let mut stage = two_agents();
    let trace = stage.play(
        "0 down ben
         0 arrive c1 sales
         0 sent o1
         1 dials anna
         1 dials anna
         2 release anna
         9 hangs-up anna
         9 answered o2
         10 dials anna
         11 ended o2
         30 arrive c2 sales",
    );
    assert_eq!(stage.task("anna"), "own_call");
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 WITHDRAW o1 Withdrawn
         1 over o1 c1 anna Withdrawn
         9 reserved o2 c1 anna desk
         9 DELIVER o2 c1 anna desk
         9 won o2 c1 anna
         9 left c1 Answered after 9000
         9 CONNECT c1 o2
         11 done anna c1 after 2000
         11 END c1 Answered
         21 wrapped up anna after 10000
         30 enqueued c2 sales",
    );
    same(
        &stage.play("31 hangs-up anna\n31 hangs-up anna"),
        "31 reserved o3 c2 anna desk
         31 DELIVER o3 c2 anna desk",
    );
}

#[test]
fn points_overtake_but_only_by_their_worth() {
    let mut vip = queue("vip", &["anna"]);
    vip.priority = 3;
    let queues = vec![queue("sales", &["anna"]), vip];
    let mut stage = Stage::new(config(queues, vec![agent("anna", &["desk"])]), Deliveries::sip());
    let trace = stage.play(
        "0 down desk
         0 arrive c1 sales
         29 arrive c2 vip
         31 arrive c3 vip
         32 arrive c4 sales
         33 points c4 9
         34 up desk
         35 declined o1
         66 declined o2
         97 declined o3
         128",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         29 enqueued c2 vip
         31 enqueued c3 vip
         32 enqueued c4 sales
         34 reserved o1 c4 anna desk
         34 DELIVER o1 c4 anna desk
         35 over o1 c4 anna Declined
         65 reserved o2 c2 anna desk
         65 DELIVER o2 c2 anna desk
         66 over o2 c2 anna Declined
         96 reserved o3 c1 anna desk
         96 DELIVER o3 c1 anna desk
         97 over o3 c1 anna Declined
         127 reserved o4 c3 anna desk
         127 DELIVER o4 c3 anna desk",
    );
}

#[test]
fn wrap_up_can_be_none_and_is_never_beyond_the_cap() {
    let mut sales = queue("sales", &["anna"]);
    sales.wrap_up = Duration::ZERO;
    let mut help = queue("help", &["anna"]);
    help.wrap_up = secs(5000);
    let stage = config(vec![sales, help], vec![agent("anna", &["desk"])]);
    let mut stage = Stage::new(stage, Deliveries::sip());
    let trace = stage.play(
        "0 arrive c1 sales
         0 answered o1
         5 ended o1
         5 arrive c2 help
         5 answered o2
         10 ended o2
         2000",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 won o1 c1 anna
         0 left c1 Answered after 0
         0 CONNECT c1 o1
         5 done anna c1 after 5000
         5 END c1 Answered
         5 enqueued c2 help
         5 reserved o2 c2 anna desk
         5 DELIVER o2 c2 anna desk
         5 won o2 c2 anna
         5 left c2 Answered after 0
         5 CONNECT c2 o2
         10 done anna c2 after 5000
         10 END c2 Answered
         910 wrapped up anna after 900000",
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

#[test]
fn a_removed_queue_serves_those_in_it_and_a_removed_agent_finishes_the_call() {
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    let queues = vec![queue("sales", &["anna", "ben"]), queue("help", &["anna", "ben"])];
    let mut stage = Stage::new(config(queues.clone(), agents.clone()), Deliveries::sip());
    stage.play(
        "0 arrive c1 sales
         0 answered o1
         0 arrive c2 sales
         0 sent o2
         0 arrive c3 sales
         0 arrive c4 help",
    );
    let next = config(vec![queues[1].clone()], vec![agents[1].clone()]);
    stage.give(Input::Configured(next));
    let trace = stage.play(
        "1 arrive c5 sales
         2 ended o1
         3 busy o2
         4 release ben
         4 declined o3
         5 leave c2
         5 leave c3",
    );
    let names: Vec<String> =
        stage.engine.queues(stage.now()).iter().map(|queue| queue.name.to_string()).collect();
    assert_eq!(names, ["help"]);
    assert_eq!(stage.engine.agents(stage.now()).len(), 1);
    same(
        &trace,
        "1 REFUSE c5 SystemFailed
         2 done anna c1 after 2000
         2 END c1 Answered
         3 ALARM no ring ben ben
         3 over o2 c2 ben Busy
         4 reserved o3 c2 ben ben
         4 DELIVER o3 c2 ben ben
         4 over o3 c2 ben Declined
         5 left c2 AbandonedShort after 5000
         5 left c3 AbandonedShort after 5000",
    );
}

#[test]
fn every_rejected_candidate_has_a_reason() {
    let names = ["anna", "ben", "carl", "dora", "emil", "fay", "gus"];
    let agents = names.map(|name| agent(name, &[name])).to_vec();
    let mut stage = Stage::new(config(vec![queue("sales", &names)], agents), Deliveries::sip());
    stage.play(
        "0 off anna lunch
         0 down ben
         0 dials carl
         0 arrive c1 sales
         0 answered o1
         1 arrive c2 sales
         1 busy o2
         1 sent o3
         1 ringing o3
         2 answered o3
         2 ended o3
         3 arrive c3 sales
         3.5 arrive c4 sales",
    );
    let mut said = String::new();
    for decision in stage.engine.decisions().take(2) {
        let chosen = decision.chosen.as_ref().map_or("nobody", |agent| agent.as_str());
        said += &format!("c{} {} {chosen}\n", decision.contact.0, decision.unlisted);
        for candidate in &decision.candidates {
            let verdict = match candidate.verdict {
                Ok(()) => "could".to_owned(),
                Err(reason) => reason.to_string(),
            };
            said += &format!("{} {verdict}\n", candidate.agent);
        }
    }
    same(
        &said,
        "c4 0 nobody
         anna off duty
         ben no phone can be reached
         carl in another call
         dora talking
         emil was busy, left alone for 28 s
         fay in wrap-up for 9 s
         gus being called
         c3 0 gus
         gus could
         anna off duty
         ben no phone can be reached
         carl in another call
         dora talking
         emil was busy, left alone for 28 s
         fay in wrap-up for 9 s",
    );
}

#[test]
fn the_page_sees_queues_agents_and_offers() {
    let mut stage = two_phones();
    stage.play(
        "0 arrive c1 sales\n1 answered o1\n2 arrive c2 sales\n2.5 sent o2\n3 arrive c3 sales\n4",
    );
    let now = stage.now();
    let queue = &stage.engine.queues(now)[0];
    let mut said = format!("{} {} {}\n", queue.display, queue.agents_free, queue.agents_on_duty);
    for one in &queue.waiting {
        let to = one.offered_to.as_ref().map_or("-", |agent| agent.as_str());
        said += &format!("{} {} {} {to} {}\n", one.contact, one.call, one.waited_ms, one.from);
    }
    for agent in stage.engine.agents(now) {
        said += &format!(
            "{} {:?} {} for {} left {:?} {} {:?} {:?} {:?}\n",
            agent.display,
            agent.duty,
            agent.task,
            agent.for_ms,
            agent.left_ms,
            agent.selectable,
            agent.why_not,
            agent.endpoints,
            agent.call
        );
    }
    for offer in stage.engine.offers() {
        said += &format!("{} {} {} {}\n", offer.offer, offer.contact, offer.agent, offer.connected);
    }
    same(&said, "sales 0 2
         contact-2 call-2 2000 ben +4…56
         contact-3 call-3 1000 - +4…56
         ANNA OnDuty connected for 3000 left None false \"talking\" [(\"desk\", true), (\"… over pstn\", true)] Some(CallId(1))
         BEN OnDuty offered for 1500 left Some(16500) false \"being called\" [(\"ben\", true)] Some(CallId(2))
         offer-1 contact-1 anna true
         offer-2 contact-2 ben false");
}

#[test]
fn the_reaper_forces_a_deadline_that_was_lost_and_counts_it() {
    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(20));
    let site = config(vec![sales], vec![agent("anna", &["desk"])]);
    let mut stage = Stage::new(site, Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 answered o1\n1 ended o1\n2 arrive c2 sales\n3 busy o9");
    stage.engine.deadlines.lose();
    let trace = stage.play("60");
    assert_eq!(stage.engine.reaper_fixups(), 1);
    same(
        &trace,
        "11 wrapped up anna after 10000
         11 reserved o2 c2 anna desk
         11 DELIVER o2 c2 anna desk
         13 WITHDRAW o2 Unreachable
         13 over o2 c2 anna Unreachable
         18 reserved o3 c2 anna desk
         18 DELIVER o3 c2 anna desk
         20 WITHDRAW o3 Unreachable
         20 over o3 c2 anna Unreachable
         22 left c2 OverflowTime after 20000
         22 END c2 OverflowTime",
    );

    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(20));
    let site = config(vec![sales], vec![agent("anna", &["desk"])]);
    let mut stage = Stage::new(site, Deliveries::sip());
    stage.play("0 down desk\n0 arrive c1 sales");
    stage.engine.deadlines.lose();
    stage.play("19.5");
    assert_eq!(stage.engine.reaper_fixups(), 0);
    stage.play("21");
    assert_eq!(stage.engine.reaper_fixups(), 1);
}

#[test]
fn with_no_agent_and_no_contact_nothing_is_due() {
    let stage = two_agents();
    assert_eq!(stage.engine.deadline(), None);
    assert_eq!(stage.now(), at(0.0).mono);
}
