//! What systemd is told: that the agent watches, lives, and stops. Without systemd nobody is told.

use sd_notify::NotifyState;
use std::time::{Duration, Instant};

pub struct Supervisor {
    /// How often it wants to hear that the agent lives; `None` if it does not.
    every: Option<Duration>,
    told: Instant,
}

impl Supervisor {
    /// The agent watches from now on.
    pub fn ready() -> Self {
        tell(&[NotifyState::Ready, NotifyState::Status("watching")]);
        // Twice within the time after which the agent would be taken for dead.
        Self { every: sd_notify::watchdog_enabled().map(|limit| limit / 2), told: Instant::now() }
    }

    /// Called with each turn of the loop: an agent whose loop stands still is started anew.
    pub fn is_alive(&mut self) {
        if self.every.is_some_and(|every| self.told.elapsed() >= every) {
            self.told = Instant::now();
            tell(&[NotifyState::Watchdog]);
        }
    }

    pub fn stops(&self) {
        tell(&[NotifyState::Stopping, NotifyState::Status("writing what is left")]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
