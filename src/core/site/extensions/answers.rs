//! What a PBX says to the REGISTER of its phone.

use holdfast_base::Now;
use holdfast_wire::sip::{Response, Status};

use super::{Passing, Underway};
use crate::sip::auth::{Verdict, shows_credentials};
use crate::sip::flow::Flow;
use crate::sip::passage;
use crate::sip::transaction::ClientKey;
use crate::site::{Site, Step};

impl Site {
    /// Whether the response was one to a REGISTER on its way.
    pub(in crate::site) fn take_passing_response(
        &mut self,
        now: Now,
        (key, way): (ClientKey, &Flow),
        response: &Response,
        step: &mut Step,
    ) -> bool {
        if response.status.is_provisional() {
            return self.extensions.underway.contains_key(&key);
        }
        let Some(Underway { passing, .. }) = self.extensions.underway.remove(&key) else {
            return false;
        };
        let troubled = matches!(response.status.code(), 408 | 500..=599);
        if !troubled || self.is_proven(&passing) {
            self.peer_answered(now, way, response, step);
        }
        match response.status.code() {
            200..=299 => self.accepted_there(now, passing, response, step),
            // Its own trouble, or a way around the box.
            300..=399 | 408 | 500 | 502..=504 => self.pass_on_or_alone(now, passing, step),
            _ => self.refused_there(now, passing, response, step),
        }
        true
    }

    fn accepted_there(&mut self, now: Now, passing: Passing, theirs: &Response, step: &mut Step) {
        let (whose, request) = (&passing.whose, &passing.request);
        let given = self.extensions.given.get(&whose.account);
        let asked = given.is_some_and(|it| it.is_answered_by(request, whose.account.as_str()));
        if !asked && !self.is_proven(&passing) {
            // A PBX that lets in whatever comes from here has asked nobody: so the box does.
            return self.accepted_unasked(now, passing, theirs, step);
        }
        self.registered_there(now, passing, theirs, step);
    }

    fn accepted_unasked(&mut self, now: Now, passing: Passing, theirs: &Response, step: &mut Step) {
        match self.check_credentials(now, &passing.flow, &passing.request) {
            Verdict::Accepted { user } if user == passing.whose.account.as_str() => {
                self.registered_there(now, passing, theirs, step);
            }
            Verdict::Accepted { .. } => {
                let answer = passing.request.response(Status::FORBIDDEN, None);
                self.answer(now, passing.server, answer, step);
            }
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                self.answer(now, passing.server, answer, step);
            }
        }
    }

    fn registered_there(&mut self, now: Now, passing: Passing, theirs: &Response, step: &mut Step) {
        let Passing { whose, server, flow, request, aliases, left: _ } = passing;
        let right = self.is_right(&whose, &request);
        let own = |user: &str| aliases.iter().any(|(_, alias)| alias == user);
        let granted = passage::granted(theirs, own);
        let name = &whose.account;
        let news = self.extensions.learn(name, |it| it.accepted(now.wall, theirs, right));
        self.extensions.named(name, aliases);
        let user = whose.account.as_str().to_owned();
        self.note_verdict(now, &flow, &request, &Verdict::Accepted { user });
        let (asked, lifetimes) = ((flow, &request), self.lifetimes(&whose, granted));
        let mut answer = self.registered(now, &whose.account, asked, lifetimes, step);
        passage::back(theirs, &mut answer);
        self.note_news(&whose, news, step);
        self.answer(now, server, answer, step);
        self.note_reach(&whose.account, step);
    }

    fn refused_there(&mut self, now: Now, passing: Passing, theirs: &Response, step: &mut Step) {
        let Passing { whose, server, flow, request, .. } = passing;
        let right = self.is_right(&whose, &request);
        let mut answer = request.response(theirs.status, None);
        answer.reason.clone_from(&theirs.reason);
        passage::back(theirs, &mut answer);
        let asks = matches!(theirs.status, Status::UNAUTHORIZED | Status::PROXY_AUTH);
        if asks {
            self.extensions.learn(&whose.account, |it| it.asked(theirs));
            self.extensions.given.entry(whose.account.clone()).or_default().note(theirs);
        } else if right == Some(true)
            && matches!(theirs.status, Status::FORBIDDEN | Status::NOT_FOUND)
        {
            self.extensions.learn(&whose.account, |it| it.refused(now.wall));
        }
        let verdict = match right {
            Some(true) => None,
            Some(false) | None if shows_credentials(&request) => {
                Some(Verdict::Guessed(answer.clone()))
            }
            Some(false) | None => asks.then(|| Verdict::Challenge(answer.clone())),
        };
        if let Some(verdict) = verdict {
            self.note_verdict(now, &flow, &request, &verdict);
        }
        self.answer(now, server, answer, step);
    }
}
