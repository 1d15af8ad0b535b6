//! Asking whether somebody is there.

use axum::http::StatusCode;

use super::Visit;

#[tokio::test]
async fn a_program_and_a_person_get_the_same_answer() {
    let mut visit = Visit::claimed("calendars").await;
    let answer = visit.get("/api/v1/calendars/office?at=2029-08-01T10:00").await;
    assert_eq!(answer.status, StatusCode::OK);
    let said = answer.json();
    assert_eq!(said["open"], false);
    assert_eq!(said["because"], "exception: National day");
    assert_eq!(said["changes"][0]["at"], "thu 2029-08-02 08:00 +02:00");
    assert_eq!(said["changes"].as_array().unwrap().len(), 10);
    let all = visit.get("/api/v1/calendars?at=2029-08-01T10:00").await.json();
    assert_eq!(all[0], said);
    let page = visit.get("/calendars?at=2029-08-01T10:00").await;
    assert_eq!(page.status, StatusCode::OK);
    for part in ["closed", "exception: National day", "thu 2029-08-02 08:00 +02:00", "opens"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let now = visit.get("/calendars").await;
    assert!(now.status == StatusCode::OK && now.body.contains("Europe/Zurich"), "{}", now.body);
    assert!(visit.get("/").await.body.contains("href=\"/calendars\""));
}

#[tokio::test]
async fn a_question_that_can_not_be_answered_says_why() {
    let mut visit = Visit::claimed("calendars-wrong").await;
    let answer = visit.get("/api/v1/calendars/shop").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"], "there is no calendar `shop`");
    let noon = "`noon` is no time: write for example 2026-11-23T08:00";
    for path in ["/api/v1/calendars/office?at=noon", "/api/v1/calendars?at=noon"] {
        let answer = visit.get(path).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.json()["error"], noon);
    }
    let page = visit.get("/calendars?at=%3Cb%3E").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("`&lt;b&gt;` is no time"), "{}", page.body);
}

#[tokio::test]
async fn a_stranger_is_told_nothing() {
    let mut visit = Visit::new("calendars-stranger");
    let code = visit.web.accounts.claim_code().unwrap();
    visit.claim(&code).await;
    visit.cookies.clear();
    assert_eq!(visit.get("/api/v1/calendars").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(visit.get("/calendars").await.leads_to(), Some("/login"));
}
