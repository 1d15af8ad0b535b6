//! A carrier that asks for a password: kamailio as registrar and proxy, strict about nonce counts,
//! with the box as its customer by the template of such a carrier.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use nix::sys::signal::Signal;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, SIP_PORT, config};
use crate::kamailio::Kamailio;
use crate::lab::{Lab, until_true};
use crate::lacks;
use crate::phone::{Manner, Phone};

const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
const REALM: &str = "tel.t-online.de";
const NUMBER: &str = "+4919912345";
const PASSWORD: &str = "a long and secret text";

/// Challenges REGISTER, INVITE and BYE of the customer; gives calls of others to the number that is
/// registered, and calls of the customer to a telephone.
fn script(ip: Ipv4Addr, customer: Ipv4Addr, telephone: &str, algorithm: &str) -> String {
    let modules = ["tm", "sl", "rr", "pv", "xlog", "textops", "siputils", "usrloc", "registrar"];
    let modules: String = modules
        .iter()
        .chain(&["auth"])
        .map(|module| format!("loadmodule \"{module}.so\"\n"))
        .collect();
    format!(
        "debug=1\nlog_stderror=yes\nchildren=1\ntcp_children=2\n\
         listen=udp:{ip}:{SIP_PORT}\nlisten=tcp:{ip}:{SIP_PORT}\n{modules}\
         modparam(\"auth\", \"algorithm\", \"{algorithm}\")\n\
         modparam(\"auth\", \"qop\", \"auth\")\nmodparam(\"auth\", \"nonce_count\", 1)\n\
         modparam(\"registrar\", \"max_expires\", 60)\n\
         route {{\n\
         if (is_method(\"REGISTER\")) {{\n\
         if (!pv_www_authenticate(\"{REALM}\", \"{PASSWORD}\", \"0\")) {{\n\
         www_challenge(\"{REALM}\", \"1\"); exit;\n}}\n\
         xlog(\"L_ERR\", \"REGISTER for $hdr(Expires) of $tU over $proto\\n\");\n\
         save(\"location\"); exit;\n}}\n\
         if ($si == \"{customer}\" && is_method(\"INVITE|BYE\")) {{\n\
         if (!pv_proxy_authenticate(\"{REALM}\", \"{PASSWORD}\", \"0\")) {{\n\
         xlog(\"L_ERR\", \"$rm challenged\\n\");\n\
         proxy_challenge(\"{REALM}\", \"1\"); exit;\n}}\n\
         xlog(\"L_ERR\", \"$rm let in, $rd\\n\");\n\
         consume_credentials();\n}}\n\
         if (has_totag() && loose_route()) {{ t_relay(); exit; }}\n\
         if (is_method(\"ACK|CANCEL\")) {{ t_relay(); exit; }}\n\
         record_route();\n\
         if ($si == \"{customer}\") {{ $du = \"sip:{telephone}\"; t_relay(); exit; }}\n\
         $rU = \"{NUMBER}\";\n\
         if (!lookup(\"location\")) {{ sl_send_reply(\"404\", \"Nobody\"); exit; }}\n\
         t_relay();\n}}\n"
    )
}

fn customer(lab: &Lab, trunk: &str) -> String {
    let mut text = config(lab, &["anna"], QUICK).replace("t1 =", "guests = false\nt1 =");
    // Writing to a String can not fail.
    let _ = write!(
        text,
        "[[trunk]]\nname = \"carrier\"\n{trunk}\ntarget = \"{}:{SIP_PORT}\"\n\
         [trunk.login]\nuser = \"{NUMBER}@{REALM}\"\npassword = \"{PASSWORD}\"\n\
         [trunk.registration]\nuser = \"{NUMBER}\"\ndomain = \"{REALM}\"\n\
         [[trunk]]\nname = \"office\"\nnetworks = [\"{}/32\"]\n\
         [[number]]\ndialled = \"+41*\"\nto = {{ trunk = \"carrier\" }}\n",
        lab.ip(2),
        lab.ip(5),
    );
    text
}

/// Registers, is called, calls out, hangs up, stops: everything is asked for a password.
fn serves(test: &str, trunk: &str, algorithm: &str, proto: &str) {
    if lacks("kamailio") {
        return;
    }
    let lab = Lab::new(test);
    let telephone = Phone::behind(lab.ip(4), "telephone", (lab.ip(2), SIP_PORT).into());
    telephone.behave(Manner::Answer);
    let at = telephone.address().to_string();
    let script = script(lab.ip(2), lab.ip(1), &at, algorithm);
    let kamailio = Kamailio::start(&lab, &script, (lab.ip(2), SIP_PORT).into());
    let mut appliance = Appliance::start(&lab, &customer(&lab, trunk));
    let api = Api::claim(&lab, &appliance);
    let registered = || api.get("/api/v1/trunks")[0]["registration"]["registered"] == true;
    until_true("the box is registered", registered);
    assert!(kamailio.said.has(&format!("REGISTER for 600 of {NUMBER} over {proto}")));

    // Whom the carrier calls at our Contact is told by To alone. No network is configured for it.
    let caller = Phone::behind(lab.ip(3), "caller", (lab.ip(2), SIP_PORT).into());
    let call = caller.call("desk");
    until_true("the caller waits", || api.get("/api/v1/site")["calls"][0]["state"] == "queued");
    caller.hang_up(&call);
    until_true("nothing is left of the call", || api.live() == Live::default());

    let office = Phone::new(&lab, 5, "office", &appliance);
    let call = office.call("+41445550");
    until_true("they talk", || api.get("/api/v1/site")["calls"][0]["state"] == "talking");
    assert!(kamailio.said.has(&format!("INVITE let in, {REALM}")));
    office.hang_up(&call);
    telephone.hears("BYE");
    assert!(kamailio.said.has("BYE let in"));
    until_true("nothing is left of the call", || api.live() == Live::default());

    appliance.signal(Signal::SIGTERM);
    assert!(appliance.ended().success());
    until_true("the registrar knows", || kamailio.said.has(&format!("REGISTER for 0 of {NUMBER}")));
}

#[test]
fn a_carrier_of_the_telekom_kind_over_tcp() {
    serves("telekom", "template = \"telekom-companyflex\"", "MD5", "tcp");
}

#[test]
fn a_registering_carrier_with_sha_256_over_udp() {
    serves("registered", "template = \"sip-trunk-registered\"", "SHA-256", "udp");
}

#[test]
fn a_wrong_password_is_told_with_its_remedy() {
    if lacks("kamailio") {
        return;
    }
    let lab = Lab::new("refused");
    let script = script(lab.ip(2), lab.ip(1), "127.0.0.1", "MD5");
    let _kamailio = Kamailio::start(&lab, &script, (lab.ip(2), SIP_PORT).into());
    let text = customer(&lab, "template = \"a1\"").replace(PASSWORD, "another long text");
    let appliance = Appliance::start(&lab, &text);
    let api = Api::claim(&lab, &appliance);
    let health = || api.get("/api/v1/site")["health"].to_string();
    until_true("the page says so", || health().contains("compare `login` with the sheet"));
    assert!(!health().contains("another long text"));
    assert!(health().contains("is not registered, and calls do not arrive"), "{}", health());
}
