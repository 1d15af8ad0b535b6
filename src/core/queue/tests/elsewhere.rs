//! What other products get wrong, each as a test of that name (QUEUEING.md, evidence in the text).

use super::{Stage, agent, config, queue, same};
use crate::contact::Deliveries;
use crate::queue::{Key, Record};
use crate::record::event::Duty;
use holdfast_base::AgentName;

fn site(names: &[&str], queues: &[(&str, &[&str])]) -> Stage {
    let agents = names.iter().map(|name| agent(name, &[name])).collect();
    let queues = queues.iter().map(|(name, members)| queue(name, members)).collect();
    Stage::new(config(queues, agents), Deliveries::sip())
}

fn sales() -> Stage {
    site(&["anna", "ben"], &[("sales", &["anna", "ben"])])
}

/// Two phones pick up for one caller: one is connected, the other is hung up.
#[test]
fn asterisk_176_two_agents_connected() {
    let trace = sales().play(
        "0 arrive c1 sales
         0 sent o1
         0 ringing o1
         18 sent o2
         19 answered o2
         19 answered o1",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 ringing o1
         18 WITHDRAW o1 Rona
         18 over o1 c1 anna Rona
         18 reserved o2 c1 ben ben
         18 DELIVER o2 c1 ben ben
         19 won o2 c1 ben
         19 left c1 Answered after 19000
         19 CONNECT c1 o2
         19 HANG UP o1",
    );
}

/// The caller hangs up while the phone rings: the phone stops at once and no zombie stays.
#[test]
fn freeswitch_2529_zombie_call() {
    let mut stage = sales();
    let trace = stage.play(
        "0 arrive c1 sales
         0 sent o1
         0 ringing o1
         9 leave c1",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 ringing o1
         9 WITHDRAW o1 CallerLeft
         9 over o1 c1 anna CallerLeft
         9 left c1 AbandonedRinging after 9000",
    );
    assert_eq!(stage.engine.deadline(), None);
    assert_eq!(stage.task("anna"), "free");
}

/// Wrap-up counts from the agent's own hang-up and holds in every queue of the agent.
#[test]
fn asterisk_1006_calls_let_through_early_in_another_queue() {
    let trace = site(&["anna"], &[("sales", &["anna"]), ("help", &["anna"])]).play(
        "0 arrive c1 sales
         0 answered o1
         5 arrive c2 help
         7.5 ended o1
         17.499
         17.5",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 won o1 c1 anna
         0 left c1 Answered after 0
         0 CONNECT c1 o1
         5 enqueued c2 help
         7.5 done anna c1 after 7500
         7.5 END c1 Answered
         17.5 wrapped up anna after 10000
         17.5 reserved o2 c2 anna anna
         17.5 DELIVER o2 c2 anna anna",
    );
}

/// Each agent's wrap-up ends on its own.
#[test]
fn opensips_2679_all_agents_released_with_the_last() {
    let mut stage = sales();
    stage.play(
        "0 arrive c1 sales
         0 answered o1
         0 arrive c2 sales
         0 answered o2
         1 ended o1
         8 ended o2
         11",
    );
    assert_eq!((stage.task("anna").as_str(), stage.task("ben").as_str()), ("free", "wrap_up"));
}

/// A leg that died without a BYE does not lock its agent in a call for ever.
#[test]
fn opensips_3123_locked_in_call_for_ever() {
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n0 answered o1\n90 silence o1\n101");
    assert_eq!(stage.task("anna"), "free");
}

/// An agent shared by queues goes to the caller who has waited longest, whichever queue asks.
#[test]
fn asterisk_108_unfair_across_queues() {
    let trace = site(&["anna"], &[("help", &["anna"]), ("sales", &["anna"])]).play(
        "0 down anna
         1 arrive c1 sales
         2 arrive c2 help
         3 arrive c3 sales
         4 up anna
         5 declined o1
         5 release anna
         6 declined o2
         6 release anna",
    );
    same(
        &trace,
        "1 enqueued c1 sales
         2 enqueued c2 help
         3 enqueued c3 sales
         4 reserved o1 c1 anna anna
         4 DELIVER o1 c1 anna anna
         5 over o1 c1 anna Declined
         5 reserved o2 c2 anna anna
         5 DELIVER o2 c2 anna anna
         6 over o2 c2 anna Declined
         6 reserved o3 c3 anna anna
         6 DELIVER o3 c3 anna anna",
    );
}

/// The head of one queue that nobody can serve does not hold up another queue.
#[test]
fn asterisk_1691_a_fix_that_stalled_queues() {
    let trace = site(&["anna", "ben"], &[("sales", &["anna"]), ("help", &["ben"])]).play(
        "0 down anna
         0 arrive c1 sales
         1 arrive c2 sales
         2 arrive c3 help",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         1 enqueued c2 sales
         2 enqueued c3 help
         2 reserved o1 c3 ben ben
         2 DELIVER o1 c3 ben ben",
    );
}

/// An agent who was idle for a month is still the one who was idle longest.
#[test]
fn asterisk_leastrecent_inverts_after_eleven_days() {
    let trace = sales().play(
        "0 arrive c1 sales
         0 answered o1
         1 ended o1
         2600000 arrive c2 sales",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 won o1 c1 anna
         0 left c1 Answered after 0
         0 CONNECT c1 o1
         1 done anna c1 after 1000
         1 END c1 Answered
         11 wrapped up anna after 10000
         2600000 enqueued c2 sales
         2600000 reserved o2 c2 ben ben
         2600000 DELIVER o2 c2 ben ben",
    );
}

/// A missed call goes back to its place, not behind those who came later.
#[test]
fn caller_is_not_sent_to_the_tail_after_a_miss() {
    let trace = site(&["anna", "ben"], &[("sales", &["anna", "ben"])]).play(
        "0 down ben
         0 arrive c1 sales
         0 sent o1
         0 ringing o1
         1 arrive c2 sales
         20 up ben",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 ringing o1
         1 enqueued c2 sales
         18 WITHDRAW o1 Rona
         18 over o1 c1 anna Rona
         20 reserved o2 c1 ben ben
         20 DELIVER o2 c1 ben ben",
    );
}

/// A phone that was called off, was busy or out of reach did not miss a call.
#[test]
fn teams_counts_a_lost_race_as_missed() {
    for word in ["busy o1", "unavailable o1", "failed o1", "unregistered o1", "leave c1"] {
        let mut stage = sales();
        stage.play(&format!("0 arrive c1 sales\n0 sent o1\n0 ringing o1\n1 {word}\n1 answered o1"));
        let key = Key::Agent(AgentName::new("anna"));
        let Some(Record::Agent(state)) = stage.journal.get(&key) else { panic!("no record") };
        assert_eq!((state.misses, &state.duty), (0, &Duty::OnDuty), "{word}");
    }
}

/// Going off duty in wrap-up is kept for after it: duty and task never disagree.
#[test]
fn kazoo_1331_pause_in_wrap_up() {
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n0 answered o1\n1 ended o1\n2 off anna lunch");
    assert_eq!(stage.task("anna"), "wrap_up");
    stage.play("12 arrive c2 sales");
    assert_eq!(stage.task("anna"), "free");
    assert_eq!(stage.task("ben"), "reserved");
}

/// An agent who was taken off duty for misses is seen to be, and comes back by their own act.
#[test]
fn kazoo_agents_logged_out_for_ever() {
    let mut one = queue("sales", &["anna", "ben"]);
    one.rona_limit = 1;
    let agents = vec![agent("anna", &["anna"]), agent("ben", &["ben"])];
    let mut stage = Stage::new(config(vec![one], agents), Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 sent o1\n0 ringing o1\n18.5 leave c1");
    let duty = stage.engine.agents(stage.now())[0].duty.clone();
    assert_eq!(duty, Duty::OffDuty("rona".to_owned()));
    stage.play("19 on anna\n19 off ben");
    assert!(stage.engine.agents(stage.now())[0].selectable);
    stage.play("20 arrive c2 sales");
    assert_eq!(stage.task("anna"), "reserved");
}

/// The reason of a pause survives a restart.
#[test]
fn asterisk_66_pause_reason_lost() {
    let mut stage = sales();
    stage.play("1 off anna lunch");
    stage.crash();
    let duty = stage.engine.agents(stage.now())[0].duty.clone();
    assert_eq!(duty, Duty::OffDuty("lunch".to_owned()));
}
