//! How much of a line one audio stream takes, in each direction: what the codec makes in a second
//! and what every packet carries around it.
//!
//! What is meant is the size of IP packets, as carriers and routers count; the frames of Ethernet
//! or DSL around them are not in it. RTCP takes 5 % at most besides (RFC 3550 §6.2).

use holdfast_config::MediaEncryption;
use holdfast_wire::sdp::Sdp;
use std::iter::Sum;
use std::net::IpAddr;
use std::ops::Add;

use crate::offer_answer::{
    Codec, Encoding, Format, OfferAnswer, Profile, Role, State, Terms, TheirOffer,
};

/// RFC 791 §3.1 without options.
const IPV4_BYTES: u64 = 20;
/// RFC 8200 §3.
const IPV6_BYTES: u64 = 40;
/// RFC 768.
const UDP_BYTES: u64 = 8;
/// RFC 3550 §5.1, without contributors.
const RTP_BYTES: u64 = 12;
/// What a stream makes whose codec says nothing of it: as much as G.711. RFC 7587 §3.1.1 has no
/// speech above it.
const VOICE_BPS: u64 = 64_000;
/// The most that Opus makes (RFC 7587 §6.1), and that is believed of any other codec: a peer says
/// of itself what it takes of the line, and calls are refused by it.
const MOST_BPS: u64 = 510_000;
/// Where a description says nothing: RFC 3551 §4.5.
const PTIME_MS: u16 = 20;
/// The shortest that we send.
const PTIME_LEAST_MS: u16 = 10;

/// Bits in a second, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(u64);

impl BitRate {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// What a limit of the configuration allows.
    #[must_use]
    pub const fn kilobits(kilobits: u32) -> Self {
        Self(kilobits as u64 * 1000) // no narrowing: From is not const
    }

    /// In kbit/s, no part of one lost.
    #[must_use]
    pub fn in_kilobits(self) -> u32 {
        u32::try_from(self.0.div_ceil(1000)).unwrap_or(u32::MAX)
    }

    /// What is counted while nothing is known: G.711 in packets of 20 ms.
    #[must_use]
    pub fn usual(address: IpAddr) -> Self {
        Self(of_packets(VOICE_BPS, PTIME_MS, address, Profile::Avp))
    }

    /// The dearest of these formats.
    #[must_use]
    pub fn dearest(
        formats: &[Format],
        ptime_ms: Option<u16>,
        address: IpAddr,
        by: Profile,
    ) -> Self {
        let voices = formats.iter().filter(|format| format.role() == Role::Voice);
        let ptime_ms = ptime_ms.unwrap_or(PTIME_MS);
        let all = voices.map(|format| Self::of(&format.codec, ptime_ms, address, by));
        all.max().unwrap_or_else(|| Self::usual(address))
    }

    /// One codec.
    #[must_use]
    pub fn of(codec: &Codec, ptime_ms: u16, address: IpAddr, by: Profile) -> Self {
        Self(of_packets(voice_bps(codec), ptime_ms, address, by))
    }

    /// What an INVITE that has just come asks for: the dearest that it offers.
    #[must_use]
    pub fn offered(body: &[u8], address: IpAddr) -> Self {
        // In the clear or not: whether it is taken so is decided elsewhere.
        let wish = MediaEncryption::Preferred;
        let terms = Terms { ours: address, wish, handshakes: true, ice: true };
        let read = |sdp: Sdp| TheirOffer::read(&sdp, None, terms).ok();
        let offer = Sdp::parse(body).ok().and_then(read);
        let dearest = offer.map(|offer| {
            let audio = &offer.audio;
            Self::dearest(&audio.formats, audio.ptime_ms, address, audio.profile)
        });
        dearest.unwrap_or_else(|| Self::usual(address))
    }
}

impl OfferAnswer {
    /// What the stream takes of the line: what is agreed; while an offer is open, the dearest that
    /// may come of it.
    #[must_use]
    pub fn bit_rate(&self) -> BitRate {
        let address = self.anchor().address;
        match self.state() {
            State::Idle => BitRate::usual(address),
            State::OfferSent { offer, .. } | State::Previewed { offer, .. } => {
                let dearest = offer.body.audio().map(|audio| {
                    BitRate::dearest(&audio.formats, audio.ptime_ms, address, audio.profile)
                });
                dearest.unwrap_or_else(|| BitRate::usual(address))
            }
            State::OfferReceived { offer, .. } => {
                let audio = &offer.audio;
                BitRate::dearest(&audio.formats, audio.ptime_ms, address, audio.profile)
            }
            State::Agreed(agreement) => {
                let by = agreement.body.audio().map_or(Profile::Avp, |audio| audio.profile);
                let session = &agreement.session;
                BitRate::of(&session.send.codec, session.ptime_ms, address, by)
            }
        }
    }
}

impl Add for BitRate {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for BitRate {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::NONE, Self::add)
    }
}

fn of_packets(voice_bps: u64, ptime_ms: u16, address: IpAddr, by: Profile) -> u64 {
    let ip = if address.is_ipv4() { IPV4_BYTES } else { IPV6_BYTES };
    let around = (ip + UDP_BYTES + RTP_BYTES + by.seal_bytes()) * 8;
    let ptime_ms = u64::from(ptime_ms.max(PTIME_LEAST_MS));
    voice_bps + (around * 1000).div_ceil(ptime_ms)
}

/// What a codec makes at most while somebody speaks.
fn voice_bps(codec: &Codec) -> u64 {
    let said = match &codec.encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::G722 => VOICE_BPS,
        Encoding::G729 => 8000,
        // RFC 7587 §6.1: what the receiver wants at most.
        Encoding::Opus => average(codec).unwrap_or(VOICE_BPS),
        Encoding::TelephoneEvent | Encoding::ComfortNoise => 0,
        Encoding::Other(name) => named_bps(name, codec),
    };
    said.min(MOST_BPS)
}

/// The rates of RFC 3551 §4.5, of RFC 3952 (iLBC) and RFC 4867 (AMR).
fn named_bps(name: &str, codec: &Codec) -> u64 {
    let rates: [(&str, u64); 10] = [
        ("G723", 6400),
        ("G728", 16_000),
        ("G726-16", 16_000),
        ("G726-24", 24_000),
        ("G726-32", 32_000),
        ("G726-40", 40_000),
        ("GSM", 13_200),
        ("iLBC", 15_200),
        ("AMR", 12_200),
        ("AMR-WB", 23_850),
    ];
    let known = rates.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let raw = || u64::from(codec.clock_hz) * 16 * u64::from(codec.channels);
    let raw = name.eq_ignore_ascii_case("L16").then(raw);
    known.map(|(_, bps)| *bps).or(raw).unwrap_or(VOICE_BPS)
}

fn average(codec: &Codec) -> Option<u64> {
    let all = codec.fmtp.as_deref()?.split(';');
    let said = all.into_iter().find_map(|one| one.trim().strip_prefix("maxaveragebitrate="))?;
    said.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{BitRate, Codec, Encoding, Format, Profile};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn rate(encoding: &Encoding, ptime_ms: u16, address: IpAddr) -> u32 {
        let codec = Format::usual(encoding).unwrap().codec;
        BitRate::of(&codec, ptime_ms, address, Profile::Avp).in_kilobits()
    }

    #[test]
    fn nobody_makes_a_line_look_full_by_what_they_say() {
        let rate = |encoding: Encoding, clock_hz, fmtp: Option<&str>| {
            let fmtp = fmtp.map(str::to_owned);
            let codec = Codec { encoding, clock_hz, channels: u8::MAX, fmtp };
            BitRate::of(&codec, 20, V4, Profile::Avp).in_kilobits()
        };
        let most = 510 + 16;
        for said in ["maxaveragebitrate=4000000000", "maxaveragebitrate=18446744073709551615"] {
            assert_eq!(rate(Encoding::Opus, 48_000, Some(said)), most);
        }
        assert_eq!(rate(Encoding::Other("L16".into()), u32::MAX, None), most);
    }

    #[test]
    fn a_stream_takes_its_codec_and_what_is_around_each_packet() {
        assert_eq!(rate(&Encoding::Pcma, 20, V4), 80);
        assert_eq!(rate(&Encoding::Pcma, 10, V4), 96);
        assert_eq!(rate(&Encoding::Pcma, 30, V4), 75);
        assert_eq!(rate(&Encoding::Pcma, 20, V6), 88);
        assert_eq!(rate(&Encoding::G729, 20, V4), 24);
        assert_eq!(rate(&Encoding::G729, 0, V4), 40);
        assert_eq!(BitRate::usual(V4).in_kilobits(), 80);
    }

    #[test]
    fn codecs_say_what_they_make_and_the_unknown_count_as_g_711() {
        let bps = |name: &str, fmtp: Option<&str>| {
            let encoding = match name {
                "opus" => Encoding::Opus,
                other => Encoding::Other(other.to_owned().into()),
            };
            let fmtp = fmtp.map(str::to_owned);
            super::voice_bps(&Codec { encoding, clock_hz: 8000, channels: 1, fmtp })
        };
        assert_eq!(bps("opus", Some("useinbandfec=1; maxaveragebitrate=20000")), 20_000);
        assert_eq!(bps("opus", None), 64_000);
        assert_eq!(bps("gsm", None), 13_200);
        assert_eq!(bps("L16", None), 128_000);
        assert_eq!(bps("who-knows", None), 64_000);
    }

    #[test]
    fn the_dearest_of_an_offer_counts_until_it_is_answered() {
        let offer = |formats: &str| {
            let sdp = format!(
                "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP {formats}\r\n"
            );
            BitRate::offered(sdp.as_bytes(), V4).in_kilobits()
        };
        assert_eq!(offer("18 8 13"), 80);
        assert_eq!(offer("18"), 24);
        assert_eq!(offer("18\r\na=ptime:40"), 16);
        // Nothing that can be read is the usual.
        assert_eq!(BitRate::offered(b"", V4), BitRate::usual(V4));
        assert_eq!(BitRate::offered(b"v=0", V4), BitRate::usual(V4));
    }
}
