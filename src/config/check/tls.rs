//! Certificates: who needs some, and who can be told by theirs. What stands in the files is for the
//! drivers, which can read them.

use super::Check;
use crate::listener::{IdentityFiles, ListenerTransport};
use crate::schema::Trunk;

const TLS_ALONE: &str = "certificates belong to TLS";
const WITH_TLS: &str = "set `transport` to \"tls\", or remove it";

impl Check<'_> {
    pub(super) fn tls(&mut self) {
        for (position, listener) in self.config.sip.listeners.iter().enumerate() {
            let path = format!("sip.listener[{position}]");
            self.halves(&path, &listener.identity);
            let named = listener.identity.certificate.is_some() || listener.identity.key.is_some();
            match listener.transport {
                ListenerTransport::Tls if !named => self.error(
                    &format!("{path}.certificate"),
                    "a listener for TLS shows a certificate, and none is named",
                    "add `certificate` and `key`",
                ),
                ListenerTransport::Udp | ListenerTransport::Tcp if named => {
                    let remedy = match listener.websocket {
                        Some(_) => "set `transport` to \"wss\", or remove it",
                        None => WITH_TLS,
                    };
                    self.error(&format!("{path}.certificate"), TLS_ALONE, remedy);
                }
                ListenerTransport::Udp | ListenerTransport::Tcp | ListenerTransport::Tls => {}
            }
        }
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            let path = format!("trunk[{position}]");
            self.halves(&path, &trunk.tls.identity);
            match trunk.transport {
                ListenerTransport::Tls => self.peer(position, trunk),
                ListenerTransport::Udp | ListenerTransport::Tcp => self.no_tls(&path, trunk),
            }
        }
    }

    fn halves(&mut self, path: &str, files: &IdentityFiles) {
        match (&files.certificate, &files.key) {
            (Some(_), Some(_)) | (None, None) => {}
            (Some(_), None) => {
                let remedy = "add `key`, or take both away";
                self.error(&format!("{path}.certificate"), "its key is missing", remedy);
            }
            (None, Some(_)) => {
                let remedy = "add `certificate`, or take both away";
                self.error(&format!("{path}.key"), "its certificate is missing", remedy);
            }
        }
    }

    fn no_tls(&mut self, path: &str, trunk: &Trunk) {
        let keys = [
            ("certificate", trunk.tls.identity.certificate.is_some()),
            ("roots", trunk.tls.roots.is_some()),
            ("peer_name", trunk.tls.peer_name.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, named)| *named) {
            self.error(&format!("{path}.{key}"), TLS_ALONE, WITH_TLS);
        }
    }

    fn peer(&mut self, position: usize, trunk: &Trunk) {
        let path = format!("trunk[{position}].peer_name");
        let Some(peer) = &trunk.tls.peer_name else {
            if !trunk.targets.is_empty() {
                self.error(
                    &path,
                    "without it every host with a certificate could take the calls of this trunk",
                    "write the name in the other side's certificate, \"sip.example.org\"",
                );
            }
            return;
        };
        if !trunk.networks.is_empty() {
            self.warn(
                &format!("trunk[{position}].networks"),
                "whoever sends from them belongs to this trunk without any certificate",
                "take `networks` away: `peer_name` says whose requests they are",
            );
        }
        let same = |other: &&Trunk| {
            other.tls.peer_name.as_ref() == Some(peer)
                && other.tls.identity.certificate == trunk.tls.identity.certificate
        };
        if let Some(other) = self.config.trunks.iter().take(position).find(same) {
            self.error(
                &path,
                format!("the trunk `{}` has the same peer and the same certificate", other.name),
                "give each a certificate of its own: by it the other side says which one it means",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn certificates_stand_where_tls_is() {
        let text = "
[[sip.listener]]
transport = 'tls'
bind = '0.0.0.0:5061'
[[sip.listener]]
transport = 'tcp'
bind = '0.0.0.0:5061'
certificate = '/c'
[[trunk]]
name = 'a'
networks = ['192.0.2.1']
peer_name = 'sip.example'
[[trunk]]
name = 'b'
transport = 'tls'
target = '192.0.2.2:5061'
key = '/k'
[[trunk]]
name = 'c'
transport = 'tls'
peer_name = '*.Example.org'
networks = ['192.0.2.3']
[[trunk]]
name = 'd'
transport = 'tls'
peer_name = '*.example.org'
";
        assert_eq!(
            told(text),
            [
                "f:2: key `sip.listener.certificate`: a listener for TLS shows a certificate, and \
                 none is named; add `certificate` and `key`",
                "f:7: key `sip.listener.bind`: 0.0.0.0:5061 is bound by another listener already; \
                 take one of the two away, or use another port",
                "f:8: key `sip.listener.certificate`: its key is missing; add `key`, or take both \
                 away",
                "f:8: key `sip.listener.certificate`: certificates belong to TLS; set `transport` \
                 to \"tls\", or remove it",
                "f:12: key `trunk.peer_name`: certificates belong to TLS; set `transport` to \
                 \"tls\", or remove it",
                "f:13: warning: key `trunk.networks`: without `networks`, `user` and `peer_name` \
                 no incoming call can belong to this trunk; name the networks of the other side, \
                 unless it is for outgoing calls only",
                "f:13: key `trunk.peer_name`: without it every host with a certificate could take \
                 the calls of this trunk; write the name in the other side's certificate, \
                 \"sip.example.org\"",
                "f:17: key `trunk.key`: its certificate is missing; add `certificate`, or take \
                 both away",
                "f:22: warning: key `trunk.networks`: whoever sends from them belongs to this \
                 trunk without any certificate; take `networks` away: `peer_name` says whose \
                 requests they are",
                "f:26: key `trunk.peer_name`: the trunk `c` has the same peer and the same \
                 certificate; give each a certificate of its own: by it the other side says which \
                 one it means",
            ]
        );
    }

    #[test]
    fn browsers_have_listeners_of_their_own_and_trunks_none_of_theirs() {
        let text = "
[[sip.listener]]
transport = 'ws'
bind = '0.0.0.0:5080'
certificate = '/c'
key = '/k'
[[sip.listener]]
transport = 'wss'
bind = '0.0.0.0:5443'
origins = ['https://crm.example.org/page']
[[sip.listener]]
transport = 'tcp'
bind = '0.0.0.0:5060'
origins = ['https://crm.example.org']
[[trunk]]
name = 'a'
transport = 'ws'
";
        assert_eq!(
            told(text),
            [
                "f:10: key `sip.listener.origins`: `https://crm.example.org/page` is not where a \
                 page comes from; write scheme and host as the browser shows them, \
                 \"https://crm.example.org\"",
                "f:14: key `sip.listener.origins`: pages can speak over WebSocket alone; set \
                 `transport` to \"ws\" or \"wss\", or take `origins` away",
                "f:17: key `trunk.transport`: WebSocket is for browsers, and no trunk speaks it; \
                 write \"udp\", \"tcp\" or \"tls\"",
            ]
        );
        let listeners = "
[[sip.listener]]
transport = 'ws'
bind = '0.0.0.0:5080'
certificate = '/c'
key = '/k'
[[sip.listener]]
transport = 'wss'
bind = '0.0.0.0:5443'
[[trunk]]
name = 'a'
transport = 'tcp'
target = '192.0.2.2:5060'
networks = ['192.0.2.2']
";
        let told = told(listeners);
        let has = |words: &str| told.iter().any(|line| line.contains(words));
        assert!(
            has("f:5: key `sip.listener.certificate`: certificates belong to TLS; set \
                     `transport` to \"wss\", or remove it"),
            "{told:#?}"
        );
        assert!(has("f:7: key `sip.listener.certificate`: a listener for TLS"), "{told:#?}");
        assert!(has("key `trunk.target`"), "a listener for browsers reaches no trunk: {told:#?}");
    }

    #[test]
    fn names_may_be_told_and_half_addresses_not() {
        let listener = |advertise: &str| {
            told(&format!(
                "[[sip.listener]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\nadvertise = \
                 '{advertise}'\n"
            ))
        };
        for good in ["sbc.example.org", "198.51.100.7", "sbc"] {
            assert_eq!(listener(good), [""; 0], "{good}");
        }
        for bad in ["198.51.100", "198.51.100.700", "sbc.example.org:5061", ""] {
            assert_eq!(listener(bad).len(), 1, "{bad}");
        }
        let peer = |name: &str| {
            told(&format!("[[trunk]]\nname = 'a'\ntransport = 'tls'\npeer_name = '{name}'\n"))
        };
        for good in ["sip.example.org", "*.example.org"] {
            assert_eq!(peer(good), [""; 0], "{good}");
        }
        for bad in ["*", "*.org", "a.*.org", "*a.example.org", "*.*.example.org"] {
            assert_eq!(peer(bad).len(), 1, "{bad}");
        }
    }
}
