//! One stream of records out of what the command line names.

use crate::args::ReadArgs;
use crate::failure::Failure;
use crate::merge::Merge;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use tracewell_datasets::{ReadError, ReadOptions, Reader};
use tracewell_model::Record;

/// Inputs of one replay; each is an open file.
const INPUTS_MAX: usize = 1000;

pub struct Input {
    records: Box<dyn Iterator<Item = Result<Record, ReadError>>>,
    readers: Vec<Rc<RefCell<Reader>>>,
    skip_bad: u64,
}

/// What was met beside the records.
#[derive(Clone, Debug, Default)]
pub struct InputCounts {
    pub bad_records: u64,
    /// Records of types that the reader does not know, by type.
    pub unknown: BTreeMap<String, u64>,
}

impl Input {
    /// Opens all files, so that a missing one is told before an hour of replay.
    ///
    /// # Errors
    /// When one cannot be opened or is of no known format.
    pub fn open(paths: &[PathBuf], args: &ReadArgs) -> Result<Self, Failure> {
        if paths.len() > INPUTS_MAX {
            return Err(Failure::Input(format!("{} inputs, at most {INPUTS_MAX} can be merged", paths.len())));
        }
        let options = ReadOptions { skip_bad: args.skip_bad, host: args.host.clone(), nodes: args.nodes.clone() };
        let open = |path: &PathBuf| Ok(Rc::new(RefCell::new(tracewell_datasets::open(path, args.format, &options)?)));
        let readers = paths.iter().map(open).collect::<Result<Vec<_>, ReadError>>().map_err(Failure::input)?;
        let mut shared: Vec<_> = readers.iter().map(|reader| Shared(Rc::clone(reader))).collect();
        let records: Box<dyn Iterator<Item = _>> = match shared.len() {
            1 => Box::new(shared.remove(0)),
            _ => Box::new(Merge::new(shared)),
        };
        Ok(Self { records, readers, skip_bad: args.skip_bad })
    }

    /// A stream that is made, not read.
    pub fn made(records: impl Iterator<Item = Record> + 'static) -> Self {
        Self { records: Box::new(records.map(Ok)), readers: vec![], skip_bad: 0 }
    }

    pub fn counts(&self) -> InputCounts {
        let mut counts = InputCounts::default();
        for reader in &self.readers {
            let reader = reader.borrow();
            counts.bad_records += reader.counts().bad_records;
            for (name, n) in reader.counts().unknown.iter() {
                *counts.unknown.entry(name.to_owned()).or_default() += n;
            }
        }
        counts
    }

    pub fn bytes_read(&self) -> u64 {
        self.readers.iter().map(|reader| reader.borrow().progress().bytes_read()).sum()
    }

    /// Size of all inputs as they lie on disk; `None` where one does not say.
    pub fn bytes_total(&self) -> Option<u64> {
        let totals = self.readers.iter().map(|reader| reader.borrow().progress().bytes_total());
        totals.sum::<Option<u64>>().filter(|&total| total > 0)
    }

    fn check_bad(&self) -> Result<(), Failure> {
        if self.skip_bad == 0 || self.readers.len() < 2 {
            return Ok(());
        }
        let n_bad: u64 = self.readers.iter().map(|reader| reader.borrow().counts().bad_records).sum();
        if n_bad <= self.skip_bad {
            return Ok(());
        }
        Err(Failure::Input(format!("{n_bad} bad records in all inputs, --skip-bad allows {}", self.skip_bad)))
    }
}

impl Iterator for Input {
    type Item = Result<Record, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next();
        if let Err(failure) = self.check_bad() {
            return Some(Err(failure));
        }
        record.map(|record| record.map_err(Failure::input))
    }
}

/// A reader that can still be asked for its counts while the merge draws from it.
struct Shared(Rc<RefCell<Reader>>);

impl Iterator for Shared {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.borrow_mut().next()
    }
}
