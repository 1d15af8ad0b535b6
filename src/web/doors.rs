//! What the page needs from the rest of the box: a picture to show, a door for orders, health,
//! and the trace.
//!
//! The page knows nothing of how calls are made. `main` builds the doors and hands them over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use holdfast_base::{Mono, Now, TrunkName, Wall};
use holdfast_core::calendar;
use holdfast_core::command::{Command, Reply};
use holdfast_core::doctor::Finding;
use holdfast_core::provisioning::File;
use holdfast_core::record::kpi::report::{Asked, Report, Unclear as NoFigures};
use holdfast_core::rehearsal::Rehearsal;
use holdfast_core::routing::explain::{Case, Explanation, Unclear};
use holdfast_core::trace::{Answer, Kept, Question};
use holdfast_core::view::{RecordingView, SiteView};
use tokio::sync::watch;

/// A future that is boxed because it crosses a door.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Carries an order to the site and brings its answer.
pub type Orders = Arc<dyn Fn(Command) -> BoxFuture<Reply> + Send + Sync>;

/// Says what would become of a call.
pub type Explain = Arc<dyn Fn(&Case, Wall) -> Result<Explanation, Unclear> + Send + Sync>;
/// Says whether a calendar is open at a time on its clock, and when that changes; without a name of
/// all of them.
pub type Almanac = Arc<dyn Fn(Option<&str>, Option<&str>, Wall) -> Told + Send + Sync>;
/// Asks for figures of any time; none when too much is asked already.
pub type Figures =
    Arc<dyn Fn(Asked, Wall) -> BoxFuture<Option<Result<Report, NoFigures>>> + Send + Sync>;
/// Plays a scenario; none when another is being played. What is wrong with it, line by line.
pub type Rehearse =
    Arc<dyn Fn(String, Wall) -> BoxFuture<Option<Result<Rehearsal, Vec<String>>>> + Send + Sync>;
/// What calendars say.
pub type Told = Result<Vec<calendar::explain::Explanation>, calendar::explain::Unclear>;
/// Finds the file of a desk phone by its secret and its name.
pub type Phones = Arc<dyn Fn(&str, &str) -> Option<File> + Send + Sync>;
/// Looks at a trunk and says what is wrong with it; none when there is no such trunk.
pub type Doctor = Arc<dyn Fn(TrunkName) -> BoxFuture<Option<Vec<Finding>>> + Send + Sync>;
/// Carries a question to the trace and brings its answer, with how much is kept.
pub type Traces = Arc<dyn Fn(Question) -> BoxFuture<Option<(Answer, Kept)>> + Send + Sync>;

/// Why a recording is not brought or erased.
pub type Refused = holdfast_core::command::Refusal;

/// Brings one recording as a WAV file.
pub type Hearing = Arc<dyn Fn(String) -> BoxFuture<Result<Vec<u8>, Refused>> + Send + Sync>;

/// The recordings of the box.
#[derive(Clone)]
pub struct Recordings {
    /// Which there are, the newest first.
    pub list: Arc<dyn Fn() -> BoxFuture<Vec<RecordingView>> + Send + Sync>,
    /// Brings one as a WAV file.
    pub wav: Hearing,
    /// Erases one.
    pub erase: Arc<dyn Fn(String) -> BoxFuture<Result<(), Refused>> + Send + Sync>,
}

/// Reads both clocks.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// What connects the page with the site.
#[derive(Clone)]
pub struct Doors {
    /// The newest picture of the site. It must be renewed at least every second, changed or not:
    /// the page shows its age and warns when the picture gets old.
    pub views: watch::Receiver<Arc<SiteView>>,
    /// Where orders of a person go.
    pub orders: Orders,
    /// Which rule would take a call, by the configuration in force.
    pub explain: Explain,
    /// What the calendars say, by the configuration in force.
    pub almanac: Almanac,
    /// The figures of queues and agents.
    pub figures: Figures,
    /// Plays a thought-out hour on the configuration in force.
    pub rehearse: Rehearse,
    /// What desk phones fetch, by the configuration in force.
    pub phones: Phones,
    /// What is wrong with a trunk, by a look at it.
    pub doctor: Doctor,
    /// Whether the box works: the answer of `/healthz`.
    pub healthy: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Asks the trace; none when it is off or too busy.
    pub trace: Traces,
    /// What was recorded.
    pub recordings: Recordings,
}

/// The clocks of the machine. `Mono` counts from this call and measures sessions and limits only.
pub(crate) fn machine_clock() -> Clock {
    let origin = Instant::now();
    Arc::new(move || {
        let mono = u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        Now { mono: Mono::from_micros(mono), wall: Wall::from_micros(wall) }
    })
}
