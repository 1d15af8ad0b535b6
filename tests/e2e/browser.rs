//! Phones in browsers: JsSIP, a program that others wrote, over secure WebSocket.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, Said, config, password};
use crate::lab::{Lab, until_true};
use crate::phone::{Manner, Phone};
use crate::tls::{authority, certificate};
use crate::{lacks, skip};

const PAGES_PORT: u16 = 45_443;
pub const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
/// JsSIP and the WebSocket that it has in a browser and not in node.
const PACKAGES: [&str; 2] = ["jssip@3.13.8", "ws@8.18.0"];

/// A running JsSIP.
pub struct Browser {
    child: Child,
    said: Said,
}

impl Browser {
    /// Registers with the account of this name, without a browser.
    fn start(lab: &Lab, machine: u8, name: &str) -> Self {
        Self::run(lab, "browser.cjs", name, &lab.ip(machine).to_string())
    }

    /// Registers with the account of this name, in Chromium, which speaks a tone.
    pub fn chromium(lab: &Lab, name: &str, hertz: u32) -> Self {
        Self::run(lab, "chromium.cjs", name, &hertz.to_string())
    }

    fn run(lab: &Lab, script: &str, name: &str, what: &str) -> Self {
        let (folder, site) = (lab.folder(), lab.ip(1));
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/scenarios/");
        let mut command = Command::new("node");
        command.arg(scripts.to_owned() + script).arg(folder);
        command.arg(format!("wss://{site}:{PAGES_PORT}")).arg(name);
        command.args([&site.to_string(), &password(name), what]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("node");
        let said = Said::of(&mut child);
        Self { child, said }
    }

    pub fn order(&mut self, order: &str) {
        let orders = self.child.stdin.as_mut().expect("a pipe");
        writeln!(orders, "{order}").expect("it reads");
    }

    /// Waits until it has said something so many times.
    pub fn says(&self, words: &str, times: usize) {
        until_true(words, || self.said.text().lines().filter(|it| *it == words).count() == times);
    }

    /// How many lines begin so.
    pub fn count(&self, words: &str) -> usize {
        self.said.text().lines().filter(|it| it.starts_with(words)).count()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the browser said:\n{}---", self.said.text());
        }
        drop(self.child.stdin.take()); // the script ends, and its browser with it
        drop(self.child.wait());
    }
}

/// A box that takes browsers without audio of their own; `None` where there is no JsSIP.
fn box_without_audio(test: &str) -> Option<(Lab, Appliance)> {
    let anna = "[[account]]\nname = \"anna\"\n";
    // What is offered encrypted is refused by the description that the script writes.
    let plain = format!("{anna}media_encryption = \"off\"\n");
    box_for_browsers(test, &[], |lab| config(lab, &["anna", "ben"], QUICK).replace(anna, &plain))
}

/// A box that takes browsers, with these packages besides; `None` where there is no JsSIP.
pub fn box_for_browsers(
    test: &str,
    packages: &[&str],
    config: impl FnOnce(&Lab) -> String,
) -> Option<(Lab, Appliance)> {
    if lacks("openssl") || lacks("node") || lacks("npm") {
        return None;
    }
    let lab = Lab::new(test);
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-fund", "--no-audit", "--prefix"]).arg(lab.folder()).args(PACKAGES);
    npm.args(packages);
    let output = npm.stdin(Stdio::null()).output().expect("npm");
    if !output.status.success() {
        skip("JsSIP from npm");
        return None;
    }
    authority(&lab, "root");
    certificate(&lab, "root", "box", "box.example.org", "serverAuth");
    let (ip, at) = (lab.ip(1), lab.folder().display().to_string());
    let mut text = config(&lab);
    // Writing to a String can not fail.
    let _ = write!(
        text,
        "[[sip.listener]]\ntransport = \"wss\"\nbind = \"{ip}:{PAGES_PORT}\"\n\
         certificate = \"{at}/box.crt\"\nkey = \"{at}/box.key\"\n"
    );
    let appliance = Appliance::start(&lab, &text);
    Some((lab, appliance))
}

#[test]
fn a_browser_registers_is_called_and_calls() {
    let Some((lab, appliance)) = box_without_audio("browser") else { return };
    let api = Api::claim(&lab, &appliance);
    let mut anna = Browser::start(&lab, 3, "anna");
    anna.says("registered", 1);
    until_true("anna can be called", || api.get("/api/v1/agents/anna")["selectable"] == true);
    let caller = Phone::new(&lab, 4, "caller", &appliance);
    let call = caller.call("desk");
    anna.says("remote call talks", 1);
    caller.hang_up(&call);
    anna.says("remote call ended by remote", 1);
    let call = caller.call("desk");
    anna.says("remote call talks", 2);
    anna.order("hangup");
    caller.hears("BYE");
    drop(call);

    let ben = Phone::new(&lab, 5, "ben", &appliance);
    ben.behave(Manner::Answer);
    ben.register();
    anna.order("call ben");
    ben.talks();
    anna.says("local call talks", 1);
    anna.order("hangup");
    ben.hears("BYE");
    until_true("nothing is left of the calls", || api.live() == Live::default());
}

#[test]
fn a_call_of_a_browser_outlives_its_connection() {
    let Some((lab, appliance)) = box_without_audio("browser-drop") else { return };
    let api = Api::claim(&lab, &appliance);
    let mut anna = Browser::start(&lab, 3, "anna");
    until_true("anna can be called", || api.get("/api/v1/agents/anna")["selectable"] == true);
    let caller = Phone::new(&lab, 4, "caller", &appliance);
    let call = caller.call("desk");
    anna.says("remote call talks", 1);
    anna.order("drop");
    anna.says("registered", 2);
    caller.hang_up(&call);
    anna.says("remote call ended by remote", 1);
    until_true("nothing is left of the call", || api.live() == Live::default());
}
