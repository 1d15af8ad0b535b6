//! Bans in the packet filter of the kernel: the real nftables, in a network of the test's own, so
//! that nothing of the machine is touched.

use std::process::{Command, Stdio};
use std::thread;

use crate::abuse::{Attacker, Site};
use crate::lab::{Lab, until_true};
use crate::{lacks, skip};

/// Set in the process that has a network of its own.
const OWN_NETWORK: &str = "HOLDFAST_OWN_NETWORK";
/// The machine of the lab that is never banned.
const FRIEND: u8 = 8;
/// What somebody else has there already.
const FOREIGN: &str = "table inet theirs {\n\
    set known { type ipv4_addr; elements = { 198.51.100.9 } }\n\
    chain input { type filter hook input priority 0; policy accept; ip saddr @known drop; }\n}\n";

#[test]
fn the_kernel_drops_who_is_banned_and_nothing_is_left_behind() {
    if std::env::var_os(OWN_NETWORK).is_none() {
        return again_in_an_own_network();
    }
    succeeds("ip", &["link", "set", "lo", "up"]);
    let lab = Lab::new("packet-filter");
    let foreign = lab.file("foreign.nft", FOREIGN);
    succeeds("nft", &["-f", foreign.to_str().expect("a path")]);
    let before = nft(&["list", "ruleset"]);
    let friend = lab.ip(FRIEND);
    let mut site = Site::at(lab, &format!("nftables = true\nnever = [\"{friend}\"]"));
    assert_eq!(banned(), "", "nobody yet");

    let mut eve = Attacker::new(&site, site.eve());
    (0..20).take_while(|number| eve.guesses(&format!("guess {number}")).is_some()).count();
    until_true("the kernel knows of the ban", || banned().contains(&site.eve().to_string()));
    let before_that = dropped();
    for _ in 0..5 {
        let request = eve.request("OPTIONS", "anna", "");
        eve.send(request.as_bytes());
    }
    until_true("the kernel drops the requests", || dropped() >= before_that + 5);

    let mut known = Attacker::new(&site, friend);
    let guesses = (0..20).map_while(|number| known.guesses(&format!("slip {number}"))).count();
    assert_eq!(guesses, 20, "a friend may be wrong as often as it likes");
    assert!(!banned().contains(&friend.to_string()), "{}", banned());
    site.serves();

    site.lift(site.eve());
    until_true("the kernel lets it in again", || !banned().contains(&site.eve().to_string()));
    assert_eq!(eve.guesses("after it was lifted"), Some(403));

    assert!(nft(&["list", "tables"]).contains("inet holdfast"));
    site.stop();
    assert_eq!(nft(&["list", "ruleset"]), before, "what is ours is gone, what is theirs is there");
}

/// Runs this test once more, in a network where there is nothing else.
fn again_in_an_own_network() {
    if lacks("nft") || lacks("ip") || lacks("unshare") {
        return;
    }
    let alone = Command::new("unshare").args(["--net", "nft", "list", "ruleset"]).output();
    if !alone.is_ok_and(|output| output.status.success()) {
        return skip("right to a network of its own (root)");
    }
    let test = thread::current().name().expect("the name of a test").to_owned();
    let output = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", &test, "--nocapture"])
        .env(OWN_NETWORK, "yes")
        .stdin(Stdio::null())
        .output()
        .expect("unshare");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn succeeds(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).stdin(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {args:?}");
}

fn nft(args: &[&str]) -> String {
    let output = Command::new("nft").args(args).stdin(Stdio::null()).output().expect("nft");
    assert!(output.status.success(), "nft {args:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The addresses that the kernel keeps out, as it writes them.
fn banned() -> String {
    let set = nft(&["list", "set", "inet", "holdfast", "banned4"]);
    let elements = set.split_once("elements = {").map(|(_, rest)| rest.to_owned());
    elements.unwrap_or_default()
}

/// How many packets it has dropped for that.
fn dropped() -> u64 {
    let chain = nft(&["list", "chain", "inet", "holdfast", "input"]);
    let counts = chain.split("counter packets ").skip(1);
    counts.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
}
