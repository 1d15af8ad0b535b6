//! Local media of Teams: by which of our addresses the audio of a call goes. Teams says in each
//! INVITE where its user is and over which SBCs the audio would lead; a user in the house of this
//! very box is sent to the bound address, everybody else to the advertised one (Microsoft: Local
//! Media Optimization for Direct Routing).

use holdfast_config::Config;
use holdfast_wire::sip::Headers;
use std::net::IpAddr;

use super::advertised;
use crate::dialect::trunk_on;
use crate::sip::flow::Flow;

/// Where the audio of this side is to be sent from now on; none where nothing is said of it.
#[must_use]
pub fn address(config: &Config, flow: &Flow, headers: &Headers) -> Option<IpAddr> {
    trunk_on(config, flow).filter(|trunk| trunk.kind.is_teams())?;
    let location = headers.get("X-MS-UserLocation")?;
    let own = advertised::host(config, flow).to_string();
    let path = headers.list("X-MS-MediaPath");
    // Through another SBC the audio comes from outside of this house.
    let ours_alone = match path.as_slice() {
        [only] => only.trim().eq_ignore_ascii_case(&own),
        [] | [_, ..] => false,
    };
    let bound = flow.local.ip();
    if location.trim().eq_ignore_ascii_case("internal") && ours_alone {
        return Some(bound);
    }
    Some(advertised::address(config, flow).unwrap_or(bound))
}
