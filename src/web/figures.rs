//! Figures of queues and agents by interval: a page for people, JSON and CSV for programs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use holdfast_core::record::kpi::report::{Asked, Report};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::auth::session::Session;
use crate::pages::figures;
use crate::query::Asking;
use crate::web::Web;

/// Longest name or time that is asked for.
const CHARS_MAX: usize = 64;
const REMEDY: &str = "Write for example ?by=queue&interval=1h&from=2026-11-23&until=2026-11-24; \
                      everything may be left out.";

/// The question as a form or a program writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    interval: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    only: String,
}

impl Query {
    fn asked(self) -> Asked {
        let Self { from, until, interval, by, only } = self;
        let cut = |text: String| text.trim().chars().take(CHARS_MAX).collect();
        let [from, until, interval, by, only] = [from, until, interval, by, only].map(cut);
        Asked { from, until, interval, by, only }
    }
}

async fn answered(web: &Web, asked: Asked) -> Result<Report, ApiError> {
    match (web.doors.figures)(asked, web.now().wall).await {
        Some(Ok(report)) => Ok(report),
        Some(Err(unclear)) => Err(ApiError::unreadable(unclear, REMEDY)),
        None => Err(ApiError::busy("too many figures are asked for already")),
    }
}

/// `GET /api/v1/figures`.
pub(crate) async fn json(
    State(web): State<Arc<Web>>,
    Asking(query): Asking<Query>,
) -> Result<Json<Report>, ApiError> {
    answered(&web, query.asked()).await.map(Json)
}

/// `GET /api/v1/figures.csv`.
pub(crate) async fn csv(
    State(web): State<Arc<Web>>,
    Asking(query): Asking<Query>,
) -> Result<Response, ApiError> {
    let report = answered(&web, query.asked()).await?;
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"figures.csv\""),
    ];
    Ok((kind, report.csv()).into_response())
}

/// `GET /figures`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(_): Extension<Session>,
    Asking(query): Asking<Query>,
) -> Response {
    let asked = query.asked();
    let answer = answered(&web, asked.clone()).await;
    let status = answer.as_ref().err().map_or(StatusCode::OK, ApiError::status);
    let answer = answer.as_ref().map_err(ApiError::says);
    (status, figures::page(&web.view().site, &asked, answer)).into_response()
}
