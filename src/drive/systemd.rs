//! What systemd wants to hear: ready, reloading, stopping, alive (sd_notify(3)).

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::pulse::Pulse;

/// Says that the box takes calls. Without systemd nobody listens.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the box is going down.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog from a thread of its own, as long as the pulse beats; never when systemd has
/// set none.
pub fn feed_watchdog(pulse: Arc<Pulse>) {
    let mut limit_us = 0;
    if !sd_notify::watchdog_enabled(false, &mut limit_us) {
        return;
    }
    let every = Duration::from_micros(limit_us) / 3;
    let feed = move || {
        loop {
            std::thread::sleep(every);
            if pulse.is_alive() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    };
    let started = std::thread::Builder::new().name("watchdog".to_owned()).spawn(feed);
    if let Err(error) = started {
        tracing::error!(%error, "no watchdog thread; systemd will restart the service");
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::warn!(%error, "systemd does not hear us");
    }
}
