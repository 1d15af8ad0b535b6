//! Calls of the box's own over a trunk: whether anybody is called behind a far end that answers
//! OPTIONS for somebody else, while nobody calls.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::defaults;
use crate::finding::Wrong;
use crate::kind;
use crate::section::Section;

/// `test_call` of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCall {
    /// What is called: a number that rings on nobody's desk.
    pub number: String,
    /// How long nobody behind the far end may have said a word until it is called.
    pub every: Duration,
    /// How long it may ring until the box gives up, content.
    pub ring: Duration,
    /// The number that is shown; the caller is withheld when absent.
    pub caller: Option<String>,
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<TestCall> {
    let number = section.may("number", kind::dialled);
    let every = section.may("every", kind::some_duration);
    let ring = section.may("ring", kind::some_duration);
    let caller = section.may("caller", kind::dialled);
    let Some(number) = number else {
        if every.is_some() || ring.is_some() || caller.is_some() {
            let remedy = "write number = \"+49301234599\", that of an auto attendant";
            section.fault(Wrong::new("it is not said which number is called", remedy));
        }
        return None;
    };
    let every = every.unwrap_or(defaults::TEST_CALL_EVERY);
    let ring = ring.unwrap_or(defaults::TEST_CALL_RING);
    Some(TestCall { number, every, ring, caller })
}
