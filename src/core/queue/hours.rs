//! Queues that are closed by their calendar (QUEUEING.md 2.9): a caller is let in by what holds
//! when the call comes, and whoever waits when the queue closes is served or led on, as the queue
//! says.

use holdfast_base::{Now, Outbox, QueueName};
use std::sync::Arc;

use super::engine::Engine;
use super::line::Line;
use super::record::Key;
use super::words::Output;
use crate::calendar::Verdict;
use crate::calendar::clock::Doubt;
use crate::record::event::Outcome;

impl Engine {
    /// Looks at the clocks, and empties what has just closed where nobody is to be served any more.
    pub(super) fn look_at_calendars(&mut self, now: Now, out: &mut Outbox<Output>) {
        let turned = self.calendars.look(now, &Arc::clone(&self.config));
        if self.calendars.has_changed() {
            self.touched.insert(Key::Calendars);
        }
        if turned.is_empty() {
            return;
        }
        let empties = |line: &Line| {
            let asks = line.settings.calendar.as_ref();
            asks.is_some_and(|calendar| turned.contains(calendar))
                && !line.settings.overflow.serve_waiting
                && self.closed_by_calendar(line).is_some()
        };
        let closed = self.lines.iter().filter(|(_, line)| empties(line));
        let closed: Vec<QueueName> = closed.map(|(queue, _)| queue.clone()).collect();
        for queue in closed {
            for contact in self.waiting_in(&queue) {
                self.overflow(contact, Outcome::Closed, now.mono, out);
            }
        }
    }

    /// What the calendar of a queue says while it is closed by it.
    pub(super) fn closed_by_calendar(&self, line: &Line) -> Option<&Verdict> {
        let verdict = self.calendars.of(line.settings.calendar.as_ref()?)?;
        (!verdict.open).then_some(verdict)
    }

    /// A person says that the clock on the wall is right.
    pub(super) fn believe_clock(&mut self, now: Now, out: &mut Outbox<Output>) {
        if self.calendars.confirm_clock() {
            self.look_at_calendars(now, out);
        }
    }

    /// Why the clock on the wall is not believed, while calendars hang on it.
    #[must_use]
    pub const fn clock_doubt(&self) -> Option<Doubt> {
        self.calendars.doubt()
    }
}

#[cfg(test)]
mod tests {
    use crate::contact::Deliveries;
    use crate::queue::{Engine, Input, Key, Output, Record};
    use crate::record::event::{Fact, Outcome, Subject};
    use holdfast_base::{CallId, ContactId, Mono, Now, Outbox, QueueName};
    use holdfast_config::{Config, Zone};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn config(serve_waiting: bool) -> Arc<Config> {
        let text = format!(
            "[site]
time_zone = 'Europe/Berlin'
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-18:00']
[[account]]
name = 'p'
[[agent]]
name = 'anna'
endpoints = [{{ account = 'p' }}]
[[queue]]
name = 'sales'
members = ['anna']
calendar = 'office'
serve_waiting = {serve_waiting}
"
        );
        Arc::new(holdfast_config::read(&text, "f").unwrap().0)
    }

    fn at(mono_s: u64, wall: &str) -> Now {
        let wall = Zone::named("Europe/Berlin").unwrap().instant(wall).unwrap();
        Now { mono: Mono::from_micros(mono_s * 1_000_000), wall }
    }

    fn call(engine: &mut Engine, now: Now, number: u64) -> Vec<Outcome> {
        let (contact, call) = (ContactId(number), CallId(number));
        let (queue, from) = (QueueName::new("sales"), Subject("+491".to_owned()));
        given(engine, now, Input::Arrived { contact, call, queue, from })
    }

    /// How contacts have left.
    fn given(engine: &mut Engine, now: Now, input: Input) -> Vec<Outcome> {
        let mut out = Outbox::new();
        engine.handle(now, input, &mut out);
        let left = |output: Output| match output {
            Output::Fact(Fact::ContactLeft { outcome, .. }) => Some(outcome),
            _ => None,
        };
        out.take().into_iter().filter_map(left).collect()
    }

    fn restored(now: Now, config: &Arc<Config>, records: BTreeMap<Key, Record>) -> Engine {
        let mut out = Outbox::new();
        Engine::restore(now, config.clone(), Deliveries::sip(), records, &mut out)
    }

    fn journal(engine: &mut Engine, journal: &mut BTreeMap<Key, Record>) {
        for changed in engine.changed() {
            match changed.record {
                Some(record) => journal.insert(changed.key, record),
                None => journal.remove(&changed.key),
            };
        }
    }

    #[test]
    fn a_caller_comes_when_it_is_open_and_waits_or_goes_when_it_closes() {
        for (serve_waiting, at_closing) in [(true, vec![]), (false, vec![Outcome::Closed])] {
            let config = config(serve_waiting);
            let mut engine = restored(at(700, "2026-11-23T17:59:00"), &config, BTreeMap::new());
            assert_eq!(call(&mut engine, at(701, "2026-11-23T17:59:01"), 1), []);
            let closes = Mono::from_micros(760_000_000);
            assert!(engine.deadline().is_some_and(|next| next <= closes));
            let now = at(760, "2026-11-23T18:00:00");
            assert_eq!(given(&mut engine, now, Input::DeadlineReached), at_closing);
            assert_eq!(call(&mut engine, at(761, "2026-11-23T18:00:01"), 2), [Outcome::Closed]);
            let view = engine.queues(now.mono).into_iter().next().unwrap();
            let closed = view.closed.unwrap();
            assert_eq!(closed.why, "the hours of the week");
            assert_eq!(closed.left_ms, Some(14 * 3600 * 1000 - 1000));
            let opens = at(51_160, "2026-11-24T08:00:00");
            assert_eq!(call(&mut engine, opens, 3), []);
        }
    }

    #[test]
    fn a_wrong_clock_changes_nothing_over_a_restart_until_somebody_says_it_is_right() {
        let config = config(true);
        let mut records = BTreeMap::new();
        let mut engine = restored(at(0, "2026-11-23T10:00:00"), &config, BTreeMap::new());
        assert_eq!(call(&mut engine, at(1000, "2026-11-23T10:16:40"), 1), []);
        assert_eq!(call(&mut engine, at(1001, "2026-11-23T22:00:00"), 2), []);
        assert!(engine.clock_doubt().is_some());
        journal(&mut engine, &mut records);
        let mut engine = restored(at(1002, "2026-11-23T22:00:01"), &config, records);
        assert!(engine.clock_doubt().is_some());
        assert_eq!(call(&mut engine, at(1003, "2026-11-23T22:00:02"), 3), []);
        given(&mut engine, at(1004, "2026-11-23T22:00:03"), Input::ClockIsRight);
        assert_eq!(call(&mut engine, at(1005, "2026-11-23T22:00:04"), 4), [Outcome::Closed]);
    }
}
