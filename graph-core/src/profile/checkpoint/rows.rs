//! The rows of a profile, of the tail of its scores and of what it contributed.

use super::{NodePart, ProfileParts};
use crate::checkpoint::{LoadError, LoadRows, SaveRows};
use crate::fleet::{FleetNode, FleetView};
use crate::history::{HistoryError, RowReader, RowWriter};
use crate::profile::{
    Contribution, ContributionLeaf, Convergence, HostProfile, NodeRank, ProfileCounters, State, Tail, TailDay,
    TailParts,
};
use std::sync::Arc;
use tracewell_model::{EventNs, Millibits, Str};
use tracewell_parameters::ProfileParameters;

const RANKS: [NodeRank; 7] = [
    NodeRank::Root,
    NodeRank::Scope,
    NodeRank::Subject,
    NodeRank::Class,
    NodeRank::Context,
    NodeRank::Prefix,
    NodeRank::Leaf,
];
/// Nodes of a profile that is taken up, where its bytes are fewer: the surplus is forgotten at once.
const NODES_MAX: u64 = 1 << 20;
/// Nodes of the fleet's view, days of scores, and labels and leaves of a contribution: above what any of them can hold.
const FLEET_MAX: u64 = 1 << 18;
const DAYS_MAX: u64 = 4096;
const CONTRIBUTION_MAX: u64 = 1 << 16;
const STATES: [State; 3] = [State::Learning, State::Settled, State::Drifting];

impl HostProfile {
    pub fn save(&self, rows: &mut SaveRows<'_>) {
        let fleet = self.fleet.as_deref().map(FleetView::nodes);
        rows.row(|row| {
            row.u64(self.parameters.half_life_days.into());
            row.u64(self.parameters.period_ns);
            row.u64(self.today.into());
            row.u64(self.since_day.into());
            row.u64(self.tree.n_born());
            let ProfileCounters { n_observed, n_counted, n_new, n_forgotten } = self.counters;
            [n_observed, n_counted, n_new, n_forgotten].into_iter().for_each(|counter| row.u64(counter));
            row.option(fleet, |row, (n_hosts, nodes)| {
                row.u64(n_hosts.into());
                row.u64(nodes.len() as u64);
            });
            row.u64(self.tree.n_live() as u64);
            row.u64(self.scopes.len() as u64);
            if let Some(n_group) = self.fleet.as_deref().map(FleetView::n_group).filter(|n_group| *n_group > 0) {
                row.u64(n_group.into());
            }
        });
        for node in fleet.map_or(&[][..], |(_, nodes)| nodes) {
            rows.row(|row| {
                row.u64(node.parent.into());
                row.text(&node.label);
                row.u64(node.votes.into());
                row.u64(node.peers.into());
                if node.group > 0 {
                    row.u64(node.group.into());
                }
            });
        }
        let scopes = self.each_part(|part| rows.row(|row| write_node(row, &part)));
        for (place, scope) in scopes {
            rows.row(|row| {
                row.u64(place.into());
                row.u64(scope.state as u64);
                [scope.period, scope.n_observations, scope.n_new].into_iter().for_each(|number| row.u64(number));
                row.u64(scope.n_calm.into());
                row.option(scope.last_new_ppm, |row, ppm| row.u64(ppm.into()));
            });
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the rows describe no profile, or one whose counts mean something else under these parameters.
    pub fn load(parameters: &ProfileParameters, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (head, fleet, n_nodes, n_scopes, n_group) = rows.row("a profile", |row| {
            let (half_life_days, period_ns) = (row.u64()?, row.u64()?);
            if (half_life_days, period_ns) != (parameters.half_life_days.into(), parameters.period_ns) {
                return Err(row.corrupt(format!(
                    "it was learned with half_life_days {half_life_days} and period_ns {period_ns}, expected {} and {}",
                    parameters.half_life_days, parameters.period_ns
                )));
            }
            let head = ProfileParts {
                today: row.u32()?,
                since_day: row.u32()?,
                n_born: row.counter()?,
                counters: ProfileCounters {
                    n_observed: row.counter()?,
                    n_counted: row.counter()?,
                    n_new: row.counter()?,
                    n_forgotten: row.counter()?,
                },
                nodes: Vec::new(),
                scopes: Vec::new(),
            };
            let fleet = row.option(|row| Ok((row.u32()?, row.at_most(FLEET_MAX)?)))?;
            let (n_nodes, n_scopes) = (row.at_most(NODES_MAX)?, row.at_most(NODES_MAX)?);
            Ok((head, fleet, n_nodes, n_scopes, if_there(row)?))
        })?;
        let mut parts = head;
        let fleet = match fleet {
            None => None,
            Some((n_hosts, n_fleet)) => {
                let mut nodes = Vec::new();
                for _ in 0..n_fleet {
                    nodes.push(rows.row("a node of the fleet's view", |row| {
                        let (parent, label) = (row.u32()?, row.text()?.into());
                        Ok(FleetNode { parent, label, votes: row.u32()?, peers: row.u32()?, group: if_there(row)? })
                    })?);
                }
                let view = FleetView::from_nodes(n_hosts, nodes);
                let view = view.map_err(|error| rows.wrong("the fleet's view", error.to_string()))?;
                Some(view.with_group(n_group))
            }
        };
        for _ in 0..n_nodes {
            parts.nodes.push(rows.row("a node of the profile", read_node)?);
        }
        for _ in 0..n_scopes {
            parts.scopes.push(rows.row("a workload of the profile", read_scope)?);
        }
        let profile = Self::from_parts(parameters, &parts);
        let mut profile = profile.map_err(|error| rows.wrong("the profile", error.to_string()))?;
        profile.fleet = fleet.map(Arc::new);
        Ok(profile)
    }
}

/// A number that a row ends in where it is not 0: what hosts without a group write, and what was written before there were any.
fn if_there(row: &mut RowReader<'_>) -> Result<u32, HistoryError> {
    if row.rest().is_empty() { Ok(0) } else { row.u32() }
}

fn write_node(row: &mut RowWriter<'_>, part: &NodePart) {
    row.u64(part.parent.into());
    row.text(&part.label);
    row.u64(part.rank as u64);
    row.u64(part.born);
    row.u64(part.count);
    row.u64(part.counted_at.0);
    let small = [part.surprise.0, part.first_day, part.last_day, part.days.into(), part.hits.into(), part.fleet];
    small.into_iter().for_each(|number| row.u64(number.into()));
}

fn read_node(row: &mut RowReader<'_>) -> Result<NodePart, HistoryError> {
    Ok(NodePart {
        parent: row.u32()?,
        label: Str::from(row.text()?),
        rank: read_of(row, "a rank", &RANKS)?,
        born: row.u64()?,
        count: row.u64()?,
        counted_at: EventNs(row.u64()?),
        surprise: Millibits(row.u32()?),
        first_day: row.u32()?,
        last_day: row.u32()?,
        days: u16::try_from(row.u64()?).map_err(|_| row.corrupt("its days are over 16 bits"))?,
        hits: row.u8()?,
        fleet: row.u32()?,
    })
}

fn read_scope(row: &mut RowReader<'_>) -> Result<(u32, Convergence), HistoryError> {
    let place = row.u32()?;
    let state = read_of(row, "a state", &STATES)?;
    let (period, n_observations, n_new) = (row.u64()?, row.counter()?, row.counter()?);
    let (n_calm, last_new_ppm) = (row.u32()?, row.option(RowReader::u32)?);
    Ok((place, Convergence { state, period, n_observations, n_new, n_calm, last_new_ppm }))
}

fn read_of<T: Copy>(row: &mut RowReader<'_>, what: &str, all: &[T]) -> Result<T, HistoryError> {
    let number = row.u64()?;
    let found = usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
    found.ok_or_else(|| row.corrupt(format!("{what} is {number}, expected less than {}", all.len())))
}

impl Tail {
    pub fn save(&self, rows: &mut SaveRows<'_>) {
        let parts = self.to_parts();
        rows.row(|row| {
            row.option(parts.first, |row, first| row.u64(first.0));
            row.u64(parts.now.0);
            row.u64(parts.days.len() as u64);
        });
        for day in &parts.days {
            rows.row(|row| {
                row.u64(day.day.into());
                row.u64(day.n_omitted);
                row.u64(day.scores.len() as u64);
                day.scores.iter().for_each(|score| row.u64(score.0.into()));
            });
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the rows are not those of a tail.
    pub fn load(parameters: &ProfileParameters, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (first, now, n_days) = rows.row("a tail of scores", |row| {
            Ok((row.option(RowReader::u64)?.map(EventNs), EventNs(row.u64()?), row.at_most(DAYS_MAX)?))
        })?;
        let mut parts = TailParts { first, now, days: Vec::new() };
        for _ in 0..n_days {
            parts.days.push(rows.row("a day of scores", |row| {
                let (day, n_omitted) = (row.u32()?, row.counter()?);
                let scores = (0..row.u64()?).map(|_| row.u32().map(Millibits)).collect::<Result<_, _>>()?;
                Ok(TailDay { day, scores, n_omitted })
            })?);
        }
        Ok(Self::from_parts(parameters, &parts))
    }
}

impl Contribution {
    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.since_day.into());
            row.u64(self.dictionary.len() as u64);
            row.u64(self.leaves.len() as u64);
        });
        for label in &self.dictionary {
            rows.row(|row| row.text(label));
        }
        for leaf in &self.leaves {
            rows.row(|row| {
                row.u64(leaf.path.len() as u64);
                let facts = [leaf.count, leaf.days, leaf.first_day];
                leaf.path.iter().chain(&facts).for_each(|&number| row.u64(number.into()));
            });
        }
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the rows are not those of a contribution.
    pub fn load(rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        let (since_day, n_labels, n_leaves) = rows.row("a contribution", |row| {
            Ok((row.u32()?, row.at_most(CONTRIBUTION_MAX)?, row.at_most(CONTRIBUTION_MAX)?))
        })?;
        let mut told = Self { since_day, ..Self::default() };
        for _ in 0..n_labels {
            told.dictionary.push(rows.row("a label of a contribution", |row| Ok(Str::from(row.text()?)))?);
        }
        for _ in 0..n_leaves {
            told.leaves.push(rows.row("a leaf of a contribution", |row| {
                let path = (0..row.u64()?).map(|_| row.u32()).collect::<Result<_, _>>()?;
                Ok(ContributionLeaf { path, count: row.u32()?, days: row.u32()?, first_day: row.u32()? })
            })?);
        }
        Ok(told)
    }
}
