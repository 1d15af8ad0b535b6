//! What is usual on a trunk of some kind unless it says otherwise: addresses and numbers of Teams
//! Direct Routing.

use crate::dial_plan::{DialPlan, NumberForm};
use crate::listener::ListenerTransport;
use crate::target::{Target, TargetHost};
use crate::trunk_type::TrunkType;

/// The far ends of Direct Routing in the order in which Microsoft wants them tried.
const PROXIES: [&str; 3] =
    ["sip.pstnhub.microsoft.com", "sip2.pstnhub.microsoft.com", "sip3.pstnhub.microsoft.com"];
/// Their port.
const PORT: u16 = 5061;
/// The name in the certificates of all of them.
const PEER_NAME: &str = "*.pstnhub.microsoft.com";

/// The defaults of keys that depend on the type of the trunk.
pub(crate) struct Usual {
    pub(crate) targets: Vec<Target>,
    pub(crate) transport: ListenerTransport,
    pub(crate) dial_plan: DialPlan,
    pub(crate) peer_name: Option<String>,
}

/// What is usual on such a trunk of a site with this dial plan.
pub(crate) fn usual(kind: &TrunkType, plan: &DialPlan) -> Usual {
    let (transport, plain) = (ListenerTransport::Udp, plan.clone());
    // Both numbers of a call to Teams begin with a plus.
    let e164 = DialPlan { sends: NumberForm::E164, ..plan.clone() };
    match kind {
        TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(_) => {
            Usual { targets: Vec::new(), transport, dial_plan: plain, peer_name: None }
        }
        TrunkType::TeamsViaSbc => {
            Usual { targets: Vec::new(), transport, dial_plan: e164, peer_name: None }
        }
        TrunkType::TeamsDirect(_) => Usual {
            targets: PROXIES.iter().map(|name| proxy(name)).collect(),
            transport: ListenerTransport::Tls,
            dial_plan: e164,
            peer_name: Some(PEER_NAME.to_owned()),
        },
    }
}

fn proxy(name: &str) -> Target {
    Target { host: TargetHost::Name(name.to_owned()), port: Some(PORT) }
}
