//! Arguments, signals and what a person sees in the terminal. The box itself is in `appliance`.

use clap::{Parser, Subcommand, ValueEnum};
use holdfast::{Appliance, Case, Examined, Imported, Options, Origin, Trouble, Weight, logging};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

mod banner;

/// A branch's box runs for months: memory that a burst of records needed must go back when the
/// burst is over, whichever thread frees it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a box that did not start, and of a configuration that is refused.
const EXIT_TROUBLE: u8 = 2;

/// Calls are answered, queued and brought to a person, with or without the internet.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the box (also without a verb).
    Run(Run),
    /// Read a configuration and say what is wrong with it.
    Check {
        /// The file; without one the embedded defaults.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The same, as `run` names it.
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
    /// Print the embedded default configuration, to start from.
    Defaults,
    /// Print what is usual with which carrier: the templates that a trunk can name.
    Templates,
    /// Where calls lead.
    #[command(subcommand)]
    Route(Route),
    /// When somebody is there.
    #[command(subcommand)]
    Calendar(Calendar),
    /// Play a thought-out hour against a configuration.
    #[command(subcommand)]
    Simulate(Simulate),
    /// Look at the trunks from here and say what is wrong with them.
    Doctor {
        /// One trunk; without it all of them.
        #[arg(value_name = "TRUNK")]
        trunk: Option<String>,
        /// The configuration; without one the embedded defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Route {
    /// Say which rule would take a call, and why the others would not.
    Explain {
        /// What is dialled.
        #[arg(value_name = "NUMBER")]
        called: String,
        /// Who calls: a number, or an account of this box.
        #[arg(long, value_name = "NUMBER")]
        from: Option<String>,
        /// The trunk that the call comes over; without one it is a phone of ours.
        #[arg(long, value_name = "NAME", conflicts_with = "guest")]
        trunk: Option<String>,
        /// It comes from anybody else.
        #[arg(long)]
        guest: bool,
        /// The PBX of the phone is gone: what this box decides then.
        #[arg(long)]
        pbx_gone: bool,
        /// When, on the clock of the site, for example 2026-11-23T08:00; without it now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// The configuration; without one the embedded defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum Calendar {
    /// Say whether a calendar is open, why, and when that changes next.
    Explain {
        /// The calendar.
        #[arg(value_name = "NAME")]
        name: String,
        /// When, on its clock, for example 2026-12-24T10:00; without it now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// The configuration; without one the embedded defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the holidays of a calendar file (iCalendar, .ics) as a section of the configuration.
    Import {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The name of the set.
        #[arg(long, value_name = "NAME", default_value = "imported")]
        name: String,
    },
}

#[derive(Subcommand)]
enum Simulate {
    /// Say who would get which call, when, and why nobody else.
    Queue {
        /// The callers and what the agents do; `conf/scenario.toml` is an example.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The configuration; without one the embedded defaults.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Run {
    /// Where everything is kept: log, passwords, certificate.
    #[arg(long, value_name = "DIR", default_value = "./var")]
    state: PathBuf,
    /// The configuration; without one the embedded defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "auto")]
    log: LogFormat,
    /// Which log lines are written, for example `info` or `warn,holdfast_drive=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log_filter: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// The journal under systemd, text elsewhere.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    let Arguments { verb, run } = Arguments::parse();
    let done = match verb {
        None => run_box(run),
        Some(Verb::Run(run)) => run_box(run),
        Some(Verb::Check { file, config }) => check(file.or(config)),
        Some(Verb::Defaults) => {
            banner::print(holdfast::default_document());
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Templates) => {
            banner::print(&holdfast::templates());
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Route(Route::Explain { called, from, trunk, guest, pbx_gone, at, config })) => {
            explain(&Case { called, calling: from, trunk, guest, pbx_gone, at }, config)
        }
        Some(Verb::Calendar(Calendar::Explain { name, at, config })) => {
            explain_calendar(&name, at.as_deref(), config)
        }
        Some(Verb::Calendar(Calendar::Import { file, name })) => import_holidays(&file, &name),
        Some(Verb::Simulate(Simulate::Queue { file, config })) => simulate(&file, config),
        Some(Verb::Doctor { trunk, config }) => doctor(trunk.as_deref(), config),
    };
    done.unwrap_or_else(|trouble| {
        banner::print_trouble(&trouble);
        ExitCode::from(EXIT_TROUBLE)
    })
}

fn check(file: Option<PathBuf>) -> Result<ExitCode, Trouble> {
    let warnings = holdfast::check(&file.map_or(Origin::Embedded, Origin::File))?;
    for warning in &warnings {
        banner::print(&format!("{warning}\n"));
    }
    banner::print("The configuration is good.\n");
    Ok(ExitCode::SUCCESS)
}

fn explain(case: &Case, config: Option<PathBuf>) -> Result<ExitCode, Trouble> {
    let explanation = holdfast::explain(&config.map_or(Origin::Embedded, Origin::File), case)?;
    banner::print(&explanation.to_string());
    Ok(ExitCode::SUCCESS)
}

fn explain_calendar(
    name: &str,
    at: Option<&str>,
    config: Option<PathBuf>,
) -> Result<ExitCode, Trouble> {
    let origin = config.map_or(Origin::Embedded, Origin::File);
    let explanation = holdfast::explain_calendar(&origin, name, at)?;
    banner::print(&explanation.to_string());
    Ok(ExitCode::SUCCESS)
}

fn simulate(file: &std::path::Path, config: Option<PathBuf>) -> Result<ExitCode, Trouble> {
    let rehearsal = holdfast::simulate(&config.map_or(Origin::Embedded, Origin::File), file)?;
    banner::print(&rehearsal.to_string());
    Ok(ExitCode::SUCCESS)
}

/// What was left out is said as comments, so that the output can go into the file as it is.
fn import_holidays(file: &std::path::Path, name: &str) -> Result<ExitCode, Trouble> {
    let Imported { section, taken, left_out } = holdfast::import_holidays(file, name)?;
    banner::print(&section);
    let left_out: String = left_out.iter().map(|it| format!("# Left out, {it}\n")).collect();
    banner::print(&format!("# {taken} days of {}\n{left_out}", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn doctor(trunk: Option<&str>, config: Option<PathBuf>) -> Result<ExitCode, Trouble> {
    let examined = holdfast::doctor(&config.map_or(Origin::Embedded, Origin::File), trunk)?;
    examined.iter().for_each(|it| banner::print(&banner::of_trunk(it)));
    let ill = |it: &Examined| it.findings.iter().any(|finding| finding.weight == Weight::Fault);
    Ok(if examined.iter().any(ill) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn run_box(run: Run) -> Result<ExitCode, Trouble> {
    let format = match run.log {
        LogFormat::Auto => logging::Format::Auto,
        LogFormat::Text => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    };
    logging::start(format, &run.log_filter);
    let config = run.config.map_or(Origin::Embedded, Origin::File);
    let appliance = holdfast::start(Options { state: run.state, config })?;
    banner::print(&banner::of(&appliance.facts));
    let signals = wait_for_stop(&appliance);
    let on_disk = appliance.stop();
    Ok(if signals && on_disk { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Until a signal says stop (true), or the box has ended by itself (false). SIGHUP reloads.
fn wait_for_stop(appliance: &Appliance) -> bool {
    appliance.runtime().block_on(async {
        let listen = |kind| signal(kind).ok();
        let (Some(mut stop), Some(mut interrupt), Some(mut reload)) = (
            listen(SignalKind::terminate()),
            listen(SignalKind::interrupt()),
            listen(SignalKind::hangup()),
        ) else {
            tracing::error!("no signals: stop the box by killing it");
            return std::future::pending().await;
        };
        let mut look = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = stop.recv() => return true,
                _ = interrupt.recv() => return true,
                _ = reload.recv() => match appliance.reload() {
                    Ok(()) => tracing::info!("configuration replaced"),
                    Err(trouble) => tracing::error!(%trouble, "configuration refused; the old one stays"),
                },
                _ = look.tick() => {
                    if appliance.has_ended() {
                        tracing::error!("the site loop has ended");
                        return false;
                    }
                }
            }
        }
    })
}
