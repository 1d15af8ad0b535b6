//! Who takes part, and the box between them.

use holdfast_wire::sdp::Crypto;
use holdfast_wire::srtp::{MasterKey, Suite};

use super::bench::Bench;
use super::peer::Peer;
use super::strict::Platform;

/// The name of the box in the tenant.
pub const NAME: &str = "sbc1.example.org";

/// A box with a direct trunk to Teams, a PBX and a carrier.
pub const DIRECT: &str = r#"
[sip]
session_expires = "30m"
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[sip.listener]]
transport = "tls"
bind = "10.0.0.1:5061"
certificate = "/c"
key = "/k"
[[trunk]]
name = "teams"
type = "teams-direct"
advertise = "SBC1.example.org"
roots = "/r"
[[trunk]]
name = "pbx"
type = "pbx"
dialect = "cisco"
networks = ["10.2.0.0/24"]
target = "10.2.0.1:5060"
options_every = "never"
[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.1:5060"
options_every = "never"
[[number]]
dialled = "+4930100"
to = { queue = "sales" }
[[number]]
dialled = "+493020*"
to = { trunk = "teams" }
[[number]]
dialled = "+493030*"
to = { trunk = "pbx" }
[[queue]]
name = "sales"
display = "Sales"
members = ["tea", "tom"]
alert = "10s"
wrap_up = "0s"
rona_block = "1s"
greeting = ""
position_every = "never"
[[agent]]
name = "tea"
endpoints = [{ trunk = "teams", number = "+4930201" }]
[[agent]]
name = "tom"
endpoints = [{ trunk = "teams", number = "+4930202" }]
on_duty = false
"#;

/// The bytes of key and salt of Teams by this number.
pub fn key_of_teams(number: u8) -> [u8; 30] {
    std::array::from_fn(|at| u8::try_from(at).unwrap_or(0) ^ number.wrapping_mul(37))
}

/// The `a=crypto` line of that key, with these parameters behind it.
pub fn sdes(number: u8, parameters: &str) -> String {
    let key = MasterKey::new(Suite::AesCm128HmacSha1Tag80, &key_of_teams(number)).expect("30");
    let line = Crypto::ours(1, &key).to_string().replace("|2^31", parameters);
    format!("a=crypto:{line}\r\n")
}

/// The three far ends of Direct Routing.
pub fn proxies(refer: bool) -> Vec<Peer> {
    let places = [
        ("sip", "52.114.75.24:5061", "sip.pstnhub.microsoft.com:5061"),
        ("sip2", "52.114.76.76:5061", "sip2.pstnhub.microsoft.com:5061"),
        ("sip3", "52.114.7.24:5061", "sip3.pstnhub.microsoft.com:5061"),
    ];
    let proxy = |(name, address, host): (&'static str, &str, &str)| Peer {
        proves: Some("teams"),
        host: host.to_owned(),
        shouts: true,
        crypto: sdes(1, "|2^31"),
        contact_parameters: ";x-i=1a2b-3C;x-c=d4%2F7/s/1/8b",
        ..Peer::new(name, address, Platform::Teams { box_name: NAME, refer })
    };
    places.into_iter().map(proxy).collect()
}

pub fn others() -> Vec<Peer> {
    vec![
        Peer { user: "+49171555", ..Peer::new("carrier", "10.9.0.1:5060", Platform::Plain) },
        Peer { user: "+4930301", ..Peer::new("pbx", "10.2.0.1:5060", Platform::Cisco) },
    ]
}

/// The box, with these lines more for the trunk to Teams.
pub fn direct_with(more: &str) -> Bench {
    let refer = more.contains("refer = true");
    let named = "advertise = \"SBC1.example.org\"\n";
    let config = DIRECT.replace(named, &format!("{named}{more}\n"));
    Bench::new(&config, proxies(refer).into_iter().chain(others()).collect())
}

pub fn direct() -> Bench {
    direct_with("")
}
