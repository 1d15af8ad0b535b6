//! Acceptance check 7: transfers of Teams, with REFER and without, and of Skype for Business.

use super::bench::Bench;
use super::cast::{direct, direct_with};
use super::peer::Peer;
use super::strict::Platform;
use super::text::{header, start};

/// What Teams writes: an empty user, and parameters by which it finds its own transfer.
const REFER_TO: &str = "sip:sip.pstnhub.microsoft.com:5061;x-m=8:orgid:0b6fc4a1-\
    2f0f-4a5c-9f30-c1d5a0a6b9b7;x-t=7ab2C9d4-1f0e-4f8a-a5e2-7a3a9d2b11aa;x-ti=7ab2C9d4-1f0e;\
    transport=tls";

/// Its Referred-By, of `length` characters.
fn referred_by(length: usize) -> String {
    let mut value = "<sip:sip.pstnhub.microsoft.com:5061;x-m=8:orgid:0b6fc4a1;x-t=7ab2C9d4;\
                     x-ti=%41;x-tt="
        .to_owned();
    while value.len() < length - 1 {
        value.push_str(["aHR0cHM6Ly", "9hcGku%2B", "Zmxvdy5j"][value.len() % 3]);
    }
    value.truncate(length - 1);
    value.push('>');
    value
}

#[test]
fn acceptance_7_a_refer_of_400_characters_goes_on_byte_by_byte() {
    for length in [380, 400, 1000] {
        let mut bench = direct_with("refer = true");
        bench.call("pbx", "sip:+4930201@10.0.0.1");
        bench.run(3.0);
        let by = referred_by(length);
        assert_eq!(by.len(), length);
        let more = [format!("Refer-To: <{REFER_TO}>"), format!("Referred-By: {by}")];
        bench.request("sip", "REFER", &[&more[0], &more[1]], "");
        bench.run(3.0);
        assert!(bench.peer("sip").statuses("REFER").contains(&202), "{}", bench.told());
        let invite = bench.peer("sip").last("INVITE").to_owned();
        assert_eq!(start(&invite), format!("INVITE {REFER_TO} SIP/2.0"));
        assert_eq!(header(&invite, "Referred-By"), by);
        assert!(header(&invite, "Replaces").is_empty());
        let notified: Vec<String> = bench
            .peer("sip")
            .got("NOTIFY")
            .iter()
            .map(|(_, text)| text.lines().last().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(notified.first().map(String::as_str), Some("SIP/2.0 100 Trying"));
        assert_eq!(notified.last().map(String::as_str), Some("SIP/2.0 200 OK"), "{notified:?}");
        assert!(!bench.peer("sip").got("BYE").is_empty(), "the old leg goes when the new is up");
        assert_eq!(bench.view().calls[0].state, "talking");
    }
}

#[test]
fn acceptance_7_without_refer_allow_omits_it_and_it_is_405() {
    // The strict peer looks at every Allow.
    let mut bench = direct();
    bench.call("pbx", "sip:+4930201@10.0.0.1");
    bench.run(3.0);
    bench.request("sip", "REFER", &[&format!("Refer-To: <{REFER_TO}>")], "");
    bench.run(1.0);
    assert_eq!(bench.peer("sip").statuses("REFER"), [405], "{}", bench.told());
    assert_eq!(bench.view().calls[0].state, "talking");
}

#[test]
fn a_replaces_that_teams_asks_for_towards_itself_is_dropped_unless_it_is_kept() {
    let mut bench = direct_with("refer = true");
    bench.call("pbx", "sip:+4930201@10.0.0.1");
    bench.run(3.0);
    let to = format!("Refer-To: <{REFER_TO}?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>");
    bench.request("sip", "REFER", &[&to, "Referred-By: <sip:a@sip.pstnhub.microsoft.com>"], "");
    bench.run(3.0);
    // The strict peer refuses one that carries it.
    assert_eq!(bench.peer("sip").got("INVITE").len(), 2, "{}", bench.told());
}

#[test]
fn an_invite_of_teams_takes_the_place_of_its_user() {
    let mut bench = direct();
    bench.call("pbx", "sip:+4930201@10.0.0.1");
    bench.run(3.0);
    let side = bench.peer("sip").dialogs.last().expect("a dialog").clone();
    let tag = |value: &str| value.split("tag=").nth(1).expect("a tag").to_owned();
    let (ours, theirs) = (tag(&side.remote), tag(&side.local));
    let replaces = format!("Replaces: {};to-tag={ours};from-tag={theirs}", side.call_id);
    let sdp = bench.peer("sip2").sdp("sendrecv");
    bench.peer("sip2").user = "+4930202";
    let target = "sip:+4930301@sbc1.example.org:5061;transport=tls";
    bench.begin("sip2", "INVITE", target, &[&replaces], &sdp);
    bench.run(2.0);
    assert!(bench.peer("sip2").statuses("INVITE").contains(&200), "{}", bench.told());
    assert_eq!(bench.peer("sip").got("BYE").len(), 1, "{}", bench.told());
    assert_eq!(bench.view().calls.len(), 1);
}

#[test]
fn skype_for_business_hangs_up_280_ms_after_its_refer_is_accepted() {
    let config = r#"
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[trunk]]
name = "sfb"
type = "pbx"
dialect = "sfb"
networks = ["10.2.4.0/24"]
target = "10.2.4.1:5060"
options_every = "never"
[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.1:5060"
options_every = "never"
[[number]]
dialled = "+493020*"
to = { trunk = "sfb" }
[[number]]
dialled = "+49171*"
to = { trunk = "carrier" }
"#;
    let mut bench = Bench::new(
        config,
        vec![
            Peer { user: "+4930201", ..Peer::new("sfb", "10.2.4.1:5060", Platform::Sfb) },
            Peer { user: "+49172555", ..Peer::new("carrier", "10.9.0.1:5060", Platform::Plain) },
        ],
    );
    bench.call("carrier", "sip:+4930201@10.0.0.1");
    bench.run(3.0);
    let to = "Refer-To: <sip:+49171777@10.0.0.1;user=phone>";
    bench.request("sfb", "REFER", &[to], "");
    bench.run(0.28);
    assert!(bench.peer("sfb").statuses("REFER").contains(&202), "{}", bench.told());
    bench.request("sfb", "BYE", &[], "");
    bench.run(3.0);
    let invite = bench.peer("carrier").last("INVITE").to_owned();
    assert!(start(&invite).contains("+49171777"), "{}", bench.told());
    assert_eq!(bench.view().calls[0].state, "talking", "the caller is not lost");
}
