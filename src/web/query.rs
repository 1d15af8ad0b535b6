//! What stands behind the `?` of an address, read as somebody of the box means it: who writes
//! something else hears which part it is, a program as JSON and a person as a page.

use std::error::Error as _;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::error::ApiError;
use crate::pages::shell;

const REMEDY: &str = "See /api/v1/openapi.json for the parameters of each path.";

/// A query, read.
#[derive(Debug)]
pub(crate) struct Asking<T>(pub(crate) T);

/// Of a path that is asked nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asking<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(refused(parts.uri.path(), &error)),
        }
    }
}

fn refused(path: &str, error: &QueryRejection) -> Response {
    let part = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let error = ApiError::unreadable(format!("what stands behind the ? is wrong: {part}"), REMEDY);
    if path.starts_with("/api/") {
        return error.into_response();
    }
    let way_on = html! { a href=(path) { "Once more without it" } };
    (error.status(), shell::notice("Not understood", error.says(), way_on)).into_response()
}
