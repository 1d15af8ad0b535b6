//! What would become of a call: asked by a person on a small page, or by a program over the API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use holdfast_core::routing::explain::{Case, Explanation};
use maud::Markup;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::auth::session::Session;
use crate::pages::routing::{self, Fields};
use crate::query::Asking;
use crate::web::Web;

/// Longest number, name or time that is asked about; longer ones can not be dialled.
const CHARS_MAX: usize = 64;
const REMEDY: &str = "Write for example ?called=030123456&calling=017155501&trunk=carrier\
                      &at=2026-11-23T08:00; all but `called` may be left out.";

/// The question as a form or a program writes it. An empty field is one that is left out.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    called: String,
    #[serde(default)]
    calling: String,
    #[serde(default)]
    trunk: String,
    #[serde(default)]
    guest: bool,
    #[serde(default)]
    pbx_gone: bool,
    #[serde(default)]
    at: String,
}

impl Asked {
    fn case(&self) -> Option<Case> {
        let Self { called, calling, trunk, guest, pbx_gone, at } = self;
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let short = [called, calling, trunk, at].iter().all(|it| it.chars().count() <= CHARS_MAX);
        Some(Case {
            called: some(called).filter(|_| short)?,
            calling: some(calling),
            trunk: some(trunk),
            guest: *guest,
            pbx_gone: *pbx_gone,
            at: some(at),
        })
    }
}

/// `GET /api/v1/routes/explain`.
pub(crate) async fn explain(
    State(web): State<Arc<Web>>,
    Asking(asked): Asking<Asked>,
) -> Result<Json<Explanation>, ApiError> {
    let case = asked.case();
    let case = case.ok_or_else(|| ApiError::unreadable("nothing is called", REMEDY))?;
    let explained = (web.doors.explain)(&case, web.now().wall);
    explained.map(Json).map_err(|unclear| ApiError::unreadable(unclear, REMEDY))
}

/// `GET /routes`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(_): Extension<Session>,
    Asking(asked): Asking<Asked>,
) -> Response {
    let explained = asked.case().map(|case| (web.doors.explain)(&case, web.now().wall));
    let (status, answer) = match explained {
        None => (StatusCode::OK, None),
        Some(Ok(explanation)) => (StatusCode::OK, Some(Ok(explanation))),
        Some(Err(unclear)) => (StatusCode::UNPROCESSABLE_ENTITY, Some(Err(unclear))),
    };
    let Asked { called, calling, trunk, guest, pbx_gone, at } = &asked;
    let fields = Fields { called, calling, trunk, guest: *guest, pbx_gone: *pbx_gone, at };
    let shown: Markup = routing::page(&web.view().site, &fields, answer.as_ref());
    (status, shown).into_response()
}
