//! How many agents may be called for a contact, out of which circles, and when that changes by
//! itself (QUEUEING.md 2.5, rings). Everything follows from the contact's own wait, so it goes on
//! over a restart.

use holdfast_base::{ContactId, Mono};
use holdfast_config::Strategy;
use std::time::Duration;

use super::engine::{Deadline, Engine};
use super::line::Line;
use crate::contact::{Contact, Place};

impl Engine {
    /// Brings the lists of its queue in line with where a contact in it is now, and sets the time
    /// at which more agents may be called for it.
    pub(super) fn await_widening(&mut self, id: ContactId, now: Mono) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get_mut(&contact.queue) else { return };
        match contact.place {
            Place::Talking(_) => return,
            Place::Waiting | Place::Offered(_) => {}
        }
        if contact.called() < most_at_once(line) {
            line.wanting.insert(contact.rank, id);
        } else {
            line.wanting.remove(&contact.rank);
        }
        if contact.called() > 1 {
            self.batches.insert(contact.rank, id);
        } else {
            self.batches.remove(&contact.rank);
        }
        let next = next_widening(contact, line, now);
        self.deadlines.set(Deadline::Widen(id), next);
    }
}

/// The widest circle that is open for a contact. Each but the first opens when its time has come,
/// or at once when nobody of the one before is logged in.
pub(super) fn open_circle(contact: &Contact, line: &Line, now: Mono) -> usize {
    let circles = line.settings.distribution.circles.iter().enumerate().skip(1);
    let opens = |(at, circle): &(usize, &holdfast_config::Circle)| {
        contact.entered + circle.after <= now || !line.logged_in.contains_key(&(at - 1))
    };
    circles.take_while(opens).last().map_or(0, |(at, _)| at)
}

/// In how long a circle opens at the latest.
pub(super) fn opens_in(contact: &Contact, line: &Line, circle: usize, now: Mono) -> Duration {
    let circle = line.settings.distribution.circles.get(circle);
    circle.map_or(Duration::ZERO, |circle| (contact.entered + circle.after).since(now))
}

/// How many agents may be called at once for a contact now.
pub(super) fn allowed(contact: &Contact, line: &Line, now: Mono) -> usize {
    let distribution = &line.settings.distribution;
    let most = size(distribution.at_once_in(open_circle(contact, line, now)));
    let Some(every) = distribution.add_every else { return most };
    let Some(since) = contact.ringing_since else { return most.min(1) };
    let added = now.since(since).as_micros() / every.as_micros().max(1);
    most.min(usize::try_from(added).unwrap_or(usize::MAX).saturating_add(1))
}

/// How many may be called at once when every circle is open; none where agents take calls.
fn most_at_once(line: &Line) -> usize {
    let distribution = &line.settings.distribution;
    if distribution.strategy == Strategy::Pickup {
        return 0;
    }
    let circles = 0..distribution.circles.len().max(1);
    circles.map(|circle| size(distribution.at_once_in(circle))).max().unwrap_or(1)
}

/// When more agents may be called for a contact than now.
fn next_widening(contact: &Contact, line: &Line, now: Mono) -> Option<Mono> {
    let distribution = &line.settings.distribution;
    let circle = distribution.circles.iter().map(|circle| contact.entered + circle.after);
    let circle = circle.filter(|opens| *opens > now).min();
    let one_more = distribution.add_every.zip(contact.ringing_since).and_then(|(every, since)| {
        let passed = now.since(since).as_micros() / every.as_micros().max(1);
        let passed = u32::try_from(passed).ok()?.checked_add(1)?;
        let more = size(passed) < most_at_once(line);
        more.then(|| since + every.saturating_mul(passed))
    });
    let alone = contact.preferred.as_ref().map(|_| contact.entered + distribution.wait_for_last);
    let alone = alone.filter(|until| *until > now);
    [circle, one_more, alone].into_iter().flatten().min()
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
