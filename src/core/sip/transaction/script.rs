//! Plays a script of inputs to a machine and prints what it does, for the tests.

use holdfast_base::Mono;
use std::fmt::Write;
use std::time::Duration;

/// More deadlines than any script can meet.
const STEPS_MAX: u32 = 1000;

/// A machine as a script sees it.
pub(super) trait Scripted {
    /// Takes the input of this name (`due` is the deadline) and tells what it ordered.
    fn take(&mut self, now: Mono, word: &str) -> Vec<String>;
    fn deadline(&self) -> Option<Mono>;
    fn is_over(&self) -> bool;
}

/// Plays words: `+500` lets that many milliseconds pass, any other word is an input. Prints a line
/// for every input and for every deadline that led to something.
pub(super) fn play(machine: &mut impl Scripted, script: &str) -> String {
    let mut now = Mono::from_micros(0);
    let mut trace = String::new();
    let mut steps = 0;
    for word in script.split_whitespace() {
        let Some(pause) = word.strip_prefix('+') else {
            note(machine, now, word, &mut trace);
            continue;
        };
        let until = now + Duration::from_millis(pause.parse().expect("milliseconds"));
        while let Some(due) = machine.deadline().filter(|due| *due <= until) {
            expect_patience(machine, now, due);
            now = now.max(due);
            note(machine, now, "due", &mut trace);
            steps += 1;
            assert!(steps < STEPS_MAX, "livelock\n{trace}");
        }
        now = until;
    }
    trace
}

/// A deadline that is named too early changes nothing.
fn expect_patience(machine: &mut impl Scripted, now: Mono, due: Mono) {
    if now < due {
        let early = Mono::from_micros(due.micros() - 1);
        assert_eq!(machine.take(early, "due"), [""; 0], "{early:?} is before {due:?}");
        assert_eq!(machine.deadline(), Some(due));
    }
}

fn note(machine: &mut impl Scripted, now: Mono, word: &str, trace: &mut String) {
    let before = machine.is_over();
    let mut acts = machine.take(now, word);
    if machine.is_over() && !before {
        acts.push("over".to_owned());
    }
    if word != "due" || !acts.is_empty() {
        writeln!(trace, "{} {word}: {}", now.millis(), acts.join(", ")).expect("a String");
    }
}

/// Bytes of a test, as the text that they are.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
