//! The queues: who waits, in which order, and who is called next (QUEUEING.md 2.1 to 2.7).
//!
//! [`Engine`] is the root. It hears of contacts, offers and agents as [`Input`] and orders by
//! [`Output`]; it does not know how a contact arrived, and of a delivery only what it can do.
//!
//! | file | decides |
//! |---|---|
//! | `engine` | the order of one step, deadlines, the reaper |
//! | `verdict` | whether a caller is let into a line |
//! | `entry` | the way into a line, and every way out of it |
//! | `exits` | where contacts are led on to whom their queue does not serve |
//! | `closure`, `empty` | queues that a person has closed; queues in which nobody is there |
//! | `matching` | who is called for whom |
//! | `order` | who comes first: circle, familiar face, skills, strategy |
//! | `widen` | how many are called at once, out of which circles, from when on |
//! | `call_away` | a phone of a ringing batch goes to a caller of higher rank |
//! | `pickup` | an agent takes a call |
//! | `familiar` | who talked with which caller last |
//! | `offers` | what an offer's beginning and end mean for its contact |
//! | `duty` | duty, own calls, misses in a row |
//! | `treatment`, `clips` | what a waiting caller hears |
//! | `configure`, `record` | a new configuration; what survives a restart |
//! | `picture` | what people see |
//! | `arms` | which cells of its table were hit |

pub mod arms;
mod call_away;
mod clips;
mod closure;
mod configure;
mod decision;
mod duty;
mod empty;
mod engine;
mod entry;
mod exits;
mod familiar;
mod line;
mod matching;
mod offers;
mod order;
mod pickup;
mod picture;
mod record;
mod timers;
mod today;
mod treatment;
mod verdict;
mod widen;
mod words;

#[cfg(test)]
mod tests;

pub use crate::contact::{OfferNews, OfferRefusal};
pub use clips::{POSITION_CLIPS, POSITION_SAID_MAX, number_clips, position_clips};
pub use closure::Closure;
pub use decision::{CANDIDATES_MAX, Candidate, DECISIONS_MAX, Decision};
pub use engine::Engine;
pub use exits::{CallOn, Led, OnwardNews};
pub use familiar::CALLERS_MAX;
pub use pickup::NotYours;
pub use picture::LiveOffer;
pub use record::{Changed, Cursor, Key, Record};
pub use treatment::SAY_AGAIN_MIN;
pub use words::{Alarm, Departure, Input, Lost, Output};
