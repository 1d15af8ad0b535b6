//! Phones of central PBXs that register there through this box.
//!
//! While its PBX is there, the REGISTER of such a phone passes: the PBX asks for the password,
//! grants and refuses, and is told a Contact at this box. When the PBX is gone, or leaves the
//! REGISTER without a word or with trouble of its own, the box asks for the same password itself.
//! Nobody is registered here whom neither of the two has asked.
//!
//! A PBX that has come back counts as gone for a while longer, so that phones do not go to and fro
//! with it. Then each is led back by its next REGISTER, for which the box grants short times.

use holdfast_base::{EndpointName, Mono, Now, TrunkName, Wall};
use holdfast_config::{Account, Config, TargetHost};
use holdfast_wire::sip::{Host, NameAddr, Request, Response, Status, Uri};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::arrivals::key_of_account;
use super::phones::SPREAD_PERMILLE;
use super::{Site, Snapshot, Step};
use crate::call::io::{Failure, Target};
use crate::call::origin::Origin;
use crate::call::words;
use crate::peer::picture::{PhoneView, PhonesView};
use crate::peer::{Hop, target};
use crate::record::encoding::decoded;
use crate::record::event::Fact;
use crate::sip::auth::{Verdict, is_right, shows_credentials};
use crate::sip::extension::{Extension, Given, News, Proof, Standing, Summary};
use crate::sip::flow::Flow;
use crate::sip::lifetimes::Lifetimes;
use crate::sip::passage::{self, Passage};
use crate::sip::transaction::{ClientKey, ServerKey};

/// Key of an extension in the journal, before the name of its account.
pub(super) const EXTENSION: &str = "extension/";
/// OFFLINE.md: 30 s of hysteresis to return.
const RETURN_AFTER: Duration = Duration::from_secs(30);
/// Most REGISTERs under way at once; those beyond are asked to come again.
const PASSING_MAX: usize = 2_000;
/// Seconds until they may.
const RETRY_AFTER_S: u32 = 10;
/// RFC 3261 §20.43: 399 is for people to read.
const WARN_CODE: u16 = 399;

/// What is known of all of them.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    all: BTreeMap<EndpointName, Extension>,
    /// Whose each name is that a PBX was told.
    names: BTreeMap<String, EndpointName>,
    underway: BTreeMap<ClientKey, Underway>,
    /// From when on a PBX that has come back counts as being there.
    back: BTreeMap<TrunkName, Mono>,
    changed: BTreeSet<EndpointName>,
    given: BTreeMap<EndpointName, Given>,
}

/// A REGISTER that is to reach a PBX.
#[derive(Debug)]
struct Passing {
    whose: Whose,
    server: ServerKey,
    flow: Flow,
    request: Request,
    /// The names of its Contacts towards the PBX.
    aliases: Vec<(NameAddr, String)>,
    /// The addresses that are still to be tried.
    left: VecDeque<Hop>,
}

/// One that is on its way to an address.
#[derive(Debug)]
struct Underway {
    passing: Passing,
    way: Flow,
    until: Mono,
}

/// A phone and its PBX.
#[derive(Clone, Debug)]
struct Whose {
    account: EndpointName,
    pbx: TrunkName,
}

impl Extensions {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.underway.values().map(|it| it.until).min()
    }

    /// Those that have changed since the last call, for the journal; none is over.
    pub(super) fn changed(&mut self) -> Vec<(EndpointName, Option<&Extension>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|name| (name.clone(), self.all.get(&name))).collect()
    }

    /// A trunk came back or went down.
    pub(super) fn pbx_is(&mut self, now: Mono, pbx: &TrunkName, up: bool) {
        if up {
            self.back.insert(pbx.clone(), now + RETURN_AFTER);
        }
    }

    /// Those that are no phones of a PBX any more are forgotten.
    pub(super) fn configured(&mut self, config: &Config) {
        let kept = |name: &EndpointName| {
            config.account(name.as_str()).is_some_and(|account| account.pbx.is_some())
        };
        let gone: Vec<_> = self.all.keys().filter(|name| !kept(name)).cloned().collect();
        for name in gone {
            self.all.remove(&name);
            self.given.remove(&name);
            self.names.retain(|_, whose| *whose != name);
            self.changed.insert(name);
        }
    }

    /// The account and the Contact of the phone that a PBX calls by this name.
    fn called(&self, user: &str) -> Option<(&EndpointName, &Uri)> {
        let name = self.names.get(user)?;
        Some((name, self.all.get(name)?.called(user)?))
    }

    /// The PBX has accepted a phone under these names.
    fn named(&mut self, name: &EndpointName, aliases: Vec<(NameAddr, String)>) {
        for (contact, user) in aliases {
            self.names.insert(user.clone(), name.clone());
            for dropped in self.learn(name, |it| it.is_named(&contact, user)) {
                self.names.remove(&dropped);
            }
        }
    }

    /// Notes something of a phone; the journal hears of it when that is new.
    fn learn<T>(&mut self, name: &EndpointName, what: impl FnOnce(&mut Extension) -> T) -> T {
        let known = self.all.entry(name.clone()).or_default();
        let before = known.clone();
        let done = what(known);
        if *known != before {
            self.changed.insert(name.clone());
        }
        done
    }
}

impl Site {
    pub(super) fn restore_extensions(&mut self, snapshot: &Snapshot) {
        for (key, value) in &snapshot.states {
            let Some(name) = key.as_str().strip_prefix(EXTENSION) else { continue };
            // What can not be read is learned anew.
            if let Some(known) = decoded::<Extension>(value) {
                let name = EndpointName::new(name);
                let own = known.aliases().map(|user| (user.to_owned(), name.clone()));
                self.extensions.names.extend(own);
                self.extensions.all.insert(name, known);
            }
        }
        self.extensions.configured(&self.config);
    }

    /// The central PBX of a phone, as long as it is there.
    pub(super) fn pbx_there(&self, now: Now, account: &Account) -> Option<TrunkName> {
        let pbx = account.pbx.as_ref()?;
        let back = self.extensions.back.get(pbx).is_none_or(|at| *at <= now.mono);
        (back && self.peers.is_up(pbx)).then(|| pbx.clone())
    }

    /// Whether the caller is such a phone whose PBX is there.
    pub(super) fn calls_by_pbx(&self, now: Now, origin: &Origin) -> bool {
        match origin {
            Origin::Account(name) => self
                .config
                .account(name.as_str())
                .is_some_and(|account| self.pbx_there(now, account).is_some()),
            Origin::Trunk(_) | Origin::Guest => false,
        }
    }

    /// The realm by which this phone is asked for its password here: that of its PBX, so that it
    /// answers with the password that it has there.
    pub(super) fn realm_of(&self, account: &Account) -> Option<String> {
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

    /// A REGISTER for a phone of a PBX. False when it is for another phone.
    pub(super) fn register_extension(
        &mut self,
        now: Now,
        key: ServerKey,
        (flow, request): (Flow, &Request),
        step: &mut Step,
    ) -> bool {
        let to = request.headers.to().ok();
        let user = to.as_ref().and_then(|to| to.uri.user_decoded());
        let account = user.and_then(|user| self.config.account(&user));
        let Some(account) = account else { return false };
        let Some(pbx) = account.pbx.clone() else { return false };
        // RFC 3261 §16.3: what comes back from the PBX shall not go there for ever.
        if request.headers.max_forwards() == Ok(Some(0)) {
            let refused = request.response(Status::TOO_MANY_HOPS, None);
            self.refuse(now, key, request, refused, step);
            return true;
        }
        let whose = Whose { account: account.name.clone(), pbx };
        let guessed = self.is_known_wrong(&whose, request);
        if guessed || !self.is_for_pbx(&whose, &flow, request) {
            let refused = request.response(Status::FORBIDDEN, None);
            if guessed {
                self.note_verdict(now, &flow, request, &Verdict::Guessed(refused.clone()));
            }
            self.refuse(now, key, request, refused, step);
            return true;
        }
        let there = self.pbx_there(now, account).is_some();
        let wanted = self.lifetimes(&whose, None);
        if let Some(refusal) = self.registrar.refusal(now, &whose.account, request, flow, wanted) {
            self.refuse(now, key, request, refusal, step);
            return true;
        }
        let alone = self.extensions.all.get(&whose.account).is_some_and(|it| it.is_alone(now.mono));
        if there && !alone && self.extensions.underway.len() >= PASSING_MAX {
            let busy = words::later(request, Status::SERVICE_UNAVAILABLE, RETRY_AFTER_S);
            self.refuse(now, key, request, busy, step);
            return true;
        }
        let hops = if there && !alone {
            self.peers.towards(std::slice::from_ref(&whose.pbx), &mut self.entropy)
        } else {
            Vec::new()
        };
        let aliases = self.aliases_for(&whose, request);
        let (left, request) = (hops.into(), request.clone());
        let passing = Passing { whose, server: key, flow, request, aliases, left };
        self.pass_on(now, passing, step);
        true
    }

    /// Nothing is remembered of them until the PBX has accepted the phone: whoever asks for
    /// registrations without a password must not push the names of others out.
    fn aliases_for(&mut self, whose: &Whose, request: &Request) -> Vec<(NameAddr, String)> {
        let fresh = Extension::default();
        let extension = self.extensions.all.get(&whose.account).unwrap_or(&fresh);
        let contacts = request.headers.contacts().unwrap_or_default();
        let entropy = &mut self.entropy;
        let named = contacts.into_iter().map(|contact| {
            let user = extension.alias_for(&contact, entropy);
            (contact, user)
        });
        named.collect()
    }

    /// Sends it to the next address of the PBX; when there is none, the box answers for it.
    fn pass_on(&mut self, now: Now, mut passing: Passing, step: &mut Step) {
        while let Some(hop) = passing.left.pop_front() {
            let Some(way) = self.flow_towards(&hop, Some(&passing.flow)) else { continue };
            let Some(request) = self.passed_on(&passing, &way) else { break };
            let key = self.transmit(now, (way, request), false, step);
            let until = now.mono + hop.within;
            self.extensions.underway.insert(key, Underway { passing, way, until });
            return;
        }
        self.register_here(now, passing, step);
    }

    fn passed_on(&self, passing: &Passing, way: &Flow) -> Option<Request> {
        let Passing { whose, flow, request, aliases, .. } = passing;
        let domain = self.config.trunk(&whose.pbx)?.phones.domain.clone()?;
        let ours = words::contact(&self.config, way);
        let (host, port) = (ours.host().cloned()?, ours.port());
        let mut told = Vec::with_capacity(aliases.len());
        for (contact, user) in aliases {
            let uri = Uri::sip(Some(user), host.clone(), port);
            let mut params = contact.params.clone();
            params.remove("reg-id"); // RFC 5626 §4.2: of a flow that ends here
            told.push(NameAddr { display: None, uri: way.transport.written_into(uri), params });
        }
        let domain = Host::parse(&domain).ok()?;
        Some(Passage { ours: &self.names_at(flow), domain: &domain }.onward(request, &told))
    }

    /// The names of this box on the way to a phone.
    fn names_at(&self, flow: &Flow) -> [Host; 3] {
        let named = words::sent_by(&self.config, flow).host;
        [named, Host::from(flow.local.ip()), Host::Name(self.config.site.domain.clone())]
    }

    fn is_for_pbx(&self, whose: &Whose, flow: &Flow, request: &Request) -> bool {
        let Some(trunk) = self.config.trunk(&whose.pbx) else { return false };
        let domain = trunk.phones.domain.as_deref().and_then(|domain| Host::parse(domain).ok());
        let Some(domain) = domain else { return false };
        let targets = trunk.targets.iter().map(|target| match &target.host {
            TargetHost::Address(ip) => Host::from(*ip),
            TargetHost::Name(name) => Host::Name(name.clone()),
        });
        let passage = Passage { ours: &self.names_at(flow), domain: &domain };
        passage.is_for_this_pbx(request, &targets.collect::<Vec<_>>())
    }

    /// Whether the response was one to a REGISTER on its way.
    pub(super) fn take_passing_response(
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

    /// Whether it was such a REGISTER that nobody has answered.
    pub(super) fn passing_failed(
        &mut self,
        now: Now,
        key: ClientKey,
        how: Failure,
        step: &mut Step,
    ) -> bool {
        let Some(Underway { passing, way, .. }) = self.extensions.underway.remove(&key) else {
            return false;
        };
        let what = match how {
            Failure::Unreachable => target::Input::Broken,
            Failure::TimedOut => target::Input::Silent,
        };
        if self.is_proven(&passing) {
            self.peer_happened(now, &way, &what, step);
        }
        self.pass_on_or_alone(now, passing, step);
        true
    }

    /// REGISTERs that were left without a word go elsewhere.
    pub(super) fn watch_passing(&mut self, now: Now, step: &mut Step) {
        let all = self.extensions.underway.iter();
        let silent = all.filter(|(_, it)| it.until <= now.mono);
        for key in silent.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.passing_failed(now, key, Failure::TimedOut, step);
        }
    }

    fn pass_on_or_alone(&mut self, now: Now, passing: Passing, step: &mut Step) {
        if passing.left.is_empty() && self.is_proven(&passing) {
            self.extensions.learn(&passing.whose.account, |it| it.left_alone(now.mono));
        }
        self.pass_on(now, passing, step);
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

    /// The box registers the phone itself: it has proven its password, or is asked for it.
    fn register_here(&mut self, now: Now, passing: Passing, step: &mut Step) {
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

    fn lifetimes(&self, whose: &Whose, granted: Option<Duration>) -> Lifetimes {
        let wanted = self.config.trunk(&whose.pbx).map(|trunk| trunk.phones.expires);
        let max = wanted.unwrap_or(RETURN_AFTER);
        let max = granted.map_or(max, |granted| granted.min(max));
        Lifetimes { min: Duration::ZERO, max, spread_permille: SPREAD_PERMILLE }
    }

    /// Whether it shows another password than the one by which the PBX has accepted the phone:
    /// nobody tries passwords on the PBX through the box.
    fn is_known_wrong(&self, whose: &Whose, request: &Request) -> bool {
        let known = self.extensions.all.get(&whose.account);
        known.is_some_and(|known| known.proof() == Proof::Right)
            && self.is_right(whose, request) == Some(false)
    }

    /// What becomes of a REGISTER says something of the PBX only when no stranger can have made it
    /// so that nobody would answer.
    fn is_proven(&self, passing: &Passing) -> bool {
        self.is_right(&passing.whose, &passing.request) == Some(true)
    }

    fn is_right(&self, whose: &Whose, request: &Request) -> Option<bool> {
        let account = self.config.account(whose.account.as_str())?;
        is_right(request, account.name.as_str(), key_of_account(account)?)
    }

    fn note_news(&mut self, whose: &Whose, news: Option<News>, step: &mut Step) {
        let Whose { account, pbx } = whose.clone();
        match news {
            Some(News::TakenOver) => step.facts.push(Fact::PhoneTakenOver { account, pbx }),
            Some(News::LedBack) => step.facts.push(Fact::PhoneLedBack { account, pbx }),
            None => {}
        }
    }

    /// The PBX of the phone that is called by a name which only that PBX was told.
    pub(super) fn pbx_of_alias(&self, uri: &Uri) -> Option<&TrunkName> {
        let (account, _) = self.extensions.called(&uri.user_decoded()?)?;
        self.config.account(account.as_str())?.pbx.as_ref()
    }

    /// The phone that its PBX means by this name, whether it is there or not.
    pub(super) fn phone_of_alias(&self, flow: &Flow, uri: &Uri) -> Option<(EndpointName, Uri)> {
        let (account, contact) = self.extensions.called(&uri.user_decoded()?)?;
        self.called_at_contact(flow, uri)?;
        Some((account.clone(), contact.clone()))
    }

    /// What the PBX said of the mailbox of its phone last.
    pub(super) fn summary_of(&self, account: &EndpointName) -> Option<&str> {
        self.extensions.all.get(account)?.summary().map(Summary::text)
    }

    /// The PBX says something of the mailbox of its phone.
    pub(super) fn note_summary(&mut self, account: &EndpointName, summary: Summary) {
        self.extensions.learn(account, |it| it.told(summary));
    }

    /// The phone that its PBX calls: its account, and where it is now.
    pub(super) fn phone_called(
        &self,
        now: Now,
        (origin, uri): (&Origin, &Uri),
    ) -> Option<(EndpointName, Vec<Target>)> {
        let (account, contact) = self.extensions.called(&uri.user_decoded()?)?;
        let pbx = self.config.account(account.as_str())?.pbx.as_ref();
        let own = matches!(origin, Origin::Trunk(trunk) if Some(trunk) == pbx);
        let mut targets = self.targets_of_account(now, account);
        targets.retain(|target| target.uri.same_as(contact));
        own.then(|| (account.clone(), targets))
    }

    /// Where the call of a phone goes that its PBX is to decide about: with the very digits, as if
    /// the phone had asked the PBX itself.
    pub(super) fn target_at_pbx(
        &mut self,
        account: &EndpointName,
        (pbx, dialled): (&TrunkName, &str),
        flow: &Flow,
    ) -> Option<Target> {
        let domain = self.config.trunk(pbx)?.phones.domain.clone()?;
        let host = Host::parse(&domain).ok()?;
        let uri = Uri::sip(Some(dialled), host, None);
        let mut target = self.target_verbatim(std::slice::from_ref(pbx), &uri, flow)?;
        let route = self.extensions.all.get(account).map(Extension::service_route);
        let route = route.unwrap_or_default();
        for path in
            std::iter::once(&mut target.path).chain(target.then.iter_mut().map(|it| &mut it.path))
        {
            path.extend(route.iter().cloned());
        }
        Some(target)
    }

    /// What people may see of the phones of a PBX.
    pub(super) fn phones_of(&self, now: Now, pbx: &TrunkName) -> Option<PhonesView> {
        let own = self.config.accounts.iter().filter(|account| account.pbx.as_ref() == Some(pbx));
        let phones: Vec<PhoneView> = own.map(|account| self.phone_view(now, account)).collect();
        (!phones.is_empty()).then(|| PhonesView::of(phones))
    }

    fn phone_view(&self, now: Now, account: &Account) -> PhoneView {
        let known = self.extensions.all.get(&account.name);
        let standing = known.map_or(Standing::Untried, Extension::standing);
        let here = self.registrar.bindings(&account.name).any(|it| it.expires > now.mono);
        let (state, since) = match standing {
            Standing::Refused { since } => ("refused", Some(since)),
            Standing::Through { .. } | Standing::Taken { .. } | Standing::Untried if !here => {
                ("away", None)
            }
            Standing::Through { since } => ("through", Some(since)),
            Standing::Taken { since } => ("taken_over", Some(since)),
            Standing::Untried => ("away", None),
        };
        let proof = known.map_or(Proof::Untested, Extension::proof);
        let ago = |since: Wall| now.wall.micros().saturating_sub(since.micros()) / 1000;
        let for_ms = since.map(|since| u64::try_from(ago(since)).unwrap_or(0));
        PhoneView { account: account.name.clone(), state: state.to_owned(), for_ms, proof }
    }
}
