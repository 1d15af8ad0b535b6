//! Every route of the box, in one table: from it the router is built and the API document checked.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use maud::html;

use crate::api::error::ApiError;
use crate::api::{document, order, read, trace as api_trace};
use crate::guard::{self, Access, Guard};
use crate::pages::shell;
use crate::web::Web;
use crate::{
    assets, bans, calendars, doctor, explain, headers, live, metrics, phones, trace, visit,
};

/// Largest body of a request: a form or a small JSON document.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The methods that the box knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Reads. `HEAD` comes with it.
    Get,
    /// Changes.
    Post,
}

impl Verb {
    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
        }
    }
}

/// One row of the table.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: Handler,
}

/// Puts the handler of a row under the verb of that row.
type Handler = fn(MethodFilter) -> MethodRouter<Arc<Web>>;

const fn get(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { verb: Verb::Get, path, access, handler }
}

const fn post(path: &'static str, access: Access, handler: Handler) -> Route {
    Route { verb: Verb::Post, path, access, handler }
}

/// The table.
pub(crate) const ROUTES: [Route; 54] = [
    // Doors.
    get("/claim", Access::Everyone, |verb| on(verb, visit::claim_page)),
    post("/claim", Access::Everyone, |verb| on(verb, visit::claim)),
    get("/login", Access::Claimed, |verb| on(verb, visit::login_page)),
    post("/login", Access::Claimed, |verb| on(verb, visit::login)),
    post("/logout", Access::Page, |verb| on(verb, visit::logout)),
    // The live page.
    get("/", Access::Page, |verb| on(verb, visit::home)),
    get("/trunks/{name}/doctor", Access::Page, |verb| on(verb, doctor::page)),
    get("/routes", Access::Page, |verb| on(verb, explain::page)),
    get("/calendars", Access::Page, |verb| on(verb, calendars::page)),
    get("/bans", Access::Page, |verb| on(verb, bans::page)),
    post("/bans/lift", Access::Page, |verb| on(verb, bans::lift_on_page)),
    get("/live", Access::Api, |verb| on(verb, live::live)),
    // What was said.
    get("/trace", Access::Page, |verb| on(verb, trace::search)),
    get("/trace/dialog", Access::Page, |verb| on(verb, trace::dialog)),
    get("/calls/{id}", Access::Page, |verb| on(verb, trace::call)),
    // Assets.
    get("/assets/page.css", Access::Everyone, |verb| on(verb, assets::style)),
    get("/assets/trace.css", Access::Everyone, |verb| on(verb, assets::trace_style)),
    get("/assets/live.js", Access::Everyone, |verb| on(verb, assets::script)),
    get("/assets/icon.svg", Access::Everyone, |verb| on(verb, assets::icon)),
    // Desk phones.
    get("/phones/{secret}/{file}", Access::Everyone, |verb| on(verb, phones::file)),
    // Watchers.
    get("/healthz", Access::Everyone, |verb| on(verb, metrics::healthz)),
    get("/metrics", Access::Local, |verb| on(verb, metrics::metrics)),
    // The API: what is.
    get("/api/v1/status", Access::Everyone, |verb| on(verb, read::status)),
    get("/api/v1/openapi.json", Access::Api, |verb| on(verb, document::openapi)),
    get("/api/v1/site", Access::Api, |verb| on(verb, read::site)),
    get("/api/v1/queues", Access::Api, |verb| on(verb, read::queues)),
    get("/api/v1/queues/{name}", Access::Api, |verb| on(verb, read::queue)),
    get("/api/v1/agents", Access::Api, |verb| on(verb, read::agents)),
    get("/api/v1/agents/{name}", Access::Api, |verb| on(verb, read::agent)),
    get("/api/v1/trunks", Access::Api, |verb| on(verb, read::trunks)),
    get("/api/v1/trunks/{name}/doctor", Access::Api, |verb| on(verb, doctor::examine)),
    get("/api/v1/bans", Access::Api, |verb| on(verb, bans::all)),
    get("/api/v1/calls", Access::Api, |verb| on(verb, read::calls)),
    get("/api/v1/cdrs", Access::Api, |verb| on(verb, read::cdrs)),
    get("/api/v1/calendars", Access::Api, |verb| on(verb, calendars::all)),
    get("/api/v1/calendars/{name}", Access::Api, |verb| on(verb, calendars::one)),
    get("/api/v1/routes/explain", Access::Api, |verb| on(verb, explain::explain)),
    get("/api/v1/trace", Access::Api, |verb| on(verb, api_trace::search)),
    get("/api/v1/calls/{id}/trace", Access::Api, |verb| on(verb, api_trace::whole)),
    get("/api/v1/calls/{id}/trace.txt", Access::Api, |verb| on(verb, api_trace::as_text)),
    get("/api/v1/calls/{id}/trace.pcap", Access::Api, |verb| on(verb, api_trace::as_pcap)),
    // The API: orders.
    post("/api/v1/agents/{name}/duty", Access::Api, |verb| on(verb, order::duty)),
    post("/api/v1/agents/{name}/release", Access::Api, |verb| on(verb, order::release)),
    post("/api/v1/calls/{id}/end", Access::Api, |verb| on(verb, order::end_call)),
    post("/api/v1/calls/{id}/supervise", Access::Api, |verb| on(verb, order::supervise)),
    post("/api/v1/calls/{id}/supervise/end", Access::Api, |verb| on(verb, order::end_supervision)),
    post("/api/v1/contacts/{id}/priority", Access::Api, |verb| on(verb, order::priority)),
    post("/api/v1/contacts/{id}/pickup", Access::Api, |verb| on(verb, order::pick_up)),
    post("/api/v1/agents/{name}/queues/{queue}", Access::Api, |verb| on(verb, order::queue)),
    post("/api/v1/queues/{name}/close", Access::Api, |verb| on(verb, order::close_queue)),
    post("/api/v1/queues/{name}/open", Access::Api, |verb| on(verb, order::open_queue)),
    post("/api/v1/drain", Access::Api, |verb| on(verb, order::drain)),
    post("/api/v1/bans/{address}/lift", Access::Api, |verb| on(verb, bans::lift_by_api)),
    post("/api/v1/trunks/{name}/targets/{target}", Access::Api, |verb| on(verb, order::target)),
];

/// The router of the whole table.
pub(crate) fn router(web: &Arc<Web>) -> Router {
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        let guard = Guard { web: web.clone(), access: route.access };
        let guarded = (route.handler)(route.verb.filter())
            .layer(middleware::from_fn_with_state(guard, guard::check));
        router.route(route.path, guarded)
    });
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(headers::finish))
        .with_state(web.clone())
}

async fn nowhere(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return ApiError::nowhere().into_response();
    }
    let way_on = html! { a href="/" { "To the live page" } };
    (StatusCode::NOT_FOUND, shell::notice("Not here", "There is no such page.", way_on))
        .into_response()
}

async fn wrong_method() -> Response {
    ApiError::wrong_method().into_response()
}
