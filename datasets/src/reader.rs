//! A recording as an iterator of [`Record`]s, whatever its format.

use crate::input::{Input, Progress};
use crate::{Format, ReadError};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};
use tracewell_model::Record;

/// How to read a recording.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Bad records to pass over and count before giving up.
    pub skip_bad: u64,
    /// Name of the host where the recording does not say it; the file's stem by default.
    pub host: Option<String>,
    /// Node list of an edge recording; by default the one beside it, `node_X.csv` for `event_X.csv`.
    pub nodes: Option<PathBuf>,
}

/// What was met so far, beside the records given out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of the source, bad ones included.
    pub source_records: u64,
    /// [`Record::Event`]s given out.
    pub events: u64,
    /// Records passed over because they could not be understood.
    pub bad_records: u64,
    /// Records of a type that the reader does not know, by type.
    pub unknown: TypeCounts,
    /// Records of a known type that moves no information and becomes no event, by type.
    pub unmodelled: TypeCounts,
}

/// Counts by the name of a record type. Holds at most [`TypeCounts::NAMES_MAX`] names; the rest count as "other".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeCounts(BTreeMap<String, u64>);

impl TypeCounts {
    pub const NAMES_MAX: usize = 256;
    const NAME_BYTES_MAX: usize = 64;

    pub(crate) fn add(&mut self, name: &str) {
        if let Some(count) = self.0.get_mut(name) {
            *count += 1;
            return;
        }
        let fits = self.0.len() < Self::NAMES_MAX && name.len() <= Self::NAME_BYTES_MAX;
        *self.0.entry(if fits { name } else { "other" }.to_owned()).or_default() += 1;
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// In the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

/// What a format implements: turns source records into [`Record`]s, in source order.
pub(crate) trait Source: Send {
    /// Reads one source record and appends what it means, which may be nothing. `false` at the end.
    ///
    /// After a skippable error the next call goes on behind the bad record.
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError>;
}

/// Reads a recording in constant memory. Stops for good after the first error that it gives out.
pub struct Reader {
    format: Format,
    source: Option<Box<dyn Source>>,
    ready: VecDeque<Record>,
    counts: Counts,
    skip_bad: u64,
    progress: Progress,
}

/// Opens a file, decompressing gzip, xz and zstd, in the given format or else in the one its first bytes show.
///
/// # Errors
/// When it is missing, a directory, empty, or not of the format.
pub fn open(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Reader, ReadError> {
    start(Input::open(path)?, format, options)
}

/// Like [`open`] for any stream of bytes; `name` stands in errors and is the default host name.
///
/// # Errors
/// When it is empty or not of the format.
pub fn from_stream(
    stream: impl Read + Send + 'static,
    name: &str,
    format: Option<Format>,
    options: &ReadOptions,
) -> Result<Reader, ReadError> {
    start(Input::new(stream, name.to_owned(), None)?, format, options)
}

fn start(input: Input, format: Option<Format>, options: &ReadOptions) -> Result<Reader, ReadError> {
    let Some(format) = format.or_else(|| Format::detect(&input.head)) else {
        let head = String::from_utf8_lossy(&input.head[..input.head.len().min(40)]).into_owned();
        return Err(ReadError::UnknownFormat { name: input.name, head });
    };
    let progress = input.progress.clone();
    let source = Some(format.open(input, options)?);
    let (ready, counts) = Default::default();
    Ok(Reader { format, source, ready, counts, skip_bad: options.skip_bad, progress })
}

impl Reader {
    pub fn format(&self) -> Format {
        self.format
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.counts.events += u64::from(matches!(record, Record::Event(_)));
                return Some(Ok(record));
            }
            match self.source.as_mut()?.read(&mut self.ready, &mut self.counts) {
                Ok(true) => {}
                Ok(false) => self.source = None,
                Err(error) if error.is_skippable() && self.counts.bad_records < self.skip_bad => {
                    self.counts.bad_records += 1;
                }
                Err(error) => {
                    self.counts.bad_records += u64::from(error.is_skippable());
                    self.source = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
