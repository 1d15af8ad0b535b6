//! The pages of the trace: its search, and the ladder of one call.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use holdfast_base::{CallId, Wall};
use holdfast_core::trace::explain::explain;
use holdfast_core::trace::ladder::ladder;
use holdfast_core::trace::mask::Numbers;
use holdfast_core::trace::{Answer, Entry, Of, Question, search};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::info;

use crate::auth::session::Session;
use crate::pages::ladder::Shown;
use crate::pages::trace::{Outcome, Sought, escaped};
use crate::pages::{ladder as ladder_page, shell, trace as search_page};
use crate::query::Asking;
use crate::web::Web;

/// How far back one looks when nothing is said, in minutes.
const MINUTES: u32 = 60;
/// As far back as anything could be, in minutes: a year.
const MINUTES_MAX: u32 = 525_600;

/// What the search is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    party: String,
    #[serde(default)]
    call_id: String,
    #[serde(default)]
    minutes: Option<u32>,
}

/// Whether numbers are asked for: `numbers=full`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(default)]
    numbers: Option<Full>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Full {
    Full,
}

/// What the page of a Call-ID is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedDialog {
    call_id: String,
    #[serde(default)]
    numbers: Option<Full>,
}

impl Wish {
    /// What may be seen. Who sees numbers is logged.
    pub(crate) fn numbers(self, session: &Session) -> Numbers {
        match self.numbers {
            None => Numbers::Masked,
            Some(Full::Full) => {
                info!(user = %session.user, "numbers of a trace shown");
                Numbers::Full
            }
        }
    }
}

impl Asked {
    fn sought(self) -> Sought {
        let minutes = self.minutes.unwrap_or(MINUTES).min(MINUTES_MAX);
        let trimmed = |text: String| text.trim().to_owned();
        Sought { party: trimmed(self.party), call_id: trimmed(self.call_id), minutes }
    }

    /// The question that this is, at this time.
    pub(crate) fn query(self, now: Wall) -> search::Query {
        query(&self.sought(), now)
    }
}

fn query(sought: &Sought, now: Wall) -> search::Query {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let back = i64::from(sought.minutes) * 60_000_000;
    search::Query {
        party: some(&sought.party),
        call_id: some(&sought.call_id),
        since: Wall::from_micros(now.micros().saturating_sub(back)),
        until: now,
    }
}

/// Everything of a call or dialog; none without a trace.
pub(crate) async fn entries(web: &Web, of: Of) -> Option<Vec<Entry>> {
    match (web.doors.trace)(Question::Whole(of)).await? {
        (Answer::Whole(entries), _) => Some(entries),
        (Answer::Found(_), _) => None,
    }
}

/// The id of a call as it stands in an address: `7` or `call-7`.
pub(crate) fn call_id(text: &str) -> Option<CallId> {
    text.strip_prefix("call-").unwrap_or(text).parse().ok().map(CallId)
}

/// `GET /trace`.
pub(crate) async fn search(State(web): State<Arc<Web>>, Asking(asked): Asking<Asked>) -> Markup {
    let sought = asked.sought();
    let question = Question::Search(query(&sought, web.now().wall));
    let outcome = match (web.doors.trace)(question).await {
        Some((Answer::Found(found), kept)) => Outcome::Found(found, kept),
        Some((Answer::Whole(_), _)) | None => Outcome::NoTrace,
    };
    search_page::page(&web.view().site, &sought, &outcome)
}

/// `GET /calls/{id}`.
pub(crate) async fn call(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Asking(wish): Asking<Wish>,
) -> Response {
    let Some(call) = call_id(&id) else {
        let way_on = html! { a href="/trace" { "To the trace" } };
        let page = shell::notice("Not here", "A call has a number, for example 7.", way_on);
        return (StatusCode::NOT_FOUND, page).into_response();
    };
    let place = format!("/calls/{}", call.0);
    let files = format!("/api/v1/calls/{}", call.0);
    let asked = Page { of: Of::Call(call), title: format!("Call {}", call.0), place };
    asked.show(&web, Some(&files), wish.numbers(&session)).await.into_response()
}

/// `GET /trace/dialog`.
pub(crate) async fn dialog(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Asking(AskedDialog { call_id, numbers }): Asking<AskedDialog>,
) -> Markup {
    let place = format!("/trace/dialog?call_id={}", escaped(&call_id));
    let asked = Page { of: Of::Dialog(call_id.clone()), title: call_id, place };
    asked.show(&web, None, Wish { numbers }.numbers(&session)).await
}

struct Page {
    of: Of,
    title: String,
    place: String,
}

impl Page {
    async fn show(self, web: &Web, files: Option<&str>, numbers: Numbers) -> Markup {
        let entries = entries(web, self.of).await.unwrap_or_default();
        ladder_page::page(&Shown {
            site: &web.view().site,
            title: &self.title,
            place: &self.place,
            files,
            numbers,
            sentences: &explain(&entries, numbers),
            ladder: &ladder(&entries, numbers),
        })
    }
}
