//! Routes among each other, and each route with its own trunks.

use std::collections::BTreeMap;

use super::Check;
use crate::route::{From, Route};
use crate::schema::Destination;

impl Check<'_> {
    pub(super) fn order(&mut self) {
        let config = self.config;
        let mut names = BTreeMap::new();
        let mut all_calls: Option<&str> = None;
        for (position, route) in config.routes.iter().enumerate() {
            let path = format!("route[{position}]");
            if names.insert(route.name.as_str(), position).is_some() {
                let what = format!("there are two routes named `{}`", route.name);
                self.error(&format!("{path}.name"), what, "give one of them another name");
            }
            if let Some(before) = all_calls {
                let what = format!("no call gets here: `{before}` takes them all");
                self.warn(&path, what, "put the route without any condition last");
            }
            if takes_all(route) {
                all_calls = all_calls.or(Some(&route.name));
            }
            self.origin(&path, route);
            self.trunks(&path, route);
        }
    }

    fn origin(&mut self, path: &str, route: &Route) {
        match &route.from {
            Some(From::Trunk(name)) => {
                let all = self.config.trunks.iter();
                let known = all.map(|trunk| trunk.name.to_string()).collect();
                self.must_exist(&format!("{path}.from_trunk"), "trunk", name.as_str(), &known);
            }
            Some(From::Guests) if !self.config.sip.guests => self.warn(
                &format!("{path}.from"),
                "there are no guests: `sip.guests` is false",
                "take the route away, or let guests call",
            ),
            Some(From::Accounts | From::Trunks | From::Guests) | None => {}
        }
    }

    fn trunks(&mut self, path: &str, route: &Route) {
        let count = match &route.to {
            Destination::Trunks(names) => names.len(),
            Destination::Queue(_) | Destination::Account(_) => 0,
        };
        if !route.weights.is_empty() && route.weights.len() != count {
            let shares = route.weights.len();
            self.error(
                &format!("{path}.weights"),
                format!("{shares} shares for {count} trunks"),
                "write one for each of `trunks`, in the same order, or leave them out",
            );
        } else if count > 0 && !route.weights.is_empty() && route.weights.iter().all(|w| *w == 0) {
            let remedy = "give at least one of them a share, or leave them out";
            self.error(&format!("{path}.weights"), "no trunk has a share", remedy);
        }
        if !route.next_on.is_empty() && count < 2 {
            self.warn(
                &format!("{path}.next_on"),
                "there is no other trunk to try",
                "name a second one in `trunks`, or take it away",
            );
        }
    }
}

fn takes_all(route: &Route) -> bool {
    let Route { name: _, called, calling, from, when, to: _, weights: _, next_on: _ } = route;
    called.is_empty() && calling.is_empty() && from.is_none() && when.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn each_key_of_a_route_is_told() {
        let text = "
[site]
time_zone = 'Europe/Bonn'
[[route]]
called = ['+49 30']
from = 'phone'
when = ['weekdays']
to = { queue = 'a', account = 'b' }
weights = [1001]
next_on = [603, 487]
[[route]]
from = 'account'
from_trunk = 'carrier'
";
        assert_eq!(
            told(text),
            [
                "f:3: key `site.time_zone`: there is no time zone `Europe/Bonn`; write its name \
                 in the IANA database, for example \"Europe/Berlin\"",
                "f:5: key `route.called`: `+49 30` can not be dialled: it is no user part of a \
                 SIP address; write it as the trunk sends it, for example \"+49301234567\" or \
                 \"welcome\"",
                "f:6: key `route.from`: no calls come from `phone`; write \"account\", \"trunk\" \
                 or \"guest\", or name one trunk by `from_trunk`",
                "f:7: key `route.when`: `weekdays` is no part of the week; write for example \
                 \"mon-fri 08:00-18:00\", \"sat,sun 00:00-24:00\" or \"22:00-06:00\" for every \
                 night",
                "f:8: key `route.to`: a call leads to exactly one place; write one of { queue = \
                 \"…\" }, { account = \"…\" }, { trunk = \"…\" } or { trunks = [\"…\", \"…\"] }",
                "f:9: key `route.weights`: 1001 is out of range; write a number from 0 to 1000",
                "f:10: key `route.next_on`: 603 is out of range; write codes from 400 to 599; a \
                 6xx is the last word of the called party",
                "f:10: key `route.next_on`: 487 says nothing of the trunk; take it away",
                "f:11: key `route`: `from` and `from_trunk` both say where calls come from; \
                 leave `from_trunk`: it says more",
                "f:11: key `route.to`: the key is missing; add `to = { queue = \"welcome\" }`",
            ]
        );
    }

    #[test]
    fn routes_lead_somewhere_and_each_can_be_reached() {
        let text = "
[sip]
guests = false
[[trunk]]
name = 'a'
target = '192.0.2.1'
networks = ['192.0.2.1']
[[trunk]]
name = 'b'
target = '192.0.2.2'
networks = ['192.0.2.2']
[[route]]
name = 'one'
from = 'guest'
to = { trunk = 'a' }
next_on = [480]
[[route]]
name = 'one'
from_trunk = 'c'
to = { trunks = ['a', 'b'] }
weights = [1]
[[route]]
to = { trunks = ['a', 'b'] }
weights = [0, 0]
[[route]]
to = { queue = 'q' }
";
        assert_eq!(
            told(text),
            [
                "f:14: warning: key `route.from`: there are no guests: `sip.guests` is false; \
                 take the route away, or let guests call",
                "f:16: warning: key `route.next_on`: there is no other trunk to try; name a \
                 second one in `trunks`, or take it away",
                "f:18: key `route.name`: there are two routes named `one`; give one of them \
                 another name",
                "f:19: key `route.from_trunk`: there is no trunk `c`; did you mean `a`?",
                "f:21: key `route.weights`: 1 shares for 2 trunks; write one for each of \
                 `trunks`, in the same order, or leave them out",
                "f:24: key `route.weights`: no trunk has a share; give at least one of them a \
                 share, or leave them out",
                "f:25: warning: key `route`: no call gets here: `route 3` takes them all; put \
                 the route without any condition last",
                "f:26: key `route.to`: there is no queue `q`; add a [[queue]] with this name, or \
                 take the name away",
            ]
        );
    }
}
