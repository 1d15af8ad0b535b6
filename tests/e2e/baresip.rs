//! baresip: a phone that others wrote. It speaks a tone and records what it hears.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::appliance::{Appliance, SIP_PORT, Said, password};
use crate::lab::{Lab, until};
use crate::tone;

const CONTROL_PORT: u16 = 4444;
/// Header of the recordings, which libsndfile completes only when they are closed.
const WAV_HEADER_BYTES: usize = 44;

/// A running baresip.
pub struct Baresip {
    child: Child,
    folder: PathBuf,
    control: TcpStream,
    said: Said,
    commands: u32,
}

impl Baresip {
    /// An agent: registers, and answers every call.
    pub fn agent(lab: &Lab, machine: u8, name: &str, hertz: u32) -> Self {
        let (domain, secret) = (lab.ip(1), password(name));
        let account = format!(
            "<sip:{name}@{domain}:{SIP_PORT}>;auth_pass=\"{secret}\";answermode=auto;regint=600"
        );
        Self::start(lab, machine, name, &account, hertz)
    }

    /// An agent who registers over TLS and takes no audio but SRTP.
    pub fn agent_over_tls(lab: &Lab, machine: u8, name: &str, (port, hertz): (u16, u32)) -> Self {
        let (domain, secret) = (lab.ip(1), password(name));
        let account = format!(
            "<sip:{name}@{domain}:{port};transport=tls>;auth_pass=\"{secret}\";\
             answermode=auto;regint=600;mediaenc=srtp-mand"
        );
        Self::start(lab, machine, name, &account, hertz)
    }

    /// Somebody without an account.
    pub fn caller(lab: &Lab, machine: u8, hertz: u32) -> Self {
        let account = format!("<sip:caller@{}:{SIP_PORT}>;regint=0", lab.ip(machine));
        Self::start(lab, machine, "caller", &account, hertz)
    }

    fn start(lab: &Lab, machine: u8, name: &str, account: &str, hertz: u32) -> Self {
        let ip = lab.ip(machine);
        let folder = lab.folder().join(format!("baresip-{name}"));
        fs::create_dir_all(&folder).expect("a folder");
        let config = configuration(ip, &folder.to_string_lossy(), hertz);
        let files = [("config", config), ("accounts", account.to_owned() + ";audio_codecs=PCMA\n")];
        for (file, text) in files.iter().chain(&[("contacts", String::new())]) {
            fs::write(folder.join(file), text).expect("a file");
        }
        let mut command = Command::new("baresip");
        command.arg("-4").arg("-f").arg(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("baresip");
        let said = Said::of(&mut child);
        let control = until("baresip is ready", || TcpStream::connect((ip, CONTROL_PORT)).ok());
        Self { child, folder, control, said, commands: 0 }
    }

    /// Calls a number of the box.
    pub fn dial(&mut self, number: &str, appliance: &Appliance) {
        self.command("dial", &format!("sip:{number}@{}", appliance.sip()));
    }

    /// Gives a command of the menu: `hold`, `resume`, `hangup`.
    pub fn command(&mut self, command: &str, parameters: &str) {
        self.commands += 1;
        let token = self.commands;
        let json = serde_json::json!({
            "command": command, "params": parameters, "token": token.to_string()
        })
        .to_string();
        // A netstring: length, colon, text, comma.
        write!(self.control, "{}:{json},", json.len()).expect("baresip takes commands");
    }

    /// Everything heard so far in the first or a later call (0, 1, ...), as samples at 8000 Hz.
    ///
    /// The recorder hears no more once its own side has held and resumed: then only the other side
    /// can tell.
    pub fn heard(&self, call: usize) -> Vec<i16> {
        let entries = fs::read_dir(&self.folder).expect("the folder");
        let paths = entries.map(|entry| entry.expect("the folder").path());
        let is_recording = |path: &PathBuf| path.to_string_lossy().ends_with("-dec.wav");
        let mut recordings: Vec<PathBuf> = paths.filter(is_recording).collect();
        recordings.sort(); // their names are times
        let recording = recordings.get(call);
        let bytes = recording.map(|path| fs::read(path).expect("a recording")).unwrap_or_default();
        let audio = bytes.get(WAV_HEADER_BYTES..).unwrap_or_default();
        audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Waits until the last `samples` of a call are right, and gives how many there were by then.
    pub fn hears(&self, call: usize, samples: usize, right: impl Fn(&[i16]) -> bool) -> usize {
        until("the right sound", || {
            let heard = self.heard(call);
            let last = &heard[heard.len().checked_sub(samples)?..];
            right(last).then_some(heard.len())
        })
    }

    /// Waits for `samples` of a call after the first `from`, and gives them.
    pub fn listen(&self, call: usize, from: usize, samples: usize) -> Vec<i16> {
        until("more sound", || Some(self.heard(call).get(from..from + samples)?.to_vec()))
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = self.said.text();
            // Every tenth of a second it tells the rates; that is no news.
            let news = said.split('\r').filter(|part| !part.contains("(bit/s)"));
            let news: String = news.collect();
            eprintln!("--- baresip in {}:\n{news}---", self.folder.display());
        }
        drop(self.child.kill()); // it may have ended already
        drop(self.child.wait());
    }
}

/// Sound comes from a sine and goes into a bridge that nobody listens to; `sndfile` records both.
fn configuration(ip: Ipv4Addr, folder: &str, hertz: u32) -> String {
    format!(
        "poll_method epoll\nsip_listen {ip}:{SIP_PORT}\nnet_interface {ip}\n\
         call_local_timeout 120\ncall_max_calls 4\nrtp_ports 7000-7100\n\
         audio_source ausine,{hertz}\nausrc_srate 48000\nausrc_channels 2\n\
         audio_player aubridge,nobody\naudio_alert aubridge,nobody\nauplay_srate 8000\n\
         jitter_buffer_delay 5-10\nsnd_path {folder}\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule ausine.so\n\
         module aubridge.so\nmodule sndfile.so\nmodule srtp.so\n\
         module_tmp account.so\nmodule_app menu.so\n\
         module_app ctrl_tcp.so\nctrl_tcp_listen {ip}:{CONTROL_PORT}\n"
    )
}

/// Whether a tone is nearly all that is in the samples.
pub fn is_tone(samples: &[i16], hertz: f64) -> bool {
    tone::share(samples, hertz, tone::RATE) > 0.8
}
