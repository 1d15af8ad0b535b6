//! Words that every layer shares: time, identifiers, numbers, privacy, limits and the outbox.
//!
//! Nothing here decides anything, and nothing here reads a clock, a file or the kernel's
//! randomness: those arrive as values.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod e164;
pub mod entropy;
pub mod ids;
pub mod limits;
pub mod outbox;
pub mod private;
pub mod time;

pub use e164::E164;
pub use entropy::Entropy;
pub use ids::{
    AgentName, CalendarName, CallId, ContactId, EndpointName, LegId, Lsn, OfferId, QueueName,
    RecordingId, StreamId, TrunkId, TrunkName,
};
pub use outbox::Outbox;
pub use private::Private;
pub use time::{Mono, Now, Wall};
