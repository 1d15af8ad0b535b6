//! The queue's offers as a call sees them: which are open, and how they failed.
//!
//! One offer may ring several phones (every registered contact of an endpoint). The queue hears of
//! one offer: it rings when the first rings, it is refused when the last has refused.

use holdfast_base::OfferId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::io::{Desk, Output};
use crate::queue::{Input, OfferNews};
use crate::record::event::{LegEnd, OfferEnd};

/// The open offers of one contact, each with the most telling refusal so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Offers(BTreeMap<OfferId, Option<OfferEnd>>);

impl Offers {
    /// An offer is being delivered.
    pub fn begin(&mut self, offer: OfferId) {
        self.0.insert(offer, None);
    }

    /// The queue took an offer back or decided for it: nothing more is reported of it.
    pub fn forget(&mut self, offer: OfferId) {
        self.0.remove(&offer);
    }

    /// Nobody could be called at all.
    pub fn unreachable(&mut self, offer: OfferId, desk: &mut Desk<'_>) {
        self.0.remove(&offer);
        report(offer, OfferNews::Refused(OfferEnd::Unreachable), desk);
    }

    /// The invitations are on their way.
    pub fn sent(&self, offer: OfferId, desk: &mut Desk<'_>) {
        report(offer, OfferNews::Sent, desk);
    }

    /// A phone of the offer rings.
    pub fn ringing(&self, offer: Option<OfferId>, desk: &mut Desk<'_>) {
        if let Some(offer) = offer.filter(|offer| self.0.contains_key(offer)) {
            report(offer, OfferNews::Ringing, desk);
        }
    }

    /// A phone of the offer answered. False when the offer is no longer wanted.
    pub fn answered(&self, offer: Option<OfferId>, desk: &mut Desk<'_>) -> bool {
        let Some(offer) = offer.filter(|offer| self.0.contains_key(offer)) else { return false };
        report(offer, OfferNews::Answered, desk);
        true
    }

    /// A phone of the offer is out; `last` when no other phone of it still rings.
    pub fn leg_ended(
        &mut self,
        offer: Option<OfferId>,
        why: LegEnd,
        has_rung: bool,
        last: bool,
        desk: &mut Desk<'_>,
    ) {
        let Some((offer, worst)) =
            offer.and_then(|offer| Some((offer, self.0.get_mut(&offer)?)))
        else {
            return;
        };
        let end = refusal(why, has_rung);
        let telling = worst.map_or(end, |before| before.min_by_meaning(end));
        *worst = Some(telling);
        if last {
            self.0.remove(&offer);
            report(offer, OfferNews::Refused(telling), desk);
        }
    }
}

fn report(offer: OfferId, news: OfferNews, desk: &mut Desk<'_>) {
    desk.out.push(Output::Queue(Input::Offer { offer, news }));
}

/// What the end of a leg means for its offer: the table of QUEUEING.md 2.1.
const fn refusal(why: LegEnd, has_rung: bool) -> OfferEnd {
    match (why, has_rung) {
        (LegEnd::Refused(486 | 600), _) => OfferEnd::Busy,
        (LegEnd::Refused(603), _) => OfferEnd::Declined,
        (LegEnd::Refused(408) | LegEnd::NoAnswer, true) => OfferEnd::Rona,
        (LegEnd::Refused(408 | 480) | LegEnd::NoAnswer | LegEnd::Unreachable, _) => {
            OfferEnd::Unreachable
        }
        (LegEnd::LostInCrash, _) => OfferEnd::LostInCrash,
        (LegEnd::Refused(_) | LegEnd::Remote | LegEnd::Local | LegEnd::MediaLost, _) => {
            OfferEnd::DeviceFailed
        }
    }
}

impl OfferEnd {
    /// Of two refusals by phones of one agent, the one that says more about the agent: a declined
    /// call is the agent's word, a busy phone the agent's state, silence may be either.
    fn min_by_meaning(self, other: Self) -> Self {
        const ORDER: [OfferEnd; 9] = [
            OfferEnd::Declined,
            OfferEnd::Busy,
            OfferEnd::Rona,
            OfferEnd::Unreachable,
            OfferEnd::DeviceFailed,
            OfferEnd::LostInCrash,
            OfferEnd::CallerLeft,
            OfferEnd::LostRace,
            OfferEnd::Withdrawn,
        ];
        let place = |end| ORDER.iter().position(|known| *known == end);
        if place(other) < place(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::{OfferEnd, refusal};
    use crate::record::event::LegEnd;

    #[test]
    fn statuses_mean_what_the_table_says() {
        for (why, has_rung, end) in [
            (LegEnd::Refused(486), true, OfferEnd::Busy),
            (LegEnd::Refused(600), false, OfferEnd::Busy),
            (LegEnd::Refused(603), true, OfferEnd::Declined),
            (LegEnd::Refused(480), true, OfferEnd::Unreachable),
            (LegEnd::Refused(408), true, OfferEnd::Rona),
            (LegEnd::Refused(408), false, OfferEnd::Unreachable),
            (LegEnd::NoAnswer, true, OfferEnd::Rona),
            (LegEnd::Refused(404), false, OfferEnd::DeviceFailed),
            (LegEnd::Refused(488), false, OfferEnd::DeviceFailed),
            (LegEnd::Refused(503), false, OfferEnd::DeviceFailed),
        ] {
            assert_eq!(refusal(why, has_rung), end, "{why:?} {has_rung}");
        }
    }

    #[test]
    fn the_agents_word_outweighs_a_dead_phone() {
        let word = OfferEnd::DeviceFailed.min_by_meaning(OfferEnd::Declined);
        assert_eq!(word, OfferEnd::Declined);
        assert_eq!(OfferEnd::Busy.min_by_meaning(OfferEnd::Unreachable), OfferEnd::Busy);
    }
}
