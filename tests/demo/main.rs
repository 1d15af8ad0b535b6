//! The box in a living branch: agents with phones and callers from everywhere, on this machine.
//!
//! ```text
//! cargo run --release --example demo                  until Ctrl-C
//! cargo run --release --example demo -- --seconds 60  ends by itself, with a summary
//! ```
//!
//! The appliance is the real one, started as `main` starts it. Its neighbours are SIP and RTP
//! endpoints on loopback that share its reader of messages and nothing else. At the end they tell
//! what they lived, and that is compared with what the box has written, call by call.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use clap::Parser;
use holdfast::{Appliance, Facts, Options, Origin, logging};
use holdfast_base::CallId;
use holdfast_core::record::event::{Cdr, Duty};
use holdfast_core::view::SiteView;
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

mod agent;
mod audio;
mod caller;
mod chance;
mod config;
mod conversation;
mod dialog;
mod endpoint;
mod invariants;
mod summary;

use agent::{Agent, Day, Report};
use audio::Voice;
use caller::{Caller, Testimony};
use chance::Chance;
use dialog::Account;
use summary::{Evidence, Summary};

/// How often the box's CDRs are read: well before the last 50 that it shows are replaced.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a line says what is going on.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// Longer than the most patient caller, the longest ring and the longest talk together.
const CLOSING_TIME: Duration = Duration::from_secs(120);
/// How long the box may take to be rid of the last call.
const QUIET_TIME: Duration = Duration::from_secs(10);
/// Added to a seed for whoever is no caller, so that no two have the same stream of chance.
const AGENTS_FROM: u64 = 1 << 32;
const ARRIVALS: u64 = 1 << 33;

/// A branch with queues, agents and callers around a real box.
#[derive(Parser)]
struct Arguments {
    /// How long callers come; without it until Ctrl-C.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Print the summary as one JSON object; everything else goes to standard error.
    #[arg(long)]
    json: bool,
    /// What the day is made from: the same callers come at the same times and do the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Mean time between two callers, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 3000)]
    every: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(logging::Format::Text, "warn");
    match run(&arguments) {
        Ok(summary) => {
            if arguments.json {
                println!("{}", serde_json::to_string(&summary).unwrap_or_default());
            } else {
                println!("{summary}");
            }
            if summary.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Summary, Box<dyn Error>> {
    let folder = Folder::new()?;
    let file = folder.0.join("branch.toml");
    let document = config::document()?;
    std::fs::write(&file, &document.text)?;
    let state = folder.0.join("state");
    let appliance = holdfast::start(Options { state, config: Origin::File(file) })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let evidence = runtime.block_on(Branch::new(arguments, &appliance).live());
    let on_disk = appliance.stop();
    let evidence = evidence?;
    let mut broken = invariants::broken(&evidence);
    if !on_disk {
        broken.push("the box stopped and not everything was on disk".to_owned());
    }
    let seconds = arguments.seconds.unwrap_or(evidence.view.up_ms / 1000);
    Ok(Summary::of(&evidence, arguments.seed, seconds, broken))
}

/// A folder that goes when the day is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("holdfast-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in a folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all::<&Path>(&self.0);
    }
}

/// The day in the branch.
struct Branch<'a> {
    arguments: &'a Arguments,
    appliance: &'a Appliance,
    server: SocketAddr,
    begun: Instant,
    cdrs: BTreeMap<CallId, Cdr>,
    testimonies: Vec<Testimony>,
    failures: Vec<String>,
}

type Callers = JoinSet<io::Result<Testimony>>;
type Agents = JoinSet<io::Result<Report>>;

impl<'a> Branch<'a> {
    fn new(arguments: &'a Arguments, appliance: &'a Appliance) -> Self {
        let udp = appliance.facts.sip.iter().find(|(protocol, _)| *protocol == "UDP");
        let server = udp.map_or(SocketAddr::new(config::BOX, 0), |(_, address)| *address);
        Self {
            arguments,
            appliance,
            server,
            begun: Instant::now(),
            cdrs: BTreeMap::new(),
            testimonies: Vec::new(),
            failures: Vec::new(),
        }
    }

    async fn live(mut self) -> io::Result<Evidence> {
        let first_day = day_of(&self.appliance.view());
        let (day, seen) = watch::channel(Day::Open);
        let mut agents = self.open(&seen).await?;
        self.welcome(&self.appliance.facts);
        let mut callers = self.let_callers_come().await;
        self.say(&format!("no more callers; {} are served to the end", callers.len()));
        day.send_replace(Day::Closing);
        self.serve_the_last(&mut callers).await;
        day.send_replace(Day::Over);
        let mut reports = Vec::new();
        while let Some(report) = agents.join_next().await {
            match report {
                Ok(Ok(report)) => reports.push(report),
                Ok(Err(error)) => self.failures.push(format!("an agent: {error}")),
                Err(error) => self.failures.push(format!("an agent: {error}")),
            }
        }
        self.wait_for_quiet().await;
        let view = self.appliance.view();
        Ok(Evidence {
            callers: self.testimonies,
            agents: reports,
            midnight: day_of(&view) != first_day,
            view: SiteView::clone(&view),
            cdrs: self.cdrs,
            failures: self.failures,
        })
    }

    async fn open(&self, day: &watch::Receiver<Day>) -> io::Result<Agents> {
        let mut agents = Agents::new();
        for (place, (name, _)) in config::AGENTS.iter().enumerate() {
            let accounts = &self.appliance.facts.accounts;
            let password = accounts.iter().find(|(account, _)| account == name);
            let account = Account {
                name: (*name).to_owned(),
                password: password.map(|(_, password)| password.clone()).unwrap_or_default(),
            };
            let person = AGENTS_FROM + u64::try_from(place).unwrap_or(0);
            let chance = Chance::of(self.arguments.seed, person);
            let who = (account, Voice::of_agent(place));
            let agent = Agent::arrive(who, self.server, chance, day.clone()).await?;
            agents.spawn(agent.work());
        }
        Ok(agents)
    }

    fn welcome(&self, facts: &Facts) {
        self.say(&format!("Page        https://{}/", facts.page));
        if let Some(code) = &facts.claim_code {
            self.say(&format!("Claim code  {code}"));
        }
        self.say(&format!(
            "Branch      {} agents in 3 shared queues, a caller every {:.1} s over the carrier or \
             as a guest",
            config::AGENTS.len(),
            Duration::from_millis(self.arguments.every).as_secs_f64()
        ));
        self.say(&format!("Join in     call sip:sales@{} with a softphone\n", self.server));
    }

    /// Until the time is over or somebody presses Ctrl-C.
    async fn let_callers_come(&mut self) -> Callers {
        let mut callers = Callers::new();
        let mut chance = Chance::of(self.arguments.seed, ARRIVALS);
        let mean = Duration::from_millis(self.arguments.every);
        let end = self.arguments.seconds.map(|seconds| self.begun + Duration::from_secs(seconds));
        let mut look = looks();
        let mut said = Instant::now();
        let mut number = 0;
        let mut next = Instant::now() + caller::gap(&mut chance, number, mean);
        loop {
            tokio::select! {
                () = sleep_until(next) => {
                    let caller = Caller::new(number, self.arguments.seed);
                    callers.spawn(caller.call(self.server));
                    number += 1;
                    next += caller::gap(&mut chance, number, mean);
                }
                Some(done) = callers.join_next() => self.hear(done),
                _ = look.tick() => {
                    self.look();
                    if said.elapsed() >= SAY_EVERY {
                        said = Instant::now();
                        self.tell();
                    }
                }
                () = sleep_until(end.unwrap_or(next)), if end.is_some() => return callers,
                _ = tokio::signal::ctrl_c() => return callers,
            }
        }
    }

    async fn serve_the_last(&mut self, callers: &mut Callers) {
        let end = Instant::now() + CLOSING_TIME;
        let mut look = looks();
        while !callers.is_empty() {
            tokio::select! {
                Some(done) = callers.join_next() => self.hear(done),
                _ = look.tick() => self.look(),
                () = sleep_until(end) => {
                    self.failures.push(format!("{} callers never ended", callers.len()));
                    return;
                }
            }
        }
    }

    async fn wait_for_quiet(&mut self) {
        let end = Instant::now() + QUIET_TIME;
        let mut look = looks();
        while Instant::now() < end {
            look.tick().await;
            self.look();
            let view = self.appliance.view();
            if view.calls.is_empty() && view.totals.live_streams == 0 {
                return;
            }
        }
    }

    fn hear(&mut self, done: Result<io::Result<Testimony>, tokio::task::JoinError>) {
        match done {
            Ok(Ok(testimony)) => self.testimonies.push(testimony),
            Ok(Err(error)) => self.failures.push(format!("a caller: {error}")),
            Err(error) => self.failures.push(format!("a caller: {error}")),
        }
    }

    /// Reads the CDRs that are new on the page.
    fn look(&mut self) {
        let view = self.appliance.view();
        for cdr in &view.cdrs {
            self.cdrs.entry(cdr.call).or_insert_with(|| cdr.clone());
        }
    }

    fn tell(&self) {
        let view = self.appliance.view();
        let waiting: usize = view.queues.iter().map(|queue| queue.waiting.len()).sum();
        let ringing = view.queues.iter().flat_map(|queue| &queue.waiting);
        let ringing = ringing.filter(|caller| !caller.offered_to.is_empty()).count();
        let mut doing: BTreeMap<&str, usize> = BTreeMap::new();
        for agent in &view.agents {
            let off = matches!(agent.duty, Duty::OffDuty(_)) && agent.call.is_none();
            let word = if off { "off duty" } else { agent.task.as_str() };
            *doing.entry(word).or_default() += 1;
        }
        let doing: Vec<String> =
            doing.iter().map(|(word, count)| format!("{count} {word}")).collect();
        self.say(&format!(
            "{:>4} s  {} calls, {} live, {waiting} waiting ({ringing} ringing), {} CDRs; \
             agents: {}",
            self.begun.elapsed().as_secs(),
            view.totals.calls,
            view.calls.len(),
            view.totals.cdrs,
            doing.join(", ")
        ));
    }

    fn say(&self, what: &str) {
        if self.arguments.json {
            eprintln!("{what}");
        } else {
            println!("{what}");
        }
    }
}

fn looks() -> tokio::time::Interval {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look
}

/// Days since 1970 (UTC), which is how the box counts days.
fn day_of(view: &SiteView) -> i64 {
    view.at.seconds() / 86_400
}
