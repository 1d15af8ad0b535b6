//! What a technician meets at the start: a box that says why it does not start, a configuration
//! that is checked and replaced, an orderly stop.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Uid;

use crate::appliance::{Appliance, BINARY, PAGE_PORT, SIP_PORT, config, run};
use crate::lab::{Lab, until_true};
use crate::sip::Watch;
use crate::skip;

/// Runs the box where it can not start: it must say `words` once, with a remedy, and leave with 2.
fn refuses(lab: &Lab, state: &Path, words: &str) {
    let config = lab.folder().join("holdfast.toml");
    let [state, config] = [state, &config].map(|path| path.to_str().expect("a path"));
    let (code, said) = run(&["run", "--log", "text", "--state", state, "--config", config]);
    assert_refusal(code, &said, words);
}

fn assert_refusal(code: Option<i32>, said: &str, words: &str) {
    assert_eq!(code, Some(2), "{said}");
    let told = said.lines().filter(|line| line.contains(words)).count();
    assert_eq!(told, 1, "`{words}` in:\n{said}");
    let remedies = said.lines().filter(|line| line.starts_with("  remedy: ")).count();
    assert_eq!(remedies, 1, "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_taken_port_is_named_with_a_remedy() {
    let lab = Lab::new("taken");
    lab.file("holdfast.toml", &config(&lab, &["anna"], ""));
    let _taken = UdpSocket::bind((lab.ip(1), SIP_PORT)).expect("the port");
    let words = format!("can not listen on UDP {}:{SIP_PORT}", lab.ip(1));
    refuses(&lab, &lab.folder().join("state"), &words);
}

#[test]
fn a_state_directory_that_can_not_be_written_is_named() {
    let lab = Lab::new("unwritable");
    lab.file("holdfast.toml", &config(&lab, &["anna"], ""));
    let file = lab.file("a-file", "in the way");
    refuses(&lab, &file.join("state"), "a-file/state");
    if Uid::effective().is_root() {
        return; // permissions do not stop root
    }
    let closed = lab.folder().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("permissions");
    refuses(&lab, &closed.join("state"), "closed/state");
}

#[test]
fn a_second_box_on_the_same_state_is_refused() {
    let lab = Lab::new("second");
    let first = Appliance::start(&lab, &config(&lab, &["anna"], ""));
    let elsewhere =
        config(&lab, &["anna"], "").replace(&lab.ip(1).to_string(), &lab.ip(2).to_string());
    lab.file("holdfast.toml", &elsewhere);
    refuses(&lab, first.state(), "is in use by another process");
    Watch::new(lab.ip(3), first.sip()).ask();
}

#[test]
fn a_wrong_line_is_named_with_file_line_and_key() {
    let lab = Lab::new("wrong-line");
    let text = config(&lab, &["anna"], "alert = \"18\"");
    let line = 1 + text.lines().position(|line| line.starts_with("alert")).expect("the line");
    let path = lab.file("holdfast.toml", &text);
    let words = format!("{}:{line}: key `queue.alert`", path.display());
    refuses(&lab, &lab.folder().join("state"), &words);
    let (code, said) = run(&["check", path.to_str().expect("a path")]);
    assert_refusal(code, &said, &words);
    refuses_missing_file(&lab);
}

fn refuses_missing_file(lab: &Lab) {
    let absent = lab.folder().join("absent.toml");
    let (code, said) = run(&["check", absent.to_str().expect("a path")]);
    assert_refusal(code, &said, "there is no such file");
}

#[test]
fn check_accepts_what_runs_and_the_defaults() {
    let lab = Lab::new("check");
    let path = lab.file("holdfast.toml", &config(&lab, &["anna"], ""));
    for arguments in [&["check", path.to_str().expect("a path")][..], &["check"]] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.ends_with("The configuration is good.\n"), "{said}");
    }
    let (code, defaults) = run(&["defaults"]);
    assert_eq!(code, Some(0));
    let path = lab.file("defaults.toml", &defaults);
    let (code, said) = run(&["check", path.to_str().expect("a path")]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_reload_takes_a_good_file_and_leaves_a_bad_one() {
    let lab = Lab::new("reload");
    let text = config(&lab, &["anna"], "");
    let appliance = Appliance::start(&lab, &text);
    let api = crate::api::Api::claim(&lab, &appliance);
    let display = || api.desk()["display"].as_str().map(str::to_owned);
    assert_eq!(display().as_deref(), Some("Desk"));

    let changed = text.replace("display = \"Desk\"", "display = \"Front desk\"");
    let moved = changed.replace(&format!(":{PAGE_PORT}\""), ":48444\"");
    assert_ne!(moved, changed);
    appliance.write_config(&moved);
    appliance.signal(Signal::SIGHUP);
    until_true("the new name is in force", || display().as_deref() == Some("Front desk"));
    let later = "change of web.bind takes effect at the next restart";
    until_true("it says what waits for a restart", || appliance.said().contains(later));

    appliance.write_config(&text.replace("display = \"Desk\"", "display = 7"));
    appliance.signal(Signal::SIGHUP);
    until_true("the bad file is refused", || appliance.said().contains("configuration refused"));
    assert_eq!(display().as_deref(), Some("Front desk"));
    Watch::new(lab.ip(3), appliance.sip()).ask();
}

#[test]
fn sigterm_stops_in_order() {
    let lab = Lab::new("sigterm");
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], ""));
    Watch::new(lab.ip(3), appliance.sip()).ask();
    appliance.signal(Signal::SIGTERM);
    assert_eq!(appliance.ended().code(), Some(0), "{}", appliance.said());
    assert!(!appliance.said().contains("ERROR"), "{}", appliance.said());
    appliance.start_again();
    Watch::new(lab.ip(3), appliance.sip()).ask();
}

#[test]
fn the_binary_runs_in_an_empty_root() {
    if !Uid::effective().is_root() {
        return skip("root, so no chroot");
    }
    let lab = Lab::new("empty-root");
    let root = lab.folder().join("root");
    fs::create_dir_all(&root).expect("a folder");
    let delivered = root.join("holdfast");
    fs::copy(BINARY, &delivered).expect("the binary");
    fs::write(root.join("holdfast.toml"), config(&lab, &["anna"], "")).expect("a file");
    let mut appliance = Appliance::start_in_root(&lab, &root);
    Watch::new(lab.ip(3), appliance.sip()).ask();
    let (memory, descriptors) = (appliance.memory(), appliance.descriptors());
    let size = fs::metadata(delivered).expect("the binary").len();
    eprintln!(
        "binary {size} bytes, at rest {memory} bytes and {descriptors} descriptors, ready after {:?}",
        appliance.ready_after()
    );
    assert!(cfg!(debug_assertions) || memory < 30 << 20, "{memory} bytes at rest");
    assert!(cfg!(debug_assertions) || size < 20 << 20, "{size} bytes");
    assert!(appliance.runs());
}

#[test]
fn the_binary_is_linked_statically() {
    let output = Command::new("ldd").arg(BINARY).output().expect("ldd");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("statically linked") || said.contains("not a dynamic"), "{said}");
}
