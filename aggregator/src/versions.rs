//! The views that were made of the fleet, by number, and which of them hosts are given.

use crate::{Note, Store, StoreError, notes};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::{FleetView, Views};
use tracewell_model::{HostId, Str};
use tracewell_wire::{Message, Payload, encode, view_hash};

/// Versions that are kept beside the one that is held; one a day is made at most. The oldest goes first.
const VERSIONS_MAX: usize = 30;

/// What is known of a version without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionHead {
    /// Counts the views that were made, from 1 on.
    pub number: u64,
    /// Day of event time on which it was made.
    pub day: u32,
    /// Hosts that voted.
    pub n_hosts: u32,
    /// Of the view that hosts in no group are given.
    pub n_nodes: u32,
    /// Groups that have a view of their own in it, with their hosts that voted.
    pub groups: BTreeMap<Str, u32>,
}

/// An operator had the fleet's view rolled back: hosts are given this version until it is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// 0 for a fleet that vouches for nothing.
    pub version: u64,
    /// Who answers for it, and why.
    pub owner: Box<str>,
    pub reason: Box<str>,
    /// Seconds since 1970.
    pub since: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    #[error("version {version} of the fleet's view is not kept, expected {known}")]
    Unknown { version: u64, known: String },
    #[error("the fleet's view is not held at any version")]
    NotHeld,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Default)]
pub(crate) struct Versions {
    heads: BTreeMap<u64, VersionHead>,
    newest: Given,
    held: Option<(Hold, Given)>,
}

/// A version that hosts are given.
#[derive(Debug, Default)]
struct Given {
    views: Views,
    /// [`view_hash`] of the view of hosts in no group and of each group's, once one of them was asked for.
    hashes: OnceCell<(u64, BTreeMap<Str, u64>)>,
}

impl From<Views> for Given {
    fn from(views: Views) -> Self {
        Self { views, hashes: OnceCell::new() }
    }
}

impl Given {
    fn view(&self, group: Option<&str>) -> FleetView {
        group.map_or_else(|| self.views.fleet(), |group| self.views.of_group(group))
    }

    fn hash(&self, group: Option<&str>) -> u64 {
        // Only one that fits a frame is ever made a version.
        let of = |view: FleetView| view_hash(&view).unwrap_or_default();
        let (fleet, groups) = self.hashes.get_or_init(|| {
            let groups = self.views.groups().map(|(name, _)| (name.clone(), of(self.views.of_group(name))));
            (of(self.views.fleet()), groups.collect())
        });
        group.and_then(|group| groups.get(group)).copied().unwrap_or(*fleet)
    }
}

impl Versions {
    /// Takes up a version that an earlier run made, in ascending order.
    pub fn load(&mut self, number: u64, row: &[u8]) -> Result<(), StoreError> {
        let (day, views) = notes::read_views(row)?;
        self.heads.insert(number, head(number, day, &views));
        self.newest = views.into();
        Ok(())
    }

    /// Takes up what was held. All versions are known by then.
    pub fn load_hold(&mut self, row: &[u8], store: &dyn Store) -> Result<(), StoreError> {
        let hold = notes::read_hold(row)?;
        let views = self.views(hold.version, store)?;
        let views = views.ok_or_else(|| notes::corrupt("what is held", format!("no version {}", hold.version)))?;
        self.held = Some((hold, views.into()));
        Ok(())
    }

    /// Makes these views the newest version, unless the newest says the same.
    pub fn make(&mut self, mut views: Views, day: u32, store: &mut dyn Store) -> Result<(), StoreError> {
        // What outgrew a frame could be given to nobody.
        if !fits(views.fleet()) {
            return Ok(());
        }
        let names: Vec<Str> = views.groups().map(|(name, _)| name.clone()).collect();
        for name in names {
            if !fits(views.of_group(&name)) {
                views.forget_group(&name);
            }
        }
        if views == self.newest.views {
            return Ok(());
        }
        let number = self.newest_number() + 1;
        store.put_note(Note::View(number), Some(notes::views(day, &views)))?;
        self.heads.insert(number, head(number, day, &views));
        self.newest = views.into();
        let held = self.held.as_ref().map(|(hold, _)| hold.version);
        while self.heads.len() - usize::from(held.is_some_and(|held| self.heads.contains_key(&held))) > VERSIONS_MAX {
            let Some(oldest) = self.heads.keys().copied().find(|number| held != Some(*number)) else { break };
            self.heads.remove(&oldest);
            store.put_note(Note::View(oldest), None)?;
        }
        Ok(())
    }

    /// Number of the version that hosts are given; `None` as long as there never was one.
    pub fn given_number(&self) -> Option<u64> {
        self.given().map(|(version, _)| version)
    }

    /// The view that hosts of a group, or of none, are given, with the number of its version; `None` as long as there never was one.
    pub fn given_view(&self, group: Option<&str>) -> Option<(u64, FleetView)> {
        self.given().map(|(version, given)| (version, given.view(group)))
    }

    /// [`view_hash`] of the view that hosts of a group, or of none, are given; 0 as long as there never was one.
    pub fn given_hash(&self, group: Option<&str>) -> u64 {
        self.given().map_or(0, |(_, given)| given.hash(group))
    }

    fn given(&self) -> Option<(u64, &Given)> {
        match &self.held {
            Some((hold, given)) => Some((hold.version, given)),
            None => (!self.heads.is_empty()).then(|| (self.newest_number(), &self.newest)),
        }
    }

    /// A version that is kept. Reads it from the store, unless it is the newest.
    pub fn views(&self, number: u64, store: &dyn Store) -> Result<Option<Views>, StoreError> {
        match number {
            0 => Ok(Some(Views::default())),
            _ if !self.heads.contains_key(&number) => Ok(None),
            _ if number == self.newest_number() => Ok(Some(self.newest.views.clone())),
            _ => {
                let row = store.note(Note::View(number))?;
                row.map(|row| notes::read_views(&row).map(|(_, views)| views)).transpose()
            }
        }
    }

    /// Has hosts be given this version from now on, whatever is made.
    pub fn hold(&mut self, hold: Hold, store: &mut dyn Store) -> Result<(), VersionError> {
        let views = self.views(hold.version, store)?.ok_or_else(|| self.unknown(hold.version))?;
        store.put_note(Note::Hold, Some(notes::hold(&hold)))?;
        self.held = Some((hold, views.into()));
        Ok(())
    }

    /// Has hosts be given the newest version again.
    pub fn release(&mut self, store: &mut dyn Store) -> Result<(), VersionError> {
        self.held.take().ok_or(VersionError::NotHeld)?;
        Ok(store.put_note(Note::Hold, None)?)
    }

    pub fn held(&self) -> Option<&Hold> {
        self.held.as_ref().map(|(hold, _)| hold)
    }

    /// Those that are kept, ascending.
    pub fn heads(&self) -> impl Iterator<Item = &VersionHead> {
        self.heads.values()
    }

    pub fn unknown(&self, version: u64) -> VersionError {
        let numbers: Vec<_> = self.heads.keys().map(u64::to_string).collect();
        VersionError::Unknown { version, known: [vec!["0".into()], numbers].concat().join(", ") }
    }

    fn newest_number(&self) -> u64 {
        self.heads.keys().next_back().copied().unwrap_or(0)
    }
}

fn head(number: u64, day: u32, views: &Views) -> VersionHead {
    let groups = views.groups().map(|(name, n_hosts)| (name.clone(), n_hosts)).collect();
    let n_nodes = u32::try_from(views.n_nodes()).unwrap_or(u32::MAX);
    VersionHead { number, day, n_hosts: views.n_hosts(), n_nodes, groups }
}

fn fits(view: FleetView) -> bool {
    encode(&Message { host: HostId(0), epoch: 0, sequence: 1, payload: Payload::FleetView(view) }).is_ok()
}
