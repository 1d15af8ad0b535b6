//! What the model makes of the news of an offer.

use holdfast_base::{Mono, OfferId};

use super::{Called, Doing, Model, blocks, cools, label, secs};
use crate::contact::{OfferNews, OfferRefusal};

impl Model {
    pub(super) fn news(&mut self, offer: OfferId, news: OfferNews, now: Mono) {
        let who = self.people.iter().position(|person| match &person.doing {
            Doing::Called { call, .. }
            | Doing::Talking { call, .. }
            | Doing::MayStillRing { call, .. } => call.offer == offer,
            _ => false,
        });
        let Some(who) = who else {
            if news == OfferNews::Answered {
                self.say(format!("HANG UP o{}", offer.0));
            }
            return;
        };
        match self.people[who].doing.clone() {
            Doing::Called { call, sent, rang, silent } => {
                self.news_of_called(who, (call, sent, rang, silent), news, now);
            }
            Doing::Talking { .. } => match news {
                OfferNews::Ended | OfferNews::LostInCrash => {
                    let ends = self.hangs_up(who, now);
                    self.say(format!("END c{} Answered", ends.contact.0));
                }
                OfferNews::LostLiveness => {
                    let ends = self.hangs_up(who, now);
                    self.say(format!("END c{} Answered", ends.contact.0));
                    self.say(format!("HANG UP o{}", offer.0));
                }
                _ => {}
            },
            Doing::MayStillRing { call, pause, .. } => {
                let picked_up = news == OfferNews::Answered
                    || (news == OfferNews::Sent && !call.can.confirms_answer);
                if picked_up {
                    self.say(format!("HANG UP o{}", offer.0));
                } else if matches!(news, OfferNews::Sent | OfferNews::Ringing) {
                    return;
                }
                self.rest(who, pause, now);
            }
            _ => unreachable!(),
        }
    }

    fn news_of_called(
        &mut self,
        who: usize,
        (call, sent, rang, silent): (Called, Option<Mono>, bool, bool),
        news: OfferNews,
        now: Mono,
    ) {
        let offer = call.offer.0;
        let could_ring = rang || (sent.is_some() && !call.can.sees_ringing);
        match news {
            OfferNews::Sent if sent.is_none() && !call.can.confirms_answer => {
                self.answers(who, now);
            }
            OfferNews::Sent if sent.is_none() => {
                self.people[who].doing = Doing::Called { call, sent: Some(now), rang, silent };
            }
            OfferNews::Sent => {}
            OfferNews::Ringing => {
                if !could_ring {
                    self.say(format!("ringing o{offer}"));
                    let sent = sent.or(Some(now));
                    self.people[who].doing = Doing::Called { call, sent, rang: true, silent };
                }
            }
            OfferNews::Answered => self.answers(who, now),
            OfferNews::Refused(OfferRefusal::Busy) => {
                self.over(who, "Busy", cools(now, 30), now);
            }
            OfferNews::Refused(OfferRefusal::Declined) => {
                let waiter = self.waiter(call.contact).unwrap();
                let name = self.people[who].name.clone();
                self.waiters[waiter].refused_by.push(name);
                self.over(who, "Declined", cools(now, 30), now);
            }
            OfferNews::Refused(OfferRefusal::Unavailable) => {
                self.over(who, "Unreachable", cools(now, 10), now);
                self.next_endpoint(who, &call, now);
            }
            OfferNews::Refused(OfferRefusal::NotRegistered) => {
                self.over(who, "Unreachable", cools(now, 5), now);
                self.next_endpoint(who, &call, now);
            }
            OfferNews::Refused(OfferRefusal::DeviceFailed) => {
                let name = self.people[who].name.clone();
                self.say(format!("ALARM device failed {name} {}", label(&call.endpoint)));
                self.over(who, "DeviceFailed", cools(now, 10), now);
                self.next_endpoint(who, &call, now);
            }
            OfferNews::Refused(OfferRefusal::NoAnswer)
            | OfferNews::Ended
            | OfferNews::LostLiveness => {
                if could_ring && call.shared {
                    self.over(who, "NotTaken", None, now);
                    self.passed_over(who, call.contact);
                } else if could_ring {
                    self.over(who, "Rona", blocks(now, call.block), now);
                    self.misses(who, call.contact);
                } else {
                    self.over(who, "Unreachable", cools(now, 10), now);
                    self.next_endpoint(who, &call, now);
                }
            }
            OfferNews::LostInCrash => {
                self.over(who, "LostInCrash", None, now);
                let until = now + secs(30);
                self.people[who].doing = Doing::MayStillRing { call, until, pause: None };
            }
        }
    }
}
