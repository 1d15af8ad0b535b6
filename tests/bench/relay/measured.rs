//! The measured process: calls of two streams each in our media threads, until the standard input
//! closes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_base::{Entropy, Mono, StreamId};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::order::{
    Codec, Crypto, Dtls, Encoding, MediaEdge, MediaOrder, Open, Part, Remote, Source,
};
use holdfast_drive::clock::Clock;
use holdfast_drive::media::{Certificates, MediaPlane, Sinks};
use holdfast_wire::srtp::{MasterKey, Suite};
use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Result;
use crate::shake::Client;

/// First of our ports; a session takes four.
const FIRST_PORT: u16 = 10_000;
/// Ports of the two sides in the generator.
const SIDES: [u16; 2] = [51_000, 51_002];
/// What the generator speaks.
const SUITE: Suite = Suite::AesCm128HmacSha1Tag80;

/// How the second side of each call is encrypted; the first is in the clear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Not at all.
    Rtp,
    /// With keys of the SDP.
    Sdes,
    /// With keys of a handshake.
    Dtls,
}

impl Side {
    pub fn named(name: &str) -> Result<Self> {
        let all = [Self::Rtp, Self::Sdes, Self::Dtls];
        all.into_iter().find(|side| side.name() == name).ok_or_else(|| "no such side".into())
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rtp => "rtp",
            Self::Sdes => "sdes",
            Self::Dtls => "dtls",
        }
    }

    pub const fn says(self) -> &'static str {
        match self {
            Self::Rtp => "RTP to RTP",
            Self::Sdes => "SDES-SRTP to RTP",
            Self::Dtls => "DTLS-SRTP to RTP (the others: SDES)",
        }
    }
}

/// Where the generator reads who sends what to where.
pub fn pairs(scratch: &Path) -> PathBuf {
    scratch.join("pairs")
}

/// Opens the calls, writes the pairs, says `ready`, and relays.
pub fn relay(scratch: &Path, sessions: u16, side: Side) -> Result<()> {
    let opened = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&opened);
    let edges = Arc::new(move |edge: MediaEdge| match edge {
        MediaEdge::OpenFailed { stream, why } => {
            eprintln!("{stream}: {why}");
            failed.fetch_add(1, Ordering::Relaxed);
        }
        MediaEdge::NotSecured { stream, why } => {
            eprintln!("{stream}: {why:?}");
            failed.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    });
    let clock = Clock::starting_at(Mono::default());
    let clips = Arc::new(ClipLibrary::default());
    let certificates = Certificates::make()?;
    let own = certificates.fingerprints().into_iter().next();
    let sinks = Sinks::without_tapes(edges);
    let plane = MediaPlane::start(1, clock, clips, certificates, sinks)?;
    let client = if side == Side::Dtls { Some(Client::prepare(scratch)?) } else { None };
    let mut entropy = Entropy::new([7; 32]);
    let (mut lines, mut shaken) = (String::new(), Vec::new());
    for session in 0..sessions {
        let [high, low] = (session + 1).to_be_bytes();
        let host = Ipv4Addr::new(127, 1, high, low);
        let first = u64::from(session) * 2;
        let [clear, secret] = SIDES.map(|port| SocketAddr::new(IpAddr::V4(host), port));
        let (ours, ours_secret) = (FIRST_PORT + 4 * session, FIRST_PORT + 4 * session + 2);
        let ends = [StreamId(first), StreamId(first + 1)];
        let [one, other] = ends;
        call(&plane, one, other, ours, remote(clear));
        let mut theirs = remote(secret);
        let mut keys = ["-".to_owned(), "-".to_owned()];
        if side == Side::Sdes {
            let [sends, hears] = [(); 2].map(|()| MasterKey::drawn(SUITE, &mut entropy));
            keys = [&hears, &sends].map(|key| STANDARD.encode(key.key_and_salt()));
            theirs.crypto = Some(Crypto { send: Some(sends), receive: hears, mki_bytes: 0 });
        }
        if let Some(client) = &client {
            theirs.dtls = Some(Box::new(Dtls {
                certificate: own.clone(),
                fingerprints: vec![client.fingerprint.clone()],
                begins: Part::Server,
            }));
            theirs.ice = Some(Box::new(client.names.clone()));
        }
        call(&plane, other, one, ours_secret, theirs);
        if let Some(client) = &client {
            client.nominate(secret, ours_secret)?;
            keys = client.shake(secret, ours_secret)?;
            shaken.push((secret, ours_secret));
        }
        let [sends, hears] = keys;
        writeln!(
            lines,
            "{clear} 127.0.0.1:{ours} - - {secret} 127.0.0.1:{ours_secret} {sends} {hears}"
        )?;
    }
    if let Some(client) = &client {
        shaken.into_iter().try_for_each(|(theirs, port)| client.nominate(theirs, port))?;
    }
    std::fs::write(pairs(scratch), lines)?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let failed = opened.load(Ordering::Relaxed);
    plane.stop();
    if failed > 0 { Err(format!("{failed} streams failed").into()) } else { Ok(()) }
}

/// A party with all that a call of G.711 with telephone events has.
fn remote(at: SocketAddr) -> Remote {
    let codec = Codec { payload_type: 8, encoding: Encoding::Pcma, clock_hz: 8000, ptime_ms: 20 };
    Remote {
        rtp: Some(at),
        rtcp: None,
        codec,
        accepts: vec![codec],
        dtmf_to_remote: Some(101),
        dtmf_from_remote: Some(101),
        dtmf_clock_hz: 8000,
        crypto: None,
        dtls: None,
        ice: None,
        sends: true,
        receives: true,
    }
}

/// One stream of a session, which hears the other one.
fn call(plane: &MediaPlane, stream: StreamId, peer: StreamId, port: u16, remote: Remote) {
    plane.order(MediaOrder::Open(Open {
        stream,
        shard: stream.0 / 2,
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        rtp_port: port,
        ssrc: 0x1234_0000 + u32::from(port),
        first_sequence: port,
        timestamp_origin: u32::from(port) << 8,
    }));
    plane.order(MediaOrder::Expect { stream, remote });
    plane.order(MediaOrder::Hear { stream, source: Source::Peer(peer) });
}
