//! Which cells of the state tables were hit, over all runs, and which nobody can hit.

use holdfast_core::site::Site;

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

    /// Prints every table and gives the reachable cells that were hit less than `least` times.
    pub fn report(&self, least: u64) -> Vec<String> {
        let tables = holdfast_core::sip::transaction::TABLES.into_iter();
        let tables = tables.chain(holdfast_core::call::arms::TABLES);
        tables.flat_map(|table| self.report_one(&table, least)).collect()
    }

    fn report_one(&self, table: &Table, least: u64) -> Vec<String> {
        let mut rare = Vec::new();
        println!("\n{}", table.machine);
        for state in table.states {
            for input in table.inputs {
                let arm = Arm { machine: table.machine, state, input };
                let hits = self.hits.get(&arm).copied().unwrap_or(0);
                match unreachable(&arm) {
                    Some(why) if hits == 0 => println!("  {state:>12} {input:<16} {why}"),
                    Some(why) => rare.push(format!("{arm:?} was hit, though {why}")),
                    None => {
                        println!("  {state:>12} {input:<16} {hits}");
                        if hits < least {
                            rare.push(format!("{} {state} {input}: {hits}", table.machine));
                        }
                    }
                }
            }
        }
        rare
    }
}

/// Why a cell can not be hit.
#[cfg(feature = "trace-arms")]
fn unreachable(arm: &Arm) -> Option<&'static str> {
    UNREACHABLE
        .iter()
        .find(|(machine, state, input, _)| {
            (arm.machine, arm.state, arm.input) == (*machine, *state, *input)
        })
        .map(|(_, _, _, why)| *why)
}

/// Machine, state, input, and why they never meet.
#[cfg(feature = "trace-arms")]
const UNREACHABLE: &[(&str, &str, &str, &str)] = &[];
