//! A trunk whose target is a name: a name server of others says where it is, targets die and come
//! back, and so does the name server.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::api::Api;
use crate::appliance::{Appliance, config};
use crate::lab::{Lab, until_true};
use crate::lacks;
use crate::phone::{Manner, Phone};

/// The machine of the name server, and its port: the usual one needs a privilege.
const SERVER: u8 = 53;
const PORT: u16 = 45_053;
/// The machine that calls come from.
const CALLER: u8 = 4;

/// dnsmasq with the SRV records of `trunk.test`, and its NAPTR records when they are elsewhere.
struct NameServer(Child);

/// The usual name of the SRV records, and another one.
const USUAL: &str = "_sip._udp.trunk.test";
const ELSEWHERE: &str = "_sip._udp.calls.trunk.test";

impl NameServer {
    fn start(lab: &Lab, first: SocketAddr, next: SocketAddr, services: &str) -> Self {
        let service = |name: &str, at: SocketAddr, priority: u8| {
            format!("--srv-host={services},{name}.trunk.test,{},{priority}", at.port())
        };
        let pointers: &[&str] = match services {
            USUAL => &[],
            _ => &[
                // A better one, but not of this trunk's transport; and a worse one.
                "--naptr-record=trunk.test,10,10,s,SIPS+D2T,,_sips._tcp.trunk.test",
                "--naptr-record=trunk.test,20,10,s,sip+d2u,,_sip._udp.calls.trunk.test",
                "--naptr-record=trunk.test,20,20,s,SIP+D2U,,_sip._udp.nobody.test",
            ],
        };
        let host =
            |name: &str, at: SocketAddr| format!("--host-record={name}.trunk.test,{}", at.ip());
        let child = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--bind-interfaces", "--pid-file=", "--local-ttl=5", "--user="])
            .arg(format!("--listen-address={}", lab.ip(SERVER)))
            .arg(format!("--port={PORT}"))
            .args([service("first", first, 10), service("next", next, 20)])
            .args([host("first", first), host("next", next)])
            .args(pointers)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq");
        Self(child)
    }

    fn kill(&mut self) {
        drop(self.0.kill()); // it may be gone already
        drop(self.0.wait());
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn trunk(lab: &Lab) -> String {
    format!(
        "[dns]\nservers = [\"{}:{PORT}\"]\n\
         [[trunk]]\nname = \"in\"\nnetworks = [\"{}/32\"]\n\
         [[trunk]]\nname = \"out\"\ntarget = \"trunk.test\"\n\
         options_every = \"1s\"\nanswer_within = \"1s\"\n\
         [[number]]\ndialled = \"+41*\"\nto = {{ trunk = \"out\" }}\n",
        lab.ip(SERVER),
        lab.ip(CALLER)
    )
}

#[test]
fn calls_go_where_the_name_server_says_and_on_when_it_is_dead() {
    if lacks("dnsmasq") {
        return;
    }
    let lab = Lab::new("names");
    let text = format!("{}{}", config(&lab, &[], ""), trunk(&lab));
    let mut appliance = Appliance::start(&lab, &text);
    let api = Api::claim(&lab, &appliance);
    let first = Phone::new(&lab, 2, "first", &appliance);
    let next = Phone::new(&lab, 3, "next", &appliance);
    let caller = Phone::new(&lab, CALLER, "caller", &appliance);
    let target = || api.get("/api/v1/trunks")[0]["targets"][0].clone();
    let state = |phone: &Phone| -> Value {
        let address = phone.address().to_string();
        let addresses = target()["addresses"].as_array().cloned().unwrap_or_default();
        let known = addresses.into_iter().find(|known| known["address"] == address.as_str());
        known.map_or(Value::Null, |known| known["state"].clone())
    };
    // Who answers the next call, having got one call more.
    let answers = |who: &Phone| {
        let before = who.calls();
        let call = caller.call("+41445550");
        caller.hang_up(&call);
        assert_eq!(who.calls(), before + 1);
    };

    // The box has asked in vain by now, and asks again.
    let mut server = NameServer::start(&lab, first.address(), next.address(), USUAL);
    until_true("both targets live", || state(&first) == "up" && state(&next) == "up");
    answers(&first);
    assert_eq!(next.calls(), 0, "a lower priority is not called while the higher one lives");

    first.behave(Manner::Dead);
    answers(&next);
    until_true("the first is down", || state(&first) == "down");
    let before = first.calls();
    answers(&next);
    assert_eq!(first.calls(), before, "who is down is not tried");

    first.behave(Manner::Answer);
    until_true("the first is back", || state(&first) == "up");
    answers(&first);

    server.kill();
    until_true("the name is stale", || target()["name"]["state"] == "stale");
    answers(&first);

    appliance.kill();
    appliance.start_again();
    answers(&first);
}

#[test]
fn the_domain_may_say_where_its_services_are_named() {
    if lacks("dnsmasq") {
        return;
    }
    let lab = Lab::new("naptr");
    let appliance = Appliance::start(&lab, &format!("{}{}", config(&lab, &[], ""), trunk(&lab)));
    let api = Api::claim(&lab, &appliance);
    let first = Phone::new(&lab, 2, "first", &appliance);
    let next = Phone::new(&lab, 3, "next", &appliance);
    let _server = NameServer::start(&lab, first.address(), next.address(), ELSEWHERE);
    until_true("both targets live", || {
        let target = api.get("/api/v1/trunks")[0]["targets"][0].clone();
        let addresses = target["addresses"].as_array().cloned().unwrap_or_default();
        addresses.len() == 2 && addresses.iter().all(|known| known["state"] == "up")
    });
}
