//! SIP over TLS against programs that others wrote: openssl looks at our certificates, kamailio is
//! the trunk's peer, baresip a phone.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, SIP_PORT, config};
use crate::baresip::Baresip;
use crate::kamailio::Kamailio;
use crate::lab::{Lab, PATIENCE, until, until_true};
use crate::lacks;
use crate::phone::Phone;
use crate::sipp::Sipp;

pub const TLS_PORT: u16 = 45_061;
const PROXY_PORT: u16 = 45_060;
/// Where kamailio takes calls that it passes on over UDP.
const PLAIN_PORT: u16 = 45_062;
const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
/// Our name on the trunk, and that of its peer.
const OURS: &str = "sbc.example.org";
const PEERS: &str = "sip.example.net";

fn openssl(lab: &Lab, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(lab.folder()).stdin(Stdio::null());
    let output = command.output().expect("openssl");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Makes an authority `NAME.crt`.
pub fn authority(lab: &Lab, name: &str) {
    openssl(
        lab,
        &format!(
            "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN={name} -keyout {name}.key -out \
             {name}.crt"
        ),
    );
}

/// Makes `FILE.crt` and `FILE.key` for `host`, for servers only as Microsoft's are, and with `file`
/// as the common name, by which a test tells certificates apart.
pub fn certificate(lab: &Lab, root: &str, file: &str, host: &str, purposes: &str) {
    let extension = format!("subjectAltName=DNS:{host}\nextendedKeyUsage={purposes}\n");
    lab.file(&format!("{file}.ext"), &extension);
    openssl(
        lab,
        &format!("req -newkey rsa:2048 -nodes -subj /CN={file} -keyout {file}.key -out {file}.csr"),
    );
    openssl(
        lab,
        &format!(
            "x509 -req -in {file}.csr -CA {root}.crt -CAkey {root}.key -CAcreateserial -days 90 \
             -extfile {file}.ext -out {file}.crt"
        ),
    );
}

/// Puts a pair where the box looks for that of the trunk.
fn install(lab: &Lab, file: &str) {
    for kind in ["crt", "key"] {
        let from = lab.folder().join(format!("{file}.{kind}"));
        std::fs::copy(from, lab.folder().join(format!("trunk.{kind}"))).expect("a file");
    }
}

/// A lab with certificates for both sides and a box that lets nobody in whom it does not know.
fn box_with_trunk(test: &str) -> (Lab, Appliance) {
    let lab = Lab::new(test);
    authority(&lab, "root");
    certificate(&lab, "root", "box", "box.example.org", "serverAuth");
    certificate(&lab, "root", "first", OURS, "serverAuth,clientAuth");
    install(&lab, "first");
    let (ip, at) = (lab.ip(1), lab.folder().display().to_string());
    let mut text = config(&lab, &["anna"], QUICK).replace("t1 =", "guests = false\nt1 =");
    // Writing to a String can not fail.
    let _ = write!(
        text,
        "[[sip.listener]]\ntransport = \"tls\"\nbind = \"{ip}:{TLS_PORT}\"\n\
         certificate = \"{at}/box.crt\"\nkey = \"{at}/box.key\"\n\
         [[trunk]]\nname = \"sbc\"\ntransport = \"tls\"\nmedia_encryption = \"off\"\ntarget = \"{0}:{TLS_PORT}\"\n\
         peer_name = \"{PEERS}\"\nroots = \"{at}/root.crt\"\nadvertise = \"{OURS}\"\n\
         certificate = \"{at}/trunk.crt\"\nkey = \"{at}/trunk.key\"\n\
         [[trunk]]\nname = \"plain\"\nnetworks = [\"{0}/32\"]\ntarget = \"{0}:{PLAIN_PORT}\"\n\
         options_every = \"never\"\n",
        lab.ip(2)
    );
    let appliance = Appliance::start(&lab, &text);
    (lab, appliance)
}

/// What openssl says of a handshake with the box.
fn handshake(lab: &Lab, more: &str) -> String {
    openssl(lab, &format!("s_client -connect {}:{TLS_PORT} {more}", lab.ip(1)))
}

fn sees(told: &str, common_name: &str) -> bool {
    told.contains(&format!("subject=CN = {common_name}\n"))
        || told.contains(&format!("subject=CN={common_name}\n"))
}

#[test]
fn everybody_sees_the_certificate_that_is_meant_and_the_new_one_when_it_is_there() {
    if lacks("openssl") {
        return;
    }
    let (lab, appliance) = box_with_trunk("certificates");
    let by_name = format!("-servername {OURS}");
    for version in ["-tls1_2", "-tls1_3"] {
        let told = handshake(&lab, &format!("{version} {by_name}"));
        assert!(sees(&told, "first"), "{told}");
        let told = handshake(&lab, &format!("{version} -noservername"));
        assert!(sees(&told, "box"), "{told}");
    }
    for suite in ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"] {
        let told = handshake(&lab, &format!("-tls1_2 -cipher {suite} {by_name}"));
        assert!(told.contains(&format!("Cipher is {suite}")), "{told}");
    }

    certificate(&lab, "root", "peer", PEERS, "serverAuth");
    certificate(&lab, "root", "stranger", "sip.example.com", "clientAuth");
    authority(&lab, "other");
    certificate(&lab, "other", "foreign", PEERS, "serverAuth");
    let shown = |file: &str| {
        handshake(&lab, &format!("-tls1_2 {by_name} -cert {file}.crt -key {file}.key"))
    };
    let taken = |told: &str| told.contains("Verify return code") && !told.contains("alert");
    assert!(taken(&shown("peer")), "{}", shown("peer"));
    for file in ["stranger", "foreign"] {
        assert!(!taken(&shown(file)), "{}", shown(file));
    }

    let api = Api::claim(&lab, &appliance);
    let health = || api.get("/api/v1/site")["health"].to_string();
    assert!(health().contains("Certificate of trunk sbc"), "{}", health());
    certificate(&lab, "root", "second", OURS, "serverAuth,clientAuth");
    std::fs::copy(lab.folder().join("second.crt"), lab.folder().join("trunk.crt")).expect("a file");
    appliance.signal(Signal::SIGHUP);
    until_true("the page says what is wrong", || health().contains("it is not the key of"));
    assert!(sees(&handshake(&lab, &by_name), "first"), "the old one stays");
    install(&lab, "second");
    appliance.signal(Signal::SIGHUP);
    until_true("the new certificate is shown", || sees(&handshake(&lab, &by_name), "second"));
    until_true("the page is content", || !health().contains("it is not the key of"));
}

/// kamailio as the peer of the trunk: callers reach it over UDP, and the box over mutual TLS.
fn kamailio(lab: &Lab) -> Kamailio {
    let (ip, at) = (lab.ip(2), lab.folder().display().to_string());
    let both = format!(
        "method = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
         private_key = {at}/peer.key\ncertificate = {at}/peer.crt\nca_list = {at}/root.crt\n"
    );
    lab.file("tls.cfg", &format!("[server:default]\n{both}[client:default]\n{both}"));
    Kamailio::start(lab, &script(ip, lab.ip(1), &at), (ip, TLS_PORT).into())
}

fn script(ip: Ipv4Addr, appliance: Ipv4Addr, folder: &str) -> String {
    let modules: String = ["tls", "tm", "sl", "rr", "pv", "xlog", "textops", "siputils"]
        .iter()
        .map(|module| format!("loadmodule \"{module}.so\"\n"))
        .collect();
    format!(
        "debug=1\nlog_stderror=yes\nchildren=1\ntcp_children=2\nenable_tls=yes\n\
         listen=udp:{ip}:{PROXY_PORT}\nlisten=udp:{ip}:{PLAIN_PORT}\n\
         listen=tls:{ip}:{TLS_PORT}\n{modules}\
         modparam(\"tls\", \"config\", \"{folder}/tls.cfg\")\n\
         modparam(\"tls\", \"xavp_cfg\", \"tls\")\n\
         route {{\n\
         if ($proto == \"tls\" && is_method(\"BYE\")) {{\n\
         xlog(\"L_ERR\", \"BYE of $tls_peer_subject_cn, verified $tls_peer_verified\\n\");\n}}\n\
         $xavp(tls=>server_name) = \"{OURS}\";\n\
         if (has_totag() && loose_route()) {{\n\
         if ($rd == \"{OURS}\") {{ $du = \"sip:{appliance}:{TLS_PORT};transport=tls\"; }}\n\
         t_relay(); exit;\n}}\n\
         if (!has_totag()) {{ record_route(); }}\n\
         if ($Rp == {PLAIN_PORT}) {{ $du = \"sip:{appliance}:{SIP_PORT}\"; t_relay(); exit; }}\n\
         $du = \"sip:{appliance}:{TLS_PORT};transport=tls\";\n\
         t_relay();\n}}\n"
    )
}

#[test]
fn a_trunk_and_a_phone_talk_over_tls() {
    if lacks("openssl") || lacks("kamailio") || lacks("baresip") {
        return;
    }
    let (lab, appliance) = box_with_trunk("trunk");
    certificate(&lab, "root", "peer", PEERS, "serverAuth,clientAuth");
    let kamailio = kamailio(&lab);
    let api = Api::claim(&lab, &appliance);
    let mut agent = Baresip::agent_over_tls(&lab, 3, "anna", (TLS_PORT, 440));
    until_true("anna can be called", || api.get("/api/v1/agents/anna")["selectable"] == true);

    // Nobody but the trunk may call here: that the call is answered is the proof of its name.
    let caller = Phone::behind(lab.ip(4), "caller", (lab.ip(2), PROXY_PORT).into());
    let call = caller.call("desk");
    assert!(call.target().contains(&format!("@{OURS}:{TLS_PORT};transport=tls")), "{call:?}");
    until("anna talks", || {
        let site = api.get("/api/v1/site");
        (site["calls"][0]["state"] == "talking").then_some(())
    });
    // Now the box sends, over a connection of its own to the address in Record-Route.
    agent.command("hangup", "");
    caller.hears("BYE");
    until_true("kamailio knows us", || kamailio.said.has("BYE of first, verified 1"));
    until_true("nothing is left of the call", || api.live() == Live::default());
}

/// Calls at 50 a second to the queue through kamailio, which stands at `port`; gives the box's
/// processor time for each.
fn cpu_a_call(lab: &Lab, appliance: &Appliance, api: &Api, port: u16, calls: u64) -> Duration {
    let callers = lab.file("callers.csv", "SEQUENTIAL\ncaller\n");
    let (callers, count) = (callers.to_str().expect("a path"), calls.to_string());
    let ear = lab.ip(4).to_string();
    let caller = ["-inf", callers, "-s", "desk", "-m", &count, "-r", "50", "-d", "250"];
    let keys = ["-key", "ear_ip", &ear, "-key", "ear_port", "40000"];
    let proxy = format!("{}:{port}", lab.ip(2));
    let (before, ended) = (appliance.cpu(), total(api, "cdrs"));
    let mut sipp = Sipp::start(lab, 5, "listen.xml", &proxy, &[&caller[..], &keys].concat());
    if port == PROXY_PORT {
        until_true("half of the calls are over", || total(api, "cdrs") >= ended + calls / 2);
        certificate(lab, "root", "second", OURS, "serverAuth,clientAuth");
        install(lab, "second");
        appliance.signal(Signal::SIGHUP);
    }
    sipp.succeeds_within(PATIENCE + Duration::from_secs(calls / 25));
    until_true("nothing is left of the calls", || api.live() == Live::default());
    assert_eq!(total(api, "cdrs"), ended + calls);
    (appliance.cpu() - before) / u32::try_from(calls).expect("a few calls")
}

fn total(api: &Api, name: &str) -> u64 {
    api.get("/api/v1/site")["totals"][name].as_u64().expect("a total")
}

/// No call of many over one trunk fails while its certificate is renewed, and the peer sees the new
/// one.
fn renewed_under_load(test: &str, calls: u64) {
    if lacks("openssl") || lacks("kamailio") || lacks("sipp") {
        return;
    }
    let (lab, appliance) = box_with_trunk(test);
    certificate(&lab, "root", "peer", PEERS, "serverAuth,clientAuth");
    let kamailio = kamailio(&lab);
    let api = Api::claim(&lab, &appliance);
    let udp = cpu_a_call(&lab, &appliance, &api, PLAIN_PORT, calls);
    let tls = cpu_a_call(&lab, &appliance, &api, PROXY_PORT, calls);
    eprintln!(
        "{calls} calls each: {udp:?} of the box for a call over UDP, {tls:?} over TLS, ratio {:.2}",
        tls.as_secs_f64() / udp.as_secs_f64()
    );
    assert!(sees(&handshake(&lab, &format!("-servername {OURS}")), "second"));
    // For this BYE the box is the client.
    let caller = Phone::behind(lab.ip(4), "caller", (lab.ip(2), PROXY_PORT).into());
    caller.call("desk");
    let call = until("the call is there", || api.get("/api/v1/site")["calls"][0]["call"].as_u64());
    api.post(&format!("/api/v1/calls/call-{call}/end"));
    caller.hears("BYE");
    until_true("kamailio saw it", || kamailio.said.has("BYE of second, verified 1"));
}

#[test]
fn a_certificate_is_renewed_under_load() {
    renewed_under_load("renewal", 100);
}

#[test]
#[ignore = "long form: 60 s"]
fn a_certificate_is_renewed_under_a_thousand_calls() {
    renewed_under_load("long-renewal", 1_000);
}
