//! The stream of the live page: fragments when they change, a heartbeat every second.
//!
//! One task turns pictures into fragments for all viewers, at most four times a second, and counts
//! a revision for each fragment. A viewer gets every fragment whose revision it has not seen, so a
//! reconnecting page is whole again at once and a slow one misses only what is already over.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use holdfast_base::Wall;
use holdfast_core::view::SiteView;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::api::error::ApiError;
use crate::auth::session::Session;
use crate::pages::live::Part;
use crate::pages::times::Times;
use crate::places::Standing;
use crate::web::Web;

/// Shortest time between two renderings: a quarter of a second, which people call at once.
const RENDER_EVERY: Duration = Duration::from_millis(250);
/// A page that hears nothing for three of these says so.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);
/// How soon a page tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The fragments of one picture.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    /// When the picture was taken.
    pub(crate) at: Wall,
    parts: BTreeMap<Part, Fragment>,
}

#[derive(Clone, Debug)]
struct Fragment {
    revision: u64,
    html: Arc<str>,
}

impl Fragments {
    /// The fragments of the next picture; those that read the same keep their revision.
    fn next(&self, view: &SiteView, times: &mut Times) -> Self {
        times.next(view.at);
        let parts = Part::ALL.into_iter().map(|part| {
            let html = part.fragment(view, times);
            let fragment = match self.parts.get(&part) {
                Some(before) if *before.html == *html => before.clone(),
                Some(before) => Fragment { revision: before.revision + 1, html: html.into() },
                None => Fragment { revision: 1, html: html.into() },
            };
            (part, fragment)
        });
        Self { at: view.at, parts: parts.collect() }
    }
}

/// Renders every new picture for all viewers, until the site is gone.
pub(crate) async fn render(web: Arc<Web>) {
    let mut views = web.doors.views.clone();
    let mut times = Times::steady();
    loop {
        let view = views.borrow_and_update().clone();
        web.fragments.send_modify(|fragments| {
            *fragments = Arc::new(fragments.next(&view, &mut times));
        });
        tokio::time::sleep(RENDER_EVERY).await;
        if views.changed().await.is_err() {
            return;
        }
    }
}

/// `GET /live`.
pub(crate) async fn live(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    standing: Option<Extension<Arc<Standing>>>,
) -> Response {
    let Ok(place) = web.streams.clone().try_acquire_owned() else {
        return ApiError::busy("too many live pages are open").into_response();
    };
    let events = stream::unfold(Viewer::new(web, session, place).on(standing), Viewer::next);
    (
        // A proxy in between must not collect events.
        [("x-accel-buffering", "no")],
        Sse::new(as_stream(events)),
    )
        .into_response()
}

fn as_stream(
    events: impl Stream<Item = Event> + Send,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    futures_util::StreamExt::map(events, Ok)
}

/// One open page.
struct Viewer {
    web: Arc<Web>,
    session: Session,
    fragments: watch::Receiver<Arc<Fragments>>,
    stopping: watch::Receiver<bool>,
    heartbeat: Interval,
    seen: BTreeMap<Part, u64>,
    due: VecDeque<Event>,
    phase: Phase,
    /// Of its connection: while a page reads its events, somebody is there.
    standing: Option<Arc<Standing>>,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Over,
}

enum Woken {
    Changed,
    Heartbeat,
    Gone,
}

impl Viewer {
    fn new(web: Arc<Web>, session: Session, place: OwnedSemaphorePermit) -> Self {
        let mut fragments = web.fragments.subscribe();
        fragments.mark_changed();
        let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            stopping: web.stopping.subscribe(),
            fragments,
            heartbeat,
            seen: BTreeMap::new(),
            due: VecDeque::from([Event::default().retry(RETRY_AFTER)]),
            phase: Phase::Open,
            web,
            session,
            standing: None,
            _place: place,
        }
    }

    fn on(self, standing: Option<Extension<Arc<Standing>>>) -> Self {
        Self { standing: standing.map(|Extension(standing)| standing), ..self }
    }

    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Some((event, self));
            }
            if self.phase == Phase::Over {
                return None;
            }
            let woken = tokio::select! {
                changed = self.fragments.changed() => match changed {
                    Ok(()) => Woken::Changed,
                    Err(_) => Woken::Gone,
                },
                _ = self.heartbeat.tick() => Woken::Heartbeat,
                _ = self.stopping.wait_for(|stopping| *stopping) => Woken::Gone,
            };
            match woken {
                Woken::Changed => self.push_changed(),
                Woken::Heartbeat if self.web.still_in(&self.session) => {
                    if let Some(standing) = &self.standing {
                        standing.show_session();
                    }
                    self.push_heartbeat();
                }
                Woken::Heartbeat => {
                    self.due.push_back(Event::default().event("bye").data("session"));
                    self.phase = Phase::Over;
                }
                Woken::Gone => {
                    self.due.push_back(Event::default().event("bye").data("stopping"));
                    self.phase = Phase::Over;
                }
            }
        }
    }

    fn push_changed(&mut self) {
        let fragments = self.fragments.borrow_and_update().clone();
        for (part, fragment) in &fragments.parts {
            if self.seen.insert(*part, fragment.revision) != Some(fragment.revision) {
                let event = Event::default().event(part.name()).data(&*fragment.html);
                self.due.push_back(event);
            }
        }
        if !self.due.is_empty() {
            self.push_heartbeat();
        }
    }

    /// The time of the box and of the picture: the page shows how old its data are.
    fn push_heartbeat(&mut self) {
        let now = self.web.now().wall.micros().div_euclid(1000);
        let at = self.fragments.borrow().at.micros().div_euclid(1000);
        let data = format!(r#"{{"now":{now},"at":{at}}}"#);
        self.due.push_back(Event::default().event("time").data(data));
    }
}
