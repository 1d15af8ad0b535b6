//! The bandwidth of lines: counted by what is offered and agreed, full lines are passed over, and
//! an emergency call ends others until it fits.

use super::bench::Bench;
use super::peer::{Conduct, Peer};
use super::strict::Platform;
use super::text::{header, start};

/// G.711 in packets of 20 ms takes 80 kbit/s of a line, G.729 24.
const CONFIG: &str = r#"
[emergency]
numbers = ["112"]
trunks = ["narrow"]
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[trunk]]
name = "narrow"
networks = ["10.9.1.0/24"]
target = "10.9.1.1:5060"
options_every = "never"
max_bandwidth = 170
session_expires = "10m"
min_se = "5m"
[[trunk]]
name = "wide"
networks = ["10.9.2.0/24"]
target = "10.9.2.1:5060"
options_every = "never"
[[trunk]]
name = "pbx"
type = "pbx"
networks = ["10.2.0.0/24"]
target = "10.2.0.1:5060"
options_every = "never"
[[number]]
dialled = "+1*"
to = { trunk = "narrow" }
[[number]]
dialled = "+2*"
to = { trunks = ["narrow", "wide"] }
[[number]]
dialled = "+4*"
to = { trunk = "pbx" }
"#;

fn bench_with(more: &str) -> Bench {
    let peer = |name, address| Peer::new(name, address, Platform::Plain);
    let peers = vec![
        peer("narrow", "10.9.1.1:5060"),
        peer("wide", "10.9.2.1:5060"),
        peer("pbx", "10.2.0.1:5060"),
    ];
    let mut bench = Bench::new(&format!("{more}{CONFIG}"), peers);
    bench.peer("pbx").user = "+4930301";
    bench
}

/// The PBX calls out with these codecs offered.
fn calls(bench: &mut Bench, dialled: &str, formats: &str) {
    let sdp = bench.peer("pbx").sdp("sendrecv").replace("AVP 8 0 101", &format!("AVP {formats}"));
    bench.begin("pbx", "INVITE", &format!("sip:{dialled}@10.0.0.1"), &[], &sdp);
    bench.run(3.0);
}

fn used(bench: &Bench, trunk: &str) -> u32 {
    let view = bench.view();
    let found = view.trunks.iter().find(|it| it.name.as_str() == trunk).expect("a trunk");
    found.bandwidth.used_kbps
}

#[test]
fn two_calls_of_g_711_fit_and_the_third_goes_over_the_next_trunk() {
    let mut bench = bench_with("");
    calls(&mut bench, "+12125550123", "8 0 101");
    calls(&mut bench, "+12125550124", "8 0 101");
    assert_eq!(used(&bench, "narrow"), 160, "{}", bench.told());
    calls(&mut bench, "+2125550125", "8 0 101");
    assert_eq!(bench.peer("narrow").got("INVITE").len(), 2);
    assert_eq!(bench.peer("wide").got("INVITE").len(), 1, "{}", bench.told());
    // Without another way it is refused for some seconds, and by the box alone.
    calls(&mut bench, "+12125550126", "8 0 101");
    let heard = &bench.peer("pbx").heard;
    let (_, refused) = heard.iter().find(|it| it.1.starts_with("SIP/2.0 503")).expect("a 503");
    assert!(!header(refused, "Retry-After").is_empty(), "{refused}");
    assert_eq!(bench.peer("narrow").got("INVITE").len(), 2);
    // A line that is free again is used again.
    bench.request("narrow", "BYE", &[], "");
    bench.run(2.0);
    assert_eq!(used(&bench, "wide") + used(&bench, "narrow"), 160, "{}", bench.told());
}

#[test]
fn the_dearest_codec_counts_until_another_one_is_spoken() {
    let mut bench = bench_with("");
    bench.peer("narrow").conduct = Conduct::Rings;
    calls(&mut bench, "+12125550123", "18 8 101");
    assert_eq!(used(&bench, "narrow"), 80, "{}", bench.told());
    bench.peer("narrow").conduct = Conduct::Speaks("18");
    calls(&mut bench, "+12125550124", "18 8 101");
    assert_eq!(used(&bench, "narrow"), 80 + 24, "{}", bench.told());
    // What comes in takes from the line as well, and only that much is left.
    let sdp = bench.peer("narrow").sdp("sendrecv");
    bench.peer("narrow").user = "+15550123";
    bench.begin("narrow", "INVITE", "sip:+4930301@10.0.0.1", &[], &sdp);
    bench.run(2.0);
    let statuses = bench.peer("narrow").statuses("INVITE");
    assert_eq!(statuses.last(), Some(&503), "{}", bench.told());
    let sdp = sdp.replace("AVP 8 0 101", "AVP 18 101");
    bench.begin("narrow", "INVITE", "sip:+4930301@10.0.0.1", &[], &sdp);
    bench.run(1.0);
    assert!(start(bench.peer("pbx").last("INVITE")).contains("+4930301"), "{}", bench.told());
}

#[test]
fn the_box_as_a_whole_has_a_limit_of_both_legs() {
    let mut bench = bench_with("[sip]\nmax_bandwidth = 330\n");
    calls(&mut bench, "+2125550123", "8 0 101");
    calls(&mut bench, "+2125550124", "8 0 101");
    calls(&mut bench, "+2125550125", "8 0 101");
    let statuses = bench.peer("pbx").statuses("INVITE");
    assert_eq!(statuses.iter().filter(|code| **code == 503).count(), 1, "{}", bench.told());
    let media = |it: &&holdfast_core::view::HealthView| it.part == "Media";
    let view = bench.view();
    let says = &view.health.iter().find(media).expect("media").says;
    assert!(says.contains("320 of 330 kbit/s in use"), "{says}");
}

#[test]
fn an_emergency_call_ends_cheap_calls_until_it_fits() {
    let mut bench = bench_with("");
    bench.peer("narrow").conduct = Conduct::Speaks("18");
    for number in 0..7 {
        calls(&mut bench, &format!("+1212555012{number}"), "18");
    }
    assert_eq!(used(&bench, "narrow"), 168, "{}", bench.told());
    bench.peer("narrow").conduct = Conduct::Answers;
    calls(&mut bench, "112", "8 0 101");
    let invite = bench.peer("narrow").last("INVITE").to_owned();
    assert!(start(&invite).contains("sip:112@"), "{}", bench.told());
    // 80 of 170 are needed and 2 are free: four calls of 24.
    assert_eq!(bench.peer("narrow").got("BYE").len(), 4, "{}", bench.told());
}

#[test]
fn each_trunk_has_its_own_session_timer() {
    let mut bench = bench_with("");
    calls(&mut bench, "+12125550123", "8 0 101");
    let invite = bench.peer("narrow").last("INVITE").to_owned();
    assert!(header(&invite, "Session-Expires").starts_with("600"), "{invite}");
    assert_eq!(header(&invite, "Min-SE"), "300");
    calls(&mut bench, "+2125550124", "8 0 101");
    bench.peer("narrow").user = "+15550123";
    let sdp = bench.peer("narrow").sdp("sendrecv");
    let brief = ["Supported: timer", "Session-Expires: 200", "Min-SE: 90"];
    bench.begin("narrow", "INVITE", "sip:+4930301@10.0.0.1", &brief, &sdp);
    bench.run(1.0);
    let statuses = bench.peer("narrow").statuses("INVITE");
    assert_eq!(statuses.last(), Some(&422), "{}", bench.told());
    let sdp = bench.peer("wide").sdp("sendrecv");
    bench.peer("wide").user = "+15550124";
    bench.begin("wide", "INVITE", "sip:+4930301@10.0.0.1", &brief, &sdp);
    bench.run(3.0);
    assert_eq!(bench.peer("wide").statuses("INVITE").last(), Some(&200), "{}", bench.told());
}
