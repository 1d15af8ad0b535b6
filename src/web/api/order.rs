//! Orders of a person: each is carried to the site and answered when it is durable.
//!
//! Success is 204. The body of an order must be `application/json`, which no form of another site
//! can send.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use holdfast_base::{AgentName, CallId, ContactId, QueueName, TrunkName};
use holdfast_config::supervision::Mode;
use holdfast_core::command::{Command, Refusal, Wish};
use holdfast_core::record::event::Duty;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::info;

use super::error::ApiError;
use crate::auth::session::Session;
use crate::web::Web;

/// Longest time an order may take; the site answers within a disk sync.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Longest reason of a duty or a closed queue: one line of the page.
const REASON_CHARS_MAX: usize = 60;
/// Most priority points. With a point of a minute, more than any wait.
const PRIORITY_MAX: u32 = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DutyOrder {
    duty: Duty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriorityOrder {
    priority: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PickUpOrder {
    agent: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuperviseOrder {
    supervisor: String,
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseOrder {
    #[serde(default)]
    why: String,
    #[serde(default)]
    for_s: Option<u32>,
}

const SWITCH: &str = r#"Send {"on": true} or {"on": false}."#;

/// `POST /api/v1/agents/{name}/duty`.
pub(crate) async fn duty(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let DutyOrder { duty } = json(
        &headers,
        &body,
        r#"Send {"duty": "on_duty"} or {"duty": {"off_duty": "the reason"}}."#,
    )?;
    let reason = match &duty {
        Duty::OnDuty => "",
        Duty::OffDuty(reason) => reason.as_str(),
    };
    plain_reason(reason)?;
    give(&web, &session, Command::SetDuty { agent: AgentName::new(&name), duty }).await
}

/// A reason that other people are shown.
fn plain_reason(reason: &str) -> Result<(), ApiError> {
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let remedy = format!("Give a reason of at most {REASON_CHARS_MAX} characters.");
        return Err(ApiError::unreadable("the reason is too long or not plain text", &remedy));
    }
    Ok(())
}

/// `POST /api/v1/agents/{name}/release`.
pub(crate) async fn release(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    give(&web, &session, Command::Release { agent: AgentName::new(&name) }).await
}

/// `POST /api/v1/calls/{id}/end`.
pub(crate) async fn end_call(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let call = CallId(number(&id, "call-")?);
    give(&web, &session, Command::EndCall { call }).await
}

/// `POST /api/v1/calls/{id}/supervise`.
pub(crate) async fn supervise(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let call = CallId(number(&id, "call-")?);
    let remedy = r#"Send {"supervisor": "lea", "mode": "listen"}; or "whisper", or "barge"."#;
    let SuperviseOrder { supervisor, mode } = json(&headers, &body, remedy)?;
    let (supervisor, by) = (AgentName::new(&supervisor), session.user.clone());
    give(&web, &session, Command::Supervise(Wish { call, supervisor, mode, by })).await
}

/// `POST /api/v1/calls/{id}/supervise/end`.
pub(crate) async fn end_supervision(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let call = CallId(number(&id, "call-")?);
    give(&web, &session, Command::EndSupervision { call, by: session.user.clone() }).await
}

/// `POST /api/v1/contacts/{id}/priority`.
pub(crate) async fn priority(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let contact = ContactId(number(&id, "contact-")?);
    let PriorityOrder { priority } = json(&headers, &body, r#"Send {"priority": 10}."#)?;
    if priority > PRIORITY_MAX {
        let remedy = format!("Give at most {PRIORITY_MAX} points.");
        return Err(ApiError::unreadable("too many priority points", &remedy));
    }
    give(&web, &session, Command::Reprioritise { contact, priority }).await
}

/// `POST /api/v1/contacts/{id}/pickup`.
pub(crate) async fn pick_up(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let contact = ContactId(number(&id, "contact-")?);
    let PickUpOrder { agent } = json(&headers, &body, r#"Send {"agent": "anna"}."#)?;
    give(&web, &session, Command::PickUp { contact, agent: AgentName::new(&agent) }).await
}

/// `POST /api/v1/agents/{name}/queues/{queue}`.
pub(crate) async fn queue(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path((name, queue)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let Switch { on } = json(&headers, &body, SWITCH)?;
    let (agent, queue) = (AgentName::new(&name), QueueName::new(&queue));
    give(&web, &session, Command::SwitchQueue { agent, queue, on }).await
}

/// `POST /api/v1/queues/{name}/close`.
pub(crate) async fn close_queue(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let remedy = r#"Send {"why": "the reason", "for_s": 3600}, or only one of them, or {}."#;
    let CloseOrder { why, for_s } = json(&headers, &body, remedy)?;
    plain_reason(&why)?;
    if for_s == Some(0) {
        return Err(ApiError::unreadable("a queue is closed for some time", remedy));
    }
    give(&web, &session, Command::CloseQueue { queue: QueueName::new(&name), why, for_s }).await
}

/// `POST /api/v1/queues/{name}/open`.
pub(crate) async fn open_queue(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    give(&web, &session, Command::OpenQueue { queue: QueueName::new(&name) }).await
}

/// `POST /api/v1/drain`.
pub(crate) async fn drain(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let Switch { on } = json(&headers, &body, SWITCH)?;
    give(&web, &session, Command::Drain { on }).await
}

/// `POST /api/v1/trunks/{name}/targets/{target}`.
pub(crate) async fn target(
    State(web): State<Arc<Web>>,
    Extension(session): Extension<Session>,
    Path((name, target)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let Switch { on } = json(&headers, &body, SWITCH)?;
    let trunk = TrunkName::new(&name);
    give(&web, &session, Command::SwitchTarget { trunk, target, on }).await
}

/// Gives an order of this person to the site, and waits until it is durable.
pub(crate) async fn give(
    web: &Web,
    session: &Session,
    command: Command,
) -> Result<StatusCode, ApiError> {
    let said = format!("{command:?}");
    let list = configured_in(&command);
    let answer = tokio::time::timeout(ANSWER_WITHIN, (web.doors.orders)(command)).await;
    let reply = answer.map_err(|_| ApiError::busy("the site did not answer in time"))?;
    info!(by = %session.user, order = said, done = reply.is_ok(), "order");
    reply.map(|()| StatusCode::NO_CONTENT).map_err(|refusal| match (refusal, list) {
        (Refusal::NotFound(what), Some(list)) => ApiError::no_such(what, list),
        (refusal, Some(_) | None) => refusal.into(),
    })
}

/// The path that lists what the order names, where that stands in the configuration.
const fn configured_in(command: &Command) -> Option<&'static str> {
    match command {
        Command::SetDuty { .. } | Command::Release { .. } | Command::SwitchQueue { .. } => {
            Some("/api/v1/agents")
        }
        Command::CloseQueue { .. } | Command::OpenQueue { .. } => Some("/api/v1/queues"),
        Command::SwitchTarget { .. } => Some("/api/v1/trunks"),
        Command::EndCall { .. }
        | Command::Supervise(_)
        | Command::EndSupervision { .. }
        | Command::Reprioritise { .. }
        | Command::PickUp { .. }
        | Command::LiftBan { .. }
        | Command::Drain { .. } => None,
    }
}

/// A number as the API writes it (`12`) or as logs and the page do (`call-12`).
fn number(text: &str, prefix: &str) -> Result<u64, ApiError> {
    let digits = text.strip_prefix(prefix).unwrap_or(text);
    digits.parse().map_err(|_| {
        ApiError::unreadable(format!("`{text}` is not an id"), "Use the number of the list.")
    })
}

fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    remedy: &str,
) -> Result<T, ApiError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::unreadable("the body is not application/json", remedy));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::unreadable(error, remedy))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn ids_are_read_in_both_spellings() {
        assert_eq!(number("12", "call-").unwrap(), 12);
        assert_eq!(number("call-12", "call-").unwrap(), 12);
        for text in ["", "call-", "contact-12", "-1", "12x", "99999999999999999999"] {
            assert!(number(text, "call-").is_err(), "{text}");
        }
    }
}
