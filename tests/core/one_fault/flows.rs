//! The flows: who says what, and when.

use crate::peer::{Act, Rule};
use crate::{joined, sessions};

/// Whether one fault may change how a flow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// SIP mends it.
    Alike,
    /// Two act at the same time.
    AsItComes,
}

/// A flow.
pub struct Flow {
    pub name: &'static str,
    pub registered: &'static [&'static str],
    pub scripts: Vec<(&'static str, Vec<Rule>)>,
    pub ends: Ends,
    /// What its story must say without any fault.
    pub shows: &'static str,
}

pub const ANNA: &str = "sip:anna@10.0.0.1";
pub const BEN: &str = "sip:ben@10.0.0.1";
pub const SALES: &str = "sip:+4930100@10.0.0.1";
pub const OUT: &str = "sip:+49171999@10.0.0.1";

pub fn on(event: &'static str, after: f64, act: Act) -> Rule {
    Rule { on: event, after, act }
}

pub fn calls(to: &'static str) -> Rule {
    on("start", 0.0, Act::Call { to, more: "", offer: true })
}

pub fn calls_with(to: &'static str, more: &'static str) -> Rule {
    on("start", 0.0, Act::Call { to, more, offer: true })
}

pub const RING: Act = Act::Ring { reliably: false };
pub const RING_RELIABLY: Act = Act::Ring { reliably: true };
pub const EARLY: Act = Act::Early { reliably: false };
pub const EARLY_RELIABLY: Act = Act::Early { reliably: true };

/// Rings, and answers after two seconds.
pub fn takes() -> Vec<Rule> {
    vec![on("INVITE", 0.1, RING), on("INVITE", 2.0, Act::Answer)]
}

pub fn takes_and(more: Vec<Rule>) -> Vec<Rule> {
    takes().into_iter().chain(more).collect()
}

/// Calls and hangs up so long after the answer.
pub fn talks(to: &'static str, seconds: f64) -> Vec<Rule> {
    vec![calls(to), on("200 INVITE", seconds, Act::Bye)]
}

pub fn flow(
    name: &'static str,
    shows: &'static str,
    registered: &'static [&'static str],
    scripts: Vec<(&'static str, Vec<Rule>)>,
) -> Flow {
    Flow { name, registered, scripts, ends: Ends::Alike, shows }
}

pub fn race(flow: Flow) -> Flow {
    Flow { ends: Ends::AsItComes, ..flow }
}

pub fn all() -> Vec<Flow> {
    let [early, changing] = [sessions::early(), sessions::changing()];
    let parts = [
        calling(),
        early,
        changing,
        joined::transferring(),
        joined::queueing(),
        joined::going_out(),
    ];
    parts.into_iter().flatten().collect()
}

fn calling() -> Vec<Flow> {
    let cancels = |at| vec![calls(ANNA), on("start", at, Act::Cancel)];
    vec![
        flow(
            "the caller hangs up",
            "by Caller None",
            &["anna"],
            vec![("caller", talks(ANNA, 8.0)), ("anna", takes())],
        ),
        flow(
            "the called party hangs up",
            "by Callee None",
            &["anna"],
            vec![
                ("caller", vec![calls(ANNA)]),
                ("anna", takes_and(vec![on("ACK", 8.0, Act::Bye)])),
            ],
        ),
        race(flow(
            "both hang up at once",
            "None",
            &["anna"],
            vec![
                ("caller", talks(ANNA, 8.04)),
                ("anna", takes_and(vec![on("ACK", 8.0, Act::Bye)])),
            ],
        )),
        flow(
            "busy",
            "Some(486)",
            &["anna"],
            vec![
                ("caller", vec![calls(ANNA)]),
                ("anna", vec![on("INVITE", 0.1, RING), on("INVITE", 1.0, Act::Refuse(486))]),
            ],
        ),
        flow(
            "declined at once",
            "Some(603)",
            &["anna"],
            vec![
                ("caller", vec![calls(ANNA)]),
                ("anna", vec![on("INVITE", 0.0, Act::Refuse(603))]),
            ],
        ),
        flow(
            "nobody answers",
            "Some(480)",
            &["anna"],
            vec![("caller", vec![calls(ANNA)]), ("anna", vec![on("INVITE", 0.1, RING)])],
        ),
        flow(
            "cancelled while it rings",
            "Some(487)",
            &["anna"],
            vec![("caller", cancels(6.0)), ("anna", vec![on("INVITE", 0.1, RING)])],
        ),
        flow(
            "cancelled at once",
            "Some(487)",
            &["anna"],
            vec![("caller", cancels(0.01)), ("anna", vec![on("INVITE", 3.0, RING)])],
        ),
        race(flow(
            "cancelled as it is answered",
            "answered",
            &["anna"],
            vec![("caller", cancels(2.03)), ("anna", takes())],
        )),
        race(flow(
            "cancelled when it has been answered",
            "answered",
            &["anna"],
            vec![("caller", cancels(2.05)), ("anna", takes())],
        )),
        flow(
            "an offer in the answer",
            "by Caller None",
            &["anna"],
            vec![
                (
                    "caller",
                    vec![
                        on("start", 0.0, Act::Call { to: ANNA, more: "", offer: false }),
                        on("200 INVITE", 8.0, Act::Bye),
                    ],
                ),
                ("anna", takes()),
            ],
        ),
        flow(
            "two phones, one answers",
            "by Caller None",
            &["anna", "desk"],
            vec![
                ("caller", talks(ANNA, 8.0)),
                ("anna", takes()),
                ("desk", vec![on("INVITE", 0.1, RING)]),
            ],
        ),
        race(flow(
            "two phones answer at once",
            "by Caller None",
            &["anna", "desk"],
            vec![("caller", talks(ANNA, 8.0)), ("anna", takes()), ("desk", takes())],
        )),
    ]
}
