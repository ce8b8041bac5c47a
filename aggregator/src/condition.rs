//! How a host fares: what it lost, how ready its profile is, and what it says that it runs.

use std::collections::VecDeque;
use tracewell_model::{EventNs, LossCause, LossRecord, Str};
use tracewell_wire::Inventory;

/// Gaps of a host whose moments are remembered.
pub const GAPS_MAX: usize = 32;

/// All of it is what the host claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// How ready its profile is, 0 to 1000.
    pub readiness_permille: u16,
    pub losses: Losses,
    /// `None` until it has sent an inventory.
    pub runs: Option<Runs>,
}

/// What a host did not see, or could not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// As far as they were counted.
    pub n_events: u64,
    /// Moments next to which something is missing that nobody could count: the beginning and the end of a time in which nobody watched
    /// are two.
    pub n_gaps: u64,
    /// The last of them, at most [`GAPS_MAX`], in the order in which they were told.
    pub gaps: VecDeque<EventNs>,
    /// Of any loss.
    pub latest: Option<EventNs>,
}

/// An [`Inventory`] in short; the whole is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    pub kernel: Str,
    /// How operations on names are seen.
    pub tier: Str,
    pub n_detectors: usize,
    /// Of these, those that failed too often and are not called any more.
    pub n_parked: usize,
    pub n_complaints: usize,
    /// [`tracewell_wire::view_hash`] of the fleet's view in force there; 0 for none.
    pub view: u64,
}

impl Losses {
    pub fn take(&mut self, loss: &LossRecord) {
        self.n_events = self.n_events.saturating_add(loss.n_events);
        if loss.cause == LossCause::Gap {
            self.n_gaps = self.n_gaps.saturating_add(1);
            self.gaps.push_back(loss.time);
        }
        if self.gaps.len() > GAPS_MAX {
            self.gaps.pop_front();
        }
        self.latest = self.latest.max(Some(loss.time));
    }
}

impl From<&Inventory> for Runs {
    fn from(inventory: &Inventory) -> Self {
        Self {
            kernel: inventory.kernel.clone(),
            tier: inventory.tier.clone(),
            n_detectors: inventory.detectors.len(),
            n_parked: inventory.detectors.iter().filter(|detector| detector.is_parked).count(),
            n_complaints: inventory.complaints.len(),
            view: inventory.view,
        }
    }
}
