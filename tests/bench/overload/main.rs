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

mod audio;
mod round;
#[path = "../started.rs"]
mod started;
mod texts;
mod world;

use nix::sys::socket::{setsockopt, sockopt};
use std::error::Error;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use world::World;

const BOX: &str = "127.0.90.1:25060";
const CALLER: &str = "127.0.90.2";
const CALLEE: &str = "127.0.90.3";
/// Calls that are on while the burst comes.
const ESTABLISHED: u32 = 50;
/// The box comes to rest.
const SETTLE: Duration = Duration::from_secs(5);
/// What comes while the generator does something else, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

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
    world.rest(SETTLE)?;
    let long = world.establish(ESTABLISHED)?;
    let before = memory(pid)?;
    let (spoken_before, heard_before) = world.heard(&long);
    let burst = world.play(times * clean, Duration::from_secs(burst_s.into()))?;
    let (spoken, heard) = world.heard(&long);
    println!("burst of {} calls/s for {burst_s} s: {}", times * clean, burst.told());
    println!("memory {} -> {} MB", before >> 20, memory(pid)? >> 20);
    let of = |call: &u32| heard.get(call).zip(heard_before.get(call)).map(|(now, then)| now - then);
    let least = long.iter().filter_map(of).min().unwrap_or(0);
    let alive = long.iter().filter(|call| world.is_on(**call)).count();
    println!(
        "established calls: {alive} of {ESTABLISHED} alive; the worst heard {least} of {} packets",
        spoken - spoken_before
    );
    world.rest(Duration::from_secs(1))?;
    let after = world.play(clean, Duration::from_secs(5))?;
    println!("one second after the burst, {clean} calls/s: {}", after.told());
    world.rest(SETTLE)?;
    println!("memory at rest {} MB", memory(pid)? >> 20);
    Ok(())
}

/// A socket that does not wait and holds much.
fn open(host: &str, port: u16) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((host, port))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
    Ok(socket)
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
