//! What a relayed packet costs: our media threads, the smallest epoll relay, and rtpengine.
//!
//! ```text
//! cargo run --release --example bench-relay -- \
//!     --tools DIR [--sessions 600] [--seconds 6] [--runs 1]
//! ```
//!
//! `DIR` holds `loadgen/` and `rtpengine/`; it is copied and built in a temporary folder. Each
//! relay runs alone on core 1 under SCHED_FIFO, the generator on core 0. Only the ratios of one
//! run mean anything: the figures themselves change with the machine and its neighbours.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use holdfast_base::{Mono, StreamId};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::order::{Codec, Encoding, MediaEdge, MediaOrder, Open, Remote, Source};
use holdfast_drive::clock::Clock;
use holdfast_drive::media::{Certificates, MediaPlane};
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// First of our ports; a session takes four.
const FIRST_PORT: u16 = 10_000;
/// Most sessions: their ports end below those of the generator (51 000).
const SESSIONS_MAX: u16 = 10_000;
/// Ports of the two sides in the generator.
const SIDES: [u16; 2] = [51_000, 51_002];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, pairs, sessions] = arguments.as_slice()
        && word == "relay"
    {
        return relay(Path::new(pairs), sessions.parse()?);
    }
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let tools = option("--tools").ok_or("--tools DIR is missing")?;
    let number = |name: &str, default: u16| option(name).map_or(Ok(default), |text| text.parse());
    let sessions = number("--sessions", 600)?.min(SESSIONS_MAX);
    let (seconds, runs) = (number("--seconds", 6)?, number("--runs", 1)?);
    let bench = Bench::prepare(Path::new(&tools), sessions, seconds)?;
    for _ in 0..runs {
        bench.run()?;
    }
    std::fs::remove_dir_all(&bench.tools)?;
    Ok(())
}

/// The measured process: `sessions` calls of two streams each, until its standard input closes.
fn relay(pairs: &Path, sessions: u16) -> Result<()> {
    let opened = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&opened);
    let edges = Arc::new(move |edge: MediaEdge| {
        if let MediaEdge::OpenFailed { stream, why } = edge {
            eprintln!("{stream}: {why}");
            failed.fetch_add(1, Ordering::Relaxed);
        }
    });
    let clock = Clock::starting_at(Mono::default());
    let clips = Arc::new(ClipLibrary::default());
    let plane = MediaPlane::start(1, clock, clips, Certificates::make()?, edges)?;
    let mut lines = String::new();
    for session in 0..sessions {
        let [high, low] = (session + 1).to_be_bytes();
        let host = Ipv4Addr::new(127, 1, high, low);
        let ports = [FIRST_PORT + 4 * session, FIRST_PORT + 4 * session + 2];
        let streams = [StreamId(u64::from(session) * 2), StreamId(u64::from(session) * 2 + 1)];
        for side in [0, 1] {
            let remote = SocketAddr::new(IpAddr::V4(host), at(SIDES, side));
            let (stream, peer) = (at(streams, side), at(streams, 1 - side));
            call(&plane, stream, peer, (at(ports, side), remote));
        }
        let [ours_a, ours_b] = ports;
        let [theirs_a, theirs_b] = SIDES;
        writeln!(
            lines,
            "{host}:{theirs_a} 127.0.0.1:{ours_a} - - {host}:{theirs_b} 127.0.0.1:{ours_b} - -"
        )?;
    }
    std::fs::write(pairs, lines)?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let failed = opened.load(Ordering::Relaxed);
    plane.stop();
    if failed > 0 { Err(format!("{failed} streams failed").into()) } else { Ok(()) }
}

fn at<T: Copy>([first, second]: [T; 2], side: usize) -> T {
    if side == 0 { first } else { second }
}

/// One stream of a session, with all that a call of G.711 with telephone events has.
fn call(plane: &MediaPlane, stream: StreamId, peer: StreamId, (port, remote): (u16, SocketAddr)) {
    let codec = Codec { payload_type: 8, encoding: Encoding::Pcma, clock_hz: 8000, ptime_ms: 20 };
    plane.order(MediaOrder::Open(Open {
        stream,
        shard: stream.0 / 2,
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        rtp_port: port,
        ssrc: 0x1234_0000 + u32::from(port),
        first_sequence: port,
        timestamp_origin: u32::from(port) << 8,
    }));
    plane.order(MediaOrder::Expect {
        stream,
        remote: Remote {
            rtp: Some(remote),
            rtcp: None,
            codec,
            accepts: vec![codec],
            dtmf_to_remote: Some(101),
            dtmf_from_remote: Some(101),
            dtmf_clock_hz: 8000,
            crypto: None,
            dtls: None,
            ice: None,
            sends: true,
            receives: true,
        },
    });
    plane.order(MediaOrder::Hear { stream, source: Source::Peer(peer) });
}

struct Bench {
    tools: PathBuf,
    sessions: u16,
    seconds: u16,
}

/// What the generator saw of one relay.
struct Figures {
    name: &'static str,
    micros_per_packet: f64,
    lost: f64,
    p999_us: f64,
}

impl Bench {
    /// Copies the tools and builds the generator.
    fn prepare(tools: &Path, sessions: u16, seconds: u16) -> Result<Self> {
        let copy = std::env::temp_dir().join(format!("bench-relay-{}", std::process::id()));
        run(Command::new("cp").arg("-r").arg(tools).arg(&copy))?;
        run(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
        run(&mut Command::new(copy.join("loadgen/build.sh")))?;
        Ok(Self { tools: copy, sessions, seconds })
    }

    fn run(&self) -> Result<()> {
        let ours = self.ours()?;
        let floor = self.script("epoll floor", "loadgen/run_floor.sh", "epoll")?;
        let engine = if installed("rtpengine") {
            Some(self.script("rtpengine", "rtpengine/run_rtpengine.sh", "rtp")?)
        } else {
            println!("rtpengine is not installed: left out");
            None
        };
        println!("{} sessions, {} s", self.sessions, self.seconds);
        for figures in [Some(&ours), Some(&floor), engine.as_ref()].into_iter().flatten() {
            let Figures { name, micros_per_packet, lost, p999_us } = figures;
            print!("{name:12} {micros_per_packet:6.2} µs CPU per packet, ");
            println!("lost {lost}, p99.9 {p999_us} µs");
        }
        println!("ours / floor     = {:.2}", ours.micros_per_packet / floor.micros_per_packet);
        if let Some(engine) = engine {
            println!("ours / rtpengine = {:.2}", ours.micros_per_packet / engine.micros_per_packet);
        }
        Ok(())
    }

    fn ours(&self) -> Result<Figures> {
        let pairs = self.tools.join("pairs");
        let mut relay = Command::new("taskset")
            .args(["-c", "1", "chrt", "-f", "10"])
            .arg(std::env::current_exe()?)
            .arg("relay")
            .arg(&pairs)
            .arg(self.sessions.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answer = self.load(&mut relay, &pairs);
        drop(relay.stdin.take());
        let ended = relay.wait()?;
        let figures = Figures::read("holdfast", &answer?)?;
        if ended.success() { Ok(figures) } else { Err("the relay failed".into()) }
    }

    /// Loads the relay once it is ready; what the generator prints.
    fn load(&self, relay: &mut Child, pairs: &Path) -> Result<String> {
        let mut ready = String::new();
        let stdout = relay.stdout.take().ok_or("no output of the relay")?;
        BufReader::new(stdout).read_line(&mut ready)?;
        output(
            Command::new("chrt")
                .args(["-f", "10", "timeout", "60"])
                .arg(self.tools.join("loadgen/loadgen"))
                .arg("-f")
                .arg(pairs)
                .args(["-t", &self.seconds.to_string(), "-w", "1.5", "-c", "0", "-P"])
                .arg(relay.id().to_string()),
        )
    }

    fn script(&self, name: &'static str, script: &str, mode: &str) -> Result<Figures> {
        let mut command = Command::new(self.tools.join(script));
        command.args([mode, &self.sessions.to_string(), &self.seconds.to_string()]);
        Figures::read(name, &output(&mut command)?)
    }
}

impl Figures {
    /// Reads the line of JSON that the generator prints.
    fn read(name: &'static str, printed: &str) -> Result<Self> {
        let line = printed.lines().find(|line| line.starts_with('{')).ok_or("no figures")?;
        let number = |key: &str| -> Result<f64> {
            let (_, rest) = line.split_once(&format!("\"{key}\":")).ok_or("a figure is missing")?;
            Ok(rest.split([',', '}']).next().unwrap_or_default().parse()?)
        };
        Ok(Self {
            name,
            micros_per_packet: number("relay_us_per_pkt")?,
            lost: number("lost")?,
            p999_us: number("p999")?,
        })
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
