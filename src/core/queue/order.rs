//! Who comes first among those who could be called for a contact: circle, the agent who knows the
//! caller, skills, and then the strategy of the queue (QUEUEING.md 2.5, agent rank).

use holdfast_base::{AgentName, ContactId, Mono};
use holdfast_config::Strategy;

use super::engine::Engine;
use super::line::{AgentRank, Line};
use super::record::Key;
use super::widen::{allowed, open_circle};
use crate::agent::Reason;
use crate::contact::Contact;

/// Those who could be called for a contact.
pub(super) struct Choice<'l> {
    /// The one to call first.
    pub order: Vec<&'l AgentRank>,
    /// Whether all of them have let it ring out already: the list starts again. Until then those
    /// who have are passed over (QUEUEING.md 2.3).
    pub again: bool,
    /// The lot that was drawn, if the strategy draws one.
    pub draw: Option<u64>,
}

impl Engine {
    /// Who could be called for this contact now.
    pub(super) fn choice<'l>(&self, contact: &Contact, line: &'l Line, now: Mono) -> Choice<'l> {
        let open = open_circle(contact, line, now);
        let in_reach = line.ready.iter().take_while(|rank| rank.standing.circle <= open);
        let barrier = self.barrier(contact, line, now);
        let may = |rank: &&AgentRank| match &barrier {
            Some(Reason::KeptFor(agent)) => rank.name == *agent,
            Some(_) => false,
            None => true,
        };
        let willing = in_reach.filter(|rank| !contact.declined.contains(&rank.name)).filter(may);
        let willing: Vec<&AgentRank> = willing.collect();
        let fresh: Vec<&AgentRank> =
            willing.iter().copied().filter(|rank| !contact.missed.contains(&rank.name)).collect();
        let again = fresh.is_empty();
        let mut order = if again { willing } else { fresh };
        let draw = self.by_strategy(contact, line, &mut order, now);
        self.familiar_first(contact, &mut order);
        Choice { order, again, draw }
    }

    /// Why nobody, or nobody but one, is called for this contact now.
    pub(super) fn barrier(&self, contact: &Contact, line: &Line, now: Mono) -> Option<Reason> {
        let distribution = &line.settings.distribution;
        if distribution.strategy == Strategy::Pickup {
            return Some(Reason::Pickup);
        }
        // Beyond the longest wait a phone that rings may go on, and no other one begins.
        let ends = contact.called() > 0 && self.is_overdue(contact, now);
        if ends || contact.called() >= allowed(contact, line, now) {
            return Some(Reason::EnoughCalled);
        }
        let agent = contact.preferred.as_ref()?;
        let waits = now < contact.entered + distribution.wait_for_last;
        (waits && self.may_come(agent, contact, line, now)).then(|| Reason::KeptFor(agent.clone()))
    }

    /// Whether an agent who is busy at the moment could take this contact later on.
    fn may_come(&self, name: &AgentName, contact: &Contact, line: &Line, now: Mono) -> bool {
        let Some(agent) = self.ledger.get(name) else { return false };
        let seat = agent.member_of.get(&contact.queue);
        let standing = seat.and_then(|seat| seat.standing.as_ref().ok());
        agent.stands_by()
            && agent.is_logged_in(&contact.queue)
            && standing.is_some_and(|standing| standing.circle <= open_circle(contact, line, now))
            && !contact.declined.contains(name)
            && !contact.missed.contains(name)
    }

    /// Orders the best of them, who are alike in circle and skills, by the strategy. Gives the lot.
    fn by_strategy(
        &self,
        contact: &Contact,
        line: &Line,
        order: &mut [&AgentRank],
        now: Mono,
    ) -> Option<u64> {
        let best = order.first()?.standing;
        let alike = order.partition_point(|rank| rank.standing == best);
        let group = order.get_mut(..alike)?;
        let behind = |last: Option<&AgentName>| {
            last.and_then(|last| line.place_of(last)).map_or(0, |place| place + 1)
        };
        let work = |rank: &&AgentRank, count: &dyn Fn(&crate::agent::Workload) -> u64| {
            self.ledger.get(&rank.name).map_or(0, |agent| count(&agent.state.work))
        };
        match line.settings.distribution.strategy {
            Strategy::LongestIdle
            | Strategy::LongestAvailable
            | Strategy::Linear
            | Strategy::Pickup => {}
            Strategy::RoundRobin => {
                let start = behind(self.turns.get(&contact.queue));
                group.sort_by_key(|rank| rank.place < start);
            }
            Strategy::TopDown => {
                let start = behind(contact.last_called.as_ref());
                group.sort_by_key(|rank| rank.place < start);
            }
            Strategy::FewestCalls => {
                let today = self.today.day();
                group.sort_by_key(|rank| work(rank, &|work| work.answered_on(today).into()));
            }
            Strategy::LeastTalk => {
                group.sort_by_key(|rank| work(rank, &|work| work.talk_ms(now)));
            }
            Strategy::LeastOccupied => {
                group.sort_by_key(|rank| work(rank, &|work| work.occupied_ms(now)));
            }
            Strategy::Random => return Some(self.draw(group, |_| 1)),
            Strategy::Weighted => {
                let weight = |rank: &AgentRank| {
                    self.ledger.get(&rank.name).map_or(1, |agent| agent.weight.into())
                };
                return Some(self.draw(group, weight));
            }
        }
        None
    }

    /// Puts the one who is drawn in front; the others stay in the order of the members. The lot
    /// hangs on the number of the offer alone, so a restart draws the same.
    fn draw(&self, group: &mut [&AgentRank], weight: impl Fn(&AgentRank) -> u64) -> u64 {
        let lot = lot(self.cursor.last_offer + 1);
        let sum: u64 = group.iter().map(|rank| weight(rank)).sum();
        let mut left = lot % sum.max(1);
        let drawn = group.iter().position(|rank| {
            let own = weight(rank);
            let hit = left < own;
            left = left.saturating_sub(own);
            hit
        });
        if let Some(until) = drawn.and_then(|drawn| group.get_mut(..=drawn)) {
            until.rotate_right(1);
        }
        lot
    }

    /// The agent who knows the caller comes before the others of the same circle.
    #[expect(clippy::unused_self, reason = "one method for each part of the order")]
    fn familiar_first(&self, contact: &Contact, order: &mut [&AgentRank]) {
        let (Some(known), Some(best)) = (&contact.preferred, order.first()) else { return };
        let circle = best.standing.circle;
        let found = order.iter().position(|rank| rank.name == *known);
        let Some(until) = found.and_then(|found| order.get_mut(..=found)) else { return };
        if until.last().is_some_and(|rank| rank.standing.circle == circle) {
            until.rotate_right(1);
        }
    }

    /// Remembers who was called last, for strategies that go on behind.
    pub(super) fn note_turn(&mut self, id: ContactId, agent: AgentName) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        if line.settings.distribution.strategy == Strategy::RoundRobin {
            self.touched.insert(Key::Turn(contact.queue.clone()));
            self.turns.insert(contact.queue.clone(), agent.clone());
        }
        contact.last_called = Some(agent);
    }

    /// The members of a queue change: the turn passes to whoever stood before the one who is gone,
    /// so that neither comes nor goes move it.
    pub(super) fn keep_turn(&mut self, queue: &holdfast_base::QueueName, after: &[AgentName]) {
        let Some(last) = self.turns.get(queue).filter(|last| !after.contains(*last)) else {
            return;
        };
        let Some(line) = self.lines.get(queue) else { return };
        let before = line.settings.members.iter().take_while(|member| *member != last);
        let next = before.filter(|member| after.contains(*member)).last().cloned();
        match next {
            Some(next) => self.turns.insert(queue.clone(), next),
            None => self.turns.remove(queue),
        };
        self.touched.insert(Key::Turn(queue.clone()));
    }
}

/// A number that looks like chance, of the number of an offer: the finisher of SplitMix64 (Steele,
/// Lea and Flood, 2014).
pub(in crate::queue) const fn lot(offer: u64) -> u64 {
    let mixed = offer.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
