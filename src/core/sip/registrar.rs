//! The registrar: where the phones of an account are right now (RFC 3261 §10, RFC 3327, and the
//! instance of RFC 5626).
//!
//! It decides which bindings a REGISTER makes, renews and removes, all of them or none. Who may
//! register was decided before; it knows accounts by name only. The bindings are kept in the
//! recovery journal.

mod moves;
mod ways;

pub use moves::Moved;

use holdfast_base::limits::BINDINGS_PER_ACCOUNT_MAX;
use holdfast_base::{EndpointName, Mono, Now};
use holdfast_wire::sip::{NameAddr, Params, Request, Response, Status, Uri};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::as_text;
use super::flow::Flow;
use super::lifetimes::Lifetimes;
use super::transaction::derived_tag;
use moves::Departed;
use ways::Ways;

/// How long a binding lives when the phone names no time: RFC 3261 §10.2.1.1.
const EXPIRES_DEFAULT: Duration = Duration::from_secs(3600);

/// Longest Contact and longest instance of a binding, in bytes: it comes back in every INVITE to
/// the phone and in every answer to a REGISTER, and is kept in the journal.
const CONTACT_BYTES_MAX: usize = 512;
/// Most proxies between a phone and the box.
const PATH_MAX: usize = 4;

/// Preference of a Contact, 0 to 1000 thousandths: RFC 3261 §20.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Preference(u16);

/// One place where an account can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Where the phone says that it is.
    #[serde(with = "as_text::uri")]
    pub contact: Uri,
    /// Where it really registered from.
    #[serde(serialize_with = "as_text::lasting")]
    pub flow: Flow,
    /// The proxies before it, as Route of every request to it (RFC 3327).
    #[serde(with = "as_text::addresses")]
    pub path: Vec<NameAddr>,
    /// When it is gone unless renewed.
    pub expires: Mono,
    /// Which of several phones is preferred.
    pub q: Preference,
    /// The device, whatever its address (`+sip.instance`, RFC 5626 §4.1).
    pub instance: Option<String>,
    call_id: String,
    cseq: u32,
}

impl Binding {
    /// Whether nobody but the phone, or the proxy before it, can open a connection to it.
    fn is_theirs_to_open(&self) -> bool {
        let named = self.path.first().map_or(&self.contact, |proxy| &proxy.uri);
        self.flow.is_theirs_to_open(named)
    }
}

/// Every binding, for the recovery journal.
pub type Snapshot = Vec<(EndpointName, Vec<Binding>)>;

/// Where every account can be reached.
#[derive(Debug, Default)]
pub struct Registrar {
    /// Best first. Accounts without bindings are absent.
    accounts: BTreeMap<EndpointName, Vec<Binding>>,
    /// The first expiry of each account.
    alarms: BTreeSet<(Mono, EndpointName)>,
    ways: Ways,
    departed: Departed,
}

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Malformed(&'static str),
    TooBrief,
    OutOfOrder,
}

/// What one Contact of a REGISTER wishes.
enum Wish {
    Remove(Uri),
    Bind(Box<Binding>),
}

impl Registrar {
    /// No bindings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer to a REGISTER that changes nothing, for whoever asks before somebody else does.
    #[must_use]
    pub fn refusal(
        &self,
        now: Now,
        account: &EndpointName,
        request: &Request,
        flow: Flow,
        lifetimes: Lifetimes,
    ) -> Option<Response> {
        let before = self.accounts.get(account).map_or(&[][..], Vec::as_slice);
        let refusal = updated(before, now, request, flow, lifetimes).err()?;
        Some(refused(request, refusal, lifetimes))
    }

    /// Takes a REGISTER of this account; makes its answer, and says which phones it has moved.
    pub fn register(
        &mut self,
        now: Now,
        account: &EndpointName,
        request: &Request,
        flow: Flow,
        lifetimes: Lifetimes,
    ) -> (Response, Vec<Moved>) {
        let before = self.accounts.get(account).map_or(&[][..], Vec::as_slice);
        let after = updated(before, now, request, flow, lifetimes);
        match after {
            Ok(bindings) => {
                let moves = self.departed.moves(now.mono, account, before, &bindings);
                let answer = accepted(request, &derived_tag(request), &bindings, now);
                self.set(account, bindings);
                (answer, moves)
            }
            Err(refusal) => (refused(request, refusal, lifetimes), Vec::new()),
        }
    }

    /// How many accounts can be reached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether no account can be reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Where this account can be reached, best first; of equals, the one that lives longest.
    pub fn bindings(&self, account: &EndpointName) -> impl Iterator<Item = &Binding> {
        self.accounts.get(account).into_iter().flatten()
    }

    /// Whether a phone is registered that is reached this very way.
    #[must_use]
    pub fn is_way_to_a_phone(&self, flow: &Flow) -> bool {
        self.ways.has(flow)
    }

    /// Whether a phone is registered from such an address.
    pub fn has_phone_at(&self, there: impl Fn(IpAddr) -> bool) -> bool {
        self.accounts.values().flatten().any(|binding| there(binding.flow.remote.ip()))
    }

    /// A connection is gone, and with it every phone behind it. Returns the accounts that changed.
    pub fn flow_lost(&mut self, flow: Flow) -> Vec<EndpointName> {
        self.retain(|binding| {
            let same_path = (binding.flow.transport, binding.flow.local, binding.flow.remote)
                == (flow.transport, flow.local, flow.remote);
            !same_path || binding.flow.connection != flow.connection
        })
    }

    /// The time of [`Registrar::deadline`] has come. Returns the accounts that changed.
    pub fn handle_deadline(&mut self, now: Now) -> Vec<EndpointName> {
        let due = self.alarms.iter().take_while(|(when, _)| *when <= now.mono);
        let due: Vec<EndpointName> = due.map(|(_, account)| account.clone()).collect();
        for account in &due {
            let mut left = self.accounts.get(account).cloned().unwrap_or_default();
            left.retain(|binding| binding.expires > now.mono);
            self.set(account, left);
        }
        due
    }

    /// When to call [`Registrar::handle_deadline`].
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        self.alarms.first().map(|(when, _)| *when)
    }

    /// Every binding, for the journal.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.accounts.iter().map(|(account, all)| (account.clone(), all.clone())).collect()
    }

    /// The registrar as it was. Connections have ended with the process that held them, and phones
    /// that were reached by nothing else with them.
    #[must_use]
    pub fn restore(snapshot: Snapshot) -> Self {
        let mut registrar = Self::new();
        for (account, mut bindings) in snapshot {
            for binding in &mut bindings {
                binding.flow.connection = None;
            }
            registrar.set(&account, bindings);
        }
        registrar.retain(|binding| !binding.is_theirs_to_open());
        registrar
    }

    /// Keeps these phones; the others are gone, and may come back.
    fn retain(&mut self, keep: impl Fn(&Binding) -> bool) -> Vec<EndpointName> {
        let hit: Vec<EndpointName> = self
            .accounts
            .iter()
            .filter(|(_, all)| !all.iter().all(&keep))
            .map(|(account, _)| account.clone())
            .collect();
        for account in &hit {
            let all = self.accounts.get(account).cloned().unwrap_or_default();
            let (left, gone) = all.into_iter().partition(&keep);
            self.departed.leave(account, gone);
            self.set(account, left);
        }
        hit
    }

    fn set(&mut self, account: &EndpointName, bindings: Vec<Binding>) {
        let first = |all: &[Binding]| all.iter().map(|binding| binding.expires).min();
        let alarm = first(&bindings);
        let before = self.accounts.get(account).map_or(&[][..], Vec::as_slice);
        self.ways.replace(before, &bindings);
        let before = if bindings.is_empty() {
            self.accounts.remove(account)
        } else {
            self.accounts.insert(account.clone(), bindings)
        };
        if let Some(when) = before.as_deref().and_then(first) {
            self.alarms.remove(&(when, account.clone()));
        }
        if let Some(when) = alarm {
            self.alarms.insert((when, account.clone()));
        }
    }
}

fn refused(request: &Request, refusal: Refusal, lifetimes: Lifetimes) -> Response {
    let refused = |status| request.response(status, Some(&derived_tag(request)));
    match refusal {
        Refusal::Malformed(phrase) => {
            let mut answer = refused(Status::BAD_REQUEST);
            answer.reason = phrase.as_bytes().to_vec();
            answer
        }
        Refusal::TooBrief => {
            let mut answer = refused(Status::INTERVAL_TOO_BRIEF);
            answer.headers.push("Min-Expires", lifetimes.min.as_secs());
            answer
        }
        // RFC 3261 §10.3 step 7.
        Refusal::OutOfOrder => refused(Status::SERVER_ERROR),
    }
}

/// The bindings after a REGISTER: RFC 3261 §10.3 steps 6 and 7.
fn updated(
    before: &[Binding],
    now: Now,
    request: &Request,
    flow: Flow,
    lifetimes: Lifetimes,
) -> Result<Vec<Binding>, Refusal> {
    let headers = &request.headers;
    let call_id = headers.call_id().map_err(|_| Refusal::Malformed("Malformed Call-ID"))?;
    let cseq = headers.cseq().map_err(|_| Refusal::Malformed("Malformed CSeq"))?.number;
    // An equal number passes: the transaction layer has absorbed real repetitions, and after a
    // restart a phone that never got its answer must get it now.
    let in_order = |old: &Binding| old.call_id != *call_id || cseq >= old.cseq;
    let alive = before.iter().filter(|binding| binding.expires > now.mono);
    let mut bindings: Vec<Binding> = alive.cloned().collect();
    if headers.list("Contact").iter().any(|contact| contact == "*") {
        let expires = headers.expires().map_err(|_| Refusal::Malformed("Malformed Expires"))?;
        if !headers.has_star_contact() || expires != Some(0) {
            return Err(Refusal::Malformed("Contact * Needs Expires 0"));
        }
        let ordered = bindings.iter().all(in_order);
        return if ordered { Ok(Vec::new()) } else { Err(Refusal::OutOfOrder) };
    }
    for wish in wishes(now, request, flow, lifetimes)? {
        let (contact, instance) = match &wish {
            Wish::Remove(contact) => (contact, None),
            Wish::Bind(binding) => (&binding.contact, binding.instance.as_ref()),
        };
        // A phone that has rebooted is the same phone at a new address.
        let replaced = |old: &Binding| {
            old.contact.same_as(contact) || instance.is_some() && old.instance.as_ref() == instance
        };
        if bindings.iter().any(|old| replaced(old) && !in_order(old)) {
            return Err(Refusal::OutOfOrder);
        }
        bindings.retain(|old| !replaced(old));
        match wish {
            Wish::Remove(_) => {}
            Wish::Bind(binding) => bindings.push(*binding),
        }
    }
    while bindings.len() > BINDINGS_PER_ACCOUNT_MAX {
        // The eldest goes, not the newest: the phone that speaks now is the one that is there.
        let eldest = bindings.iter().enumerate().min_by_key(|(_, binding)| binding.expires);
        let Some((at, _)) = eldest else { break };
        bindings.remove(at);
    }
    bindings.sort_by_key(|binding| (Reverse(binding.q), Reverse(binding.expires)));
    Ok(bindings)
}

fn wishes(
    now: Now,
    request: &Request,
    flow: Flow,
    lifetimes: Lifetimes,
) -> Result<Vec<Wish>, Refusal> {
    let (headers, tag) = (&request.headers, derived_tag(request));
    let general = headers.expires().map_err(|_| Refusal::Malformed("Malformed Expires"))?;
    let contacts = headers.contacts().map_err(|_| Refusal::Malformed("Malformed Contact"))?;
    let path = headers.routes("Path").map_err(|_| Refusal::Malformed("Malformed Path"))?;
    let call_id = headers.call_id().map_err(|_| Refusal::Malformed("Malformed Call-ID"))?;
    let cseq = headers.cseq().map_err(|_| Refusal::Malformed("Malformed CSeq"))?.number;
    if contacts.len() > BINDINGS_PER_ACCOUNT_MAX {
        return Err(Refusal::Malformed("Too Many Contacts"));
    }
    if path.len() > PATH_MAX || path.iter().any(|proxy| is_long(proxy.uri.as_str())) {
        return Err(Refusal::Malformed("Path Too Long"));
    }
    let wish = |contact: NameAddr| {
        let instance = contact.params.value("+sip.instance");
        if is_long(contact.uri.as_str()) || instance.is_some_and(|instance| is_long(&instance)) {
            return Err(Refusal::Malformed("Contact Too Long"));
        }
        if !contact.uri.is_sip() {
            return Err(Refusal::Malformed("Contact Can Not Be Called"));
        }
        let wished = wished(&contact.params, general)?;
        if wished.is_zero() {
            return Ok(Wish::Remove(contact.uri));
        }
        if wished < lifetimes.min {
            return Err(Refusal::TooBrief);
        }
        Ok(Wish::Bind(Box::new(Binding {
            flow,
            path: path.clone(),
            expires: now.mono + lifetimes.granted(wished, &tag),
            q: Preference::of(&contact.params),
            instance: contact.params.value("+sip.instance").map(std::borrow::Cow::into_owned),
            call_id: call_id.as_ref().to_owned(),
            cseq,
            contact: contact.uri,
        })))
    };
    contacts.into_iter().map(wish).collect()
}

const fn is_long(text: &str) -> bool {
    text.len() > CONTACT_BYTES_MAX
}

/// How long a Contact wishes to live. RFC 3261 §10.2.1.1: its own parameter, else Expires; a
/// parameter that is no number counts as an hour (§20.10).
fn wished(params: &Params, general: Option<u32>) -> Result<Duration, Refusal> {
    match params.value("expires") {
        None => Ok(general.map_or(EXPIRES_DEFAULT, |s| Duration::from_secs(s.into()))),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let seconds: u32 =
                text.parse().map_err(|_| Refusal::Malformed("Number Out Of Range In Contact"))?;
            Ok(Duration::from_secs(seconds.into()))
        }
        Some(_) => Ok(EXPIRES_DEFAULT),
    }
}

fn accepted(request: &Request, tag: &str, bindings: &[Binding], now: Now) -> Response {
    let mut answer = request.response(Status::OK, Some(tag));
    for binding in bindings {
        // Rounded up: a phone that renews "at 0" must still be there.
        let left = binding.expires.since(now.mono).as_millis().div_ceil(1000);
        let instance = binding.instance.as_deref();
        let contact = NameAddr::new(binding.contact.clone())
            .with_param("q", Some(&binding.q.to_string()))
            .with_param("expires", Some(&left.to_string()));
        let contact = match instance {
            Some(instance) => contact.with_param("+sip.instance", Some(instance)),
            None => contact,
        };
        answer.headers.push("Contact", contact);
    }
    // RFC 3327 §5.3: the phone sees by which way it will be called.
    for path in request.headers.lines("Path") {
        answer.headers.push_line(path.clone());
    }
    answer
}

impl Preference {
    /// The preference when none is said: RFC 3261 leaves it open, RFC 2616 and every phone say 1.
    const FULL: Self = Self(1000);

    /// Reads `q`: `0`, `0.5`, `1.000`. What can not be read counts as not said.
    fn of(params: &Params) -> Self {
        let Some(text) = params.value("q") else { return Self::FULL };
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        let thousandths = format!("{part:0<3}").parse().ok().filter(|_| digits);
        match (whole, thousandths) {
            ("0" | "", Some(thousandths)) => Self(thousandths),
            _ => Self::FULL,
        }
    }
}

impl std::fmt::Display for Preference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests;
