//! Named limits that more than one layer obeys. A limit of one machine stands in its own file.

use std::time::Duration;

/// Largest SIP message that is read or written, in bytes; the largest UDP payload, rounded up.
pub const SIP_MESSAGE_BYTES_MAX: usize = 65_536;
/// Most header lines of one SIP message; real calls carry 20 to 60.
pub const SIP_HEADERS_MAX: usize = 200;
/// Longest header line after unfolding, in bytes.
pub const SIP_LINE_BYTES_MAX: usize = 8192;
/// Most calls at once, counting everything from the first INVITE to the last BYE.
pub const CALLS_MAX: usize = 5000;
/// Most contacts waiting in all queues together.
pub const CONTACTS_MAX: usize = 5000;
/// Most endpoints of one agent.
pub const ENDPOINTS_PER_AGENT_MAX: usize = 16;
/// Most registered contacts of one account (address of record).
pub const BINDINGS_PER_ACCOUNT_MAX: usize = 10;
/// How long a message waits for the disk before it goes anyway: `QUEUEING.md` 2.13.
pub const GATE_MAX: Duration = Duration::from_millis(50);
