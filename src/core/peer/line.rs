//! A trunk that calls can go out over: its targets, their addresses, and whether it takes calls.

use holdfast_base::{Mono, Outbox, TrunkName};
use holdfast_config::{Config, ListenerTransport, Target};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::alarm::Alarm;
use super::beyond::Beyond;
use super::resolve::{Names, Question};
use super::target::{self, Act, Health, Pace, State};
use super::{Hop, Output, picture};
use crate::dialect::matrix::Capabilities;
use crate::record::event::Fact;

/// A trunk that is blocked for no longer is not called down: it catches its breath.
const BREATH: Duration = Duration::from_secs(5);

/// A trunk that calls can go out over.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: TrunkName,
    pub(super) transport: ListenerTransport,
    /// Kinds of address that a listener can send to.
    pub(super) families: Families,
    pub(super) pace: Pace,
    pub(super) places: Vec<Place>,
    pub(super) standing: Standing,
    /// The address that has taken our registration.
    pub(super) home: Option<SocketAddr>,
    pub(super) capabilities: Capabilities,
    /// Whoever is behind it, when its own word does not count.
    pub(super) beyond: Option<Beyond>,
    /// What is wrong with the trunk as such, where refusals say so.
    pub(super) alarm: Option<Alarm>,
    /// When it has asked us by OPTIONS.
    pub(super) asked_us: Option<Mono>,
}

/// Kinds of address. One that nothing can be sent to is as if the name server had not said it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    pub(super) fn of(config: &Config, transport: ListenerTransport) -> Self {
        let listeners = || config.sip.listeners.iter().filter(|l| l.carries(transport));
        let v4 = listeners().any(|listener| listener.bind.is_ipv4());
        let v6 = listeners().any(|listener| listener.bind.is_ipv6());
        Self { v4, v6 }
    }

    pub(super) const fn reach(self, address: SocketAddr) -> bool {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// A target with its addresses.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) target: Target,
    /// How its addresses are found; none when it is one itself.
    pub(super) question: Option<Question>,
    pub(super) off: bool,
    pub(super) hops: BTreeMap<SocketAddr, Health>,
}

impl Place {
    /// Whether one of its addresses may take a call.
    pub(super) fn is_open(&self) -> bool {
        self.hops.values().any(|health| match health.state() {
            State::Untried | State::Up | State::Suspect { .. } => true,
            State::Down { .. } | State::Blocked { .. } | State::Off => false,
        })
    }
}

/// Whether a trunk takes calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Up,
    Down { why: String },
}

impl Line {
    /// Gives the health of every address that is meant one input.
    pub(super) fn each(
        &mut self,
        meant: impl Fn(&Place, SocketAddr) -> bool,
        mut give: impl FnMut(&mut Health, Pace) -> Option<Act>,
        out: &mut Outbox<Output>,
    ) {
        for place in &mut self.places {
            let addresses: Vec<SocketAddr> = place.hops.keys().copied().collect();
            for address in addresses {
                if !meant(place, address) {
                    continue;
                }
                let act = place.hops.get_mut(&address).and_then(|health| give(health, self.pace));
                match act {
                    Some(Act::Probe) => out.push(Output::Probe(Hop {
                        trunk: self.name.clone(),
                        target: place.target.clone(),
                        transport: self.transport,
                        address,
                        within: self.pace.within,
                    })),
                    None => {}
                }
            }
        }
    }

    /// What a response to a call says beyond the address that it came from.
    pub(super) fn judge(&mut self, now: Mono, what: &target::Input, out: &mut Outbox<Output>) {
        let target::Input::Heard { status, .. } = what else { return };
        if let Some(beyond) = &mut self.beyond {
            beyond.heard(now, *status);
        }
        if self.alarm.as_mut().is_some_and(|alarm| alarm.heard(now, *status)) {
            let (trunk, status) = (self.name.clone(), *status);
            out.push(Output::Fact(Fact::TrunkAlarm { trunk, status }));
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let beyond = self.beyond.as_ref().and_then(Beyond::deadline);
        beyond.into_iter().chain(self.alarm.as_ref().and_then(Alarm::deadline)).min()
    }

    pub(super) fn handle_deadline(&mut self, now: Mono, out: &mut Outbox<Output>) {
        let way = self.places.iter().any(Place::is_open);
        if let Some(beyond) = &mut self.beyond
            && beyond.handle_deadline(now)
        {
            if way {
                out.push(Output::TestCall(self.name.clone()));
            } else {
                beyond.tested_as(now, None); // OPTIONS and people say enough
            }
        }
        if let Some(alarm) = &mut self.alarm {
            alarm.handle_deadline(now);
        }
    }

    /// Why whoever is behind it gets no calls.
    pub(super) fn dead_behind(&self) -> Option<String> {
        self.beyond.as_ref().and_then(Beyond::trouble)
    }

    /// A trunk is up while one address takes calls, or while it is not known whether one does.
    pub(super) fn standing_now(&self, now: Mono, names: &Names) -> Standing {
        if let Some(why) = self.dead_behind() {
            return Standing::Down { why };
        }
        let mut why = None;
        for place in &self.places {
            for (address, health) in &place.hops {
                match health.state() {
                    State::Untried | State::Up | State::Suspect { .. } => return Standing::Up,
                    State::Blocked { until } if until.since(health.since()) <= BREATH => {
                        return Standing::Up;
                    }
                    State::Down { .. } | State::Blocked { .. } | State::Off => {
                        let trouble = || picture::trouble(&address.to_string(), health);
                        why.get_or_insert_with(trouble);
                    }
                }
            }
            let view = place.question.as_ref().and_then(|question| names.view(now, question));
            match view {
                Some(picture::NameView::Asking) if !place.off => return Standing::Up,
                Some(picture::NameView::Unknown { why: reason }) => {
                    let target = &place.target;
                    why.get_or_insert_with(|| format!("{target} has no address: {reason}"));
                }
                Some(
                    picture::NameView::Asking
                    | picture::NameView::Fresh { .. }
                    | picture::NameView::Stale { .. },
                )
                | None => {}
            }
        }
        Standing::Down { why: why.unwrap_or_else(|| "every target is switched off".to_owned()) }
    }
}
