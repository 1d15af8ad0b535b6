//! What holds when the operator says nothing. `conf/holdfast.toml` is the same in the operator's
//! words; a test below proves it key by key.
//!
//! Single values have defaults. Lists of things (trunks, accounts, numbers, queues, agents) have
//! none: what the file does not name does not exist, so that nobody runs a box with a phone
//! account that stands in no file. A box without any file runs the default document as it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::calendar::WithoutClock;
use crate::hours::Zone;
use crate::listener::{IdentityFiles, Listener, ListenerTransport};
use crate::queue::{Fit, Strategy};
use crate::schema::Config;

/// The document of a new box: every key with its default, and what it means.
pub const DOCUMENT: &str = include_str!("../../conf/holdfast.toml");

/// File name under which findings in [`DOCUMENT`] would be told.
pub const DOCUMENT_NAME: &str = "holdfast.toml";

/// The configuration of a new box.
///
/// # Panics
/// Never: a test reads the embedded document.
#[must_use]
#[expect(clippy::expect_used, reason = "the document is a constant, and a test reads it")]
pub fn config() -> Config {
    crate::read(DOCUMENT, DOCUMENT_NAME).expect("the embedded document is valid").0
}

pub(crate) const SITE_NAME: &str = "Holdfast";
pub(crate) const DOMAIN: &str = "holdfast.local";

/// The same everywhere, until somebody says where the box is.
///
/// # Panics
/// Never: a test reads it.
#[expect(clippy::expect_used, reason = "the name is a constant, and tests read it")]
pub(crate) fn time_zone() -> Zone {
    Zone::named("UTC").expect("UTC is a time zone")
}

/// Default of RFC 3261 §17.1.1.1.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// A ringing phone is let go before most carriers give up themselves.
pub(crate) const RING_TIME: Duration = Duration::from_secs(60);
/// As long as complaints about a call come.
pub(crate) const RECORDING_KEEP_DAYS: u16 = 30;
/// Some hours of everything that the box writes beside, in megabytes.
pub(crate) const RECORDING_MIN_FREE: u32 = 500;
/// Recommended by RFC 4028 §4.
pub(crate) const SESSION_EXPIRES: Duration = Duration::from_secs(1800);
/// The least that RFC 4028 §5 allows.
pub(crate) const MIN_SE: Duration = Duration::from_secs(90);
/// RFC 3261 §10.3 lets a registrar refuse less than an hour; phones behind NAT want a minute.
pub(crate) const REGISTER_EXPIRES_MIN: Duration = Duration::from_secs(60);
/// Recommended by RFC 3261 §10.2 when a phone asks for nothing.
pub(crate) const REGISTER_EXPIRES_MAX: Duration = Duration::from_secs(3600);
/// The first try of a new box is a call from a phone that has no account yet.
pub(crate) const GUESTS: bool = true;
/// Phones with libre before 2.0 (baresip 1.0) do not register where they meet SHA-256.
pub(crate) const DIGEST_SHA256: bool = false;
pub(crate) const DUTY_ON: &str = "*45";
pub(crate) const DUTY_OFF: &str = "*46";

/// 5060 over UDP and TCP on every IPv4 address.
pub(crate) fn listeners() -> Vec<Listener> {
    let bind = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060);
    [ListenerTransport::Udp, ListenerTransport::Tcp]
        .map(|transport| Listener {
            transport,
            websocket: None,
            bind,
            advertise: None,
            identity: IdentityFiles::default(),
        })
        .to_vec()
}

/// Below the ports that Linux itself gives away (`ip_local_port_range` begins at 32768).
pub(crate) const PORT_MIN: u16 = 20_000;
pub(crate) const PORT_MAX: u16 = 29_999;
/// Longer than packets and retransmitted BYEs of the old call are on their way.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(5);
pub(crate) const THREADS: u16 = 0;
/// QUEUEING.md 2.1, row `Connected` / liveness loss.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// Each takes up to a hundredth of a core (Opus and G.711, `bench-transcode`): a fifth of one.
pub(crate) const TRANSCODED_MAX: u16 = 20;

pub(crate) const WEB_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443);

/// Some 40 000 messages: a day of a busy branch.
pub(crate) const TRACE_MEGABYTES: u16 = 32;
pub(crate) const HOMER_ID: u32 = 2001;

pub(crate) const CALLS_MAX: u32 = 0;
pub(crate) const CALLS_PER_SECOND: u32 = 0;
pub(crate) const MAX_BANDWIDTH: u32 = 0;
/// What Microsoft asks of a Direct Routing trunk, and bearable for any other.
pub(crate) const OPTIONS_EVERY: Duration = Duration::from_secs(60);
/// The other side knows where we are, or it is nobody's business.
pub(crate) const REGISTER: bool = false;
/// What carriers grant to a line that registers: often enough to notice in minutes that a carrier
/// has forgotten us.
pub(crate) const REGISTRATION_EXPIRES: Duration = Duration::from_secs(600);
/// RFC 5626 §4.4.1: at most two minutes on a connection.
pub(crate) const REGISTRATION_KEEP_ALIVE: Duration = Duration::from_secs(90);
/// Longer than three sendings of an INVITE (RFC 3261 §17.1.1.2: at 0, 0.5 and 1.5 s) and a slow
/// answer, shorter than the patience of a caller.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// A carrier, PBX or SBC whose line we pay for must know whom to bill (RFC 3324 §3).
pub(crate) const TRUSTED: bool = true;
pub(crate) const WITHHOLD_CALLER: bool = false;

/// QUEUEING.md 2.9: the last decision is kept until the clock is right again.
pub(crate) const WITHOUT_CLOCK: WithoutClock = WithoutClock::Keep;

/// QUEUEING.md 2.3.5: below the 20 s after which a Teams user's call forwards.
pub(crate) const ALERT: Duration = Duration::from_secs(18);
pub(crate) const WRAP_UP: Duration = Duration::from_secs(10);
/// QUEUEING.md 2.3.3.
pub(crate) const RONA_BLOCK: Duration = Duration::from_secs(30);
/// QUEUEING.md 2.3.3.
pub(crate) const RONA_LIMIT: u32 = 3;
/// QUEUEING.md 2.3.3.
pub(crate) const KEEP_LAST_AGENT: bool = true;
pub(crate) const PRIORITY: u32 = 0;
pub(crate) const POINT: Duration = Duration::from_secs(1);
pub(crate) const LENGTH_MAX: u32 = 100;
pub(crate) const WAIT_MAX: Option<Duration> = None;
/// Longer than a phone needs to register again after a short break of the network.
pub(crate) const LEAVE_AFTER: Duration = Duration::from_secs(10);
/// QUEUEING.md 2.6.
pub(crate) const FINISH_RING: bool = true;
/// QUEUEING.md 2.6: those already in are served.
pub(crate) const SERVE_WAITING: bool = true;
/// Six rings in most countries; a number outside needs some seconds before the first.
pub(crate) const EXIT_RING: Duration = Duration::from_secs(30);
/// Longer than any built-in clip that ends a call.
pub(crate) const ANNOUNCEMENT: Duration = Duration::from_secs(4);
/// QUEUEING.md 2.12.
pub(crate) const SHORT_ABANDON: Duration = Duration::from_secs(5);
/// The usual promise of a contact centre: most calls within 20 s.
pub(crate) const SERVICE_LEVEL: Duration = Duration::from_secs(20);
pub(crate) const GREETING: &str = "greeting-welcome";
pub(crate) const MUSIC: &str = "music";
pub(crate) const POSITION_EVERY: Duration = Duration::from_secs(30);

/// Between the load of thousands of phones and how soon they come back to their PBX.
pub(crate) const PHONES_EXPIRES: Duration = Duration::from_secs(120);

/// Between the charges of test calls and how long nobody knows that Teams is gone.
pub(crate) const TEST_CALL_EVERY: Duration = Duration::from_secs(600);
/// Long enough that an auto attendant answers, which rings for a second or two.
pub(crate) const TEST_CALL_RING: Duration = Duration::from_secs(5);

pub(crate) const ON_DUTY: bool = true;
pub(crate) const INFORMAL: bool = false;
pub(crate) const WEIGHT: u32 = 1;

/// QUEUEING.md 2.5.
pub(crate) const STRATEGY: Strategy = Strategy::LongestIdle;
pub(crate) const FIT: Fit = Fit::MostSkilled;
pub(crate) const AT_ONCE: u32 = 1;
/// What a need asks for at the least when it names no level.
pub(crate) const NEED_LEVEL: u8 = 1;
pub(crate) const NEED_WEIGHT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use crate::section::Reading;
    use std::collections::BTreeMap;

    /// Keys with a default in the lists of things.
    const THINGS: [&str; 37] = [
        "without_clock",
        "strategy",
        "at_once",
        "add_every",
        "prefer_last",
        "wait_for_last",
        "fit",
        "informal",
        "weight",
        "alert",
        "wrap_up",
        "rona_block",
        "rona_limit",
        "keep_last_agent",
        "priority",
        "point",
        "length_max",
        "wait_max",
        "leave_after",
        "finish_ring",
        "serve_waiting",
        "short_abandon",
        "service_level",
        "greeting",
        "music",
        "position_every",
        "on_duty",
        "calls_max",
        "calls_per_second",
        "max_bandwidth",
        "transport",
        "options_every",
        "answer_within",
        "type",
        "trusted",
        "withhold_caller",
        "diversion",
    ];

    /// The document with its examples switched on: `#key` and `#[[section]]`, not `# prose`.
    fn with_examples() -> String {
        let switched = |line: &'static str| {
            let example = |c: char| c == '[' || c.is_ascii_lowercase();
            line.strip_prefix('#').filter(|rest| rest.starts_with(example)).unwrap_or(line)
        };
        DOCUMENT.lines().map(|line| format!("{}\n", switched(line))).collect()
    }

    #[test]
    fn the_document_is_without_any_finding_and_so_are_its_examples() {
        for text in [DOCUMENT, &with_examples()] {
            let findings = match crate::read(text, DOCUMENT_NAME) {
                Ok((_, warnings)) => warnings,
                Err(findings) => findings,
            };
            // An example shows an agent who is in no queue yet.
            let told: Vec<String> = findings
                .iter()
                .map(ToString::to_string)
                .filter(|told| !told.contains("`clara` is in no queue"))
                // Nor does anybody wait too long in a queue in which that is for ever.
                .filter(|told| !told.contains("callers may wait for ever"))
                // Nor is this box certified for another.
                .filter(|told| !told.contains("not certified"))
                .collect();
            assert_eq!(told, Vec::<String>::new());
        }
        assert_eq!(config().queues.len(), 1);
    }

    #[test]
    fn every_key_stands_in_the_document() {
        let text = with_examples();
        let mut reading = Reading::new(&text, DOCUMENT_NAME);
        assert!(parse::document(&mut reading, &text).is_some());
        let mut keys: BTreeMap<String, bool> = BTreeMap::new();
        for (key, present) in reading.places.keys() {
            // Every list of exits is made of the same.
            let key = match key.strip_prefix("queue.when_").and_then(|key| key.split_once('.')) {
                Some((_, of_an_exit)) => format!("queue.when.{of_an_exit}"),
                None => key,
            };
            *keys.entry(key).or_default() |= present;
        }
        let absent: Vec<&String> =
            keys.iter().filter(|(_, present)| !**present).map(|(key, _)| key).collect();
        assert_eq!(absent, Vec::<&String>::new());
        assert!(keys.len() > 60, "{keys:#?}");
    }

    #[test]
    fn the_document_is_the_defaults() {
        let text = with_examples();
        let (whole, _) = crate::read(&text, DOCUMENT_NAME).unwrap();
        let (empty, _) = crate::read("", DOCUMENT_NAME).unwrap();
        let plain = config();
        assert_eq!((empty.site, empty.sip), (plain.site, plain.sip));
        assert_eq!((empty.media, empty.web), (plain.media, plain.web));
        assert_eq!(empty.dial_plan, plain.dial_plan);
        assert_eq!((empty.trace, empty.abuse), (plain.trace, plain.abuse));
        let mut compared = std::collections::BTreeSet::new();
        for (at, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(" = ") else { continue };
            // A listener has no default transport; one example shows an agent off duty, and one a
            // trunk over TLS.
            let trunk = text.lines().take(at).any(|line| line == "[[trunk]]");
            let other = (key == "transport" && (!trunk || line.contains("tls")))
                // A circle has none of its own.
                || (key == "at_once" && line != "at_once = 1")
                || (key == "type" && !line.contains("carrier"))
                || line == "on_duty = false";
            if !THINGS.contains(&key) || other {
                continue;
            }
            let others = text.lines().enumerate().filter(|(other, _)| *other != at);
            let without: String = others.map(|(_, line)| format!("{line}\n")).collect();
            let (config, _) = crate::read(&without, DOCUMENT_NAME).unwrap();
            assert_eq!(config, whole, "line {}: `{line}` is not the default", at + 1);
            compared.insert(key);
        }
        assert_eq!(compared.len(), THINGS.len(), "{compared:?}");
    }
}
