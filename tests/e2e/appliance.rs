//! The box: the real binary as a child, with a state directory and a configuration of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, until};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_holdfast");
/// Not the usual ports, which a box on every address of this machine may have taken.
pub const SIP_PORT: u16 = 45_060;
pub const PAGE_PORT: u16 = 48_443;

/// A running box.
pub struct Appliance {
    ip: Ipv4Addr,
    state: PathBuf,
    config: PathBuf,
    command: Command,
    child: Child,
    said: Said,
    ready_after: Duration,
}

/// What a child has written so far, on both of its outputs.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<String>>);

impl Said {
    /// Reads the outputs of `child` until it closes them.
    pub fn of(child: &mut Child) -> Self {
        let said = Self::default();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as _),
            child.stderr.take().map(|output| Box::new(output) as _),
        ];
        for mut output in outputs.into_iter().flatten() {
            let said = said.clone();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(count @ 1..) = output.read(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..count]);
                    said.0.lock().expect("the text").push_str(&text);
                }
            });
        }
        said
    }

    pub fn text(&self) -> String {
        self.0.lock().expect("the text").clone()
    }

    pub fn has(&self, words: &str) -> bool {
        self.0.lock().expect("the text").contains(words)
    }
}

impl Appliance {
    /// Starts a box at the first address of the lab and waits until it is ready.
    pub fn start(lab: &Lab, config: &str) -> Self {
        let config = lab.file("holdfast.toml", config);
        let state = lab.folder().join("state");
        let mut command = Command::new(BINARY);
        command.args(["run", "--log", "text", "--state"]).arg(&state);
        command.arg("--config").arg(&config);
        Self::started(lab.ip(1), state, config, command)
    }

    /// Starts the box that lies in `root` with nothing but its configuration, and sees no more.
    pub fn start_in_root(lab: &Lab, root: &Path) -> Self {
        let mut command = Command::new("chroot");
        command.arg(root).args(["/holdfast", "run", "--log", "text", "--state", "/state"]);
        command.args(["--config", "/holdfast.toml"]);
        let state = root.join("state");
        Self::started(lab.ip(1), state, root.join("holdfast.toml"), command)
    }

    fn started(ip: Ipv4Addr, state: PathBuf, config: PathBuf, mut command: Command) -> Self {
        let since = Instant::now();
        let (child, said) = spawn(&mut command);
        let mut appliance =
            Self { ip, state, config, command, child, said, ready_after: Duration::ZERO };
        appliance.wait_until_ready(since);
        appliance
    }

    fn wait_until_ready(&mut self, since: Instant) {
        until("the box is ready", || {
            if let Some(status) = self.child.try_wait().expect("the child") {
                panic!("the box ended with {status}:\n{}", self.said.text());
            }
            self.said.has(" is ready.\n").then_some(())
        });
        self.ready_after = since.elapsed();
    }

    /// How long the last start took.
    pub const fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Where it takes SIP, over UDP and TCP.
    pub fn sip(&self) -> SocketAddr {
        SocketAddr::from((self.ip, SIP_PORT))
    }

    /// Its page.
    pub fn page(&self) -> String {
        format!("https://{}:{PAGE_PORT}", self.ip)
    }

    /// Its state directory.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What it wrote to the terminal since its last start.
    pub fn said(&self) -> String {
        self.said.text()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("the child").is_none()
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("the child");
    }

    /// Starts it again on the same state and configuration.
    pub fn start_again(&mut self) {
        assert!(!self.runs(), "it must be dead first");
        let since = Instant::now();
        (self.child, self.said) = spawn(&mut self.command);
        self.wait_until_ready(since);
    }

    /// Replaces the configuration file; the box hears of it by SIGHUP.
    pub fn write_config(&self, text: &str) {
        fs::write(&self.config, text).expect("the configuration");
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("a signal");
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the box ends", || child.try_wait().expect("the child"))
    }

    /// Size of its memory in bytes, with the pages of the program that are in use.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What it has allocated and touched, in bytes: its memory without pages of files, which come
    /// and go as the system likes.
    pub fn allocated(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// Processor time that all of its threads have used.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("/proc");
        let (_, after_name) = stat.rsplit_once(')').expect("a name");
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 10) // USER_HZ is 100
    }

    /// Number of open descriptors.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("/proc").count()
    }

    fn status(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("/proc");
        let kib = status.lines().find_map(|text| text.strip_prefix(line));
        let kib = kib.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect(line) * 1024
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the box said:\n{}---", self.said.text());
        }
        drop(self.child.kill()); // it may have ended already
        drop(self.child.wait());
    }
}

fn spawn(command: &mut Command) -> (Child, Said) {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the binary");
    let said = Said::of(&mut child);
    (child, said)
}

/// Runs the binary to its end: exit code, and what it wrote.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(BINARY).args(arguments).stdin(Stdio::null()).output();
    let output = output.expect("the binary");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A configuration for the first address of `lab`: a queue `desk` with these agents, each with an
/// account of the same name and the password [`password`]. `queue` is added to the queue's table.
/// On loopback T1 can be short; so the last memory of a transaction is gone after 64 of them, 6.4
/// s.
pub fn config(lab: &Lab, agents: &[&str], queue: &str) -> String {
    let ip = lab.ip(1);
    let names: Vec<String> = agents.iter().map(|name| format!("{name:?}")).collect();
    let mut text = format!(
        "[site]\nname = \"Lab\"\ndomain = \"{ip}\"\n\
         [sip]\nt1 = \"100ms\"\n\
         [[sip.listener]]\ntransport = \"udp\"\nbind = \"{ip}:{SIP_PORT}\"\n\
         [[sip.listener]]\ntransport = \"tcp\"\nbind = \"{ip}:{SIP_PORT}\"\n\
         [media]\nport_min = {}\nport_max = {}\n\
         [web]\nbind = \"{ip}:{PAGE_PORT}\"\n\
         [[number]]\ndialled = \"desk\"\nto = {{ queue = \"desk\" }}\n\
         [[queue]]\nname = \"desk\"\ndisplay = \"Desk\"\nmembers = [{}]\n{queue}\n",
        lab.ports().start(),
        lab.ports().end(),
        names.join(", ")
    );
    for name in agents {
        // Writing to a String can not fail.
        let _ = write!(
            text,
            "[[agent]]\nname = \"{name}\"\nendpoints = [{{ account = \"{name}\" }}]\n\
             [[account]]\nname = \"{name}\"\npassword = \"{}\"\n",
            password(name)
        );
    }
    text
}

/// The password of an account of [`config`].
pub fn password(account: &str) -> String {
    format!("{account}-has-a-long-password")
}
