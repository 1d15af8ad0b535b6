//! Recordings on the page and in the API: which there are, one as WAV, erasing one.
//!
//! Who has listened to or erased what stands in the event log before it happens.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use holdfast_core::command::{Command, Refusal};
use holdfast_core::record::event::RecordingUse;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::order::give;
use crate::auth::secret;
use crate::auth::session::Session;
use crate::pages::recordings;
use crate::web::Web;

/// What the button posts.
#[derive(Deserialize)]
pub(crate) struct Erasure {
    csrf: String,
    recording: String,
}

/// `GET /recordings`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
) -> Response {
    let all = (web.doors.recordings.list)().await;
    recordings::page(&web.view(), &session, &all, None).into_response()
}

/// `POST /recordings/erase`.
pub(crate) async fn erase_on_page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Form(erasure): Form<Erasure>,
) -> Response {
    if !secret::same(&erasure.csrf, &session.csrf) {
        return ApiError::no_token().into_response();
    }
    match erase(&web, &session, erasure.recording).await {
        Ok(_) => Redirect::to("/recordings").into_response(),
        Err(error) => {
            let all = (web.doors.recordings.list)().await;
            let page = recordings::page(&web.view(), &session, &all, Some(error.says()));
            (error.status(), page).into_response()
        }
    }
}

/// `GET /api/v1/recordings`.
pub(crate) async fn all(State(web): State<Arc<Web>>) -> impl IntoResponse {
    Json((web.doors.recordings.list)().await)
}

/// `GET /api/v1/recordings/{name}/audio.wav`.
pub(crate) async fn audio(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    note(&web, &session, &name, RecordingUse::Heard).await?;
    let wav = (web.doors.recordings.wav)(name.clone()).await?;
    let file = format!("attachment; filename=\"{name}.wav\"");
    let headers =
        [(header::CONTENT_TYPE, "audio/wav".to_owned()), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, wav).into_response())
}

/// `POST /api/v1/recordings/{name}/erase`.
pub(crate) async fn erase_by_api(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    erase(&web, &session, name).await
}

async fn erase(web: &Web, session: &Session, name: String) -> Result<StatusCode, ApiError> {
    note(web, session, &name, RecordingUse::Erased).await?;
    (web.doors.recordings.erase)(name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes down who does what with a recording that there is.
async fn note(
    web: &Web,
    session: &Session,
    name: &str,
    what: RecordingUse,
) -> Result<(), ApiError> {
    let known = (web.doors.recordings.list)().await;
    let known = known.into_iter().find(|known| known.recording == name);
    let none = || Refusal::NotFound(format!("there is no recording `{name}`"));
    let call = known.ok_or_else(none)?.call;
    let (recording, by) = (name.to_owned(), session.user.clone());
    give(web, session, Command::UseRecording { call, recording, what, by }).await?;
    Ok(())
}
