//! Which cells of the state tables were hit, over all runs, and which nobody can hit.

use holdfast_core::site::Site;

#[cfg(feature = "trace-arms")]
use crate::unreachable::{why_coincidence, why_unreachable};
#[cfg(feature = "trace-arms")]
use holdfast_core::arms::{Arm, Table};
#[cfg(feature = "trace-arms")]
use std::collections::BTreeMap;

/// Hits by cell.
#[derive(Debug, Default)]
pub struct Arms {
    #[cfg(feature = "trace-arms")]
    hits: BTreeMap<Arm, u64>,
}

#[cfg(not(feature = "trace-arms"))]
impl Arms {
    /// Nobody counts in this build.
    pub fn take_from(&mut self, _site: &mut Site) {}
}

#[cfg(feature = "trace-arms")]
impl Arms {
    /// Takes the counts of a site.
    pub fn take_from(&mut self, site: &mut Site) {
        self.add(site.last_arms());
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: Self) {
        self.add(other.hits);
    }

    fn add(&mut self, hits: BTreeMap<Arm, u64>) {
        for (arm, count) in hits {
            *self.hits.entry(arm).or_default() += count;
        }
    }

    /// Prints every table, rarest cells first, and gives the reachable cells that were hit less
    /// than `least` times.
    pub fn report(&self, least: u64) -> Vec<String> {
        let tables = holdfast_core::sip::transaction::TABLES.into_iter();
        let tables = tables.chain(holdfast_core::call::arms::TABLES);
        let tables = tables.chain([holdfast_core::queue::arms::TABLE]);
        let tables = tables.chain([holdfast_core::agent::arms::TABLE]);
        let mut rare = Vec::new();
        let (mut reached, mut never, mut chance, mut fewest) = (0, 0, 0, u64::MAX);
        for table in tables {
            let mut cells = self.cells(&table);
            cells.sort();
            println!("\n{}", table.machine);
            for Cell { why, hits, state, input } in cells {
                let name = format!("{} {state} {input}", table.machine);
                match why {
                    None if why_coincidence(&Arm { machine: table.machine, state, input })
                        .is_some() =>
                    {
                        println!("  {state:>20} {input:<16} {hits}, by coincidence");
                        chance += 1;
                    }
                    None => {
                        println!("  {state:>20} {input:<16} {hits}");
                        (reached, fewest) = (reached + 1, fewest.min(hits));
                        if hits < least {
                            rare.push(format!("{name}: {hits}"));
                        }
                    }
                    Some(why) => {
                        println!("  {state:>20} {input:<16} {why}");
                        never += 1;
                        if hits > 0 {
                            rare.push(format!("{name} was hit {hits} times, though {why}"));
                        }
                    }
                }
            }
        }
        let all: u64 = self.hits.values().sum();
        println!("\n{reached} cells, the rarest hit {fewest} times, all together {all};");
        println!("{never} can not be hit, {chance} by coincidence alone");
        rare
    }

    fn cells(&self, table: &Table) -> Vec<Cell> {
        let machine = table.machine;
        let states = table.states.iter();
        let arms = states.flat_map(|state| {
            table.inputs.iter().copied().flatten().map(move |input| (state, input))
        });
        arms.map(|(state, input)| {
            let hits = self.hits.get(&Arm { machine, state, input }).copied().unwrap_or(0);
            Cell { why: why_unreachable(&Arm { machine, state, input }), hits, state, input }
        })
        .collect()
    }
}

/// One line of a table, in the order in which it is printed.
#[cfg(feature = "trace-arms")]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    why: Option<&'static str>,
    hits: u64,
    state: &'static str,
    input: &'static str,
}
