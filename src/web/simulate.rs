//! Playing a thought-out hour against the configuration in force: a page for people, and the same
//! for programs. Nothing rings, and the running box takes no part.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use holdfast_core::rehearsal::Rehearsal;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::order;
use crate::auth::secret;
use crate::auth::session::Session;
use crate::pages::simulate;
use crate::web::Web;

/// The scenario that stands in the form at first.
pub(crate) const EXAMPLE: &str = include_str!("../../conf/scenario.toml");
const REMEDY: &str =
    "Send {\"scenario\": \"\u{2026}\"} with a text as conf/scenario.toml shows it.";

/// What a program sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    scenario: String,
}

/// What the form posts.
#[derive(Deserialize)]
pub(crate) struct Posted {
    csrf: String,
    scenario: String,
}

async fn played(web: &Web, scenario: String) -> Result<Rehearsal, ApiError> {
    match (web.doors.rehearse)(scenario, web.now().wall).await {
        Some(Ok(rehearsal)) => Ok(rehearsal),
        Some(Err(findings)) => Err(ApiError::unreadable(findings.join("\n"), REMEDY)),
        None => Err(ApiError::busy("another scenario is being played")),
    }
}

/// `POST /api/v1/simulate`.
pub(crate) async fn by_api(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Rehearsal>, ApiError> {
    let Asked { scenario } = order::json(&headers, &body, REMEDY)?;
    played(&web, scenario).await.map(Json)
}

/// `GET /simulate`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
) -> Response {
    simulate::page(&web.view().site, &session, EXAMPLE, None).into_response()
}

/// `POST /simulate`.
pub(crate) async fn by_page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Form(Posted { csrf, scenario }): Form<Posted>,
) -> Response {
    if !secret::same(&csrf, &session.csrf) {
        return ApiError::no_token().into_response();
    }
    // Forms send lines ended by CR LF, of which TOML takes both.
    let answer = played(&web, scenario.clone()).await;
    let status = answer.as_ref().err().map_or(StatusCode::OK, ApiError::status);
    let answer = answer.as_ref().map_err(ApiError::says);
    (status, simulate::page(&web.view().site, &session, &scenario, Some(answer))).into_response()
}
