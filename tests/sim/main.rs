//! A whole site in virtual time from one seed: callers, phones, a carrier, a network that loses and
//! reorders, a disk that is late, power cuts, and an oracle that looks after every step.
//!
//! A failing seed prints how to run it again: `HOLDFAST_SEED=17 cargo test --test sim one_seed`.
//! The tables of `coverage` need the feature `trace-arms`.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test dies of what is wrong")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of dice")]
#![allow(clippy::print_stdout, reason = "a test says what it found")]
#![allow(missing_docs, reason = "fields of test peers say it by their names")]

mod coverage;
mod day;
mod dice;
mod disk;
mod gates;
mod network;
mod oracle;
mod peer;
mod plane;
mod scenario;
mod trace;
#[cfg(feature = "trace-arms")]
mod unreachable;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use world::World;

/// Steps of one run before everything is let end.
const STEPS: u64 = 4000;
/// Seeds of the short form.
const SEEDS: u64 = 200;

/// Runs one seed; on a failure says how to see it again.
fn run(seed: u64, steps: u64, aloud: bool) -> World {
    let mut world = World::new(seed, aloud);
    let ran = catch_unwind(AssertUnwindSafe(|| world.run(steps)));
    if let Err(failure) = ran {
        println!("\nseed {seed}, step {}; the last of its trace:", world.steps());
        for line in world.trace.tail() {
            println!("{line}");
        }
        println!("again: HOLDFAST_SEED={seed} cargo test --test sim one_seed -- --nocapture\n");
        resume_unwind(failure);
    }
    world
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn short() {
    let first = number("HOLDFAST_FIRST").unwrap_or(0);
    let seeds = number("HOLDFAST_SEEDS").unwrap_or(SEEDS);
    let calls: usize = (first..first + seeds).map(|seed| run(seed, STEPS, false).calls()).sum();
    assert!(calls as u64 > seeds * 20, "hardly anybody called: {calls}");
}

#[test]
fn one_seed() {
    let Some(seed) = number("HOLDFAST_SEED") else { return };
    run(seed, STEPS, true);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 7] {
        let (first, again) = (run(seed, STEPS, false), run(seed, STEPS, false));
        assert_eq!(first.trace.hash(), again.trace.hash(), "seed {seed}");
    }
    assert_ne!(run(3, STEPS, false).trace.hash(), run(7, STEPS, false).trace.hash());
}

/// The long form: `HOLDFAST_SEEDS=7500 cargo test --release --features trace-arms --test sim --
/// --ignored long --nocapture`. Prints how often each cell of the state tables was hit.
#[cfg(feature = "trace-arms")]
#[test]
#[ignore = "minutes, by name"]
fn long() {
    const HITS_MIN: u64 = 100;
    let first = number("HOLDFAST_FIRST").unwrap_or(0);
    let seeds = number("HOLDFAST_SEEDS").unwrap_or(7500);
    let (arms, failed) = run_all(first..first + seeds);
    let rare = arms.report(HITS_MIN);
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    assert!(rare.is_empty(), "hit less than {HITS_MIN} times, or against the list:\n{rare:#?}");
}

/// Runs these seeds on every processor, all of them although one fails; gives the counts and the
/// seeds that failed. Each is a world of its own: which thread runs it changes nothing in it.
#[cfg(feature = "trace-arms")]
fn run_all(seeds: std::ops::Range<u64>) -> (coverage::Arms, Vec<u64>) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let left = std::sync::Mutex::new(seeds);
    let work = || {
        let (mut arms, mut failed) = (coverage::Arms::default(), Vec::new());
        loop {
            let seed = left.lock().expect("nobody fails while holding it").next();
            let Some(seed) = seed else { return (arms, failed) };
            match catch_unwind(|| run(seed, STEPS, false)) {
                Ok(world) => arms.merge(world.arms),
                Err(_said_by_run) => failed.push(seed),
            }
        }
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut arms, mut failed) = (coverage::Arms::default(), Vec::new());
        for thread in running {
            let (of_thread, failed_there) = thread.join().expect("failures are caught");
            arms.merge(of_thread);
            failed.extend(failed_there);
        }
        (arms, failed)
    })
}
