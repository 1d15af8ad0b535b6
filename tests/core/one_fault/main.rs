//! Every flow of a call with every single fault: each message that goes between the box and its
//! parties, in each direction, is lost once, comes twice, or comes after the one behind it.
//!
//! Whatever happens, nothing is left when all is over: no call, leg, dialog, transaction, stream,
//! port, name or timer, and no session at any party. Each call gives one record. No party is left
//! in a session in which it hears nothing, or of which the box has another idea. And since SIP
//! mends the loss of any one message, a flow ends as it does without the fault, except where two
//! parties act at the same time and it is the network that decides who is first.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test dies of what is wrong")]
#![allow(missing_docs, reason = "functions of test scripts say it by their names")]
#![allow(clippy::print_stdout, reason = "the number of cases is what the test says")]

mod cast;
#[path = "../../e2e/digest.rs"]
mod digest;
mod flows;
mod hearing;
mod joined;
mod peer;
mod session;
mod sessions;
#[path = "../../golden/text.rs"]
mod text;
mod wires;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flows::{Ends, Flow};
use holdfast_config::Config;
use world::{Fault, Kind, Outcome, World};

const KINDS: [Kind; 3] = [Kind::Drop, Kind::Duplicate, Kind::Delay];
/// Failures that are printed whole.
const SHOWN_MAX: usize = 3;

fn play(config: &Arc<Config>, flow: &Flow, fault: Option<Fault>) -> Result<Outcome, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(config, cast::parties(), fault);
        world.register(flow.registered);
        world.play(&flow.scripts)
    }));
    played.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.unwrap_or_else(|| "a panic without words".to_owned())
    })
}

#[test]
fn no_single_fault_leaves_anything_behind() {
    let config = cast::config();
    let (mut flows, mut cases, mut failures) = (0, 0, Vec::new());
    let only = std::env::var("HOLDFAST_FLOW").ok();
    for flow in flows::all() {
        if only.as_ref().is_some_and(|only| *only != flow.name) {
            continue;
        }
        flows += 1;
        let plain = play(&config, &flow, None).unwrap_or_else(|why| panic!("{}: {why}", flow.name));
        let lines = plain.trace.join("\n");
        assert!(plain.faults.is_empty(), "{}: {:?}\n{lines}", flow.name, plain.faults);
        assert!(plain.story.contains(flow.shows), "{}:\n{}\n{lines}", flow.name, plain.story);
        for message in 0..plain.messages {
            for kind in KINDS {
                cases += 1;
                let case = format!("{}, message {message}, {kind:?}", flow.name);
                match play(&config, &flow, Some(Fault { message, kind })) {
                    Err(why) => failures.push(format!("{case}: {why}")),
                    Ok(outcome) => failures.extend(judge(&case, &flow, &plain, &outcome)),
                }
            }
        }
    }
    println!("{cases} cases of one fault in {flows} flows, {} failed", failures.len());
    for failure in &failures {
        println!("{}", failure.lines().next().unwrap_or_default());
    }
    let shown: Vec<&str> = failures.iter().take(SHOWN_MAX).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {cases}:\n{}", failures.len(), shown.join("\n\n"));
}

fn judge(case: &str, flow: &Flow, plain: &Outcome, outcome: &Outcome) -> Option<String> {
    let told = outcome.trace.join("\n");
    if !outcome.faults.is_empty() {
        return Some(format!("{case}: {:?}\n{told}", outcome.faults));
    }
    match flow.ends {
        Ends::Alike if outcome.story != plain.story => {
            Some(format!("{case}: another end\n{}was\n{}\n{told}", outcome.story, plain.story))
        }
        Ends::Alike | Ends::AsItComes => None,
    }
}
