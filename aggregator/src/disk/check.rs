//! A look at every row of a store: whether it can be read, and whether what is counted is there.

use super::{Disk, Family, index_keys, medium, read_alert, read_note_key};
use crate::notes;
use crate::store::{Note, StoreError};
use rocksdb::IteratorMode;
use std::collections::BTreeMap;
use tracewell_model::HostId;

/// Faults that are told; the rest is counted.
const TOLD_MAX: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub n_alerts: u64,
    /// Hosts that have said anything.
    pub n_hosts: u64,
    pub n_notes: u64,
    pub n_faults: u64,
    /// The first of them, in words.
    pub faults: Vec<String>,
}

impl Checked {
    fn fault(&mut self, fault: String) {
        self.n_faults += 1;
        if self.faults.len() < TOLD_MAX {
            self.faults.push(fault);
        }
    }
}

/// Looks at every row. Who is a host and who may become one is for who keeps that there.
///
/// # Errors
/// When the medium fails; what is wrong in it is in what this gives.
pub fn check(disk: &Disk) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    let counted = alerts(disk, &mut checked)?;
    index(disk, &mut checked)?;
    hosts(disk, &counted, &mut checked)?;
    Ok(checked)
}

/// Gives how many alert graphs each host has.
fn alerts(disk: &Disk, checked: &mut Checked) -> Result<BTreeMap<HostId, u64>, StoreError> {
    let mut counted = BTreeMap::new();
    for row in disk.db.iterator_cf(disk.family(Family::Alerts), IteratorMode::Start) {
        let (key, row) = row.map_err(medium)?;
        checked.n_alerts += 1;
        let graph = match read_alert(&row) {
            Ok(kept) => kept.graph,
            Err(error) => {
                checked.fault(format!("alert {}: {error}", hex(&key)));
                continue;
            }
        };
        *counted.entry(graph.host).or_default() += 1;
        if *super::alert_key(graph.host, graph.id) != *key {
            checked.fault(format!("alert {}: it is alert {} of host {}", hex(&key), graph.id, graph.host));
        }
        for (_, key) in index_keys(&graph) {
            if disk.db.get_pinned_cf(disk.family(Family::Index), &key).map_err(medium)?.is_none() {
                checked.fault(format!("alert {} of host {}: it is missing in the index", graph.id, graph.host));
            }
        }
    }
    Ok(counted)
}

/// All that alert graphs have in it was looked for: what there is beyond that belongs to none.
fn index(disk: &Disk, checked: &mut Checked) -> Result<(), StoreError> {
    let mut n_rows = 0u64;
    for row in disk.db.iterator_cf(disk.family(Family::Index), IteratorMode::Start) {
        row.map_err(medium)?;
        n_rows += 1;
    }
    let expected = 2 * checked.n_alerts;
    if n_rows != expected {
        checked.fault(format!("the index has {n_rows} rows, expected {expected}"));
    }
    Ok(())
}

fn hosts(disk: &Disk, counted: &BTreeMap<HostId, u64>, checked: &mut Checked) -> Result<(), StoreError> {
    let mut said = BTreeMap::new();
    for row in disk.db.iterator_cf(disk.family(Family::Notes), IteratorMode::Start) {
        let (key, row) = row.map_err(medium)?;
        checked.n_notes += 1;
        let read = match read_note_key(&key) {
            None => Err("no note has such a key".to_owned()),
            Some(note) => read_note(note, &row).map_err(|error| error.to_string()).map(|n_alerts| (note, n_alerts)),
        };
        match read {
            Ok((Note::Host(host), n_alerts)) => _ = said.insert(host, n_alerts),
            Ok(_) => {}
            Err(why) => checked.fault(format!("note {}: {why}", hex(&key))),
        }
    }
    checked.n_hosts = said.len() as u64;
    for host in counted.keys().chain(said.keys()).copied().collect::<std::collections::BTreeSet<_>>() {
        let (there, known) = (counted.get(&host).copied().unwrap_or(0), said.get(&host).copied().unwrap_or(0));
        if there != known {
            checked.fault(format!("host {host}: {there} alert graphs are there, {known} are counted"));
        }
    }
    Ok(())
}

/// Gives how many alert graphs a host has by what is noted of it; 0 for other notes.
fn read_note(note: Note, row: &[u8]) -> Result<u64, StoreError> {
    match note {
        Note::Host(_) => Ok(notes::read_host(row)?.0.n_alerts as u64),
        Note::Taken(..) => notes::read_hash(row).map(|_| 0),
        Note::Contribution(_) => notes::read_contribution(row).map(|_| 0),
        Note::Inventory(_) => notes::read_inventory(row).map(|_| 0),
        Note::Counters => notes::read_counters(row).map(|_| 0),
        Note::View(_) => notes::read_views(row).map(|_| 0),
        Note::Hold => notes::read_hold(row).map(|_| 0),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
