//! Who takes part, and the box they call.

use holdfast_config::Config;
use std::sync::Arc;

use crate::peer::Peer;

pub fn parties() -> Vec<Peer> {
    vec![
        Peer::new("caller", "10.9.0.5:5060", "+491715550"),
        Peer::new("carrier", "10.9.0.9:5060", "carrier"),
        Peer::new("anna", "10.1.0.1:5060", "anna"),
        Peer::new("desk", "10.1.0.2:5060", "anna"),
        Peer::new("ben", "10.1.0.3:5060", "ben"),
    ]
}

pub fn config() -> Arc<Config> {
    match holdfast_config::read(CONFIG, "one_fault.toml") {
        Ok((config, _warnings)) => Arc::new(config),
        Err(findings) => panic!("{findings:?}"),
    }
}

const CONFIG: &str = r#"
[site]
name = "One"
domain = "one.example"

[sip]
guests = true
ring_time = "20s"

[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"

[media]
port_min = 20000
port_max = 20099

[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.9:5060"
options_every = "never"
refer = true

[[number]]
dialled = "+4930100"
to = { queue = "sales" }

[[number]]
dialled = "+49171*"
to = { trunk = "carrier" }

[[queue]]
name = "sales"
display = "Sales"
members = ["anna", "ben"]
alert = "10s"
wrap_up = "5s"
rona_block = "30s"

[[agent]]
name = "anna"
endpoints = [{ account = "anna" }]

[[agent]]
name = "ben"
endpoints = [{ account = "ben" }]

[[account]]
name = "anna"
password = "password of anna"

[[account]]
name = "ben"
password = "password of ben"
"#;
