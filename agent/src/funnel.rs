//! What is left of a host's events after each filter of its pipeline (docs/evaluation.md).

use crate::profiling::Told;

/// Counts since the pipeline began, without what was only trained on. Each is at most the one before, but for what alerts of other
/// hosts led to: `groups <= stood_out + followed`, as long as no finding is about another process than the event's, or comes
/// from beside events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funnel {
    /// As the graph takes them: a rename over another file is two.
    pub events: u64,
    /// Of these, unlikely for the host's own profile, or told a fact or finding that is not usual on the host.
    pub unusual_on_host: u64,
    /// Of these, those that the fleet does not vouch for.
    pub unusual_in_fleet: u64,
    /// Of these, those that were new about their process.
    pub stood_out: u64,
    /// Processes that weighed enough to begin a group (a hopset) by themselves.
    pub groups: u64,
    /// Processes to which alerts of other hosts led (ADR 0022). They need not have stood out.
    pub followed: u64,
}

impl Funnel {
    /// Counts an event. What stands out was told of, also where the profile was not asked: as a critical finding.
    pub(crate) fn count(&mut self, told: Told, stood_out: bool) {
        self.events += 1;
        self.unusual_on_host += u64::from(told.unusual_on_host || told.unusual_in_fleet || stood_out);
        self.unusual_in_fleet += u64::from(told.unusual_in_fleet || stood_out);
        self.stood_out += u64::from(stood_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_holds_what_is_in_the_next() {
        let mut funnel = Funnel::default();
        for bits in 0..8 {
            let [unusual_on_host, unusual_in_fleet, stood_out] = [1, 2, 4].map(|bit| bits & bit != 0);
            funnel.count(Told { unusual_on_host, unusual_in_fleet }, stood_out);
        }
        let Funnel { events, unusual_on_host, unusual_in_fleet, stood_out, .. } = funnel;
        assert_eq!([events, unusual_on_host, unusual_in_fleet, stood_out], [8, 7, 6, 4]);
    }
}
