//! Where calls come from and where they go: trunks that can be told apart and reached, numbers that
//! lead to something.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Check;
use crate::listener::ListenerTransport;
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
            self.networks(position, trunk);
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

    fn networks(&mut self, position: usize, trunk: &Trunk) {
        for (at, network) in trunk.networks.iter().enumerate() {
            let path = format!("trunk[{position}].networks[{at}]");
            if network.prefix == 0 {
                self.warn(
                    &path,
                    "every address belongs to this network, so everybody is taken for this trunk",
                    "name the networks of the other side",
                );
            }
            let earlier = self.config.trunks.iter().take(position);
            let other = earlier.clone().find(|other| {
                other.networks.iter().any(|theirs| {
                    theirs.prefix == network.prefix && theirs.contains(network.address)
                })
            });
            if let Some(other) = other {
                self.error(
                    &path,
                    format!("the trunk `{}` has the same network", other.name),
                    "leave it to one of the two; tell trunks behind one address apart by `user`",
                );
            }
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
            // Errors of a single `target` are told at its key.
            let path = match trunk.targets.as_slice() {
                [_] => format!("trunk[{position}].target"),
                _ => format!("trunk[{position}].targets[{at}]"),
            };
            if trunk.targets.iter().take(at).any(|earlier| earlier == target) {
                self.warn(&path, format!("`{target}` stands here twice"), "take one away");
            }
            self.target(&path, trunk.transport, target);
        }
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
        let mut listeners = self.config.sip.listeners.iter();
        let reachable = listeners.any(|listener| {
            let same_family = family.is_none_or(|ip| ip.is_ipv4() == listener.bind.is_ipv4());
            listener.carries(transport) && same_family
        });
        if !reachable {
            let name = transport.as_str();
            let over = match family {
                Some(IpAddr::V4(_)) => " over IPv4",
                Some(IpAddr::V6(_)) => " over IPv6",
                None => "",
            };
            self.error(
                path,
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
                "f:13: key `trunk.networks`: the trunk `c` has the same network; leave it to one \
                 of the two; tell trunks behind one address apart by `user`",
                "f:14: key `trunk.user`: `anna` is the user of an account or of another trunk \
                 already; credentials must tell who it is: use another user",
                "f:19: key `trunk.password`: a password without a user; add `user`, or take it \
                 away",
            ]
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
