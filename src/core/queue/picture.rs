//! What people see: queues, agents and offers at one instant.

use holdfast_base::{AgentName, CallId, ContactId, Mono, OfferId, Private, QueueName};
use holdfast_config::Endpoint;

use super::decision::Candidate;
use super::engine::Engine;
use super::line::Line;
use crate::agent::{Agent, Task, available};
use crate::contact::{Contact, Place};
use crate::record::event::Duty;
use crate::view::{AgentView, ClosedView, QueueFigures, QueueView, WaitingView, WhyNot};

/// For how many of each queue the picture says why nobody is called: it is made each second, and
/// who stands behind waits for the same reasons.
const EXPLAINED_MAX: usize = 3;

/// An offer that is not over yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOffer {
    /// The offer.
    pub offer: OfferId,
    /// What was offered.
    pub contact: ContactId,
    /// To whom.
    pub agent: AgentName,
    /// Where.
    pub endpoint: Endpoint,
    /// Whether it was answered.
    pub connected: bool,
}

impl Engine {
    /// Every queue, in order of the configuration; the day's figures are left to the log's fold.
    #[must_use]
    pub fn queues(&self, now: Mono) -> Vec<QueueView> {
        let removed = self.lines.iter().filter(|(_, line)| !line.configured).map(|(name, _)| name);
        let names = self.config.queues.iter().map(|queue| &queue.name).chain(removed);
        names.filter_map(|name| Some(self.queue(name, self.lines.get(name)?, now))).collect()
    }

    fn queue(&self, name: &QueueName, line: &Line, now: Mono) -> QueueView {
        let contacts = line.unanswered.values().filter_map(|id| self.contacts.get(id));
        let mut explained = 0;
        let waiting = contacts.map(|contact| {
            let explains = contact.called() == 0 && explained < EXPLAINED_MAX;
            explained += usize::from(explains);
            let why_nobody = if explains { self.why_nobody(contact, now) } else { Vec::new() };
            WaitingView { why_nobody, ..waiting(contact, now) }
        });
        let waiting = waiting.collect();
        let on_duty = |member: &&AgentName| {
            self.ledger.get(member).is_some_and(|agent| agent.state.duty == Duty::OnDuty)
        };
        let on_duty = line.settings.members.iter().filter(on_duty).count();
        QueueView {
            name: name.clone(),
            display: line.settings.display.clone(),
            waiting,
            agents_free: u32::try_from(line.ready.len()).unwrap_or(u32::MAX),
            agents_on_duty: u32::try_from(on_duty).unwrap_or(u32::MAX),
            closed: self.closures.get(name).map(|closure| ClosedView {
                why: closure.why.clone(),
                left_ms: closure.until.map(|until| millis(now, until)),
            }),
            today: QueueFigures::default(),
        }
    }

    fn why_nobody(&self, contact: &Contact, now: Mono) -> Vec<WhyNot> {
        let decision = self.why_not(contact.id, now);
        let candidates = decision.map(|decision| decision.candidates).unwrap_or_default();
        let why = |candidate: Candidate| {
            let why = candidate.verdict.err()?.to_string();
            Some(WhyNot { agent: candidate.agent, why })
        };
        candidates.into_iter().filter_map(why).collect()
    }

    /// Every agent, in order of the configuration.
    #[must_use]
    pub fn agents(&self, now: Mono) -> Vec<AgentView> {
        let view = |settings: &holdfast_config::Agent| {
            let agent = self.ledger.get(&settings.name)?;
            Some(self.agent(&settings.name, &settings.display, agent, now))
        };
        self.config.agents.iter().filter_map(view).collect()
    }

    fn agent(&self, name: &AgentName, display: &str, agent: &Agent, now: Mono) -> AgentView {
        let task = &agent.state.task;
        let against = available(agent, now).err();
        let device = |device: &crate::agent::Device| (label(&device.endpoint), device.reachable);
        let contact = task.attempt().and_then(|attempt| self.contacts.get(&attempt.contact));
        AgentView {
            name: name.clone(),
            display: display.to_owned(),
            duty: agent.state.duty.clone(),
            task: task.word().to_owned(),
            for_ms: millis(task.since(), now),
            left_ms: task.ends().map(|until| millis(now, until)),
            selectable: against.is_none(),
            why_not: against.map(|reason| reason.to_string()).unwrap_or_default(),
            queues: agent.member_of.keys().cloned().collect(),
            endpoints: agent.devices.iter().map(device).collect(),
            call: contact.map(|contact| contact.call),
        }
    }

    /// Every offer that is not over, for the site to take up again after a restart.
    #[must_use]
    pub fn offers(&self) -> Vec<LiveOffer> {
        let live = |(name, agent): (&AgentName, &Agent)| {
            let attempt = agent.state.task.attempt()?;
            Some(LiveOffer {
                offer: attempt.offer,
                contact: attempt.contact,
                agent: name.clone(),
                endpoint: attempt.endpoint.clone(),
                connected: matches!(agent.state.task, Task::Connected { .. }),
            })
        };
        self.ledger.iter().filter_map(live).collect()
    }

    /// The call of a contact that is known.
    #[must_use]
    pub fn call_of(&self, contact: ContactId) -> Option<CallId> {
        let led = || self.led.get(&contact).map(|led| led.call);
        self.contacts.get(&contact).map(|contact| contact.call).or_else(led)
    }

    /// Every contact with its call, for the site to take up again after a restart.
    pub fn contacts(&self) -> impl Iterator<Item = (ContactId, CallId)> + '_ {
        let in_queues = self.contacts.values().map(|contact| (contact.id, contact.call));
        in_queues.chain(self.led.values().map(|led| (led.contact, led.call)))
    }
}

fn waiting(contact: &Contact, now: Mono) -> WaitingView {
    let offered_to = match &contact.place {
        Place::Offered(agents) => agents.iter().cloned().collect(),
        Place::Waiting | Place::Talking(_) => Vec::new(),
    };
    WaitingView {
        contact: contact.id,
        call: contact.call,
        from: contact.from.masked(),
        waited_ms: millis(contact.entered, now),
        offered_to,
        why_nobody: Vec::new(),
    }
}

fn millis(from: Mono, to: Mono) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// The endpoint as people see it; a number is somebody's, so it is masked.
fn label(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Account(account) => account.to_string(),
        Endpoint::Trunk { trunk, number } => format!("{} over {trunk}", Private(number)),
    }
}
