//! Who is kept out, and how.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::kind;
use crate::schema::Network;
use crate::section::Section;

/// Longer than a scanner goes on at one address, shorter than a technician waits who mistyped.
const BAN: Duration = Duration::from_secs(600);
/// A day: an address belongs to somebody else tomorrow.
const BAN_MAX: Duration = Duration::from_secs(86_400);
/// An office of a hundred phones behind one address, all at once after a power cut.
const MESSAGES_PER_SECOND: u32 = 100;

/// Who is kept out, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abuse {
    /// How long the first ban of an address lasts, each further one twice as long; none is that
    /// nobody is banned.
    pub ban: Option<Duration>,
    /// The longest ban.
    pub ban_max: Duration,
    /// Most messages of one address in a second, with five seconds' worth at once; 0 is no limit.
    pub messages_per_second: u32,
    /// Networks that are never banned and have no such limit, beside those of all trunks.
    pub never: Vec<Network>,
    /// Whether bans are also given to the packet filter of the system.
    pub nftables: bool,
}

impl Default for Abuse {
    fn default() -> Self {
        Self {
            ban: Some(BAN),
            ban_max: BAN_MAX,
            messages_per_second: MESSAGES_PER_SECOND,
            never: never(),
            nftables: false,
        }
    }
}

/// The box itself.
fn never() -> Vec<Network> {
    vec![
        Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Network { address: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ]
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Abuse {
    let Abuse { ban, ban_max, messages_per_second, never, nftables } = Abuse::default();
    Abuse {
        ban: section.or("ban", kind::duration_or_never, ban),
        ban_max: section.or("ban_max", kind::some_duration, ban_max),
        messages_per_second: section.or(
            "messages_per_second",
            kind::whole(0, u32::MAX),
            messages_per_second,
        ),
        never: section.list_or("never", kind::network, never),
        nftables: section.or("nftables", kind::flag, nftables),
    }
}
