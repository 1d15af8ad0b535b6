//! Orders through the API, and what comes back.

use axum::http::StatusCode;
use holdfast_base::{AgentName, CallId, ContactId, QueueName, TrunkName};
use holdfast_config::supervision::Mode;
use holdfast_core::command::{Command, Wish};
use holdfast_core::record::event::Duty;

use super::Visit;

#[tokio::test]
async fn orders_reach_the_site_and_refusals_come_back_with_a_remedy() {
    let mut visit = Visit::claimed("orders").await;
    let csrf = visit.csrf().await;
    let cases = [
        ("agents/anna/duty", r#"{"duty":"on_duty"}"#, 204),
        ("agents/a%20b/duty", r#"{"duty":{"off_duty":"Lunch"}}"#, 204),
        ("agents/nobody/duty", r#"{"duty":"on_duty"}"#, 404),
        ("agents/anna/release", "", 409),
        ("calls/309/end", "", 204),
        ("calls/309/supervise", r#"{"supervisor":"lea","mode":"whisper"}"#, 204),
        ("calls/309/supervise", r#"{"supervisor":"lea","mode":"barge"}"#, 403),
        ("calls/309/supervise", r#"{"supervisor":"lea","mode":"shout"}"#, 422),
        ("calls/309/supervise/end", "", 204),
        ("contacts/contact-112/priority", r#"{"priority":10}"#, 204),
        ("trunks/carrier/targets/sip.example.org:5060", r#"{"on":false}"#, 204),
        ("trunks/carrier/targets/192.0.2.1", r#"{"off":true}"#, 422),
        ("contacts/112/pickup", r#"{"agent":"anna"}"#, 204),
        ("contacts/112/pickup", r#"{"who":"anna"}"#, 422),
        ("agents/anna/queues/sales", r#"{"on":false}"#, 204),
        ("queues/sales/close", r#"{"why":"fire drill","for_s":3600}"#, 204),
        ("queues/sales/close", "{}", 204),
        ("queues/sales/close", r#"{"for_s":0}"#, 422),
        ("queues/sales/close", r#"{"until":"noon"}"#, 422),
        ("queues/sales/open", "", 204),
        ("drain", r#"{"on":true}"#, 204),
        ("drain", "", 422),
        ("bans/2001:db8::/lift", "", 204),
        ("bans/192.0.2.1/lift", "", 404),
        ("bans/eve/lift", "", 422),
        ("agents/anna/duty", r#"{"duty":"holiday"}"#, 422),
        ("agents/anna/duty", "", 422),
        ("contacts/112/priority", r#"{"priority":-1}"#, 422),
        ("calls/first/end", "", 422),
    ];
    for (path, body, status) in cases {
        let answer = visit.post_json(&format!("/api/v1/{path}"), &csrf, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body} {}", answer.body);
        if status != 204 {
            let refusal = answer.json();
            assert_ne!(refusal["error"], "", "{path}");
            assert_ne!(refusal["remedy"], "", "{path}");
            let named = refusal["remedy"] == "GET /api/v1/agents lists those there are.";
            assert_eq!(named, path.contains("nobody"), "{path}");
        }
    }
    let reason = "x".repeat(61);
    let body = format!(r#"{{"duty":{{"off_duty":"{reason}"}}}}"#);
    let too_long = visit.post_json("/api/v1/agents/anna/duty", &csrf, &body).await;
    assert_eq!(too_long.status, StatusCode::UNPROCESSABLE_ENTITY);

    let duty = |agent: &str, duty| Command::SetDuty { agent: AgentName::new(agent), duty };
    let supervise = |mode| {
        let (call, supervisor, by) = (CallId(309), AgentName::new("lea"), "anna".to_owned());
        Command::Supervise(Wish { call, supervisor, mode, by })
    };
    let expected = [
        duty("anna", Duty::OnDuty),
        duty("a b", Duty::OffDuty("Lunch".to_owned())),
        duty("nobody", Duty::OnDuty),
        Command::Release { agent: AgentName::new("anna") },
        Command::EndCall { call: CallId(309) },
        supervise(Mode::Whisper),
        supervise(Mode::Barge),
        Command::EndSupervision { call: CallId(309), by: "anna".to_owned() },
        Command::Reprioritise { contact: ContactId(112), priority: 10 },
        Command::SwitchTarget {
            trunk: TrunkName::new("carrier"),
            target: "sip.example.org:5060".to_owned(),
            on: false,
        },
        Command::PickUp { contact: ContactId(112), agent: AgentName::new("anna") },
        Command::SwitchQueue {
            agent: AgentName::new("anna"),
            queue: QueueName::new("sales"),
            on: false,
        },
        Command::CloseQueue {
            queue: QueueName::new("sales"),
            why: "fire drill".to_owned(),
            for_s: Some(3600),
        },
        Command::CloseQueue { queue: QueueName::new("sales"), why: String::new(), for_s: None },
        Command::OpenQueue { queue: QueueName::new("sales") },
        Command::Drain { on: true },
        Command::LiftBan { address: "2001:db8::".parse().unwrap() },
        Command::LiftBan { address: "192.0.2.1".parse().unwrap() },
    ];
    assert_eq!(*visit.orders.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let mut visit = Visit::claimed("large").await;
    let csrf = visit.csrf().await;
    let body = format!(r#"{{"duty":"{}"}}"#, "x".repeat(20_000));
    let answer = visit.post_json("/api/v1/agents/anna/duty", &csrf, &body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
