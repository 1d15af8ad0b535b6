//! Routes: which calls lead where. The first one that fits is taken.

use holdfast_base::TrunkName;
use serde::{Deserialize, Serialize};

use crate::finding::Wrong;
use crate::hours::Hours;
use crate::kind;
use crate::parse;
use crate::schema::Destination;
use crate::section::Section;

/// Largest share of one trunk.
const WEIGHT_MAX: u16 = 1000;

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// For people.
    pub name: String,
    /// Called numbers or names, each exact or with a trailing `*`; none is all of them.
    pub called: Vec<String>,
    /// Calling numbers or names in the same way.
    pub calling: Vec<String>,
    /// Where such calls come from; none is anywhere.
    pub from: Option<From>,
    /// When it is in force; none is always.
    pub when: Vec<Hours>,
    /// Where it leads.
    pub to: Destination,
    /// The share of calls that each of its trunks gets first; none is all of them for the first.
    pub weights: Vec<u16>,
    /// Refusals after which the next trunk is tried, beside those that show trouble over there.
    pub next_on: Vec<u16>,
}

/// Where calls come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// Any phone of ours.
    Accounts,
    /// Any trunk.
    Trunks,
    /// Anybody else.
    Guests,
    /// This trunk.
    Trunk(TrunkName),
}

/// Whether a pattern, exact or with a trailing `*`, fits a number or name.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<Route> {
    let from = section.may("from", kind::origin);
    let from_trunk = section.may("from_trunk", kind::name);
    if from.is_some() && from_trunk.is_some() {
        section.fault(Wrong::new(
            "`from` and `from_trunk` both say where calls come from",
            "leave `from_trunk`: it says more",
        ));
    }
    let from_trunk = from_trunk.map(|name| From::Trunk(TrunkName::new(&name)));
    let name = section.may("name", kind::some_text);
    let called = section.list("called", kind::dialled);
    let calling = section.list("calling", kind::dialled);
    let when = section.list("when", kind::hours);
    let to = section.must_table("to", parse::destination, "{ queue = \"welcome\" }");
    let weights = section.list("weights", kind::whole(0, WEIGHT_MAX));
    let next_on = section.list("next_on", kind::refusal);
    let (name, from) = (name.unwrap_or_default(), from_trunk.or(from));
    Some(Route { name, called, calling, from, when, to: to?, weights, next_on })
}
