//! Agents: misses in a row, duty, own calls, wrap-up, the idle order (QUEUEING.md 2.3 to 2.5).

use crate::agent::Reason;
use crate::contact::Deliveries;
use crate::record::event::Duty;
use holdfast_base::ContactId;
use std::time::Duration;

use super::{Stage, agent, config, queue, same, secs, two_agents};

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
    let why = stage.why_not(ContactId(1), "anna");
    assert_eq!(why, Err(Reason::Rona(secs(30))));
    let trace = stage.play(
        "19 up ben
         19 release anna
         20",
    );
    let why = stage.why_not(ContactId(2), "ben");
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
    stage.play("602 pull c7");
    miss(&mut stage, 700, 8);
    assert!(stage.engine.agents(stage.now())[0].selectable, "back on duty, the count is new");
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
