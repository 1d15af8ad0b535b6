//! Flows within one session: before the answer, and while the parties talk.

use crate::flows::{
    ANNA, EARLY, EARLY_RELIABLY, Flow, RING, RING_RELIABLY, calls, calls_with, flow, on, race,
    takes, takes_and, talks,
};
use crate::peer::Act;

pub fn early() -> Vec<Flow> {
    let reliable = "Supported: 100rel";
    let required = "Require: 100rel";
    let both = || {
        vec![
            on("INVITE", 0.1, RING_RELIABLY),
            on("INVITE", 4.0, EARLY_RELIABLY),
            on("INVITE", 8.0, Act::Answer),
        ]
    };
    let asks = |more| vec![calls_with(ANNA, more), on("200 INVITE", 8.0, Act::Bye)];
    vec![
        flow(
            "audio before the answer",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", talks(ANNA, 8.0)),
                ("anna", vec![on("INVITE", 0.1, EARLY), on("INVITE", 2.0, Act::Answer)]),
            ],
        ),
        flow(
            "audio before a refusal",
            "Some(486)",
            &["anna"],
            vec![
                ("caller", vec![calls(ANNA)]),
                ("anna", vec![on("INVITE", 0.1, EARLY), on("INVITE", 6.0, Act::Refuse(486))]),
            ],
        ),
        flow(
            "audio before a cancel",
            "Some(487)",
            &["anna"],
            vec![
                ("caller", vec![calls(ANNA), on("start", 6.0, Act::Cancel)]),
                ("anna", vec![on("INVITE", 0.1, EARLY)]),
            ],
        ),
        flow(
            "reliable on both sides",
            "by Caller None",
            &["anna"],
            vec![("caller", asks(reliable)), ("anna", both())],
        ),
        flow(
            "required by the caller alone",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", asks(required)),
                (
                    "anna",
                    vec![
                        on("INVITE", 0.1, RING),
                        on("INVITE", 3.0, EARLY),
                        on("INVITE", 8.0, Act::Answer),
                    ],
                ),
            ],
        ),
        flow(
            "reliable on the called side alone",
            "by Caller None",
            &["anna"],
            vec![("caller", asks("")), ("anna", both())],
        ),
        flow(
            "reliable, then answered at once",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", asks(required)),
                ("anna", vec![on("INVITE", 0.1, EARLY_RELIABLY), on("PRACK", 0.01, Act::Answer)]),
            ],
        ),
        flow(
            "reliable, then refused",
            "Some(486)",
            &["anna"],
            vec![
                ("caller", vec![calls_with(ANNA, required)]),
                (
                    "anna",
                    vec![on("INVITE", 0.1, RING_RELIABLY), on("INVITE", 6.0, Act::Refuse(486))],
                ),
            ],
        ),
        flow(
            "reliable, then cancelled",
            "Some(487)",
            &["anna"],
            vec![
                ("caller", vec![calls_with(ANNA, required), on("start", 8.0, Act::Cancel)]),
                ("anna", vec![on("INVITE", 0.1, RING_RELIABLY), on("INVITE", 3.0, EARLY_RELIABLY)]),
            ],
        ),
        race(flow(
            "cancelled between 183 and PRACK",
            "Some(487)",
            &["anna"],
            vec![
                ("caller", vec![calls_with(ANNA, required), on("start", 0.18, Act::Cancel)]),
                ("anna", vec![on("INVITE", 0.1, EARLY_RELIABLY)]),
            ],
        )),
        flow(
            "UPDATE before the answer",
            "by Caller None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        calls_with(ANNA, required),
                        on("200 PRACK", 0.2, Act::Update("inactive")),
                        on("200 UPDATE", 3.0, Act::Update("sendrecv")),
                        on("200 INVITE", 12.0, Act::Bye),
                    ],
                ),
                ("anna", vec![on("INVITE", 0.1, EARLY_RELIABLY), on("INVITE", 12.0, Act::Answer)]),
            ],
        ),
    ]
}

pub fn changing() -> Vec<Flow> {
    let held = || {
        takes_and(vec![
            on("ACK", 2.0, Act::Change("sendonly")),
            on("ACK", 10.0, Act::Change("sendrecv")),
        ])
    };
    let timer = "Supported: timer\nMin-SE: 90\nSession-Expires: 90;refresher=uas";
    let own = "Supported: timer\nMin-SE: 90\nSession-Expires: 90;refresher=uac";
    vec![
        flow(
            "hold and resume",
            "by Caller None",
            &["anna"],
            vec![("caller", talks(ANNA, 22.0)), ("anna", held())],
        ),
        flow(
            "hold and resume by the caller",
            "by Callee None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        calls(ANNA),
                        on("200 INVITE", 2.0, Act::Change("inactive")),
                        on("200 INVITE", 10.0, Act::Change("sendrecv")),
                    ],
                ),
                ("anna", takes_and(vec![on("ACK", 22.0, Act::Bye)])),
            ],
        ),
        flow(
            "both hold",
            "by Caller None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        calls(ANNA),
                        on("200 INVITE", 2.0, Act::Change("sendonly")),
                        on("200 INVITE", 12.0, Act::Change("sendrecv")),
                        on("200 INVITE", 24.0, Act::Bye),
                    ],
                ),
                ("anna", held()),
            ],
        ),
        flow(
            "a re-INVITE without an offer",
            "by Caller None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        calls(ANNA),
                        on("200 INVITE", 2.0, Act::Ask),
                        on("200 INVITE", 16.0, Act::Bye),
                    ],
                ),
                ("anna", takes_and(vec![on("ACK", 8.0, Act::Ask)])),
            ],
        ),
        flow(
            "hold by UPDATE",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", talks(ANNA, 22.0)),
                (
                    "anna",
                    takes_and(vec![
                        on("ACK", 2.0, Act::Update("sendonly")),
                        on("ACK", 10.0, Act::Update("sendrecv")),
                    ]),
                ),
            ],
        ),
        race(flow(
            "a change as the other hangs up",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", talks(ANNA, 8.0)),
                ("anna", takes_and(vec![on("ACK", 7.98, Act::Change("sendonly"))])),
            ],
        )),
        flow(
            "the box refreshes the session",
            "by Caller None",
            &["anna"],
            vec![
                ("caller", vec![calls_with(ANNA, timer), on("200 INVITE", 150.0, Act::Bye)]),
                ("anna", takes()),
            ],
        ),
        flow(
            "the caller refreshes the session",
            "by Caller None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        calls_with(ANNA, own),
                        on("200 INVITE", 40.0, Act::Refresh),
                        on("200 INVITE", 80.0, Act::Change("sendrecv")),
                        on("200 INVITE", 130.0, Act::Bye),
                    ],
                ),
                ("anna", takes()),
            ],
        ),
    ]
}
