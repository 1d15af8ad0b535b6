//! What goes into the site and what comes out of it.

use holdfast_base::{Lsn, Now};
use holdfast_config::Config;
use holdfast_wire::sdp::Fingerprint;
use std::net::IpAddr;
use std::sync::Arc;

use crate::abuse::{self, offence::Offence};
use crate::certificate::Certificate;
use crate::command::{Command, Reply};
use crate::media::order::{MediaEdge, MediaOrder};
use crate::peer::resolve::{Answer, Question};
use crate::record::journal::Record;
use crate::sip::flow::Flow;

/// Everything that can reach the site. Past facts only.
#[derive(Clone, Debug)]
pub enum Input {
    /// One framed SIP message arrived, not yet parsed.
    Received {
        /// The way it came.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A connection broke or could not be opened; a datagram was refused.
    FlowBroken {
        /// The way that is gone.
        flow: Flow,
    },
    /// The media plane reports.
    Media(MediaEdge),
    /// A person orders.
    Command {
        /// Number that the reply names.
        id: u64,
        /// The order.
        command: Command,
    },
    /// A new configuration is in force.
    Configured(Arc<Config>),
    /// A gated message left before its record was on disk.
    Ungated {
        /// The record that was late.
        late: Lsn,
    },
    /// The health of the parts that the drivers run.
    Drivers(DriversHealth),
    /// What a name means, as asked for by [`Output::Resolve`].
    Resolved {
        /// The question.
        question: Question,
        /// What came of it.
        answer: Answer,
    },
    /// What the box knows of its certificates now, all of them.
    Certificates(Vec<Certificate>),
    /// The process is about to end in good order.
    Stopping,
    /// Somebody did something wrong that no message tells.
    Offended {
        /// The way it came.
        flow: Flow,
        /// What.
        what: Offence,
    },
    /// The deadline that the site named has come.
    DeadlineReached,
}

/// Everything that the site can order. Carried out in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write a record. Its number is already given; numbers come without gaps. The records of a
    /// step come together, before its other orders, and become durable together or not at all.
    Record {
        /// Its place.
        lsn: Lsn,
        /// What to keep.
        record: Record,
    },
    /// Send a SIP message.
    Send {
        /// The way it goes.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
        /// Hold it until the log has synced this far, 50 ms at most.
        after: Option<Lsn>,
    },
    /// Order something from the media plane. Audio is never gated.
    Media(MediaOrder),
    /// Ask the name servers; the answer comes as [`Input::Resolved`].
    Resolve(Question),
    /// Keep somebody out, or let it in again.
    Door(abuse::Order),
    /// Answer a command.
    Reply {
        /// Number of the command.
        id: u64,
        /// The answer.
        reply: Reply,
        /// As for `Send`.
        after: Option<Lsn>,
    },
}

/// What the drivers know about themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriversHealth {
    /// Whether the log reaches the disk.
    pub log: bool,
    /// Whether every media thread moves.
    pub media: bool,
    /// Whether every media thread goes before the other programs of the machine.
    pub real_time: bool,
    /// Whether recordings are written.
    pub recorder: RecorderHealth,
}

/// Whether what is recorded reaches the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecorderHealth {
    /// It does.
    #[default]
    Good,
    /// The disk is nearly full.
    NoSpace,
    /// The disk refuses.
    Refused,
    /// The disk was too slow: parts of recordings are missing.
    Dropped,
}

impl RecorderHealth {
    /// Whether anything would be recorded.
    #[must_use]
    pub const fn takes(self) -> bool {
        match self {
            Self::Good | Self::Dropped | Self::Refused => true, // it is tried again
            Self::NoSpace => false,
        }
    }

    /// What a technician should know.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Good => "recordings are written",
            Self::NoSpace => {
                "nothing is recorded: less is free on the disk than `recording.min_free_mb`"
            }
            Self::Refused => "recordings can not be written: see the log of the service",
            Self::Dropped => "parts of recordings are missing: the disk was too slow for them",
        }
    }
}

/// Local addresses by the remote they reach: which address of ours a packet to `remote` leaves
/// from. Collected by a driver, a value here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// Address and prefix length of every interface.
    pub networks: Vec<(IpAddr, u8)>,
    /// The address towards everywhere else, one a family.
    pub default_v4: Option<IpAddr>,
    /// See `default_v4`.
    pub default_v6: Option<IpAddr>,
}

impl Interfaces {
    /// The local address that reaches `remote`: the longest prefix wins, else the default.
    #[must_use]
    pub fn towards(&self, remote: IpAddr) -> Option<IpAddr> {
        self.networks
            .iter()
            .filter(|(address, prefix)| {
                holdfast_config::Network { address: *address, prefix: *prefix }.contains(remote)
            })
            .max_by_key(|(_, prefix)| *prefix)
            .map(|(address, _)| *address)
            .or(if remote.is_ipv4() { self.default_v4 } else { self.default_v6 })
    }
}

/// What this process has and no other.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Where everything that nobody may guess comes from.
    pub seed: [u8; 32],
    /// The certificates that it shows in handshakes on the way of the audio. There are two, since a
    /// peer begins another handshake only when it is shown another certificate.
    pub certificates: Vec<Fingerprint>,
}

impl From<[u8; 32]> for Secrets {
    fn from(seed: [u8; 32]) -> Self {
        Self { seed, certificates: Vec::new() }
    }
}

/// What was left by the last run, for [`super::Site::restore`].
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The next free place in the log.
    pub next_lsn: Option<Lsn>,
    /// The time of the last record.
    pub last: Now,
    /// The recovery journal: the latest value of each key.
    pub states: std::collections::BTreeMap<crate::record::journal::StateKey, Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::Interfaces;

    #[test]
    fn the_longest_prefix_decides() {
        let address = |text: &str| text.parse().expect(text);
        let interfaces = Interfaces {
            networks: vec![(address("10.0.0.1"), 8), (address("10.1.0.1"), 16)],
            default_v4: Some(address("192.0.2.1")),
            default_v6: None,
        };
        assert_eq!(interfaces.towards(address("10.1.2.3")), Some(address("10.1.0.1")));
        assert_eq!(interfaces.towards(address("10.9.2.3")), Some(address("10.0.0.1")));
        assert_eq!(interfaces.towards(address("8.8.8.8")), Some(address("192.0.2.1")));
        assert_eq!(interfaces.towards(address("2001:db8::1")), None);
    }
}
