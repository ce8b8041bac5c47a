//! What a sensor is asked for.

use super::attach::Group;
use super::filters::Ignored;
use super::tier::Asked;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of the ring: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Sums that are kept at once, in each of two generations.
    pub sums_max: u32,
    /// Records that a cgroup may send within 250 ms; 0 for no limit.
    pub budget: u64,
    pub groups: BTreeSet<Group>,
    pub tier: Asked,
    /// Processes that are not watched, with all they start. The agent itself is always among them.
    pub ignored_processes: Vec<u32>,
    pub ignored: Ignored,
    /// Names of environment variables that are kept of a program that is started; none by default.
    pub environment: Vec<String>,
    /// Patterns of secrets in command lines and environment, beside the shipped ones (docs/redaction.md).
    pub secrets: Vec<String>,
    /// Where the names of containers come from.
    #[cfg(feature = "program")]
    pub containers: crate::container::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: 4 << 20,
            sums_max: 8192,
            budget: 0,
            groups: Group::ALL.into(),
            tier: Asked::Auto,
            ignored_processes: Vec::new(),
            ignored: Ignored::default(),
            environment: Vec::new(),
            secrets: Vec::new(),
            #[cfg(feature = "program")]
            containers: crate::container::Options::default(),
        }
    }
}
