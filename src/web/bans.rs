//! Bans on the page and in the API.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use holdfast_core::command::Command;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::order::give;
use crate::auth::secret;
use crate::auth::session::Session;
use crate::pages::bans;
use crate::web::Web;

/// What the button posts.
#[derive(Deserialize)]
pub(crate) struct Lifting {
    csrf: String,
    address: String,
}

/// `GET /bans`.
pub(crate) async fn page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
) -> Response {
    bans::page(&web.view(), &session, None).into_response()
}

/// `POST /bans/lift`.
pub(crate) async fn lift_on_page(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Form(lifting): Form<Lifting>,
) -> Response {
    if !secret::same(&lifting.csrf, &session.csrf) {
        return ApiError::no_token().into_response();
    }
    match lift(&web, &session, &lifting.address).await {
        Ok(_) => Redirect::to("/bans").into_response(),
        Err(error) => {
            let page = bans::page(&web.view(), &session, Some(error.says()));
            (error.status(), page).into_response()
        }
    }
}

/// `GET /api/v1/bans`.
pub(crate) async fn all(State(web): State<Arc<Web>>) -> impl IntoResponse {
    Json(web.view().abuse.clone())
}

/// `POST /api/v1/bans/{address}/lift`.
pub(crate) async fn lift_by_api(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(address): Path<String>,
) -> Result<StatusCode, ApiError> {
    lift(&web, &session, &address).await
}

async fn lift(web: &Web, session: &Session, address: &str) -> Result<StatusCode, ApiError> {
    let address: IpAddr = address.parse().map_err(|_| {
        let remedy = "Use the address of the list; for a /64 any address in it.";
        ApiError::unreadable(format!("`{address}` is not an IP address"), remedy)
    })?;
    give(web, session, Command::LiftBan { address }).await
}
