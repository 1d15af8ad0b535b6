//! Acceptance checks 2 to 5 of the contract with Direct Routing, and what belongs to them.

use std::time::Duration;

use holdfast_core::media::order::{MediaOrder, Source};

use super::bench::Bench;
use super::cast::{DIRECT, direct, others, proxies};
use super::peer::Conduct;
use super::text::{body, direction, header, start, uri};

const TO_TEAMS: &str = "sip:+4930201@10.0.0.1";
const TO_QUEUE: &str = "sip:+4930100@10.0.0.1";

#[test]
fn acceptance_2_options_each_minute_by_name_and_demotion_without() {
    let mut bench = direct();
    bench.run(600.0);
    for name in ["sip", "sip2", "sip3"] {
        let times: Vec<Duration> = bench.peer(name).got("OPTIONS").iter().map(|it| it.0).collect();
        assert!(times.len() >= 9, "{name}: {times:?}");
        for pair in times.windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((57.0..=63.0).contains(&gap), "{name}: {gap} s");
        }
    }
    // Theirs is answered by the same rules.
    bench.begin("sip2", "OPTIONS", "sip:sbc1.example.org:5061;transport=tls", &[], "");
    bench.run(1.0);
    let (_, answer) = bench.peer("sip2").heard.last().expect("an answer").clone();
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    assert_eq!(uri(header(&answer, "Contact")), "sip:sbc1.example.org:5061;transport=tls");

    let demoted = |bench: &mut Bench| {
        let now = bench.clock();
        let last = bench.peer("sip").got("OPTIONS").last().map(|it| it.0).expect("OPTIONS");
        now - last > Duration::from_secs(300)
    };
    bench.run(30.0);
    assert!(!demoted(&mut bench));
    let named = "advertise = \"SBC1.example.org\"\n";
    bench.reload(&DIRECT.replace(named, &format!("{named}options_every = \"never\"\n")));
    bench.run(301.0);
    assert!(demoted(&mut bench), "the simulated side sees that OPTIONS have stopped");
}

#[test]
fn acceptance_3_a_503_goes_to_the_second_within_a_second() {
    let mut bench = direct();
    bench.peer("sip").conduct = Conduct::Refuses("503 Service Unavailable\nRetry-After: 1");
    bench.call("carrier", TO_TEAMS);
    bench.run(5.0);
    let first = bench.peer("sip").got("INVITE")[0].0;
    let second = bench.peer("sip2").got("INVITE")[0].clone();
    assert!(second.0 - first < Duration::from_secs(1), "{}", bench.told());
    let target = start(&second.1).split(' ').nth(1).expect("a URI").to_owned();
    assert!(target.starts_with("sip:+4930201@sip2.pstnhub.microsoft.com:5061;"), "{target}");
    assert!(bench.peer("carrier").statuses("INVITE").contains(&200), "{}", bench.told());
    assert!(bench.peer("sip3").got("INVITE").is_empty());
    // Left alone for the second that it asked for, and no longer.
    bench.request("carrier", "BYE", &[], "");
    bench.peer("sip").conduct = Conduct::Answers;
    bench.run(2.0);
    bench.call("carrier", TO_TEAMS);
    bench.run(3.0);
    assert_eq!(bench.peer("sip").got("INVITE").len(), 2, "{}", bench.told());
}

#[test]
fn acceptance_3_silence_and_500_go_on_and_the_last_word_of_a_person_does_not() {
    let mut bench = direct();
    bench.peer("sip").conduct = Conduct::Silent;
    bench.peer("sip2").conduct = Conduct::Refuses("500 Server Internal Error");
    bench.call("carrier", TO_TEAMS);
    bench.run(12.0);
    assert_eq!(bench.peer("sip3").got("INVITE").len(), 1, "{}", bench.told());
    for refusal in ["486 Busy Here", "603 Decline", "404 Not Found", "480 Temporarily Unavailable"]
    {
        let mut bench = direct();
        bench.peer("sip").conduct = Conduct::Refuses(refusal);
        bench.call("carrier", TO_TEAMS);
        bench.run(5.0);
        assert!(bench.peer("sip2").got("INVITE").is_empty(), "{refusal}: {}", bench.told());
    }
}

#[test]
fn acceptance_3_who_declines_is_not_rung_again_for_the_call() {
    let mut bench = direct();
    for name in ["sip", "sip2", "sip3"] {
        bench.peer(name).conduct = Conduct::Refuses("603 Decline");
    }
    bench.call("carrier", TO_QUEUE);
    bench.run(120.0);
    assert_eq!(bench.peer("sip").got("INVITE").len(), 1, "{}", bench.told());
    assert!(bench.peer("sip2").got("INVITE").is_empty());
    assert!(bench.peer("carrier").got("BYE").is_empty(), "the caller goes on waiting");
}

#[test]
fn acceptance_4_a_hold_of_the_pbx_is_inactive_to_teams_and_resume_is_sendrecv() {
    for form in ["sendonly", "0.0.0.0", "inactive"] {
        let mut bench = direct();
        bench.call("pbx", TO_TEAMS);
        bench.run(3.0);
        let hold = |bench: &mut Bench, form: &str| {
            let pbx = bench.peer("pbx");
            let sdp = match form {
                "0.0.0.0" => pbx.sdp_at("0.0.0.0", "sendrecv", ""),
                direction => pbx.sdp(direction),
            };
            bench.request("pbx", "INVITE", &[], &sdp);
            bench.run(2.0);
        };
        hold(&mut bench, form);
        let told = bench.peer("sip").last("INVITE").to_owned();
        assert_eq!(direction(&told), "inactive", "{form}: {}", bench.told());
        hold(&mut bench, "sendrecv");
        let told = bench.peer("sip").last("INVITE").to_owned();
        assert_eq!(direction(&told), "sendrecv", "{form}: {}", bench.told());
        assert_eq!(bench.peer("sip").got("INVITE").len(), 3, "{form}: {}", bench.told());
        // A refresh while it is held says the same, and does not count as a hold of Teams.
        hold(&mut bench, form);
        bench.reinvite("sip", "inactive");
        bench.run(2.0);
        hold(&mut bench, "sendrecv");
        let told = bench.peer("sip").last("INVITE").to_owned();
        assert_eq!(direction(&told), "sendrecv", "{form}: {}", bench.told());
    }
}

#[test]
fn acceptance_4_a_hold_of_teams_stops_its_audio_and_plays_music_to_the_other() {
    let mut bench = direct();
    bench.call("pbx", TO_TEAMS);
    bench.run(3.0);
    bench.media.clear();
    bench.reinvite("sip", "inactive");
    bench.run(1.0);
    let plays = |order: &MediaOrder| match order {
        MediaOrder::Hear { source: Source::Clips { then, .. }, .. } => then.is_some(),
        MediaOrder::Hold { .. }
        | MediaOrder::Open(_)
        | MediaOrder::Expect { .. }
        | MediaOrder::Hear { .. }
        | MediaOrder::PressKey { .. }
        | MediaOrder::Record { .. }
        | MediaOrder::Close { .. } => false,
    };
    let silent = |order: &MediaOrder| match order {
        MediaOrder::Expect { remote, .. } => !remote.sends && !remote.receives,
        MediaOrder::Hold { .. }
        | MediaOrder::Open(_)
        | MediaOrder::Hear { .. }
        | MediaOrder::PressKey { .. }
        | MediaOrder::Record { .. }
        | MediaOrder::Close { .. } => false,
    };
    assert!(bench.media.iter().any(plays) && bench.media.iter().any(silent), "{:?}", bench.media);
    assert_eq!(bench.peer("pbx").got("INVITE").len(), 0, "the PBX is not asked");
    bench.media.clear();
    bench.reinvite("sip", "sendrecv");
    bench.run(1.0);
    let talks =
        |order: &MediaOrder| matches!(order, MediaOrder::Hear { source: Source::Peer(_), .. });
    assert!(bench.media.iter().any(talks), "{:?}", bench.media);
}

#[test]
fn acceptance_5_of_two_forks_the_answering_one_is_heard_alone() {
    let mut bench = direct();
    bench.peer("sip").conduct = Conduct::Forks;
    bench.call("pbx", TO_TEAMS);
    bench.run(4.0);
    let acks = bench.peer("sip").got("ACK").len();
    assert_eq!(acks, 1, "{}", bench.told());
    let ack = bench.peer("sip").last("ACK").to_owned();
    assert!(header(&ack, "To").contains("tag=two"), "{ack}");
    let expected = bench.media.iter().filter_map(|order| match order {
        MediaOrder::Expect { remote, .. } => remote.rtp,
        MediaOrder::Hold { .. }
        | MediaOrder::Open(_)
        | MediaOrder::Hear { .. }
        | MediaOrder::PressKey { .. }
        | MediaOrder::Record { .. }
        | MediaOrder::Close { .. } => None,
    });
    let of_teams: Vec<String> = expected
        .map(|address| address.ip().to_string())
        .filter(|address| address.starts_with("52."))
        .collect();
    assert_eq!(of_teams.first().map(String::as_str), Some("52.112.0.77"), "the early one");
    assert_eq!(of_teams.last().map(String::as_str), Some("52.114.75.24"), "{of_teams:?}");
    let sdp_of = |code: &str| {
        let heard = &bench.peers.iter().find(|peer| peer.name == "pbx").expect("pbx").heard;
        let said = heard.iter().find(|(_, text)| text.starts_with(&format!("SIP/2.0 {code}")));
        said.map(|(_, text)| body(text).to_owned())
    };
    assert_eq!(sdp_of("183"), sdp_of("200"), "the caller's description stays");
}

#[test]
fn video_that_teams_adds_is_refused_in_its_place() {
    let mut bench = direct();
    bench.call("pbx", TO_TEAMS);
    bench.run(3.0);
    let video = "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let ip = bench.peer("sip").address.ip().to_string();
    let sdp = bench.peer("sip").sdp_at(&ip, "sendrecv", video);
    bench.request("sip", "INVITE", &[], &sdp);
    bench.run(1.0);
    let heard = &bench.peer("sip").heard;
    let (_, answer) = heard.iter().rev().find(|it| !body(&it.1).is_empty()).expect("an answer");
    assert!(body(answer).contains("m=video 0 "), "{answer}");
}

#[test]
fn the_agent_sees_queue_and_caller_and_teams_the_callers_number() {
    let mut bench = direct();
    let sdp = bench.peer("carrier").sdp("sendrecv");
    bench.begin("carrier", "INVITE", TO_QUEUE, &["P-Asserted-Identity: <sip:+49171555@c>"], &sdp);
    bench.run(3.0);
    let invite = bench.peer("sip").last("INVITE").to_owned();
    let from = header(&invite, "From");
    assert!(from.starts_with("\"Sales \u{2013} +49171555\" <sip:+49171555@sbc1.example"), "{from}");
    assert!(bench.peer("carrier").statuses("INVITE").contains(&200));
}

#[test]
fn a_call_of_teams_reaches_the_pbx_and_its_parameters_come_back_byte_by_byte() {
    let mut bench = direct();
    let sdp = bench.peer("sip2").sdp("sendrecv");
    let more = [
        "P-Asserted-Identity: <sip:+4930201@sip2.pstnhub.microsoft.com>,<tel:+4930201>",
        "Privacy: none",
        "History-Info: <sip:+4930300@sbc1.example.org?Reason=SIP%3Bcause%3D486>;index=1,\
         <sip:+4930301@sbc1.example.org>;index=1.1",
        "X-MS-UserLocation: internal",
        "X-MS-MediaPath: sbc1.example.org",
        "MS-Conversation-Id: 4dbc8ab1b9c04c1f",
        "Record-Route: <sip:sip2.pstnhub.microsoft.com:5061;transport=tls;lr>",
    ];
    bench.peer("sip2").user = "+4930201";
    let target = "sip:+4930301@sbc1.example.org:5061;user=phone;transport=tls;x-k=%41Bc";
    bench.begin("sip2", "INVITE", target, &more, &sdp);
    bench.run(3.0);
    assert_eq!(bench.peer("pbx").got("INVITE").len(), 1, "{}", bench.told());
    let (first, _) = bench
        .peer("sip2")
        .heard
        .iter()
        .find(|it| it.1.contains("100 Trying"))
        .expect("100")
        .clone();
    let ringing = bench.peer("sip2").heard.iter().find(|it| it.1.contains("180 ")).expect("180").0;
    assert!(ringing - first < Duration::from_secs(10));
    bench.request("pbx", "BYE", &[], "");
    bench.run(1.0);
    let bye = bench.peer("sip2").last("BYE").to_owned();
    let contact = "sip:+4930201@sip2.pstnhub.microsoft.com:5061;transport=tls;x-i=1a2b-3C;\
                   x-c=d4%2F7/s/1/8b";
    assert_eq!(start(&bye), format!("BYE {contact} SIP/2.0"));
    assert!(header(&bye, "Route").contains("sip2.pstnhub.microsoft.com:5061;transport=tls;lr"));
}

#[test]
fn a_caller_without_a_number_with_plus_goes_as_nobody() {
    let mut bench = direct();
    bench.peer("pbx").user = "4711";
    bench.call("pbx", TO_TEAMS);
    bench.run(2.0);
    let invite = bench.peer("sip").last("INVITE").to_owned();
    assert!(header(&invite, "From").contains("anonymous@anonymous.invalid"), "{invite}");
}

#[test]
fn what_is_wrong_with_the_trunk_itself_is_said_until_a_call_goes_through() {
    let mut bench = direct();
    for (refusal, says) in [
        ("403 Forbidden", "the tenant is not accepted"),
        ("404 Not Found", "number that the tenant has given"),
    ] {
        for name in ["sip", "sip2", "sip3"] {
            bench.peer(name).conduct = Conduct::Refuses(refusal);
        }
        bench.call("carrier", TO_TEAMS);
        bench.run(3.0);
        let view = bench.view();
        let trunk = view.trunks.iter().find(|it| it.name.as_str() == "teams").expect("teams");
        assert!(trunk.says.contains(says), "{refusal}: {}", trunk.says);
    }
    bench.peer("sip").conduct = Conduct::Answers;
    bench.call("carrier", TO_TEAMS);
    bench.run(3.0);
    let view = bench.view();
    let trunk = view.trunks.iter().find(|it| it.name.as_str() == "teams").expect("teams");
    assert!(!trunk.says.contains("refused"), "{}", trunk.says);
}

#[test]
fn both_ends_are_named_in_every_message_where_one_is() {
    let mut bench = direct();
    let own = "abcdef00000040008000000000000001";
    let named = format!("Session-ID: {own};remote={}", "0".repeat(32));
    let sdp = bench.peer("pbx").sdp("sendrecv");
    bench.begin("pbx", "INVITE", TO_TEAMS, &[&named], &sdp);
    bench.run(3.0);
    bench.request("pbx", "BYE", &[], "");
    bench.run(1.0);
    let name = |message: &str| header(message, "Session-ID").to_owned();
    for method in ["INVITE", "ACK", "BYE"] {
        let told = name(bench.peer("sip").last(method));
        assert!(told.starts_with(&format!("{own};remote=")), "{method}: {}", bench.told());
    }
    let heard = bench.peer("pbx").heard.clone();
    let told: Vec<String> = heard.iter().map(|(_, message)| name(message)).collect();
    let named: Vec<&String> = told.iter().filter(|told| !told.is_empty()).collect();
    let same = named.iter().all(|told| *told == named[0] && told.ends_with(own));
    // 180, 200 and the 200 to BYE, all but the 100.
    assert!(named.len() >= 3 && same, "{named:?}: {}", bench.told());
}

#[test]
fn audio_that_suits_nobody_is_told_with_what_was_offered_until_a_call_goes_through() {
    let mut bench = direct();
    for name in ["sip", "sip2", "sip3"] {
        bench.peer(name).conduct = Conduct::Refuses("488 Not Acceptable Here");
    }
    let audio = |bench: &mut Bench| {
        bench.call("carrier", TO_TEAMS);
        bench.run(3.0);
        let health = bench.view().health;
        health.into_iter().find(|it| it.part == "Audio with trunk teams").map(|it| it.says)
    };
    let says = audio(&mut bench).expect("what is wrong");
    assert!(says.contains("RTP/SAVP PCMA") && says.contains("allow SRTP"), "{says}");
    bench.peer("sip").conduct = Conduct::Answers;
    assert_eq!(audio(&mut bench), None);
}

#[test]
fn a_hold_that_collides_with_one_of_teams_is_told_after_a_while() {
    let mut bench = Bench::new(DIRECT, proxies(false).into_iter().chain(others()).collect());
    bench.call("pbx", TO_TEAMS);
    bench.run(3.0);
    // Both hold in the same instant: each side answers the other's re-INVITE with 491.
    bench.reinvite("pbx", "sendonly");
    bench.run(0.021);
    let open = bench.peer("sip").last("INVITE").to_owned();
    assert_eq!(direction(&open), "inactive", "{}", bench.told());
    bench.reinvite("sip", "inactive");
    bench.run(8.0);
    bench.reinvite("pbx", "sendrecv");
    bench.run(8.0);
    let told = bench.peer("sip").last("INVITE").to_owned();
    assert_eq!(direction(&told), "sendrecv", "{}", bench.told());
}

#[test]
fn a_user_in_the_house_is_sent_to_our_own_address() {
    let outside = "bind = \"10.0.0.1:5061\"\n";
    let named = format!("{outside}advertise = \"203.0.113.7\"\n");
    let config = DIRECT.replace(outside, &named);
    let mut bench = Bench::new(&config, proxies(false).into_iter().chain(others()).collect());
    let connection = |bench: &mut Bench| {
        let heard = &bench.peer("sip").heard;
        let described = heard.iter().rev().find(|(_, it)| body(it).contains("c=IN")).cloned();
        let (_, text) = described.expect("a description");
        let line = body(&text).lines().find(|line| line.starts_with("c=")).map(str::to_owned);
        line.unwrap_or_default()
    };
    let path = |names: &str| format!("X-MS-MediaPath: {names}");
    let (inside, abroad) = ("X-MS-UserLocation: internal", "X-MS-UserLocation: external");
    let (own, two) = (path("sbc1.example.org"), path("sbc1.example.org, sbc2.example.org"));
    let target = "sip:+4930301@sbc1.example.org:5061;transport=tls";
    for (more, expected) in [
        (vec![inside, &own], "c=IN IP4 10.0.0.1"),
        (vec![inside, &two], "c=IN IP4 203.0.113.7"),
        (vec![abroad, &own], "c=IN IP4 203.0.113.7"),
        (vec![], "c=IN IP4 203.0.113.7"),
    ] {
        bench.peer("sip").user = "+4930201";
        let sdp = bench.peer("sip").sdp("sendrecv");
        bench.begin("sip", "INVITE", target, &more, &sdp);
        bench.run(3.0);
        assert_eq!(connection(&mut bench), expected, "{more:?}: {}", bench.told());
        // The user walks out of the house, or into it, and a refresh says nothing of it.
        let (moved, there) = match expected {
            "c=IN IP4 10.0.0.1" => (abroad, "c=IN IP4 203.0.113.7"),
            _outside => (inside, "c=IN IP4 10.0.0.1"),
        };
        for (more, expected) in [(vec![moved, &own], there), (vec![], there)] {
            let sdp = bench.peer("sip").sdp("sendrecv");
            bench.request("sip", "INVITE", &more, &sdp);
            bench.run(1.0);
            assert_eq!(connection(&mut bench), expected, "{}", bench.told());
        }
        bench.request("sip", "BYE", &[], "");
        bench.run(1.0);
    }
}
