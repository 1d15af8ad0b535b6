//! Ports and addresses: nothing is bound twice, and audio has room.

use std::net::SocketAddr;

use super::Check;
use crate::listener::{Advertise, Listener};

/// Fewer pairs than these carry not even ten calls with two legs each.
const PAIRS_FEW: u16 = 20;
/// Linux gives ports from here to 60999 to outgoing connections (`ip_local_port_range`).
const EPHEMERAL_MIN: u16 = 32_768;
/// See [`EPHEMERAL_MIN`].
const EPHEMERAL_MAX: u16 = 60_999;
/// Below, a port needs a privilege that the service does not have.
const UNPRIVILEGED_MIN: u16 = 1024;

impl Check<'_> {
    pub(super) fn addresses(&mut self) {
        self.listeners();
        self.media_range();
        self.web();
        self.registration_times();
    }

    fn listeners(&mut self) {
        let listeners = &self.config.sip.listeners;
        if listeners.is_empty() {
            self.error(
                "sip.listener",
                "there is no listener, so nobody can call",
                "add a [[sip.listener]] with `transport` and `bind`",
            );
        }
        for (position, listener) in listeners.iter().enumerate() {
            let bind = format!("sip.listener[{position}].bind");
            self.port(&bind, listener.bind);
            let earlier = listeners.iter().take(position);
            if earlier.clone().any(|other| {
                other.transport.is_stream() == listener.transport.is_stream()
                    && overlap(other.bind, listener.bind)
            }) {
                self.error(
                    &bind,
                    format!("{} is bound by another listener already", listener.bind),
                    "take one of the two away, or use another port",
                );
            }
            self.advertised(position, listener);
        }
    }

    fn advertised(&mut self, position: usize, listener: &Listener) {
        let Some(Advertise::Address(advertise)) = listener.advertise else { return };
        let path = format!("sip.listener[{position}].advertise");
        if advertise.is_ipv4() != listener.bind.is_ipv4() {
            self.error(
                &path,
                "IPv4 is told for an IPv6 listener, or the other way round",
                "write an address of the same kind as in `bind`",
            );
        } else if advertise.is_unspecified() || advertise.is_multicast() {
            self.error(
                &path,
                format!("nobody can send to {advertise}"),
                "write the address that others reach, or take the key away",
            );
        }
    }

    fn media_range(&mut self) {
        let (min, max) = (self.config.media.port_min, self.config.media.port_max);
        if min % 2 == 1 {
            // RFC 3550 §11: RTP has the even port, RTCP the odd one above it.
            self.error("media.port_min", format!("{min} is odd"), "write an even number");
        }
        if max % 2 == 0 {
            self.error("media.port_max", format!("{max} is even"), "write an odd number");
        }
        let pairs = (u32::from(max) + 1).saturating_sub(u32::from(min)) / 2;
        if pairs < 2 {
            self.error(
                "media.port_max",
                format!("the range {min} to {max} has no room for a call with two legs"),
                "make `port_max` larger than `port_min` by 3 at least",
            );
            return;
        }
        if pairs < u32::from(PAIRS_FEW) {
            let what = format!("the range has room for {} calls only", pairs / 2);
            self.warn("media.port_max", what, "make it larger: four ports for each call");
        }
        if min <= EPHEMERAL_MAX && max >= EPHEMERAL_MIN {
            self.warn(
                "media.port_max",
                "the range reaches into the ports that Linux gives to outgoing connections",
                format!("stay below {EPHEMERAL_MIN}"),
            );
        }
        for (position, listener) in self.config.sip.listeners.iter().enumerate() {
            let udp = !listener.transport.is_stream();
            if udp && (min..=max).contains(&listener.bind.port()) {
                self.error(
                    &format!("sip.listener[{position}].bind"),
                    format!("port {} lies in the range for audio", listener.bind.port()),
                    "move the port, or the range in [media]",
                );
            }
        }
    }

    fn web(&mut self) {
        let web = &self.config.web;
        self.port("web.bind", web.bind);
        let clash = self
            .config
            .sip
            .listeners
            .iter()
            .any(|listener| listener.transport.is_stream() && overlap(listener.bind, web.bind));
        if clash {
            self.error(
                "web.bind",
                format!("{} is bound by a SIP listener already", web.bind),
                "use another port for one of the two",
            );
        }
        match (&web.certificate, &web.key) {
            (Some(_), Some(_)) | (None, None) => {}
            (Some(_), None) => {
                self.error("web.certificate", "its key is missing", "add `key`, or take both away");
            }
            (None, Some(_)) => {
                let remedy = "add `certificate`, or take both away";
                self.error("web.key", "its certificate is missing", remedy);
            }
        }
    }

    fn port(&mut self, path: &str, bind: SocketAddr) {
        if bind.port() == 0 {
            let what = "port 0 is another port at each start";
            self.warn(path, what, "write the port that others should reach");
        } else if bind.port() < UNPRIVILEGED_MIN {
            self.warn(
                path,
                format!("port {} needs a privilege that the service does not have", bind.port()),
                format!("use a port from {UNPRIVILEGED_MIN}"),
            );
        }
    }

    fn registration_times(&mut self) {
        let sip = &self.config.sip;
        if sip.register_expires_min > sip.register_expires_max {
            self.error(
                "sip.register_expires_min",
                "the shortest registration is longer than the longest",
                "make it at most `register_expires_max`",
            );
        }
    }
}

/// Whether two sockets of one transport can not both be bound. IPv6 sockets take IPv6 only.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() != 0
        && a.port() == b.port()
        && a.is_ipv4() == b.is_ipv4()
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn nothing_is_bound_twice() {
        let text = "
[[sip.listener]]
transport = 'udp'
bind = '0.0.0.0:5060'
[[sip.listener]]
transport = 'udp'
bind = '127.0.0.1:5060'
[[sip.listener]]
transport = 'tcp'
bind = '0.0.0.0:5060'
[[sip.listener]]
transport = 'udp'
bind = '[::]:5060'
[[sip.listener]]
transport = 'udp'
bind = '0.0.0.0:20002'
[web]
bind = '0.0.0.0:5060'
";
        assert_eq!(
            told(text),
            [
                "f:7: key `sip.listener.bind`: 127.0.0.1:5060 is bound by another listener \
                 already; take one of the two away, or use another port",
                "f:16: key `sip.listener.bind`: port 20002 lies in the range for audio; move the \
                 port, or the range in [media]",
                "f:18: key `web.bind`: 0.0.0.0:5060 is bound by a SIP listener already; use \
                 another \
                 port for one of the two",
            ]
        );
    }

    #[test]
    fn the_default_web_port_can_clash_too() {
        let text = "[[sip.listener]]\ntransport = 'tcp'\nbind = '0.0.0.0:8443'\n";
        assert!(told(text).iter().any(|line| line.contains("key `web.bind`")), "{:?}", told(text));
    }

    #[test]
    fn audio_has_even_and_odd_ports_and_room() {
        assert_eq!(
            told("[media]\nport_min = 20001\nport_max = 20002\n"),
            [
                "f:2: key `media.port_min`: 20001 is odd; write an even number",
                "f:3: key `media.port_max`: 20002 is even; write an odd number",
                "f:3: key `media.port_max`: the range 20001 to 20002 has no room for a call with \
                 two legs; make `port_max` larger than `port_min` by 3 at least",
            ]
        );
        assert_eq!(
            told("[media]\nport_min = 20000\nport_max = 20007\n"),
            ["f:3: warning: key `media.port_max`: the range has room for 2 calls only; make it \
              larger: four ports for each call"]
        );
        assert_eq!(told("[media]\nport_min = 30000\nport_max = 39999\n").len(), 1);
        assert_eq!(told("[media]\nport_min = 65534\nport_max = 65535\n").len(), 1);
        assert_eq!(told("[media]\nport_min = 29000\nport_max = 20001\n").len(), 1);
    }

    #[test]
    fn addresses_that_lead_nowhere() {
        let text = "
[[sip.listener]]
transport = 'udp'
bind = '0.0.0.0:560'
advertise = '::1'
[[sip.listener]]
transport = 'tcp'
bind = '0.0.0.0:0'
advertise = '0.0.0.0'
[web]
key = '/k'
[sip]
register_expires_min = '2h'
";
        let told = told(text);
        for (line, word) in [
            (4, "needs a privilege"),
            (5, "IPv4 is told"),
            (8, "port 0"),
            (9, "nobody can send"),
            (11, "certificate is missing"),
            (13, "longer than the longest"),
        ] {
            let at = format!("f:{line}:");
            assert!(told.iter().any(|it| it.starts_with(&at) && it.contains(word)), "{told:#?}");
        }
        assert_eq!(told.len(), 6);
        assert_eq!(super::super::told("sip.listener = []").len(), 1);
    }
}
