//! The box of the release as a child of a benchmark.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Result;

/// Its program, beside the examples.
pub fn program() -> Result<PathBuf> {
    let example = std::env::current_exe()?;
    Ok(example.ancestors().nth(2).ok_or("no folder above the example")?.join("holdfast"))
}

/// Starts `command`, which ends in [`program`], and waits until the box is ready.
pub fn ready(mut command: Command, log: &str, config: &Path, state: &Path) -> Result<Child> {
    command.args(["run", "--log-filter", log, "--config"]).arg(config);
    let mut child = command.arg("--state").arg(state).stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    for line in BufReader::new(out).lines() {
        if line?.contains("is ready") {
            return Ok(child);
        }
    }
    Err("the box did not start".into())
}
