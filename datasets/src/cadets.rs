//! Native JSON of CADETS: FreeBSD's audit events by DTrace, one array with an object per line, comma first.
//!
//! The kernel names processes, files and sockets by uuid, so identity is exact; paths come and go. What the format
//! says of a call, field by field, is in the public CADETS trace documentation; [`call`] has what becomes of each.

mod call;
mod process;

use crate::ReadError;
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::reader::{Counts, ReadOptions, Source};
use crate::text::Text;
use call::Translator;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;
use tracewell_model::Record;

pub(crate) const NAME: &str = "cadets";

pub(crate) fn looks_like(head: &[u8]) -> bool {
    let start = head.trim_ascii_start();
    let start = start.strip_prefix(b"[").unwrap_or(start).trim_ascii_start();
    let line = &start[..memchr::memchr(b'\n', start).unwrap_or(start.len())];
    start.starts_with(b"{") && [&b"\"subjprocuuid\""[..], b"\"event\""].iter().all(|key| find(line, key))
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

pub(crate) fn open(input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
    let host = options.host.clone().unwrap_or_else(|| input.stem.clone());
    Ok(Box::new(Cadets { lines: Lines::new(input), translator: Translator::new(&host), array: Array::NotBegun }))
}

struct Cadets {
    lines: Lines,
    translator: Translator,
    array: Array,
}

/// Where reading stands with regard to the array that the file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Array {
    NotBegun,
    Open,
    Closed,
}

/// The fields that mean something here. All others are passed over.
#[derive(Deserialize)]
struct Call<'a> {
    /// `audit:event:aue_read:`
    #[serde(borrow)]
    event: Text<'a>,
    time: u64,
    pid: u32,
    ppid: Option<u32>,
    uid: Option<u32>,
    #[serde(borrow)]
    exec: Option<Text<'a>>,
    #[serde(borrow)]
    subjprocuuid: Text<'a>,
    #[serde(borrow)]
    arg_objuuid1: Option<Text<'a>>,
    #[serde(borrow)]
    arg_objuuid2: Option<Text<'a>>,
    #[serde(borrow)]
    ret_objuuid1: Option<Text<'a>>,
    #[serde(borrow)]
    ret_objuuid2: Option<Text<'a>>,
    #[serde(borrow)]
    upath1: Option<Text<'a>>,
    #[serde(borrow)]
    upath2: Option<Text<'a>>,
    #[serde(borrow)]
    fdpath: Option<Text<'a>>,
    #[serde(borrow)]
    cmdline: Option<Text<'a>>,
    #[serde(borrow)]
    address: Option<Text<'a>>,
    port: Option<i64>,
    flags: Option<i64>,
    retval: Option<i64>,
    arg_pid: Option<i64>,
    arg_uid: Option<i64>,
    arg_euid: Option<i64>,
    signum: Option<i64>,
    /// Of chmod what it sets; other calls have modes of their own, of which nothing is expected.
    mode: Option<Value>,
}

impl Source for Cadets {
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError> {
        let Some(line) = self.lines.next()? else {
            let unclosed = self.array == Array::Open;
            self.array = Array::Closed;
            return if unclosed {
                Err(self.lines.bad("the file ends inside its array, expected ']'"))
            } else {
                Ok(false)
            };
        };
        let Some(object) = object_of(&line, &mut self.array)? else { return Ok(true) };
        counts.source_records += 1;
        let call: Call<'_> =
            serde_json::from_slice(object).map_err(|error| line.bad(format!("not a CADETS event: {error}")))?;
        self.translator.translate(&call, out, counts).map_err(|problem| line.bad(problem))?;
        Ok(true)
    }
}

/// Takes the array's punctuation off a line. `None` where nothing else stands on it.
fn object_of<'a>(line: &Line<'a>, array: &mut Array) -> Result<Option<&'a [u8]>, ReadError> {
    let mut rest = line.bytes.trim_ascii();
    if rest.is_empty() {
        return Ok(None);
    }
    if *array == Array::Closed {
        return Err(line.bad("expected nothing after the end of the array"));
    }
    if let (Array::NotBegun, Some(after)) = (*array, rest.strip_prefix(b"[")) {
        *array = Array::Open;
        rest = after.trim_ascii_start();
    }
    if let (Array::Open, Some(before)) = (*array, rest.strip_suffix(b"]")) {
        *array = Array::Closed;
        rest = before.trim_ascii_end();
    }
    rest = rest.strip_prefix(b",").unwrap_or(rest);
    rest = rest.strip_suffix(b",").unwrap_or(rest).trim_ascii();
    Ok((!rest.is_empty()).then_some(rest))
}
