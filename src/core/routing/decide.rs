//! The decision: which rule takes a call, and why the ones before it did not.
//!
//! In this order: emergency numbers, the codes of agents, the central PBX of the phone that calls,
//! as long as it is there (for a phone of its own it decides everything else, as if the phone had
//! asked it without this box between), the routes from top to bottom, numbers (an exact one
//! before prefixes, the longest prefix before shorter ones), the names of queues and accounts.
//! The decision carries its reasons, so that an explanation can not say anything else.

use holdfast_base::{EndpointName, QueueName, TrunkName, Wall};
use holdfast_config::hours::Local;
use holdfast_config::route::{From, fits};
use holdfast_config::{self as config, Config, Destination, Endpoint};
use holdfast_wire::sip::Status;

use super::numbering::Number;
use crate::call::origin::Origin;

/// What is known of a call before it leads anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// What was dialled.
    pub called: &'q Number,
    /// Who calls, as far as rules may know.
    pub calling: &'q Number,
    /// Where it comes from.
    pub origin: &'q Origin,
    /// When.
    pub at: Wall,
    /// Whether the central PBX of a phone that calls is there.
    pub pbx_is_there: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'c> {
    /// Where the call leads.
    pub leads: Leads<'c>,
    /// Every rule that was looked at, in order; the last one took the call, unless none did.
    pub considered: Vec<Considered<'c>>,
}

/// The URN by which a phone means help, whatever its number is here: RFC 5031 §4.2.
const SOS: &str = "service:sos";
/// Whatever one trunk says to an emergency call, the next one may still help.
const EMERGENCY_NEXT_ON: [u16; 20] = [
    400, 403, 404, 405, 406, 408, 410, 413, 415, 420, 421, 424, 480, 481, 483, 484, 486, 488, 501,
    580,
];

/// Where a call leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads<'c> {
    /// Out, past every limit.
    Emergency {
        /// The number that is called.
        number: &'c str,
        /// The ways there.
        out: Out<'c>,
    },
    /// The agent of this phone goes on or off duty.
    Duty {
        /// The agent.
        agent: &'c config::Agent,
        /// Whether on.
        on: bool,
    },
    /// It waits for an agent of a queue.
    Queue(&'c QueueName),
    /// The central PBX of the phone decides.
    Pbx(&'c TrunkName),
    /// A phone of ours rings.
    Account(&'c EndpointName),
    /// Out over one of these trunks.
    Out(Out<'c>),
    /// It is refused.
    Refused(Status),
}

/// The ways out of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Out<'c> {
    /// The trunks in order.
    pub trunks: &'c [TrunkName],
    /// Their shares; none is everything for the first.
    pub weights: &'c [u16],
    /// Refusals that lead to the next trunk, beside those that always do.
    pub next_on: &'c [u16],
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered<'c> {
    /// The rule.
    pub rule: Rule<'c>,
    /// Why it did not take the call; nothing when it did.
    pub but: Vec<But>,
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule<'c> {
    /// The emergency numbers.
    Emergency,
    /// What an agent dials to go on or off duty.
    DutyCode,
    /// The central PBX of the phone.
    Pbx(&'c TrunkName),
    /// A route.
    Route(&'c config::Route),
    /// A number.
    Number(&'c config::Number),
    /// The name of a queue or account.
    Name,
}

/// A condition that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum But {
    /// Something else was dialled.
    OtherCalled,
    /// Somebody else calls.
    OtherCalling,
    /// The call comes from elsewhere.
    OtherOrigin,
    /// It is another time.
    OtherTime(Local),
    /// It fits, and another number fits better.
    LessExact,
    /// The phone belongs to no agent.
    NoAgent,
    /// The PBX is gone.
    PbxGone,
}

/// Decides where a call leads.
#[must_use]
pub fn decide<'c>(config: &'c Config, question: &Question<'_>) -> Decision<'c> {
    let mut considered = Vec::new();
    let leads = emergency(config, question, &mut considered)
        .or_else(|| duty_code(config, question, &mut considered))
        .or_else(|| central(config, question, &mut considered))
        .or_else(|| route(config, question, &mut considered))
        .or_else(|| number(config, question, &mut considered))
        .or_else(|| name(config, question, &mut considered))
        .unwrap_or(Leads::Refused(Status::NOT_FOUND));
    let leads = match leads {
        // Whoever may not be identified may not cost money.
        Leads::Out(_) if *question.origin == Origin::Guest => Leads::Refused(Status::FORBIDDEN),
        leads => leads,
    };
    Decision { leads, considered }
}

/// Phones of ours and known trunks reach emergency numbers. A guest does not: nobody would know
/// whom to send help to. A call that comes from where it would go is not sent back.
fn emergency<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    let number = emergency_number(config, question.called)?;
    let trunks = &config.emergency.trunks;
    let known = match question.origin {
        Origin::Account(_) => true,
        Origin::Trunk(name) => !trunks.contains(name),
        Origin::Guest => false,
    };
    let but = if known { Vec::new() } else { vec![But::OtherOrigin] };
    considered.push(Considered { rule: Rule::Emergency, but });
    let out = Out { trunks, weights: &[], next_on: &EMERGENCY_NEXT_ON };
    known.then_some(Leads::Emergency { number, out })
}

/// The emergency number that is meant, whoever dials it.
#[must_use]
pub fn emergency_number<'c>(config: &'c Config, called: &Number) -> Option<&'c String> {
    let numbers = &config.emergency.numbers;
    match called.written() {
        urn if asks_for_help(urn) => numbers.first(),
        _number => numbers.iter().find(|number| fit(number, called)),
    }
}

/// The service itself or a branch of it, as `sos.fire`; case means nothing in it (RFC 8141 §3.1,
/// RFC 5031 §4.1).
fn asks_for_help(urn: &str) -> bool {
    let (service, rest) = urn.split_at_checked(SOS.len()).unwrap_or((urn, ""));
    service.eq_ignore_ascii_case(SOS) && (rest.is_empty() || rest.starts_with('.'))
}

/// `*45` and `*46`: an agent's own phone sets the agent's duty.
fn duty_code<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    let is = |code: &Option<String>| code.as_deref() == Some(question.called.written());
    let on = is(&config.sip.duty_on);
    if !on && !is(&config.sip.duty_off) {
        return None;
    }
    let leads = match question.origin {
        Origin::Account(account) => {
            agent_at(config, account).map(|agent| Leads::Duty { agent, on })
        }
        Origin::Trunk(_) | Origin::Guest => Some(Leads::Refused(Status::FORBIDDEN)),
    };
    let but = if leads.is_some() { Vec::new() } else { vec![But::NoAgent] };
    considered.push(Considered { rule: Rule::DutyCode, but });
    leads
}

/// The PBX of a phone of its own, and no rule of the box before it.
fn central<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    let account = match question.origin {
        Origin::Account(name) => config.account(name.as_str()),
        Origin::Trunk(_) | Origin::Guest => None,
    };
    let pbx = account?.pbx.as_ref()?;
    let but = if question.pbx_is_there { Vec::new() } else { vec![But::PbxGone] };
    considered.push(Considered { rule: Rule::Pbx(pbx), but });
    question.pbx_is_there.then_some(Leads::Pbx(pbx))
}

/// The agent whose endpoint this account is.
#[must_use]
pub fn agent_at<'c>(config: &'c Config, account: &EndpointName) -> Option<&'c config::Agent> {
    let has = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Account(own) if own == account);
    config.agents.iter().find(|agent| agent.endpoints.iter().any(has))
}

fn route<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    // The rules of a time zone are read once, and only where a time matters.
    let timed = config.routes.iter().any(|route| !route.when.is_empty());
    let local = timed.then(|| config.site.time_zone.local(question.at));
    config.routes.iter().find_map(|route| {
        let but = unmet(route, question, local);
        let taken = but.is_empty();
        considered.push(Considered { rule: Rule::Route(route), but });
        let (weights, next_on) = (route.weights.as_slice(), route.next_on.as_slice());
        taken.then(|| lead(&route.to, weights, next_on))
    })
}

/// The conditions of a route that do not hold.
fn unmet(route: &config::Route, question: &Question<'_>, local: Option<Local>) -> Vec<But> {
    let any = |patterns: &[String], number: &Number| {
        patterns.is_empty() || patterns.iter().any(|pattern| fit(pattern, number))
    };
    let origin = match (&route.from, question.origin) {
        (None, Origin::Account(_) | Origin::Trunk(_) | Origin::Guest)
        | (Some(From::Accounts), Origin::Account(_))
        | (Some(From::Trunks), Origin::Trunk(_))
        | (Some(From::Guests), Origin::Guest) => true,
        (Some(From::Trunk(wanted)), Origin::Trunk(name)) => wanted == name,
        (Some(From::Accounts), Origin::Trunk(_) | Origin::Guest)
        | (Some(From::Trunks | From::Trunk(_)), Origin::Account(_) | Origin::Guest)
        | (Some(From::Guests), Origin::Account(_) | Origin::Trunk(_)) => false,
    };
    let late = local.filter(|local| {
        !route.when.is_empty() && !route.when.iter().any(|hours| hours.contain(*local))
    });
    let unmet = [
        (!any(&route.called, question.called)).then_some(But::OtherCalled),
        (!any(&route.calling, question.calling)).then_some(But::OtherCalling),
        (!origin).then_some(But::OtherOrigin),
        late.map(But::OtherTime),
    ];
    unmet.into_iter().flatten().collect()
}

/// A pattern fits a number in the form by which it is known here, and as it came.
fn fit(pattern: &str, number: &Number) -> bool {
    fits(pattern, number.known_as()) || fits(pattern, number.written())
}

fn number<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    let exactness = |number: &config::Number| match number.dialled.strip_suffix('*') {
        None => usize::MAX,
        Some(beginning) => beginning.len(),
    };
    let fitting = || config.numbers.iter().filter(|it| fit(&it.dialled, question.called));
    let best = fitting().rev().max_by_key(|number| exactness(number));
    for number in &config.numbers {
        let but = if best.is_some_and(|best| std::ptr::eq(best, number)) {
            continue; // it is the last word
        } else if fit(&number.dialled, question.called) {
            But::LessExact
        } else {
            But::OtherCalled
        };
        considered.push(Considered { rule: Rule::Number(number), but: vec![but] });
    }
    let best = best?;
    considered.push(Considered { rule: Rule::Number(best), but: Vec::new() });
    Some(lead(&best.to, &[], &[]))
}

fn name<'c>(
    config: &'c Config,
    question: &Question<'_>,
    considered: &mut Vec<Considered<'c>>,
) -> Option<Leads<'c>> {
    let called = question.called.written();
    let queue = config.queues.iter().find(|queue| queue.name.as_str() == called);
    let account = || config.accounts.iter().find(|account| account.name.as_str() == called);
    let leads = queue
        .map(|queue| Leads::Queue(&queue.name))
        .or_else(|| account().map(|account| Leads::Account(&account.name)));
    let but = if leads.is_some() { Vec::new() } else { vec![But::OtherCalled] };
    considered.push(Considered { rule: Rule::Name, but });
    leads
}

fn lead<'c>(to: &'c Destination, weights: &'c [u16], next_on: &'c [u16]) -> Leads<'c> {
    match to {
        Destination::Queue(queue) => Leads::Queue(queue),
        Destination::Account(account) => Leads::Account(account),
        Destination::Trunks(trunks) => Leads::Out(Out { trunks, weights, next_on }),
    }
}
