//! Who is let through to a handler: the claim, the session, and the rule against forged requests.
//!
//! The guard stands before every route of the table with the [`Access`] written there, so that no
//! handler can forget it.
//!
//! *Forged requests (CSRF).* A change needs three things: the `SameSite=Strict` cookie, a browser
//! that says the request comes from our own page (`Sec-Fetch-Site`, else `Origin` against the
//! host), and the token of the session, in the header `x-csrf-token` or in the field of the form.
//! A program that is no browser sends neither of the headers and still needs the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::error::ApiError;
use crate::auth::{secret, session};
use crate::places::Standing;
use crate::web::{Peer, Web};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone, even before the claim.
    Everyone,
    /// Everyone, once the box is claimed: the login.
    Claimed,
    /// A page: whoever is logged in; others are led to the login.
    Page,
    /// The API: whoever is logged in; others get 401.
    Api,
    /// Whoever is logged in, and programs on the box itself. A proxy on the box would lend its
    /// address to everyone: it must keep `/metrics` to itself.
    Local,
}

/// The state of one guard.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) web: Arc<Web>,
    pub(crate) access: Access,
}

/// Lets a request through or says why not.
pub(crate) async fn check(
    State(Guard { web, access }): State<Guard>,
    mut request: Request,
    next: Next,
) -> Response {
    if !web.accounts.is_claimed() && access != Access::Everyone {
        return match access {
            Access::Claimed | Access::Page if request.method() == Method::GET => {
                Redirect::to("/claim").into_response()
            }
            Access::Everyone | Access::Claimed | Access::Page | Access::Api | Access::Local => {
                ApiError::not_claimed().into_response()
            }
        };
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes && !is_our_page(request.headers(), request.uri()) {
        return ApiError::forged().into_response();
    }
    let session = cookie(request.headers(), session::COOKIE).and_then(|token| web.session(token));
    let is_local = request
        .extensions()
        .get::<Peer>()
        .is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    match (access, &session) {
        (Access::Everyone | Access::Claimed, _) => {}
        (Access::Page, None) => return Redirect::to("/login").into_response(),
        (Access::Api, None) => return ApiError::not_logged_in().into_response(),
        (Access::Local, None) if !is_local => return ApiError::not_logged_in().into_response(),
        (Access::Api, Some(session)) if changes => {
            let token = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
            if !token.is_some_and(|token| secret::same(token, &session.csrf)) {
                return ApiError::no_token().into_response();
            }
        }
        (Access::Page | Access::Api, Some(_)) | (Access::Local, _) => {}
    }
    if let Some(session) = session {
        if let Some(standing) = request.extensions().get::<Arc<Standing>>() {
            standing.show_session();
        }
        request.extensions_mut().insert(session);
    }
    next.run(request).await
}

/// Whether the browser says that this request was made by our own page.
fn is_our_page(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    // HTTP/2 names the host in the URI (RFC 9113 §8.3.1), HTTP/1.1 in a header.
    let host = uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| headers.get(header::HOST)?.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    origin.is_some() && origin == host
}

/// The value of a cookie (RFC 6265 §4.2.1).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // HTTP/2 may split the cookie header into several (RFC 9113 §8.2.3).
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::{cookie, is_our_page};
    use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_our_own_page_may_change_something() {
        let cases: [(&[_], bool); 8] = [
            (&[("host", "box:8443")], true),
            (&[("host", "box:8443"), ("origin", "https://box:8443")], true),
            (&[("host", "box:8443"), ("origin", "https://evil.example")], false),
            (&[("host", "box:8443"), ("origin", "http://box:8443")], false),
            (&[("host", "box:8443"), ("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
        ];
        for (pairs, ours) in cases {
            let uri = Uri::from_static("/login");
            assert_eq!(is_our_page(&headers(pairs), &uri), ours, "{pairs:?}");
        }
        let http2 = Uri::from_static("https://box:8443/login");
        assert!(is_our_page(&headers(&[("origin", "https://box:8443")]), &http2));
        assert!(!is_our_page(&headers(&[("origin", "https://evil.example")]), &http2));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=1; __Host-session=abc;b=2")]);
        assert_eq!(cookie(&headers, "__Host-session"), Some("abc"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
