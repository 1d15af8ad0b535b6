//! The branch: its people, queues and lines, as the document that the box reads.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};

/// Where the box listens.
pub const BOX: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// From where the carrier calls: the network of the trunk.
pub const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// From where callers come who are on no trunk and have no account.
pub const STREET: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// The agents, best first, with their names for people.
pub const AGENTS: [(&str, &str); 8] = [
    ("anna", "Anna Berg"),
    ("ben", "Ben Okafor"),
    ("clara", "Clara Weiss"),
    ("david", "David Lindqvist"),
    ("emma", "Emma Rossi"),
    ("felix", "Felix Nowak"),
    ("greta", "Greta Haas"),
    ("henry", "Henry Adeyemi"),
];

/// A queue and how it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its name, as guests dial it.
    pub queue: &'static str,
    /// Its name for people.
    pub display: &'static str,
    /// Its number, as the carrier sends it; from the range kept for film and television.
    pub number: &'static str,
    /// Its agents: they are shared.
    pub members: &'static [&'static str],
    /// How many of a hundred callers want it.
    pub share: u64,
}

/// The queues.
pub const LINES: [Line; 3] = [
    Line {
        queue: "sales",
        display: "Sales",
        number: "+492214710100",
        members: &["anna", "ben", "clara", "david"],
        share: 40,
    },
    Line {
        queue: "service",
        display: "Service",
        number: "+492214710200",
        members: &["clara", "david", "emma", "felix", "greta"],
        share: 40,
    },
    Line {
        queue: "billing",
        display: "Billing",
        number: "+492214710300",
        members: &["greta", "henry", "anna"],
        share: 20,
    },
];

/// Ports that a new box would take, and the first of others to try for audio.
const SIP_PORT: u16 = 5060;
const PAGE_PORT: u16 = 8443;
const AUDIO_PORTS: [u16; 4] = [20_000, 22_000, 24_000, 26_000];
/// From the first to the last port for audio: room for 499 calls with two legs.
const AUDIO_SPAN: u16 = 1995;

/// A document, and what keeps others from its ports for audio: those are bound call by call.
#[derive(Debug)]
pub struct Document {
    /// What the box reads.
    pub text: String,
    _claim: UdpSocket,
}

/// The document, with ports that are free now: the usual ones when they are.
pub fn document() -> io::Result<Document> {
    let ports = Ports::free()?;
    let mut text = String::new();
    // Writing to a String can not fail.
    let _ = write_document(&mut text, &ports);
    Ok(Document { text, _claim: ports.claim })
}

struct Ports {
    sip: u16,
    page: u16,
    audio: u16,
    /// Holds the port behind those for audio, as a sign for another demonstration.
    claim: UdpSocket,
}

impl Ports {
    fn free() -> io::Result<Self> {
        let both = |port| {
            let tcp = TcpListener::bind((BOX, port))?;
            let bound = tcp.local_addr()?.port();
            UdpSocket::bind((BOX, bound)).map(|_| bound)
        };
        let tcp = |port| TcpListener::bind((BOX, port))?.local_addr().map(|it| it.port());
        let udp = |port| UdpSocket::bind((BOX, port));
        let claimed = |first: u16| {
            udp(first).and_then(|_| udp(first + AUDIO_SPAN + 1)).ok().map(|claim| (first, claim))
        };
        let (audio, claim) =
            AUDIO_PORTS.into_iter().find_map(claimed).ok_or(io::ErrorKind::AddrInUse)?;
        Ok(Self {
            sip: both(SIP_PORT).or_else(|_| both(0))?,
            page: tcp(PAGE_PORT).or_else(|_| tcp(0))?,
            audio,
            claim,
        })
    }
}

fn write_document(text: &mut String, ports: &Ports) -> std::fmt::Result {
    let Ports { sip, page, audio, claim: _ } = ports;
    writeln!(text, "[site]\nname = \"Cologne branch\"\ndomain = \"holdfast.local\"")?;
    for transport in ["udp", "tcp"] {
        writeln!(text, "[[sip.listener]]\ntransport = \"{transport}\"\nbind = \"{BOX}:{sip}\"")?;
    }
    writeln!(text, "[media]\nport_min = {audio}\nport_max = {}", audio + AUDIO_SPAN)?;
    writeln!(text, "[web]\nbind = \"{BOX}:{page}\"")?;
    writeln!(text, "[[trunk]]\nname = \"carrier\"\nnetworks = [\"{CARRIER}/32\"]")?;
    for Line { queue, display, number, members, .. } in LINES {
        writeln!(text, "[[number]]\ndialled = \"{number}\"\nto = {{ queue = \"{queue}\" }}")?;
        writeln!(text, "[[queue]]\nname = \"{queue}\"\ndisplay = \"{display}\"")?;
        writeln!(text, "members = {members:?}")?;
        // Shorter than usual, so that everything that can happen happens within a minute.
        writeln!(text, "alert = \"8s\"\nwrap_up = \"4s\"\nrona_block = \"8s\"")?;
        writeln!(text, "position_every = \"10s\"")?;
    }
    for (name, display) in AGENTS {
        writeln!(text, "[[agent]]\nname = \"{name}\"\ndisplay = \"{display}\"")?;
        writeln!(text, "endpoints = [{{ account = \"{name}\" }}]")?;
        writeln!(text, "[[account]]\nname = \"{name}\"\ndisplay = \"{display}\"")?;
    }
    Ok(())
}
