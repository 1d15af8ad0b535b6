//! Encrypted audio: its keys are worth as much as the signalling that they travel in.

use super::Check;
use crate::encryption::{MediaEncryption, MediaKeys};
use crate::listener::ListenerTransport;
use crate::schema::Trunk;

/// What a trunk without TLS means for who talks over it.
pub(super) const CLEAR: &str = "are not encrypted: whoever is on the way can listen";
const DECIDE: &str = "set `transport` to \"tls\", or write media_encryption = \"off\" where the \
                      other side can do no better";

impl Check<'_> {
    pub(super) fn encryption(&mut self) {
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            self.without_effect(position, trunk);
            if trunk.media_keys == MediaKeys::Dtls {
                continue; // no key is in a description
            }
            let path = format!("trunk[{position}].media_encryption");
            match (trunk.transport, trunk.media_encryption) {
                (ListenerTransport::Udp | ListenerTransport::Tcp, MediaEncryption::Off)
                    if trunk.is_clear_unasked() =>
                {
                    self.warn(&path, format!("calls over `{}` {CLEAR}", trunk.name), DECIDE);
                }
                (ListenerTransport::Tls, MediaEncryption::Required)
                | (ListenerTransport::Udp | ListenerTransport::Tcp, MediaEncryption::Off) => {}
                (ListenerTransport::Tls, MediaEncryption::Preferred | MediaEncryption::Off) => {
                    self.warn(
                        &path,
                        "audio may go in the clear although the signalling is encrypted",
                        "take the key away if the other side can do SRTP",
                    );
                }
                (
                    ListenerTransport::Udp | ListenerTransport::Tcp,
                    MediaEncryption::Required | MediaEncryption::Preferred,
                ) => self.warn(
                    &path,
                    "the keys of the audio travel readable for everybody on the way",
                    "set `transport` to \"tls\", or keep to networks that nobody else reads",
                ),
            }
        }
    }
}

impl Check<'_> {
    /// Keys and ICE of audio that is never encrypted.
    fn without_effect(&mut self, position: usize, trunk: &Trunk) {
        let clear = trunk.media_encryption == MediaEncryption::Off;
        let written = [("media_keys", trunk.media_keys == MediaKeys::Dtls), ("ice", trunk.ice)];
        for (key, _) in written.into_iter().filter(|(_, written)| clear && *written) {
            self.warn(
                &format!("trunk[{position}].{key}"),
                "it has no effect on audio in the clear",
                "set `media_encryption` to \"required\", or take the key away",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{all_told, told};
    use crate::encryption::MediaEncryption::{self, Off, Preferred, Required};

    const TLS: &str = "[[sip.listener]]\ntransport = 'tls'\nbind = '0.0.0.0:5061'\n\
                       certificate = '/c'\nkey = '/k'\n";

    fn of(trunk: &str) -> MediaEncryption {
        let text = format!("{TLS}[[trunk]]\nname = 'a'\n{trunk}");
        crate::read(&text, "f").unwrap().0.trunks.first().unwrap().media_encryption
    }

    #[test]
    fn who_signals_over_tls_wants_audio_encrypted() {
        let tls = "transport = 'tls'\npeer_name = 'b.example'\ntarget = 'b.example'\n";
        assert_eq!(of("networks = ['192.0.2.1']\n"), Off);
        assert_eq!(of(tls), Required);
        assert_eq!(of("type = 'teams-direct'\nadvertise = 'sbc1.example.org'\n"), Required);
        assert_eq!(of(&format!("{tls}media_encryption = 'preferred'\n")), Preferred);
        assert_eq!(of(&format!("{tls}media_encryption = 'off'\n")), Off);
    }

    #[test]
    fn what_is_less_than_it_seems_is_told() {
        let told = |trunk: &str| told(&format!("{TLS}[[trunk]]\nname = 'a'\n{trunk}")).join("\n");
        let tls = "transport = 'tls'\npeer_name = 'b.example'\ntarget = 'b.example'\n";
        let udp = "networks = ['192.0.2.1']\n";
        assert_eq!(told(tls), "");
        assert_eq!(told(udp), "");
        assert!(told(&format!("{tls}media_encryption = 'off'\n")).contains("in the clear"));
        assert!(told(&format!("{udp}media_encryption = 'required'\n")).contains("readable"));
        assert!(told(&format!("{udp}media_encryption = 'on'\n")).contains("\"required\""));
        assert_eq!(told(&format!("{tls}media_keys = 'dtls'\nice = true\n")), "");
        let by_handshake = "media_encryption = 'required'\nmedia_keys = 'dtls'\n";
        assert_eq!(told(&format!("{udp}{by_handshake}")), "");
        assert!(told(&format!("{udp}media_keys = 'dtls'\n")).contains("no effect"));
        assert!(told(&format!("{udp}ice = true\n")).contains("no effect"));
        assert!(told(&format!("{udp}media_keys = 'mikey'\n")).contains("\"dtls\""));
    }

    #[test]
    fn who_talks_in_the_clear_has_decided_so() {
        let told = |trunk: &str| all_told(&format!("[[trunk]]\nname = 'a'\n{trunk}"));
        let udp = "networks = ['192.0.2.1']\n";
        assert_eq!(
            told(udp),
            ["f:1: warning: key `trunk.media_encryption`: calls over `a` are not encrypted: \
              whoever is on the way can listen; set `transport` to \"tls\", or write \
              media_encryption = \"off\" where the other side can do no better"]
        );
        assert_eq!(told(&format!("{udp}media_encryption = 'off'\n")), Vec::<String>::new());
    }
}
