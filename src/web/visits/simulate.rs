//! Playing a thought-out hour.

use axum::http::StatusCode;

use super::Visit;

#[tokio::test]
async fn the_example_of_the_page_is_played() {
    let mut visit = Visit::claimed("simulate").await;
    let form = visit.get("/simulate").await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(form.body.contains("[[call]]") && !form.body.contains("Because"), "{}", form.body);
    let csrf = visit.csrf().await;
    let body = serde_json::json!({ "scenario": crate::simulate::EXAMPLE });
    let answer = visit.post_json("/api/v1/simulate", &csrf, &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let said = answer.json();
    assert_eq!(said["callers"][0]["outcome"], "answered");
    assert_eq!(said["callers"][0]["agent"], "anna");
    assert_eq!(said["lines"][0]["says"], "calls `welcome`");
    let token = visit.form_token("/simulate").await;
    let scenario = "%5B%5Bcall%5D%5D%0D%0Aqueue+%3D+%27welcome%27";
    let page = visit.post_form("/simulate", format!("csrf={token}&scenario={scenario}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("anna comes first of 2 who can"), "{}", page.body);
    let forged = visit.post_form("/simulate", format!("csrf=x&scenario={scenario}")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_scenario_with_faults_is_told_line_by_line() {
    let mut visit = Visit::claimed("simulate-wrong").await;
    let csrf = visit.csrf().await;
    let body = serde_json::json!({ "scenario": "at = 'soon'\n[[call]]\nqueue = 'x'\n" });
    let answer = visit.post_json("/api/v1/simulate", &csrf, &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("scenario:1: key `at`") && error.contains("scenario:3:"), "{error}");
    let refused = visit.post_json("/api/v1/simulate", &csrf, "{}").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}
