//! Who is let in, and where everybody else is led on to (QUEUEING.md 2.6).

use holdfast_base::{AgentName, QueueName};
use holdfast_config::{Absence, Exit, Queue, Whom};

use super::{Stage, agent, config, queue, same, secs};
use crate::contact::Deliveries;

fn to(name: &str) -> Exit {
    Exit::Queue(QueueName::new(name))
}

fn sorry() -> Exit {
    Exit::Announce { clip: "sorry".to_owned(), lasts: secs(9) }
}

/// Anna serves `sales`, Ben serves `help`, and nobody is within reach yet.
fn site(change: impl Fn(&mut Queue, &mut Queue)) -> Stage {
    let (mut sales, mut help) = (queue("sales", &["anna"]), queue("help", &["ben"]));
    change(&mut sales, &mut help);
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    let mut stage = Stage::new(config(vec![sales, help], agents), Deliveries::sip());
    stage.play("0 down desk\n0 down ben");
    stage
}

#[test]
fn who_has_waited_too_long_goes_on_at_the_same_rank() {
    let mut stage = site(|sales, help| {
        (sales.wait_max, sales.priority) = (Some(secs(30)), 2);
        sales.overflow.when_waited = vec![to("help")];
        help.wait_max = Some(secs(60));
    });
    let trace = stage.play(
        "0 arrive c1 sales
         20 arrive c2 help
         40 points c2 1
         50 up ben
         50 sent o1",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         20 enqueued c2 help
         30 left c1 OverflowTime after 30000
         30 led on c1 sales Queue(QueueName(\"help\"))
         30 enqueued c1 help
         30 MOVED c1 help
         50 reserved o1 c1 ben ben
         50 DELIVER o1 c1 ben ben",
    );
    let trace = stage.play("51 busy o1\n52 down ben\n89");
    same(
        &trace,
        "51 over o1 c1 ben Busy\n80 left c2 OverflowTime after 60000\n80 END c2 OverflowTime",
    );
    same(&stage.play("200"), "90 left c1 OverflowTime after 60000\n90 END c1 OverflowTime");
}

#[test]
fn the_first_exit_that_takes_the_caller_has_it_and_the_others_say_why_not() {
    let mut stage = site(|sales, help| {
        sales.length_max = 1;
        help.length_max = 1;
        sales.overflow.when_full = vec![to("gone"), to("help"), sorry()];
        help.overflow.when_full = vec![to("sales")];
    });
    let trace = stage.play("0 arrive c1 help\n0 arrive c2 sales\n1 arrive c3 sales\n2 leave c3");
    same(
        &trace,
        "0 enqueued c1 help
         0 enqueued c2 sales
         1 enqueued c3 sales
         1 left c3 OverflowFull after 0
         1 not led on c3 sales Queue(QueueName(\"gone\")) Gone
         1 not led on c3 sales Queue(QueueName(\"help\")) Full
         1 led on c3 sales Announcement(\"sorry\")
         1 ANNOUNCE c3 OverflowFull sorry 9",
    );
    let trace = stage.play("3 arrive c4 help\n4 leave c1\n5 arrive c5 sales");
    same(
        &trace,
        "3 enqueued c4 help
         3 left c4 OverflowFull after 0
         3 not led on c4 help Queue(QueueName(\"sales\")) Full
         3 REFUSE c4 OverflowFull
         4 left c1 AbandonedShort after 4000
         5 enqueued c5 sales
         5 left c5 OverflowFull after 0
         5 not led on c5 sales Queue(QueueName(\"gone\")) Gone
         5 led on c5 sales Queue(QueueName(\"help\"))
         5 enqueued c5 help
         5 MOVED c5 help",
    );
}

#[test]
fn a_closed_queue_lets_in_by_name_and_serves_who_waits_until_it_opens() {
    let mut stage = site(|sales, _| {
        sales.overflow.let_in = vec!["+44*".to_owned()];
        sales.overflow.when_closed = vec![sorry()];
    });
    let trace = stage.play(
        "0 arrive c1 sales
         1 close sales 60
         1 close sales 60
         1 close nowhere
         2 arrive c2 sales
         3 arrive c3 sales +442012",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         1 closed sales
         2 enqueued c2 sales
         2 left c2 Closed after 0
         2 led on c2 sales Announcement(\"sorry\")
         2 ANNOUNCE c2 Closed sorry 9
         3 enqueued c3 sales",
    );
    stage.crash();
    let trace =
        stage.play("59 arrive c4 sales\n60\n61 arrive c5 sales\n62 close sales\n63 open sales");
    same(
        &trace,
        "59 enqueued c4 sales
         59 left c4 Closed after 0
         59 led on c4 sales Announcement(\"sorry\")
         59 ANNOUNCE c4 Closed sorry 9
         60 opened sales
         61 enqueued c5 sales
         62 closed sales
         63 opened sales",
    );
}

#[test]
fn closing_may_send_away_who_waits_but_nobody_for_whom_it_rings() {
    let mut stage = site(|sales, _| {
        sales.overflow.serve_waiting = false;
        sales.overflow.when_closed = vec![to("help")];
    });
    let trace = stage.play(
        "0 up desk\n0 arrive c1 sales\n0 sent o1\n1 arrive c2 sales\n2 close sales\n2 open sales",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna desk
         0 DELIVER o1 c1 anna desk
         1 enqueued c2 sales
         2 closed sales
         2 left c2 Closed after 1000
         2 led on c2 sales Queue(QueueName(\"help\"))
         2 enqueued c2 help
         2 MOVED c2 help
         2 opened sales",
    );
}

#[test]
fn a_queue_without_anybody_lets_nobody_in_as_far_as_it_says() {
    let cases = [
        ("", &[Absence::LoggedOut][..], "in"),
        ("off anna", &[Absence::LoggedOut], "out"),
        ("off anna lunch", &[Absence::LoggedOut], "in"),
        ("off anna lunch", &[Absence::Paused], "out"),
        ("switch anna sales off", &[Absence::Paused], "out"),
        ("down desk", &[Absence::Unreachable], "out"),
        ("down desk", &[Absence::Busy, Absence::LoggedOut, Absence::WrapUp], "in"),
        ("dials anna", &[Absence::Busy], "out"),
        ("dials anna", &[Absence::Unreachable, Absence::LoggedOut, Absence::Paused], "in"),
        ("off anna", &[], "in"),
    ];
    for (before, absences, verdict) in cases {
        let mut stage = site(|sales, _| sales.overflow.join_empty = absences.to_vec());
        stage.play(&format!("0 up desk\n0 {before}"));
        let trace = stage.play("1 arrive c9 sales");
        let refused = trace.contains("REFUSE c9 OverflowEmpty");
        assert_eq!(refused, verdict == "out", "{before} {absences:?}\n{trace}");
    }
}

#[test]
fn who_waits_where_nobody_is_goes_on_after_a_while_and_not_for_a_short_break() {
    let mut stage = site(|sales, _| {
        sales.overflow.leave_empty = vec![Absence::LoggedOut, Absence::Unreachable];
        sales.overflow.leave_after = secs(10);
        sales.overflow.when_empty = vec![to("help")];
    });
    stage.play("0 up desk\n0 dials anna\n0 arrive c1 sales");
    assert_eq!(stage.play("20 down desk\n29 up desk\n40 down desk\n45"), "");
    stage.crash();
    let trace = stage.play("49 arrive c2 sales\n60");
    same(
        &trace,
        "49 enqueued c2 sales
         50 left c1 OverflowEmpty after 50000
         50 led on c1 sales Queue(QueueName(\"help\"))
         50 enqueued c1 help
         50 MOVED c1 help
         50 left c2 OverflowEmpty after 1000
         50 led on c2 sales Queue(QueueName(\"help\"))
         50 enqueued c2 help
         50 MOVED c2 help",
    );
    // Nobody has been there for long: whoever comes now goes on at once.
    assert!(stage.play("60 arrive c3 sales").contains("60 MOVED c3 help"));
}

#[test]
fn a_phone_that_rings_when_the_wait_is_over_rings_on_or_is_cut_short() {
    let script = "0 up desk\n5 arrive c1 sales\n5 sent o1\n6 ringing o1\n20";
    let ring = |finish: bool| {
        let mut stage = site(|sales, _| {
            sales.wait_max = Some(secs(10));
            sales.overflow.finish_ring = finish;
        });
        stage.play(script)
    };
    let rung = "5 enqueued c1 sales
        5 reserved o1 c1 anna desk
        5 DELIVER o1 c1 anna desk
        6 ringing o1";
    same(&ring(true), rung);
    let cut = "15 WITHDRAW o1 Withdrawn
        15 over o1 c1 anna Withdrawn
        15 left c1 OverflowTime after 10000
        15 END c1 OverflowTime";
    same(&ring(false), &format!("{rung}\n{cut}"));
}

#[test]
fn nobody_goes_round_for_ever() {
    // Each leads to the other at once: back within five seconds is not allowed.
    let at_once = |sales: &mut Queue, help: &mut Queue| {
        for (queue, other) in [(sales, "help"), (help, "sales")] {
            queue.overflow.leave_empty = vec![Absence::Unreachable];
            queue.overflow.leave_after = secs(0);
            queue.overflow.when_empty = vec![to(other)];
        }
    };
    same(
        &site(at_once).play("0 arrive c1 sales\n99"),
        "0 enqueued c1 sales
         0 left c1 OverflowEmpty after 0
         0 led on c1 sales Queue(QueueName(\"help\"))
         0 enqueued c1 help
         0 MOVED c1 help
         0 left c1 OverflowEmpty after 0
         0 not led on c1 help Queue(QueueName(\"sales\")) GoesRound
         0 END c1 OverflowEmpty",
    );
    // Slowly: ten times.
    let mut slowly = site(|sales, help| {
        for (queue, other) in [(sales, "help"), (help, "sales")] {
            queue.wait_max = Some(secs(20));
            queue.overflow.when_waited = vec![to(other)];
        }
    });
    let mut trace = slowly.play("0 arrive c1 sales\n100");
    slowly.crash();
    trace += &slowly.play("9999");
    assert_eq!(trace.matches("MOVED").count(), 10);
    assert!(trace.ends_with("220 END c1 OverflowTime\n"), "{trace}");
    assert!(slowly.journal.keys().all(|key| !matches!(key, crate::queue::Key::Contact(_))));
}

fn call(whom: Whom) -> Exit {
    Exit::Call { whom, ring: secs(20) }
}

#[test]
fn somebody_is_called_and_the_next_when_that_one_is_busy() {
    let mut stage = site(|sales, _| {
        sales.wait_max = Some(secs(10));
        let ben = call(Whom::Agent(AgentName::new("ben")));
        let outside = call(Whom::Number("+491715550".to_owned()));
        sales.overflow.when_waited = vec![ben.clone(), outside, ben];
    });
    stage.play("0 up ben\n0 arrive c2 help\n0 answered o1\n0 arrive c1 sales");
    same(
        &stage.play("10"),
        "10 left c1 OverflowTime after 10000
         10 not led on c1 sales Agent(AgentName(\"ben\")) Away
         10 led on c1 sales Number(+4\u{2026}50)
         10 CALL c1 Number(\"+491715550\") 20",
    );
    stage.crash();
    stage.play("11 ended o1\n12 release ben");
    same(
        &stage.play("12 onward c1 lost"),
        "12 not led on c1 sales Number(+4\u{2026}50) LostInCrash
         12 led on c1 sales Number(+4\u{2026}50)
         12 CALL c1 Number(\"+491715550\") 20",
    );
    same(
        &stage.play("13 onward c1 busy"),
        "13 not led on c1 sales Number(+4\u{2026}50) Refused(486)
         13 led on c1 sales Agent(AgentName(\"ben\"))
         13 CALL c1 Agent(AgentName(\"ben\"), Account(EndpointName(\"ben\"))) 20",
    );
    // No queue calls the phone that rings.
    same(&stage.play("14 arrive c3 help"), "14 enqueued c3 help");
    let trace = stage.play("15 leave c1\n15 onward c1 answered\n16 onward c1 busy");
    same(
        &trace,
        "15 not led on c1 sales Agent(AgentName(\"ben\")) CallerLeft
         15 reserved o2 c3 ben ben
         15 DELIVER o2 c3 ben ben
         16 END c1 SystemFailed",
    );
}
