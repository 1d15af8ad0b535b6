//! What kind of day a seed makes: how the network, the disk and chance behave.

use crate::dice::Dice;
use crate::disk::Speed;
use crate::network::Weather;
use crate::plane::CALM_FAILURES;

/// What kind of day it is.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    pub weather: Weather,
    pub disk: Speed,
    /// Nothing is lost and nobody dies.
    pub calm: bool,
    /// In a thousand meddlings.
    pub power_cuts: u64,
    pub kills: u64,
    pub reloads: u64,
    /// In a thousand streams.
    pub port_failures: u64,
}

impl Day {
    /// The day of a seed: one in four is calm.
    pub fn of(seed: u64, dice: &mut Dice) -> Self {
        let any = *dice.pick(&[0, 150, 300]);
        let port_failures = *dice.pick(&[15, 15, 15, 200]);
        match seed % 4 {
            0 => Self {
                weather: Weather::CALM,
                disk: Speed::Fast,
                calm: true,
                power_cuts: 0,
                kills: 0,
                reloads: 0,
                port_failures: CALM_FAILURES,
            },
            1 => Self {
                weather: Weather::any(dice),
                disk: *dice.pick(&[Speed::Fast, Speed::Slow]),
                calm: false,
                power_cuts: 0,
                kills: 0,
                reloads: any,
                port_failures,
            },
            2 => Self {
                weather: Weather { cuts: 50, ..Weather::CALM },
                disk: Speed::Fast,
                calm: false,
                power_cuts: 0,
                kills: 100,
                reloads: any,
                port_failures,
            },
            _ => Self {
                weather: Weather::any(dice),
                disk: *dice.pick(&[Speed::Fast, Speed::Slow]),
                calm: false,
                power_cuts: 60,
                kills: 60,
                reloads: any,
                port_failures,
            },
        }
    }
}
