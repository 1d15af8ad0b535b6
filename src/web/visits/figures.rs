//! Asking for figures.

use axum::http::StatusCode;

use super::Visit;

#[tokio::test]
async fn a_person_a_program_and_a_file_say_the_same() {
    let mut visit = Visit::claimed("figures").await;
    let answer = visit.get("/api/v1/figures").await;
    assert_eq!(answer.status, StatusCode::OK);
    let said = answer.json();
    assert_eq!(said["rows"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(said["rows"][0]["figures"]["offered"], 2);
    assert_eq!(said["rows"][0]["figures"]["in_progress"], 1);
    assert_eq!(said["rows"][0]["figures"]["service_level_permille"], 1000);
    assert_eq!(said["rows"][0]["figures"]["average_handling_ms"], 90_000);
    assert_eq!(said["rows"][0]["outcomes"]["answered"], 1);
    let agents = visit.get("/api/v1/figures?by=agent&interval=1d&only=anna").await.json();
    assert_eq!(agents["rows"][0]["figures"]["talk_ms"], 90_000);
    assert_eq!(agents["rows"][0]["figures"]["occupancy_permille"], serde_json::Value::Null);
    let file = visit.get("/api/v1/figures.csv?interval=15m").await;
    let lines: Vec<&str> = file.body.split("\r\n").collect();
    assert!(lines[0].starts_with("name,start,local,offered,answered,abandoned"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("sales,") && lines[1].contains(",2,1,0,0,0,0,1,1000,"),
        "{}",
        lines[1]
    );
    assert_eq!((lines.len(), lines[2]), (3, ""));
    let page = visit.get("/figures").await;
    assert_eq!(page.status, StatusCode::OK);
    for part in
        ["100.0\u{202f}%", "title=\"A / O\"", "formaction=\"/api/v1/figures.csv\"", "0:12", "1:30"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let none = visit.get("/figures?from=2020-01-01&until=2020-01-02").await;
    assert!(none.body.contains("Nothing happened in that time."));
}

#[tokio::test]
async fn a_question_that_can_not_be_answered_says_why() {
    let mut visit = Visit::claimed("figures-wrong").await;
    for (question, why) in [
        ("from=noon", "`noon` is no time: write for example 2026-11-23 or 2026-11-23T08:00"),
        ("interval=5m", "`5m` is no interval: write 15m, 30m, 1h or 1d"),
        ("by=caller", "there are no figures by `caller`: write queue or agent"),
        ("from=2027-01-01&until=2026-01-01", "`until` does not lie behind `from`"),
        (
            "from=2026-01-01&until=2026-03-01&interval=15m",
            "more than 3000 intervals: ask for a shorter time or longer intervals",
        ),
    ] {
        let answer = visit.get(&format!("/api/v1/figures?{question}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{question}");
        assert_eq!(answer.json()["error"], why);
        let page = visit.get(&format!("/figures?{question}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{question}");
    }
    let evil = visit.get("/figures?only=%22%3E%3Cscript%3E").await;
    assert!(!evil.body.contains("<script>"), "{}", evil.body);
}

#[tokio::test]
async fn a_stranger_is_told_nothing() {
    let mut visit = Visit::new("figures-stranger");
    let code = visit.web.accounts.claim_code().unwrap();
    visit.claim(&code).await;
    visit.cookies.clear();
    for path in ["/api/v1/figures", "/api/v1/figures.csv"] {
        assert_eq!(visit.get(path).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(visit.get("/figures").await.leads_to(), Some("/login"));
}
