//! The style sheet, the script and the icon, embedded. Browsers keep them and ask by hash whether
//! they are still right, so that an update of the box is seen at once.

use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::auth::secret::hex;

/// One embedded file.
struct Asset {
    bytes: &'static [u8],
    media_type: &'static str,
    tag: String,
}

impl Asset {
    fn new(bytes: &'static [u8], media_type: &'static str) -> Self {
        Self { bytes, media_type, tag: format!("\"{}\"", hex(&Sha256::digest(bytes))) }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let caching = [(header::ETAG, self.tag.as_str()), (header::CACHE_CONTROL, "no-cache")];
        if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| *tag == *self.tag) {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        (caching, [(header::CONTENT_TYPE, self.media_type)], self.bytes).into_response()
    }
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_bytes!("assets/page.css"), "text/css; charset=utf-8"));
static TRACE_STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_bytes!("assets/trace.css"), "text/css; charset=utf-8"));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(include_bytes!("assets/live.js"), "text/javascript; charset=utf-8")
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_bytes!("assets/icon.svg"), "image/svg+xml"));

/// `GET /assets/page.css`.
pub(crate) async fn style(headers: HeaderMap) -> Response {
    STYLE.answer(&headers)
}

/// `GET /assets/trace.css`.
pub(crate) async fn trace_style(headers: HeaderMap) -> Response {
    TRACE_STYLE.answer(&headers)
}

/// `GET /assets/live.js`.
pub(crate) async fn script(headers: HeaderMap) -> Response {
    SCRIPT.answer(&headers)
}

/// `GET /assets/icon.svg`.
pub(crate) async fn icon(headers: HeaderMap) -> Response {
    ICON.answer(&headers)
}
