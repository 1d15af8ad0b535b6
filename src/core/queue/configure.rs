//! A new configuration. Nothing that lives is lost: a removed queue takes nobody new and serves
//! those who are in it, a removed agent finishes the call, and whoever waits keeps their place.

use holdfast_base::{AgentName, ContactId, Mono, Outbox, QueueName};
use holdfast_config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Engine;
use super::line::Line;
use super::record::Key;
use super::words::Output;
use crate::agent::{Agent, AgentState, Event, Seat};
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
                self.ledger.insert(agent, Agent::new(AgentState::new(duty, now)));
            }
        }
        let settings: BTreeMap<&AgentName, _> =
            config.agents.iter().map(|agent| (&agent.name, agent)).collect();
        let mut membership = self.membership(&settings);
        let names: Vec<AgentName> = self.ledger.iter().map(|(name, _)| name.clone()).collect();
        for name in names {
            let settings = settings.get(&name);
            let devices = settings.map(|settings| self.ledger.devices(&settings.endpoints));
            let Some(agent) = self.ledger.get_mut(&name) else { continue };
            agent.configured = devices.is_some();
            agent.devices = devices.unwrap_or_default();
            agent.member_of = membership.remove(&name).unwrap_or_default();
            agent.informal = settings.is_some_and(|settings| settings.informal);
            agent.weight = settings.map_or(1, |settings| settings.weight);
            let queues = &agent.member_of;
            agent.state.inactive_in.retain(|queue| queues.contains_key(queue));
            if agent.configured {
                self.refresh(&name, now);
            } else {
                self.step_agent(&name, Event::Withdraw, now, out);
            }
        }
        self.config = config;
        self.today.forget();
        self.forget_callers(now);
        self.set_wait_limits(now);
    }

    /// Gives every queue its settings. A queue that is gone stays while somebody is in it.
    pub(super) fn configure_lines(&mut self, config: &Config) {
        let configured: BTreeSet<&QueueName> =
            config.queues.iter().map(|queue| &queue.name).collect();
        for (name, line) in &mut self.lines {
            line.forget_agents();
            line.configured = configured.contains(name);
            self.touched.insert(Key::Queue(name.clone()));
        }
        let turns: Vec<QueueName> = self.turns.keys().cloned().collect();
        for queue in turns.iter().filter(|queue| !configured.contains(queue)) {
            self.turns.remove(queue);
            self.touched.insert(Key::Turn(queue.clone()));
        }
        for settings in &config.queues {
            self.keep_turn(&settings.name, &settings.members);
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
        self.forget_closures();
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
                agent.state.inactive_in.remove(queue);
            }
        }
        self.touched.insert(Key::Queue(queue.clone()));
    }

    /// In which queues each agent is a member, with the seat in each; the first place counts.
    fn membership(
        &self,
        settings: &BTreeMap<&AgentName, &holdfast_config::Agent>,
    ) -> BTreeMap<AgentName, BTreeMap<QueueName, Seat>> {
        let mut membership: BTreeMap<AgentName, BTreeMap<QueueName, Seat>> = BTreeMap::new();
        for (queue, line) in &self.lines {
            for (place, member) in line.settings.members.iter().enumerate() {
                let skills = settings.get(member).map_or(&[][..], |agent| &agent.skills);
                let queues = membership.entry(member.clone()).or_default();
                queues
                    .entry(queue.clone())
                    .or_insert_with(|| Seat::of(place, skills, &line.settings.distribution));
            }
        }
        membership
    }

    /// The longest wait may be another now, and so may be who can be called from when on.
    fn set_wait_limits(&mut self, now: Mono) {
        let all: Vec<ContactId> = self.contacts.keys().copied().collect();
        for id in all {
            match self.contacts.get(&id).map(|contact| &contact.place) {
                Some(Place::Waiting) => self.wait(id, now),
                Some(Place::Offered(_)) => {
                    self.await_longest_wait(id);
                    self.await_widening(id, now);
                }
                Some(Place::Talking(_)) | None => {}
            }
        }
    }
}
