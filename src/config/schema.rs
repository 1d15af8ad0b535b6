//! The configuration as validated values. One document, read once, never changed: a reload makes a
//! new [`Config`] and swaps it whole.
//!
//! Parsing and the cross-checks stand in `parse` and `check`; this file only says what there is.

use holdfast_base::{AgentName, EndpointName, QueueName, TrunkName};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::abuse::Abuse;
use crate::calendar::{Calendar, Holidays};
use crate::device::Device;
use crate::dial_plan::DialPlan;
use crate::emergency::Emergency;
use crate::encryption::{MediaEncryption, MediaKeys};
use crate::header_rule::HeaderRule;
use crate::hours::Zone;
use crate::line::Line;
use crate::listener::{Advertise, IdentityFiles, Listener, ListenerTransport};
use crate::login::Login;
use crate::phones::{Form, Phones};
use crate::queue::{Queue, Skill};
use crate::registration::Registration;
use crate::route::Route;
use crate::supervision::Supervision;
use crate::target::{Target, TargetHost};
use crate::test_call::TestCall;
use crate::trunk_type::{Overrides, TrunkType};

/// Everything that an operator can set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The box itself.
    pub site: Site,
    /// Where SIP listens and how it behaves.
    pub sip: Sip,
    /// Audio ports and threads.
    pub media: Media,
    /// Who turns names into addresses.
    pub dns: Dns,
    /// The web page.
    pub web: Web,
    /// How phones here write numbers.
    pub dial_plan: DialPlan,
    /// Emergency numbers.
    pub emergency: Emergency,
    /// Who is kept out, and how.
    pub abuse: Abuse,
    /// What is remembered of messages, to be looked at.
    pub trace: Trace,
    /// Lines to carriers, SBCs and PBXs.
    pub trunks: Vec<Trunk>,
    /// Phones that register here.
    pub accounts: Vec<Account>,
    /// Desk phones that fetch their configuration here.
    pub devices: Vec<Device>,
    /// Which calls lead where, in order; the first that fits is taken.
    pub routes: Vec<Route>,
    /// What is dialled and where it leads, unless a route says otherwise.
    pub numbers: Vec<Number>,
    /// Sets of holidays that calendars share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<Holidays>,
    /// When somebody is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<Calendar>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The people who answer.
    pub agents: Vec<Agent>,
}

/// The box itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Shown on the page and in records.
    pub name: String,
    /// SIP domain of this box: the realm of digest authentication and the right side of addresses.
    pub domain: String,
    /// Where it stands, for times of the week.
    pub time_zone: Zone,
}

/// SIP as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sip {
    /// Addresses that are bound, each for one transport.
    pub listeners: Vec<Listener>,
    /// Timer T1 (RFC 3261 §17.1.1.1): the round-trip time that retransmissions start from.
    pub t1: Duration,
    /// Most calls at once in all; 0 is no limit.
    pub calls_max: u32,
    /// Most new calls in a second in all; 0 is no limit.
    pub calls_per_second: u32,
    /// Most that the audio of all calls takes in each direction, with the headers of IP, UDP and
    /// RTP, in kbit/s; 0 is no limit.
    pub max_bandwidth: u32,
    /// How long an outgoing call may ring.
    pub ring_time: Duration,
    /// How long a session lasts that nobody refreshes (RFC 4028); none asks for no such limit and
    /// grants one all the same.
    pub session_expires: Option<Duration>,
    /// The shortest such time that a peer may ask for.
    pub min_se: Duration,
    /// Shortest and longest registration that is granted.
    pub register_expires_min: Duration,
    /// See `register_expires_min`.
    pub register_expires_max: Duration,
    /// Whether a caller from nowhere known (no trunk, no account) may call queues and accounts.
    /// Never a trunk: out over a trunk goes only who is known.
    pub guests: bool,
    /// Whether phones are asked for SHA-256 before MD5 (RFC 8760).
    pub digest_sha256: bool,
    /// What an agent dials to go on duty; none is no such code.
    pub duty_on: Option<String>,
    /// What an agent dials to go off duty.
    pub duty_off: Option<String>,
}

/// Audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// First port of the range, even.
    pub port_min: u16,
    /// Last port of the range, odd.
    pub port_max: u16,
    /// How long a released pair rests, so that late packets of the old call find nobody.
    pub quarantine: Duration,
    /// Media threads; 0 means one for each core.
    pub threads: u16,
    /// A call whose remote should send and is silent this long is asked whether it lives.
    pub silence_limit: Duration,
    /// Most calls whose audio is decoded and encoded here at once; 0 for none.
    pub transcoded_max: u16,
    /// Folder with WAV files that replace or add to the built-in clips.
    pub prompts: Option<PathBuf>,
}

/// Who turns names into addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// Name servers in the order in which they are asked; those of `/etc/resolv.conf` when empty.
    pub servers: Vec<SocketAddr>,
}

/// The web page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// HTTPS address.
    pub bind: SocketAddr,
    /// Certificate chain and key in PEM; self-signed in the state directory when absent.
    pub certificate: Option<PathBuf>,
    /// See `certificate`.
    pub key: Option<PathBuf>,
}

/// What is remembered of messages, to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Memory for it; 0 is no trace.
    pub megabytes: u16,
    /// A HOMER collector that gets a copy of each message (HEP3 over UDP).
    pub homer: Option<SocketAddr>,
    /// The number under which the collector knows this box.
    pub homer_id: u32,
}

/// A line to a carrier, an SBC or a PBX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunk {
    /// Its name.
    pub name: TrunkName,
    /// What stands at the other end.
    pub kind: TrunkType,
    /// What is different from the table of that kind.
    pub overrides: Overrides,
    /// Networks whose requests belong to this trunk.
    pub networks: Vec<Network>,
    /// User name of digest credentials that identify this trunk, instead of or beside `networks`.
    pub user: Option<String>,
    /// Password of `user`.
    pub password: Option<Secret>,
    /// With what we answer when the other side asks who we are.
    pub login: Option<Login>,
    /// How phones of this PBX register there through the box.
    pub phones: Phones,
    /// What this box registers there; none is nothing.
    pub registration: Option<Registration>,
    /// The numbers of the line, where each call has to name one of them.
    pub line: Option<Line>,
    /// Where outgoing calls go, best first.
    pub targets: Vec<Target>,
    /// Transport towards the targets. Being fixed here, it is not chosen by NAPTR (RFC 3263 §4.1).
    pub transport: ListenerTransport,
    /// Whether audio is encrypted on this trunk.
    pub media_encryption: MediaEncryption,
    /// Whether somebody has decided that, in the file.
    pub encryption_written: bool,
    /// By what its keys are agreed on in calls from here.
    #[serde(default)]
    pub media_keys: MediaKeys,
    /// Whether the way of encrypted audio is found by ICE where its keys are in descriptions: media
    /// bypass of Teams.
    #[serde(default)]
    pub ice: bool,
    /// How often each target is asked by OPTIONS whether it lives; none is never.
    pub options_every: Option<Duration>,
    /// What is called while nobody calls, to see whether anybody is there behind the far end.
    pub test_call: Option<TestCall>,
    /// How long a target may leave an INVITE without any word before the next one is tried.
    pub answer_within: Duration,
    /// Most calls at once on this trunk; 0 is no limit.
    pub calls_max: u32,
    /// Most new calls in a second, from it and to it; 0 is no limit.
    pub calls_per_second: u32,
    /// See [`Sip::max_bandwidth`]; for the calls of this trunk.
    pub max_bandwidth: u32,
    /// See [`Sip::session_expires`].
    pub session_expires: Option<Duration>,
    /// See [`Sip::min_se`].
    pub min_se: Duration,
    /// What this trunk is told instead of what its listener advertises.
    pub advertise: Option<Advertise>,
    /// Certificates, when the transport is TLS.
    pub tls: TrunkTls,
    /// How the other side writes numbers.
    pub dial_plan: DialPlan,
    /// Whether the other side belongs to those who know who calls although the number is withheld
    /// (the trust domain of RFC 3325 §3).
    pub trusted: bool,
    /// What is done to header fields on the way in and out, in order.
    pub headers: Vec<HeaderRule>,
    /// Whether callers who go out here always withhold their number.
    pub withhold_caller: bool,
    /// How the other side is told who has led a call on.
    pub diversion: Diversion,
}

/// How one side is told who has led a call on before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Diversion {
    /// Not at all.
    None,
    /// By Diversion, RFC 5806: most carriers and older PBXs.
    Diversion,
    /// By History-Info, RFC 7044: Teams, networks of the IMS.
    HistoryInfo,
    /// By both.
    #[default]
    Both,
}

impl Diversion {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Diversion => "diversion",
            Self::HistoryInfo => "history-info",
            Self::Both => "both",
        }
    }
}

impl Trunk {
    /// How exactly `networks` names this source: the longest prefix that it lies in.
    #[must_use]
    pub fn names(&self, source: IpAddr) -> Option<u8> {
        let named = self.networks.iter().filter(|network| network.contains(source));
        named.map(|network| network.prefix).max()
    }

    /// Whether audio goes in the clear although nobody has written that it shall.
    #[must_use]
    pub fn is_clear_unasked(&self) -> bool {
        !self.encryption_written && self.media_encryption == MediaEncryption::Off
    }

    /// The domain of the address that is registered, and therefore of callers and called parties;
    /// none when nothing is.
    #[must_use]
    pub fn registered_domain(&self) -> Option<TargetHost> {
        let registration = self.registration.as_ref()?;
        let named = registration.domain.as_deref().and_then(Target::parse);
        named.as_ref().or(self.targets.first()).map(|target| target.host.clone())
    }
}

/// Who the two sides of a trunk are to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkTls {
    /// Our certificate, shown as a server and as a client; that of the listener when absent.
    pub identity: IdentityFiles,
    /// The certificate authorities that vouch for the other side; those of the system when absent.
    pub roots: Option<PathBuf>,
    /// The name that the other side's certificate must carry. A `*` in front stands for one label.
    /// Whoever proves it belongs to this trunk, wherever the request comes from.
    pub peer_name: Option<String>,
}

impl TrunkTls {
    /// The one host that is meant by `peer_name`; none when it stands for several.
    #[must_use]
    pub fn peer_host(&self) -> Option<&str> {
        self.peer_name.as_deref().filter(|name| !name.starts_with('*'))
    }
}

/// An IP network in prefix notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    /// First address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

/// A phone that registers here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User part of its address, and user name of its credentials.
    pub name: EndpointName,
    /// Password; the box makes one at first start when absent.
    pub password: Option<Secret>,
    /// Shown to the called party.
    pub display: String,
    /// By which others see it when it calls out over a trunk; its name when absent.
    pub number: Option<String>,
    /// In which form `password` is.
    #[serde(default)]
    pub form: Form,
    /// The central PBX that the phone belongs to: it registers there through this box.
    #[serde(default)]
    pub pbx: Option<TrunkName>,
    /// Whether audio is encrypted to its phones; when absent, preferred for those that register
    /// over TLS or from a browser (WebSocket), and off for others.
    pub media_encryption: Option<MediaEncryption>,
    /// By what its keys are agreed on in calls from here; when absent, by a handshake with browsers
    /// and in descriptions with others.
    #[serde(default)]
    pub media_keys: Option<MediaKeys>,
    /// Whether its phone is asked to answer calls of a queue by itself.
    #[serde(default)]
    pub auto_answer: bool,
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\u{2026}")
    }
}

/// A dialled number or name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// User part of the request URI: a number in any spelling the trunk sends, or a name. A
    /// trailing `*` matches every continuation; the longest match wins.
    pub dialled: String,
    /// Where it leads.
    pub to: Destination,
}

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// A queue.
    Queue(QueueName),
    /// A registered phone.
    Account(EndpointName),
    /// Out over the first of these trunks that takes it, with the dialled number.
    Trunks(Vec<TrunkName>),
}

/// A person who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// Shown on the page.
    pub display: String,
    /// Where to reach this agent, best first.
    pub endpoints: Vec<Endpoint>,
    /// Whether the agent is on duty when the box has never heard otherwise.
    pub on_duty: bool,
    /// Whether this is somebody who helps now and then: never logs in or out, and is called
    /// whenever a phone is there, in the queues where that was not switched off.
    pub informal: bool,
    /// What the agent can do.
    pub skills: Vec<Skill>,
    /// How often the agent is drawn by the strategy `weighted`, compared with others.
    pub weight: u32,
    /// What this person may do in calls of others.
    #[serde(default)]
    pub supervises: Supervision,
}

/// One place where an agent can be reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// A phone that registers here.
    Account(EndpointName),
    /// A number over a trunk.
    Trunk {
        /// The trunk.
        trunk: TrunkName,
        /// What is dialled there.
        number: String,
    },
}

impl Config {
    /// The trunk of this name.
    #[must_use]
    pub fn trunk(&self, name: &TrunkName) -> Option<&Trunk> {
        self.trunks.iter().find(|trunk| trunk.name == *name)
    }

    /// The account of this name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name.as_str() == name)
    }

    /// The calendar of this name.
    #[must_use]
    pub fn calendar(&self, name: &str) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.name.as_str() == name)
    }

    /// What people call a queue; its name when the queue is gone.
    #[must_use]
    pub fn queue_display<'a>(&'a self, name: &'a QueueName) -> &'a str {
        let queue = self.queues.iter().find(|queue| queue.name == *name);
        queue.map_or(name.as_str(), |queue| &queue.display)
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.as_str(), None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| format!("`{text}` is not an address or network"))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(bits) => {
                bits.parse().ok().filter(|bits| *bits <= longest).ok_or_else(|| {
                    format!("`{text}`: the prefix is a number from 0 to {longest}")
                })?
            }
        };
        Ok(Self { address, prefix })
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.prefix)
    }
}

impl Network {
    /// Whether `address` lies in this network.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4()
            && Self { address, ..self }.whole().address == self.whole().address
    }

    /// The same network by its first address, the bits behind the prefix being 0.
    #[must_use]
    pub fn whole(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        };
        Self { address, prefix: self.prefix }
    }
}
