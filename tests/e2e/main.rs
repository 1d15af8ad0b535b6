//! End to end: the real binary against programs that others wrote, over loopback.
//!
//! Each test has a network, a folder and a box of its own (`lab`, `appliance`). Calls come from
//! SIPp and baresip, and from phones written by hand where a test must see each message (`phone`).
//! Tests wait for conditions and never decide by the clock. `tests/run e2e` runs them with the
//! binary of a release; the long forms are ignored otherwise.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may die of what it did not expect, and its figures are small"
)]

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

mod api;
mod appliance;
mod baresip;
mod digest;
mod kamailio;
mod lab;
mod phone;
mod rtp;
mod sip;
mod sipp;
mod tone;

mod abuse;
mod browser;
mod carrier;
mod chromium;
mod extensions;
mod load;
mod names;
mod packet_filter;
mod queue_alone;
mod ringing;
mod starting;
mod supervised;
mod survival;
mod talking;
mod tls;
mod torture;
mod trace;

/// Names the file to which tests that could not run add their name, for whoever counts.
const SKIPPED: &str = "HOLDFAST_SKIPPED";

/// Says that this test did not run, because something is not on this machine.
fn skip(absent: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("skipped {test}: no {absent}");
    if let Some(path) = std::env::var_os(SKIPPED) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a list");
        writeln!(file, "{test}: no {absent}").expect("a list");
    }
}

/// Whether `program` can be run here; says that the test is skipped when not.
fn lacks(program: &str) -> bool {
    let mut command = Command::new(program);
    let quiet = command.arg("-v").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let absent = quiet.status().is_err();
    if absent {
        skip(program);
    }
    absent
}
