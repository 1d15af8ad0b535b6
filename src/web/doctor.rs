//! What is wrong with a trunk: looked at now, for a person on a small page or for a program.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use holdfast_base::TrunkName;
use holdfast_core::doctor::{Finding, asked_us};

use crate::api::error::ApiError;
use crate::auth::session::Session;
use crate::pages::doctor;
use crate::web::Web;

/// `GET /api/v1/trunks/{name}/doctor`.
pub(crate) async fn examine(
    State(web): State<Arc<Web>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    look(&web, &name).await.map(Json)
}

/// `GET /trunks/{name}/doctor`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(_): Extension<Session>,
    Path(name): Path<String>,
) -> Response {
    match look(&web, &name).await {
        Ok(findings) => doctor::page(&web.view().site, &name, &findings).into_response(),
        Err(unknown) => unknown.into_response(),
    }
}

/// What a look from here shows, and what the running box has seen of the other side.
async fn look(web: &Web, name: &str) -> Result<Vec<Finding>, ApiError> {
    let trunk = TrunkName::new(name);
    let found = (web.doors.doctor)(trunk.clone()).await;
    let mut findings =
        found.ok_or_else(|| ApiError::no_such(format!("no trunk `{name}`"), "/api/v1/trunks"))?;
    let view = web.view();
    if let Some(seen) = view.trunks.iter().find(|seen| seen.name == trunk) {
        let ago = seen.asked_us_ms.map(Duration::from_millis);
        findings.extend(asked_us(&seen.capabilities, ago));
        findings.sort_by_key(|finding| finding.weight);
    }
    Ok(findings)
}
