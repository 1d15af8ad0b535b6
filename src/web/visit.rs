//! The pages a person visits: claim, login, logout, and the live page.
//!
//! Forms before a session carry a token that must equal a cookie of the same browser: another site
//! can neither read nor set a `__Host-` cookie, so it can not log a person into its own account.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::{Extension, extract::rejection::FormRejection};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::{info, warn};

use crate::api::error::ApiError;
use crate::auth::accounts::{ClaimRefused, USER_CHARS_MAX};
use crate::auth::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, Unable};
use crate::auth::session::{self, Session};
use crate::auth::throttle::Source;
use crate::auth::{device, secret};
use crate::guard::cookie;
use crate::pages::{doors, live, shell};
use crate::web::{Peer, Web};

/// Carries the token of a form that is shown before there is a session.
const FORM_COOKIE: &str = "__Host-form";

/// What a visitor posts. Both doors take the same fields; the login has no code.
#[derive(Deserialize)]
pub(crate) struct Posted {
    csrf: String,
    user: String,
    password: String,
    #[serde(default)]
    code: String,
}

/// What the logout posts.
#[derive(Deserialize)]
pub(crate) struct Leaving {
    csrf: String,
}

/// Why a form comes back.
struct Wrong {
    status: StatusCode,
    says: String,
    retry_after: Option<Duration>,
}

impl Wrong {
    fn new(status: StatusCode, says: impl Into<String>) -> Self {
        Self { status, says: says.into(), retry_after: None }
    }

    fn too_often(wait: Duration) -> Self {
        let seconds = wait.as_secs() + 1;
        let says = format!("Too many tries. Please wait {seconds} s and try again.");
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self { status, says, retry_after: Some(Duration::from_secs(seconds)) }
    }
}

impl From<Unable> for Wrong {
    fn from(Unable: Unable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The box can not check this now. Try again.")
    }
}

/// The two doors.
#[derive(Clone, Copy)]
enum Door {
    Claim,
    Login,
}

/// `GET /claim`.
pub(crate) async fn claim_page(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    if web.accounts.is_claimed() {
        return Redirect::to("/login").into_response();
    }
    show(&web, Door::Claim, &headers, None, "")
}

/// `GET /login`.
pub(crate) async fn login_page(State(web): State<Arc<Web>>, headers: HeaderMap) -> Response {
    show(&web, Door::Login, &headers, None, "")
}

/// `POST /claim`.
pub(crate) async fn claim(
    State(web): State<Arc<Web>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    posted: Result<Form<Posted>, FormRejection>,
) -> Response {
    let posted = match whole(posted, &headers) {
        Ok(posted) => posted,
        Err(wrong) => return show(&web, Door::Claim, &headers, Some(wrong), ""),
    };
    let user = posted.user.clone();
    match try_claim(&web, peer, posted).await {
        Ok(()) => {
            info!(from = %peer.0.ip(), "claimed");
            enter(&web, &headers, Source::of(peer.0.ip()), user)
        }
        Err(wrong) => show(&web, Door::Claim, &headers, Some(wrong), &user),
    }
}

async fn try_claim(web: &Arc<Web>, peer: Peer, posted: Posted) -> Result<(), Wrong> {
    let void = || Wrong::new(StatusCode::GONE, "This box is claimed already. Please log in.");
    if web.accounts.is_claimed() {
        return Err(void());
    }
    web.admit(Source::of(peer.0.ip())).map_err(Wrong::too_often)?;
    let wrong_code = || {
        warn!(from = %peer.0.ip(), "claim refused: wrong code");
        Wrong::new(StatusCode::FORBIDDEN, "That is not the code of this box.")
    };
    if !web.accounts.is_code(&posted.code) {
        return Err(wrong_code());
    }
    acceptable(&posted)?;
    let hash = web.passwords.hash(posted.password).await?;
    let keeper = web.clone();
    let claimed = tokio::task::spawn_blocking(move || {
        keeper.accounts.claim(&posted.code, &posted.user, hash)
    });
    match claimed.await.map_err(|_| Unable)? {
        Ok(()) => Ok(()),
        Err(ClaimRefused::AlreadyClaimed) => Err(void()),
        Err(ClaimRefused::WrongCode) => Err(wrong_code()),
        Err(ClaimRefused::Disk(error)) => {
            tracing::error!(%error, "the account could not be written");
            let says = "The box could not write the account to its disk. Check the disk.";
            Err(Wrong::new(StatusCode::INTERNAL_SERVER_ERROR, says))
        }
    }
}

fn acceptable(posted: &Posted) -> Result<(), Wrong> {
    let refuse = |says: String| Err(Wrong::new(StatusCode::UNPROCESSABLE_ENTITY, says));
    let name = &posted.user;
    let spelt = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.chars().count() > USER_CHARS_MAX || !name.chars().all(spelt) {
        return refuse(format!(
            "The user name has 1 to {USER_CHARS_MAX} letters, digits or any of . _ - @."
        ));
    }
    if posted.password.chars().count() < PASSWORD_CHARS_MIN {
        return refuse(format!("The password needs at least {PASSWORD_CHARS_MIN} characters."));
    }
    if posted.password.len() > PASSWORD_BYTES_MAX {
        return refuse(format!("The password has at most {PASSWORD_BYTES_MAX} bytes."));
    }
    Ok(())
}

/// `POST /login`.
pub(crate) async fn login(
    State(web): State<Arc<Web>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    posted: Result<Form<Posted>, FormRejection>,
) -> Response {
    let posted = match whole(posted, &headers) {
        Ok(posted) => posted,
        Err(wrong) => return show(&web, Door::Login, &headers, Some(wrong), ""),
    };
    let user = posted.user.clone();
    let device = cookie(&headers, device::COOKIE)
        .and_then(|cookie| web.accounts.devices().known(&user, cookie));
    let source = device.map_or_else(|| Source::of(peer.0.ip()), Source::Device);
    match try_login(&web, peer, source, posted).await {
        Ok(()) => {
            info!(from = %peer.0.ip(), "logged in");
            enter(&web, &headers, source, user)
        }
        Err(wrong) => show(&web, Door::Login, &headers, Some(wrong), &user),
    }
}

async fn try_login(web: &Web, peer: Peer, source: Source, posted: Posted) -> Result<(), Wrong> {
    web.admit(source).map_err(Wrong::too_often)?;
    // The same sentence for both, and the same work: nobody learns who has an account.
    let refused = || Wrong::new(StatusCode::FORBIDDEN, "User or password is not right.");
    if posted.password.len() > PASSWORD_BYTES_MAX {
        return Err(refused());
    }
    let kept = web.accounts.password_hash(&posted.user);
    if web.passwords.check(kept, posted.password).await? {
        return Ok(());
    }
    warn!(from = %peer.0.ip(), "login refused");
    Err(refused())
}

/// `POST /logout`.
pub(crate) async fn logout(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Form(leaving): Form<Leaving>,
) -> Response {
    if !secret::same(&leaving.csrf, &session.csrf) {
        return ApiError::no_token().into_response();
    }
    web.log_out(&session);
    // The live page of this session, in the memory of the browser, goes as well.
    ([("clear-site-data", "\"cache\"")], Redirect::to("/login")).into_response()
}

/// `GET /`.
pub(crate) async fn home(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
) -> Markup {
    live::page(&web.view(), &session, web.now().wall)
}

/// A form that is complete and came from the page that we gave to this browser.
fn whole(
    posted: Result<Form<Posted>, FormRejection>,
    headers: &HeaderMap,
) -> Result<Posted, Wrong> {
    let Form(posted) = posted.map_err(|rejection| {
        Wrong::new(rejection.status(), "The form did not arrive whole. Please try again.")
    })?;
    let expected = cookie(headers, FORM_COOKIE);
    if !expected.is_some_and(|token| !token.is_empty() && secret::same(token, &posted.csrf)) {
        let says = "This form was too old or cookies are off. Please try again.";
        return Err(Wrong::new(StatusCode::FORBIDDEN, says));
    }
    Ok(posted)
}

fn show(web: &Web, door: Door, headers: &HeaderMap, wrong: Option<Wrong>, user: &str) -> Response {
    // Kept when there is one, so that two open tabs both work.
    let known = cookie(headers, FORM_COOKIE).filter(|token| is_form_token(token));
    let csrf = match known.map(str::to_owned).map_or_else(secret::token, Ok) {
        Ok(csrf) => csrf,
        Err(error) => return no_randomness(&error),
    };
    let view = web.view();
    let says = wrong.as_ref().map(|wrong| wrong.says.as_str());
    let form = doors::Form { site: &view.site, csrf: &csrf, wrong: says, user };
    let page = match door {
        Door::Claim => doors::claim(&form),
        Door::Login => doors::login(&form),
    };
    let cookie = format!("{FORM_COOKIE}={csrf}; Secure; HttpOnly; SameSite=Strict; Path=/");
    let status = wrong.as_ref().map_or(StatusCode::OK, |wrong| wrong.status);
    let mut response = (status, [(header::SET_COOKIE, cookie)], page).into_response();
    if let Some(wait) = wrong.and_then(|wrong| wrong.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    response
}

/// Whether a cookie can be one of ours: it goes back into a header.
fn is_form_token(token: &str) -> bool {
    token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn enter(web: &Web, headers: &HeaderMap, source: Source, user: String) -> Response {
    // Whoever logs in anew means to be in once: the cookie of the old session is replaced.
    if let Some(old) = cookie(headers, session::COOKIE).and_then(|token| web.session(token)) {
        web.log_out(&old);
    }
    match web.log_in(source, user) {
        Ok(cookies) => {
            let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie));
            (AppendHeaders(cookies), Redirect::to("/")).into_response()
        }
        Err(error) => no_randomness(&error),
    }
}

fn no_randomness(error: &std::io::Error) -> Response {
    tracing::error!(%error, "the kernel gave no randomness");
    let says = "The box has no randomness yet, which a login needs.";
    let page = shell::notice("Not now", says, html! { a href="/" { "Try again" } });
    (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
}
