//! What the box does with ten times the calls that it can serve.
//!
//! ```text
//! cargo build --release && cargo run --release --example bench-overload -- \
//!     [--from 50] [--burst-seconds 20] [--times 10]
//! ```
//!
//! First the highest clean rate is looked for: calls from trunk to trunk with audio both ways, each
//! a second long, of which all are answered and heard. Then, beside fifty calls that go on, the box
//! gets ten times that rate, and right after it the clean rate again. What comes of it is printed
//! and judged by whoever reads it; the generator runs on the same machine.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::indexing_slicing, reason = "its own figures")]

mod started;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

const BOX: &str = "127.0.90.1:25060";
const CALLER: &str = "127.0.90.2";
const CALLEE: &str = "127.0.90.3";
/// A packet of G.711: 20 ms.
const PACKET_EVERY: Duration = Duration::from_millis(20);
const CALL_TIME: Duration = Duration::from_secs(1);
/// An INVITE that nobody has answered is sent again after this time (timer A, RFC 3261 §17.1.1.2).
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Calls that are on while the burst comes.
const ESTABLISHED: u32 = 50;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, default: u32| {
        let place = arguments.iter().position(|argument| argument == name);
        let value = place.and_then(|place| arguments.get(place + 1));
        value.and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (from, burst_s) = (option("--from", 50), option("--burst-seconds", 20));
    let folder = std::env::temp_dir().join(format!("holdfast-overload-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let config = folder.join("holdfast.toml");
    std::fs::write(&config, document())?;
    let command = Command::new(started::program()?);
    let mut child = started::ready(command, "error", &config, &folder.join("state"))?;
    let measured = measure(child.id(), from, burst_s, option("--times", 10));
    child.kill()?;
    child.wait()?;
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(pid: u32, from: u32, burst_s: u32, times: u32) -> Result<()> {
    let mut world = World::new()?;
    let mut clean = 0;
    let mut rate = from;
    loop {
        let round = world.play(rate, Duration::from_secs(5))?;
        println!("{rate:>5} calls/s: {}", round.told());
        if !round.is_clean() {
            break;
        }
        clean = rate;
        rate += rate / 2;
    }
    println!("highest clean rate with audio: {clean} calls/s");
    if clean == 0 {
        return Err("not even the lowest rate is clean".into());
    }
    world.settle()?;
    let long = world.establish(ESTABLISHED)?;
    let before = memory(pid)?;
    let heard_before = world.heard(&long);
    let began = Instant::now();
    let burst = world.play(times * clean, Duration::from_secs(burst_s.into()))?;
    let lasted = began.elapsed();
    println!("burst of {} calls/s for {burst_s} s: {}", times * clean, burst.told());
    println!("memory {} -> {} MB", before >> 20, memory(pid)? >> 20);
    let expected = u64::try_from(lasted.as_millis() / PACKET_EVERY.as_millis())?;
    let heard = world.heard(&long);
    let least = long.iter().map(|call| heard[call] - heard_before[call]).min().unwrap_or(0);
    let alive = long.iter().filter(|call| world.is_on(**call)).count();
    println!(
        "established calls: {alive} of {ESTABLISHED} alive; the worst heard {least} of {expected} \
         packets"
    );
    world.rest(Duration::from_secs(1))?;
    let after = world.play(clean, Duration::from_secs(5))?;
    println!("one second after the burst, {clean} calls/s: {}", after.told());
    world.settle()?;
    println!("memory at rest {} MB", memory(pid)? >> 20);
    Ok(())
}

/// What came of the calls of one round.
#[derive(Default)]
struct Round {
    sent: u32,
    answered: u32,
    deaf: u32,
    refused: Vec<Duration>,
    otherwise: BTreeMap<u16, u32>,
}

impl Round {
    const fn is_clean(&self) -> bool {
        self.sent > 0 && self.answered == self.sent && self.deaf == 0
    }

    fn told(&self) -> String {
        let mut waits = self.refused.clone();
        waits.sort_unstable();
        let at = |percent: usize| {
            let place = (waits.len() * percent / 100).min(waits.len().saturating_sub(1));
            waits.get(place).copied().unwrap_or_default().as_millis()
        };
        let silent = self.sent
            - self.answered
            - self.otherwise.values().sum::<u32>()
            - u32::try_from(waits.len()).unwrap_or(u32::MAX);
        format!(
            "{} sent, {} answered ({} of them not heard), {} got 503 (after {} ms in the median, \
             {} ms for 99 %, {} ms at most), others {:?}, {} no final answer",
            self.sent,
            self.answered,
            self.deaf,
            waits.len(),
            at(50),
            at(99),
            at(100),
            self.otherwise,
            silent
        )
    }
}

enum Stage {
    Asked { again: Instant },
    On { until: Option<Instant> },
    Over,
}

struct Call {
    began: Instant,
    stage: Stage,
    /// Where the box wants to hear the caller.
    audio: Option<SocketAddr>,
    target: String,
    to: String,
    packets: u64,
}

/// Both ends of all calls.
struct World {
    caller: UdpSocket,
    callee: UdpSocket,
    caller_audio: UdpSocket,
    callee_audio: UdpSocket,
    next: u32,
    calls: BTreeMap<u32, Call>,
    /// Where the box wants to hear the callee, by Call-ID.
    answered: HashMap<String, SocketAddr>,
    by_port: HashMap<SocketAddr, u32>,
    tick: Instant,
    sequence: u16,
    round: Round,
}

impl World {
    fn new() -> Result<Self> {
        let bind = |host: &str, port: u16| -> Result<UdpSocket> {
            let socket = UdpSocket::bind((host, port))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        Ok(Self {
            caller: bind(CALLER, 25_070)?,
            callee: bind(CALLEE, 25_070)?,
            caller_audio: bind(CALLER, 41_000)?,
            callee_audio: bind(CALLEE, 41_000)?,
            next: 0,
            calls: BTreeMap::new(),
            answered: HashMap::new(),
            by_port: HashMap::new(),
            tick: Instant::now(),
            sequence: 0,
            round: Round::default(),
        })
    }

    /// Calls at this rate for so long, and waits until the last call is over.
    fn play(&mut self, rate: u32, time: Duration) -> Result<Round> {
        self.round = Round::default();
        let began = Instant::now();
        let gap = Duration::from_secs(1) / rate;
        let mut next = began;
        while began.elapsed() < time {
            while next <= Instant::now() {
                self.invite(Some(CALL_TIME))?;
                next += gap;
            }
            self.turn()?;
        }
        self.rest(CALL_TIME + AGAIN_AFTER)?;
        Ok(std::mem::take(&mut self.round))
    }

    /// Calls that go on.
    fn establish(&mut self, count: u32) -> Result<Vec<u32>> {
        let first = self.next;
        for _ in 0..count {
            self.invite(None)?;
            self.rest(PACKET_EVERY)?;
        }
        self.rest(CALL_TIME)?;
        let all: Vec<u32> = (first..self.next).collect();
        match all.iter().all(|call| self.is_on(*call)) {
            true => Ok(all),
            false => Err("the calls that should go on were not answered".into()),
        }
    }

    fn is_on(&self, call: u32) -> bool {
        self.calls.get(&call).is_some_and(|call| matches!(call.stage, Stage::On { .. }))
    }

    fn heard(&self, calls: &[u32]) -> HashMap<u32, u64> {
        let packets = |call: &u32| self.calls.get(call).map_or(0, |call| call.packets);
        calls.iter().map(|call| (*call, packets(call))).collect()
    }

    fn rest(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Lets the box come to rest: it forgets transactions after 32 s (RFC 3261 §17).
    fn settle(&mut self) -> Result<()> {
        self.rest(Duration::from_secs(5))
    }

    fn turn(&mut self) -> Result<()> {
        let mut buffer = [0; 8192];
        let mut idle = true;
        while let Ok(length) = self.caller.recv(&mut buffer) {
            idle = false;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.caller_hears(&text)?;
        }
        while let Ok(length) = self.callee.recv(&mut buffer) {
            idle = false;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.callee_hears(&text)?;
        }
        while let Ok((_, from)) = self.caller_audio.recv_from(&mut buffer) {
            idle = false;
            let call = self.by_port.get(&from).and_then(|call| self.calls.get_mut(call));
            call.into_iter().for_each(|call| call.packets += 1);
        }
        while self.callee_audio.recv_from(&mut buffer).is_ok() {
            idle = false;
        }
        self.tend()?;
        if self.tick <= Instant::now() {
            self.tick += PACKET_EVERY;
            self.speak();
        }
        if idle {
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Repetitions and ends that are due.
    fn tend(&mut self) -> Result<()> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (number, call) in &mut self.calls {
            match call.stage {
                Stage::Asked { again } if again <= now => {
                    call.stage = Stage::Asked { again: again + AGAIN_AFTER };
                    due.push((*number, false));
                }
                Stage::On { until: Some(until) } if until <= now => due.push((*number, true)),
                Stage::Asked { .. } | Stage::On { .. } | Stage::Over => {}
            }
        }
        for (number, ends) in due {
            if ends { self.hang_up(number)? } else { self.send_invite(number)? }
        }
        self.calls.retain(|_, call| !matches!(call.stage, Stage::Over));
        Ok(())
    }

    fn speak(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = [0xd5; 172];
        packet[..2].copy_from_slice(&[0x80, 8]);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        let time = u32::from(self.sequence) * 160;
        packet[4..8].copy_from_slice(&time.to_be_bytes());
        packet[8..12].copy_from_slice(&[1, 2, 3, 4]);
        // What the kernel has no room for is lost, as on any network.
        for audio in self.calls.values().filter_map(|call| call.audio) {
            let _ = self.caller_audio.send_to(&packet, audio);
        }
        for audio in self.answered.values() {
            let _ = self.callee_audio.send_to(&packet, audio);
        }
    }

    fn invite(&mut self, lasts: Option<Duration>) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let began = Instant::now();
        let stage = Stage::Asked { again: began + AGAIN_AFTER };
        let target = if lasts.is_some() { "short" } else { "long" }.to_owned();
        let call = Call { began, stage, audio: None, target, to: String::new(), packets: 0 };
        self.calls.insert(number, call);
        self.round.sent += 1;
        self.send_invite(number)
    }

    fn send_invite(&self, number: u32) -> Result<()> {
        let body = description(CALLER);
        let head = head("INVITE", &format!("sip:uas@{BOX}"), number, "");
        let text = format!(
            "{head}Contact: <sip:load@{CALLER}:25070>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.caller.send_to(text.as_bytes(), BOX)?;
        Ok(())
    }

    fn hang_up(&mut self, number: u32) -> Result<()> {
        let Some(call) = self.calls.get_mut(&number) else { return Ok(()) };
        call.stage = Stage::Over;
        if call.packets == 0 {
            self.round.deaf += 1;
        }
        let head = head("BYE", &call.target, number, &call.to);
        self.by_port.retain(|_, known| *known != number);
        self.caller.send_to(format!("{head}Content-Length: 0\r\n\r\n").as_bytes(), BOX)?;
        Ok(())
    }

    fn caller_hears(&mut self, text: &str) -> Result<()> {
        let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) else {
            return reply(&self.caller, text, "");
        };
        let status: u16 = status.parse()?;
        let number = value(text, "Call-ID").trim_start_matches("load-").parse()?;
        if status < 200 || !value(text, "CSeq").contains("INVITE") {
            return Ok(());
        }
        let to = value(text, "To").to_owned();
        let contact = value(text, "Contact").trim_matches(['<', '>']).to_owned();
        let target = if status < 300 { contact } else { format!("sip:uas@{BOX}") };
        let ack = head("ACK", &target, number, &to);
        self.caller.send_to(format!("{ack}Content-Length: 0\r\n\r\n").as_bytes(), BOX)?;
        let Some(call) = self.calls.get_mut(&number) else { return Ok(()) };
        let Stage::Asked { .. } = call.stage else { return Ok(()) };
        if status >= 300 {
            call.stage = Stage::Over;
            match status {
                503 => self.round.refused.push(call.began.elapsed()),
                _ => *self.round.otherwise.entry(status).or_default() += 1,
            }
            return Ok(());
        }
        let ends = (call.target == "short").then(|| Instant::now() + CALL_TIME);
        call.stage = Stage::On { until: ends };
        (call.target, call.to, call.audio) = (target, to, audio(text));
        self.round.answered += 1;
        if let Some(audio) = call.audio {
            self.by_port.insert(audio, number);
        }
        Ok(())
    }

    fn callee_hears(&mut self, text: &str) -> Result<()> {
        let id = value(text, "Call-ID").to_owned();
        if text.starts_with("INVITE ") {
            self.answered.extend(audio(text).map(|audio| (id, audio)));
            return reply(&self.callee, text, &description(CALLEE));
        }
        if text.starts_with("BYE ") || text.starts_with("CANCEL ") {
            self.answered.remove(&id);
        }
        if text.starts_with("ACK ") || text.starts_with("SIP/2.0") {
            return Ok(());
        }
        reply(&self.callee, text, "")
    }
}

fn head(method: &str, uri: &str, number: u32, to: &str) -> String {
    let sequence = if method == "BYE" { 2 } else { 1 };
    let branch = if method == "INVITE" { "i" } else { method };
    let to = if to.is_empty() { format!("<sip:uas@{BOX}>") } else { to.to_owned() };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER}:25070;branch=z9hG4bK{branch}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:load{number}@{CALLER}>;tag=l{number}\r\nTo: {to}\r\n\
         Call-ID: load-{number}\r\nCSeq: {sequence} {method}\r\n"
    )
}

/// Says 200 to a request of the box.
fn reply(socket: &UdpSocket, request: &str, body: &str) -> Result<()> {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq"].contains(&name) {
            text.push_str(&format!("{line}\r\n"));
        } else if name == "To" {
            let tag = if line.contains(";tag=") { "" } else { ";tag=callee" };
            text.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    let own = socket.local_addr()?;
    text.push_str(&format!("Contact: <sip:uas@{own}>\r\n"));
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    socket.send_to(text.as_bytes(), BOX)?;
    Ok(())
}

fn description(host: &str) -> String {
    format!(
        "v=0\r\no=load 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio 41000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
}

/// Where a description wants audio.
fn audio(text: &str) -> Option<SocketAddr> {
    let host = text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let port = text.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let port = port.split(' ').next()?;
    format!("{host}:{port}").parse().ok()
}

/// What the process has allocated and touched, in bytes.
fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no figure")?;
    Ok(kib.parse::<u64>()? * 1024)
}

fn document() -> String {
    format!(
        "[[sip.listener]]\ntransport = \"udp\"\nbind = \"{BOX}\"\n\
         [media]\nport_min = 26000\nport_max = 59999\n[web]\nbind = \"127.0.90.1:25443\"\n\
         [[trunk]]\nname = \"in\"\nnetworks = [\"{CALLER}\"]\n\
         [[trunk]]\nname = \"out\"\nnetworks = [\"{CALLEE}\"]\ntarget = \"{CALLEE}:25070\"\n\
         options_every = \"never\"\n\
         [[number]]\ndialled = \"uas\"\nto = {{ trunk = \"out\" }}\n"
    )
}
