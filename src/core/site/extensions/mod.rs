//! Phones of central PBXs that register there through this box.
//!
//! While its PBX is there, the REGISTER of such a phone passes: the PBX asks for the password,
//! grants and refuses, and is told a Contact at this box. When the PBX is gone, or leaves the
//! REGISTER without a word or with trouble of its own, the box asks for the same password itself.
//! Nobody is registered here whom neither of the two has asked.
//!
//! A PBX that has come back counts as gone for a while longer, so that phones do not go to and fro
//! with it. Then each is led back by its next REGISTER, for which the box grants short times.

mod answers;
mod called;
mod taken;
mod through;
mod view;

use holdfast_base::{EndpointName, Mono, Now, TrunkName};
use holdfast_config::{Account, Config};
use holdfast_wire::sip::{NameAddr, Request, Uri};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::phones::SPREAD_PERMILLE;
use super::senders::key_of_account;
use super::{Site, Snapshot, Step};
use crate::call::origin::Origin;
use crate::peer::Hop;
use crate::record::encoding::decoded;
use crate::record::event::Fact;
use crate::sip::auth::is_right;
use crate::sip::extension::{Extension, Given, News};
use crate::sip::flow::Flow;
use crate::sip::lifetimes::Lifetimes;
use crate::sip::transaction::{ClientKey, ServerKey};

/// Key of an extension in the journal, before the name of its account.
pub(super) const EXTENSION: &str = "extension/";
/// OFFLINE.md: 30 s of hysteresis to return.
const RETURN_AFTER: Duration = Duration::from_secs(30);

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

/// A phone and its PBX.
#[derive(Clone, Debug)]
struct Whose {
    account: EndpointName,
    pbx: TrunkName,
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

impl Extensions {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.underway.values().map(|it| it.until).min()
    }

    /// Those that have changed since the last call, for the journal; none is over.
    pub(super) fn changed(&mut self) -> Vec<(EndpointName, Option<&Extension>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|name| (name.clone(), self.all.get(&name))).collect()
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

    /// A trunk came back or went down, by itself or by the hand of a technician.
    pub(super) fn pbx_is(&mut self, now: Now, pbx: &TrunkName, up: bool, step: &mut Step) {
        if up {
            self.extensions.back.insert(pbx.clone(), now.mono + RETURN_AFTER);
            return;
        }
        // Nobody is left to wait for: their phones hear of the box at once.
        let gone = |_: &ClientKey, it: &mut Underway| it.passing.whose.pbx == *pbx;
        let left: Vec<_> = self.extensions.underway.extract_if(.., gone).collect();
        for (_, Underway { passing, .. }) in left {
            self.register_here(now, passing, step);
        }
    }

    /// The central PBX of a phone, as long as it is there.
    pub(super) fn pbx_there(&self, now: Now, account: &Account) -> Option<TrunkName> {
        let pbx = account.pbx.as_ref()?;
        self.is_there(now, pbx).then(|| pbx.clone())
    }

    fn is_there(&self, now: Now, pbx: &TrunkName) -> bool {
        let back = self.extensions.back.get(pbx).is_none_or(|at| *at <= now.mono);
        back && self.peers.is_up(pbx)
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

    fn lifetimes(&self, whose: &Whose, granted: Option<Duration>) -> Lifetimes {
        let wanted = self.config.trunk(&whose.pbx).map(|trunk| trunk.phones.expires);
        let max = wanted.unwrap_or(RETURN_AFTER);
        let max = granted.map_or(max, |granted| granted.min(max));
        Lifetimes { min: Duration::ZERO, max, spread_permille: SPREAD_PERMILLE }
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
}
