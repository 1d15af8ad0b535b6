//! The number of a request of ours that is sent once more because credentials were asked for.
//!
//! RFC 3261 §22.2: the same request, its Call-ID, To and From too, with a CSeq of one more. In a
//! dialog that is the next number of the dialog, for other requests may have gone out meanwhile.

use holdfast_base::Entropy;
use holdfast_config::Config;
use holdfast_wire::sip::{CSeq, Method, Request};

use super::forks::Forks;
use super::{Change, Leg, State, Subscription, Told};
use crate::call::words::{self, count_up, is_last_word};
use crate::sip::dialog::{Dialog, DialogId};

impl Leg {
    /// Numbers the request anew. False when the leg does not want it sent again.
    pub fn number_again(
        &mut self,
        request: &mut Request,
        config: &Config,
        entropy: &mut Entropy,
    ) -> bool {
        let Ok(before) = request.headers.cseq() else { return false };
        match &mut self.state {
            State::Calling { invite, forks, heard, word_by }
                if request.method == Method::Invite =>
            {
                // Who rings has let the INVITE in: a fork of it has not, and then none is lost.
                if forks.current().is_some() || !count_up(request) {
                    return false;
                }
                let via = words::via(config, &self.flow, entropy);
                request.headers.set("Via", &via);
                if let Ok(cseq) = request.headers.cseq() {
                    invite.headers.set("CSeq", cseq);
                }
                invite.headers.set("Via", via);
                (*forks, *heard, *word_by) = (Forks::default(), Told::Nothing, None);
                true
            }
            State::Calling { forks, .. } => {
                forks.of_ours(request).is_some_and(|dialog| next_of(dialog, request))
            }
            State::Confirmed { dialog, change, .. } => {
                let numbered = next_of(dialog, request);
                match (change, request.headers.cseq()) {
                    (Change::Ours { cseq, gone: _ }, Ok(now)) if *cseq == before.number => {
                        *cseq = now.number;
                    }
                    (
                        Change::Ours { .. } | Change::Theirs { .. } | Change::None,
                        Ok(_) | Err(_),
                    ) => {}
                }
                numbered
            }
            State::Answered { dialog, .. } | State::Accepted { dialog, .. } => {
                next_of(dialog, request)
            }
            State::Closing { .. } | State::Over { .. } => {
                is_last_word(request) && count_up(request)
            }
            State::Incoming { early: Some(dialog), .. } => next_of(dialog, request),
            State::Incoming { early: None, .. } | State::Cancelling { .. } => false,
        }
    }
}

impl Subscription {
    /// Numbers a NOTIFY of it anew, when it is alone in its dialog.
    pub fn number_again(&mut self, request: &mut Request) -> bool {
        self.alone_in().is_some_and(|dialog| next_of(dialog, request))
    }
}

/// Gives a request of this dialog its next number; false when it is of another one.
fn next_of(dialog: &mut Dialog, request: &mut Request) -> bool {
    if DialogId::of_ours(request).as_ref() != Some(dialog.id()) {
        return false;
    }
    let number = dialog.next_number();
    let method = request.method.clone();
    request.headers.set("CSeq", CSeq { number, method });
    true
}
