//! kamailio, with a script of the test.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::appliance::Said;
use crate::lab::{Lab, until_true};

/// A running kamailio.
pub struct Kamailio {
    child: Child,
    /// What it has said so far.
    pub said: Said,
}

impl Kamailio {
    /// Starts it and waits until it takes connections at `listens`.
    pub fn start(lab: &Lab, script: &str, listens: SocketAddr) -> Self {
        let script = lab.file("kamailio.cfg", script);
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(script).args(["-DD", "-E", "-m", "64", "-M", "8"]);
        command.arg("-Y").arg(lab.folder()).arg("-P").arg(lab.folder().join("kamailio.pid"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kamailio");
        let said = Said::of(&mut child);
        until_true("kamailio listens", || std::net::TcpStream::connect(listens).is_ok());
        Self { child, said }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- kamailio said:\n{}---", self.said.text());
        }
        // All of its processes end with the first.
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM); // it may have ended already
        drop(self.child.wait());
    }
}
