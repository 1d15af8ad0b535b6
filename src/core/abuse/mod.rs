//! Who is kept out: how much each source may send, what it did wrong, and bans.
//!
//! ```text
//!            offences fade within ten minutes
//!   unknown ──────────────────────────────► watched ──too many──► banned ──time──► remembered
//!      ▲                                       │                    │                  │
//!      └───────────────── nothing for long ────┘◄──── lifted ───────┘◄──── forgotten ──┘
//! ```
//!
//! Who may never be banned is not a question of what it did: a [`Source`] that touches a *spared*
//! network is never written down here at all. The site spares every trunk: its networks, the
//! addresses of its targets and those from which its certificate or password was proven. Where a
//! phone is registered, far more is forgiven ([`GRACE`]), because an office behind one address must
//! not go dumb for one colleague with a wrong password; and a registered phone itself is heard
//! through a ban, which is the site's affair.
//!
//! Source addresses of datagrams can be forged. What a forger gains is that somebody is not heard
//! who is neither a trunk nor a registered phone, for as long as the forgery goes on.
//!
//! Everything is bounded; what is full forgets the least recently seen. It knows no SIP.

pub mod ban;
pub mod offence;
pub mod source;
pub mod view;

use holdfast_base::{Mono, Now};
use holdfast_config::{Abuse, Config, Network};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::rate::{Bucket, Rate};
use crate::record::event::BanEnd;
use ban::{Ban, EVIDENCE_MAX, Evidence};
use offence::Offence;
use source::Source;

/// So many points are a ban.
pub const POINTS_MAX: u32 = 1000;
/// Within this time [`POINTS_MAX`] points are forgiven, evenly.
pub const POINTS_FADE: Duration = Duration::from_secs(600);
/// So many times the points are forgiven where a phone is registered.
pub const GRACE: u32 = 10;
/// Most sources that are watched at once: a few megabytes. A flood of forged addresses pushes
/// others out, which then begin anew.
pub const SOURCES_MAX: usize = 8192;
/// Most bans in force and remembered. Beyond, the one that ends first makes room.
pub const BANS_MAX: usize = 1024;
/// How long an address counts as a trunk's after it was proven there: longer than any trunk is
/// silent that works.
const PROVEN_TIME: Duration = Duration::from_secs(86_400);
/// Most such addresses; a box has some ten trunks.
const PROVEN_MAX: usize = 256;
/// Seconds' worth of messages that may come at once: phones speak in bursts when power returns.
pub const BURST_S: u32 = 5;
/// A source is written down as seen again after so long, not with each of its messages.
const SEEN_EVERY: Duration = Duration::from_secs(1);

/// What the doors have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing from there is let in.
    Shut(Shut),
    /// All is as before.
    Open(Source),
}

/// A ban, for whoever carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Who.
    pub source: Source,
    /// For how long from now.
    pub lasts: Duration,
    /// For what.
    pub why: &'static str,
    /// Whether phones that are registered there must be heard through it, so that it can not be
    /// left to a packet filter.
    pub partly: bool,
}

/// What a ban's beginning or end means for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Somebody is banned.
    Banned(Ban),
    /// A ban is over.
    Over(Source, BanEnd),
}

/// Whether a message is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is.
    Granted,
    /// Its source is banned.
    Banned,
    /// Its source sends too much.
    TooMany,
}

/// Counts since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) bans: u64,
    pub(crate) dropped_banned: u64,
    pub(crate) dropped_too_many: u64,
}

/// A source that said something lately.
#[derive(Debug)]
struct Watched {
    bucket: Bucket,
    seen: Mono,
    /// Points at `seen_points`, in thousandths, so that fading is smooth.
    points_milli: u64,
    points_at: Mono,
    evidence: VecDeque<Evidence>,
}

/// The memory of who did what.
#[derive(Debug)]
pub struct Guard {
    rules: Abuse,
    /// Networks of trunks and of the configuration.
    spared: Vec<Network>,
    /// The addresses of trunks' targets, as name servers say.
    peers: BTreeSet<Source>,
    /// Where a trunk has proven itself by certificate or password, and until when that counts.
    proven: BTreeMap<Source, Mono>,
    sources: BTreeMap<Source, Watched>,
    /// The sources, least recently seen first.
    by_age: BTreeSet<(Mono, Source)>,
    bans: BTreeMap<Source, Ban>,
    /// The next thing that happens to each ban by itself.
    turns: BTreeSet<(Mono, Source)>,
    changed: BTreeSet<Source>,
    news: Vec<News>,
    pub(crate) totals: Totals,
}

/// Networks in which nobody is ever banned: those of trunks, and those that the operator names.
#[must_use]
pub fn spared(config: &Config) -> Vec<Network> {
    let trunks = config.trunks.iter().flat_map(|trunk| &trunk.networks);
    trunks.chain(&config.abuse.never).copied().collect()
}

impl Guard {
    /// Nobody has done anything yet.
    #[must_use]
    pub fn new(rules: Abuse, spared: Vec<Network>) -> Self {
        Self {
            rules,
            spared,
            peers: BTreeSet::new(),
            proven: BTreeMap::new(),
            sources: BTreeMap::new(),
            by_age: BTreeSet::new(),
            bans: BTreeMap::new(),
            turns: BTreeSet::new(),
            changed: BTreeSet::new(),
            news: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// A ban of an earlier run goes on.
    pub fn restore(&mut self, now: Mono, ban: Ban) {
        if ban.remembered_until() <= now || self.spares(now, ban.source) {
            self.changed.insert(ban.source);
            return;
        }
        if ban.is_in_force(now) {
            self.news.push(News::Banned(ban.clone()));
        }
        self.turns.insert((next_turn(now, &ban), ban.source));
        self.bans.insert(ban.source, ban);
    }

    /// New rules are in force. Who is spared by them is free at once.
    pub fn configured(&mut self, now: Mono, rules: Abuse, spared: Vec<Network>) {
        let off = rules.ban.is_none();
        (self.rules, self.spared) = (rules, spared);
        self.free(now, |_| off);
    }

    /// These are the addresses of trunks' targets.
    pub fn peers_are(&mut self, now: Mono, peers: impl Iterator<Item = IpAddr>) {
        let peers = peers.map(Source::of).collect();
        if peers != self.peers {
            self.peers = peers;
            self.free(now, |_| false);
        }
    }

    /// A trunk has proven by certificate or password that it is there.
    pub fn proven(&mut self, now: Mono, address: IpAddr) {
        let source = Source::of(address);
        let until = now + PROVEN_TIME;
        let known = self.proven.insert(source, until);
        if known.is_some_and(|before| now < before) {
            return;
        }
        self.proven.retain(|_, until| now < *until);
        while self.proven.len() > PROVEN_MAX {
            self.proven.pop_first();
        }
        self.free(now, |_| false);
    }

    /// Whether this source is never banned.
    #[must_use]
    pub fn spares(&self, now: Mono, source: Source) -> bool {
        self.spared.iter().any(|network| source.touches(*network))
            || self.peers.contains(&source)
            || self.proven.get(&source).is_some_and(|until| now < *until)
    }

    /// Whether anything of this source may come in.
    #[must_use]
    pub fn admits(&self, now: Now, address: IpAddr) -> Entry {
        let banned = self.is_banned(now.mono, Source::of(address));
        if banned { Entry::Banned } else { Entry::Granted }
    }

    /// Whether one more message of this source may come in. To be asked before it is read; whoever
    /// is known by more than its address is not asked about.
    pub fn enters(&mut self, now: Now, address: IpAddr) -> Entry {
        let source = Source::of(address);
        if self.is_banned(now.mono, source) {
            return Entry::Banned;
        }
        let most = self.rules.messages_per_second;
        if most == 0 || self.spares(now.mono, source) {
            return Entry::Granted;
        }
        let rate = Rate { per_second: most, burst: most.saturating_mul(BURST_S) };
        if self.watched(now.mono, source).bucket.take(now.mono, rate) {
            return Entry::Granted;
        }
        self.totals.dropped_too_many += 1;
        Entry::TooMany
    }

    /// A message of a banned source was not read.
    pub const fn kept_out(&mut self) {
        self.totals.dropped_banned += 1;
    }

    /// Whether a ban is in force.
    #[must_use]
    pub fn is_banned(&self, now: Mono, source: Source) -> bool {
        self.bans.get(&source).is_some_and(|ban| ban.is_in_force(now))
    }

    /// Somebody did this. `at_home` says whether phones are registered there.
    pub fn offended(&mut self, now: Now, address: IpAddr, what: Offence, at_home: bool) {
        let source = Source::of(address);
        let Some(first) = self.rules.ban else { return };
        if self.spares(now.mono, source) || self.is_banned(now.mono, source) {
            return;
        }
        let limit = if at_home { POINTS_MAX.saturating_mul(GRACE) } else { POINTS_MAX };
        let watched = self.watched(now.mono, source);
        let points = watched.add(now.mono, what.points());
        if watched.evidence.len() >= EVIDENCE_MAX {
            watched.evidence.pop_front();
        }
        watched.evidence.push_back(Evidence { at: now.wall, what });
        if points >= limit {
            let evidence = watched.evidence.drain(..).collect();
            self.ban(now, source, (first, self.rules.ban_max), evidence);
        }
    }

    /// Somebody has answered a challenge: that it was asked is no offence.
    pub fn answered(&mut self, now: Mono, address: IpAddr) {
        if let Some(watched) = self.sources.get_mut(&Source::of(address)) {
            let asked = Offence::Unproven(offence::Words::new("")).points();
            watched.take_back(now, asked);
        }
    }

    /// A person lifts a ban. False when there is none.
    pub fn lift(&mut self, now: Mono, source: Source) -> bool {
        let known = self.is_banned(now, source);
        if known {
            self.end(now, source, BanEnd::Lifted);
        }
        known
    }

    /// The time of [`Guard::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Mono) {
        while let Some((_, source)) = self.turns.first().copied().filter(|(at, _)| *at <= now) {
            self.turns.pop_first();
            let Some(ban) = self.bans.get(&source) else { continue };
            if ban.remembered_until() <= now {
                self.bans.remove(&source);
                self.changed.insert(source);
                continue;
            }
            self.turns.insert((ban.remembered_until(), source));
            self.news.push(News::Over(source, BanEnd::Time));
        }
    }

    /// When to call [`Guard::handle_deadline`].
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        self.turns.first().map(|(at, _)| *at)
    }

    /// What happened to bans since the last call.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The bans that changed since the last call, as they are now; none when forgotten.
    pub fn changed(&mut self) -> Vec<(Source, Option<Ban>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|source| (source, self.bans.get(&source).cloned())).collect()
    }

    fn ban(
        &mut self,
        now: Now,
        source: Source,
        lengths: (Duration, Duration),
        evidence: Vec<Evidence>,
    ) {
        let before = self.bans.remove(&source);
        if let Some(before) = &before {
            self.turns.remove(&(before.remembered_until(), source));
        }
        while self.bans.len() >= BANS_MAX {
            let Some((at, first)) = self.turns.first().copied() else { break };
            self.end(now.mono, first, BanEnd::Time);
            self.turns.remove(&(at, first)); // due and not yet handled: it is over all the same
        }
        let ban = Ban::begun(now, source, before.as_ref(), lengths, evidence);
        self.totals.bans += 1;
        self.turns.insert((ban.until, source));
        self.changed.insert(source);
        self.news.push(News::Banned(ban.clone()));
        self.bans.insert(source, ban);
        self.forget(source);
    }

    /// Ends bans whose source is spared, and those that `also` names.
    fn free(&mut self, now: Mono, also: impl Fn(Source) -> bool) {
        let free: Vec<Source> = self
            .bans
            .keys()
            .filter(|source| also(**source) || self.spares(now, **source))
            .copied()
            .collect();
        for source in free {
            self.end(now, source, BanEnd::Spared);
        }
    }

    /// Ends a ban and forgets it.
    fn end(&mut self, now: Mono, source: Source, how: BanEnd) {
        let Some(ban) = self.bans.remove(&source) else { return };
        self.turns.remove(&(next_turn(now, &ban), source));
        self.changed.insert(source);
        if ban.is_in_force(now) {
            self.news.push(News::Over(source, how));
        }
    }

    fn watched(&mut self, now: Mono, source: Source) -> &mut Watched {
        let known = self.sources.get(&source).map(|watched| watched.seen);
        match known {
            Some(seen) if now.since(seen) < SEEN_EVERY => {}
            Some(seen) => {
                self.by_age.remove(&(seen, source));
                self.by_age.insert((now, source));
            }
            None => {
                while self.sources.len() >= SOURCES_MAX {
                    let Some((_, oldest)) = self.by_age.pop_first() else { break };
                    self.sources.remove(&oldest);
                }
                self.by_age.insert((now, source));
            }
        }
        let watched = self.sources.entry(source).or_insert_with(|| Watched::new(now));
        if now.since(watched.seen) >= SEEN_EVERY {
            watched.seen = now;
        }
        watched
    }

    fn forget(&mut self, source: Source) {
        if let Some(watched) = self.sources.remove(&source) {
            self.by_age.remove(&(watched.seen, source));
        }
    }
}

/// When something happens to it next: its end, or that it is forgotten.
fn next_turn(now: Mono, ban: &Ban) -> Mono {
    if ban.is_in_force(now) { ban.until } else { ban.remembered_until() }
}

impl Watched {
    fn new(now: Mono) -> Self {
        let bucket = Bucket::new(now);
        Self { bucket, seen: now, points_milli: 0, points_at: now, evidence: VecDeque::new() }
    }

    /// Adds points to what has not faded yet; the whole points that are then there.
    fn add(&mut self, now: Mono, points: u32) -> u32 {
        self.fade(now);
        self.points_milli = self.points_milli.saturating_add(u64::from(points) * 1000);
        u32::try_from(self.points_milli / 1000).unwrap_or(u32::MAX)
    }

    fn take_back(&mut self, now: Mono, points: u32) {
        self.fade(now);
        self.points_milli = self.points_milli.saturating_sub(u64::from(points) * 1000);
    }

    fn fade(&mut self, now: Mono) {
        let passed = u64::try_from(now.since(self.points_at).as_millis()).unwrap_or(u64::MAX);
        // Points are in thousandths and so are seconds: the factors cancel out.
        let faded = passed.saturating_mul(u64::from(POINTS_MAX)) / POINTS_FADE.as_secs();
        self.points_milli = self.points_milli.saturating_sub(faded);
        self.points_at = now;
    }
}

#[cfg(test)]
mod tests;
