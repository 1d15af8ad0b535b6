//! What a relayed packet costs: our media threads, the smallest epoll relay, and rtpengine; between
//! two sides in the clear, from SDES-SRTP to RTP, and from DTLS-SRTP to RTP.
//!
//! ```text
//! cargo run --release --example bench-relay -- \
//!     --tools DIR [--sessions 600] [--seconds 6] [--runs 1] [--clean]
//! ```
//!
//! `DIR` holds `loadgen/` and `rtpengine/`; it is copied and built in a temporary folder. Each
//! relay runs alone on core 1 under SCHED_FIFO, the generator on core 0. Only the ratios of one
//! run mean anything: the figures themselves change with the machine and its neighbours.
//! `--clean` looks for the most sessions that each carries without a lost packet and with 99.9 % of
//! the packets relayed within 5 ms.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod measured;
mod shake;

use measured::Side;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Most sessions: their ports end below those of the generator (51 000).
const SESSIONS_MAX: u16 = 10_000;
/// A packet that is relayed later than this is as good as lost, in microseconds.
const LATE_US: f64 = 5000.0;
/// The search for the most sessions ends when it knows them this well.
const CLEAN_STEP: u16 = 25;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, scratch, sessions, side] = arguments.as_slice()
        && word == "relay"
    {
        return measured::relay(Path::new(scratch), sessions.parse()?, Side::named(side)?);
    }
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let tools = option("--tools").ok_or("--tools DIR is missing")?;
    let number = |name: &str, default: u16| option(name).map_or(Ok(default), |text| text.parse());
    let sessions = number("--sessions", 600)?.min(SESSIONS_MAX);
    let (seconds, runs) = (number("--seconds", 6)?, number("--runs", 1)?);
    let bench = Bench::prepare(Path::new(&tools), seconds)?;
    for _ in 0..runs {
        for side in [Side::Rtp, Side::Sdes, Side::Dtls] {
            bench.compare(side, sessions)?;
        }
    }
    if arguments.iter().any(|argument| argument == "--clean") {
        bench.most_clean_sessions()?;
    }
    std::fs::remove_dir_all(&bench.tools)?;
    Ok(())
}

/// Who relays.
#[derive(Clone, Copy)]
enum Relay {
    Ours(Side),
    Floor(Side),
    Rtpengine(Side),
}

struct Bench {
    tools: PathBuf,
    seconds: u16,
    has_rtpengine: bool,
}

/// What the generator saw of one relay.
struct Figures {
    name: &'static str,
    sessions: u16,
    micros_per_packet: f64,
    lost: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    /// Packets that the generator itself sent too late: many, and the run counts for nothing.
    generator_late: f64,
}

impl Bench {
    /// Copies the tools and builds the generator.
    fn prepare(tools: &Path, seconds: u16) -> Result<Self> {
        let copy = std::env::temp_dir().join(format!("bench-relay-{}", std::process::id()));
        run(Command::new("cp").arg("-r").arg(tools).arg(&copy))?;
        run(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
        run(&mut Command::new(copy.join("loadgen/build.sh")))?;
        let has_rtpengine = installed("rtpengine");
        if !has_rtpengine {
            println!("rtpengine is not installed: left out");
        }
        Ok(Self { tools: copy, seconds, has_rtpengine })
    }

    /// The three relays side by side.
    fn compare(&self, side: Side, sessions: u16) -> Result<()> {
        println!("{}, {sessions} sessions, {} s", side.says(), self.seconds);
        let ours = self.figures(Relay::Ours(side), sessions)?;
        let floor = self.figures(Relay::Floor(side), sessions)?;
        let over_floor = ours.micros_per_packet / floor.micros_per_packet;
        let mut lines = vec![ours, floor];
        println!("ours / floor     = {over_floor:.2}");
        if self.has_rtpengine {
            let engine = self.figures(Relay::Rtpengine(side), sessions)?;
            let ours = lines.first().map_or(f64::NAN, |ours| ours.micros_per_packet);
            println!("ours / rtpengine = {:.2}", ours / engine.micros_per_packet);
            lines.push(engine);
        }
        lines.iter().for_each(Figures::print);
        Ok(())
    }

    fn most_clean_sessions(&self) -> Result<()> {
        for side in [Side::Rtp, Side::Sdes] {
            println!("{}: most sessions without loss, 99.9 % within 5 ms", side.says());
            let ours = self.most_clean(|| Relay::Ours(side))?;
            println!("holdfast {ours}");
            if self.has_rtpengine {
                let engine = self.most_clean(|| Relay::Rtpengine(side))?;
                let ratio = f64::from(ours) / f64::from(engine.max(1));
                println!("rtpengine {engine}\nours / rtpengine = {ratio:.2}");
            }
        }
        Ok(())
    }

    /// Doubles until it is too much, then halves what is not known.
    fn most_clean(&self, relay: impl Fn() -> Relay) -> Result<u16> {
        let (mut good, mut bad) = (0, None);
        let mut next = 400;
        while bad.is_none_or(|bad: u16| bad - good > CLEAN_STEP) {
            let figures = self.figures(relay(), next)?;
            figures.print();
            if figures.is_clean() {
                good = next
            } else {
                bad = Some(next)
            }
            next = bad.map_or(good.saturating_mul(2), |bad| u16::midpoint(good, bad));
            if next > SESSIONS_MAX {
                break;
            }
        }
        Ok(good)
    }

    fn figures(&self, relay: Relay, sessions: u16) -> Result<Figures> {
        match relay {
            Relay::Ours(side) => self.ours(side, sessions),
            Relay::Floor(side) => {
                let extra = if side == Side::Rtp { None } else { Some("-S") };
                let script = "loadgen/run_floor.sh";
                self.script("epoll floor", script, ["epoll", extra.unwrap_or_default()], sessions)
            }
            Relay::Rtpengine(side) => {
                let mode = if side == Side::Rtp { "rtp" } else { "srtp" };
                self.script("rtpengine", "rtpengine/run_rtpengine.sh", [mode, ""], sessions)
            }
        }
    }

    fn ours(&self, side: Side, sessions: u16) -> Result<Figures> {
        let mut relay = Command::new("taskset")
            .args(["-c", "1", "chrt", "-f", "10"])
            .arg(std::env::current_exe()?)
            .arg("relay")
            .arg(&self.tools)
            .arg(sessions.to_string())
            .arg(side.name())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answer = self.load(&mut relay);
        drop(relay.stdin.take());
        let ended = relay.wait()?;
        let figures = Figures::read("holdfast", sessions, &answer?)?;
        if ended.success() { Ok(figures) } else { Err("the relay failed".into()) }
    }

    /// Loads the relay once it is ready; what the generator prints.
    fn load(&self, relay: &mut Child) -> Result<String> {
        let mut ready = String::new();
        let stdout = relay.stdout.take().ok_or("no output of the relay")?;
        BufReader::new(stdout).read_line(&mut ready)?;
        output(
            Command::new("chrt")
                .args(["-f", "10", "timeout", "60"])
                .arg(self.tools.join("loadgen/loadgen"))
                .arg("-f")
                .arg(measured::pairs(&self.tools))
                .args(["-t", &self.seconds.to_string(), "-w", "1.5", "-c", "0", "-P"])
                .arg(relay.id().to_string()),
        )
    }

    /// One of the scripts of the tools: what it measures, how many sessions, how long, and more.
    fn script(
        &self,
        name: &'static str,
        script: &str,
        [mode, extra]: [&str; 2],
        sessions: u16,
    ) -> Result<Figures> {
        let mut command = Command::new(self.tools.join(script));
        command.args([mode, &sessions.to_string(), &self.seconds.to_string()]);
        command.args(Some(extra).filter(|extra| !extra.is_empty()));
        Figures::read(name, sessions, &output(&mut command)?)
    }
}

impl Figures {
    /// Reads the line of JSON that the generator prints.
    fn read(name: &'static str, sessions: u16, printed: &str) -> Result<Self> {
        let line = printed.lines().find(|line| line.starts_with('{')).ok_or("no figures")?;
        let number = |key: &str| -> Result<f64> {
            let (_, rest) = line.split_once(&format!("\"{key}\":")).ok_or("a figure is missing")?;
            Ok(rest.split([',', '}']).next().unwrap_or_default().parse()?)
        };
        Ok(Self {
            name,
            sessions,
            micros_per_packet: number("relay_us_per_pkt")?,
            lost: number("lost")?,
            p50_us: number("p50")?,
            p99_us: number("p99")?,
            p999_us: number("p999")?,
            generator_late: number("gen_late5ms")?,
        })
    }

    fn is_clean(&self) -> bool {
        self.lost == 0.0 && self.p999_us < LATE_US
    }

    fn print(&self) {
        let Self { name, sessions, micros_per_packet, lost, .. } = self;
        print!("{name:12} {sessions:5} sessions, {micros_per_packet:6.2} µs CPU per packet, ");
        let Self { p50_us, p99_us, p999_us, generator_late, .. } = self;
        print!("lost {lost}, delay {p50_us}, {p99_us}, {p999_us} µs (50, 99, 99.9 %)");
        println!(", late in the generator {generator_late}");
    }
}

fn installed(program: &str) -> bool {
    let probe = Command::new("which").arg(program).stdout(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
