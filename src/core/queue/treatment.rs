//! What a waiting caller hears: the greeting, then music, and the position now and then
//! (QUEUEING.md 2.7). Independent of matching: an answered offer connects at once, whatever is
//! being played, and nothing here delays an order to an agent.

use holdfast_base::{ContactId, Mono, Outbox};
use std::time::Duration;

use super::clips::{POSITION_SAID_MAX, clip, position_clips};
use super::engine::Engine;
use super::record::Key;
use super::words::Output;
use crate::contact::{Place, Said, Treatment};

/// Shortest time between two announcements of a position (QUEUEING.md 2.7, `min_interval`).
pub const SAY_AGAIN_MIN: Duration = Duration::from_secs(15);

impl Engine {
    /// Speaks to every caller whose time has come.
    pub(super) fn speak(&mut self, now: Mono, out: &mut Outbox<Output>) {
        while let Some(contact) = self.speech.pop_due(now) {
            self.treat(contact, now, out);
        }
    }

    fn treat(&mut self, id: ContactId, now: Mono, out: &mut Outbox<Output>) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let every = line.settings.position_every.map(|every| every.max(SAY_AGAIN_MIN));
        let (entering, last) = match contact.treatment {
            Treatment::Entering => (true, None),
            Treatment::Waiting { said, .. } => (false, said),
        };
        // Beyond the last number that is said, one position sounds like the next.
        let position = line.position(&contact.rank).min(POSITION_SAID_MAX + 1);
        let due = every.is_some_and(|every| is_due(last, position, every, now));
        // While a phone rings for this caller, the next thing to be heard is the agent.
        let waits = contact.place == Place::Waiting;
        let spoken = (due && waits).then_some(position);
        let said = spoken.map(|position| Said { position, at: now }).or(last);
        let next = every.map(|every| next_look(said, every, now));

        let greeting = line.settings.greeting.as_deref().filter(|_| entering).map(clip);
        let position = spoken.into_iter().flat_map(position_clips);
        let once: Vec<_> = greeting.into_iter().chain(position).collect();
        if entering || spoken.is_some() {
            let then = line.settings.music.as_deref().map(clip);
            out.push(Output::Treat { contact: id, once, then });
        }
        if entering && waits {
            self.note_nobody_free(id, now);
        }
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.treatment = Treatment::Waiting { said, next };
        }
        self.speech.set(id, next);
        self.touched.insert(Key::Contact(id));
    }
}

/// Whether a position is worth saying: it improved and the last was said a while ago, or the last
/// was said so long ago that it is said again. Never a worse one.
fn is_due(last: Option<Said>, position: u32, every: Duration, now: Mono) -> bool {
    let Some(last) = last else { return true };
    let ago = now.since(last.at);
    match position.cmp(&last.position) {
        std::cmp::Ordering::Less => ago >= SAY_AGAIN_MIN,
        std::cmp::Ordering::Equal => ago >= every,
        std::cmp::Ordering::Greater => false,
    }
}

/// When to look again: a change is looked for every [`SAY_AGAIN_MIN`], the repetition falls due on
/// its own time.
fn next_look(said: Option<Said>, every: Duration, now: Mono) -> Mono {
    let look = now + SAY_AGAIN_MIN;
    match said.map(|said| said.at + every) {
        Some(again) if now < again => look.min(again),
        Some(_) | None => look,
    }
}
