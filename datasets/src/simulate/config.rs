use super::fleet::Fleet;
use super::stories::Story;
use tracewell_model::EventNs;

/// Everything that decides what a simulation gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulationConfig {
    pub seed: u64,
    /// Hosts of the fleet, which take the roles in turn. 1 to 10,000.
    pub hosts: u32,
    /// Time of the first record. At least 5 days after 1970, for hosts have been up that long.
    pub start: EventNs,
    /// Length of the recording in event time. At least 1 s.
    pub duration_ns: u64,
    /// The stream ends after so many records, should that come before `duration_ns` is over.
    pub records_max: Option<u64>,
    /// Mean number of events of a host in 1,000 s of a working day; a weekend has less. 1 to 100,000,000.
    pub events_per_1000_s: u32,
    /// Mean number of read, write, send or receive calls per transfer; raises the share of repeats. 1 to 1,000.
    pub calls_per_transfer: u32,
    pub attacks: Vec<AttackPlan>,
}

/// When a story is told. Its steps keep their proportions within the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttackPlan {
    pub story: Story,
    pub start: EventNs,
    /// From the first step to about the last. At least 1 s.
    pub span_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("simulation option {option} is {value}, expected {low} to {high}")]
    Range { option: &'static str, value: u64, low: u64, high: u64 },
    #[error("attack {index} ({story}) starts at {start} ns, expected a time within the recording")]
    Outside { index: usize, story: &'static str, start: u64 },
    #[error("attack {index} ({story}) needs at least {needed} hosts, the fleet has {hosts}")]
    TooFewHosts { index: usize, story: &'static str, needed: u32, hosts: u32 },
}

/// More would need more attacker addresses than 203.0.113.0/24 has.
const ATTACKS_MAX: u64 = 200;

impl SimulationConfig {
    /// A fleet over a day, without attacks: 40 events per second and host.
    pub fn new(seed: u64, hosts: u32) -> Self {
        Self {
            seed,
            hosts,
            start: EventNs(1_767_571_200 * EventNs::SECOND),
            duration_ns: EventNs::DAY,
            records_max: None,
            events_per_1000_s: 40_000,
            calls_per_transfer: 3,
            attacks: Vec::new(),
        }
    }

    /// A recording of `n` records instead of a day: it ends with the nth, and its length is what `n` may be expected to
    /// take, and a little more.
    #[must_use]
    pub fn with_records(mut self, n: u64) -> Self {
        const HOUR_NS: u64 = 3600 * EventNs::SECOND;
        let per_hour = u64::from(self.events_per_1000_s) * 18 / 5;
        let (mut hour, mut n_left) = (self.start, n + n / 8);
        let load = |hour| {
            let loads = (0..self.hosts as usize).map(|host| Fleet::role(host).load_permille(hour));
            (loads.sum::<u64>() * per_hour / 1000).max(1)
        };
        while n_left > load(hour) {
            n_left -= load(hour);
            hour = hour.after(HOUR_NS);
        }
        let last_ns = (u128::from(n_left) * u128::from(HOUR_NS) / u128::from(load(hour))) as u64;
        self.duration_ns = (hour.since(self.start) + last_ns).max(EventNs::SECOND);
        self.records_max = Some(n);
        self
    }

    /// Adds every story that the fleet has room for, as [`Self::with_stories`] does.
    #[must_use]
    pub fn with_every_story(self) -> Self {
        let n = self.stories().count();
        self.with_stories(n)
    }

    /// Adds so many stories, over the first five sixths of the recording. Those that the fleet has room for are told in turn, again
    /// on other hosts once all were told, as long as there are others.
    ///
    /// They begin one after the other and take a tenth of that time each; a slow one begins early and takes most of it.
    #[must_use]
    pub fn with_stories(mut self, n: usize) -> Self {
        let stories: Vec<_> = self.stories().collect();
        let busy_ns = self.duration_ns / 6 * 5;
        let slot_ns = busy_ns / (n as u64 + 1);
        for (slot, story) in (1..).zip(stories.into_iter().cycle().take(n)) {
            let (offset, span_ns) =
                if story.is_slow() { (slot_ns / 2, busy_ns / 10 * 9) } else { (slot_ns * slot, busy_ns / 10) };
            let (start, span_ns) = (self.start.after(offset), span_ns.max(EventNs::SECOND));
            self.attacks.push(AttackPlan { story, start, span_ns });
        }
        self
    }

    fn stories(&self) -> impl Iterator<Item = Story> + use<> {
        let hosts = self.hosts;
        Story::ALL.into_iter().filter(move |story| story.hosts_needed() <= hosts)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let range = |option, value, low, high| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(ConfigError::Range { option, value, low, high }) }
        };
        range("hosts", self.hosts.into(), 1, 10_000)?;
        range("events_per_1000_s", self.events_per_1000_s.into(), 1, 100_000_000)?;
        range("calls_per_transfer", self.calls_per_transfer.into(), 1, 1000)?;
        range("duration_ns", self.duration_ns, EventNs::SECOND, 10_000 * EventNs::DAY)?;
        range("start", self.start.0, 5 * EventNs::DAY, 100_000 * EventNs::DAY)?;
        range("attacks", self.attacks.len() as u64, 0, ATTACKS_MAX)?;
        for (index, plan) in self.attacks.iter().enumerate() {
            let story = plan.story.name();
            range("span_ns", plan.span_ns, EventNs::SECOND, 10_000 * EventNs::DAY)?;
            if plan.start < self.start || plan.start.since(self.start) >= self.duration_ns {
                return Err(ConfigError::Outside { index, story, start: plan.start.0 });
            }
            let needed = plan.story.hosts_needed();
            if needed > self.hosts {
                return Err(ConfigError::TooFewHosts { index, story, needed, hosts: self.hosts });
            }
        }
        Ok(())
    }
}
