//! What a decision of the queue costs: in a house of 1,000 agents, 50 queues and 2,000 waiting, and
//! in one of a tenth, as a ratio. Nothing is asserted: the figures are for people.
//!
//! ```text
//! cargo run --release --example bench-decisions
//! ```

#![allow(clippy::print_stdout, reason = "a bench says what it found")]
#![allow(clippy::expect_used, reason = "a bench stops at what is wrong")]

use holdfast_base::{CallId, ContactId, EndpointName, Mono, Now, OfferId, Outbox, QueueName, Wall};
use holdfast_config::{Config, Endpoint};
use holdfast_core::contact::{Deliveries, OfferNews};
use holdfast_core::queue::{Engine, Input, Output};
use holdfast_core::record::event::Subject;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decisions that are measured in each house.
const DECISIONS: usize = 5_000;
/// Queues in which each agent is a member.
const QUEUES_OF_AN_AGENT: usize = 4;
/// One queue after the other is of the next strategy.
const STRATEGIES: [&str; 10] = [
    "longest-idle",
    "longest-available",
    "round-robin",
    "linear",
    "top-down",
    "fewest-calls",
    "least-talk",
    "least-occupied",
    "random",
    "weighted",
];

/// How large a site is.
#[derive(Clone, Copy)]
struct Size {
    agents: usize,
    queues: usize,
    waiting: usize,
}

/// A site whose agents all talk.
struct House {
    engine: Engine,
    size: Size,
    now: Now,
    contacts: u64,
    talking: VecDeque<OfferId>,
}

fn main() {
    let small = measure(Size { agents: 100, queues: 5, waiting: 200 });
    let large = measure(Size { agents: 1000, queues: 50, waiting: 2000 });
    println!("                         100 agents    1,000 agents    ratio");
    for (what, small, large) in
        [("arrival, nobody free", small.0, large.0), ("agent free, next call", small.1, large.1)]
    {
        for (name, share) in [("p50", 50), ("p99", 99)] {
            let (small, large) = (percentile(&small, share), percentile(&large, share));
            let ratio = large.as_secs_f64() / small.as_secs_f64().max(1e-9);
            println!("{what:<22} {name} {small:>9.1?} {large:>12.1?} {ratio:>10.1}");
        }
    }
}

/// How long arrivals and decisions take.
fn measure(size: Size) -> (Vec<Duration>, Vec<Duration>) {
    let mut house = House::new(size);
    let (mut arrivals, mut decisions) = (Vec::new(), Vec::new());
    for _ in 0..DECISIONS {
        house.now.mono = house.now.mono + Duration::from_millis(137);
        let offer = house.talking.pop_front().expect("somebody talks");
        decisions.push(house.give(Input::Offer { offer, news: OfferNews::Ended }));
        arrivals.push(house.arrive());
    }
    (arrivals, decisions)
}

impl House {
    fn new(size: Size) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let (config, mut out) = (config(size), Outbox::new());
        let engine = Engine::restore(now, config, Deliveries::sip(), [], &mut out);
        let mut house = Self { engine, size, now, contacts: 0, talking: VecDeque::new() };
        for agent in 0..size.agents {
            let endpoint = Endpoint::Account(EndpointName::new(&format!("a{agent}")));
            house.give(Input::EndpointState { endpoint, reachable: true });
        }
        for _ in 0..size.agents + size.waiting {
            house.arrive();
        }
        house
    }

    fn arrive(&mut self) -> Duration {
        self.contacts += 1;
        let queue = usize::try_from(self.contacts).expect("a few") % self.size.queues;
        self.give(Input::Arrived {
            contact: ContactId(self.contacts),
            call: CallId(self.contacts),
            queue: QueueName::new(&format!("q{queue}")),
            from: Subject(format!("+49301{:06}", self.contacts % 1000)),
        })
    }

    /// Gives one input, and answers the phones that it makes ring. Gives the time of the input.
    fn give(&mut self, input: Input) -> Duration {
        let mut out = Outbox::new();
        let begun = Instant::now();
        self.engine.handle(self.now, input, &mut out);
        let took = begun.elapsed();
        for output in out.take() {
            if let Output::Deliver { offer, .. } = output {
                let news = Input::Offer { offer, news: OfferNews::Answered };
                self.engine.handle(self.now, news, &mut out);
                self.talking.push_back(offer);
            }
        }
        // The site writes these down after each step.
        self.engine.changed();
        took
    }
}

fn config(size: Size) -> Arc<Config> {
    let mut text = String::new();
    for queue in 0..size.queues {
        let serves = |agent: &usize| {
            (0..QUEUES_OF_AN_AGENT).any(|turn| (agent + turn * 3) % size.queues == queue)
        };
        let members: Vec<String> =
            (0..size.agents).filter(serves).map(|agent| format!("\"a{agent}\"")).collect();
        let strategy = STRATEGIES.get(queue % STRATEGIES.len()).copied().unwrap_or_default();
        let circles = if queue % 2 == 0 {
            "[[queue.circle]]\nneeds = [{ skill = \"tongue\", level = 50 }]\n\
             [[queue.circle]]\nafter = \"20s\"\n"
        } else {
            ""
        };
        writeln!(
            text,
            "[[queue]]\nname = \"q{queue}\"\nmembers = [{}]\nstrategy = \"{strategy}\"\n\
             wrap_up = \"0s\"\nlength_max = 5000\nprefer_last = \"1h\"\n{circles}",
            members.join(", ")
        )
        .expect("a text");
    }
    for agent in 0..size.agents {
        let level = agent % 100 + 1;
        writeln!(
            text,
            "[[agent]]\nname = \"a{agent}\"\nendpoints = [{{ account = \"a{agent}\" }}]\n\
             skills = [{{ skill = \"tongue\", level = {level} }}]\n[[account]]\nname = \"a{agent}\""
        )
        .expect("a text");
    }
    Arc::new(holdfast_config::read(&text, "bench").expect("a configuration").0)
}

fn percentile(times: &[Duration], share: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * share / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
