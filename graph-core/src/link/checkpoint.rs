//! The rows of the linker, and what a restart does to it.

use super::{Hopset, Linker};
use crate::checkpoint::{LoadError, LoadRows, SaveRows};
use std::collections::{BTreeMap, BTreeSet};
use tracewell_model::{EventNs, Millibits, NodeKey};
use tracewell_parameters::LinkParameters;

/// Hopsets that are taken up, where the parameters allow fewer: the surplus leaves with the next that is made.
const HOPSETS_MAX: u64 = 1 << 16;
/// Revisions that a restart skips: more than one window after the other brings in a day.
const REVISION_STEP: u32 = 1 << 16;

impl Linker {
    /// Gives the rows of what is in memory; the rest is in the history.
    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.alert_min.0.into());
            row.u64(self.window_ends.0);
            row.u64(self.revision_max.into());
            row.u64(self.revision_min.into());
            row.u64(self.dirty.len() as u64);
            self.dirty.iter().for_each(|&id| row.u64(id));
            row.u64(self.newly_known.len() as u64);
            for (key, time) in &self.newly_known {
                row.u128(key.0);
                row.u64(time.0);
            }
            row.u64(self.hopsets.len() as u64);
        });
        for (&id, hopset) in &self.hopsets {
            rows.row(|row| {
                row.u64(id);
                hopset.write(row);
            });
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When a row is not of a linker.
    pub fn load(parameters: &LinkParameters, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (mut linker, n_hopsets) = rows.row("a linker", |row| {
            let linker = Self {
                alert_min: Millibits(row.u32()?),
                window_ends: EventNs(row.u64()?),
                revision_max: row.u32()?,
                revision_min: row.u32()?,
                dirty: (0..row.u64()?).map(|_| row.u64()).collect::<Result<BTreeSet<_>, _>>()?,
                newly_known: (0..row.u64()?)
                    .map(|_| Ok((NodeKey(row.u128()?), EventNs(row.u64()?))))
                    .collect::<Result<BTreeMap<_, _>, _>>()?,
                ..Self::new(parameters)
            };
            Ok((linker, row.at_most(HOPSETS_MAX)?))
        })?;
        for _ in 0..n_hopsets {
            let (id, hopset) = rows.row("a hopset", |row| Ok((row.u64()?, Hopset::read(row)?)))?;
            linker.hopsets.insert(id, hopset);
        }
        Ok(linker)
    }

    /// Goes on after a stop that may have come later than what was loaded: receivers may know later revisions, also of what
    /// is in the history. So each hopset is sent whole with its next news, under a revision that was never used.
    pub fn recover(&mut self) {
        self.revision_min = self.revision_max.max(self.revision_min).saturating_add(REVISION_STEP);
    }
}
