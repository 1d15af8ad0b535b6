//! The state tables of the four transactions, for whoever counts which of their cells were hit.

use crate::arms::Table;

/// Every cell there is, so that a simulation can print those that it never hit. A machine that has
/// terminated is forgotten at once; nobody can find it in that state.
pub const TABLES: [Table; 4] = [
    Table {
        machine: "InviteClient",
        states: &["Calling", "Doomed", "Proceeding", "Cancelling", "Completed", "Accepted"],
        inputs: &[&["Cancel", "Provisional", "Success", "Refusal", "Broken", "DeadlineReached"]],
    },
    Table {
        machine: "InviteServer",
        states: &[
            "Fresh",
            "Trying",
            "Proceeding",
            "Accepted",
            "Acknowledged",
            "Completed",
            "Confirmed",
        ],
        inputs: &[&[
            "Retransmission",
            "Ack",
            "Trying",
            "Provisional",
            "Success",
            "Refusal",
            "Acked",
            "DeadlineReached",
        ]],
    },
    Table {
        machine: "RequestClient",
        states: &["Trying", "Proceeding", "Completed"],
        inputs: &[&["Provisional", "Final", "Broken", "DeadlineReached"]],
    },
    Table {
        machine: "RequestServer",
        states: &["Trying", "Proceeding", "Completed"],
        inputs: &[&["Retransmission", "Final", "Silence", "DeadlineReached"]],
    },
];
