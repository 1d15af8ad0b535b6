//! What comes from outside the calls: orders of people, reloads, deaths, cut lines, closed sockets.

use holdfast_base::{ContactId, Mono};
use holdfast_config::supervision::Mode;
use holdfast_core::command::{Command, Wish};
use holdfast_core::record::event::Duty;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::Input;
use std::sync::Arc;

use super::{Death, Happening, World};
use crate::scenario;

impl World {
    pub(super) fn meddle(&mut self) {
        if !self.open {
            return;
        }
        let pause = self.dice.ms(500, 6000);
        self.at(pause, Happening::Meddling);
        if self.dice.chance(self.day.power_cuts) {
            return self.die(Death::PowerCut);
        }
        if self.dice.chance(self.day.kills) {
            return self.die(Death::Killed);
        }
        if self.dice.chance(self.day.reloads) {
            let number = self.dice.below(3);
            self.trace.say(self.now, format_args!("reload {number}"));
            self.config = scenario::config(number);
            return self.give(Input::Configured(Arc::clone(&self.config)));
        }
        if self.dice.chance(self.day.weather.cuts) {
            let at = self.dice.below(self.peers.len() as u64) as usize;
            let until = self.now + self.dice.ms(500, 40_000);
            return self.cut(at, until);
        }
        self.command();
    }

    fn cut(&mut self, at: usize, until: Mono) {
        let peer = self.peers[at].address;
        self.trace.say(self.now, format_args!("{peer} is cut off"));
        if let Some(flow) = self.network.cut(peer, until) {
            let after = self.dice.ms(0, 3000);
            self.at(after, Happening::Broken(flow));
            self.with_peer(at, |peer, hands| peer.connection_lost(hands));
        }
    }

    fn command(&mut self) {
        let Some(site) = &self.site else { return };
        let view = site.view(self.clock());
        let agents: Vec<_> = view.agents.iter().map(|agent| agent.name.clone()).collect();
        let agent = self.dice.pick(&agents).clone();
        let calls: Vec<_> = view.calls.iter().map(|call| call.call).collect();
        let waiting: Vec<_> = view.queues.iter().flat_map(|queue| &queue.waiting).collect();
        let talking = view.calls.iter().filter(|call| call.can_be_recorded);
        let talking: Vec<_> = talking.collect();
        let command = match self.dice.below(14) {
            0..=2 => Command::SetDuty { agent, duty: Duty::OnDuty },
            3 => Command::SetDuty { agent, duty: Duty::OffDuty("lunch".to_owned()) },
            4 => Command::Release { agent },
            5 => {
                let paused = view.agents.iter().filter(|agent| agent.left_ms.is_some());
                let paused: Vec<_> = paused.map(|agent| agent.name.clone()).collect();
                let agent = if paused.is_empty() { agent } else { self.dice.pick(&paused).clone() };
                Command::Release { agent }
            }
            6 => {
                if waiting.is_empty() {
                    return;
                }
                Command::PickUp { contact: self.dice.pick(&waiting).contact, agent }
            }
            7 => {
                let Some(shown) = view.agents.iter().find(|shown| shown.name == agent) else {
                    return;
                };
                if shown.queues.is_empty() {
                    return;
                }
                let queue = self.dice.pick(&shown.queues).clone();
                Command::SwitchQueue { agent, queue, on: self.dice.chance(700) }
            }
            8 => {
                if calls.is_empty() {
                    return;
                }
                Command::EndCall { call: *self.dice.pick(&calls) }
            }
            9..=12 => {
                if talking.is_empty() {
                    return;
                }
                let (talk, by) = (*self.dice.pick(&talking), "sim".to_owned());
                let call = talk.call;
                let there = talk.supervised.as_ref().map(|it| it.supervisor.clone());
                let mut entitled = talk.supervisors.iter().map(|it| it.supervisor.clone());
                let some: Vec<_> = there.clone().or(entitled.next_back()).into_iter().collect();
                match self.dice.below(8) {
                    0 => Command::Record { call, on: !talk.recorded, by },
                    1 => Command::EndSupervision { call, by },
                    _ if some.is_empty() => return,
                    _ => {
                        let mode = *self.dice.pick(&Mode::ALL);
                        let supervisor = self.dice.pick(&some).clone();
                        Command::Supervise(Wish { call, supervisor, mode, by })
                    }
                }
            }
            _ => {
                if calls.is_empty() {
                    return;
                }
                // A contact that came by SIP has the number of its call.
                let contact = ContactId(self.dice.pick(&calls).0);
                let priority = self.dice.below(200) as u32;
                Command::Reprioritise { contact, priority }
            }
        };
        self.trace.say(self.now, format_args!("{command:?}"));
        self.numbers += 1;
        self.give(Input::Command { id: self.numbers, command });
    }

    /// A peer's socket is closed: its connection breaks, or a datagram to it comes back refused.
    pub(super) fn close_socket(&mut self, at: usize) {
        let (transport, remote) = (self.peers[at].transport, self.peers[at].address);
        let flow = match transport {
            Transport::Udp => {
                let local = scenario::SITE.parse().expect("an address");
                Some(Flow { transport, local, remote, connection: None, trunk: None })
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.network.break_connection(remote)
            }
        };
        let Some(flow) = flow else { return };
        self.trace.say(self.now, format_args!("{remote} closes its socket"));
        let after = self.dice.ms(0, 50);
        self.at(after, Happening::Broken(flow));
        if transport == Transport::Tcp {
            self.with_peer(at, |peer, hands| peer.connection_lost(hands));
        }
    }
}
