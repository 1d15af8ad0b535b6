//! The invariants I1 to I6 of QUEUEING.md 2.14, looked at after every step of a random history.

use holdfast_base::{AgentName, ContactId, OfferId};
use std::collections::BTreeSet;

use super::histories::History;
use super::reference::Doing;
use crate::agent::{Ring, Task};
use crate::contact::{OfferNews, Place};
use crate::queue::{Input, Output};
use crate::record::event::Fact;

impl History {
    /// I1: never two offers alive for one agent, counting what really rings out there; and none is
    /// forgotten: an offer ends by its own news, by an order, or by its silence.
    pub fn watch_offers(
        &mut self,
        input: &Input,
        outputs: &[Output],
        before: &[crate::queue::LiveOffer],
    ) {
        let mut ended = BTreeSet::new();
        if let Input::Offer { offer, news } = input {
            match news {
                OfferNews::Refused(_) | OfferNews::Ended | OfferNews::LostLiveness => {
                    ended.insert(*offer);
                }
                OfferNews::LostInCrash => {
                    ended.insert(*offer);
                    self.crashed.insert(*offer);
                }
                OfferNews::Sent | OfferNews::Ringing | OfferNews::Answered => {}
            }
        }
        for output in outputs {
            match output {
                Output::Withdraw { offer, .. } => {
                    let live = before.iter().find(|live| live.offer == *offer);
                    let live = live.expect("only what is alive is withdrawn");
                    assert!(self.deliveries.capabilities(&live.endpoint).can_withdraw);
                    ended.insert(*offer);
                }
                Output::HangUpAgent { offer } => {
                    ended.insert(*offer);
                }
                _ => {}
            }
        }
        let now_alive: BTreeSet<OfferId> =
            self.steady.offers().iter().map(|live| live.offer).collect();
        for live in before {
            let gone = !now_alive.contains(&live.offer) && !ended.contains(&live.offer);
            if gone {
                let can = self.deliveries.capabilities(&live.endpoint);
                let silent = !can.can_withdraw || self.crashed.contains(&live.offer);
                assert!(silent, "{live:?} was forgotten");
            }
        }
        self.alive.retain(|offer| now_alive.contains(offer));
        for output in outputs {
            if let Output::Deliver { offer, contact, agent, .. } = output {
                let other = self.alive.iter().find(|other| self.offers[other].0 == *agent);
                assert_eq!(other, None, "I1: {agent} has two offers");
                assert!(self.offers.insert(*offer, (agent.clone(), *contact)).is_none());
                self.alive.insert(*offer);
            }
        }
        let reserved_first = outputs.windows(2).all(|pair| match &pair[1] {
            Output::Deliver { offer, .. } => {
                let noted = |fact: &Fact| match fact {
                    Fact::Reserved { offer: noted, .. } => noted == offer,
                    _ => false,
                };
                matches!(&pair[0], Output::Fact(fact) if noted(fact))
            }
            _ => true,
        });
        assert!(reserved_first, "the reservation is noted before the delivery is ordered");
    }

    /// I2 and I5: one winner, one outcome, and everything that entered is somewhere.
    pub fn count(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Fact(Fact::Enqueued { contact, .. }) => {
                    // One that is led on enters again, but not before it has left.
                    let again = !self.entered.insert(*contact);
                    assert_eq!(self.left.remove(contact), again);
                }
                Output::Fact(Fact::ContactLeft { contact, .. }) => {
                    assert!(self.left.insert(*contact), "I5: {contact} left twice");
                }
                Output::Connect { contact, .. } => {
                    assert!(self.connected.insert(*contact), "I2: {contact} has two winners");
                }
                _ => {}
            }
        }
        let talking = |place: &Place| matches!(place, Place::Talking(_));
        let in_line = self.steady.contacts.values().filter(|contact| !talking(&contact.place));
        let in_line: BTreeSet<ContactId> = in_line.map(|contact| contact.id).collect();
        let expected: BTreeSet<ContactId> = self.entered.difference(&self.left).copied().collect();
        assert_eq!(in_line, expected, "I5: offered = outcomes + in progress");
    }

    pub fn check_engine(&self) {
        let (engine, now) = (&self.steady, self.now.mono);
        assert_eq!(engine.reaper_fixups(), 0);
        for (name, agent) in engine.ledger.iter() {
            let deadline = agent.state.task.deadline();
            assert!(deadline.is_none_or(|until| until > now), "I3: {name} is overdue");
            if let Task::Offered { ring: Ring::Seen, .. } = agent.state.task {
                let who = self.model.person(name).unwrap();
                assert!(matches!(self.model.people[who].doing, Doing::Called { .. }));
            }
        }
        if let Some(next) = engine.deadline() {
            assert!(next > now, "I3: a deadline is left behind");
        }
        if let Some(widens) = self.model.widens(now) {
            let next = engine.deadlines.next();
            assert!(next.is_some_and(|next| next <= widens), "nobody looks at {widens:?}");
        }
        for contact in engine.contacts.values() {
            self.check_place(contact.id);
        }
        self.check_rank();
        let held = self.model.people.iter().filter(|person| {
            matches!(
                person.doing,
                Doing::Called { .. } | Doing::Talking { .. } | Doing::MayStillRing { .. }
            )
        });
        assert_eq!(held.count(), engine.offers().len());
        assert_eq!(self.model.waiters.len(), engine.contacts.len());
    }

    /// I4: a contact is in exactly one place, and every list says the same.
    fn check_place(&self, id: ContactId) {
        let engine = &self.steady;
        let contact = &engine.contacts[&id];
        let holders: Vec<&AgentName> = engine
            .ledger
            .iter()
            .filter(|(_, agent)| match &agent.state.task {
                Task::Reserved { attempt, .. }
                | Task::Offered { attempt, .. }
                | Task::Connected { attempt, .. } => attempt.contact == id,
                _ => false,
            })
            .map(|(name, _)| name)
            .collect();
        let line = engine.lines.get(&contact.queue);
        let unanswered = line.is_some_and(|line| line.unanswered.contains_key(&contact.rank));
        let wanting = line.is_some_and(|line| line.wanting.contains_key(&contact.rank));
        let batch = engine.batches.get(&contact.rank) == Some(&id);
        let expected = match &contact.place {
            Place::Waiting => (vec![], true, false),
            Place::Offered(agents) => (agents.iter().collect(), true, agents.len() > 1),
            Place::Talking(agent) => (vec![agent], false, false),
        };
        assert_eq!((holders, unanswered, batch), expected, "I4: {id}");
        assert!(unanswered || !wanting, "I4: {id} wants an agent and is in no line");
    }

    /// I6: nobody waits for whom an agent is ready who may be called.
    fn check_rank(&self) {
        let (engine, now) = (&self.steady, self.now.mono);
        for contact in engine.contacts.values().filter(|one| one.place == Place::Waiting) {
            let Some(decision) = engine.why_not(contact.id, now) else { panic!("it waits") };
            let idle = decision.candidates.iter().find(|candidate| candidate.verdict.is_ok());
            assert!(idle.is_none(), "I6: {} waits while {idle:?} is idle", contact.id);
        }
    }
}
