//! Flows that join parties: transfers, queues, calls that go out.

use crate::flows::{
    ANNA, BEN, EARLY, Flow, OUT, RING, SALES, calls, flow, on, race, takes, takes_and, talks,
};
use crate::peer::{Act, Rule};

/// Answers, holds, and asks that the caller talk to somebody else.
fn refers(to: &'static str, more: Vec<Rule>) -> Vec<Rule> {
    let own =
        vec![on("ACK", 2.0, Act::Change("sendonly")), on("200 re-INVITE", 1.0, Act::Refer(to))];
    takes_and(own.into_iter().chain(more).collect())
}

pub fn transferring() -> Vec<Flow> {
    let waits = || vec![calls(ANNA), on("200 INVITE", 30.0, Act::Bye)];
    vec![
        flow(
            "passed on",
            "Blind, Joined",
            &["anna", "ben"],
            vec![("caller", waits()), ("anna", refers(BEN, vec![])), ("ben", takes())],
        ),
        flow(
            "passed on to a busy phone",
            "Failed",
            &["anna", "ben"],
            vec![
                ("caller", waits()),
                ("anna", refers(BEN, vec![on("NOTIFY 486", 1.0, Act::Change("sendrecv"))])),
                ("ben", vec![on("INVITE", 0.2, Act::Refuse(486))]),
            ],
        ),
        flow(
            "passed on to nobody",
            "Failed",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 40.0, Act::Bye)]),
                ("anna", refers(BEN, vec![on("NOTIFY 480", 1.0, Act::Change("sendrecv"))])),
                ("ben", vec![on("INVITE", 0.1, RING)]),
            ],
        ),
        flow(
            "passed on, and the phone hangs up at once",
            "Blind, Joined",
            &["anna", "ben"],
            vec![
                ("caller", waits()),
                ("anna", refers(BEN, vec![on("202 REFER", 0.0, Act::Bye)])),
                ("ben", vec![on("INVITE", 0.1, RING), on("INVITE", 5.0, Act::Answer)]),
            ],
        ),
        flow(
            "passed on, and the caller gives up",
            "Abandoned",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 10.0, Act::Bye)]),
                ("anna", refers(BEN, vec![])),
                ("ben", vec![on("INVITE", 0.1, RING)]),
            ],
        ),
        race(flow(
            "the caller hangs up as it is passed on",
            "answered true",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 3.1, Act::Bye)]),
                ("anna", refers(BEN, vec![])),
                ("ben", takes()),
            ],
        )),
        flow(
            "passed on over a trunk",
            "Blind, Joined",
            &["anna"],
            vec![("caller", waits()), ("anna", refers(OUT, vec![])), ("carrier", takes())],
        ),
        flow(
            "passed on by the caller",
            "Blind, Joined",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 4.0, Act::Refer(BEN))]),
                ("anna", takes_and(vec![on("ACK", 25.0, Act::Bye)])),
                ("ben", takes()),
            ],
        ),
        flow(
            "passed on after a question",
            "Attended, Joined",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 40.0, Act::Bye)]),
                (
                    "anna",
                    takes_and(vec![
                        on("ACK", 2.0, Act::Change("sendonly")),
                        on("ACK", 20.0, Act::Refer("sip:ben@10.0.0.1?Replaces={escaped desk}")),
                    ]),
                ),
                ("desk", vec![on("start", 8.0, Act::Call { to: BEN, more: "", offer: true })]),
                ("ben", takes()),
            ],
        ),
        flow(
            "somebody else takes over",
            "Replaced, Joined",
            &["anna", "ben"],
            vec![
                ("caller", vec![calls(ANNA), on("200 INVITE", 24.0, Act::Bye)]),
                ("anna", takes()),
                (
                    "ben",
                    vec![on(
                        "start",
                        10.0,
                        Act::Call { to: ANNA, more: "Replaces: {dialog anna}", offer: true },
                    )],
                ),
            ],
        ),
        flow(
            "passed on into a queue",
            "Blind, Joined",
            &["anna", "ben"],
            vec![("caller", waits()), ("ben", takes()), ("anna", refers(SALES, vec![]))],
        ),
    ]
}

pub fn queueing() -> Vec<Flow> {
    vec![
        flow(
            "an agent takes the caller",
            "Answered",
            &["anna"],
            vec![("caller", talks(SALES, 15.0)), ("anna", takes())],
        ),
        flow(
            "the agent hangs up",
            "Answered",
            &["anna"],
            vec![
                ("caller", vec![calls(SALES)]),
                ("anna", takes_and(vec![on("ACK", 8.0, Act::Bye)])),
            ],
        ),
        flow(
            "the first agent is busy",
            "Answered",
            &["anna", "ben"],
            vec![
                ("caller", talks(SALES, 20.0)),
                ("anna", vec![on("INVITE", 0.5, Act::Refuse(486))]),
                ("ben", takes()),
            ],
        ),
        flow(
            "the first agent does not answer",
            "Answered",
            &["anna", "ben"],
            vec![
                ("caller", talks(SALES, 30.0)),
                ("anna", vec![on("INVITE", 0.1, RING)]),
                ("ben", takes()),
            ],
        ),
        // Whether it rings is known from the 180 alone, which nobody repeats.
        race(flow(
            "the caller leaves while it rings",
            "AbandonedRinging",
            &["anna"],
            vec![("caller", talks(SALES, 7.0)), ("anna", vec![on("INVITE", 0.1, RING)])],
        )),
        flow("the caller leaves the queue", "Abandoned", &[], vec![("caller", talks(SALES, 12.0))]),
        race(flow(
            "the agent answers as the caller leaves",
            "answered true",
            &["anna"],
            vec![("caller", talks(SALES, 2.03)), ("anna", takes())],
        )),
        race(flow(
            "the agent answers as the time is over",
            "answered true",
            &["anna", "ben"],
            vec![
                ("caller", talks(SALES, 30.0)),
                ("anna", vec![on("INVITE", 0.1, RING), on("INVITE", 9.97, Act::Answer)]),
                ("ben", takes()),
            ],
        )),
    ]
}

pub fn going_out() -> Vec<Flow> {
    vec![
        flow(
            "a phone calls out",
            "by Caller None",
            &["anna"],
            vec![("anna", talks(OUT, 8.0)), ("carrier", takes())],
        ),
        flow(
            "a phone calls out and is refused",
            "Some(404)",
            &["anna"],
            vec![
                ("anna", vec![calls(OUT)]),
                ("carrier", vec![on("INVITE", 0.2, Act::Refuse(404))]),
            ],
        ),
        flow(
            "a phone calls out and gives up",
            "Some(487)",
            &["anna"],
            vec![
                ("anna", vec![calls(OUT), on("start", 6.0, Act::Cancel)]),
                ("carrier", vec![on("INVITE", 0.2, EARLY)]),
            ],
        ),
        race(flow(
            "two answer behind one proxy",
            "by Caller None",
            &["anna"],
            vec![
                ("anna", talks(OUT, 8.0)),
                ("carrier", takes_and(vec![on("INVITE", 2.5, Act::AnswerElsewhere)])),
            ],
        )),
        flow(
            "a phone calls out over a trunk in trouble",
            "Some(500)",
            &["anna"],
            vec![
                ("anna", vec![calls(OUT)]),
                ("carrier", vec![on("INVITE", 0.2, Act::Refuse(503))]),
            ],
        ),
    ]
}
