//! The line JSON into which the CAPTAIN detector turns traces in DARPA's common data model.
//!
//! `NODE` and `PRINCIPAL` lines describe, `EVENT` lines act or, as `UPDATE`, rename a node. A node is described before
//! it is used; what is known of it is kept here and given out with the event that needs it.

mod event;
mod nodes;

use crate::ReadError;
use crate::input::Input;
use crate::lines::Lines;
use crate::reader::{Counts, ReadOptions, Source};
use crate::text::Text;
use event::Translator;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;
use tracewell_model::Record;

pub(crate) const NAME: &str = "captain";

pub(crate) fn looks_like(head: &[u8]) -> bool {
    let line = head.trim_ascii_start();
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    line.starts_with(b"{")
        && [&b"\"logType\""[..], b"\"logData\""].iter().all(|key| memchr::memmem::find(line, key).is_some())
}

pub(crate) fn open(input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
    let host = options.host.clone().unwrap_or_else(|| input.stem.clone());
    Ok(Box::new(Captain { lines: Lines::new(input), translator: Translator::new(&host) }))
}

struct Captain {
    lines: Lines,
    translator: Translator,
}

#[derive(Deserialize)]
struct LogLine<'a> {
    #[serde(borrow, rename = "logType")]
    log_type: Text<'a>,
    #[serde(borrow, rename = "logData")]
    data: Data<'a>,
}

/// The fields of all kinds of lines together; each kind has its own few.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    // NODE and PRINCIPAL
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    uuid: Option<Text<'a>>,
    pid: Option<u32>,
    ppid: Option<u32>,
    #[serde(rename = "cmdLine")]
    cmdline: Option<Value>,
    #[serde(borrow, rename = "processName")]
    process_name: Option<Text<'a>>,
    #[serde(borrow)]
    owner: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    ip: Option<Text<'a>>,
    port: Option<Value>,
    #[serde(borrow, rename = "userId")]
    user_id: Option<Text<'a>>,
    // EVENT
    time: Option<u64>,
    /// A string, a number or a list, as the event has it.
    params: Option<Value>,
    #[serde(borrow)]
    s: Option<Text<'a>>,
    #[serde(borrow)]
    d: Option<Text<'a>>,
    #[serde(borrow)]
    d2: Option<Text<'a>>,
    // UPDATE
    #[serde(borrow)]
    nid: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Update<'a>>,
}

#[derive(Deserialize)]
struct Update<'a> {
    #[serde(borrow)]
    exec: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

impl Source for Captain {
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError> {
        let Some(line) = self.lines.next()? else { return Ok(false) };
        if line.bytes.trim_ascii().is_empty() {
            return Ok(true);
        }
        counts.source_records += 1;
        let parsed: LogLine<'_> = serde_json::from_slice(line.bytes)
            .map_err(|error| line.bad(format!("not a line of CAPTAIN's JSON: {error}")))?;
        let problem = self.translator.translate(&parsed.log_type, &parsed.data, out, counts);
        problem.map_err(|problem| line.bad(problem))?;
        Ok(true)
    }
}
