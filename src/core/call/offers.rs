//! The queue's offers as a call sees them: which are open, and how they failed.
//!
//! One offer may ring several phones (every registered contact of an endpoint). The queue hears of
//! one offer: it rings when the first rings, it is refused when the last has refused.

use holdfast_base::OfferId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::io::{Desk, Output};
use crate::contact::{OfferNews, OfferRefusal};
use crate::queue::Input;
use crate::record::event::LegEnd;

/// The open offers of one contact, each with the most telling end of a leg so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Offers(BTreeMap<OfferId, Option<LegEnd>>);

impl Offers {
    /// An offer is being delivered.
    pub fn begin(&mut self, offer: OfferId) {
        self.0.insert(offer, None);
    }

    /// The invitations are on their way.
    pub fn sent(&self, offer: OfferId, desk: &mut Desk<'_>) {
        report(offer, OfferNews::Sent, desk);
    }

    /// The queue took an offer back: nothing more is reported of it.
    pub fn forget(&mut self, offer: OfferId) {
        self.0.remove(&offer);
    }

    /// Nobody could be called at all.
    pub fn unreachable(&mut self, offer: OfferId, desk: &mut Desk<'_>) {
        self.0.remove(&offer);
        report(offer, OfferNews::Refused(OfferRefusal::NotRegistered), desk);
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
        last: bool,
        desk: &mut Desk<'_>,
    ) {
        let Some((offer, telling)) = offer.and_then(|offer| Some((offer, self.0.get_mut(&offer)?)))
        else {
            return;
        };
        let most = telling.filter(|before| weight(*before) >= weight(why)).unwrap_or(why);
        *telling = Some(most);
        if last {
            self.0.remove(&offer);
            report(offer, news_of(most), desk);
        }
    }
}

/// The last phone of an offer that died with the old process is silent.
pub fn fell_silent(offer: OfferId, desk: &mut Desk<'_>) {
    report(offer, OfferNews::LostInCrash, desk);
}

fn report(offer: OfferId, news: OfferNews, desk: &mut Desk<'_>) {
    desk.out.push(Output::Queue(Input::Offer { offer, news }));
}

/// What the end of a leg means for its offer: the table of QUEUEING.md 2.1.
const fn news_of(why: LegEnd) -> OfferNews {
    OfferNews::Refused(match why {
        LegEnd::Refused(486 | 600) => OfferRefusal::Busy,
        LegEnd::Refused(603) => OfferRefusal::Declined,
        LegEnd::Refused(480) => OfferRefusal::Unavailable,
        LegEnd::Refused(408) | LegEnd::NoAnswer => OfferRefusal::NoAnswer,
        LegEnd::Unreachable => OfferRefusal::NotRegistered,
        LegEnd::LostInCrash => return OfferNews::LostInCrash,
        LegEnd::Refused(_)
        | LegEnd::Remote
        | LegEnd::Local
        | LegEnd::HandedOver
        | LegEnd::MediaLost
        | LegEnd::SessionExpired => OfferRefusal::DeviceFailed,
    })
}

/// Of several phones of one agent, which says most about the agent: a declined call is the agent's
/// word, a busy phone the agent's state, silence may be either, trouble is the device's. After a
/// crash the offer is over, and all that is left to tell is that its phones are silent.
const fn weight(why: LegEnd) -> u8 {
    match why {
        LegEnd::LostInCrash => 5,
        LegEnd::Refused(603) => 4,
        LegEnd::Refused(486 | 600) => 3,
        LegEnd::Refused(408) | LegEnd::NoAnswer => 2,
        LegEnd::Refused(_) | LegEnd::Unreachable | LegEnd::Remote | LegEnd::Local => 1,
        LegEnd::HandedOver | LegEnd::MediaLost | LegEnd::SessionExpired => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{OfferNews, OfferRefusal, news_of, weight};
    use crate::record::event::LegEnd;

    #[test]
    fn statuses_mean_what_the_table_says() {
        for (why, refusal) in [
            (LegEnd::Refused(486), OfferRefusal::Busy),
            (LegEnd::Refused(600), OfferRefusal::Busy),
            (LegEnd::Refused(603), OfferRefusal::Declined),
            (LegEnd::Refused(480), OfferRefusal::Unavailable),
            (LegEnd::Refused(408), OfferRefusal::NoAnswer),
            (LegEnd::NoAnswer, OfferRefusal::NoAnswer),
            (LegEnd::Unreachable, OfferRefusal::NotRegistered),
            (LegEnd::Refused(404), OfferRefusal::DeviceFailed),
            (LegEnd::Refused(488), OfferRefusal::DeviceFailed),
            (LegEnd::Refused(503), OfferRefusal::DeviceFailed),
        ] {
            assert_eq!(news_of(why), OfferNews::Refused(refusal), "{why:?}");
        }
        assert_eq!(news_of(LegEnd::LostInCrash), OfferNews::LostInCrash);
    }

    #[test]
    fn the_agents_word_outweighs_a_dead_phone() {
        assert!(weight(LegEnd::Refused(603)) > weight(LegEnd::Refused(486)));
        assert!(weight(LegEnd::Refused(486)) > weight(LegEnd::NoAnswer));
        assert!(weight(LegEnd::NoAnswer) > weight(LegEnd::Refused(503)));
        assert!(weight(LegEnd::LostInCrash) > weight(LegEnd::Refused(603)));
    }
}
