//! Identifiers. A number or a name never travels without its meaning.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that the configuration has already checked.
            #[must_use]
            pub fn new(name: &str) -> Self {
                Self(Arc::from(name))
            }

            /// The name as written in the configuration.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

number_id! {
    /// One caller's visit to the box, from the first INVITE to the CDR. Never used twice.
    CallId, "call-"
}
number_id! {
    /// One conversation that is taken down.
    RecordingId, "recording-"
}
number_id! {
    /// One SIP dialog (or the attempt at one) of a call.
    LegId, "leg-"
}
number_id! {
    /// One RTP/RTCP port pair of the media plane.
    StreamId, "stream-"
}
number_id! {
    /// Something that waits in a queue, however it arrived.
    ContactId, "contact-"
}
number_id! {
    /// One attempt to bring one contact to one endpoint of one agent.
    OfferId, "offer-"
}
number_id! {
    /// Log sequence number: the position of a record in the order of everything made durable.
    Lsn, "lsn-"
}
number_id! {
    /// A trunk of the configuration, where a name is too large to travel: a digest of its name, so
    /// that it is the same after a restart and whatever is written around it in the configuration.
    TrunkId, "trunk-"
}
name_id! {
    /// A queue of the configuration.
    QueueName
}
name_id! {
    /// A calendar of the configuration: when somebody is there.
    CalendarName
}
name_id! {
    /// An agent of the configuration: a person, whatever the number of their phones.
    AgentName
}
name_id! {
    /// A place where an agent can be reached: a phone account or an address over a trunk.
    EndpointName
}
name_id! {
    /// A trunk of the configuration.
    TrunkName
}

impl TrunkName {
    /// The same trunk as a number: FNV-1a over its name. Among a thousand trunks two would share
    /// one with a chance of 1 to 3·10¹³; the configuration refuses them all the same.
    #[must_use]
    pub fn id(&self) -> TrunkId {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        TrunkId(self.as_str().bytes().fold(BASIS, mix))
    }
}
