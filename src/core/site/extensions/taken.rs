//! The box stands in for a PBX that is gone: it asks a phone for the password that it has there,
//! and registers it.

use holdfast_base::{Now, TrunkName};
use holdfast_config::Account;
use holdfast_wire::sip::Status;

use super::Passing;
use crate::sip::auth::Verdict;
use crate::sip::extension::{Extension, Standing};
use crate::site::{Site, Step};

/// RFC 3261 §20.43: 399 is for people to read.
const WARN_CODE: u16 = 399;

impl Site {
    /// The realm by which this phone is asked for its password here: that of its PBX, so that it
    /// answers with the password that it has there.
    pub(in crate::site) fn realm_of(&self, account: &Account) -> Option<String> {
        let trunk = self.config.trunk(account.pbx.as_ref()?)?;
        let learned = || {
            let own = self.extensions.all.get(&account.name).and_then(Extension::realm);
            let others = || {
                let same = |it: &&Account| it.pbx == account.pbx;
                let others = self.config.accounts.iter().filter(same);
                others.filter_map(|it| self.extensions.all.get(&it.name)?.realm()).next()
            };
            own.or_else(others).map(str::to_owned)
        };
        let named = trunk.phones.realm.clone();
        named.or_else(learned).or_else(|| trunk.phones.domain.clone())
    }

    /// The box registers the phone itself: it has proven its password, or is asked for it.
    pub(super) fn register_here(&mut self, now: Now, passing: Passing, step: &mut Step) {
        let Passing { whose, server, flow, request, .. } = passing;
        let user = match self.check_credentials(now, &flow, &request) {
            Verdict::Accepted { user } => user,
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                return self.refuse(now, server, &request, answer, step);
            }
        };
        let known = self.extensions.all.get(&whose.account).map(Extension::standing);
        let taken_away = matches!(known, Some(Standing::Refused { .. }));
        if user != whose.account.as_str() || taken_away {
            // RFC 3261 §10.3 step 4, or the last word of the PBX.
            let refused = request.response(Status::FORBIDDEN, None);
            return self.refuse(now, server, &request, refused, step);
        }
        let (asked, lifetimes) = ((flow, &request), self.lifetimes(&whose, None));
        let mut answer = self.registered(now, &whose.account, asked, lifetimes, step);
        if self.registrar.bindings(&whose.account).next().is_some() {
            answer.headers.push("Warning", self.warning(&whose.pbx));
            let news = self.extensions.learn(&whose.account, |it| it.taken(now.wall));
            self.note_news(&whose, news, step);
        }
        self.answer(now, server, answer, step);
        self.note_reach(&whose.account, step);
    }

    /// What a phone that shows warnings shows: RFC 3261 §20.43.
    fn warning(&self, pbx: &TrunkName) -> String {
        let domain = &self.config.site.domain;
        format!("{WARN_CODE} {domain} \"Survivability: {pbx} is gone, this box stands in\"")
    }
}
