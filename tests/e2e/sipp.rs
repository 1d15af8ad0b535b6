//! SIPp: calls by a scenario.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::lab::{Lab, PATIENCE, until_within};
use crate::sip::Message;

/// A running SIPp.
pub struct Sipp {
    child: Child,
    folder: PathBuf,
}

impl Sipp {
    /// Runs `scenario` from one machine of the lab towards `target`. Its traces go to a folder in
    /// the lab's.
    pub fn start(lab: &Lab, machine: u8, scenario: &str, target: &str, more: &[&str]) -> Self {
        let name = scenario.trim_end_matches(".xml");
        let folder = lab.folder().join(format!("sipp-{name}-{machine}"));
        fs::create_dir_all(&folder).expect("a folder");
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/scenarios");
        let ip = lab.ip(machine).to_string();
        let child = Command::new("sipp")
            .current_dir(&folder)
            .arg("-sf")
            .arg(scenarios.join(scenario))
            .args(["-i", &ip, "-mi", &ip, "-ci", &ip, "-p", "45060", "-nostdin"])
            .args(["-trace_err", "-error_file", "errors.log"])
            .args(["-trace_msg", "-message_file", "messages.log"])
            .args(["-timeout_error"])
            .args(more)
            .arg(target)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sipp");
        Self { child, folder }
    }

    /// Waits until it has ended, and sees that no call failed.
    pub fn succeeds(&mut self) {
        self.succeeds_within(PATIENCE);
    }

    /// The same for a long run.
    pub fn succeeds_within(&mut self, patience: Duration) {
        let status = self.ends_within(patience);
        assert!(status.success(), "SIPp ended with {status}\n{}", self.errors());
    }

    /// Waits until it has ended.
    pub fn ends_within(&mut self, patience: Duration) -> ExitStatus {
        let child = &mut self.child;
        until_within(patience, "SIPp ends", || child.try_wait().expect("the child"))
    }

    /// The messages received so far.
    pub fn received(&self) -> Vec<Message> {
        let log = fs::read(self.folder.join("messages.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let messages = log.split("\n-----------------------------------------------");
        let received = messages.filter_map(|entry| entry.split_once("message received ["));
        let texts = received.filter_map(|(_, rest)| rest.split_once(":\n\n"));
        texts.filter_map(|(_, text)| Message::parse(text.as_bytes())).collect()
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.join("errors.log")).unwrap_or_default()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- SIPp in {}:\n{}---", self.folder.display(), self.errors());
        }
        drop(self.child.kill()); // it may have ended already
        drop(self.child.wait());
    }
}
