//! Which address gets the next request, and what a failure means for the one after.
//!
//! Trunks in the order of the route, targets in the order of the configuration, addresses of a name
//! by priority and weight (RFC 2782); where we are registered comes first of its trunk. Those in
//! doubt come after the others of their trunk, those that are down after everything else: nothing
//! better is left then, and OPTIONS may be wrong. Whoever is blocked or switched off gets nothing.

use holdfast_base::Entropy;
use holdfast_config::TargetHost;

use super::line::{Line, Place};
use super::resolve::Record;
use super::target::{Health, State};
use super::{Hop, Names};
use crate::record::event::LegEnd;

/// Most addresses that one call tries: a caller does not wait for more.
pub const HOPS_MAX: usize = 8;

/// What is tried after a leg towards a trunk has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next target, then those of the next trunk.
    Target,
    /// The next trunk: every target of this one would say the same.
    Trunk,
    /// Nothing: it was the word of the called party, or of the whole network.
    Nothing,
}

/// The table of failover: RFC 3263 §4.3 (503, silence and broken transports), and for the rest what
/// Direct Routing asks of its peers. A route may say of more refusals that another trunk knows
/// better: `next_on`.
#[must_use]
pub fn after(why: LegEnd, next_on: &[u16]) -> Next {
    match why {
        LegEnd::Unreachable | LegEnd::Refused(500 | 502 | 503 | 504) => Next::Target,
        // The certificate, the Contact, the password or the whole customer is not welcome there.
        LegEnd::Refused(401 | 403 | 407) => Next::Trunk,
        LegEnd::Refused(code) if next_on.contains(&code) => Next::Trunk,
        LegEnd::Refused(_)
        | LegEnd::Remote
        | LegEnd::Local
        | LegEnd::NoAnswer
        | LegEnd::HandedOver
        | LegEnd::MediaLost
        | LegEnd::SessionExpired
        | LegEnd::LostInCrash => Next::Nothing,
    }
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Anything.
    Usual,
    /// Somebody needs help: an address that wants to be left alone (Retry-After) is asked all the
    /// same, when there is none that does not.
    Emergency,
}

/// Every address that a request may try over these lines, best first.
pub(super) fn order(
    lines: &[&Line],
    names: &Names,
    urgency: Urgency,
    entropy: &mut Entropy,
) -> Vec<Hop> {
    let mut hops = Vec::new();
    for (route, line) in lines.iter().enumerate() {
        let dead_behind = line.dead_behind().is_some();
        for place in &line.places {
            for address in addresses(place, names, entropy) {
                let Some(rank) = rank(place.hops.get(&address), urgency) else { continue };
                let (last, doubtful) = match rank {
                    Rank::Last => (true, true),
                    Rank::Good | Rank::Doubtful if dead_behind => (true, false),
                    Rank::Good => (false, false),
                    Rank::Doubtful => (false, true),
                };
                let (trunk, target) = (line.name.clone(), place.target.clone());
                let transport = line.transport;
                let hop = Hop { trunk, target, transport, address, within: line.pace.within };
                let abroad = line.home.is_some_and(|home| home != address);
                hops.push(((last, route, doubtful, abroad), hop));
            }
        }
    }
    // Stable: equals stay in the order of the configuration and of DNS.
    hops.sort_by_key(|(rank, _)| *rank);
    hops.into_iter().take(HOPS_MAX).map(|(_, hop)| hop).collect()
}

enum Rank {
    Good,
    Doubtful,
    Last,
}

fn rank(health: Option<&Health>, urgency: Urgency) -> Option<Rank> {
    match (health?.state(), urgency) {
        (State::Untried | State::Up, _) => Some(Rank::Good),
        (State::Suspect { .. }, _) => Some(Rank::Doubtful),
        (State::Down { .. }, _) | (State::Blocked { .. }, Urgency::Emergency) => Some(Rank::Last),
        (State::Blocked { .. }, Urgency::Usual) | (State::Off, _) => None,
    }
}

fn addresses(place: &Place, names: &Names, entropy: &mut Entropy) -> Vec<std::net::SocketAddr> {
    match (&place.question, &place.target.host) {
        (Some(question), _) => by_weight(names.records(question), entropy),
        (None, TargetHost::Address(_) | TargetHost::Name(_)) => {
            place.hops.keys().copied().collect()
        }
    }
}

/// RFC 2782, "Usage rules": within a priority, each place is drawn with chances by weight.
fn by_weight(records: &[Record], entropy: &mut Entropy) -> Vec<std::net::SocketAddr> {
    let mut left = records.to_vec();
    left.sort_by_key(|record| (record.priority, record.weight > 0));
    let mut order = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let priority = first.priority;
        let group = || left.iter().take_while(|record| record.priority == priority);
        let sum: u64 = group().map(|record| u64::from(record.weight)).sum();
        // Equal chances need no draw where there is but one, or no weight at all.
        let drawn = if group().count() > 1 && sum > 0 { entropy.number() % (sum + 1) } else { 0 };
        let mut running = 0;
        let at = group().position(|record| {
            running += u64::from(record.weight);
            running >= drawn
        });
        order.push(left.remove(at.unwrap_or(0)).address);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::{Next, after, by_weight};
    use crate::peer::resolve::Record;
    use crate::record::event::LegEnd;
    use holdfast_base::Entropy;

    #[test]
    fn only_trouble_of_the_peer_leads_to_another() {
        for code in [500, 502, 503, 504] {
            assert_eq!(after(LegEnd::Refused(code), &[code]), Next::Target);
        }
        assert_eq!(after(LegEnd::Unreachable, &[]), Next::Target);
        for code in [401, 403, 407] {
            assert_eq!(after(LegEnd::Refused(code), &[]), Next::Trunk);
        }
        for code in [404, 408, 480, 484, 486, 487, 488, 600, 603, 606] {
            assert_eq!(after(LegEnd::Refused(code), &[410]), Next::Nothing);
            assert_eq!(after(LegEnd::Refused(code), &[410, code]), Next::Trunk);
        }
        assert_eq!(after(LegEnd::NoAnswer, &[480]), Next::Nothing);
    }

    #[test]
    fn priority_is_kept_and_weight_is_a_share() {
        let record = |priority, weight, last: u8| Record {
            priority,
            weight,
            address: format!("192.0.2.{last}:5060").parse().unwrap(),
        };
        let records =
            [record(2, 0, 9), record(1, 75, 1), record(1, 25, 2), record(1, 0, 3), record(3, 5, 8)];
        let mut entropy = Entropy::new([3; 32]);
        let mut firsts = [0; 4];
        for _ in 0..1000 {
            let order = by_weight(&records, &mut entropy);
            let last = |at: usize| order.get(at).map(|address| address.to_string());
            assert_eq!(last(3).as_deref(), Some("192.0.2.9:5060"));
            assert_eq!(last(4).as_deref(), Some("192.0.2.8:5060"));
            for (host, count) in firsts.iter_mut().enumerate() {
                if last(0) == Some(format!("192.0.2.{host}:5060")) {
                    *count += 1;
                }
            }
        }
        let [_, most, some, rare] = firsts;
        assert!((690..=810).contains(&most), "{firsts:?}");
        assert!((190..=310).contains(&some), "{firsts:?}");
        assert!(rare < 40, "{firsts:?}");
    }
}
