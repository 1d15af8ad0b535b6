//! The agreed session in the words of the media plane.

use super::codec::{Codec, Encoding, Format, Role};
use super::sdes::OwnKeys;
use super::session::{Secured, Session};
use crate::media::order;
use serde::{Deserialize, Serialize};

/// The codecs of one call that the plane relays without understanding them. Both legs ask the same
/// list, so that the same codec has the same number on both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpaqueCodecs(Vec<Codec>);

impl OpaqueCodecs {
    /// The number of this codec in this call: as many as there were different ones before it. A
    /// call with more of them than numbers gives the last number to the rest.
    fn number(&mut self, codec: &Codec) -> u16 {
        let known = self.0.iter().position(|other| other.is_same_as(codec));
        let place = known.unwrap_or(self.0.len());
        if known.is_none() && self.0.len() < usize::from(u16::MAX) {
            self.0.push(codec.clone());
        }
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}

impl Session {
    /// What the media plane has to know about the peer. A key of ours that is not valid any more
    /// is left out: until the peer knows the next one, it hears nothing.
    #[must_use]
    pub fn for_plane(&self, opaque: &mut OpaqueCodecs, own: &OwnKeys) -> order::Remote {
        let mut plane_codec = |format: &Format| order::Codec {
            payload_type: format.payload,
            encoding: understood(&format.codec)
                .unwrap_or_else(|| order::Encoding::Opaque(opaque.number(&format.codec))),
            clock_hz: format.codec.clock_hz,
            ptime_ms: self.ptime_ms,
        };
        let audio = self.accept.iter().filter(|format| format.role() != Role::Keys);
        order::Remote {
            rtp: self.remote.map(|remote| remote.rtp),
            rtcp: self.remote.and_then(|remote| remote.rtcp),
            codec: plane_codec(&self.send),
            accepts: audio.map(plane_codec).collect(),
            dtmf_to_remote: self.keys.map(|keys| keys.send_payload),
            dtmf_from_remote: self.keys.map(|keys| keys.receive_payload),
            dtmf_clock_hz: self.keys.map_or(0, |keys| keys.clock_hz),
            crypto: self.secured.as_ref().and_then(Secured::keys).map(|keys| order::Crypto {
                send: Some(&keys.ours.key).filter(|key| own.is_valid(key)).cloned(),
                receive: keys.theirs.key.clone(),
                mki_bytes: keys.theirs.mki_bytes,
            }),
            dtls: self.secured.as_ref().and_then(Secured::handshake).map(|agreed| {
                let shown = Some(&agreed.certificate);
                Box::new(order::Dtls {
                    certificate: shown.filter(|shown| own.certificate() == Some(*shown)).cloned(),
                    fingerprints: agreed.fingerprints.clone(),
                    begins: agreed.part,
                })
            }),
            ice: self.ice.clone().map(Box::new),
            sends: self.remote_sends,
            receives: self.remote_receives,
        }
    }
}

impl Codec {
    /// Whether the box can take it apart and put it together itself.
    #[must_use]
    pub fn is_decodable(&self) -> bool {
        understood(self).is_some()
    }
}

/// The encoding, if this is one that the plane can make itself, as everybody means it: telephony in
/// one channel, and Opus as it is always announced (RFC 7587 §7).
fn understood(codec: &Codec) -> Option<order::Encoding> {
    let (encoding, clock_hz, channels) = match codec.encoding {
        Encoding::Pcma => (order::Encoding::Pcma, 8000, 1),
        Encoding::Pcmu => (order::Encoding::Pcmu, 8000, 1),
        Encoding::G722 => (order::Encoding::G722, 8000, 1),
        Encoding::Opus => (order::Encoding::Opus, 48_000, 2),
        Encoding::G729 | Encoding::TelephoneEvent | Encoding::ComfortNoise | Encoding::Other(_) => {
            return None;
        }
    };
    (codec.clock_hz == clock_hz && codec.channels == channels).then_some(encoding)
}

#[cfg(test)]
mod tests {
    use super::{OpaqueCodecs, order};
    use crate::offer_answer::sdes::OwnKeys;
    use crate::offer_answer::{Anchor, Choice, OfferAnswer};
    use holdfast_wire::sdp::{Direction, Sdp};

    fn remote(formats: &str, opaque: &mut OpaqueCodecs) -> order::Remote {
        let anchor = Anchor {
            username: "-".into(),
            session_id: 1,
            address: "198.51.100.1".parse().unwrap(),
            rtp_port: 10_000,
            bound: None,
        };
        let mut leg = OfferAnswer::new(anchor, OwnKeys::default());
        let text = format!(
            "v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP {formats}\na=sendonly\na=ptime:30\n\
             a=rtpmap:97 PCMA/16000\na=rtpmap:98 G729/8000\n\
             a=rtpmap:96 opus/48000/2\na=rtpmap:111 opus/48000/2\n\
             a=rtpmap:101 telephone-event/8000\n"
        );
        let offered = leg.receive_offer(&Sdp::parse(text.as_bytes()).unwrap()).unwrap();
        let all: Vec<_> = offered.formats.into_iter().map(|format| format.codec).collect();
        leg.answer(Choice::All(&all), Direction::SendRecv).unwrap();
        leg.session().unwrap().for_plane(opaque, leg.keys())
    }

    #[test]
    fn the_same_codec_has_the_same_number_on_both_legs() {
        use order::Encoding::{G722, Opaque, Opus, Pcma};
        let mut opaque = OpaqueCodecs::default();
        let encodings = |remote: &order::Remote| -> Vec<_> {
            remote.accepts.iter().map(|codec| (codec.payload_type, codec.encoding)).collect()
        };
        let caller = remote("18 8 13 101", &mut opaque);
        let numbered = [(18, Opaque(0)), (8, Pcma), (13, Opaque(1))];
        assert_eq!(encodings(&remote("98 8", &mut opaque)), [(98, Opaque(0)), (8, Pcma)]);
        assert_eq!(encodings(&caller), numbered);
        assert_eq!(encodings(&remote("97", &mut opaque)), [(97, Opaque(2))], "not G.711");
        assert_eq!(encodings(&remote("9 111", &mut opaque)), [(9, G722), (111, Opus)]);
    }

    #[test]
    fn the_plane_hears_all_that_was_agreed() {
        let remote = remote("8 101", &mut OpaqueCodecs::default());
        assert_eq!(remote.rtp, "192.0.2.9:4000".parse().ok());
        assert_eq!(remote.rtcp, "192.0.2.9:4001".parse().ok());
        assert_eq!((remote.dtmf_to_remote, remote.dtmf_from_remote), (Some(101), Some(101)));
        assert_eq!((remote.sends, remote.receives), (true, false));
        assert_eq!((remote.codec.clock_hz, remote.codec.ptime_ms), (8000, 30));
    }
}
