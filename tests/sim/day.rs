//! What kind of day a seed makes: how the network, the disk and chance behave.

use crate::dice::Dice;
use crate::disk::Speed;
use crate::network::Weather;
use crate::plane::CALM_FAILURES;

/// The one oddity that a day is full of, so that what is rare elsewhere happens often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// None in particular.
    Usual,
    /// Successes stay without ACK, and their sender hangs up about when that is noticed.
    KeepsAck,
    /// Phones ring for minutes or begin to answer and never do; callers have patience.
    NeverDecides,
    /// Sockets close in the middle of what they have to say.
    Breaks,
    /// Who is cancelled takes its time.
    Deaf,
    /// Everybody calls at once.
    Crowd,
    /// Parties speak where the RFC leaves them little to say: in early dialogs.
    Talkative,
    /// Phones refuse, and take longer to do so than a device should ring.
    Refuses,
    /// Phones stay silent, and callers say nothing and wait to the end.
    Vain,
}

impl Habit {
    const ALL: [Self; 9] = [
        Self::Usual,
        Self::KeepsAck,
        Self::NeverDecides,
        Self::Breaks,
        Self::Deaf,
        Self::Crowd,
        Self::Talkative,
        Self::Refuses,
        Self::Vain,
    ];

    /// That of a seed. Four seeds in a row have the same, one of each kind of day.
    const fn of(seed: u64) -> Self {
        Self::ALL[(seed / 4) as usize % Self::ALL.len()]
    }

    /// Streams that the plane is slow to close, in a thousand.
    const fn stalls(self) -> u64 {
        match self {
            Self::KeepsAck => 700,
            Self::Breaks | Self::Deaf => 500,
            Self::Usual
            | Self::NeverDecides
            | Self::Crowd
            | Self::Talkative
            | Self::Refuses
            | Self::Vain => 50,
        }
    }
}

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
    /// In a thousand streams.
    pub stalls: u64,
    pub habit: Habit,
}

impl Day {
    /// Whether everything is looked at after every step: in the long form, on the days of every
    /// fourth round through all habits. Looking takes most of the time.
    pub const fn is_watched_closely(seed: u64) -> bool {
        cfg!(feature = "trace-arms") && (seed / 4 / Habit::ALL.len() as u64).is_multiple_of(4)
    }

    /// The number of the configuration under which the day begins.
    pub const fn config(seed: u64) -> u64 {
        match Habit::of(seed) {
            // In these two a caller who never acknowledges is noticed as the wait ends.
            Habit::Vain => 1 + (seed / 4) % 2,
            Habit::Usual
            | Habit::KeepsAck
            | Habit::NeverDecides
            | Habit::Breaks
            | Habit::Deaf
            | Habit::Crowd
            | Habit::Talkative
            | Habit::Refuses => 0,
        }
    }

    /// The day of a seed: one in four is calm and has no habit.
    pub fn of(seed: u64, dice: &mut Dice) -> Self {
        let any = *dice.pick(&[0, 150, 300]);
        let port_failures = *dice.pick(&[15, 15, 15, 200]);
        let habit = Habit::of(seed);
        let port_failures = match habit {
            Habit::Deaf | Habit::Crowd => 200,
            Habit::Usual
            | Habit::KeepsAck
            | Habit::NeverDecides
            | Habit::Breaks
            | Habit::Talkative
            | Habit::Refuses
            | Habit::Vain => port_failures,
        };
        let stalls = habit.stalls();
        match seed % 4 {
            0 => Self {
                weather: Weather::CALM,
                disk: Speed::Fast,
                calm: true,
                power_cuts: 0,
                kills: 0,
                reloads: 0,
                port_failures: CALM_FAILURES,
                stalls: 0,
                habit: Habit::Usual,
            },
            1 => Self {
                weather: Weather::any(dice),
                disk: *dice.pick(&[Speed::Fast, Speed::Slow]),
                calm: false,
                power_cuts: 0,
                kills: 0,
                reloads: any,
                port_failures,
                stalls,
                habit,
            },
            2 => Self {
                weather: Weather { cuts: 50, ..Weather::CALM },
                disk: Speed::Fast,
                calm: false,
                power_cuts: 0,
                kills: 100,
                reloads: any,
                port_failures,
                stalls,
                habit,
            },
            _ => Self {
                weather: Weather::any(dice),
                disk: *dice.pick(&[Speed::Fast, Speed::Slow]),
                calm: false,
                power_cuts: 60,
                kills: 60,
                reloads: any,
                port_failures,
                stalls,
                habit,
            },
        }
    }
}
