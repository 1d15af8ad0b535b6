//! What a call without media costs: the real box as a B2BUA from trunk to trunk, beside Kamailio as
//! a stateful proxy, both driven by SIPp with the same scenario in one run.
//!
//! ```text
//! cargo build --release && cargo run --release --example bench-calls -- \
//!     --tools DIR [--rate 200] [--seconds 15] [--rounds 3]
//! ```
//!
//! The two take turns, and the ratio is the middle one of the rounds: the machine's own moods
//! change within a minute.
//!
//! `DIR` holds `sip/run_sip.sh`; it is copied into a temporary folder. The measured process is
//! pinned to core 1, the generator to core 0. A proxy passes one dialog through; a B2BUA keeps two,
//! answers offers and writes a journal: the bar is twice the proxy's time.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod started;

use serde_json::Value;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the box listens; the called side of SIPp is beside it.
const SIP_PORT: u16 = 25_060;
/// Where SIPp is called.
const UAS_PORT: u16 = 25_070;
/// Where the page of the measured box listens.
const PAGE_PORT: u16 = 25_443;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let tools = PathBuf::from(option("--tools").ok_or("--tools DIR is missing")?);
    let rate = option("--rate").unwrap_or_else(|| "200".to_owned());
    let seconds = option("--seconds").unwrap_or_else(|| "15".to_owned());
    let rounds: usize = option("--rounds").map_or(Ok(3), |rounds| rounds.parse())?;
    let folder = std::env::temp_dir().join(format!("holdfast-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let script = copied(&tools.join("sip"), &folder)?;
    let beside = installed("kamailio");
    if !beside {
        println!("kamailio is not installed: no ratio");
    }
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let ours = measure_ours(&script, &folder, [&rate, &seconds])?;
        println!("holdfast {ours:.3} ms of CPU per call at {rate} calls/s");
        if beside {
            let kamailio = measured(&mut run_sip(&script, "kamailio", [&rate, &seconds]))?;
            println!("kamailio {kamailio:.3} ms of CPU per call at {rate} calls/s");
            ratios.push(ours / kamailio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(ratio) = ratios.get(ratios.len() / 2) {
        println!("ratio    {ratio:.2} (holdfast / kamailio, of {ratios:.2?}; the bar is 2)");
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn copied(from: &Path, to: &Path) -> Result<PathBuf> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(to.join("run_sip.sh"))
}

fn run_sip(script: &Path, peer: &str, [rate, seconds]: [&str; 2]) -> Command {
    let mut command = Command::new("bash");
    command.arg(script).args([peer, rate, seconds]).stdin(Stdio::null());
    command
}

/// The peer's CPU time per call in milliseconds, out of the one JSON line of the script.
fn measured(command: &mut Command) -> Result<f64> {
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find(|line| line.starts_with('{')).ok_or("the script said nothing")?;
    let figures: Value = serde_json::from_str(line)?;
    println!("         {line}");
    let figure = figures.get("peer_cpu_ms_per_call").and_then(Value::as_f64);
    figure.ok_or_else(|| "no figure in the line".into())
}

fn measure_ours(script: &Path, folder: &Path, load: [&str; 2]) -> Result<f64> {
    let config = folder.join("holdfast.toml");
    std::fs::write(&config, document())?;
    let mut child = box_on_core_1(&config, &folder.join("state"))?;
    let figures = measured(
        run_sip(script, "holdfast", load)
            .env("PEERPIDS", child.id().to_string())
            .env("PEERPORT", SIP_PORT.to_string())
            .env("UASPORT", UAS_PORT.to_string()),
    );
    child.kill()?;
    child.wait()?;
    std::fs::remove_dir_all(folder.join("state"))?;
    figures
}

/// The box, ready, alone on core 1.
fn box_on_core_1(config: &Path, state: &Path) -> Result<Child> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "chrt", "-f", "10"]).arg(started::program()?);
    started::ready(command, "warn", config, state)
}

fn document() -> String {
    format!(
        "[[sip.listener]]\ntransport = \"udp\"\nbind = \"127.0.0.1:{SIP_PORT}\"\n\
         [media]\nport_min = 30000\nport_max = 39999\n[web]\nbind = \"127.0.0.1:{PAGE_PORT}\"\n\
         [[trunk]]\nname = \"load\"\nnetworks = [\"127.0.0.0/8\"]\n\
         target = \"127.0.0.1:{UAS_PORT}\"\n\
         [[number]]\ndialled = \"uas\"\nto = {{ trunk = \"load\" }}\n"
    )
}

fn installed(program: &str) -> bool {
    Command::new("which").arg(program).output().is_ok_and(|output| output.status.success())
}
