//! What the site orders from the media plane and what it hears back. Never packets.
//!
//! A *stream* is one RTP/RTCP port pair of ours towards one remote party. The site decides what
//! each remote hears ([`Source`]); the plane moves the packets and reports edges.

use holdfast_base::{Mono, StreamId};
use holdfast_wire::sdp::Fingerprint;
use holdfast_wire::srtp::{MasterKey, Suite};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use super::tape::Tape;
pub use crate::offer_answer::dtls::Part;
pub use crate::offer_answer::ice::AgreedIce;

/// Most voices beside the peer in a mix: the other parties of a conference, and a supervisor.
pub const BESIDE_MAX: usize = 7;

/// One order to the media plane. Orders for one stream arrive in the order given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MediaOrder {
    /// Keep this port pair from every other program until a stream is opened on it, or say that
    /// one has it already. Said ahead of any call, so that no description names a pair in vain.
    Hold {
        /// Even port of the pair.
        rtp_port: u16,
    },
    /// Bind the port pair and start counting. Nothing is sent until [`MediaOrder::Expect`].
    Open(Open),
    /// What the offer/answer exchange says about the remote. Given again after every re-offer.
    Expect {
        /// The stream of the leg.
        stream: StreamId,
        /// What the remote sends and wants.
        remote: Remote,
    },
    /// What the remote of this stream hears from now on.
    Hear {
        /// The stream of the listener.
        stream: StreamId,
        /// The audio sent to it.
        source: Source,
    },
    /// Send one RFC 4733 event to the remote.
    PressKey {
        /// The stream of the listener.
        stream: StreamId,
        /// The key.
        digit: Digit,
        /// How long the tone lasts, in milliseconds.
        length_ms: u16,
    },
    /// Take down what the remotes of two streams say to each other, or stop; the end of the stream
    /// ends it too.
    Record {
        /// The stream whose remote is to the left.
        stream: StreamId,
        /// Who is to the right, and what it is of; none stops it.
        tape: Option<Tape>,
    },
    /// Release sockets and state. The final [`StreamCounters`] come back in [`MediaEdge::Closed`].
    Close {
        /// The stream that ends.
        stream: StreamId,
    },
}

/// The opening of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The new stream.
    pub stream: StreamId,
    /// Streams of one call carry the same number: the driver keeps them on one thread.
    pub shard: u64,
    /// Local address to bind.
    pub local: IpAddr,
    /// Even port for RTP; RTCP is bound on the next one (RFC 3550 §11).
    pub rtp_port: u16,
    /// Synchronisation source of everything we send on this stream, for its whole life.
    pub ssrc: u32,
    /// First sequence number. After a restart the site gives one beyond the last that was sent.
    pub first_sequence: u16,
    /// RTP timestamp that belongs to site time zero; timestamps follow site time from there, so
    /// that they go on smoothly after a restart.
    pub timestamp_origin: u32,
}

/// The remote party of a stream as negotiated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Where the SDP says RTP goes; `None` for 0.0.0.0 or a stream without an address yet.
    pub rtp: Option<SocketAddr>,
    /// Where RTCP goes (`a=rtcp`, else RTP port + 1).
    pub rtcp: Option<SocketAddr>,
    /// The codec that we send, with the payload type that the remote wants.
    pub codec: Codec,
    /// Every audio payload type that may arrive, with its encoding.
    pub accepts: Vec<Codec>,
    /// Payload type of `telephone-event` that the remote wants to receive (RFC 4733).
    pub dtmf_to_remote: Option<u8>,
    /// Payload type of `telephone-event` that the remote sends.
    pub dtmf_from_remote: Option<u8>,
    /// Clock of the telephone events of both ways, in hertz.
    #[serde(default)]
    pub dtmf_clock_hz: u32,
    /// Under which keys; none is in the clear, unless `dtls` brings them.
    #[serde(default)]
    pub crypto: Option<Crypto>,
    /// The handshake that brings the keys: until it has, nothing is believed and nothing sent.
    #[serde(default)]
    pub dtls: Option<Box<Dtls>>,
    /// What checks of connectivity are known by, where those find the way and not `rtp`. Reports
    /// share the port of the audio then.
    #[serde(default)]
    pub ice: Option<Box<AgreedIce>>,
    /// Whether the negotiated direction lets the remote send.
    pub sends: bool,
    /// Whether the negotiated direction lets the remote receive.
    pub receives: bool,
}

/// The keys of an encrypted stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crypto {
    /// Ours. None while the remote does not know a key that may still be used: nothing is sent.
    pub send: Option<MasterKey>,
    /// That of the remote.
    pub receive: MasterKey,
    /// Length of the key identifier that the remote has announced, in bytes; 0 for none.
    pub mki_bytes: u8,
}

/// A handshake on the way of the audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dtls {
    /// Our certificate. None while the remote knows one that nobody has the key of any more.
    pub certificate: Option<Fingerprint>,
    /// Those that the remote may have.
    pub fingerprints: Vec<Fingerprint>,
    /// Which part is ours.
    pub begins: Part,
}

/// One audio payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// What the plane must know about the encoding.
    pub encoding: Encoding,
    /// RTP clock in hertz.
    pub clock_hz: u32,
    /// Packet time in milliseconds.
    pub ptime_ms: u16,
}

/// Encodings that the plane can make itself, and the rest, which it only relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus.
    Opus,
    /// Relayed untouched between legs that agreed on it; number of the encoding in its call.
    Opaque(u16),
}

/// The audio that one remote hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Nothing is sent.
    Silence,
    /// What the remote of another stream sends, as it came. Switched within one packet time.
    Peer(StreamId),
    /// What the remotes of other streams say, decoded, added up, and encoded as this remote wants
    /// it. From [`Source::Peer`] and back without a gap, and whoever is beside may come and go.
    Mix {
        /// With whom the remote talks; keys that this one presses go on to it.
        peer: StreamId,
        /// Whom it hears too, without their keys; at most [`BESIDE_MAX`].
        beside: Vec<StreamId>,
    },
    /// Clips of the prompt library, one after the other, then something that lasts.
    Clips {
        /// Played once each, in this order.
        once: Vec<ClipId>,
        /// Repeated when they are over; silence when `None`.
        then: Option<ClipId>,
        /// When the first clip starts. The place within the repeated clip follows from this and
        /// the time, so that music goes on where it was after a restart.
        since: Mono,
    },
}

impl Source {
    /// The stream with whose remote this one talks.
    #[must_use]
    pub const fn peer(&self) -> Option<StreamId> {
        match self {
            Self::Peer(peer) | Self::Mix { peer, .. } => Some(*peer),
            Self::Silence | Self::Clips { .. } => None,
        }
    }
}

/// A clip of the prompt library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClipId(pub Arc<str>);

/// A telephone key: `0`–`9`, `*`, `#`, `A`–`D` (RFC 4733 §3.2, events 0 to 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digit(pub char);

/// What the media plane reports.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEdge {
    /// The port pair is kept for us.
    Held {
        /// Even port of the pair.
        rtp_port: u16,
    },
    /// Another program has a port of this pair.
    Occupied {
        /// Even port of the pair.
        rtp_port: u16,
    },
    /// The ports could not be bound.
    OpenFailed {
        /// The stream that does not exist.
        stream: StreamId,
        /// What the kernel said.
        why: String,
    },
    /// The first packet of the remote was accepted.
    FirstPacket {
        /// Its stream.
        stream: StreamId,
        /// Where it came from.
        from: SocketAddr,
    },
    /// A key was pressed; reported once an event, at its end or after 40 ms of it.
    Key {
        /// Its stream.
        stream: StreamId,
        /// The key.
        digit: Digit,
    },
    /// The keys of a handshake are in force: the stream can be heard.
    Secured {
        /// Its stream.
        stream: StreamId,
        /// Of this suite.
        suite: Suite,
    },
    /// A handshake has failed: nothing is sent or heard until another one is agreed on.
    NotSecured {
        /// Its stream.
        stream: StreamId,
        /// What was wrong.
        why: HandshakeFailure,
    },
    /// The remote does not check its way any more (RFC 7675 §5.1): nothing is sent until it does.
    Disconnected {
        /// Its stream.
        stream: StreamId,
    },
    /// Nothing has come for this long although the direction expects media.
    Quiet {
        /// Its stream.
        stream: StreamId,
        /// Time since the last packet, in milliseconds.
        for_ms: u64,
    },
    /// The counters of every open stream, once a second.
    Counters(Vec<(StreamId, StreamCounters)>),
    /// The stream is gone; these are its final counters.
    Closed {
        /// The stream that ended.
        stream: StreamId,
        /// All it did.
        counters: StreamCounters,
    },
}

/// Why a handshake brought no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandshakeFailure {
    /// The certificate is not the one that the session description names.
    AnotherCertificate,
    /// Keys for nothing that we speak.
    NoCommonSuite,
    /// It broke off, or got no answer in time.
    Broken,
    /// The remote has ended it after it was done.
    Ended,
}

impl HandshakeFailure {
    /// In words, for a technician.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnotherCertificate => "the certificate is not the one of the description",
            Self::NoCommonSuite => "no SRTP profile in common",
            Self::Broken => "it broke off or got no answer",
            Self::Ended => "the other side has ended it",
        }
    }
}

/// What one stream did so far. Plain totals: differences are for the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamCounters {
    /// RTP packets accepted from the remote.
    pub received: u64,
    /// RTP packets sent to the remote.
    pub sent: u64,
    /// Packets of the remote that never came (RFC 3550 A.3).
    pub lost: u64,
    /// Packets refused: wrong source, wrong SSRC, not RTP.
    pub refused: u64,
    /// Those of them that were not authentic: forged, damaged, or under another key.
    #[serde(default)]
    pub forged: u64,
    /// Those of them that had come before.
    #[serde(default)]
    pub replayed: u64,
    /// Interarrival jitter in microseconds (RFC 3550 §6.4.1).
    pub jitter_us: u32,
    /// Mean opinion score times 100, estimated by the E-model (G.107); 0 while nothing came.
    pub mos_centi: u16,
    /// Last sequence number that we sent.
    pub last_sequence: u16,
    /// How often packets were lost one after another (RFC 3611 §4.7.2: bursts hurt more than the
    /// same loss spread out).
    #[serde(default)]
    pub loss_runs: u32,
    /// Packets lost in the longest of these runs.
    #[serde(default)]
    pub longest_loss: u32,
    /// From when the remote was asked to speak until its first packet, in milliseconds.
    #[serde(default)]
    pub first_packet_ms: Option<u32>,
    /// Time without a packet in pauses of a second or longer while the remote should have sent, in
    /// milliseconds. A phone that suppresses silence has such pauses as well.
    #[serde(default)]
    pub silent_ms: u64,
    /// The last round trip that its reports have told (RFC 3550 §6.4.1), in microseconds.
    #[serde(default)]
    pub round_trip_us: Option<u32>,
    /// How the remote hears us, by its own reports.
    #[serde(default)]
    pub far: Option<FarEnd>,
    /// Where its audio comes from: a station of the way that media takes.
    #[serde(default)]
    pub source: Option<SocketAddr>,
}

/// What a remote reports about the packets that it gets from us (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarEnd {
    /// Packets that it never got.
    pub lost: u32,
    /// Interarrival jitter in microseconds.
    pub jitter_us: u32,
}
