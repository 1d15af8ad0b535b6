//! From text to values: which keys each section has, of which kind, with which default.
//!
//! What the values mean together is for `check`; it runs only when every key by itself is right,
//! since a value that could not be read would make others look wrong.

use std::collections::BTreeSet;

use holdfast_base::{AgentName, EndpointName, QueueName, TrunkName};
use toml::de::{DeTable, DeValue};

use crate::abuse;
use crate::calendar;
use crate::check;
use crate::defaults;
use crate::device;
use crate::dial_plan::{self, DialPlan};
use crate::emergency;
use crate::finding::{Finding, Remark, Severity, Wrong};
use crate::kind::{self, Read};
use crate::listener::{IdentityFiles, Listener};
use crate::phones;
use crate::queue;
use crate::route;
use crate::schema::{
    Account, Agent, Config, Destination, Dns, Endpoint, Media, Number, Sip, Site, Trace, Web,
};
use crate::section::{Reading, Section};
use crate::supervision;
use crate::trunk;
use crate::websocket::WebSocket;

/// Largest document that is read, in bytes: some thousand agents. Checked before anything else.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// What a configuration names that lies outside of it.
pub struct Outside<'o> {
    /// Every clip there is.
    pub clips: &'o BTreeSet<String>,
    /// Looks at the files that the configuration names.
    pub files: &'o dyn Fn(&Config) -> Vec<Remark>,
}

/// Reads and checks a configuration. With the configuration come the warnings.
///
/// # Errors
/// When there is at least one error; warnings are listed with them, all in the order of the lines.
pub fn read(text: &str, file: &str) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    read_checked(text, file, None)
}

/// As [`read`], and what lies outside must be there.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    text: &str,
    file: &str,
    outside: &Outside<'_>,
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    read_checked(text, file, Some(outside))
}

fn read_checked(
    text: &str,
    file: &str,
    outside: Option<&Outside<'_>>,
) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    let mut reading = Reading::new(text, file);
    let config = document(&mut reading, text);
    let Reading { places, mut findings, .. } = reading;
    let Some(config) = config.filter(|_| findings.harmless()) else {
        return Err(findings.into_list());
    };
    check::check(&config, &places, outside.map(|outside| outside.clips), &mut findings);
    for remark in outside.map(|outside| (outside.files)(&config)).unwrap_or_default() {
        let Remark { path, what, remedy } = remark;
        findings.push(Severity::Warning, places.of(&path), &path, Wrong::new(what, remedy));
    }
    if findings.harmless() { Ok((config, findings.into_list())) } else { Err(findings.into_list()) }
}

/// Reads the document as far as it is TOML.
pub(crate) fn document(reading: &mut Reading<'_>, text: &str) -> Option<Config> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let place = reading.place(0);
        reading.findings.push(Severity::Error, place, "", too_large());
        return None;
    }
    let (table, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let place = reading.place(fault.span().map_or(0, |span| span.start));
        let what = format!("column {}: {}", place.column, fault.message().replace('\n', ", "));
        let wrong = Wrong::new(what, "write `key = value`, texts in quotes, one key a line");
        reading.findings.push(Severity::Error, place, "", wrong);
    }
    faults.is_empty().then(|| config(Section::root(reading, table.get_ref())))?
}

pub(crate) fn too_large() -> Wrong {
    let what = format!("the file is larger than {DOCUMENT_BYTES_MAX} bytes");
    Wrong::new(what, "a configuration has a few thousand lines at most")
}

fn config(mut root: Section<'_, '_, '_>) -> Option<Config> {
    let site = root.table("site", site);
    let sip = root.table("sip", sip);
    let media = root.table("media", media);
    let dns = root.table("dns", dns);
    let web = root.table("web", web);
    let abuse = root.table("abuse", abuse::read);
    let trace = root.table("trace", trace);
    let common = DialPlan::default();
    let dial_plan = root.table("dial_plan", |section| dial_plan::read(section, &common));
    let plan = dial_plan.clone().unwrap_or_default();
    let emergency = root.table("emergency", emergency::read);
    let lasts = sip.as_ref().map(|sip| (sip.session_expires, sip.min_se));
    let common = (&plan, lasts.unwrap_or((Some(defaults::SESSION_EXPIRES), defaults::MIN_SE)));
    let listed = root.tables("trunk", |section| trunk::read(section, common)).unwrap_or_default();
    let (trunks, lists): (Vec<_>, Vec<_>) = listed.into_iter().unzip();
    let mut accounts = root.tables("account", account).unwrap_or_default();
    for (trunk, list) in lists.into_iter().enumerate() {
        for (line, account) in list.into_iter().enumerate() {
            let path = format!("account[{}]", accounts.len());
            root.is_written_at(path, format!("trunk[{trunk}].phones.list[{line}]"));
            accounts.push(account);
        }
    }
    let devices = root.tables("device", device::read).unwrap_or_default();
    let mut routes = root.tables("route", route::read).unwrap_or_default();
    for (position, route) in routes.iter_mut().enumerate() {
        if route.name.is_empty() {
            route.name = format!("route {}", position + 1);
        }
    }
    let numbers = root.tables("number", number).unwrap_or_default();
    let holidays = root.tables("holidays", calendar::read_holidays).unwrap_or_default();
    let calendars = root.tables("calendar", calendar::read).unwrap_or_default();
    let queues = root.tables("queue", queue::read).unwrap_or_default();
    let agents = root.tables("agent", agent).unwrap_or_default();
    root.close();
    Some(Config {
        site: site?,
        sip: sip?,
        media: media?,
        dns: dns?,
        web: web?,
        abuse: abuse?,
        trace: trace?,
        dial_plan: dial_plan?,
        emergency: emergency?,
        trunks,
        accounts,
        devices,
        routes,
        numbers,
        holidays,
        calendars,
        queues,
        agents,
    })
}

fn site(section: &mut Section<'_, '_, '_>) -> Site {
    Site {
        name: section.or("name", kind::some_text, defaults::SITE_NAME.to_owned()),
        domain: section.or("domain", kind::host, defaults::DOMAIN.to_owned()),
        time_zone: section.or("time_zone", kind::zone, defaults::time_zone()),
    }
}

fn sip(section: &mut Section<'_, '_, '_>) -> Sip {
    let code = |code: &str| Some(code.to_owned());
    Sip {
        listeners: section.tables("listener", listener).unwrap_or_else(defaults::listeners),
        t1: section.or("t1", kind::some_duration, defaults::T1),
        ring_time: section.or("ring_time", kind::some_duration, defaults::RING_TIME),
        session_expires: section.or(
            "session_expires",
            kind::duration_or_never,
            Some(defaults::SESSION_EXPIRES),
        ),
        min_se: section.or("min_se", kind::some_duration, defaults::MIN_SE),
        register_expires_min: section.or(
            "register_expires_min",
            kind::some_duration,
            defaults::REGISTER_EXPIRES_MIN,
        ),
        register_expires_max: section.or(
            "register_expires_max",
            kind::some_duration,
            defaults::REGISTER_EXPIRES_MAX,
        ),
        calls_max: section.or("calls_max", limit(), defaults::CALLS_MAX),
        calls_per_second: section.or("calls_per_second", limit(), defaults::CALLS_PER_SECOND),
        max_bandwidth: section.or("max_bandwidth", limit(), defaults::MAX_BANDWIDTH),
        guests: section.or("guests", kind::flag, defaults::GUESTS),
        digest_sha256: section.or("digest_sha256", kind::flag, defaults::DIGEST_SHA256),
        duty_on: section.or("duty_on", kind::star_code, code(defaults::DUTY_ON)),
        duty_off: section.or("duty_off", kind::star_code, code(defaults::DUTY_OFF)),
    }
}

fn listener(section: &mut Section<'_, '_, '_>) -> Option<Listener> {
    let spoken = section.must("transport", kind::spoken, "\"udp\"");
    let bind = section.must("bind", kind::socket_address, "\"0.0.0.0:5060\"");
    let advertise = section.may("advertise", kind::advertise);
    let identity = identity(section);
    let browsers = spoken.is_none_or(|(_, inside)| inside);
    let page = if browsers { kind::page } else { kind::no_page };
    let origins = section.list("origins", page);
    let (transport, inside) = spoken?;
    let websocket = inside.then_some(WebSocket { origins });
    Some(Listener { transport, websocket, bind: bind?, advertise, identity })
}

pub(crate) fn identity(section: &mut Section<'_, '_, '_>) -> IdentityFiles {
    IdentityFiles {
        certificate: section.may("certificate", kind::path),
        key: section.may("key", kind::path),
    }
}

fn media(section: &mut Section<'_, '_, '_>) -> Media {
    let port = || kind::whole(MEDIA_PORT_LEAST, u16::MAX);
    Media {
        port_min: section.or("port_min", port(), defaults::PORT_MIN),
        port_max: section.or("port_max", port(), defaults::PORT_MAX),
        quarantine: section.or("quarantine", kind::some_duration, defaults::QUARANTINE),
        threads: section.or("threads", kind::whole(0, MEDIA_THREADS_MAX), defaults::THREADS),
        silence_limit: section.or("silence_limit", kind::some_duration, defaults::SILENCE_LIMIT),
        transcoded_max: section.or(
            "transcoded_max",
            kind::whole(0, TRANSCODED_MOST),
            defaults::TRANSCODED_MAX,
        ),
        prompts: section.may("prompts", kind::path),
    }
}

/// More calls than the processor of any such box can transcode.
const TRANSCODED_MOST: u16 = 2000;
/// Media on a port below is taken for an attack by many firewalls, and needs a privilege.
const MEDIA_PORT_LEAST: u16 = 1024;
/// Far above the cores of any box at a branch office.
const MEDIA_THREADS_MAX: u16 = 256;

fn dns(section: &mut Section<'_, '_, '_>) -> Dns {
    Dns { servers: section.list("servers", kind::name_server) }
}

fn web(section: &mut Section<'_, '_, '_>) -> Web {
    Web {
        bind: section.or("bind", kind::socket_address, defaults::WEB_BIND),
        certificate: section.may("certificate", kind::path),
        key: section.may("key", kind::path),
    }
}

fn trace(section: &mut Section<'_, '_, '_>) -> Trace {
    let megabytes = kind::whole(0, TRACE_MEGABYTES_MAX);
    Trace {
        megabytes: section.or("megabytes", megabytes, defaults::TRACE_MEGABYTES),
        homer: section.may("homer", kind::socket_address),
        homer_id: section.or("homer_id", kind::whole(1, u32::MAX), defaults::HOMER_ID),
    }
}

/// Some days of a branch office; more belongs into a collector.
const TRACE_MEGABYTES_MAX: u16 = 1024;

/// A number of calls or kbit/s; 0 is no limit.
pub(crate) fn limit() -> impl Fn(&DeValue<'_>) -> Read<u32> {
    kind::whole(0, u32::MAX)
}

fn account(section: &mut Section<'_, '_, '_>) -> Option<Account> {
    let name = section.must("name", kind::name, "\"anna\"");
    let (password, form) = phones::password(section);
    let display = section.may("display", kind::text);
    let number = section.may("number", kind::dialled);
    let pbx = section.may("pbx", kind::name).map(|pbx| TrunkName::new(&pbx));
    let media_encryption = section.may("media_encryption", kind::media_encryption);
    let media_keys = section.may("media_keys", kind::media_keys);
    let auto_answer = section.or("auto_answer", kind::flag, false);
    let name = name?;
    let display = display.unwrap_or_else(|| name.clone());
    let name = EndpointName::new(&name);
    Some(Account {
        name,
        password,
        display,
        number,
        form,
        pbx,
        media_encryption,
        media_keys,
        auto_answer,
    })
}

fn number(section: &mut Section<'_, '_, '_>) -> Option<Number> {
    let dialled = section.must("dialled", kind::dialled, "\"+49301234567\"");
    let to = section.must_table("to", destination, "{ queue = \"welcome\" }");
    Some(Number { dialled: dialled?, to: to? })
}

pub(crate) fn destination(section: &mut Section<'_, '_, '_>) -> Option<Destination> {
    let queue = section.may("queue", kind::name);
    let account = section.may("account", kind::name);
    let trunk = section.may("trunk", kind::name);
    let mut trunks = section.list("trunks", kind::name);
    trunks.extend(trunk);
    match (queue, account, trunks.as_slice()) {
        (Some(queue), None, []) => Some(Destination::Queue(QueueName::new(&queue))),
        (None, Some(account), []) => Some(Destination::Account(EndpointName::new(&account))),
        (None, None, [_, ..]) => {
            Some(Destination::Trunks(trunks.iter().map(|name| TrunkName::new(name)).collect()))
        }
        _ => {
            section.fault(Wrong::new(
                "a call leads to exactly one place",
                "write one of { queue = \"…\" }, { account = \"…\" }, { trunk = \"…\" } or \
                 { trunks = [\"…\", \"…\"] }",
            ));
            None
        }
    }
}

/// Somebody who is drawn a hundred times as often as another has the queue alone.
const WEIGHT_MAX: u32 = 100;

fn agent(section: &mut Section<'_, '_, '_>) -> Option<Agent> {
    let name = section.must("name", kind::name, "\"anna\"");
    let display = section.may("display", kind::text);
    let endpoints = section.tables("endpoints", endpoint).unwrap_or_default();
    let on_duty = section.or("on_duty", kind::flag, defaults::ON_DUTY);
    let informal = section.or("informal", kind::flag, defaults::INFORMAL);
    let skills = section.tables("skills", queue::skill).unwrap_or_default();
    let weight = section.or("weight", kind::whole(1, WEIGHT_MAX), defaults::WEIGHT);
    let supervises = section.table("supervises", supervision::read).unwrap_or_default();
    let name = name?;
    let display = display.unwrap_or_else(|| name.clone());
    let name = AgentName::new(&name);
    Some(Agent { name, display, endpoints, on_duty, informal, skills, weight, supervises })
}

fn endpoint(section: &mut Section<'_, '_, '_>) -> Option<Endpoint> {
    let account = section.may("account", kind::name);
    let trunk = section.may("trunk", kind::name);
    let number = section.may("number", kind::dialled);
    match (account, trunk, number) {
        (Some(account), None, None) => Some(Endpoint::Account(EndpointName::new(&account))),
        (None, Some(trunk), Some(number)) => {
            Some(Endpoint::Trunk { trunk: TrunkName::new(&trunk), number })
        }
        _ => {
            section.fault(Wrong::new(
                "an endpoint is either a phone or a number over a trunk",
                "write { account = \"…\" } or { trunk = \"…\", number = \"…\" }",
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Vec<String> {
        read(text, "f").unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_line_key_and_remedy() {
        let text = "
[site]
nane = 'Bern'
[sip]
t1 = 500
guests = 'yes'
[[queue]]
display = 'Sales'
alert = '18'
allert = '18s'
length_max = 5001
[[number]]
dialled = '1'
to = { queue = 'a', trunk = 'b' }
[[number]]
to = 'sales'
[[agent]]
name = 'Müller'
endpoints = [{ phone = 'x' }]
[[sip.listener]]
transport = 'sctp'
bind = '0.0.0.0'
[colour]
";
        assert_eq!(
            told(text),
            [
                "f:3: key `site.nane`: there is no such key; did you mean `name`?",
                "f:5: key `sip.t1`: 500 has no unit; write a whole number and a unit (ms, s, m, \
                 h), for example \"18s\"",
                "f:6: key `sip.guests`: this is a text, and true or false is wanted; write true",
                "f:7: key `queue.name`: the key is missing; add `name = \"welcome\"`",
                "f:9: key `queue.alert`: `18` is not a length of time; write a whole number and a \
                 unit (ms, s, m, h), for example \"18s\"",
                "f:10: key `queue.allert`: there is no such key; did you mean `alert`?",
                "f:11: key `queue.length_max`: 5001 is out of range; write a number from 1 to \
                 5000",
                "f:14: key `number.to`: a call leads to exactly one place; write one of { queue \
                 = \"…\" }, { account = \"…\" }, { trunk = \"…\" } or { trunks = [\"…\", \"…\"] }",
                "f:15: key `number.dialled`: the key is missing; add `dialled = \
                 \"+49301234567\"`",
                "f:16: key `number.to`: this is a text, and a table is wanted; write { key = \
                 value }",
                "f:18: key `agent.name`: `Müller` can not be a name: it must fit into a SIP \
                 address; use letters without accents, digits, `-`, `_` and `.`; put the rest \
                 into `display`",
                "f:19: key `agent.endpoints`: an endpoint is either a phone or a number over a \
                 trunk; write { account = \"…\" } or { trunk = \"…\", number = \"…\" }",
                "f:19: key `agent.endpoints.phone`: there is no such key; remove it; known here: \
                 account, trunk, number",
                "f:21: key `sip.listener.transport`: `sctp` is not a transport; write \"udp\", \
                 \"tcp\", \"tls\", \"ws\" or \"wss\"",
                "f:22: key `sip.listener.bind`: `0.0.0.0` is not an address with a port; write \
                 for example \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"",
                "f:23: key `colour`: there is no such section; remove it; known here: site, sip, \
                 media, dns, web, abuse, trace, dial_plan, emergency, trunk, account, device, \
                 route, number, holidays, calendar, queue, agent",
            ]
        );
    }

    #[test]
    fn what_is_not_toml_is_told_with_line_and_column() {
        let told = told("[site]\nname = \nname = 'x'\n");
        assert!(told.iter().any(|line| line.starts_with("f:2: column ")), "{told:?}");
        let twice = read("[site]\nname = 'a'\nname = 'b'\n", "f").unwrap_err();
        assert_eq!(twice.first().map(|finding| finding.place.line), Some(3));
    }

    #[test]
    fn an_empty_text_is_a_box_with_defaults_and_nobody_on_it() {
        let (config, warnings) = read("", "f").unwrap();
        assert_eq!(warnings, []);
        assert_eq!(config.sip.listeners, defaults::listeners());
        assert!(config.queues.is_empty() && config.accounts.is_empty());
    }

    #[test]
    fn none_can_be_said() {
        let text = "
[sip]
duty_on = ''
[[queue]]
name = 'q'
members = ['a']
greeting = ''
position_every = 'never'
wait_max = '5m'
[[agent]]
name = 'a'
endpoints = [{ account = 'p' }]
[[account]]
name = 'p'
";
        let (config, _) = read(text, "f").unwrap();
        assert_eq!((config.sip.duty_on, config.sip.duty_off), (None, Some("*46".to_owned())));
        let queue = config.queues.into_iter().next().unwrap();
        assert_eq!((queue.greeting, queue.position_every), (None, None));
        assert_eq!(queue.wait_max, Some(std::time::Duration::from_secs(300)));
        assert_eq!(queue.music.as_deref(), Some("music"));
    }

    #[test]
    fn a_document_has_a_largest_size() {
        let comment = "#".repeat(DOCUMENT_BYTES_MAX);
        assert!(read(&comment, "f").is_ok());
        assert_eq!(read(&format!("{comment}#"), "f").unwrap_err().len(), 1);
    }

    #[test]
    fn tables_in_tables_end() {
        let deep = format!("site = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep, "f").is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in any::<String>()) {
            let _ = read(&text, "f");
        }

        /// The default document with pieces cut, doubled and swapped reaches deeper than noise.
        #[test]
        fn any_damaged_document_gives_an_answer(
            cuts in prop::collection::vec((0_usize..9000, 0_usize..60, ".{0,4}"), 1..6),
        ) {
            let mut text: Vec<char> = defaults::DOCUMENT.chars().collect();
            for (from, length, filling) in cuts {
                let from = from.min(text.len());
                let to = (from + length).min(text.len());
                text.splice(from..to, filling.chars());
            }
            let text: String = text.into_iter().collect();
            let lines = text.lines().count();
            match read(&text, "f") {
                Ok((_, warnings)) => prop_assert!(warnings.iter().all(|it| !it.is_error())),
                Err(findings) => {
                    prop_assert!(findings.iter().any(Finding::is_error));
                    prop_assert!(findings.iter().all(|it| it.place.line <= lines + 1));
                }
            }
        }
    }
}
