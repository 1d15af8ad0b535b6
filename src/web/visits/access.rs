//! Claim, login, sessions, and who is let through.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};

use super::{PASSWORD, Visit};
use crate::guard::Access;
use crate::routes::{ROUTES, Verb};

#[tokio::test]
async fn before_the_claim_only_the_claim_answers() {
    let mut visit = Visit::new("unclaimed");
    for route in &ROUTES {
        let path = route.path.replace("{name}", "anna").replace("{id}", "1");
        let verb = match route.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
        };
        let request = visit.request(verb, &path).body(Body::empty()).unwrap();
        let answer = visit.ask(request).await;
        match route.access {
            Access::Everyone => assert_ne!(answer.status, StatusCode::FORBIDDEN, "{path}"),
            Access::Claimed | Access::Page if verb == "GET" => {
                assert_eq!(answer.leads_to(), Some("/claim"), "{path}");
            }
            Access::Claimed | Access::Page | Access::Api | Access::Local => {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
                assert!(answer.json()["remedy"].as_str().unwrap().contains("/claim"));
            }
        }
    }
    assert_eq!(visit.get("/api/v1/status").await.json()["claimed"], false);
}

#[tokio::test]
async fn the_code_claims_once_and_opens_the_page() {
    let mut visit = Visit::new("claims");
    let code = visit.web.accounts.claim_code().unwrap();
    assert_eq!(visit.claim("AAAAA-AAAAA").await.status, StatusCode::FORBIDDEN);
    assert_eq!(visit.claim(&code.to_lowercase()).await.leads_to(), Some("/"));
    let page = visit.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Service and repairs"));
    assert_eq!(visit.get("/claim").await.leads_to(), Some("/login"));
    assert_eq!(visit.web.accounts.claim_code(), None);
}

#[tokio::test]
async fn a_short_password_is_refused_with_the_reason() {
    let mut visit = Visit::new("short");
    let code = visit.web.accounts.claim_code().unwrap();
    let csrf = visit.form_token("/claim").await;
    let form = format!("csrf={csrf}&code={code}&user=anna&password=short");
    let answer = visit.post_form("/claim", form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("at least 12 characters"));
    assert!(!visit.web.accounts.is_claimed());
}

#[tokio::test]
async fn guessing_the_code_is_slowed_down_and_then_goes_on() {
    let mut visit = Visit::new("guess");
    let code = visit.web.accounts.claim_code().unwrap();
    for _ in 0..5 {
        assert_eq!(visit.claim("BBBBB-BBBBB").await.status, StatusCode::FORBIDDEN);
    }
    let refused = visit.claim(&code).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wait = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    visit.pass(Duration::from_secs(wait));
    assert_eq!(visit.claim(&code).await.leads_to(), Some("/"));
}

#[tokio::test]
async fn a_crowd_that_guesses_does_not_lock_out_whoever_was_in_before() {
    let mut visit = Visit::claimed("crowd").await;
    visit.cookies.retain(|(name, _)| name == "__Host-device");
    let known = std::mem::take(&mut visit.cookies);
    let mut refused = 0;
    for host in 0..9 {
        visit.from = format!("198.51.100.{host}:4000").parse().unwrap();
        for _ in 0..4 {
            let guess = visit.log_in("anna", "wrong horse battery").await;
            refused += u32::from(guess.status == StatusCode::TOO_MANY_REQUESTS);
        }
    }
    assert!(refused > 0, "the crowd is slowed down");
    let stranger = visit.log_in("anna", PASSWORD).await;
    assert_eq!(stranger.status, StatusCode::TOO_MANY_REQUESTS);
    // Same address as one of the crowd, but a browser that the box knows.
    visit.cookies = known;
    assert_eq!(visit.log_in("anna", PASSWORD).await.leads_to(), Some("/"));
    // It is known for the user who was in, and for nobody else.
    assert_eq!(visit.log_in("ben", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_new_login_ends_the_session_that_the_browser_had() {
    let mut visit = Visit::claimed("anew").await;
    let before = visit.cookies.clone();
    assert_eq!(visit.log_in("anna", PASSWORD).await.leads_to(), Some("/"));
    let session = |cookies: &[(String, String)]| {
        cookies.iter().find(|(name, _)| name == "__Host-session").cloned().unwrap()
    };
    assert_ne!(session(&before), session(&visit.cookies));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::OK);
    visit.cookies = before;
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn login_logout_and_what_a_wrong_password_says() {
    let mut visit = Visit::claimed("login").await;
    visit.cookies.clear();
    assert_eq!(visit.get("/").await.leads_to(), Some("/login"));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::UNAUTHORIZED);

    let wrong = visit.log_in("anna", "wrong horse battery").await;
    let unknown = visit.log_in("mallory", "wrong horse battery").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(unknown.status, StatusCode::FORBIDDEN);
    assert!(unknown.body.contains("User or password is not right."));
    assert_eq!(wrong.body.replace("anna", "mallory"), unknown.body);

    assert_eq!(visit.log_in("anna", PASSWORD).await.leads_to(), Some("/"));
    let csrf = visit.csrf().await;
    assert_eq!(visit.get("/api/v1/site").await.json()["site"], "Branch Bern");

    let forged = visit.post_form("/logout", "csrf=guessed".to_owned()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let left = visit.post_form("/logout", format!("csrf={csrf}")).await;
    assert_eq!(left.leads_to(), Some("/login"));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_when_nobody_asks() {
    let mut visit = Visit::claimed("idle").await;
    visit.pass(Duration::from_secs(59 * 60));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::OK);
    visit.pass(Duration::from_secs(60 * 60));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_order_of_another_site_is_refused() {
    let mut visit = Visit::claimed("forged").await;
    let csrf = visit.csrf().await;
    let path = "/api/v1/calls/309/end";
    for (site, token) in [("cross-site", csrf.as_str()), ("same-site", &csrf), ("same-origin", "")]
    {
        let mut request = visit.request("POST", path).body(Body::empty()).unwrap();
        request.headers_mut().insert("sec-fetch-site", site.parse().unwrap());
        request.headers_mut().insert("x-csrf-token", token.parse().unwrap());
        assert_eq!(visit.ask(request).await.status, StatusCode::FORBIDDEN, "{site}");
    }
    // A form before the session needs the cookie of this browser.
    let form = format!("csrf={}&user=anna&password={PASSWORD}", "0".repeat(64));
    assert_eq!(visit.post_form("/login", form).await.status, StatusCode::FORBIDDEN);
    assert_eq!(*visit.orders.lock().unwrap(), []);
}

#[tokio::test]
async fn watchers_learn_what_is_theirs() {
    let mut visit = Visit::claimed("watch").await;
    assert_eq!(visit.get("/metrics").await.status, StatusCode::OK);
    visit.cookies.clear();
    assert_eq!(visit.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    visit.from = "127.0.0.1:9000".parse().unwrap();
    assert!(visit.get("/metrics").await.body.contains("holdfast_calls_total 318"));
    assert_eq!(visit.get("/api/v1/site").await.status, StatusCode::UNAUTHORIZED);

    assert_eq!(visit.get("/healthz").await.body, "ok\n");
    visit.healthy.store(false, Ordering::Relaxed);
    assert_eq!(visit.get("/healthz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_desk_phone_gets_its_file_by_its_secret_alone() {
    let mut visit = Visit::new("phones");
    let answer = visit.get("/phones/opens/001565aabb01.cfg").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "account.1.enable = 1\n"));
    for path in ["/phones/guess/001565aabb01.cfg", "/phones/opens/001565aabb02.cfg"] {
        let answer = visit.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NOT_FOUND, "Not here.\n"));
    }
}
