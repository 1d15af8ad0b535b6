//! Which cells of the state tables were hit, over all runs, and which nobody can hit.

use holdfast_core::site::Site;

#[cfg(feature = "trace-arms")]
use holdfast_core::arms::{Arm, Table};
#[cfg(feature = "trace-arms")]
use std::collections::BTreeMap;

/// Hits by cell.
#[derive(Debug, Default)]
pub struct Arms {
    #[cfg(feature = "trace-arms")]
    hits: BTreeMap<Arm, u64>,
}

#[cfg(not(feature = "trace-arms"))]
impl Arms {
    /// Nobody counts in this build.
    pub fn take_from(&mut self, _site: &mut Site) {}
}

#[cfg(feature = "trace-arms")]
impl Arms {
    /// Takes the counts of a site.
    pub fn take_from(&mut self, site: &mut Site) {
        self.add(site.last_arms());
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: Self) {
        self.add(other.hits);
    }

    fn add(&mut self, hits: BTreeMap<Arm, u64>) {
        for (arm, count) in hits {
            *self.hits.entry(arm).or_default() += count;
        }
    }

    /// Prints every table and gives the reachable cells that were hit less than `least` times.
    pub fn report(&self, least: u64) -> Vec<String> {
        let tables = holdfast_core::sip::transaction::TABLES.into_iter();
        let tables = tables.chain(holdfast_core::call::arms::TABLES);
        let tables = tables.chain([holdfast_core::queue::arms::TABLE]);
        let tables = tables.chain([holdfast_core::agent::arms::TABLE]);
        tables.flat_map(|table| self.report_one(&table, least)).collect()
    }

    fn report_one(&self, table: &Table, least: u64) -> Vec<String> {
        let mut rare = Vec::new();
        println!("\n{}", table.machine);
        for state in table.states {
            for input in table.inputs {
                let arm = Arm { machine: table.machine, state, input };
                let hits = self.hits.get(&arm).copied().unwrap_or(0);
                match unreachable(&arm) {
                    Some(why) if hits == 0 => println!("  {state:>12} {input:<16} {why}"),
                    Some(why) => rare.push(format!("{arm:?} was hit, though {why}")),
                    None => {
                        println!("  {state:>12} {input:<16} {hits}");
                        if hits < least {
                            rare.push(format!("{} {state} {input}: {hits}", table.machine));
                        }
                    }
                }
            }
        }
        rare
    }
}

/// Why a cell can not be hit.
#[cfg(feature = "trace-arms")]
fn unreachable(arm: &Arm) -> Option<&'static str> {
    let among = |words: &[&str], word| words.contains(&"any") || words.contains(&word);
    UNREACHABLE
        .iter()
        .find(|(machine, states, inputs, _)| {
            among(&[machine], arm.machine) && among(states, arm.state) && among(inputs, arm.input)
        })
        .map(|(_, _, _, why)| *why)
}

/// Machine, states, inputs, and why they never meet.
#[cfg(feature = "trace-arms")]
type Never = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

#[cfg(feature = "trace-arms")]
const UNREACHABLE: &[Never] = &[
    ("Call", &["any"], &["OtherRequest"], "refused at the door of the site"),
    ("Leg", &["any"], &["OtherRequest"], "refused at the door of the site"),
    (
        "Call",
        &["Dialling", "Announcing", "Talking"],
        &["Treat", "Deliver", "Connect"],
        "the queue orders these for a waiting contact alone",
    ),
    ("Call", &["Dialling", "Announcing"], &["Withdraw", "End"], "no queue has a part in it"),
    ("Call", &["Talking", "Queued", "Announcing"], &["Cancelled"], "the caller is answered"),
    ("Call", &["Dialling"], &["Ack", "NoAck"], "the caller is not answered"),
    ("Leg", &["Answered"], &["any"], "left in the step in which it is entered"),
    (
        "Leg",
        &["Incoming"],
        &["Bye", "Invite", "Update", "Options", "Ack", "NoAck", "Quiet"],
        "no dialog before the answer",
    ),
    (
        "Leg",
        &["Incoming"],
        &["Provisional", "Success", "Refusal", "InviteFailed"],
        "we ask nothing",
    ),
    (
        "Leg",
        &["Accepted"],
        &["Provisional", "Success", "Refusal", "InviteFailed"],
        "we ask nothing",
    ),
    ("Leg", &["Calling", "Cancelling"], &["Ack", "NoAck", "Cancelled"], "theirs to answer"),
    ("Leg", &["Accepted", "Confirmed", "Closing", "Over"], &["Cancelled"], "answered before"),
    (
        "Leg",
        &["Incoming", "Accepted", "Calling", "Cancelling", "Confirmed", "Over"],
        &["AudioClosed"],
        "the stream is closed by the closing leg alone",
    ),
    ("Leg", &["Closing", "Over"], &["Quiet"], "a closed stream counts nothing"),
    (
        "InviteServer",
        &["Accepted", "Acknowledged", "Completed", "Confirmed"],
        &["Trying", "Provisional", "Success", "Refusal"],
        "a leg gives one final answer",
    ),
    (
        "InviteServer",
        &["Fresh"],
        &["Retransmission", "Ack", "Provisional", "Acked", "DeadlineReached"],
        "a first INVITE is answered by 100 and a re-INVITE at all in the step in which it comes",
    ),
    ("InviteServer", &["Fresh", "Trying", "Proceeding"], &["Acked"], "no 2xx went out"),
    ("InviteServer", &["Completed", "Confirmed", "Acknowledged"], &["Acked"], "told once"),
    (
        "InviteServer",
        &["Trying", "Proceeding"],
        &["Trying", "DeadlineReached"],
        "no timer, one 100",
    ),
    (
        "InviteServer",
        &["Trying", "Proceeding", "Accepted", "Acknowledged"],
        &["Ack"],
        "the ACK to a success has a branch of its own (RFC 3261 \u{a7}17.1.1.3)",
    ),
    ("InviteClient", &["Doomed", "Accepted", "Completed"], &["Cancel"], "a leg cancels once"),
    (
        "RequestServer",
        &["Proceeding"],
        &["any"],
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
];
