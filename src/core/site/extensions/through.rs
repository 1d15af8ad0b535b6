//! A REGISTER on its way to its PBX: what may go there, to which of its addresses, and until when
//! it waits for a word.

use holdfast_base::Now;
use holdfast_config::TargetHost;
use holdfast_wire::sip::{Host, NameAddr, Request, Status, Uri};

use super::{Passing, Underway, Whose};
use crate::call::io::Failure;
use crate::call::words;
use crate::peer::choose::Urgency;
use crate::peer::target;
use crate::sip::auth::Verdict;
use crate::sip::extension::{Extension, Proof};
use crate::sip::flow::Flow;
use crate::sip::passage::Passage;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::site::{Site, Step};

/// Most REGISTERs under way at once; those beyond are asked to come again.
const PASSING_MAX: usize = 2_000;
/// Seconds until they may.
const RETRY_AFTER_S: u32 = 10;

impl Site {
    /// A REGISTER for a phone of a PBX. False when it is for another phone.
    pub(in crate::site) fn register_extension(
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
            self.peers.towards(std::slice::from_ref(&whose.pbx), Urgency::Usual, &mut self.entropy)
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

    /// Sends it to the next address of the PBX; when there is none, or the PBX is gone meanwhile,
    /// the box answers for it.
    fn pass_on(&mut self, now: Now, mut passing: Passing, step: &mut Step) {
        let there = self.is_there(now, &passing.whose.pbx);
        while there && let Some(hop) = passing.left.pop_front() {
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

    /// Whether it was such a REGISTER that nobody has answered.
    pub(in crate::site) fn passing_failed(
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
    pub(in crate::site) fn watch_passing(&mut self, now: Now, step: &mut Step) {
        let all = self.extensions.underway.iter();
        let silent = all.filter(|(_, it)| it.until <= now.mono);
        for key in silent.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.passing_failed(now, key, Failure::TimedOut, step);
        }
    }

    pub(super) fn pass_on_or_alone(&mut self, now: Now, passing: Passing, step: &mut Step) {
        if passing.left.is_empty() && self.is_proven(&passing) {
            self.extensions.learn(&passing.whose.account, |it| it.left_alone(now.mono));
        }
        self.pass_on(now, passing, step);
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
    pub(super) fn is_proven(&self, passing: &Passing) -> bool {
        self.is_right(&passing.whose, &passing.request) == Some(true)
    }
}
