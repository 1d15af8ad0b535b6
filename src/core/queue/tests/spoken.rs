//! What a waiting caller hears (QUEUEING.md 2.7).

use super::{Stage, agent, config, queue, same, secs};

/// One agent whose phone is out of reach, greeting, music, position every minute.
fn waiting_room() -> Stage {
    let mut sales = queue("sales", &["anna"]);
    sales.greeting = Some("welcome".to_owned());
    sales.music = Some("waltz".to_owned());
    sales.position_every = Some(secs(60));
    let mut stage = Stage::speaking(config(vec![sales], vec![agent("anna", &["desk"])]));
    stage.play("0 down desk");
    stage
}

#[test]
fn greeting_then_position_then_music() {
    let trace = waiting_room().play("0 arrive c1 sales\n1 arrive c2 sales");
    same(
        &trace,
        "0 enqueued c1 sales
         0 TREAT c1 [welcome you-are-number number-1] then waltz
         1 enqueued c2 sales
         1 TREAT c2 [welcome you-are-number number-2] then waltz",
    );
}

#[test]
fn an_improved_position_is_said_after_15_s_at_the_earliest_and_repeated_each_minute() {
    let trace = waiting_room().play(
        "0 arrive c1 sales
         0 arrive c2 sales
         0 arrive c3 sales
         5 leave c1
         16 leave c2
         100",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 TREAT c1 [welcome you-are-number number-1] then waltz
         0 enqueued c2 sales
         0 TREAT c2 [welcome you-are-number number-2] then waltz
         0 enqueued c3 sales
         0 TREAT c3 [welcome you-are-number number-3] then waltz
         5 left c1 AbandonedShort after 5000
         15 TREAT c2 [you-are-number number-1] then waltz
         15 TREAT c3 [you-are-number number-2] then waltz
         16 left c2 Abandoned after 16000
         30 TREAT c3 [you-are-number number-1] then waltz
         90 TREAT c3 [you-are-number number-1] then waltz",
    );
}

#[test]
fn asterisk_1386_a_worse_position_is_never_said() {
    let trace = waiting_room().play(
        "0 arrive c1 sales
         1 arrive c2 sales
         2 points c2 9
         130 leave c2
         140",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 TREAT c1 [welcome you-are-number number-1] then waltz
         1 enqueued c2 sales
         1 TREAT c2 [welcome you-are-number number-2] then waltz
         16 TREAT c2 [you-are-number number-1] then waltz
         76 TREAT c2 [you-are-number number-1] then waltz
         130 left c2 Abandoned after 129000
         135 TREAT c1 [you-are-number number-1] then waltz",
    );
}

#[test]
fn no_position_in_a_queue_that_says_none_and_beyond_99_no_number() {
    let mut sales = queue("sales", &["anna"]);
    sales.music = Some("waltz".to_owned());
    let mut help = queue("help", &[]);
    help.length_max = 1000;
    help.position_every = Some(secs(1));
    let mut stage = Stage::speaking(config(vec![sales, help], vec![agent("anna", &["desk"])]));
    let mut trace = stage.play("0 arrive c1 sales\n100");
    for number in 2..=102 {
        trace = trace + &stage.play(&format!("100 arrive c{number} help"));
    }
    let last: Vec<&str> = trace.lines().filter(|line| line.contains("TREAT")).collect();
    let picked = [last[0], last[98], last[99], last[100], last[101]].join("\n");
    same(
        &picked,
        "0 TREAT c1 [] then waltz
         100 TREAT c99 [you-are-number number-90 number-8] then silence
         100 TREAT c100 [you-are-number number-90 number-9] then silence
         100 TREAT c101 [beyond-99] then silence
         100 TREAT c102 [beyond-99] then silence",
    );
    let trace = stage.play("115");
    let again = trace.lines().filter(|line| line.contains("TREAT"));
    assert_eq!(again.count(), 101, "every 15 s at the shortest");
}

/// The order to the phone leaves before any prompt is thought of, and an answer connects whatever
/// is being played: nobody hears dead air until a prompt ends.
#[test]
fn freeswitch_1148_dead_air_until_the_prompt_ends() {
    let mut stage = waiting_room();
    let trace = stage.play(
        "0 up desk
         0 arrive c1 sales
         0.1 answered o1
         0.1 arrive c2 sales
         300",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         0 TREAT c1 [welcome] then waltz
         0.1 won o1 c1 anna
         0.1 left c1 Answered after 100
         0.1 CONNECT c1 o1
         0.1 enqueued c2 sales
         0.1 TREAT c2 [welcome you-are-number number-1] then waltz
         60.1 TREAT c2 [you-are-number number-1] then waltz
         120.1 TREAT c2 [you-are-number number-1] then waltz
         180.1 TREAT c2 [you-are-number number-1] then waltz
         240.1 TREAT c2 [you-are-number number-1] then waltz",
    );
}

/// Prompts of the head caller do not stop its agents from being called.
#[test]
fn asterisk_1568_no_ringing_during_the_prompt() {
    let trace = waiting_room().play("0 arrive c1 sales\n1 up desk\n2");
    same(
        &trace,
        "0 enqueued c1 sales
         0 TREAT c1 [welcome you-are-number number-1] then waltz
         1 reserved o1 c1 anna desk
         1 DELIVER o1 c1 anna desk",
    );
}
