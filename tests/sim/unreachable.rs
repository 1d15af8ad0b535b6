//! The cells of the state tables that nobody can hit, each with what prevents it. One that is hit
//! all the same fails the long form: then the reason is wrong, or what it relies on is broken.

use holdfast_core::arms::Arm;

/// Why a cell can not be hit; none when it can.
pub fn why_unreachable(arm: &Arm) -> Option<&'static str> {
    let found = NEVER.iter().find(|(machine, states, inputs, _)| {
        *machine == arm.machine
            && (states.contains(&ANY) || states.contains(&arm.state))
            && (inputs.contains(&ANY)
                || inputs.contains(&arm.input)
                || (inputs.contains(&NEWS) && is_news(arm.input)))
    });
    found.map(|(_, _, _, why)| *why)
}

/// Why a cell is hit too seldom to ask for a number: two things that have nothing to do with each
/// other must come true in one microsecond.
pub fn why_coincidence(arm: &Arm) -> Option<&'static str> {
    match (arm.machine, arm.state, arm.input) {
        ("Call", "Ending", "Deliver") | ("Agent", "reserved", "CallerLeft") => Some(
            "an agent gets free in the very step in which the call ends, and the queue hears \
                  of the end later in it",
        ),
        _ => None,
    }
}

/// Stands for every state or input.
const ANY: &str = "any";
/// Stands for all that a delivery reports.
const NEWS: &str = "news";

fn is_news(input: &str) -> bool {
    NEWS_OF_LIVE_OFFERS.contains(&input) || input == "LostInCrash"
}

/// What a delivery reports, but for the crash, which is told once more of an offer that it ended.
const NEWS_OF_LIVE_OFFERS: [&str; 9] = [
    "Sent",
    "Ringing",
    "Answered",
    "Busy",
    "Declined",
    "Unavailable",
    "NotRegistered",
    "NoAnswer",
    "DeviceFailed",
];

/// Cells that the ladders of `tests/golden/transfers.rs` hit one by one instead.
const NOT_SIMULATED: &str = "the peers of the simulation transfer nothing";

/// Machine, states, inputs, and why they never meet.
type Never = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

/// Lost ways are told by the plane, with packets: `media/plane/tests/browser.rs`, `tests/e2e`.
const NO_BROWSERS: &str = "no phone of the simulation is a browser";

const NEVER: &[Never] = &[
    ("Call", &[ANY], &["Disconnected"], NO_BROWSERS),
    ("Leg", &[ANY], &["Disconnected"], NO_BROWSERS),
    ("Dialog", &[ANY], &["Disconnected"], NO_BROWSERS),
    (
        "InviteServer",
        &["Accepted", "Acknowledged", "Completed", "Confirmed"],
        &["Trying", "Provisional", "Success", "Refusal"],
        "a leg gives one final answer (leg/orders leaves Incoming with it)",
    ),
    (
        "InviteServer",
        &["Fresh"],
        &["Retransmission", "Ack", "Provisional", "Acked", "DeadlineReached"],
        "a first INVITE is answered by 100 and a re-INVITE at all in the step in which it comes",
    ),
    ("InviteServer", &["Fresh", "Trying", "Proceeding"], &["Acked"], "no 2xx went out"),
    ("InviteServer", &["Completed", "Confirmed", "Acknowledged"], &["Acked"], "told once"),
    ("InviteServer", &["Trying", "Proceeding"], &["Trying"], "one 100, in the step of the INVITE"),
    ("InviteServer", &["Trying"], &["DeadlineReached"], "has no deadline"),
    (
        "InviteServer",
        &["Trying", "Proceeding", "Accepted", "Acknowledged"],
        &["Ack"],
        "the ACK to a success has a branch of its own (RFC 3261 §17.1.1.3)",
    ),
    ("InviteClient", &["Accepted", "Completed"], &["Cancel"], "a leg cancels while it is open"),
    (
        "RequestServer",
        &["Proceeding"],
        &[ANY],
        "a request other than INVITE is answered in the step in which it comes",
    ),
    (
        "RequestServer",
        &["Completed"],
        &["Silence", "Final"],
        "a request other than INVITE is answered once, and always",
    ),
    (
        "RequestServer",
        &["Trying"],
        &["Retransmission", "Silence", "DeadlineReached"],
        "a request other than INVITE is answered in the step in which it comes",
    ),
    (
        "Contact",
        &["gone", "offered", "talking"],
        &["PickUp"],
        "the site asks first whether the contact still waits (queue/pickup)",
    ),
    (
        "Agent",
        &[
            "free",
            "connected",
            "wrap_up",
            "rona",
            "cooling_busy",
            "cooling_declined",
            "cooling_unreachable",
            "own_call",
            "lingering",
        ],
        &["LostRace"],
        "told to those who are being called for the same contact",
    ),
    ("Call", &[ANY], &["OtherRequest"], "refused at the door of the site (sip/admit)"),
    (
        "Call",
        &["Dialling", "Announcing", "Talking"],
        &["Treat", "Deliver", "Connect", "Moved", "CallOn", "Announce"],
        "the queue orders these for a contact in line; who leaves tells it in the same step",
    ),
    (
        "Call",
        &["Ending"],
        &["Treat", "Connect", "Moved", "CallOn", "Announce"],
        "the queue orders these for a contact in line; who leaves tells it in the same step",
    ),
    ("Call", &["Dialling", "Announcing"], &["Withdraw", "End"], "no queue has a part in it"),
    (
        "Call",
        &["Queued", "Announcing", "Ending"],
        &["Cancelled"],
        "the INVITE has its final answer, and the transaction tells no CANCEL after it",
    ),
    (
        "Call",
        &["LedOn"],
        &["Treat", "Deliver", "Connect", "Withdraw"],
        "the contact is in no queue while somebody is called for it",
    ),
    ("Call", &["Dialling"], &["NoAck"], "the caller is not answered"),
    (
        "Call",
        &["Talking"],
        &["Withdraw", "End"],
        "an offer that won is withdrawn or ended by its own call alone (call/ending)",
    ),
    ("Call", &["Transferring"], &[ANY], NOT_SIMULATED),
    ("Call", &[ANY], &["Refer", "Transfer", "Replaced"], NOT_SIMULATED),
    ("Leg", &[ANY], &["Refer"], NOT_SIMULATED),
    ("Dialog", &[ANY], &["Refer"], NOT_SIMULATED),
    ("Leg", &[ANY], &["OtherRequest"], "refused at the door of the site (sip/admit)"),
    ("Leg", &["Answered"], &[ANY], "left in the step in which it is entered"),
    ("Leg", &["Incoming"], &["NoAck"], "no 2xx went out"),
    (
        "Leg",
        &["Incoming", "Accepted"],
        &["Provisional", "Success", "Refusal", "InviteFailed"],
        "we ask nothing",
    ),
    ("Leg", &["Calling", "Cancelling"], &["NoAck", "Cancelled"], "the INVITE is ours"),
    ("Leg", &["Accepted", "Confirmed", "Closing", "Over"], &["Cancelled"], "answered before"),
    (
        "Leg",
        &["Incoming", "Accepted", "Calling", "Cancelling", "Confirmed"],
        &["AudioClosed"],
        "the plane closes a stream when the closing leg orders it",
    ),
    (
        "Leg",
        &["Closing", "Over"],
        &["Success"],
        "a 2xx for a leg that is over is ended by the site (Call::is_stray)",
    ),
    ("Leg", &["Closing", "Over"], &["Quiet"], "a closed stream counts nothing"),
    ("Dialog", &[ANY], &["OtherRequest"], "refused at the door of the site (sip/admit)"),
    ("Dialog", &["Early"], &["NoAck"], "the INVITE is ours, or no 2xx went out"),
    (
        "Dialog",
        &["Early"],
        &["InviteFailed"],
        "after a 1xx an INVITE fails by its own time alone, 181 s, which no ring time here reaches",
    ),
    (
        "Dialog",
        &["Unacknowledged"],
        &["Provisional", "Success", "Refusal", "InviteFailed"],
        "we ask nothing before the ACK",
    ),
    (
        "Dialog",
        &["Quiet"],
        &["NoAck", "Provisional", "Refusal", "InviteFailed"],
        "no INVITE of either side is open",
    ),
    (
        "Dialog",
        &["Theirs"],
        &["Provisional", "Refusal", "InviteFailed"],
        "no INVITE of ours is open: one change at a time (leg/orders, probe)",
    ),
    (
        "Dialog",
        &["Ours"],
        &["NoAck"],
        "no INVITE of theirs is open: ours waits for the ACK to it (leg/orders, probe)",
    ),
    (
        "Contact",
        &["waiting", "offered", "talking"],
        &["Arrived"],
        "a call enters one queue, once, with an id of its own (call, follow)",
    ),
    (
        "Contact",
        &[ANY],
        &["Ended", "LostLiveness"],
        "the end of an answered SIP leg ends its call, which leaves (call/news)",
    ),
    (
        "Contact",
        &["gone"],
        &["GaveUp", "Pulled", "LeftInCrash"],
        "the call leaves once, and is in the queue until then (call/ending)",
    ),
    (
        "Contact",
        &["gone"],
        &["Answered"],
        "an answer is alone in its step, and the call forgets what was withdrawn (call/offers)",
    ),
    ("Contact", &["gone"], &["Reprioritise"], "refused by the site (obey)"),
    (
        "Contact",
        &["gone", "talking"],
        &[NEWS],
        "a call tells of its offers while its contact is in line, and of others it is stale news \
         (call/news)",
    ),
    ("Contact", &["waiting", "offered", "talking"], &["StaleNews"], "a live offer is no stale one"),
    (
        "Contact",
        &["waiting"],
        &NEWS_OF_LIVE_OFFERS,
        "who has a live offer that was not answered is in the place `offered`",
    ),
    (
        "Contact",
        &["gone", "offered", "talking"],
        &["WaitedTooLong"],
        "an offer and the end of the wait take the deadline away (queue/offers, entry)",
    ),
    ("Agent", &["ring_unseen"], &[ANY], "a SIP delivery sees ringing (Capabilities::SIP)"),
    (
        "Agent",
        &["lingering"],
        &NEWS_OF_LIVE_OFFERS,
        "an offer lost in a crash is told as lost once more and as nothing else (call/leg/restore, \
         call/offers)",
    ),
    (
        "Agent",
        &["lingering"],
        &["CallerLeft"],
        "the contact of an offer lost in a crash waits again; callers find the agent that holds \
         their live offer (Place)",
    ),
    (
        "Agent",
        &[ANY],
        &["Ended", "LostLiveness"],
        "the end of an answered SIP leg ends its call, which leaves (call/news)",
    ),
    (
        "Agent",
        &["connected"],
        &[NEWS],
        "the call tells nothing of an offer after its answer (call/news)",
    ),
    (
        "Agent",
        &[
            "free",
            "wrap_up",
            "rona",
            "cooling_busy",
            "cooling_declined",
            "cooling_unreachable",
            "own_call",
        ],
        &[NEWS, "CallerLeft"],
        "news and callers find the agent that holds the offer (Ledger::holder, Place)",
    ),
    (
        "Agent",
        &["reserved"],
        &[
            "Ringing",
            "Answered",
            "Busy",
            "Declined",
            "Unavailable",
            "NoAnswer",
            "DeviceFailed",
            "LostInCrash",
            "Release",
            "DeadlineReached",
        ],
        "the call says `Sent`, or that nobody could be called, in the step of the order \
         (call/queued)",
    ),
    (
        "Agent",
        &["ring_awaited", "ring_missing", "ring_seen"],
        &["Sent"],
        "told once, as the first news",
    ),
    (
        "Agent",
        &[
            "reserved",
            "ring_awaited",
            "ring_missing",
            "ring_seen",
            "connected",
            "wrap_up",
            "rona",
            "cooling_busy",
            "cooling_declined",
            "own_call",
            "lingering",
        ],
        &["Reserve"],
        "not selectable (agent/selectable)",
    ),
    (
        "Agent",
        &["free", "reserved", "ring_awaited", "ring_missing", "ring_seen"],
        &["OwnCallEnded"],
        "whoever is in a call of their own is not free and has no offer (queue/duty)",
    ),
    ("Agent", &["free", "connected", "own_call"], &["DeadlineReached"], "has no deadline"),
];
