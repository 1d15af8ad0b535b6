//! How the API says no: what is wrong, and what to do about it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use holdfast_core::command::Refusal;
use serde::Serialize;

/// A refusal of the API.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Body,
}

#[derive(Debug, Serialize)]
struct Body {
    error: String,
    remedy: String,
}

impl ApiError {
    fn new(status: StatusCode, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, body: Body { error: error.into(), remedy: remedy.into() } }
    }

    /// The box has no owner yet.
    pub(crate) fn not_claimed() -> Self {
        let remedy = "Open /claim and give the code that the console of the box shows.";
        Self::new(StatusCode::FORBIDDEN, "this box is not claimed", remedy)
    }

    /// No session, or one that is over.
    pub(crate) fn not_logged_in() -> Self {
        let remedy = "Log in at /login and send the session cookie.";
        Self::new(StatusCode::UNAUTHORIZED, "not logged in", remedy)
    }

    /// A change that another site asked for.
    pub(crate) fn forged() -> Self {
        let remedy = "Make changes from the page of the box itself.";
        Self::new(StatusCode::FORBIDDEN, "the request came from another site", remedy)
    }

    /// A change without the token of the session.
    pub(crate) fn no_token() -> Self {
        let remedy = "Send the `csrf` of GET /api/v1/status as header x-csrf-token.";
        Self::new(StatusCode::FORBIDDEN, "the token of the session is missing or wrong", remedy)
    }

    /// No such path.
    pub(crate) fn nowhere() -> Self {
        let remedy = "See /api/v1/openapi.json for what there is.";
        Self::new(StatusCode::NOT_FOUND, "no such path", remedy)
    }

    /// The path is there, the method is not.
    pub(crate) fn wrong_method() -> Self {
        let remedy = "See /api/v1/openapi.json for the methods of each path.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method", remedy)
    }

    /// A body or a part of the path that can not be read.
    pub(crate) fn unreadable(why: impl std::fmt::Display, remedy: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, why.to_string(), remedy)
    }

    /// Something that comes and goes is not there.
    pub(crate) fn unknown(what: impl std::fmt::Display) -> Self {
        let remedy = "It may be over already: read the list again.";
        Self::new(StatusCode::NOT_FOUND, what.to_string(), remedy)
    }

    /// Nothing of this name is configured; `list` is the path of those that are.
    pub(crate) fn no_such(what: impl std::fmt::Display, list: &str) -> Self {
        let remedy = format!("GET {list} lists those there are.");
        Self::new(StatusCode::NOT_FOUND, what.to_string(), remedy)
    }

    /// What is wrong, for a page that says it itself.
    pub(crate) fn says(&self) -> &str {
        &self.body.error
    }

    /// The status that goes with it.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// A limit is reached, or the site does not answer.
    pub(crate) fn busy(why: &str) -> Self {
        let remedy = "Try again in a few seconds.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why, remedy)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(what) => Self::unknown(what),
            Refusal::NotNow(why) => {
                Self::new(StatusCode::CONFLICT, why, "Wait for the state to change, or leave it.")
            }
            Refusal::Forbidden(why) => {
                let remedy = "See `supervises` of the agent in the configuration.";
                Self::new(StatusCode::FORBIDDEN, why, remedy)
            }
            Refusal::Unavailable => Self::busy("the box is too busy or stopping"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
