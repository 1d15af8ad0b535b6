//! A central PBX with its phone at a branch: kamailio as the registrar that asks for the password,
//! the box between, and the PBX that dies and comes back.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, SIP_PORT, config, password};
use crate::kamailio::Kamailio;
use crate::lab::{Lab, until_true};
use crate::lacks;
use crate::phone::{Manner, Phone};

const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
const REALM: &str = "hq.example";

/// Registers whoever knows the password of its account, and calls whom it has registered.
fn script(ip: Ipv4Addr) -> String {
    let modules = ["tm", "sl", "rr", "pv", "xlog", "textops", "siputils", "usrloc", "registrar"];
    let modules: String = modules
        .iter()
        .chain(&["auth"])
        .map(|module| format!("loadmodule \"{module}.so\"\n"))
        .collect();
    let secret = password("2001");
    format!(
        "debug=1\nlog_stderror=yes\nchildren=1\ntcp_children=2\n\
         listen=udp:{ip}:{SIP_PORT}\nlisten=tcp:{ip}:{SIP_PORT}\n{modules}\
         modparam(\"auth\", \"qop\", \"auth\")\n\
         route {{\n\
         if (is_method(\"OPTIONS\")) {{ sl_send_reply(\"200\", \"Here\"); exit; }}\n\
         if (is_method(\"REGISTER\")) {{\n\
         if (!pv_www_authenticate(\"{REALM}\", \"{secret}\", \"0\")) {{\n\
         www_challenge(\"{REALM}\", \"1\"); exit;\n}}\n\
         xlog(\"L_ERR\", \"registered $tU by $au\\n\");\n\
         save(\"location\"); exit;\n}}\n\
         if (has_totag() && loose_route()) {{ t_relay(); exit; }}\n\
         if (is_method(\"ACK|CANCEL\")) {{ t_relay(); exit; }}\n\
         record_route();\n\
         if (!lookup(\"location\")) {{ sl_send_reply(\"404\", \"Nobody\"); exit; }}\n\
         t_relay();\n}}\n"
    )
}

fn branch(lab: &Lab) -> String {
    let mut text = config(lab, &["anna"], QUICK);
    // Writing to a String can not fail.
    let _ = write!(
        text,
        "[[account]]\nname = \"2001\"\npbx = \"hq\"\npassword = \"{}\"\n\
         [[trunk]]\nname = \"hq\"\ntype = \"pbx\"\ntarget = \"{}:{SIP_PORT}\"\n\
         networks = [\"{}/32\"]\noptions_every = \"1s\"\nanswer_within = \"1s\"\n\
         phones = {{ domain = \"{}\" }}\n",
        password("2001"),
        lab.ip(2),
        lab.ip(2),
        lab.ip(2),
    );
    text
}

/// The PBX is asked every second: that is no call.
fn is_over(api: &Api) -> bool {
    Live { transactions: 0, ..api.live() } == Live::default()
}

fn state(api: &Api) -> String {
    let trunks = api.get("/api/v1/trunks");
    trunks[0]["phones"]["phones"][0]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_phone_survives_its_pbx_and_goes_back_to_it() {
    if lacks("kamailio") {
        return;
    }
    let lab = Lab::new("extensions");
    let pbx = Kamailio::start(&lab, &script(lab.ip(2)), (lab.ip(2), SIP_PORT).into());
    let appliance = Appliance::start(&lab, &branch(&lab));
    let api = Api::claim(&lab, &appliance);
    let phone = Phone::new(&lab, 3, "2001", &appliance);
    phone.behave(Manner::Answer);
    assert_ne!(phone.registers_with("a guess"), Some(200));
    phone.register();
    assert!(pbx.said.has("registered 2001 by 2001"));
    until_true("the page shows it", || state(&api) == "through");

    let caller = Phone::behind(lab.ip(4), "caller", (lab.ip(2), SIP_PORT).into());
    let call = caller.call("2001");
    phone.talks();
    caller.hang_up(&call);
    until_true("nothing is left of the call", || is_over(&api));

    drop(pbx);
    until_true("the PBX is gone", || api.get("/api/v1/trunks")[0]["state"] == "down");
    assert_eq!(phone.registers_with("a guess"), Some(403));
    assert_eq!(state(&api), "through", "a guess takes nothing over");
    phone.register();
    until_true("the page shows it", || state(&api) == "taken_over");
    let colleague = Phone::new(&lab, 5, "colleague", &appliance);
    let call = colleague.call("2001");
    colleague.hang_up(&call);
    until_true("nothing is left of the call", || is_over(&api));

    let pbx = Kamailio::start(&lab, &script(lab.ip(2)), (lab.ip(2), SIP_PORT).into());
    until_true("the PBX is back for a while, and has its phone", || {
        // Between challenge and answer the word goes over to the PBX, which asks again.
        let status = phone.registers_with(&password("2001"));
        assert!(matches!(status, Some(200 | 401)), "{status:?}");
        state(&api) == "through"
    });
    assert!(pbx.said.has("registered 2001 by 2001"));
}
