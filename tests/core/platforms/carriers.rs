//! Each template between the box and a strict office of its carrier: it registers, calls come and
//! go with the number shown and withheld, a caller is led on, sessions are refreshed, and a wrong
//! password is told.

use super::bench::Bench;
use super::cast::sdes;
use super::lines::{ALL, COMPANYFLEX, REGISTERED, Rules, Shows};
use super::office::Office;
use super::peer::{Conduct, Peer, Side};
use super::strict::Platform;
use super::text::{body, header, headers, start, uri, user_and_host};

/// Where the office of the carrier is.
const OFFICE: &str = "10.9.1.1";
/// A stranger somewhere in the network.
const STRANGER: &str = "+33155550123";

fn config(rules: &Rules, password: &str) -> String {
    let Rules { template, sheet, block, .. } = rules;
    let account = rules.account.as_ref().map_or(String::new(), |account| {
        format!(
            "registration.user = '{}'\nlogin = {{ user = '{}', password = '{password}' }}\n",
            account.user, account.login
        )
    });
    format!(
        r#"
[dial_plan]
country = "49"
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[sip.listener]]
transport = "tcp"
bind = "10.0.0.1:5060"
[[sip.listener]]
transport = "tls"
bind = "10.0.0.1:5061"
certificate = "/c"
key = "/k"
[[trunk]]
name = "line"
template = "{template}"
line.main = "{block}0"
line.numbers = ["{block}*"]
{sheet}
{account}
[[trunk]]
name = "pbx"
type = "pbx"
networks = ["10.2.0.0/24"]
target = "10.2.0.1:5060"
options_every = "never"
dial_plan.sends = "e164"
[[number]]
dialled = "{block}1"
to = {{ queue = "desk" }}
[[number]]
dialled = "{block}2"
to = {{ queue = "away" }}
[[number]]
dialled = "+1*"
to = {{ trunk = "line" }}
[[queue]]
name = "desk"
members = ["ada"]
greeting = ""
position_every = "never"
[[queue]]
name = "away"
members = ["abe"]
greeting = ""
position_every = "never"
[[agent]]
name = "ada"
endpoints = [{{ trunk = "pbx", number = "{block}77" }}]
[[agent]]
name = "abe"
endpoints = [{{ trunk = "line", number = "+4917155577" }}]
"#
    )
}

fn bench_with(rules: &'static Rules, password: &str) -> Bench {
    let encrypted = rules.transport == "TLS";
    let (port, proves) = if encrypted { (5061, Some("line")) } else { (5060, None) };
    let address = format!("{OFFICE}:{port}");
    let office = Peer {
        transport: rules.transport,
        proves,
        known_as: rules.target,
        crypto: if encrypted { sdes(1, "") } else { String::new() },
        office: Some(Office::new(rules, &address)),
        ..Peer::new("office", &address, Platform::Plain)
    };
    let pbx = Peer::new("pbx", "10.2.0.1:5060", Platform::Plain);
    let mut bench = Bench::new(&config(rules, password), vec![office, pbx]);
    bench.run(3.0);
    bench
}

fn bench(rules: &'static Rules) -> Bench {
    let password = rules.account.as_ref().map_or("", |account| account.password);
    bench_with(rules, password)
}

/// A number as this carrier writes it.
fn written(rules: &Rules, number: &str) -> String {
    match rules.shows {
        Shows::Plus => number.to_owned(),
        Shows::Zeros => number.replacen('+', "00", 1),
    }
}

/// The office calls a number of the line for a stranger, who may withhold the own number.
fn comes_in(bench: &mut Bench, rules: &Rules, dialled: &str, withheld: bool) {
    let office = bench.peer("office");
    let registered = office.office.as_ref().and_then(|office| office.contact.clone());
    let phone = if rules.user_phone { ";user=phone" } else { "" };
    let dialled = written(rules, dialled);
    let target = registered.unwrap_or_else(|| format!("sip:{dialled}@10.0.0.1:5060"));
    let stranger = format!("sip:{}@network.example{phone}", written(rules, STRANGER));
    let from = if withheld { "sip:anonymous@anonymous.invalid" } else { &stranger };
    office.counted += 1;
    let call_id = format!("in-{}", office.counted);
    let domain = rules.domain.unwrap_or("10.0.0.1");
    let local = format!("<{from}>;tag={call_id}");
    let remote = format!("<sip:{dialled}@{domain}{phone}>");
    office.dialogs.push(Side { call_id, local, remote, target, cseq: 0 });
    let mut more = vec![
        format!("Record-Route: {}", record_route(rules)),
        "Supported: timer, histinfo, 100rel".to_owned(),
        format!("Session-Expires: 1800\r\nMin-SE: {}", rules.min_se),
        format!("P-Asserted-Identity: <{stranger}>"),
    ];
    if withheld {
        more.push("Privacy: id".to_owned());
    }
    let sdp = office.sdp("sendrecv");
    let text = office.request("INVITE", &more, &sdp);
    bench.post("office", text);
}

fn record_route(rules: &Rules) -> String {
    let transport = rules.transport.to_ascii_lowercase();
    let port = if rules.transport == "TLS" { 5061 } else { 5060 };
    format!("<sip:{OFFICE}:{port};transport={transport};lr>")
}

/// The last INVITE that the office let through.
fn taken(bench: &mut Bench) -> String {
    bench.peer("office").last("INVITE").to_owned()
}

#[test]
fn each_registers_and_stays_so() {
    for rules in ALL.into_iter().filter(|rules| rules.account.is_some()) {
        let mut bench = bench(rules);
        let granted = |bench: &mut Bench| {
            let office = bench.peer("office").office.as_ref().expect("an office");
            office.granted.clone()
        };
        let first = granted(&mut bench);
        assert_eq!(first.len(), 1, "{}: {}", rules.template, bench.told());
        bench.run(2.0 * first[0] as f64);
        let all = granted(&mut bench);
        assert!((3..=6).contains(&all.len()), "{}: {all:?}", rules.template);
        let registered = |it: &holdfast_core::view::HealthView| {
            it.part == "Registration of trunk line" && it.says.contains("is registered at")
        };
        assert!(bench.view().health.iter().any(registered), "{:?}", bench.view().health);
    }
}

#[test]
fn each_brings_callers_into_the_queue() {
    for rules in ALL {
        for withheld in [false, true] {
            let mut bench = bench(rules);
            comes_in(&mut bench, rules, &format!("{}1", rules.block), withheld);
            bench.run(4.0);
            let told = bench.told();
            assert!(bench.peer("office").statuses("INVITE").contains(&200), "{told}");
            let offered = bench.peer("pbx").last("INVITE").to_owned();
            let (user, _) = user_and_host(uri(header(&offered, "From")));
            let shown = if withheld { "anonymous" } else { STRANGER };
            assert_eq!(user, shown, "{}: {offered}", rules.template);
            bench.request("office", "BYE", &["Reason: Q.850;cause=16"], "");
            bench.run(2.0);
            assert!(bench.peer("office").statuses("BYE").contains(&200), "{}", bench.told());
            assert!(bench.view().calls.is_empty(), "{}", bench.told());
        }
    }
}

#[test]
fn each_is_hung_up_on_by_the_way_that_it_has_recorded() {
    for rules in ALL {
        let mut bench = bench(rules);
        comes_in(&mut bench, rules, &format!("{}1", rules.block), false);
        bench.run(4.0);
        bench.request("pbx", "BYE", &[], "");
        bench.run(2.0);
        let bye = bench.peer("office").last("BYE").to_owned();
        assert_eq!(header(&bye, "Route"), record_route(rules), "{}", bench.told());
        assert!(bench.view().calls.is_empty(), "{}", bench.told());
    }
}

#[test]
fn each_takes_calls_with_the_number_shown_and_withheld() {
    for rules in ALL {
        let mut bench = bench(rules);
        // The office fails the test on all that is not as it wants it.
        bench.peer("office").conduct = Conduct::Announces { reliable: rules.reliable };
        let extension = format!("{}77", rules.block);
        for withheld in [false, true] {
            bench.peer("pbx").user = Box::leak(extension.clone().into_boxed_str());
            let sdp = bench.peer("pbx").sdp("sendrecv");
            let more: &[&str] = if withheld { &["Privacy: id"] } else { &[] };
            bench.begin("pbx", "INVITE", "sip:+12125550123@10.0.0.1", more, &sdp);
            bench.run(3.0);
            assert!(bench.peer("pbx").statuses("INVITE").contains(&200), "{}", bench.told());
            let invite = taken(&mut bench);
            let from = user_and_host(uri(header(&invite, "From"))).0;
            assert_eq!(from, if withheld { "anonymous" } else { &*extension }, "{invite}");
            let line = uri(header(&invite, rules.named_by));
            assert_eq!(user_and_host(line).0, extension, "{invite}");
            assert!(!invite.contains("holdfast@10.0.0.1:5060>;tag"), "{invite}");
            let pracks = bench.peer("office").got("PRACK").len();
            assert_eq!(pracks > 0, rules.reliable, "{}", bench.told());
            bench.request("pbx", "BYE", &[], "");
            bench.run(2.0);
            assert!(!bench.peer("office").got("BYE").is_empty(), "{}", bench.told());
            assert!(bench.view().calls.is_empty(), "{}", bench.told());
        }
    }
}

#[test]
fn each_leads_a_caller_on_with_the_number_of_the_caller_shown() {
    for rules in ALL {
        for withheld in [false, true] {
            let mut bench = bench(rules);
            comes_in(&mut bench, rules, &format!("{}2", rules.block), withheld);
            bench.run(4.0);
            let invite = taken(&mut bench);
            assert!(start(&invite).contains("+4917155577"), "{}", bench.told());
            let (from, _) = user_and_host(uri(header(&invite, "From")));
            assert_eq!(from, if withheld { "anonymous" } else { STRANGER }, "{invite}");
            assert!(!withheld || !invite.contains(STRANGER), "somebody's secret: {invite}");
            let line = user_and_host(uri(header(&invite, rules.named_by))).0;
            assert_eq!(line, format!("{}0", rules.block), "{invite}");
            let led_on = headers(&invite, rules.led_on).join(", ");
            assert!(led_on.contains(&format!("sip:{}2@", rules.block)), "{invite}");
            assert_eq!(bench.view().calls[0].state, "talking", "{}", bench.told());
        }
    }
}

#[test]
fn a_pbx_caller_without_a_number_of_the_line_needs_one_who_led_the_call_on() {
    // A PBX that leads a stranger's call on says so, and the box passes it on.
    let mut bench = bench(&COMPANYFLEX);
    bench.peer("pbx").user = STRANGER;
    let sdp = bench.peer("pbx").sdp("sendrecv");
    let led_on = ["Diversion: <sip:+493055577@10.2.0.1>;reason=no-answer"];
    bench.begin("pbx", "INVITE", "sip:+12125550123@10.0.0.1", &led_on, &sdp);
    bench.run(3.0);
    let invite = taken(&mut bench);
    assert_eq!(user_and_host(uri(header(&invite, "From"))).0, STRANGER, "{invite}");
    let line = uri(header(&invite, "P-Preferred-Identity"));
    assert_eq!(line, "sip:+49305550@tel.t-online.de;user=phone");
}

#[test]
fn each_stays_in_a_call_beyond_the_refresh() {
    for rules in ALL {
        let mut bench = bench(rules);
        let sdp = bench.peer("pbx").sdp("sendrecv");
        bench.peer("pbx").user = Box::leak(format!("{}77", rules.block).into_boxed_str());
        bench.begin("pbx", "INVITE", "sip:+12125550123@10.0.0.1", &[], &sdp);
        bench.run(3.0);
        let before = bench.peer("office").heard.len();
        bench.run(2000.0);
        let office = bench.peer("office");
        let refreshed = |(_, text): &&(std::time::Duration, String)| {
            let refresh = start(text).starts_with("UPDATE ") || start(text).starts_with("INVITE ");
            refresh && header(text, "To").contains("tag=")
        };
        assert!(office.heard[before..].iter().any(|it| refreshed(&it)), "{}", bench.told());
        assert_eq!(bench.view().calls.len(), 1, "{}: {}", rules.template, bench.told());
        bench.request("office", "BYE", &["Reason: Q.850;cause=16"], "");
        bench.run(2.0);
        assert!(bench.view().calls.is_empty(), "{}", bench.told());
    }
}

#[test]
fn a_session_that_is_too_short_for_the_carrier_is_asked_for_again() {
    let text = config(&COMPANYFLEX, COMPANYFLEX.account.as_ref().map_or("", |it| it.password));
    let mut bench = bench(&COMPANYFLEX);
    bench.reload(&text.replacen(
        "[[sip.listener]]",
        "[sip]\nsession_expires = '5m'\n[[sip.listener]]",
        1,
    ));
    bench.run(3.0);
    let sdp = bench.peer("pbx").sdp("sendrecv");
    bench.peer("pbx").user = "+493055577";
    bench.begin("pbx", "INVITE", "sip:+12125550123@10.0.0.1", &[], &sdp);
    bench.run(3.0);
    let invite = taken(&mut bench);
    assert!(header(&invite, "Session-Expires").starts_with("900"), "{}", bench.told());
    assert!(bench.peer("pbx").statuses("INVITE").contains(&200), "{}", bench.told());
}

#[test]
fn a_wrong_password_is_told_and_not_tried_on_and_on() {
    for rules in [&COMPANYFLEX, &REGISTERED] {
        let mut bench = bench_with(rules, "as somebody has mistyped it");
        bench.run(60.0);
        let asked = bench.peer("office").got("REGISTER").len();
        assert!((2..=4).contains(&asked), "registrars lock accounts: {asked}");
        let view = bench.view();
        let part = "Registration of trunk line";
        let line = view.health.iter().find(|it| it.part == part).expect("a line of health");
        assert!(line.says.contains("calls do not arrive"), "{}", line.says);
        assert!(line.says.contains("password"), "{}", line.says);
    }
}

#[test]
fn the_description_that_comes_is_answered_in_the_codec_of_the_carrier() {
    let mut bench = bench(&COMPANYFLEX);
    comes_in(&mut bench, &COMPANYFLEX, "+49305551", false);
    bench.run(4.0);
    let office = bench.peer("office");
    let (_, fine) = office
        .heard
        .iter()
        .find(|(_, it)| it.starts_with("SIP/2.0 200 OK") && !body(it).is_empty())
        .expect("a 200");
    assert!(body(fine).contains("m=audio") && body(fine).contains("PCMA/8000"), "{fine}");
}

#[test]
fn a_trunk_that_is_taken_away_is_removed_at_its_registrar() {
    for rules in [&COMPANYFLEX, &REGISTERED] {
        let password = rules.account.as_ref().map_or("", |it| it.password);
        let mut bench = bench(rules);
        let with = config(rules, password);
        let start = with.find("[[trunk]]\nname = \"line\"").expect("the trunk");
        let end = with.find("[[trunk]]\nname = \"pbx\"").expect("the next one");
        let route = "[[number]]\ndialled = \"+1*\"\nto = { trunk = \"line\" }\n";
        let abe = with.find("[[agent]]\nname = \"abe\"").expect("the agent");
        let without = format!("{}{}", &with[..start], &with[end..abe]);
        let without = without.replace(route, "").replace("members = [\"abe\"]", "members = []");
        bench.reload(&without);
        bench.run(3.0);
        let office = bench.peer("office").office.as_ref().expect("an office");
        assert_eq!(office.granted.last(), Some(&0), "{}: {:?}", rules.template, office.granted);
        assert_eq!(office.contact, None);
        let asked = bench.peer("office").heard.len();
        bench.run(4000.0);
        assert_eq!(bench.peer("office").heard.len(), asked, "{}", bench.told());
        let of_line = |it: &holdfast_core::view::HealthView| it.part.contains("line");
        assert!(!bench.view().health.iter().any(of_line), "{:?}", bench.view().health);
        // It comes back as if it were new.
        bench.reload(&with);
        bench.run(5.0);
        let office = bench.peer("office").office.as_ref().expect("an office");
        assert!(office.granted.last().is_some_and(|last| *last > 0), "{:?}", office.granted);
    }
}

#[test]
fn rules_of_a_trunk_hold_inside_of_its_calls_from_any_address() {
    let rules = &COMPANYFLEX;
    let password = rules.account.as_ref().map_or("", |it| it.password);
    let mut bench = bench(rules);
    let ruled = format!(
        "{}headers = [{{ direction = \"in\", header = \"Reason\", action = \"replace\", \
         pattern = \"cause=99\", value = \"cause=17\" }}]\n",
        rules.sheet
    );
    let with =
        config(rules, password).replace(rules.sheet, &ruled.replacen("headers", "\nheaders", 1));
    bench.reload(&with);
    bench.run(3.0);
    bench.peers.push(Peer {
        transport: "TCP",
        ..Peer::new("elsewhere", "10.77.7.7:5060", Platform::Plain)
    });
    let office = bench.peer("office").office.as_ref().expect("an office");
    let contact = office.contact.clone().expect("registered");
    let sdp = bench.peer("elsewhere").sdp("sendrecv");
    bench.peer("elsewhere").user = STRANGER;
    let to = bench.peer("elsewhere").begin("INVITE", &contact, &[], &sdp);
    let to = to.replace(&format!("To: <{contact}>"), "To: <sip:+49305551@tel.t-online.de>");
    let side = bench.peer("elsewhere").dialogs.last_mut().expect("a dialog");
    side.remote = "<sip:+49305551@tel.t-online.de>".to_owned();
    bench.post("elsewhere", to);
    bench.run(4.0);
    assert_eq!(bench.view().calls[0].state, "talking", "{}", bench.told());
    bench.request("elsewhere", "BYE", &["Reason: Q.850;cause=99"], "");
    bench.run(2.0);
    let bye = bench.peer("pbx").last("BYE").to_owned();
    assert!(header(&bye, "Reason").contains("cause=17"), "{bye}");
}
