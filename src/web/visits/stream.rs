//! The stream of the live page.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use holdfast_base::Wall;
use holdfast_core::peer::picture::NameView;
use holdfast_core::record::event::Duty;
use holdfast_core::view::SiteView;

use super::{PASSWORD, Visit};
use crate::live;
use crate::sample::{AT, busy_site};

/// The events of a live page, by name; a heartbeat comes every second of the paused clock.
struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn open(visit: &Visit) -> Self {
        let request = visit.request("GET", "/live").body(Body::empty()).unwrap();
        let response = visit.send(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event that is not of the kind `but`; `None` at the end of the stream.
    async fn next_but(&mut self, but: &str) -> Option<(String, String)> {
        for _ in 0..100 {
            while !self.text.contains("\n\n") {
                let chunk = self.body.next().await?.unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
            let (event, rest) = self.text.split_once("\n\n").unwrap();
            let field = |name: &str| {
                let lines = event.lines().filter_map(|line| line.strip_prefix(name));
                lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
            };
            let (name, data) = (field("event:"), field("data:"));
            self.text = rest.to_owned();
            if !name.is_empty() && name != but {
                return Some((name, data));
            }
        }
        panic!("livelock: nothing but {but}");
    }

    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = vec![];
        while names.len() < count {
            names.push(self.next_but("time").await.unwrap().0);
        }
        names
    }
}

#[tokio::test(start_paused = true)]
async fn the_stream_sends_what_changed_and_nothing_else() {
    let visit = Visit::claimed("stream").await;
    let renderer = tokio::spawn(live::render(visit.web.clone()));
    let mut events = Events::open(&visit).await;
    let all = ["health", "queues", "agents", "calls", "cdrs"];
    assert_eq!(events.names(5).await, all);

    // Time passes for everything: no fragment is news.
    let mut view = busy_site();
    age(&mut view, 2_003);
    visit.views.send(Arc::new(view.clone())).unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    // An agent goes home: only the agents are news.
    view.agents.last_mut().unwrap().duty = Duty::OffDuty("Home".to_owned());
    visit.views.send(Arc::new(view)).unwrap();
    let (name, html) = events.next_but("time").await.unwrap();
    assert_eq!(name, "agents");
    assert!(html.contains("off duty: Home"));

    // A second page gets everything at once, as it is now.
    let mut other = Events::open(&visit).await;
    assert_eq!(other.names(5).await, all);
    renderer.abort();
}

/// The same picture, later.
fn age(view: &mut SiteView, by_ms: u64) {
    view.at = Wall::from_micros(view.at.micros() + i64::try_from(by_ms).unwrap() * 1000);
    view.up_ms += by_ms;
    view.agents.iter_mut().for_each(|agent| {
        agent.for_ms += by_ms;
        agent.left_ms = agent.left_ms.map(|left_ms| left_ms.saturating_sub(by_ms));
    });
    view.trunks
        .iter_mut()
        .filter_map(|trunk| trunk.asked_us_ms.as_mut())
        .for_each(|ms| *ms += by_ms);
    let tests =
        view.trunks.iter_mut().filter_map(|trunk| trunk.test_call.as_mut()?.ago_ms.as_mut());
    tests.for_each(|ms| *ms += by_ms);
    let targets = view.trunks.iter_mut().flat_map(|trunk| &mut trunk.targets);
    targets.for_each(|target| {
        target.addresses.iter_mut().for_each(|address| address.for_ms += by_ms);
        if let Some(NameView::Stale { age_ms, .. }) = &mut target.name {
            *age_ms += by_ms;
        }
    });
    let lists = view.trunks.iter_mut().filter_map(|trunk| trunk.phones.as_mut());
    let registered = lists.flat_map(|list| &mut list.phones).filter_map(|it| it.for_ms.as_mut());
    registered.for_each(|ms| *ms += by_ms);
    view.calls.iter_mut().for_each(|call| call.for_ms += by_ms);
    let waiting = view.queues.iter_mut().flat_map(|queue| &mut queue.waiting);
    waiting.for_each(|waiting| waiting.waited_ms += by_ms);
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_tells_the_age_of_the_picture() {
    let visit = Visit::claimed("heartbeat").await;
    let _renderer = tokio::spawn(live::render(visit.web.clone()));
    let mut events = Events::open(&visit).await;
    events.names(5).await;
    // The site stands still: the box goes on to tell the time, and how old the picture is.
    visit.pass(Duration::from_secs(7));
    let at = AT.micros() / 1000;
    let late = format!(r#"{{"now":{},"at":{at}}}"#, at + 7000);
    for _ in 0..3 {
        if events.next_but("").await.unwrap() == ("time".to_owned(), late.clone()) {
            return;
        }
    }
    panic!("no heartbeat with the time of the box");
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_with_the_session_and_with_the_box() {
    let mut visit = Visit::claimed("bye").await;
    let _renderer = tokio::spawn(live::render(visit.web.clone()));
    let mut events = Events::open(&visit).await;
    events.names(5).await;
    let csrf = visit.csrf().await;
    visit.post_form("/logout", format!("csrf={csrf}")).await;
    let bye = events.next_but("time").await;
    assert_eq!(bye, Some(("bye".to_owned(), "session".to_owned())));
    assert_eq!(events.next_but("time").await, None);

    visit.log_in("anna", PASSWORD).await;
    let mut events = Events::open(&visit).await;
    events.names(5).await;
    visit.web.stopping.send_replace(true);
    let bye = events.next_but("time").await;
    assert_eq!(bye, Some(("bye".to_owned(), "stopping".to_owned())));
}

#[tokio::test]
async fn more_live_pages_than_places_are_refused_politely() {
    let mut visit = Visit::claimed("places").await;
    let mut open = vec![];
    for _ in 0..64 {
        open.push(Events::open(&visit).await);
    }
    let refused = visit.get("/live").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    open.pop();
    Events::open(&visit).await;
}
