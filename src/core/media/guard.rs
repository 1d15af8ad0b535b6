//! What stands between a stream and the wire: nothing, or SRTP under the keys that were agreed.
//!
//! ```text
//!         Expect with keys                   Expect without
//!  Clear ──────────────────▶ Secured ──────────────────────▶ Clear
//!    └──────────▶ Shut ─────────▲
//!     await_keys        rekey
//! ```
//!
//! Shut is a stream whose keys a handshake will bring: nothing passes, whatever it looks like.
//! The same key keeps its indices over every re-offer; another key of the remote begins at a
//! rollover counter of 0. Our own keys are never forgotten while the stream lives: one that comes
//! back, when an early answer of another fork is followed, goes on where it was.

use crate::media::order::Crypto;
use holdfast_wire::srtp::{GROWTH_BYTES_MAX, MasterKey, Receiver, Refused, Sender};

/// Most keys of ours in the life of a stream: one for each suite that forks may choose. With more
/// nothing is sent, since the oldest can not be forgotten.
const KEYS_MAX: usize = 8;

/// The protection of one stream.
#[derive(Default)]
pub struct Guard {
    ours: Vec<(MasterKey, Sender)>,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Clear,
    Shut,
    Secured {
        keys: Crypto,
        receiver: Box<Receiver>,
    },
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.state {
            State::Clear => "Guard(clear)",
            State::Shut => "Guard(shut)",
            State::Secured { .. } => "Guard(secured)",
        })
    }
}

impl Guard {
    /// Takes what was agreed last.
    pub fn expect(&mut self, agreed: Option<&Crypto>) {
        let Some(agreed) = agreed else {
            self.state = State::Clear;
            return;
        };
        if let Some(key) = &agreed.send
            && self.ours.len() < KEYS_MAX
            && !self.ours.iter().any(|(known, _)| known == key)
        {
            self.ours.push((key.clone(), Sender::new(key)));
        }
        match &mut self.state {
            State::Secured { keys, .. }
                if (&keys.receive, keys.mki_bytes) == (&agreed.receive, agreed.mki_bytes) =>
            {
                keys.send.clone_from(&agreed.send);
            }
            State::Clear | State::Shut | State::Secured { .. } => {
                let receiver = Box::new(Receiver::new(&agreed.receive, agreed.mki_bytes));
                self.state = State::Secured { keys: agreed.clone(), receiver };
            }
        }
    }

    /// A handshake will bring the keys. Those of an earlier one hold until then.
    pub fn await_keys(&mut self) {
        match self.state {
            State::Clear => self.state = State::Shut,
            State::Shut | State::Secured { .. } => {}
        }
    }

    /// A handshake has come to nothing: keys of before hold no more either.
    pub fn shut(&mut self) {
        self.state = State::Shut;
    }

    /// Takes the keys of a handshake. Nobody had them before and nobody will have them again, so
    /// none of before are kept.
    pub fn rekey(&mut self, keys: Crypto) {
        self.ours.clear();
        self.state = State::Shut;
        self.expect(Some(&keys));
    }

    /// Whether packets may leave at all.
    #[must_use]
    pub const fn may_send(&self) -> bool {
        match &self.state {
            State::Clear => true,
            State::Shut => false,
            State::Secured { keys, .. } => keys.send.is_some(),
        }
    }

    /// Opens a packet in place; its length then.
    ///
    /// # Errors
    /// Why it is nobody's business.
    pub fn open(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        match &mut self.state {
            State::Clear => Ok(packet.len()),
            State::Shut => Err(Refused::Malformed),
            State::Secured { receiver, .. } => receiver.unprotect(packet),
        }
    }

    /// As [`Guard::open`], for RTCP.
    ///
    /// # Errors
    /// As there.
    pub fn open_report(&mut self, report: &mut [u8]) -> Result<usize, Refused> {
        match &mut self.state {
            State::Clear => Ok(report.len()),
            State::Shut => Err(Refused::Malformed),
            State::Secured { receiver, .. } => receiver.unprotect_report(report),
        }
    }

    /// Closes the packet in the first `length` bytes of `room`; its length then, and none when it
    /// must not leave.
    pub fn close(&mut self, room: &mut [u8], length: usize) -> Option<usize> {
        match self.state {
            State::Clear => Some(length),
            State::Shut => None,
            State::Secured { .. } => self.sender()?.protect(room, length).ok(),
        }
    }

    /// As [`Guard::close`], for RTCP.
    pub fn close_report(&mut self, mut report: Vec<u8>) -> Option<Vec<u8>> {
        match self.state {
            State::Clear => Some(report),
            State::Shut => None,
            State::Secured { .. } => {
                let length = report.len();
                report.resize(length + GROWTH_BYTES_MAX, 0);
                let length = self.sender()?.protect_report(&mut report, length).ok()?;
                report.truncate(length);
                Some(report)
            }
        }
    }

    fn sender(&mut self) -> Option<&mut Sender> {
        let State::Secured { keys: Crypto { send: Some(key), .. }, .. } = &self.state else {
            return None;
        };
        self.ours.iter_mut().find(|(known, _)| known == key).map(|(_, sender)| sender)
    }
}
