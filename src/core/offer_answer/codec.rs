//! What a payload type can mean: the codecs, and the one table that knows them.

use holdfast_wire::sdp::{Media, RtpMap};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The encoding name of a codec. Those with a variant are treated in a way of their own somewhere;
/// all others are relayed without being understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// G.729.
    G729,
    /// Opus, RFC 7587.
    Opus,
    /// Keys and tones as events, RFC 4733.
    TelephoneEvent,
    /// Comfort noise, RFC 3389.
    ComfortNoise,
    /// Any other, as written.
    Other(Cow<'static, str>),
}

/// A codec: what makes two payload types of two parties the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// What it is called.
    pub encoding: Encoding,
    /// The rate of its RTP clock, in hertz. 8000 for G.722 too (RFC 3551 §4.5.2).
    pub clock_hz: u32,
    /// How many channels.
    pub channels: u8,
    /// Its `a=fmtp` parameters.
    pub fmtp: Option<String>,
}

/// A codec under the payload type by which one description calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// What it means.
    pub codec: Codec,
}

/// What a format does in an audio stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Carries voice.
    Voice,
    /// Carries keys beside the voice.
    Keys,
    /// Carries the silence of a codec that has none of its own.
    Noise,
    /// Wraps other payload types, whose numbers its parameters name: not taken part in.
    Wrapper,
}

/// One row of the table.
struct Row {
    name: &'static str,
    encoding: Encoding,
    role: Role,
    clock_hz: u32,
    channels: u8,
    number: Number,
    fmtp: Option<&'static str>,
}

/// Whether a payload type needs an `a=rtpmap` to be understood.
#[derive(Clone, Copy)]
enum Number {
    /// Assigned by RFC 3551 §6 for ever.
    Assigned(u8),
    /// Free; this is the one that we use when the choice is ours.
    Usual(u8),
}

/// First and last payload type whose meaning each description sets for itself (RFC 3551 §6).
pub const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// Every encoding that has a payload type without `a=rtpmap` (RFC 3551 §6, tables 4 and 5), a
/// variant of [`Encoding`], or a role other than voice.
static REGISTRY: [Row; 24] = [
    Row::named("PCMU", Encoding::Pcmu, Number::Assigned(0)),
    Row::other("GSM", Number::Assigned(3)),
    Row::other("G723", Number::Assigned(4)),
    Row::other("DVI4", Number::Assigned(5)),
    Row::other("DVI4", Number::Assigned(6)).clock(16_000),
    Row::other("LPC", Number::Assigned(7)),
    Row::named("PCMA", Encoding::Pcma, Number::Assigned(8)),
    Row::named("G722", Encoding::G722, Number::Assigned(9)),
    Row::other("L16", Number::Assigned(10)).clock(44_100).stereo(),
    Row::other("L16", Number::Assigned(11)).clock(44_100),
    Row::other("QCELP", Number::Assigned(12)),
    Row::named("CN", Encoding::ComfortNoise, Number::Assigned(13)).role(Role::Noise),
    Row::other("MPA", Number::Assigned(14)).clock(90_000),
    Row::other("G728", Number::Assigned(15)),
    Row::other("DVI4", Number::Assigned(16)).clock(11_025),
    Row::other("DVI4", Number::Assigned(17)).clock(22_050),
    Row::named("G729", Encoding::G729, Number::Assigned(18)),
    // RFC 7587 §7: always announced as 48000/2, whatever is coded.
    Row::named("opus", Encoding::Opus, Number::Usual(111))
        .clock(48_000)
        .stereo()
        .fmtp("useinbandfec=1"),
    // RFC 4733 §2.4.1: events 0 to 15 are the keys.
    Row::named("telephone-event", Encoding::TelephoneEvent, Number::Usual(101))
        .role(Role::Keys)
        .fmtp("0-15"),
    Row::other("red", Number::Usual(121)).role(Role::Wrapper),
    Row::other("ulpfec", Number::Usual(122)).role(Role::Wrapper),
    Row::other("flexfec", Number::Usual(123)).role(Role::Wrapper),
    Row::other("flexfec-03", Number::Usual(124)).role(Role::Wrapper),
    Row::other("rtx", Number::Usual(125)).role(Role::Wrapper),
];

impl Row {
    /// Voice on a clock of 8000 Hz in one channel, as telephony mostly is.
    const fn named(name: &'static str, encoding: Encoding, number: Number) -> Self {
        let role = Role::Voice;
        Self { name, encoding, role, clock_hz: 8000, channels: 1, number, fmtp: None }
    }

    const fn other(name: &'static str, number: Number) -> Self {
        Self::named(name, Encoding::Other(Cow::Borrowed(name)), number)
    }

    const fn clock(mut self, clock_hz: u32) -> Self {
        self.clock_hz = clock_hz;
        self
    }

    const fn stereo(mut self) -> Self {
        self.channels = 2;
        self
    }

    const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    const fn fmtp(mut self, fmtp: &'static str) -> Self {
        self.fmtp = Some(fmtp);
        self
    }

    fn format(&self) -> Format {
        let payload = match self.number {
            Number::Assigned(number) | Number::Usual(number) => number,
        };
        let codec = Codec {
            encoding: self.encoding.clone(),
            clock_hz: self.clock_hz,
            channels: self.channels,
            fmtp: self.fmtp.map(str::to_owned),
        };
        Format { payload, codec }
    }
}

impl Encoding {
    /// The encoding of this name; case does not matter (RFC 4855 §3).
    #[must_use]
    pub fn named(name: &str) -> Self {
        match REGISTRY.iter().find(|row| row.name.eq_ignore_ascii_case(name)) {
            Some(row) if !matches!(row.encoding, Self::Other(_)) => row.encoding.clone(),
            Some(_) | None => Self::Other(Cow::Owned(name.to_owned())),
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => REGISTRY.iter().find(|row| row.encoding == *known).map_or("", |row| row.name),
        }
    }

    /// What it does in an audio stream.
    #[must_use]
    pub fn role(&self) -> Role {
        let name = self.name();
        let row = REGISTRY.iter().find(|row| row.name.eq_ignore_ascii_case(name));
        row.map_or(Role::Voice, |row| row.role)
    }
}

impl Codec {
    /// Whether both are the same codec, whatever their parameters.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.encoding.name().eq_ignore_ascii_case(other.encoding.name())
            && self.clock_hz == other.clock_hz
            && self.channels == other.channels
    }

    /// What it does in an audio stream.
    #[must_use]
    pub fn role(&self) -> Role {
        self.encoding.role()
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.name(), self.clock_hz)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "/{}", self.channels) }
    }
}

impl Format {
    /// A codec of the table under its assigned or usual payload type; `None` for one that is not
    /// in it.
    #[must_use]
    pub fn usual(encoding: &Encoding) -> Option<Self> {
        REGISTRY.iter().find(|row| row.encoding == *encoding).map(Row::format)
    }

    /// What this payload type means without `a=rtpmap`.
    #[must_use]
    pub fn assigned(payload: u8) -> Option<Self> {
        let assigned = |row: &&Row| matches!(row.number, Number::Assigned(n) if n == payload);
        REGISTRY.iter().find(assigned).map(Row::format)
    }

    /// What this entry of an `m=` line means. `None` for one that nobody explains, which is then
    /// as if it were not there.
    #[must_use]
    pub fn read(media: &Media, entry: &str) -> Option<Self> {
        let payload = entry.parse().ok().filter(|payload| *payload <= *DYNAMIC.end())?;
        let fmtp = media.fmtp(entry).map(str::to_owned);
        let codec = match media.rtpmap(payload) {
            Some(map) => Codec {
                encoding: Encoding::named(&map.encoding),
                clock_hz: map.clock_hz,
                channels: map.channels,
                fmtp,
            },
            None => Codec { fmtp, ..Self::assigned(payload)?.codec },
        };
        Some(Self { payload, codec })
    }

    /// The `a=rtpmap` of this format.
    #[must_use]
    pub fn rtpmap(&self) -> RtpMap {
        RtpMap {
            payload: self.payload,
            encoding: self.codec.encoding.name().to_owned(),
            clock_hz: self.codec.clock_hz,
            channels: self.codec.channels,
        }
    }

    /// What it does in an audio stream.
    #[must_use]
    pub fn role(&self) -> Role {
        self.codec.role()
    }
}

#[cfg(test)]
mod tests {
    use super::{DYNAMIC, Encoding, Format, Number, REGISTRY, Role};

    #[test]
    fn a_name_in_any_case_is_its_codec() {
        for row in &REGISTRY {
            let lower = Encoding::named(&row.name.to_ascii_lowercase());
            assert!(lower.name().eq_ignore_ascii_case(row.name));
            assert_eq!(lower.role(), row.role, "{}", row.name);
            assert_eq!(Encoding::named(row.name), row.encoding);
        }
        assert_eq!(Encoding::named("pcma"), Encoding::Pcma);
        assert_eq!(Encoding::named("AMR-WB").name(), "AMR-WB");
        assert_eq!(Encoding::named("AMR-WB").role(), Role::Voice);
    }

    #[test]
    fn no_number_of_the_table_stands_twice() {
        for (place, row) in REGISTRY.iter().enumerate() {
            let number = row.format().payload;
            let first = REGISTRY.iter().position(|other| other.format().payload == number);
            assert_eq!(first, Some(place), "{number}");
            let usual = matches!(row.number, Number::Usual(_));
            assert_eq!(DYNAMIC.contains(&number), usual, "{number}");
        }
    }

    #[test]
    fn assigned_payload_types_need_no_rtpmap() {
        let meaning = |payload| Format::assigned(payload).map(|format| format.codec.to_string());
        assert_eq!(meaning(0).as_deref(), Some("PCMU/8000"));
        assert_eq!(meaning(9).as_deref(), Some("G722/8000"));
        assert_eq!(meaning(10).as_deref(), Some("L16/44100/2"));
        assert_eq!(meaning(111), None);
        assert_eq!(Format::usual(&Encoding::Opus).map(|format| format.payload), Some(111));
    }
}
