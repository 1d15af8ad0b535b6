//! Who is logged in. In memory only: a restart of the box asks for the password again.
//!
//! A session ends when nothing was asked for `IDLE_MAX`, or after `AGE_MAX` in any case (OWASP
//! ASVS 3.3.2). An open live page asks all the time, so a wallboard stays logged in for `AGE_MAX`.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_base::Mono;

use super::secret::{self, TokenHash};

/// Silence that ends a session.
const IDLE_MAX: Duration = Duration::from_secs(60 * 60);
/// Longest life of a session: one shift.
const AGE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// Most sessions; the one idle for longest gives way. Only a right password opens one.
const SESSIONS_MAX: usize = 64;

/// The cookie that carries the token. `__Host-` binds it to this host, TLS and the path `/`.
pub(crate) const COOKIE: &str = "__Host-session";

/// All open sessions, under the hash of their token.
#[derive(Default)]
pub(crate) struct Sessions {
    open: BTreeMap<TokenHash, Open>,
}

struct Open {
    user: String,
    csrf: String,
    since: Mono,
    seen: Mono,
}

/// One session, as the pages see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The hash of its token.
    pub(crate) key: TokenHash,
    /// Who logged in.
    pub(crate) user: String,
    /// What every change must bring, beside the cookie.
    pub(crate) csrf: String,
}

impl Sessions {
    /// Opens a session of `user` with the fresh token that goes into the cookie.
    pub(crate) fn open(&mut self, now: Mono, token: &str, session: NewSession) {
        self.open.retain(|_, open| open.lives(now));
        if self.open.len() >= SESSIONS_MAX {
            let idlest = self.open.iter().min_by_key(|(_, open)| open.seen);
            if let Some(key) = idlest.map(|(key, _)| *key) {
                self.open.remove(&key);
            }
        }
        let NewSession { user, csrf } = session;
        self.open.insert(secret::hash(token), Open { user, csrf, since: now, seen: now });
    }

    /// The session of a cookie; asking keeps it from getting idle.
    pub(crate) fn find(&mut self, now: Mono, token: &str) -> Option<Session> {
        let key = secret::hash(token);
        self.touch(now, key).then(|| self.open.get(&key))?.map(|open| Session {
            key,
            user: open.user.clone(),
            csrf: open.csrf.clone(),
        })
    }

    /// Whether this session still lives; asking keeps it from getting idle.
    pub(crate) fn touch(&mut self, now: Mono, key: TokenHash) -> bool {
        match self.open.get_mut(&key) {
            Some(open) if open.lives(now) => {
                open.seen = now;
                true
            }
            Some(_) => {
                self.open.remove(&key);
                false
            }
            None => false,
        }
    }

    /// Logs out.
    pub(crate) fn close(&mut self, key: TokenHash) {
        self.open.remove(&key);
    }
}

/// What a new session holds.
pub(crate) struct NewSession {
    /// Who logged in.
    pub(crate) user: String,
    /// A fresh token for forms.
    pub(crate) csrf: String,
}

impl Open {
    fn lives(&self, now: Mono) -> bool {
        now.since(self.seen) < IDLE_MAX && now.since(self.since) < AGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::{AGE_MAX, IDLE_MAX, NewSession, SESSIONS_MAX, Sessions};
    use holdfast_base::Mono;
    use std::time::Duration;

    const START: Mono = Mono::from_micros(7);

    fn of(user: &str) -> NewSession {
        NewSession { user: user.to_owned(), csrf: "form".to_owned() }
    }

    #[test]
    fn idle_and_old_sessions_end() {
        let mut sessions = Sessions::default();
        sessions.open(START, "token", of("anna"));
        let just_before = START + (IDLE_MAX - Duration::from_secs(1));
        assert_eq!(sessions.find(just_before, "token").unwrap().user, "anna");
        assert!(sessions.find(just_before, "other").is_none());
        assert!(sessions.find(just_before + IDLE_MAX, "token").is_none());

        sessions.open(START, "shift", of("ben"));
        let mut now = START;
        while now.since(START) < AGE_MAX {
            assert!(sessions.find(now, "shift").is_some());
            now = now + IDLE_MAX / 2;
        }
        assert!(sessions.find(now, "shift").is_none());
    }

    #[test]
    fn logging_out_ends_it() {
        let mut sessions = Sessions::default();
        sessions.open(START, "token", of("anna"));
        let key = sessions.find(START, "token").unwrap().key;
        sessions.close(key);
        assert!(!sessions.touch(START, key));
    }

    #[test]
    fn the_idlest_gives_way_when_all_are_taken() {
        let mut sessions = Sessions::default();
        for number in 0..SESSIONS_MAX {
            let now = START + Duration::from_secs(u64::try_from(number).unwrap());
            sessions.open(now, &number.to_string(), of("anna"));
        }
        let later = START + Duration::from_secs(100);
        assert!(sessions.find(later, "0").is_some());
        sessions.open(later, "newest", of("ben"));
        assert!(sessions.find(later, "0").is_some());
        assert!(sessions.find(later, "1").is_none());
        assert!(sessions.find(later, "newest").is_some());
    }
}
