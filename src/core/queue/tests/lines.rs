//! Lines: entering, order, leaving and the longest wait (QUEUEING.md 2.5, 2.6).

use crate::contact::Deliveries;
use crate::queue::Input;
use holdfast_base::limits::CONTACTS_MAX;

use super::{Stage, agent, config, queue, same, secs, two_agents};

#[test]
fn who_comes_back_stands_where_its_call_came_and_waits_from_now_on() {
    let mut stage = two_agents();
    stage.play("0 down desk\n0 down ben");
    let script = "10 arrive c1 sales\n20 return c2 sales 5\n21 up desk\n22 leave c2";
    same(
        &stage.play(script),
        "10 enqueued c1 sales
         20 enqueued c2 sales
         21 reserved o1 c2 anna desk
         21 DELIVER o1 c2 anna desk
         22 WITHDRAW o1 CallerLeft
         22 over o1 c2 anna CallerLeft
         22 left c2 AbandonedShort after 2000
         22 reserved o2 c1 anna desk
         22 DELIVER o2 c1 anna desk",
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
fn who_left_leaves_no_timer_behind() {
    let mut sales = queue("sales", &["anna"]);
    (sales.wait_max, sales.position_every) = (Some(secs(20)), Some(secs(60)));
    let mut stage =
        Stage::new(config(vec![sales], vec![agent("anna", &["desk"])]), Deliveries::sip());
    stage.play("0 down desk\n0 arrive c1 sales\n1 leave c1");
    assert_eq!(stage.engine.deadline(), None);
}

#[test]
fn a_full_box_refuses_whatever_the_queue_allows() {
    let mut sales = queue("sales", &[]);
    sales.length_max = u32::MAX;
    let mut stage = Stage::new(config(vec![sales], Vec::new()), Deliveries::sip());
    for number in 0..CONTACTS_MAX {
        assert!(!stage.play(&format!("0 arrive c{number} sales")).contains("REFUSE"));
    }
    let trace = stage.play("0 arrive c9999 sales");
    same(
        &trace,
        "0 enqueued c9999 sales
         0 left c9999 OverflowFull after 0
         0 REFUSE c9999 OverflowFull",
    );
}
