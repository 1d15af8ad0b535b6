//! The page as a visitor meets it: through the router, with a clock and a site of the test.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Router};
use futures_util::StreamExt;
use holdfast_base::{AgentName, CallId, ContactId, Mono, Now, Wall};
use holdfast_core::command::{Command, Refusal, Reply};
use holdfast_core::record::event::Duty;
use holdfast_core::view::SiteView;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::auth::accounts::Accounts;
use crate::doors::Doors;
use crate::guard::Access;
use crate::live;
use crate::routes::{ROUTES, Verb, router};
use crate::sample::{AT, Folder, busy_site, hostile_site};
use crate::web::{Peer, Web};

const PASSWORD: &str = "correct horse battery";
const LAN: &str = "192.0.2.7:40000";
const BODY_MAX: usize = 1 << 20;

/// A box with a page, and one visitor with a cookie jar.
struct Visit {
    web: Arc<Web>,
    router: Router,
    views: watch::Sender<Arc<SiteView>>,
    orders: Arc<Mutex<Vec<Command>>>,
    micros: Arc<AtomicU64>,
    healthy: Arc<AtomicBool>,
    cookies: Vec<(String, String)>,
    from: SocketAddr,
    _folder: Folder,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn leads_to(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).map(|to| to.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Visit {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let (views, seen) = watch::channel(Arc::new(busy_site()));
        let orders: Arc<Mutex<Vec<Command>>> = Arc::default();
        let healthy = Arc::new(AtomicBool::new(true));
        let micros = Arc::new(AtomicU64::new(0));
        let (given, asked) = (orders.clone(), healthy.clone());
        let doors = Doors {
            views: seen,
            orders: Arc::new(move |command| {
                let reply = reply_to(&command);
                given.lock().unwrap().push(command);
                Box::pin(std::future::ready(reply))
            }),
            healthy: Arc::new(move || asked.load(Ordering::Relaxed)),
        };
        let hand = micros.clone();
        let clock = Arc::new(move || {
            let micros = hand.load(Ordering::Relaxed);
            let wall = AT.micros() + i64::try_from(micros).unwrap();
            Now { mono: Mono::from_micros(micros), wall: Wall::from_micros(wall) }
        });
        let accounts = Accounts::open(folder.path()).unwrap();
        let web = Arc::new(Web::new(accounts, doors, clock));
        Self {
            router: router(&web),
            web,
            views,
            orders,
            micros,
            healthy,
            cookies: vec![],
            from: LAN.parse().unwrap(),
            _folder: folder,
        }
    }

    async fn claimed(test: &str) -> Self {
        let mut visit = Self::new(test);
        let code = visit.web.accounts.claim_code().unwrap();
        assert_eq!(visit.claim(&code).await.leads_to(), Some("/"));
        visit
    }

    fn pass(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let router = self.router.clone().layer(Extension(Peer(self.from)));
        router.oneshot(request).await.unwrap()
    }

    fn request(&self, verb: &str, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Request::builder()
            .method(verb)
            .uri(path)
            .header("host", "box.example")
            .header("sec-fetch-site", "same-origin")
            .header("cookie", cookies.join("; "))
    }

    async fn ask(&mut self, request: Request<Body>) -> Answer {
        let response = self.send(request).await;
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, rights) = cookie.split_once("; ").unwrap();
            assert_eq!(rights, "Secure; HttpOnly; SameSite=Strict; Path=/");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, BODY_MAX).await.unwrap().to_vec();
        let body = String::from_utf8(body).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.ask(request).await
    }

    async fn post_form(&mut self, path: &str, form: String) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        self.ask(request).await
    }

    async fn post_json(&mut self, path: &str, csrf: &str, body: &str) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/json")
            .header("x-csrf-token", csrf)
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.ask(request).await
    }

    async fn form_token(&mut self, path: &str) -> String {
        let page = self.get(path).await.body;
        let (_, rest) = page.split_once(r#"name="csrf" value=""#).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    async fn claim(&mut self, code: &str) -> Answer {
        let csrf = self.form_token("/claim").await;
        let form = format!("csrf={csrf}&code={code}&user=anna&password={PASSWORD}");
        self.post_form("/claim", form.replace(' ', "+")).await
    }

    async fn log_in(&mut self, user: &str, password: &str) -> Answer {
        let csrf = self.form_token("/login").await;
        let form = format!("csrf={csrf}&user={user}&password={password}");
        self.post_form("/login", form.replace(' ', "+")).await
    }

    async fn csrf(&mut self) -> String {
        let status = self.get("/api/v1/status").await.json();
        status["session"]["csrf"].as_str().unwrap().to_owned()
    }
}

fn reply_to(command: &Command) -> Reply {
    match command {
        Command::SetDuty { agent, .. } if agent.as_str() == "nobody" => {
            Err(Refusal::NotFound("no agent `nobody`".to_owned()))
        }
        Command::Release { .. } => Err(Refusal::NotNow("the agent is in a call".to_owned())),
        Command::SetDuty { .. } | Command::EndCall { .. } | Command::Reprioritise { .. } => Ok(()),
    }
}

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
async fn orders_reach_the_site_and_refusals_come_back_with_a_remedy() {
    let mut visit = Visit::claimed("orders").await;
    let csrf = visit.csrf().await;
    let cases = [
        ("agents/anna/duty", r#"{"duty":"on_duty"}"#, 204),
        ("agents/a%20b/duty", r#"{"duty":{"off_duty":"Lunch"}}"#, 204),
        ("agents/nobody/duty", r#"{"duty":"on_duty"}"#, 404),
        ("agents/anna/release", "", 409),
        ("calls/309/end", "", 204),
        ("contacts/contact-112/priority", r#"{"priority":10}"#, 204),
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
        }
    }
    let reason = "x".repeat(61);
    let body = format!(r#"{{"duty":{{"off_duty":"{reason}"}}}}"#);
    let too_long = visit.post_json("/api/v1/agents/anna/duty", &csrf, &body).await;
    assert_eq!(too_long.status, StatusCode::UNPROCESSABLE_ENTITY);

    let duty = |agent: &str, duty| Command::SetDuty { agent: AgentName::new(agent), duty };
    let expected = [
        duty("anna", Duty::OnDuty),
        duty("a b", Duty::OffDuty("Lunch".to_owned())),
        duty("nobody", Duty::OnDuty),
        Command::Release { agent: AgentName::new("anna") },
        Command::EndCall { call: CallId(309) },
        Command::Reprioritise { contact: ContactId(112), priority: 10 },
    ];
    assert_eq!(*visit.orders.lock().unwrap(), expected);
}

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
async fn a_large_body_is_refused() {
    let mut visit = Visit::claimed("large").await;
    let csrf = visit.csrf().await;
    let body = format!(r#"{{"duty":"{}"}}"#, "x".repeat(20_000));
    let answer = visit.post_json("/api/v1/agents/anna/duty", &csrf, &body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
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
    visit.views.send(Arc::new(crate::sample::quiet_site())).unwrap();
    keep("quiet.html", &visit.get("/").await.body);
}
