//! YARA rules on files that are executed and written (`docs/yara.md`), beside the pipeline and never in its way.
//!
//! [`Rules`] reads a folder of rules and says of each file that is not run why. [`Files`] listens to the stream of records and says
//! which file is to be looked at: one that is executed, and one that nobody has written to for a while; it knows no clock but that of the
//! events. [`open`](open()) opens such a file so that it can neither block nor be another one, [`Reader`] reads it within bounds and runs
//! the rules, and does not look twice at what did not change. [`Scanner`] does that on a thread of its own behind a bounded queue, and
//! [`Watcher`] joins the two: records in, and records of what was found out, which take their place in the stream.

mod rules;
mod files;
mod open;
mod scan;
mod scanner;
mod watcher;

pub use files::{Files, Reason, Wanted};
pub use open::{Identify, Opened, Refused, by_stat, open};
pub use rules::{Match, NotRun, Rules, RulesError};
pub use scan::{Outcome, Reader, Verdict};
pub use scanner::{Request, Scanner};
pub use watcher::{Counts, State, Watcher};

use std::time::Duration;

/// What a file and a scan may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file; larger ones are not scanned.
    pub size_max: u64,
    /// Time of one scan.
    pub timeout: Duration,
    /// Requests that wait for the scanner or are with it.
    pub queue_max: usize,
    /// Event time after the last write to a file at which it is taken to be complete, in ns.
    pub quiet_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size_max: 16 << 20, timeout: Duration::from_secs(5), queue_max: 1024, quiet_ns: 10_000_000_000 }
    }
}
