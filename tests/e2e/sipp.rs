//! SIPp: calls by a scenario.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::lab::{Lab, until};

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
        let child = &mut self.child;
        let status = until("SIPp ends", || child.try_wait().expect("the child"));
        assert!(status.success(), "SIPp ended with {status}\n{}", self.errors());
    }

    /// Whether a message with `words` was sent or received so far.
    pub fn saw(&self, words: &str) -> bool {
        let messages = fs::read(self.folder.join("messages.log")).unwrap_or_default();
        String::from_utf8_lossy(&messages).contains(words)
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
