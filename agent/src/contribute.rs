//! What the host tells the fleet of its profile: once a day, and only what changed.

use tracewell_graph_core::checkpoint::{LoadError, LoadRows, SaveRows};
use tracewell_graph_core::fleet::{ContributionDelta, Version};
use tracewell_graph_core::history::RowReader;
use tracewell_graph_core::profile::{Contribution, HostProfile};
use tracewell_model::EventNs;

/// Remembers what the aggregator was last told, so that the next delta can extend it.
#[derive(Debug, Default)]
pub struct Contributor {
    told: Option<(Version, Contribution)>,
    /// Numbers used so far; a number is never used twice, also when the whole is sent again.
    number: u64,
    next: Option<EventNs>,
}

impl Contributor {
    /// The delta that is due at `now`, if one is: a day after the first call and each day after that.
    pub fn due(&mut self, now: EventNs, epoch: u32, profile: &HostProfile) -> Option<ContributionDelta> {
        let next = *self.next.get_or_insert(now.after(EventNs::DAY));
        if now < next {
            return None;
        }
        self.next = Some(now.after(EventNs::DAY));
        let (version, contribution) = (Version { epoch, number: self.number + 1 }, profile.contribution());
        let delta = match &self.told {
            Some((told, known)) => ContributionDelta::between((*told, known), (version, &contribution)),
            None => ContributionDelta::whole(version, contribution.clone()),
        };
        if delta.is_empty() {
            return None;
        }
        self.number += 1;
        self.told = Some((version, contribution));
        Some(delta)
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.number);
            row.option(self.next, |row, next| row.u64(next.0));
            row.option(self.told.as_ref(), |row, (version, _)| {
                row.u64(version.epoch.into());
                row.u64(version.number);
            });
        });
        if let Some((_, contribution)) = &self.told {
            contribution.save(rows);
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When a row is not of a contributor.
    pub fn load(rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (number, next, told) = rows.row("a contributor", |row| {
            let (number, next) = (row.counter()?, row.option(RowReader::u64)?.map(EventNs));
            Ok((number, next, row.option(|row| Ok(Version { epoch: row.u32()?, number: row.u64()? }))?))
        })?;
        let told = told.map(|version| Ok((version, Contribution::load(rows)?))).transpose()?;
        Ok(Self { told, number, next })
    }

    /// The aggregator lost track: the whole is due at once.
    pub fn forget_told(&mut self, now: EventNs) {
        (self.told, self.next) = (None, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_graph_core::profile::ObjectLabel;
    use tracewell_model::Operation;
    use tracewell_parameters::Parameters;

    fn learn(profile: &mut HostProfile, path: &str, time: EventNs) {
        let subject = profile.subject("", "/usr/sbin/server", None);
        let leaf = profile.leaf(subject, Operation::Read, ObjectLabel::File(path)).unwrap();
        profile.observe(leaf, time).unwrap();
    }

    #[test]
    fn a_day_passes_before_the_whole_and_then_only_news_is_told() {
        let mut profile = HostProfile::new(&Parameters::default().profile);
        let mut contributor = Contributor::default();
        let day = |n: u64| EventNs(1_700_000_000 * EventNs::SECOND + n * EventNs::DAY);
        learn(&mut profile, "/etc/a", day(0));
        assert_eq!(contributor.due(day(0), 1, &profile), None);
        let whole = contributor.due(day(1), 1, &profile).unwrap();
        assert_eq!((whole.extends, whole.version.number), (None, 1));
        assert_eq!(contributor.due(day(2), 1, &profile), None, "nothing was learned");
        learn(&mut profile, "/etc/b", day(2));
        let news = contributor.due(day(3), 1, &profile).unwrap();
        assert_eq!((news.extends, news.changed.leaves.len()), (Some(whole.version), 1));
        contributor.forget_told(day(3));
        let again = contributor.due(day(3), 1, &profile).unwrap();
        assert_eq!((again.extends, again.version.number), (None, 3));
    }
}
