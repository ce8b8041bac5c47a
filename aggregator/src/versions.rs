//! The views that were made of the fleet, by number, and which of them hosts are given.

use crate::{Note, Store, StoreError, notes};
use std::collections::BTreeMap;
use tracewell_graph_core::fleet::FleetView;
use tracewell_wire::view_hash;

/// Versions that are kept beside the one that is held; one a day is made at most. The oldest goes first.
const VERSIONS_MAX: usize = 30;

/// What is known of a version without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionHead {
    /// Counts the views that were made, from 1 on.
    pub number: u64,
    /// Day of event time on which it was made.
    pub day: u32,
    /// Hosts that voted.
    pub n_hosts: u32,
    pub n_nodes: u32,
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
    newest: Hashed,
    held: Option<(Hold, Hashed)>,
}

/// A view with its [`view_hash`].
#[derive(Debug, Default)]
struct Hashed {
    view: FleetView,
    hash: u64,
}

impl From<FleetView> for Hashed {
    fn from(view: FleetView) -> Self {
        // Only one that fits a frame is ever made a version.
        let hash = view_hash(&view).unwrap_or_default();
        Self { view, hash }
    }
}

impl Versions {
    /// Takes up a version that an earlier run made, in ascending order.
    pub fn load(&mut self, number: u64, row: &[u8]) -> Result<(), StoreError> {
        let (day, view) = notes::read_view(row)?;
        self.heads.insert(number, head(number, day, &view));
        self.newest = view.into();
        Ok(())
    }

    /// Takes up what was held. All versions are known by then.
    pub fn load_hold(&mut self, row: &[u8], store: &dyn Store) -> Result<(), StoreError> {
        let hold = notes::read_hold(row)?;
        let view = self.view(hold.version, store)?;
        let view = view.ok_or_else(|| notes::corrupt("what is held", format!("no version {}", hold.version)))?;
        self.held = Some((hold, view.into()));
        Ok(())
    }

    /// Makes a view the newest version, unless the newest says the same.
    pub fn make(&mut self, view: FleetView, day: u32, store: &mut dyn Store) -> Result<(), StoreError> {
        if view == self.newest.view {
            return Ok(());
        }
        let Some(row) = notes::view(day, &view) else { return Ok(()) };
        let number = self.newest_number() + 1;
        store.put_note(Note::View(number), Some(row))?;
        self.heads.insert(number, head(number, day, &view));
        self.newest = view.into();
        let held = self.held.as_ref().map(|(hold, _)| hold.version);
        while self.heads.len() - usize::from(held.is_some_and(|held| self.heads.contains_key(&held))) > VERSIONS_MAX {
            let Some(oldest) = self.heads.keys().copied().find(|number| held != Some(*number)) else { break };
            self.heads.remove(&oldest);
            store.put_note(Note::View(oldest), None)?;
        }
        Ok(())
    }

    /// The version that hosts are given, and its number; `None` as long as there never was one.
    pub fn given(&self) -> Option<(u64, &FleetView)> {
        self.given_hashed().map(|(version, given)| (version, &given.view))
    }

    /// [`view_hash`] of the version that hosts are given; 0 as long as there never was one.
    pub fn given_hash(&self) -> u64 {
        self.given_hashed().map_or(0, |(_, given)| given.hash)
    }

    fn given_hashed(&self) -> Option<(u64, &Hashed)> {
        match &self.held {
            Some((hold, view)) => Some((hold.version, view)),
            None => (!self.heads.is_empty()).then(|| (self.newest_number(), &self.newest)),
        }
    }

    /// A version that is kept. Reads it from the store, unless it is one that hosts are given.
    pub fn view(&self, number: u64, store: &dyn Store) -> Result<Option<FleetView>, StoreError> {
        match number {
            0 => Ok(Some(FleetView::default())),
            _ if !self.heads.contains_key(&number) => Ok(None),
            _ if number == self.newest_number() => Ok(Some(self.newest.view.clone())),
            _ => {
                let row = store.note(Note::View(number))?;
                row.map(|row| notes::read_view(&row).map(|(_, view)| view)).transpose()
            }
        }
    }

    /// Has hosts be given this version from now on, whatever is made.
    pub fn hold(&mut self, hold: Hold, store: &mut dyn Store) -> Result<(), VersionError> {
        let view = self.view(hold.version, store)?.ok_or_else(|| self.unknown(hold.version))?;
        store.put_note(Note::Hold, Some(notes::hold(&hold)))?;
        self.held = Some((hold, view.into()));
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
    pub fn heads(&self) -> impl Iterator<Item = VersionHead> {
        self.heads.values().copied()
    }

    pub fn unknown(&self, version: u64) -> VersionError {
        let numbers: Vec<_> = self.heads.keys().map(u64::to_string).collect();
        VersionError::Unknown { version, known: [vec!["0".into()], numbers].concat().join(", ") }
    }

    fn newest_number(&self) -> u64 {
        self.heads.keys().next_back().copied().unwrap_or(0)
    }
}

fn head(number: u64, day: u32, view: &FleetView) -> VersionHead {
    let (n_hosts, nodes) = view.nodes();
    VersionHead { number, day, n_hosts, n_nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX) }
}
