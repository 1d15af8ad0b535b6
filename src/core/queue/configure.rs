//! A new configuration. Nothing that lives is lost: a removed queue takes nobody new and serves
//! those who are in it, a removed agent finishes the call, and whoever waits keeps their place.

use holdfast_base::{AgentName, Mono, Outbox, QueueName};
use holdfast_config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Engine;
use super::line::Line;
use super::record::Key;
use super::words::Output;
use crate::agent::{Agent, AgentState, Event};
use crate::contact::{Contact, Place};
use crate::record::event::{Duty, DutyChangedBy, Fact};

impl Engine {
    /// Replaces the configuration.
    pub(super) fn configure(&mut self, config: Arc<Config>, now: Mono, out: &mut Outbox<Output>) {
        self.configure_lines(&config);
        for settings in &config.agents {
            if self.ledger.get(&settings.name).is_none() {
                let duty =
                    if settings.on_duty { Duty::OnDuty } else { Duty::OffDuty(String::new()) };
                let agent = settings.name.clone();
                let by = DutyChangedBy::Default;
                let fact = Fact::DutyChanged { agent: agent.clone(), duty: duty.clone(), by };
                out.push(Output::Fact(fact));
                let state = AgentState::new(duty, now);
                let (devices, member_of) = (Vec::new(), BTreeMap::new());
                self.ledger.insert(agent, Agent { state, devices, member_of, configured: true });
            }
        }
        let membership = self.membership();
        let endpoints: BTreeMap<&AgentName, _> =
            config.agents.iter().map(|agent| (&agent.name, &agent.endpoints)).collect();
        let names: Vec<AgentName> = self.ledger.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            let devices = endpoints.get(&name).map(|endpoints| self.ledger.devices(endpoints));
            let Some(agent) = self.ledger.get_mut(&name) else { continue };
            agent.configured = devices.is_some();
            agent.devices = devices.unwrap_or_default();
            agent.member_of = membership.get(&name).cloned().unwrap_or_default();
            if agent.configured {
                self.refresh(&name, now);
            } else {
                self.step_agent(&name, Event::Withdraw, now, out);
            }
        }
        self.config = config;
        self.set_wait_limits();
    }

    /// Gives every queue its settings. A queue that is gone stays while somebody is in it.
    pub(super) fn configure_lines(&mut self, config: &Config) {
        let configured: BTreeSet<&QueueName> =
            config.queues.iter().map(|queue| &queue.name).collect();
        for (name, line) in &mut self.lines {
            line.ready.clear();
            line.configured = configured.contains(name);
            self.touched.insert(Key::Queue(name.clone()));
        }
        for settings in &config.queues {
            match self.lines.get_mut(&settings.name) {
                Some(line) => line.settings = settings.clone(),
                None => {
                    self.lines.insert(settings.name.clone(), Line::new(settings.clone()));
                }
            }
        }
        let in_line =
            |contact: &&Contact| matches!(contact.place, Place::Waiting | Place::Offered(_));
        let wanted: BTreeSet<&QueueName> =
            self.contacts.values().filter(in_line).map(|contact| &contact.queue).collect();
        self.lines.retain(|name, line| line.configured || wanted.contains(name));
    }

    /// Closes a removed queue when the last contact has left it.
    pub(super) fn close_if_removed(&mut self, queue: &QueueName) {
        let over = self
            .lines
            .get(queue)
            .is_some_and(|line| !line.configured && line.unanswered.is_empty());
        if !over {
            return;
        }
        let Some(line) = self.lines.remove(queue) else { return };
        for member in &line.settings.members {
            if let Some(agent) = self.ledger.get_mut(member) {
                agent.member_of.remove(queue);
            }
        }
        self.touched.insert(Key::Queue(queue.clone()));
    }

    /// In which queues each agent is a member, with the first place in each.
    fn membership(&self) -> BTreeMap<AgentName, BTreeMap<QueueName, usize>> {
        let mut membership: BTreeMap<AgentName, BTreeMap<QueueName, usize>> = BTreeMap::new();
        for (queue, line) in &self.lines {
            for (place, member) in line.settings.members.iter().enumerate() {
                let queues = membership.entry(member.clone()).or_default();
                queues.entry(queue.clone()).or_insert(place);
            }
        }
        membership
    }

    /// The longest wait may be another now.
    fn set_wait_limits(&mut self) {
        let waiting = self.contacts.values().filter(|contact| contact.place == Place::Waiting);
        let waiting: Vec<_> = waiting.map(|contact| contact.id).collect();
        for contact in waiting {
            self.wait(contact);
        }
    }
}
