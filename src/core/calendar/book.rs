//! Every calendar of the site as it is now: asked anew when its time has come, kept as it was while
//! the clock can not be believed.

use holdfast_base::{CalendarName, Mono, Now, Wall};
use holdfast_config::{Calendar, Config, WithoutClock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::{Clock, Doubt};
use super::{Almanac, Ground, Verdict};

/// A calendar without a change in sight is asked again after this: days of later years come near.
const ASK_AGAIN_US: i64 = 24 * 3600 * 1_000_000;

/// The calendars of the site.
#[derive(Clone, Debug)]
pub struct Calendars {
    clock: Clock,
    known: BTreeMap<CalendarName, Known>,
    /// Whether something that outlives a restart has changed since [`Calendars::has_changed`].
    changed: bool,
    deadline: Option<Mono>,
    /// The last look.
    last: Option<Now>,
}

/// What is known of one.
#[derive(Clone, Debug)]
struct Known {
    verdict: Verdict,
    /// What held when the clock was believed last.
    kept: Option<bool>,
    /// The instants for which the verdict was found: from the first, and before the second.
    from: Wall,
    before: Wall,
}

/// What outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    clock: Clock,
    open: BTreeMap<CalendarName, bool>,
}

impl Calendars {
    /// Calendars that nobody has asked yet.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        let (clock, known) = (Clock::new(now), BTreeMap::new());
        Self { clock, known, changed: false, deadline: None, last: None }
    }

    /// What was known before a restart.
    pub fn take_back(&mut self, kept: Kept) {
        let Kept { clock, open } = kept;
        self.clock.take_back(&clock);
        let known = |(name, open)| (name, Known::unasked(Some(open)));
        self.known = open.into_iter().map(known).collect();
    }

    /// Looks at the clocks and asks what has to be asked. Returns the calendars that are open now
    /// and were closed, or the other way round.
    pub fn look(&mut self, now: Now, config: &Config) -> Vec<CalendarName> {
        if config.calendars.is_empty() {
            return Vec::new(); // nothing hangs on the clock
        }
        self.last = Some(now);
        let mut turned = Vec::new();
        self.changed |= self.clock.look(now);
        let doubted = self.clock.doubt().is_some();
        for calendar in &config.calendars {
            let name = &calendar.name;
            let known = self.known.entry(name.clone()).or_insert_with(|| Known::unasked(None));
            let before = known.was_asked().then_some(known.verdict.open);
            if doubted {
                known.guess(calendar);
            } else if !(known.from..known.before).contains(&now.wall) {
                known.ask(config, calendar, now.wall);
                self.changed |= known.kept != Some(known.verdict.open);
                known.kept = Some(known.verdict.open);
            }
            turned.extend(before.filter(|open| *open != known.verdict.open).map(|_| name.clone()));
        }
        let next = self.known.values().map(|known| known.before).min();
        let next = next.filter(|_| !doubted && !self.known.is_empty());
        self.deadline = next.map(|next| now.mono + until(now.wall, next));
        turned
    }

    /// Another configuration holds: every calendar is asked anew.
    pub fn configure(&mut self, config: &Config) {
        self.known.retain(|name, _| config.calendar(name.as_str()).is_some());
        self.known.values_mut().for_each(Known::forget);
        self.deadline = self.deadline.filter(|_| !self.known.is_empty());
    }

    /// A person says that the clock is right. Returns whether it was in doubt because of a jump.
    pub fn confirm_clock(&mut self) -> bool {
        let confirmed = self.clock.confirm();
        self.changed |= confirmed;
        confirmed
    }

    /// How one stands; none when the configuration has none of this name, or nobody has looked.
    #[must_use]
    pub fn of(&self, name: &CalendarName) -> Option<&Verdict> {
        self.known.get(name).filter(|known| known.was_asked()).map(|known| &known.verdict)
    }

    /// How long one still stands so, as far as that is known.
    #[must_use]
    pub fn left(&self, name: &CalendarName, now: Mono) -> Option<Duration> {
        let (last, turns) = (self.last?, self.of(name)?.until?);
        let left = until(last.wall, turns);
        Some(left.saturating_sub(now.since(last.mono)))
    }

    /// Why the clock is not believed.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        self.clock.doubt()
    }

    /// When to look again at the latest; `None` is never.
    #[must_use]
    pub const fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    /// Whether what outlives a restart is otherwise than at the last call.
    pub const fn has_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// What outlives a restart.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let open = |(name, known): (&CalendarName, &Known)| Some((name.clone(), known.kept?));
        Kept { clock: self.clock.clone(), open: self.known.iter().filter_map(open).collect() }
    }
}

impl Known {
    fn unasked(kept: Option<bool>) -> Self {
        let open = kept.unwrap_or(true);
        let verdict = Verdict { open, by: Ground::WithoutClock, until: None };
        Self { verdict, kept, from: Wall::default(), before: Wall::default() }
    }

    /// Whether the verdict is one: after a restart it is what it was before.
    fn was_asked(&self) -> bool {
        self.kept.is_some() || self.from < self.before
    }

    fn forget(&mut self) {
        (self.from, self.before) = (Wall::default(), Wall::default());
    }

    fn ask(&mut self, config: &Config, calendar: &Calendar, at: Wall) {
        self.verdict = Almanac::new(config, calendar).verdict(at);
        let again = Wall::from_micros(at.micros().saturating_add(ASK_AGAIN_US));
        (self.from, self.before) = (at, self.verdict.until.unwrap_or(again));
    }

    fn guess(&mut self, calendar: &Calendar) {
        let open = match calendar.without_clock {
            WithoutClock::Keep => self.kept.unwrap_or(true),
            WithoutClock::Open => true,
            WithoutClock::Closed => false,
        };
        self.verdict = Verdict { open, by: Ground::WithoutClock, until: None };
        // It is asked as soon as there is a clock.
        self.forget();
        self.before = Wall::from_micros(1);
    }
}

fn until(from: Wall, to: Wall) -> Duration {
    let micros = to.micros().saturating_sub(from.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{Calendars, Kept};
    use holdfast_base::{CalendarName, Mono, Now, Wall};
    use holdfast_config::{Config, Zone};

    fn config(without_clock: &str) -> Config {
        let text = format!(
            "[site]
time_zone = 'Europe/Berlin'
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-18:00']
without_clock = '{without_clock}'
"
        );
        holdfast_config::read(&text, "f").unwrap().0
    }

    fn at(mono_s: u64, wall: &str) -> Now {
        let wall = Zone::named("Europe/Berlin").unwrap().instant(wall).unwrap();
        Now { mono: Mono::from_micros(mono_s * 1_000_000), wall }
    }

    fn state(calendars: &Calendars) -> String {
        let verdict = calendars.of(&CalendarName::new("office"));
        let verdict = verdict.map(|it| {
            let open = if it.open { "open" } else { "closed" };
            format!("{open} by {}", it.by)
        });
        let deadline = calendars.deadline().map(|at| at.micros() / 1_000_000);
        format!("{} next {deadline:?}", verdict.unwrap_or_else(|| "unknown".to_owned()))
    }

    #[test]
    fn a_change_is_a_deadline_and_is_told_once() {
        let config = config("keep");
        let mut calendars = Calendars::new(Mono::default());
        assert_eq!(state(&calendars), "unknown next None");
        let first = calendars.look(at(700, "2026-11-23T17:59:00"), &config);
        assert_eq!(
            (first.len(), state(&calendars).as_str()),
            (0, "open by the hours of the week next Some(760)")
        );
        assert!(calendars.has_changed() && !calendars.has_changed());
        assert!(calendars.look(at(759, "2026-11-23T17:59:59"), &config).is_empty());
        let turned = calendars.look(at(760, "2026-11-23T18:00:00"), &config);
        assert_eq!(turned, [CalendarName::new("office")]);
        assert_eq!(state(&calendars), "closed by the hours of the week next Some(51160)");
        // A clock that is set back by less than a jump is asked at once.
        assert_eq!(calendars.look(at(761, "2026-11-23T17:58:01"), &config).len(), 1);
        assert_eq!(state(&calendars), "open by the hours of the week next Some(880)");
    }

    #[test]
    fn without_a_clock_the_configured_holds() {
        for (without_clock, is) in [
            ("keep", "open by the clock can not be believed next None"),
            ("open", "open by the clock can not be believed next None"),
            ("closed", "closed by the clock can not be believed next None"),
        ] {
            let config = config(without_clock);
            let mut calendars = Calendars::new(Mono::default());
            calendars.look(at(700, "2026-11-23T12:00:00"), &config);
            // A night that never was.
            let turned = calendars.look(at(701, "2026-11-23T23:00:01"), &config);
            assert_eq!(state(&calendars), is);
            assert_eq!(turned.len(), usize::from(without_clock == "closed"));
            // A restart knows what was so, and that the clock is in doubt.
            let kept = serde_json::to_vec(&calendars.kept()).unwrap();
            let kept: Kept = serde_json::from_slice(&kept).unwrap();
            let mut again = Calendars::new(Mono::from_micros(702_000_000));
            again.take_back(kept);
            again.look(at(703, "2026-11-23T23:00:03"), &config);
            assert_eq!(state(&again), is);
            assert!(again.confirm_clock() && again.has_changed());
            again.look(at(704, "2026-11-23T23:00:04"), &config);
            assert_eq!(state(&again), "closed by the hours of the week next Some(33100)");
        }
    }

    #[test]
    fn a_box_that_has_never_known_the_time_is_open() {
        let config = config("keep");
        let mut calendars = Calendars::new(Mono::default());
        calendars.look(Now { mono: Mono::default(), wall: Wall::default() }, &config);
        assert_eq!(state(&calendars), "open by the clock can not be believed next None");
        calendars.look(at(9, "2026-11-23T23:00:00"), &config);
        assert_eq!(state(&calendars), "closed by the hours of the week next Some(32409)");
    }

    #[test]
    fn another_configuration_is_asked_at_once() {
        let before = config("keep");
        let mut calendars = Calendars::new(Mono::default());
        calendars.look(at(700, "2026-11-23T12:00:00"), &before);
        let mut after = before;
        after.calendars[0].open.clear();
        calendars.configure(&after);
        assert_eq!(calendars.look(at(700, "2026-11-23T12:00:00"), &after).len(), 1);
        after.calendars.clear();
        calendars.configure(&after);
        calendars.look(at(701, "2026-11-23T12:00:01"), &after);
        assert_eq!(state(&calendars), "unknown next None");
    }
}
