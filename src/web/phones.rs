//! Configuration files of desk phones: `/phones/SECRET/FILE`.
//!
//! A phone has no login. The secret in its address is what it knows, and what is given for it is
//! decided by the core. Whatever opens nothing is answered as if the file were not there; tries are
//! not counted, since the secret can not be guessed in any number of them, and a phone asks for
//! files of its model that nobody has.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::web::Web;

/// `GET /phones/{secret}/{file}`.
pub(crate) async fn file(
    State(web): State<Arc<Web>>,
    Path((secret, name)): Path<(String, String)>,
) -> Response {
    match (web.doors.phones)(&secret, &name) {
        Some(file) => ([(header::CONTENT_TYPE, file.content_type)], file.body).into_response(),
        None => (StatusCode::NOT_FOUND, "Not here.\n").into_response(),
    }
}
