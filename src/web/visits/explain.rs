//! Asking which rule would take a call.

use axum::http::StatusCode;

use super::Visit;

const NIGHT: &str = "called=030100&calling=0171555&trunk=carrier&at=2026-11-23T23:00";

#[tokio::test]
async fn a_program_and_a_person_get_the_same_answer() {
    let mut visit = Visit::claimed("explain").await;
    let answer = visit.get(&format!("/api/v1/routes/explain?{NIGHT}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let said = answer.json();
    assert_eq!(said["called"]["known_as"], "+4930100");
    assert_eq!(said["leads"], "account `anna`");
    assert_eq!(said["rules"][0]["rule"], "route `night`");
    let page = visit.get(&format!("/routes?{NIGHT}")).await;
    assert_eq!(page.status, StatusCode::OK);
    for part in ["<b>account `anna`</b>", "030100 (+4930100)", "mon 23:00 UTC", "<b>yes</b>"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let form = visit.get("/routes").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(!form.body.contains("leads to"), "{}", form.body);
}

#[tokio::test]
async fn a_question_that_can_not_be_answered_says_why() {
    let mut visit = Visit::claimed("explain-wrong").await;
    for (question, why) in [
        ("", "nothing is called"),
        ("called=1&trunk=x", "there is no trunk `x`"),
        ("called=1&at=noon", "`noon` is no time: write for example 2026-11-23T08:00"),
        (&format!("called={}", "1".repeat(65)), "nothing is called"),
    ] {
        let answer = visit.get(&format!("/api/v1/routes/explain?{question}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{question}");
        assert_eq!(answer.json()["error"], why);
    }
    let page = visit.get("/routes?called=1&trunk=%3Cscript%3E").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("there is no trunk `&lt;script&gt;`"), "{}", page.body);
}

#[tokio::test]
async fn a_stranger_is_told_nothing() {
    let mut visit = Visit::new("explain-stranger");
    let code = visit.web.accounts.claim_code().unwrap();
    visit.claim(&code).await;
    visit.cookies.clear();
    let answer = visit.get(&format!("/api/v1/routes/explain?{NIGHT}")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(visit.get(&format!("/routes?{NIGHT}")).await.leads_to(), Some("/login"));
}
