//! Who takes part, and the box they call.

use holdfast_config::Config;
use std::sync::Arc;

use crate::party::Party;

/// The box.
pub const SITE: &str = "10.0.0.1:5060";

/// Where it takes browsers.
pub const SITE_OF_BROWSERS: &str = "10.0.0.1:5443";

/// Everybody who may appear. A caller comes over the carrier's trunk; `anna` and `desk` are two
/// phones with one account, `ben` has his own.
pub fn parties() -> Vec<Party> {
    vec![
        Party::new("caller", "10.9.0.5:5060", "+491715550"),
        Party::new("second", "10.9.0.6:5060", "+491715551"),
        Party::new("carrier", "10.9.0.9:5060", "carrier"),
        Party::new("first", "10.9.1.1:5060", "first"),
        Party::new("next", "10.9.1.2:5060", "next"),
        Party::new("berlin", "10.9.2.5:5060", "01715550123"),
        Party::new("anna", "10.1.0.1:5060", "anna"),
        Party::new("desk", "10.1.0.2:5060", "anna"),
        Party::new("ben", "10.1.0.3:5060", "ben"),
        Party::new("guest", "198.51.100.7:5060", "stranger"),
    ]
}

/// The password of every account.
pub fn password(user: &str) -> String {
    format!("password of {user}")
}

/// The configuration of every ladder.
pub fn config() -> Arc<Config> {
    read(CONFIG)
}

/// The same where a phone may ring for longer than the box waits for a PRACK.
pub fn patient() -> Arc<Config> {
    read(&CONFIG.replace("ring_time = \"30s\"", "ring_time = \"1m\""))
}

/// The same with more trunks and numbers.
pub fn config_with(trunks: &str) -> Arc<Config> {
    read(&format!("{CONFIG}{trunks}"))
}

/// The same where both phones belong to the central PBX at `first`; of `ben` the box knows HA1.
pub fn central(more: &str) -> Arc<Config> {
    let of_ben = "password = \"password of ben\"";
    let phones = CONFIG
        .replace("password = \"password of anna\"", "password = \"password of anna\"\npbx = \"hq\"")
        .replace(of_ben, "ha1 = \"45f8e301bb92edec2894438829e98d25\"\npbx = \"hq\"");
    read(&format!("{phones}{PBX}{more}"))
}

const PBX: &str = r#"
[[trunk]]
name = "hq"
type = "pbx"
target = "10.9.1.1:5060"
networks = ["10.9.1.1"]
options_every = "20s"

[trunk.phones]
domain = "hq.example"
realm = "hq.example"
"#;

/// The same where the audio of anna's phones is encrypted as told.
pub fn encrypted(wish: &str) -> Arc<Config> {
    let anna = "display = \"Anna Adler\"\n";
    read(&CONFIG.replace(anna, &format!("{anna}media_encryption = \"{wish}\"\n")))
}

/// The same where anna's phone may be a browser.
pub fn browsers() -> Arc<Config> {
    with_browsers("media_encryption = \"off\"\n")
}

/// The same where its audio is that of a browser.
pub fn browsers_with_audio() -> Arc<Config> {
    with_browsers("")
}

fn with_browsers(of_anna: &str) -> Arc<Config> {
    let anna = "display = \"Anna Adler\"\n";
    let listener = format!(
        "\n[[sip.listener]]\ntransport = \"wss\"\nbind = \"{SITE_OF_BROWSERS}\"\n\
         certificate = \"/box.crt\"\nkey = \"/box.key\"\n"
    );
    let account = format!("{anna}{of_anna}");
    read(&format!("{}{listener}", CONFIG.replace(anna, &account)))
}

/// The same where nothing is transcoded.
pub fn untranscoded() -> Arc<Config> {
    read(&CONFIG.replace("[media]\n", "[media]\ntranscoded_max = 0\n"))
}

/// The same where anna's phone answers by itself.
pub fn unattended() -> Arc<Config> {
    let anna = "display = \"Anna Adler\"\n";
    read(&CONFIG.replace(anna, &format!("{anna}auto_answer = true\n")))
}

/// The same where anna alone serves the queue, which has these keys, and ben another one.
pub fn overflow(keys: &str) -> Arc<Config> {
    let members = "members = [\"anna\", \"ben\"]\n";
    let sales = CONFIG.replace(members, &format!("members = [\"anna\"]\n{keys}\n"));
    read(&format!("{sales}{HELP}"))
}

const HELP: &str = r#"
[[queue]]
name = "help"
display = "Help"
members = ["ben"]
alert = "10s"
wrap_up = "5s"
"#;

/// The same where ben may be let into the calls of the queue, when `lea` orders it.
pub fn supervised() -> Arc<Config> {
    let ben = "endpoints = [{ account = \"ben\" }]\n";
    let rights = "supervises = { queues = [\"sales\"], user = \"lea\" }\n";
    read(&CONFIG.replace(ben, &format!("{ben}{rights}")))
}

fn read(text: &str) -> Arc<Config> {
    match holdfast_config::read(text, "golden.toml") {
        Ok((mut config, _warnings)) => {
            // Ladders are read by people: their trunks are in the clear on purpose.
            config.trunks.iter_mut().for_each(|trunk| trunk.encryption_written = true);
            Arc::new(config)
        }
        Err(findings) => panic!("the configuration of the ladders: {findings:?}"),
    }
}

const CONFIG: &str = r#"
[site]
name = "Golden"
domain = "golden.example"

[sip]
guests = true
ring_time = "30s"

[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"

[media]
port_min = 20000
port_max = 20099
silence_limit = "20s"

[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.9:5060"
options_every = "never"

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
display = "Anna Adler"
password = "password of anna"

[[account]]
name = "ben"
display = "Ben Bauer"
password = "password of ben"
"#;
