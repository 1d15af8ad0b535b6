//! What people may see of trunks: each target, what its name means, how each address is.

use holdfast_base::{EndpointName, Mono, Now, TrunkName};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::Peers;
use super::alarm::Alarm;
use super::beyond::Beyond;
use super::line::{Line, Place, Standing};
use super::target::{Health, State};
use super::test_call::TestCalls;
use crate::dialect::matrix::Capabilities;
use crate::sip::extension::Proof;
use crate::view::{HealthState, HealthView};

/// A trunk that calls can go out over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrunkView {
    /// Its name.
    pub name: TrunkName,
    /// Whether at least one address takes calls.
    pub state: HealthState,
    /// One sentence for people.
    pub says: String,
    /// What the parties behind it can do in a call.
    pub capabilities: Capabilities,
    /// How long ago it has asked us by OPTIONS, in milliseconds.
    pub asked_us_ms: Option<u64>,
    /// Its targets in order.
    pub targets: Vec<TargetView>,
    /// Our registration there, if it has one.
    #[serde(default)]
    pub registration: Option<RegistrationView>,
    /// What its calls take and may take.
    #[serde(default)]
    pub bandwidth: BandwidthView,
    /// Its phones that register there through this box, if it has some.
    #[serde(default)]
    pub phones: Option<PhonesView>,
    /// The test calls over it, where they are wanted.
    #[serde(default)]
    pub test_call: Option<TestCallView>,
}

/// The last test call over a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCallView {
    /// How it ended, in words for people.
    pub says: String,
    /// Whether it has found somebody; none before the first one.
    pub alive: Option<bool>,
    /// How long ago it ended, in milliseconds.
    pub ago_ms: Option<u64>,
}

impl TestCallView {
    fn of(now: Mono, tests: &TestCalls) -> Self {
        let Some((at, outcome)) = tests.last() else {
            return Self { says: "none yet".to_owned(), alive: None, ago_ms: None };
        };
        let mut says = outcome.says();
        if !tests.is_proven() {
            says += "; nobody has ever been found there: is the number right?";
        }
        Self { says, alive: Some(outcome.is_alive()), ago_ms: Some(millis(now.since(at))) }
    }
}

/// What calls take of a line in each direction, with the headers of IP, UDP and RTP, in kbit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandwidthView {
    /// Now: what is agreed, and the dearest that is offered.
    pub used_kbps: u32,
    /// At most; 0 is no limit.
    pub most_kbps: u32,
}

/// The phones of a PBX that register there through this box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhonesView {
    /// One sentence for people.
    pub says: String,
    /// Whether nothing about them needs a person.
    pub state: HealthState,
    /// Each of them, in order of the configuration.
    pub phones: Vec<PhoneView>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    /// Its account.
    pub account: EndpointName,
    /// `through` (registered at the PBX), `taken_over` (by this box), `refused` (by the PBX) or
    /// `away` (not registered).
    pub state: String,
    /// For how long; none while it is away.
    pub for_ms: Option<u64>,
    /// Whether the password here is known to be the one of the PBX.
    pub proof: Proof,
}

impl PhonesView {
    /// These phones, summed up.
    #[must_use]
    pub fn of(phones: Vec<PhoneView>) -> Self {
        let count = |state: &str| phones.iter().filter(|phone| phone.state == state).count();
        let (through, taken, all) = (count("through"), count("taken_over"), phones.len());
        let refused = count("refused");
        let wrong = phones.iter().filter(|phone| phone.proof == Proof::Wrong).count();
        let mut says = format!("{through} of {all} phones registered there through this box");
        if taken > 0 {
            says += &format!(", {taken} taken over by it while the PBX is gone");
        }
        if refused > 0 {
            says += &format!(", {refused} refused by the PBX");
        }
        if wrong > 0 {
            says += &format!(
                ", {wrong} with another password there than here: the box could not take them \
                 over, correct them in the configuration"
            );
        }
        let quiet = taken == 0 && wrong == 0;
        let state = if quiet { HealthState::Good } else { HealthState::Degraded };
        Self { says, state, phones }
    }
}

/// Our registration with a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationView {
    /// Whether the registrar has it.
    pub registered: bool,
    /// One sentence for people.
    pub says: String,
    /// For how long it holds unless it is renewed.
    pub left_ms: Option<u64>,
}

/// A target of a trunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetView {
    /// As written in the configuration.
    pub target: String,
    /// Whether a person has switched it off.
    pub off: bool,
    /// What its name means; none for an address.
    pub name: Option<NameView>,
    /// Its addresses.
    pub addresses: Vec<AddressView>,
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum NameView {
    /// Asked for the first time; no answer yet.
    Asking,
    /// The addresses are as the name server says.
    Fresh {
        /// When it said so.
        age_ms: u64,
        /// For how long that holds.
        ttl_ms: u64,
    },
    /// The addresses are those of before; nobody has confirmed them.
    Stale {
        /// When they were learned.
        age_ms: u64,
        /// Why there is nothing newer.
        why: String,
    },
    /// There is no address.
    Unknown {
        /// Why.
        why: String,
    },
}

/// One address of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// The address.
    pub address: String,
    /// `untried`, `up`, `suspect`, `down`, `blocked` or `off`.
    pub state: String,
    /// For how long.
    pub for_ms: u64,
    /// Status of the last answer to OPTIONS.
    pub answer: Option<u16>,
    /// When it came.
    pub answer_age_ms: Option<u64>,
    /// How long it took.
    pub round_trip_ms: Option<u64>,
    /// What went wrong last.
    pub failure: Option<String>,
    /// When.
    pub failure_age_ms: Option<u64>,
}

impl Peers {
    /// Every trunk that has targets.
    #[must_use]
    pub fn view(&self, now: Now) -> Vec<TrunkView> {
        self.lines.values().map(|line| self.line_view(now.mono, line)).collect()
    }

    /// One line for each of these trunks.
    #[must_use]
    pub fn health(&self, now: Now) -> Vec<HealthView> {
        let trunks = self.view(now).into_iter();
        let line = |TrunkView { name, state, says, .. }| HealthView {
            part: format!("Trunk {name}"),
            state,
            says,
        };
        trunks.map(line).collect()
    }

    fn line_view(&self, now: Mono, line: &Line) -> TrunkView {
        let targets: Vec<TargetView> =
            line.places.iter().map(|place| self.target_view(now, place)).collect();
        let (state, says) = match &line.standing {
            Standing::Down { why, .. } => (HealthState::Down, format!("no calls go out: {why}")),
            Standing::Up => match line.alarm.as_ref().and_then(Alarm::says) {
                Some(says) => (HealthState::Degraded, says),
                None => words(line, &targets),
            },
        };
        let (name, capabilities) = (line.name.clone(), line.capabilities.clone());
        let asked_us_ms = line.asked_us.map(|at| millis(now.since(at)));
        TrunkView {
            name,
            state,
            says,
            capabilities,
            asked_us_ms,
            targets,
            registration: None,
            bandwidth: BandwidthView::default(),
            phones: None,
            test_call: line
                .beyond
                .as_ref()
                .and_then(Beyond::tests)
                .map(|tests| TestCallView::of(now, tests)),
        }
    }

    fn target_view(&self, now: Mono, place: &Place) -> TargetView {
        let name = place.question.as_ref().and_then(|question| self.names.view(now, question));
        let addresses = place.hops.iter().map(|(address, health)| {
            let (reply, failure) = (health.reply(), health.failure());
            AddressView {
                address: address.to_string(),
                state: state_name(health).to_owned(),
                for_ms: millis(now.since(health.since())),
                answer: reply.map(|reply| reply.status),
                answer_age_ms: reply.map(|reply| millis(now.since(reply.at))),
                round_trip_ms: reply.map(|reply| millis(reply.took)),
                failure: failure.map(|failure| failure.what.clone()),
                failure_age_ms: failure.map(|failure| millis(now.since(failure.at))),
            }
        });
        let addresses = addresses.collect();
        TargetView { target: place.target.to_string(), off: place.off, name, addresses }
    }
}

/// How a trunk is that takes calls.
fn words(line: &Line, targets: &[TargetView]) -> (HealthState, String) {
    let hops = || line.places.iter().flat_map(|place| &place.hops);
    let works = |health: &Health| matches!(health.state(), State::Up | State::Untried);
    let good = hops().filter(|(_, health)| works(health)).count();
    let all = hops().count();
    let stale = targets.iter().find(|target| {
        matches!(target.name, Some(NameView::Stale { .. } | NameView::Unknown { .. }))
    });
    if let Some(target) = stale {
        let says = match &target.name {
            Some(NameView::Stale { why, .. }) => format!(
                "{} is used as last known: {why}; look after the name server",
                target.target
            ),
            Some(NameView::Unknown { why }) => format!("{} has no address: {why}", target.target),
            Some(NameView::Asking | NameView::Fresh { .. }) | None => String::new(),
        };
        return (HealthState::Degraded, says);
    }
    if good < all {
        let bad = hops().find(|(_, health)| !works(health));
        let bad = bad.map(|(address, health)| trouble(&address.to_string(), health));
        let says = format!("{good} of {all} addresses take calls; {}", bad.unwrap_or_default());
        return (HealthState::Degraded, says);
    }
    let fastest = hops().filter_map(|(_, health)| health.reply()).map(|reply| reply.took).min();
    let says = match (fastest, line.pace.every) {
        (Some(took), _) => format!("answers OPTIONS in {} ms", millis(took)),
        (None, None) => "not asked by OPTIONS; calls will tell".to_owned(),
        (None, Some(_)) => "not heard of yet".to_owned(),
    };
    (HealthState::Good, says)
}

/// What is wrong with an address, for a technician.
pub(super) fn trouble(address: &str, health: &Health) -> String {
    let state = match health.state() {
        State::Off => return format!("{address} is switched off"),
        State::Blocked { .. } => return format!("{address} asked to be left alone for a while"),
        State::Untried | State::Up | State::Suspect { .. } | State::Down { .. } => {
            state_name(health)
        }
    };
    match health.failure() {
        Some(failure) => format!("{address} is {state}: {}", failure.what),
        None => format!("{address} is {state}"),
    }
}

const fn state_name(health: &Health) -> &'static str {
    match health.state() {
        State::Untried => "untried",
        State::Up => "up",
        State::Suspect { .. } => "suspect",
        State::Down { .. } => "down",
        State::Blocked { .. } => "blocked",
        State::Off => "off",
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
