//! Asking what is wrong with a trunk.

use axum::http::StatusCode;

use super::Visit;

#[tokio::test]
async fn a_program_and_a_person_hear_the_same_and_the_worst_first() {
    let mut visit = Visit::claimed("doctor").await;
    let answer = visit.get("/api/v1/trunks/teams/doctor").await;
    assert_eq!(answer.status, StatusCode::OK);
    let said = answer.json();
    assert_eq!(said[0]["weight"], "fault", "{said}");
    assert_eq!(said[0]["says"], "nobody takes a connection at teams");
    let all = said.to_string();
    assert!(all.contains("has not asked us by OPTIONS"), "{all}");
    let page = visit.get("/trunks/teams/doctor").await;
    assert_eq!(page.status, StatusCode::OK);
    for part in ["What is wrong with trunk teams?", "nobody takes a connection", "open the door"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let unknown = visit.get("/api/v1/trunks/nobody/doctor").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
