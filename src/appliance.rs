//! Starting, reloading and stopping the whole box.

use holdfast_base::{Outbox, Wall};
use holdfast_config::{Config, Finding, Listener, scenario};
use holdfast_core::calendar::explain::explain_all;
use holdfast_core::command::{Command, Refusal, Reply};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::provisioning;
use holdfast_core::record::kpi::report::Question;
use holdfast_core::rehearsal::{self, Rehearsal};
use holdfast_core::routing::explain::explain;
use holdfast_core::site::{Secrets, Site, Snapshot, thresholds};
use holdfast_core::trace::hep::Agent;
use holdfast_core::view::SiteView;
use holdfast_drive::clock::Clock;
use holdfast_drive::inbox::{Inbound, Inbox, inbox};
use holdfast_drive::index::{Asker, Follower, Index};
use holdfast_drive::interfaces::interfaces;
use holdfast_drive::log::{Log, Options as LogOptions, Recovered, Sizes};
use holdfast_drive::media::{Certificates, MediaPlane, Sinks};
use holdfast_drive::names::NameServers;
use holdfast_drive::packet_filter::PacketFilter;
use holdfast_drive::porter::Porter;
use holdfast_drive::pulse::Pulse;
use holdfast_drive::recordings::{Recordings, Stop};
use holdfast_drive::run::SiteLoop;
use holdfast_drive::streams::{Speaking, Streams};
use holdfast_drive::systemd;
use holdfast_drive::tls::{News, Tls};
use holdfast_drive::trace::{Options as TraceOptions, Tracer};
use holdfast_drive::udp::UdpListener;
use holdfast_web::{Accounts, BoxFuture, Doors, Identity, RecordingDoors};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::recordings;
use crate::settings::{self, Origin};
use crate::trouble::Trouble;

/// Threads for pages and TCP connections; calls and audio have threads of their own.
const PAGE_THREADS: usize = 2;
/// CDRs that the page shows at first.
const CDRS_SHOWN: usize = 50;
/// How often the files of certificates are looked at.
const CERTIFICATES_EVERY: Duration = Duration::from_secs(60);
/// How long the page may take to finish answers when the box stops.
const GOODBYE: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is kept.
    pub state: PathBuf,
    /// Where the configuration comes from.
    pub config: Origin,
}

/// A running box.
#[derive(Debug)]
pub struct Appliance {
    runtime: Runtime,
    inbox: Inbox,
    tls: Tls,
    site: JoinHandle<io::Result<SiteLoop>>,
    follower: Follower,
    views: watch::Receiver<Arc<SiteView>>,
    in_force: watch::Sender<Arc<Config>>,
    pulse: Arc<Pulse>,
    recordings: Recordings,
    recorder: Stop,
    stop_page: oneshot::Sender<()>,
    page: tokio::task::JoinHandle<()>,
    options: Options,
    /// For the person who started it.
    pub facts: Facts,
}

/// What a person needs to know to use the box.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Bound SIP addresses with their protocol.
    pub sip: Vec<(&'static str, SocketAddr)>,
    /// Bound address of the page.
    pub page: SocketAddr,
    /// SHA-256 of the page's certificate.
    pub fingerprint: String,
    /// The code that claims the box; none once it is claimed.
    pub claim_code: Option<String>,
    /// Phone accounts whose password the box has made, with it.
    pub accounts: Vec<(String, String)>,
    /// Names of the queues.
    pub queues: Vec<String>,
    /// What the log had to mend, and what the configuration warns of.
    pub notes: Vec<String>,
    /// The configuration in force.
    pub config: Arc<Config>,
}

/// Starts the box: everything is bound and restored when this returns.
///
/// # Errors
/// When something is missing or taken; nothing runs then.
pub fn start(options: Options) -> Result<Appliance, Trouble> {
    let state = options.state.clone();
    std::fs::create_dir_all(&state).map_err(|error| Trouble::file(&state, &error))?;
    let (config, made, mut notes, library) = configure(&options)?;
    let bound = Bound::all(&config)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(PAGE_THREADS)
        .thread_name("page")
        .enable_all()
        .build()
        .map_err(no_resources)?;
    let (inbox, reader) = inbox().map_err(no_resources)?;
    let (log, recovered) = open_log(&state, &inbox)?;
    notes.extend(recovered.repaired.iter().cloned());
    let clock = continued(&recovered);
    let shown = Certificates::make().map_err(no_resources)?;
    let own = secrets(&shown)?;
    let (recordings, recorder) = recordings::open(&state, &recovered.events, &config)?;
    let sinks = sinks(&inbox, &recordings);
    let media = start_media(&config, clock, library, shown, sinks)?;
    let (index, says) = Index::open(&state.join("index"), &recovered.events, thresholds(&config));
    notes.extend(says);
    let (site, first, view) = restore(&config, clock, &recovered, &index, own)?;
    let follower = Follower::start(index, clock).map_err(no_resources)?;
    let (views, seen) = watch::channel(Arc::new(view));
    let pulse = Arc::new(Pulse::new());
    let (tls, news) = Tls::open(&config);
    let porter = Porter::new(&config, PacketFilter::start(&config));
    let handle = runtime.handle().clone();
    let streams = Streams::new(handle, inbox.clone(), tls.clone(), porter.clone());
    let names = NameServers::new(runtime.handle().clone(), inbox.clone(), &config.dns);
    for (listener, speaking) in bound.streams {
        streams.listen(listener, speaking).map_err(no_resources)?;
    }
    let tracer = start_trace(&config)?;
    tell_certificates(&inbox, news);
    runtime.spawn(look_after(tls.clone(), inbox.clone()));
    let parts = SiteLoop {
        site,
        clock,
        udp: bound.udp,
        streams,
        porter,
        names,
        media,
        log,
        recordings: recordings.clone(),
        inbox: reader,
        views,
        pulse: Arc::clone(&pulse),
        tracer: tracer.clone(),
    };
    let (page, facts) = prepare_page(&config, &state, bound.page, bound.sip, made, notes)?;
    let (in_force, rules) = watch::channel(Arc::clone(&config));
    let recorded = recordings::doors(&recordings);
    let doors = doors(&inbox, &seen, &rules, &pulse, (tracer, recorded, follower.asker()));
    let site = spawn_loop(parts, first)?;
    let (stop_page, stopped) = oneshot::channel();
    let page = runtime.spawn(page.serve(doors, stopped));
    systemd::feed_watchdog(Arc::clone(&pulse));
    systemd::ready();
    let views = seen;
    Ok(Appliance {
        runtime,
        inbox,
        tls,
        site,
        follower,
        views,
        in_force,
        pulse,
        recordings,
        recorder,
        stop_page,
        page,
        options,
        facts,
    })
}

impl Appliance {
    /// The newest picture of the site.
    #[must_use]
    pub fn view(&self) -> Arc<SiteView> {
        Arc::clone(&self.views.borrow())
    }

    /// The runtime of the page, for whoever waits for signals.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Whether the site loop is over although nobody stopped it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.site.is_finished()
    }

    /// Whether every part of the box moves.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pulse.is_alive() && !self.site.is_finished()
    }

    /// Gives an order as the page does.
    ///
    /// # Errors
    /// Why it is not carried out.
    pub fn order(&self, command: Command) -> Reply {
        self.runtime.block_on(order(self.inbox.clone(), command))
    }

    /// Reads the configuration again and swaps it; a bad one changes nothing.
    ///
    /// # Errors
    /// Why the running configuration stays in force.
    pub fn reload(&self) -> Result<(), Trouble> {
        let (config, _, _, _) = configure(&self.options)?;
        let later = settings::waiting_for_a_restart(&self.facts.config, &config);
        let news = self.tls.configure(&config);
        let pushed = self.inbox.try_push(Inbound::Configured(Arc::clone(&config)));
        tell_certificates(&self.inbox, news);
        pushed.map_err(|_| Trouble::new("the box is too busy to take it", "try again"))?;
        self.recordings.configure(recordings::rules(&config));
        self.in_force.send_replace(config);
        for key in later {
            tracing::warn!("change of {key} takes effect at the next restart");
        }
        Ok(())
    }

    /// Ends the process's part: what happened is written, calls go on when the box starts again.
    /// True when everything is on disk.
    #[must_use]
    pub fn stop(self) -> bool {
        systemd::stopping();
        let _ = self.stop_page.send(()); // a page that is gone already has stopped
        let Self { runtime, inbox, site, follower, page, recorder, .. } = self;
        runtime.block_on(async {
            inbox.push(Inbound::Stop).await;
            if tokio::time::timeout(GOODBYE, page).await.is_err() {
                tracing::debug!("a page was still open");
            }
        });
        // The loop may still have something to say over a connection, which the runtime writes.
        let site = site.join();
        runtime.shutdown_background();
        let on_disk = match site {
            Ok(Ok(parts)) => {
                parts.media.stop();
                parts.porter.stop();
                parts.log.close()
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the site loop ended");
                false
            }
            Err(_) => false,
        };
        recorder.stop();
        follower.stop();
        on_disk
    }
}

type Configured = (Arc<Config>, Vec<(String, String)>, Vec<String>, ClipLibrary);

fn configure(options: &Options) -> Result<Configured, Trouble> {
    let (mut config, findings, library) = settings::read_with_library(&options.config)?;
    let without: Vec<usize> = (0..config.accounts.len())
        .filter(|place| config.accounts.get(*place).is_some_and(|a| a.password.is_none()))
        .collect();
    settings::complete(&mut config, &options.state)?;
    let made = without
        .into_iter()
        .filter_map(|place| config.accounts.get(place))
        .filter_map(|a| Some((a.name.to_string(), a.password.as_ref()?.0.clone())))
        .collect();
    let warnings = findings.iter().map(ToString::to_string).collect();
    Ok((Arc::new(config), made, warnings, library))
}

/// Every address, bound before anything runs, so that a taken one is one clear message.
struct Bound {
    udp: Vec<UdpListener>,
    streams: Vec<(TcpListener, Speaking)>,
    page: TcpListener,
    sip: Vec<(&'static str, SocketAddr)>,
}

impl Bound {
    fn all(config: &Config) -> Result<Self, Trouble> {
        let (mut udp, mut streams, mut sip) = (Vec::new(), Vec::new(), Vec::new());
        for listener in &config.sip.listeners {
            match Speaking::on(listener) {
                None => {
                    let socket = UdpListener::bind(listener.bind)
                        .map_err(|e| Trouble::listen("UDP", listener.bind, SIP_BIND, &e))?;
                    sip.push(("UDP", socket.bound()));
                    udp.push(socket);
                }
                Some(speaking) => streams.push((stream_socket(listener, &mut sip)?, speaking)),
            }
        }
        let address = config.web.bind;
        let page = holdfast_drive::streams::bind(address)
            .map_err(|error| Trouble::listen("HTTPS", address, "web.bind", &error))?;
        Ok(Self { udp, streams, page, sip })
    }
}

fn stream_socket(
    listener: &Listener,
    sip: &mut Vec<(&'static str, SocketAddr)>,
) -> Result<TcpListener, Trouble> {
    let name = listener.speaks();
    let socket = holdfast_drive::streams::bind(listener.bind)
        .map_err(|e| Trouble::listen(name, listener.bind, SIP_BIND, &e))?;
    sip.push((name, socket.local_addr().unwrap_or(listener.bind)));
    Ok(socket)
}

/// Looks at the certificates again and again: whoever renews them need not tell the box.
async fn look_after(tls: Tls, inbox: Inbox) {
    loop {
        tokio::time::sleep(CERTIFICATES_EVERY).await;
        let tls = tls.clone();
        // Files may lie on a slow disk; connections must not wait for it.
        if let Ok(news) = tokio::task::spawn_blocking(move || tls.look()).await {
            inbox.push(Inbound::Certificates(news)).await;
        }
    }
}

fn tell_certificates(inbox: &Inbox, news: News) {
    if inbox.try_push(Inbound::Certificates(news)).is_err() {
        tracing::warn!("the site loop is far behind: it hears of the certificates in a minute");
    }
}

/// The key of a SIP listener's address, for messages.
const SIP_BIND: &str = "sip.listener.bind";

fn open_log(state: &Path, inbox: &Inbox) -> Result<(Log, Recovered), Trouble> {
    let bell = inbox.clone();
    let options = LogOptions { sizes: Sizes::default(), wake: Box::new(move |_| bell.ring()) };
    Log::open(&state.join("log"), options)
        .map_err(|error| Trouble::new(error.to_string(), error.remedy()))
}

/// Site time goes on where the last run stopped, plus the time that nobody counted.
fn continued(recovered: &Recovered) -> Clock {
    let wall = Clock::starting_at(recovered.last.mono).now().wall;
    let away = wall.micros().saturating_sub(recovered.last.wall.micros());
    let away = Duration::from_micros(u64::try_from(away).unwrap_or(0));
    let first_start = recovered.last.wall.micros() == 0;
    Clock::starting_at(recovered.last.mono + if first_start { Duration::ZERO } else { away })
}

fn start_media(
    config: &Config,
    clock: Clock,
    library: ClipLibrary,
    certificates: Certificates,
    sinks: Sinks,
) -> Result<MediaPlane, Trouble> {
    let threads = config.media.threads.into();
    MediaPlane::start(threads, clock, Arc::new(library), certificates, sinks).map_err(no_resources)
}

/// Where the media threads put what they have to say.
fn sinks(inbox: &Inbox, recordings: &Recordings) -> Sinks {
    let door = inbox.clone();
    let edges = Arc::new(move |edge| {
        if door.try_push(Inbound::Media(edge)).is_err() {
            tracing::warn!("the site loop is far behind: a report of the media plane is lost");
        }
    });
    Sinks { edges, tapes: recordings::sink(recordings) }
}

/// What this process has and no other.
fn secrets(shown: &Certificates) -> Result<Secrets, Trouble> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| no_resources(error.into()))?;
    Ok(Secrets { seed, certificates: shown.fingerprints() })
}

fn restore(
    config: &Arc<Config>,
    clock: Clock,
    recovered: &Recovered,
    index: &Index,
    own: Secrets,
) -> Result<(Site, Outbox<holdfast_core::site::Output>, SiteView), Trouble> {
    let snapshot = Snapshot {
        next_lsn: Some(recovered.next_lsn),
        last: recovered.last,
        states: recovered.states.clone(),
    };
    let folds = index.folds(CDRS_SHOWN);
    let now = clock.now();
    let mut first = Outbox::new();
    let config = Arc::clone(config);
    let site = Site::restore(now, config, interfaces(), own, &snapshot, folds, &mut first);
    let view = site.view(now);
    Ok((site, first, view))
}

fn spawn_loop(
    parts: SiteLoop,
    first: Outbox<holdfast_core::site::Output>,
) -> Result<JoinHandle<io::Result<SiteLoop>>, Trouble> {
    std::thread::Builder::new()
        .name("site".to_owned())
        .spawn(move || parts.run(first))
        .map_err(no_resources)
}

fn start_trace(config: &Config) -> Result<Tracer, Trouble> {
    let agent = || Agent { id: config.trace.homer_id, name: config.site.name.clone() };
    let homer = config.trace.homer.map(|collector| (collector, agent()));
    Tracer::start(TraceOptions { megabytes: config.trace.megabytes, homer }).map_err(no_resources)
}

fn doors(
    inbox: &Inbox,
    views: &watch::Receiver<Arc<SiteView>>,
    rules: &watch::Receiver<Arc<Config>>,
    pulse: &Arc<Pulse>,
    (tracer, recordings, index): (Tracer, RecordingDoors, Asker),
) -> Doors {
    let (inbox, rules, pulse) = (inbox.clone(), rules.clone(), Arc::clone(pulse));
    let (phones, days, site) = (rules.clone(), rules.clone(), rules.clone());
    let (plays, stage) = (rules.clone(), Arc::new(Semaphore::new(1)));
    let (patients, turn) = (rules.clone(), Arc::new(Semaphore::new(1)));
    Doors {
        views: views.clone(),
        orders: Arc::new(move |command| -> BoxFuture<Reply> {
            Box::pin(order(inbox.clone(), command))
        }),
        explain: Arc::new(move |case, now| explain(&rules.borrow(), case, now)),
        almanac: Arc::new(move |name, at, now| explain_all(&days.borrow(), name, at, now)),
        figures: Arc::new(move |asked, now| {
            let (index, zone) = (index.clone(), site.borrow().site.time_zone.clone());
            Box::pin(async move {
                match Question::read(&asked, &zone, now) {
                    Ok(question) => index.ask(question).await,
                    Err(unclear) => Some(Err(unclear)),
                }
            })
        }),
        rehearse: Arc::new(move |scenario, now| {
            let (config, turn) = (Arc::clone(&plays.borrow()), Arc::clone(&stage));
            Box::pin(async move {
                // One at a time: each takes a processor for a moment.
                let _turn = turn.try_acquire().ok()?;
                let played = move || rehearse(&config, &scenario, now);
                tokio::task::spawn_blocking(played).await.ok()
            })
        }),
        phones: Arc::new(move |secret, name| provisioning::file(&phones.borrow(), secret, name)),
        doctor: Arc::new(move |trunk| {
            let (config, turn) = (Arc::clone(&patients.borrow()), Arc::clone(&turn));
            Box::pin(async move {
                let trunk = config.trunk(&trunk)?;
                // One look at a time: each opens connections to somebody else.
                let _turn = turn.acquire().await.ok()?;
                Some(holdfast_drive::doctor::examine(&config, trunk).await)
            })
        }),
        healthy: Arc::new(move || pulse.is_alive()),
        trace: Arc::new(move |question| {
            let tracer = tracer.clone();
            Box::pin(async move { tracer.ask(question).await })
        }),
        recordings,
    }
}

fn rehearse(config: &Config, text: &str, now: Wall) -> Result<Rehearsal, Vec<String>> {
    let told = |it: Vec<Finding>| it.iter().map(ToString::to_string).collect::<Vec<_>>();
    let scenario = scenario::read(text, "scenario", config, now).map_err(told)?;
    Ok(rehearsal::play(config, &scenario))
}

async fn order(inbox: Inbox, command: Command) -> Reply {
    let (reply, answer) = oneshot::channel();
    if inbox.try_push(Inbound::Command { command, reply }).is_err() {
        return Err(Refusal::Unavailable);
    }
    answer.await.unwrap_or(Err(Refusal::Unavailable))
}

/// The page, ready to serve.
struct Page {
    listener: TcpListener,
    identity: Identity,
    accounts: Accounts,
}

impl Page {
    async fn serve(self, doors: Doors, stopped: oneshot::Receiver<()>) {
        let until = async {
            // Gone without a word is also a stop.
            drop(stopped.await);
        };
        let Self { listener, identity, accounts } = self;
        if let Err(error) = holdfast_web::serve(listener, identity, accounts, doors, until).await {
            tracing::error!(%error, "the page is down; calls go on");
        }
    }
}

fn prepare_page(
    config: &Arc<Config>,
    state: &Path,
    listener: TcpListener,
    sip: Vec<(&'static str, SocketAddr)>,
    made: Vec<(String, String)>,
    notes: Vec<String>,
) -> Result<(Page, Facts), Trouble> {
    let identity = match (&config.web.certificate, &config.web.key) {
        (Some(certificate), Some(key)) => Identity::load(certificate, key),
        (Some(_), None) | (None, Some(_)) | (None, None) => Identity::kept(state, &names(config)),
    };
    let identity = identity.map_err(|error| {
        Trouble::new(
            format!("the page's certificate: {error}"),
            "correct `web.certificate` and `web.key`, or leave both out",
        )
    })?;
    let accounts = Accounts::open(state).map_err(|error| Trouble::file(state, &error))?;
    let facts = Facts {
        sip,
        page: listener.local_addr().unwrap_or(config.web.bind),
        fingerprint: identity.fingerprint(),
        claim_code: accounts.claim_code(),
        accounts: made,
        queues: config.queues.iter().map(|queue| queue.name.to_string()).collect(),
        notes,
        config: Arc::clone(config),
    };
    Ok((Page { listener, identity, accounts }, facts))
}

/// Names and addresses by which people reach the page.
fn names(config: &Config) -> Vec<String> {
    let addresses = interfaces().networks.into_iter().map(|(address, _)| address.to_string());
    let mut names = vec!["localhost".to_owned(), config.site.domain.clone()];
    names.extend(addresses);
    names.dedup();
    names
}

#[expect(clippy::needless_pass_by_value, reason = "used as the last word of map_err")]
fn no_resources(error: io::Error) -> Trouble {
    Trouble::new(
        format!("the system gives no more: {error}"),
        "raise the limits of this user (`ulimit -n`, `ulimit -u`), or stop other programs",
    )
}
