use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When to end: on SIGINT or SIGTERM, or after a time. A second signal ends at once.
pub struct Stop {
    told: Arc<AtomicBool>,
    at: Option<Instant>,
}

impl Stop {
    pub fn new(after: Option<Duration>) -> Result<Self, Failure> {
        let told = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&told)).map_err(Failure::internal)?;
            flag::register(signal, Arc::clone(&told)).map_err(Failure::internal)?;
        }
        let mut stop = Self { told, at: None };
        stop.after(after);
        Ok(stop)
    }

    /// Has the time begin now.
    pub fn after(&mut self, time: Option<Duration>) {
        self.at = time.map(|time| Instant::now() + time);
    }

    pub fn is_now(&self) -> bool {
        self.told.load(Ordering::Relaxed) || self.at.is_some_and(|at| Instant::now() >= at)
    }
}

/// Whether to read the configuration anew: on SIGHUP.
pub struct Reload(Arc<AtomicBool>);

impl Reload {
    pub fn new() -> Result<Self, Failure> {
        let told = Arc::new(AtomicBool::new(false));
        flag::register(SIGHUP, Arc::clone(&told)).map_err(Failure::internal)?;
        Ok(Self(told))
    }

    /// Once for each time it was asked for; what is asked for several times in one turn counts once.
    pub fn is_wanted(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
