//! A leg after a restart of the process.



use super::{Leg, State, Change, News};
use crate::call::io::{Desk, Output};
use crate::record::event::LegEnd;

impl Leg {
    /// Takes the leg up again. A confirmed one goes on and is asked whether its party still does;
    /// any other is ended, because its transaction died with the process.
    pub fn restore(
        &mut self,
        last_sequence: Option<u16>,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        desk.out.push(Output::StreamMade { leg: self.id, stream: self.audio.stream() });
        if let Some(id) = self.dialog_id() {
            desk.out.push(Output::DialogMade { leg: self.id, id: id.clone() });
        }
        match &mut self.state {
            State::Confirmed { change, .. } => {
                *change = Change::None;
                self.audio.roll_back();
                self.audio.reopen(last_sequence, desk);
                self.probe(desk);
                None
            }
            // The ACK, or another copy of our 2xx's acknowledgement, may have been lost with us.
            State::Accepted { dialog, then, .. } => {
                let then = *then;
                self.state = State::Confirmed { dialog: dialog.clone(), change: Change::None };
                self.audio.reopen(last_sequence, desk);
                if let Some(why) = then {
                    self.hang_up(why, desk);
                    return Some(News::Ended(why));
                }
                self.probe(desk);
                None
            }
            State::Answered { .. } => {
                self.hang_up(LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            State::Incoming { .. } | State::Calling { .. } | State::Cancelling { .. } => {
                self.close(LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            State::Closing { .. } | State::Over { .. } => None,
        }
    }
}
