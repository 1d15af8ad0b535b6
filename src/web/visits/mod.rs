//! The page as a visitor meets it: through the router, with a clock and a site of the test.

mod access;
mod calendars;
mod doctor;
mod explain;
mod orders;
mod pages;
mod stream;
pub(crate) mod trace;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Router};
use holdfast_base::{Mono, Now, Wall};
use holdfast_config::supervision::Mode;
use holdfast_core::command::{Command, Refusal, Reply};
use holdfast_core::view::SiteView;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::auth::accounts::Accounts;
use crate::doors::Doors;
use crate::routes::router;
use crate::sample::{AT, Folder, busy_site};
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
            explain: crate::sample::explain(),
            almanac: crate::sample::almanac(),
            phones: crate::sample::phones(),
            doctor: crate::sample::doctor(),
            healthy: Arc::new(move || asked.load(Ordering::Relaxed)),
            trace: trace::door(),
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
            let (name, value) = pair.split_once('=').unwrap();
            let (rights, stays) = rights.split_once("; Max-Age=").unwrap_or((rights, ""));
            assert_eq!(rights, "Secure; HttpOnly; SameSite=Strict; Path=/");
            assert_eq!(
                stays.is_empty(),
                name != "__Host-device",
                "a session ends with the browser"
            );
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
        Command::SetDuty { .. }
        | Command::EndCall { .. }
        | Command::EndSupervision { .. }
        | Command::Drain { .. }
        | Command::CloseQueue { .. }
        | Command::OpenQueue { .. }
        | Command::PickUp { .. }
        | Command::SwitchQueue { .. }
        | Command::Reprioritise { .. }
        | Command::SwitchTarget { .. } => Ok(()),
        Command::Supervise(wish) if wish.mode == Mode::Barge => {
            Err(Refusal::Forbidden("lea may not barge in calls".to_owned()))
        }
        Command::Supervise(_) => Ok(()),
        Command::LiftBan { address } if address.is_ipv6() => Ok(()),
        Command::LiftBan { address } => Err(Refusal::NotFound(format!("{address} is not banned"))),
    }
}
