//! Bans in the packet filter of the system, so that a flood does not even wake the box.
//!
//! A table of our own (`inet holdfast`) with a set for each family, whose elements go away by
//! themselves when the ban ends, whatever becomes of the box meanwhile. It concerns the ports of
//! SIP over UDP and TCP and nothing else: a technician who is banned still reaches the page. TLS is
//! left out, since a trunk may have to prove itself there, and so is whoever has registered phones.
//! `nft list table inet holdfast` shows who is in it, and how many packets were dropped for that.
//!
//! Told through the program `nft`, the interface that nftables keeps stable; a thread of its own
//! runs it, for it may take its time. What it refuses is said once: the box bans by itself anyway.

use holdfast_config::{Config, Listener, ListenerTransport};
use holdfast_core::abuse::{Order, Shut};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Orders that wait for the program. More are a storm of bans; the box carries those out alone.
const WAITING_MAX: usize = 1024;
/// Orders told in one run of the program.
const BATCH_MAX: usize = 256;
/// The program, looked for in the PATH.
const PROGRAM: &str = "nft";

/// Who tells the packet filter.
#[derive(Debug)]
pub struct PacketFilter {
    orders: SyncSender<Told>,
}

#[derive(Debug)]
enum Told {
    Ban(Order),
    Stop(SyncSender<()>),
}

impl PacketFilter {
    /// Makes the table, and begins to tell. None when the configuration does not want it or the
    /// system does not let us; the latter is said.
    #[must_use]
    pub fn start(config: &Config) -> Option<Self> {
        if !config.abuse.nftables {
            return None;
        }
        if let Err(error) = run(PROGRAM, &table(config)) {
            tracing::warn!(
                %error,
                "`abuse.nftables` is set, but the packet filter can not be used: install the \
                 program nft and give the service CAP_NET_ADMIN; bans hold all the same"
            );
            return None;
        }
        let (orders, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("packet-filter".to_owned());
        match thread.spawn(move || tell(&waiting)) {
            Ok(_) => Some(Self { orders }),
            Err(error) => {
                tracing::warn!(%error, "no thread for the packet filter; bans hold all the same");
                None
            }
        }
    }

    /// Tells it of a ban. What it has no room for is banned by the box alone.
    pub fn obey(&self, order: Order) {
        if self.orders.try_send(Told::Ban(order)).is_err() {
            tracing::debug!("the packet filter is behind");
        }
    }

    /// Takes the table away, and waits for that.
    pub fn stop(&self) {
        let (done, wait) = sync_channel(1);
        if self.orders.send(Told::Stop(done)).is_ok() {
            let _ = wait.recv(); // it never says a word: that its end is dropped is the news
        }
    }
}

fn tell(waiting: &Receiver<Told>) {
    let mut said = false;
    while let Ok(first) = waiting.recv() {
        let mut script = String::new();
        let mut stopping = None;
        for told in std::iter::once(first).chain(waiting.try_iter()).take(BATCH_MAX) {
            match told {
                Told::Ban(order) => script.push_str(&line(&order)),
                Told::Stop(done) => stopping = Some(done),
            }
        }
        if stopping.is_some() {
            script = "delete table inet holdfast\n".to_owned();
        }
        if let Err(error) = run(PROGRAM, &script)
            && !said
        {
            said = true;
            tracing::warn!(%error, "the packet filter does not take bans; they hold all the same");
        }
        if stopping.is_some() {
            return; // whoever waits for `done` sees it dropped
        }
    }
}

/// The table, new and empty, whether there was one or not.
fn table(config: &Config) -> String {
    let ports = |stream: bool| {
        // Over TLS a caller may turn out to be a trunk, which is never banned.
        let barred = |it: &&Listener| {
            it.transport.is_stream() == stream && !it.carries(ListenerTransport::Tls)
        };
        let listeners = config.sip.listeners.iter().filter(barred);
        let ports: BTreeSet<String> =
            listeners.map(|listener| listener.bind.port().to_string()).collect();
        ports.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut rules = String::new();
    for (protocol, ports) in [("udp", ports(false)), ("tcp", ports(true))] {
        if ports.is_empty() {
            continue;
        }
        for (family, set) in [("ip", "banned4"), ("ip6", "banned6")] {
            // Writing to a String can not fail, here and below.
            let _ = writeln!(
                rules,
                "{family} saddr @{set} {protocol} dport {{ {ports} }} counter drop"
            );
        }
    }
    format!(
        "add table inet holdfast\ndelete table inet holdfast\ntable inet holdfast {{\n\
         set banned4 {{ type ipv4_addr; flags timeout; }}\n\
         set banned6 {{ type ipv6_addr; flags interval, timeout; }}\n\
         chain input {{\ntype filter hook input priority -10; policy accept;\n{rules}}}\n}}\n"
    )
}

/// What one order is in the language of nftables.
fn line(order: &Order) -> String {
    match order {
        Order::Shut(Shut { partly: true, .. }) => String::new(),
        Order::Shut(Shut { source, lasts, .. }) => {
            let set = set(source.first());
            let seconds = lasts.as_secs().max(1);
            // One that is there already keeps its old time unless it goes first.
            let element = format!("element inet holdfast {set} {{ {source} }}");
            format!(
                "add {element}\ndelete {element}\n\
                 add element inet holdfast {set} {{ {source} timeout {seconds}s }}\n"
            )
        }
        Order::Open(source) => {
            // Deleting one that has gone by itself is an error, so it is there first.
            let element = format!("element inet holdfast {} {{ {source} }}", set(source.first()));
            format!("add {element}\ndelete {element}\n")
        }
    }
}

const fn set(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "banned4",
        IpAddr::V6(_) => "banned6",
    }
}

fn run(program: &str, script: &str) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(said.lines().next().unwrap_or("refused").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{line, run, table};
    use holdfast_core::abuse::source::Source;
    use holdfast_core::abuse::{Order, Shut};
    use std::time::Duration;

    fn shut(source: &str, partly: bool) -> Order {
        let source = Source::of(source.parse().expect(source));
        Order::Shut(Shut { source, lasts: Duration::from_secs(600), why: "scanner", partly })
    }

    #[test]
    fn the_rules_concern_the_ports_of_sip_alone() {
        let (config, _) = holdfast_config::read("", "f").expect("the defaults");
        let table = table(&config);
        for rule in [
            "ip saddr @banned4 udp dport { 5060 } counter drop",
            "ip6 saddr @banned6 tcp dport { 5060 } counter drop",
        ] {
            assert!(table.lines().any(|line| line == rule), "{table}");
        }
        assert!(!table.contains("8443"), "the page is not touched");
    }

    #[test]
    fn bans_are_elements_that_end_by_themselves() {
        let ban = line(&shut("192.0.2.7", false));
        assert!(ban.ends_with("banned4 { 192.0.2.7 timeout 600s }\n"), "{ban}");
        let ban = line(&shut("2001:db8::7", false));
        assert!(ban.ends_with("banned6 { 2001:db8::/64 timeout 600s }\n"), "{ban}");
        assert_eq!(line(&shut("192.0.2.7", true)), "", "registered phones must be heard");
    }

    #[test]
    fn a_program_that_is_absent_or_refuses_is_an_error_and_no_more() {
        assert!(run("no-such-program-of-this-name", "").is_err());
        assert!(run("false", "").is_err());
    }

    /// The real program reads what we write, where it is there and we may: `--check` is not enough
    /// for sets of a table that does not exist, so this one comes and goes.
    #[test]
    fn nft_takes_what_is_written() {
        let (config, _) = holdfast_config::read("", "f").expect("the defaults");
        let bans: String = [shut("192.0.2.7", false), shut("2001:db8::7", false)]
            .iter()
            .chain([Order::Open(Source::of([192, 0, 2, 7].into()))].iter())
            .map(line)
            .collect();
        let script = format!("{}{bans}delete table inet holdfast\n", table(&config));
        let own_network = ["--net", "--map-root-user", "nft", "-f", "-"];
        let ran = std::process::Command::new("unshare")
            .args(own_network)
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn();
        let Ok(mut child) = ran else { return };
        std::io::Write::write_all(child.stdin.as_mut().expect("a pipe"), script.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        // Without the right to a network of our own there is nothing to ask.
        let refused = ["unshare", "Operation not permitted", "cache initialization failed"]
            .iter()
            .any(|word| said.contains(word));
        assert!(output.status.success() || refused, "{said}");
    }
}
