//! A technician looks at a call: its ladder, its packets, and what HOMER is told.

use std::net::UdpSocket;
use std::time::Duration;

use crate::api::Api;
use crate::appliance::{Appliance, config};
use crate::lab::{Lab, until};
use crate::lacks;
use crate::rtp::Ear;
use crate::sipp::Sipp;

#[test]
fn every_message_of_a_call_is_on_its_ladder_in_its_pcap_and_at_the_collector() {
    if lacks("sipp") {
        return;
    }
    let lab = Lab::new("trace");
    let homer = UdpSocket::bind((lab.ip(4), 0)).expect("a collector");
    homer.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let at = homer.local_addr().expect("bound");
    let told =
        format!("{}\n[trace]\nhomer = \"{at}\"\n", config(&lab, &["anna"], "greeting = \"\""));
    let appliance = Appliance::start(&lab, &told);
    let api = Api::claim(&lab, &appliance);
    let ear = Ear::new(lab.ip(2));
    let audio = ear.address();
    let callers = lab.file("callers.csv", "SEQUENTIAL\n+41313330011\n");
    let callers = callers.to_str().expect("a path");
    let more = ["-inf", callers, "-s", "desk", "-m", "1", "-d", "1000", "-timeout", "30"];
    let (ip, port) = (audio.ip().to_string(), audio.port().to_string());
    let keys = ["-key", "ear_ip", &ip, "-key", "ear_port", &port];
    let target = appliance.sip().to_string();
    let mut caller = Sipp::start(&lab, 3, "listen.xml", &target, &[&more[..], &keys].concat());
    caller.succeeds();
    let cdr = until("the record of the call", || api.cdrs().pop());
    let call = cdr["call"].as_u64().expect("a number");
    let call_id = cdr["sip_call_id"].as_str().expect("the Call-ID of SIPp");

    let found = api.get("/api/v1/trace?party=0313330011");
    assert_eq!(found["found"][0]["call"], call, "{found}");
    assert_eq!(found["found"][0]["call_id"], call_id);
    let ladder = api.page(&format!("/calls/{call}"));
    let parts = [">INVITE + SDP<", ">200 OK + SDP<", ">ACK<", ">BYE<", ">200 OK (BYE)<"];
    let places = parts.map(|part| ladder.find(part));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}: {ladder}");
    assert!(ladder.contains("waits in queue desk") && ladder.contains("The caller hung up"));
    assert!(!ladder.contains("3330011"), "numbers are masked");

    let pcap = api.file(&format!("/api/v1/calls/{call}/trace.pcap?numbers=full"));
    assert_eq!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let holds =
        |text: &str| pcap.windows(text.len()).filter(|part| *part == text.as_bytes()).count();
    assert_eq!(holds("INVITE sip:desk@"), 1);
    assert!(holds(call_id) >= 5, "each message names its Call-ID");

    let mut packet = [0; 65_536];
    let length = homer.recv(&mut packet).expect("HOMER is told");
    let first = String::from_utf8_lossy(&packet[..length]);
    assert!(first.starts_with("HEP3") && first.contains("INVITE sip:desk@"), "{first}");
}
