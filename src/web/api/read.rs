//! What is: the picture of the site in parts, as JSON.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde::Serialize;

use super::error::ApiError;
use crate::auth::session::Session;
use crate::query::{Asking, Nothing};
use crate::shown;
use crate::web::Web;

/// Lists are given whole: who asks for a part of one is told so.
type Unasked = Asking<Nothing>;

/// What everyone may know; what a session adds, only its own browser can read.
#[derive(Serialize)]
struct Status {
    claimed: bool,
    healthy: bool,
    session: Option<SessionStatus>,
}

#[derive(Serialize)]
struct SessionStatus {
    user: String,
    csrf: String,
    version: String,
}

/// `GET /api/v1/status`.
pub(crate) async fn status(
    State(web): State<Arc<Web>>,
    session: Option<Extension<Session>>,
) -> impl IntoResponse {
    let session = session.map(|Extension(session)| SessionStatus {
        user: session.user,
        csrf: session.csrf,
        version: web.view().version.clone(),
    });
    Json(Status { claimed: web.accounts.is_claimed(), healthy: (web.doors.healthy)(), session })
}

/// `GET /api/v1/site`.
pub(crate) async fn site(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(shown::site(&web.view()))
}

/// `GET /api/v1/queues`.
pub(crate) async fn queues(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(web.view().queues.clone())
}

/// `GET /api/v1/queues/{name}`.
pub(crate) async fn queue(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    _: Unasked,
) -> Result<impl IntoResponse, ApiError> {
    let view = web.view();
    let queue = view.queues.iter().find(|queue| queue.name.as_str() == name);
    queue
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::no_such(format!("no queue `{name}`"), "/api/v1/queues"))
}

/// `GET /api/v1/agents`.
pub(crate) async fn agents(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(web.view().agents.clone())
}

/// `GET /api/v1/agents/{name}`.
pub(crate) async fn agent(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
    _: Unasked,
) -> Result<impl IntoResponse, ApiError> {
    let view = web.view();
    let agent = view.agents.iter().find(|agent| agent.name.as_str() == name);
    agent
        .cloned()
        .map(Json)
        .ok_or_else(|| ApiError::no_such(format!("no agent `{name}`"), "/api/v1/agents"))
}

/// `GET /api/v1/trunks`.
pub(crate) async fn trunks(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(web.view().trunks.clone())
}

/// `GET /api/v1/calls`.
pub(crate) async fn calls(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(web.view().calls.clone())
}

/// `GET /api/v1/cdrs`.
pub(crate) async fn cdrs(State(web): State<Arc<Web>>, _: Unasked) -> impl IntoResponse {
    Json(shown::cdrs(&web.view().cdrs))
}
