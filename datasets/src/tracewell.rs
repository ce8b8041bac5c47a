//! Tracewell's own JSON lines: every other format can be converted into it, and it round-trips exactly.
//!
//! The first line names the version, each following line is one [`Record`]. docs/event-format.md describes every
//! field; a field that is not described there is refused, so that a misspelt one is not silently lost.

mod convert;
mod file;
mod line;
mod names;
mod packed;
mod write;

use crate::input::Input;
use crate::lines::Lines;
use crate::reader::{Counts, ReadOptions, Source};
use crate::text::Interner;
use crate::{Format, ReadError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tracewell_model::Record;

pub use file::EventFile;
pub use write::TracewellWriter;

pub(crate) const NAME: &str = "tracewell";

/// Raised with every change that an older reader would misunderstand.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    tracewell: u32,
}

pub(crate) fn looks_like(head: &[u8]) -> bool {
    let head: Vec<u8> = head.iter().take(64).filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
    head.starts_with(b"{\"tracewell\":")
}

pub(crate) fn open(input: Input, _options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
    let name = input.name.clone();
    let unreadable = |problem: String| ReadError::Unreadable { name: name.clone(), format: Format::Tracewell, problem };
    let mut lines = Lines::new(input);
    let first = lines.next()?.map_or(&b""[..], |line| line.bytes);
    let header: Header = serde_json::from_slice(first)
        .map_err(|error| unreadable(format!("the first line is not {{\"tracewell\":{VERSION}}}: {error}")))?;
    if header.tracewell != VERSION {
        return Err(unreadable(format!("it has version {}, this program reads version {VERSION}", header.tracewell)));
    }
    Ok(Box::new(Tracewell { lines, strings: Interner::new() }))
}

struct Tracewell {
    lines: Lines,
    strings: Interner,
}

impl Source for Tracewell {
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError> {
        let Some(line) = self.lines.next()? else { return Ok(false) };
        if line.bytes.trim_ascii().is_empty() {
            return Ok(true);
        }
        counts.source_records += 1;
        let parsed: line::Line<'_> = serde_json::from_slice(line.bytes)
            .map_err(|error| line.bad(format!("not a record of docs/event-format.md: {error}")))?;
        out.push_back(convert::record_of(&parsed, &mut self.strings));
        Ok(true)
    }
}
