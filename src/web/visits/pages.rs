//! What stands on the pages, and what never does.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{StatusCode, header};

use super::Visit;
use crate::sample::{busy_site, hostile_site, quiet_site};
use holdfast_core::record::event::{Subject, TransferKind, TransferOutcome, TransferPart};

#[tokio::test]
async fn nothing_that_a_caller_sends_becomes_markup() {
    let mut visit = Visit::claimed("hostile").await;
    visit.views.send(Arc::new(hostile_site())).unwrap();
    let page = visit.get("/").await.body;
    assert!(page.contains("&lt;script&gt;alert("));
    // Our own script tag is the only one, and no attribute was left early.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("alert('\"1\"')").count(), 0);

    let answer = visit.log_in("%22%3E%3Cscript%3E", "wrong horse battery").await;
    assert!(!answer.body.contains("<script"));
    assert!(answer.body.contains("&quot;&gt;&lt;script&gt;"));
}

#[tokio::test]
async fn every_answer_forbids_foreign_content_and_the_page_asks_for_none() {
    let mut visit = Visit::claimed("headers").await;
    for path in ["/", "/login", "/assets/page.css", "/api/v1/site", "/nowhere", "/api/nowhere"] {
        let answer = visit.get(path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert!(answer.headers.contains_key(header::CACHE_CONTROL), "{path}");
        for foreign in ["http://", "https://", "style=", "onclick=", "@import"] {
            assert!(!answer.body.contains(foreign), "{path}: {foreign}");
        }
    }
    let style = visit.get("/assets/page.css").await;
    let mut again = visit.request("GET", "/assets/page.css").body(Body::empty()).unwrap();
    again.headers_mut().insert(header::IF_NONE_MATCH, style.headers[header::ETAG].clone());
    assert_eq!(visit.ask(again).await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_caller_is_masked_in_the_records_as_in_the_live_list_and_in_the_api() {
    let mut visit = Visit::claimed("masked").await;
    let mut view = busy_site();
    let number = "+41319998877";
    for cdr in &mut view.cdrs {
        cdr.from = Subject(number.to_owned());
        cdr.legs.iter_mut().for_each(|leg| leg.to = Subject(number.to_owned()));
        cdr.transfers.push(TransferPart {
            by: Subject(number.to_owned()),
            to: Subject(number.to_owned()),
            kind: TransferKind::Blind,
            asked: cdr.arrived,
            outcome: TransferOutcome::Failed(486),
        });
        if cdr.queue.is_none() {
            cdr.dialled = Subject(number.to_owned());
        }
    }
    visit.views.send(Arc::new(view)).unwrap();
    for path in ["/", "/api/v1/site", "/api/v1/cdrs"] {
        let answer = visit.get(path).await.body;
        assert!(!answer.contains(number), "{path}");
        assert!(answer.contains("+4\u{2026}77"), "{path}");
        assert!(answer.contains("sales"), "{path}: a queue is nobody's secret");
    }
}

#[tokio::test]
async fn the_longest_wait_of_the_day_is_no_shorter_than_the_one_of_now() {
    let mut visit = Visit::claimed("longest").await;
    let mut view = busy_site();
    view.queues[0].today.longest_wait_ms = 1_000;
    visit.views.send(Arc::new(view)).unwrap();
    let page = visit.get("/").await.body;
    let card = page.split_once(r#"id="queue-sales""#).unwrap().1;
    let (_, today) = card.split_once("longest wait ").unwrap();
    assert!(today.split("</p>").next().unwrap().ends_with(">0:48</span>"), "{today}");
}

#[tokio::test]
async fn who_is_banned_stands_on_a_page_with_a_button_that_lifts_it() {
    let mut visit = Visit::claimed("bans").await;
    visit.views.send(Arc::new(quiet_site())).unwrap();
    assert!(visit.get("/bans").await.body.contains("Nobody is banned."));
    visit.views.send(Arc::new(hostile_site())).unwrap();
    let page = visit.get("/bans").await.body;
    for shown in ["2001:db8::/64", "scanner", "third time", "calls itself `&lt;script&gt;`"] {
        assert!(page.contains(shown), "{shown} {page}");
    }
    assert!(!page.contains("<script"));
    let csrf = visit.csrf().await;
    for (token, address, status, says) in [
        ("wrong", "2001:db8::", 403, "token"),
        (&*csrf, "192.0.2.1", 404, "192.0.2.1 is not banned."),
        (&*csrf, "&amp;", 422, "is not an IP address."),
        (&*csrf, "2001:db8::", 303, ""),
    ] {
        let body = format!("csrf={token}&address={}", address.replace('&', "%26"));
        let request = visit
            .request("POST", "/bans/lift")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let answer = visit.ask(request).await;
        assert_eq!(answer.status.as_u16(), status, "{address}");
        assert!(answer.body.contains(says), "{}", answer.body);
    }
}

/// Leaves the pages in `target/pages`, to be looked at in a browser.
#[tokio::test]
async fn the_pages_can_be_looked_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    let keep = |name: &str, body: &str| std::fs::write(folder.join(name), body).unwrap();

    let mut visit = Visit::new("look");
    keep("claim.html", &visit.get("/claim").await.body);
    let code = visit.web.accounts.claim_code().unwrap();
    keep("wrong.html", &visit.claim("AAAAA-AAAAA").await.body);
    visit.claim(&code).await;
    for asset in ["assets/page.css", "assets/live.js", "assets/icon.svg"] {
        keep(asset, &visit.get(&format!("/{asset}")).await.body);
    }
    keep("login.html", &visit.get("/login").await.body);
    let live = visit.get("/").await;
    assert_eq!(live.status, StatusCode::OK);
    keep("live.html", &live.body);
    keep("bans.html", &visit.get("/bans").await.body);
    visit.views.send(Arc::new(quiet_site())).unwrap();
    keep("quiet.html", &visit.get("/").await.body);
}
