//! What all handlers share.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast_base::Now;
use holdfast_core::view::SiteView;
use tokio::sync::{Semaphore, watch};

use crate::auth::accounts::Accounts;
use crate::auth::password::Passwords;
use crate::auth::session::{NewSession, Session, Sessions};
use crate::auth::throttle::{Source, Throttle};
use crate::auth::{device, secret, session};
use crate::doors::{Clock, Doors};
use crate::live::Fragments;

/// Most live pages at once; each holds one connection and one small task.
const STREAMS_MAX: usize = 64;

/// The state of the page.
pub(crate) struct Web {
    pub(crate) accounts: Accounts,
    pub(crate) doors: Doors,
    pub(crate) clock: Clock,
    pub(crate) passwords: Passwords,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) fragments: watch::Sender<Arc<Fragments>>,
    pub(crate) stopping: watch::Sender<bool>,
    sessions: Mutex<Sessions>,
    throttle: Mutex<Throttle>,
}

/// Where a request comes from; put into it by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Web {
    pub(crate) fn new(accounts: Accounts, doors: Doors, clock: Clock) -> Self {
        Self {
            accounts,
            doors,
            clock,
            passwords: Passwords::new(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            fragments: watch::Sender::default(),
            stopping: watch::Sender::new(false),
            sessions: Mutex::default(),
            throttle: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        (self.clock)()
    }

    /// The newest picture.
    pub(crate) fn view(&self) -> Arc<SiteView> {
        self.doors.views.borrow().clone()
    }

    /// Counts a try of a password or code; `Err` is the time to wait.
    pub(crate) fn admit(&self, source: Source) -> Result<(), Duration> {
        hold(&self.throttle).admit(self.now().mono, source)
    }

    /// Opens a session, and returns its cookie and the one that makes the browser known.
    pub(crate) fn log_in(&self, source: Source, user: String) -> std::io::Result<[String; 2]> {
        let (token, csrf) = (secret::token()?, secret::token()?);
        let device = self.accounts.devices().cookie(&user)?;
        hold(&self.throttle).forgive(source);
        hold(&self.sessions).open(self.now().mono, &token, NewSession { user, csrf });
        let rights = "Secure; HttpOnly; SameSite=Strict; Path=/";
        let known = format!("{}={device}; {rights}", device::COOKIE);
        Ok([
            format!("{}={token}; {rights}", session::COOKIE),
            format!("{known}; Max-Age={}", device::KNOWN_SECONDS),
        ])
    }

    /// The session of a cookie, if it lives.
    pub(crate) fn session(&self, token: &str) -> Option<Session> {
        hold(&self.sessions).find(self.now().mono, token)
    }

    /// Whether a session still lives. An open live page keeps it from getting idle.
    pub(crate) fn still_in(&self, session: &Session) -> bool {
        hold(&self.sessions).touch(self.now().mono, session.key)
    }

    pub(crate) fn log_out(&self, session: &Session) {
        hold(&self.sessions).close(session.key);
    }
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of one request must not close the page for everyone.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
