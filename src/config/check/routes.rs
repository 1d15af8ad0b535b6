//! Where calls come from and where they go: trunks that can be told apart and reached, numbers that
//! lead to something.

use std::collections::BTreeSet;

use super::Check;
use crate::listener::{Listener, ListenerTransport};
use crate::schema::{Destination, Trunk};
use crate::target::{Target, TargetHost};

/// Most targets of one trunk: a caller does not wait for more of them to fail.
const TARGETS_MAX: usize = 8;
/// Most header rules of one trunk: each message of it passes them all.
const HEADER_RULES_MAX: usize = 32;

impl Check<'_> {
    pub(super) fn routes(&mut self) {
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            self.incoming(position, trunk);
            self.credentials(position, trunk);
            self.targets(position, trunk);
            if trunk.headers.len() > HEADER_RULES_MAX {
                let what = format!("more than {HEADER_RULES_MAX} rules for one trunk");
                self.error(&format!("trunk[{position}].headers"), what, "leave the needed ones");
            }
        }
        self.destinations();
    }

    /// How requests of a trunk are told from those of others.
    fn incoming(&mut self, position: usize, trunk: &Trunk) {
        let shown = trunk.user.is_some() || trunk.tls.peer_name.is_some();
        // Whoever calls what is registered belongs to it.
        let told_apart = shown || trunk.registration.is_some();
        if told_apart || !trunk.networks.is_empty() {
            return;
        }
        let path = format!("trunk[{position}].networks");
        let what =
            "without `networks`, `user` and `peer_name` no incoming call can belong to this trunk";
        let remedy = "name the networks of the other side";
        if !trunk.targets.is_empty() {
            self.warn(&path, what, format!("{remedy}, unless it is for outgoing calls only"));
        } else {
            self.error(&path, format!("{what}, and without `target` none can go out"), remedy);
        }
    }

    fn credentials(&mut self, position: usize, trunk: &Trunk) {
        let path = format!("trunk[{position}].user");
        match (&trunk.user, &trunk.password) {
            (Some(_), Some(_)) | (None, None) => {}
            (Some(_), None) => self.error(&path, "its password is missing", "add `password`"),
            (None, Some(_)) => {
                let path = format!("trunk[{position}].password");
                self.error(&path, "a password without a user", "add `user`, or take it away");
            }
        }
        let Some(user) = trunk.user.as_deref() else { return };
        let account = self.config.accounts.iter().any(|account| account.name.as_str() == user);
        let mut earlier = self.config.trunks.iter().take(position);
        if account || earlier.any(|other| other.user.as_deref() == Some(user)) {
            let what = format!("`{user}` is the user of an account or of another trunk already");
            self.error(&path, what, "credentials must tell who it is: use another user");
        }
    }

    fn targets(&mut self, position: usize, trunk: &Trunk) {
        if trunk.targets.len() > TARGETS_MAX {
            let path = format!("trunk[{position}].targets");
            self.error(
                &path,
                format!("{} targets, and {TARGETS_MAX} is the most", trunk.targets.len()),
                "leave the best; let a name with SRV records stand for many",
            );
        }
        for (at, target) in trunk.targets.iter().enumerate() {
            let path = path_of(position, trunk, at);
            if trunk.targets.iter().take(at).any(|earlier| earlier == target) {
                self.warn(&path, format!("`{target}` stands here twice"), "take one away");
            }
            self.target(&path, trunk.transport, target);
        }
        self.ways_out(position, trunk);
    }

    fn target(&mut self, path: &str, transport: ListenerTransport, target: &Target) {
        let family = match target.host {
            TargetHost::Address(ip) => Some(ip),
            TargetHost::Name(_) => None,
        };
        let nobody = family.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast());
        if nobody || target.port == Some(0) {
            let remedy = "write the address and the port of the other side";
            self.error(path, format!("nothing can be sent to {target}"), remedy);
            return;
        }
        if self.config.sip.listeners.iter().any(|it| it.is_at(transport, target)) {
            self.warn(
                path,
                format!("{target} is this box itself, and calls would come back to it"),
                "write the address and the port of the other side",
            );
        }
    }

    /// Every target needs a listener to be sent from; of many without one, the first is told.
    fn ways_out(&mut self, position: usize, trunk: &Trunk) {
        let listeners = self.config.sip.listeners.iter();
        let ways = listeners.filter(|listener| listener.carries(trunk.transport));
        let mut families = BTreeSet::new();
        for (at, target) in trunk.targets.iter().enumerate() {
            let family = match target.host {
                TargetHost::Address(ip) => Some(ip.is_ipv4()),
                TargetHost::Name(_) => None,
            };
            let way = |listener: &&Listener| family.is_none_or(|v4| v4 == listener.bind.is_ipv4());
            if ways.clone().any(|listener| way(&listener)) || !families.insert(family) {
                continue;
            }
            let over = match family {
                Some(true) => " over IPv4",
                Some(false) => " over IPv6",
                None => "",
            };
            let name = trunk.transport.as_str();
            self.error(
                &path_of(position, trunk, at),
                format!("there is no listener for {name}{over} to send from"),
                "add a [[sip.listener]] for it, or change `transport`",
            );
        }
    }

    fn destinations(&mut self) {
        let config = self.config;
        for (position, number) in config.numbers.iter().enumerate() {
            self.destination(&format!("number[{position}].to"), &number.to);
        }
        for (position, route) in config.routes.iter().enumerate() {
            self.destination(&format!("route[{position}].to"), &route.to);
        }
    }

    fn destination(&mut self, path: &str, to: &Destination) {
        let config = self.config;
        match to {
            Destination::Queue(name) => {
                let known = config.queues.iter().map(|queue| queue.name.to_string()).collect();
                self.must_exist(path, "queue", name.as_str(), &known);
            }
            Destination::Account(name) => {
                let all = config.accounts.iter();
                let known = all.map(|account| account.name.to_string()).collect();
                self.must_exist(path, "account", name.as_str(), &known);
            }
            Destination::Trunks(names) => {
                names.iter().for_each(|name| self.must_lead_out(path, name.as_str()));
            }
        }
    }

    /// Tells that calls can not go out over the trunk `name`, unless they can.
    pub(super) fn must_lead_out(&mut self, path: &str, name: &str) {
        match self.config.trunks.iter().find(|trunk| trunk.name.as_str() == name) {
            Some(trunk) if !trunk.targets.is_empty() => {}
            Some(_) => {
                let what = format!("the trunk `{name}` has no `target`, so no call can go out");
                self.error(path, what, "add `target` to the trunk");
            }
            None => {
                let known: BTreeSet<String> =
                    self.config.trunks.iter().map(|trunk| trunk.name.to_string()).collect();
                self.must_exist(path, "trunk", name, &known);
            }
        }
    }
}

/// The key of a target: that of a single one is `target`.
fn path_of(position: usize, trunk: &Trunk, at: usize) -> String {
    match trunk.targets.as_slice() {
        [_] => format!("trunk[{position}].target"),
        _ => format!("trunk[{position}].targets[{at}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn trunks_can_be_told_apart() {
        let text = "
[[trunk]]
name = 'a'
[[trunk]]
name = 'b'
target = '192.0.2.1:5060'
[[trunk]]
name = 'c'
networks = ['198.51.100.0/24', '0.0.0.0/0']
user = 'x'
[[trunk]]
name = 'd'
networks = ['198.51.100.9/24']
user = 'anna'
password = 'p'
[[trunk]]
name = 'e'
networks = ['198.51.100.9']
password = 'p'
[[account]]
name = 'anna'
";
        assert_eq!(
            told(text),
            [
                "f:2: key `trunk.networks`: without `networks`, `user` and `peer_name` no \
                 incoming call can belong to this trunk, and without `target` none can go out; \
                 name the networks of the other side",
                "f:4: warning: key `trunk.networks`: without `networks`, `user` and `peer_name` \
                 no incoming call can belong to this trunk; name the networks of the other side, \
                 unless it is for outgoing calls only",
                "f:9: warning: key `trunk.networks`: every address belongs to this network, so \
                 everybody is taken for this trunk; name the networks of the other side",
                "f:10: key `trunk.user`: its password is missing; add `password`",
                "f:13: warning: key `trunk.networks`: `198.51.100.9/24` is all of \
                 `198.51.100.0/24`; write that, or \"198.51.100.9\" for the one address",
                "f:13: key `trunk.networks`: the trunk `c` has the same network; leave it to one \
                 of the two; tell trunks behind one address apart by `user`",
                "f:14: key `trunk.user`: `anna` is the user of an account or of another trunk \
                 already; credentials must tell who it is: use another user",
                "f:15: warning: key `trunk.password`: this is guessed, and who guesses it calls at \
                 your cost; take 8 characters or more, letters among them",
                "f:19: key `trunk.password`: a password without a user; add `user`, or take it \
                 away",
            ]
        );
    }

    #[test]
    fn no_trunk_leads_back_to_the_box() {
        let of = |target: &str| {
            told(&format!(
                "[[sip.listener]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\n\
                 advertise = '203.0.113.9'\n[[sip.listener]]\ntransport = 'tcp'\n\
                 bind = '192.0.2.1:5070'\nadvertise = 'pbx.example.org'\n\
                 [[trunk]]\nname = 'a'\nnetworks = ['192.0.2.9']\n{target}\n"
            ))
        };
        for (own, shown) in [
            ("target = '127.0.0.1'", "127.0.0.1"),
            ("target = '203.0.113.9:5060'", "203.0.113.9:5060"),
            ("transport = 'tcp'\ntarget = '192.0.2.1:5070'", "192.0.2.1:5070"),
            ("transport = 'tcp'\ntarget = 'PBX.example.org:5070'", "pbx.example.org:5070"),
        ] {
            let line = if own.contains("tcp") { 13 } else { 12 };
            assert_eq!(
                of(own),
                [format!(
                    "f:{line}: warning: key `trunk.target`: {shown} is this box itself, and calls \
                     would come back to it; write the address and the port of the other side"
                )]
            );
        }
        for other in ["127.0.0.1:5070", "192.0.2.1", "203.0.113.9:5070", "pbx.example.org"] {
            assert_eq!(of(&format!("target = '{other}'")), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn a_listener_that_is_missing_is_told_once() {
        let teams = "[[trunk]]\nname = 't'\ntype = 'teams-direct'\n\
                     advertise = 'sbc1.example.org'\n";
        let missing = told(teams).into_iter().filter(|told| told.contains("no listener"));
        assert_eq!(
            missing.collect::<Vec<_>>(),
            ["f:1: key `trunk.targets`: there is no listener for TLS to send from; add a \
              [[sip.listener]] for it, or change `transport`"]
        );
    }

    #[test]
    fn calls_lead_somewhere() {
        let text = "
[[trunk]]
name = 'carrier'
networks = ['198.51.100.0/24']
[[trunk]]
name = 'six'
networks = ['2001:db8::/32']
target = '[2001:db8::1]:5060'
[[trunk]]
name = 'void'
networks = ['203.0.113.0/24']
targets = ['0.0.0.0:5060', 'sip.example.org', 'sip.example.org']
[[account]]
name = 'anna'
[[number]]
dialled = '1'
to = { queue = 'sales' }
[[number]]
dialled = '2'
to = { account = 'ana' }
[[number]]
dialled = '3'
to = { trunk = 'carrier' }
[[number]]
dialled = '4'
to = { trunks = ['carier'] }
";
        assert_eq!(
            told(text),
            [
                "f:8: key `trunk.target`: there is no listener for UDP over IPv6 to send from; \
                 add a [[sip.listener]] for it, or change `transport`",
                "f:12: key `trunk.targets`: nothing can be sent to 0.0.0.0:5060; write the \
                 address and the port of the other side",
                "f:12: warning: key `trunk.targets`: `sip.example.org` stands here twice; take one \
                 away",
                "f:17: key `number.to`: there is no queue `sales`; add a [[queue]] with this \
                 name, or take the name away",
                "f:20: key `number.to`: there is no account `ana`; did you mean `anna`?",
                "f:23: key `number.to`: the trunk `carrier` has no `target`, so no call can go \
                 out; add `target` to the trunk",
                "f:26: key `number.to`: there is no trunk `carier`; did you mean `carrier`?",
            ]
        );
    }
}
