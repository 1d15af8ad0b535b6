//! The trace for programs: a search, and one call as JSON, text or pcap.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use holdfast_base::CallId;
use holdfast_core::record::event::Subject;
use holdfast_core::trace::explain::{Sentence, explain};
use holdfast_core::trace::ladder::{Ladder, ladder};
use holdfast_core::trace::search::Found;
use holdfast_core::trace::{Answer, Entry, Kept, Of, Question, pcap, text};
use serde::Serialize;

use super::error::ApiError;
use crate::auth::session::Session;
use crate::query::Asking;
use crate::trace::{Asked, Wish, call_id, entries};
use crate::web::Web;

/// What a search gives.
#[derive(Serialize)]
pub(crate) struct Search {
    /// Newest first.
    pub(crate) found: Vec<Found>,
    /// How much is kept at all.
    pub(crate) kept: Kept,
}

/// One call.
#[derive(Serialize)]
pub(crate) struct Whole {
    /// The call.
    pub(crate) call: CallId,
    /// It in sentences.
    pub(crate) explained: Vec<Sentence>,
    /// Every message, decision and edge of its audio.
    pub(crate) ladder: Ladder,
}

/// `GET /api/v1/trace`.
pub(crate) async fn search(
    State(web): State<Arc<Web>>,
    Asking(asked): Asking<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    let question = Question::Search(asked.query(web.now().wall));
    match (web.doors.trace)(question).await {
        Some((Answer::Found(found), kept)) => {
            Ok(Json(Search { found: found.into_iter().map(masked).collect(), kept }))
        }
        Some((Answer::Whole(_), _)) | None => Err(no_trace()),
    }
}

fn masked(found: Found) -> Found {
    let (from, to) = (Subject(found.from.masked()), Subject(found.to.masked()));
    Found { from, to, ..found }
}

/// `GET /api/v1/calls/{id}/trace`.
pub(crate) async fn whole(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Asking(wish): Asking<Wish>,
) -> Result<impl IntoResponse, ApiError> {
    let (call, entries) = of_call(&web, &id).await?;
    let numbers = wish.numbers(&session);
    let (explained, ladder) = (explain(&entries, numbers), ladder(&entries, numbers));
    Ok(Json(Whole { call, explained, ladder }))
}

/// `GET /api/v1/calls/{id}/trace.txt`.
pub(crate) async fn as_text(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Asking(wish): Asking<Wish>,
) -> Result<impl IntoResponse, ApiError> {
    let (call, entries) = of_call(&web, &id).await?;
    let title = format!("{}: {call}", web.view().site);
    let body = text::text(&title, &entries, wish.numbers(&session));
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body))
}

/// `GET /api/v1/calls/{id}/trace.pcap`.
pub(crate) async fn as_pcap(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Asking(wish): Asking<Wish>,
) -> Result<impl IntoResponse, ApiError> {
    let (call, entries) = of_call(&web, &id).await?;
    let body = pcap::pcap(&entries, wish.numbers(&session));
    let name = format!("attachment; filename=\"{call}.pcap\"");
    let kind = "application/vnd.tcpdump.pcap".to_owned();
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], body))
}

async fn of_call(web: &Web, id: &str) -> Result<(CallId, Vec<Entry>), ApiError> {
    let call = call_id(id)
        .ok_or_else(|| ApiError::unreadable("a call has a number", "Send for example 7."))?;
    match entries(web, Of::Call(call)).await {
        None => Err(no_trace()),
        Some(entries) if entries.is_empty() => {
            Err(ApiError::unknown(format!("nothing of {call} is in the trace")))
        }
        Some(entries) => Ok((call, entries)),
    }
}

fn no_trace() -> ApiError {
    ApiError::busy("no trace is kept, or it is too busy")
}
