//! Whether somebody is there, now or at a time that somebody asks for: a page for people, and the
//! same for programs.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use holdfast_core::calendar::explain::{Explanation, Unclear};
use holdfast_core::command::Command;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::order::give;
use crate::auth::secret;
use crate::auth::session::Session;
use crate::pages::calendars;
use crate::query::Asking;
use crate::web::Web;

/// Longest time that is read.
const CHARS_MAX: usize = 64;
const REMEDY: &str = "Write for example ?at=2026-12-24T10:00, on the clock of the calendar.";

/// When.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    at: String,
}

impl Asked {
    /// An empty field is now.
    fn at(&self) -> Option<&str> {
        let short = self.at.char_indices().nth(CHARS_MAX).map_or(self.at.len(), |(end, _)| end);
        self.at.get(..short).map(str::trim).filter(|at| !at.is_empty())
    }
}

/// `GET /api/v1/calendars`.
pub(crate) async fn all(
    State(web): State<Arc<Web>>,
    Asking(asked): Asking<Asked>,
) -> Result<Json<Vec<Explanation>>, ApiError> {
    (web.doors.almanac)(None, asked.at(), web.now().wall).map(Json).map_err(|it| refused(&it))
}

/// `GET /api/v1/calendars/{name}`.
pub(crate) async fn one(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    Asking(asked): Asking<Asked>,
) -> Result<Json<Explanation>, ApiError> {
    let told = (web.doors.almanac)(Some(&name), asked.at(), web.now().wall);
    let told = told.map_err(|it| refused(&it))?.into_iter().next();
    told.map(Json).ok_or_else(|| refused(&Unclear::NoCalendar(name)))
}

fn refused(unclear: &Unclear) -> ApiError {
    match unclear {
        Unclear::NoCalendar(_) => ApiError::no_such(unclear, "/api/v1/calendars"),
        Unclear::NoTime(_) => ApiError::unreadable(unclear, REMEDY),
    }
}

/// `POST /api/v1/clock/confirm`.
pub(crate) async fn believe(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
) -> Result<StatusCode, ApiError> {
    give(&web, &session, Command::ConfirmClock).await
}

/// What the button posts.
#[derive(Deserialize)]
pub(crate) struct Confirmed {
    csrf: String,
}

/// `POST /calendars/clock`.
pub(crate) async fn believe_on_page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Form(Confirmed { csrf }): Form<Confirmed>,
) -> Response {
    if !secret::same(&csrf, &session.csrf) {
        return ApiError::no_token().into_response();
    }
    match give(&web, &session, Command::ConfirmClock).await {
        Ok(_) => Redirect::to("/calendars").into_response(),
        Err(error) => error.into_response(),
    }
}

/// `GET /calendars`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Asking(asked): Asking<Asked>,
) -> Response {
    let told = (web.doors.almanac)(None, asked.at(), web.now().wall);
    let status = match &told {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let at = asked.at().unwrap_or_default();
    (status, calendars::page(&web.view(), &session, at, &told)).into_response()
}
