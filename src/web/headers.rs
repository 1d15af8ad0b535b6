//! Headers of every answer, and the longest time an answer may take.
//!
//! No `Strict-Transport-Security`: with the self-signed certificate of a new box it would forbid
//! the technician to go on (RFC 6797 §12.1).

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Longest time from the head of a request to the head of its answer; ends bodies that never come.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Nothing from outside, no frame around us, forms to ourselves only.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; \
                                       form-action 'self'; frame-ancestors 'none'";

/// Sent with every answer. `same-origin` keeps the `Origin` of our forms, which `no-referrer`
/// would turn to `null` (Fetch standard, "append a request `Origin` header").
const FIXED: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// Bounds the time and adds the headers.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What the site looks like is nobody's to keep; assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
