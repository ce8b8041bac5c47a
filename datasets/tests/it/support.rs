//! Reading from memory, golden files, and the shared recordings.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{Counts, Format, ReadError, ReadOptions, Reader, from_stream};
use tracewell_model::Record;

pub fn reader(bytes: &[u8], format: Option<Format>) -> Reader {
    from_stream(Cursor::new(bytes.to_vec()), "sample", format, &ReadOptions::default()).expect("the sample opens")
}

/// All records of a good sample.
pub fn records(bytes: &[u8], format: Format) -> Vec<Record> {
    reader(bytes, Some(format)).collect::<Result<_, _>>().expect("the sample is good")
}

pub fn counts(bytes: &[u8], format: Format) -> Counts {
    let mut reader = reader(bytes, Some(format));
    reader.by_ref().for_each(drop);
    reader.counts().clone()
}

/// The error that a sample ends with.
pub fn error(bytes: &[u8], format: Option<Format>) -> String {
    match from_stream(Cursor::new(bytes.to_vec()), "sample", format, &ReadOptions::default()) {
        Err(error) => error.to_string(),
        Ok(reader) => match reader.filter_map(Result::err).next() {
            Some(error) => error.to_string(),
            None => panic!("the sample reads without an error"),
        },
    }
}

pub fn as_lines(records: &[Record]) -> Vec<u8> {
    let mut writer = TracewellWriter::new(Vec::new()).expect("memory takes everything");
    for record in records {
        writer.write(record).expect("memory takes everything");
    }
    writer.finish().expect("memory takes everything")
}

/// Compares with `tests/golden/NAME`; with `UPDATE_GOLDEN` set it writes that file instead.
pub fn assert_golden(records: &[Record], name: &str) {
    let path = golden(name);
    let lines = String::from_utf8(as_lines(records)).expect("JSON is UTF-8");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &lines).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).expect("the golden file is there");
    for (n, (line, expected)) in (1..).zip(lines.lines().zip(expected.lines())) {
        assert_eq!(line, expected, "line {n} of {name}");
    }
    assert_eq!(lines.lines().count(), expected.lines().count(), "number of lines of {name}");
}

pub fn golden(name: &str) -> PathBuf {
    Path::new("tests/golden").join(name)
}

/// Gives at most `n` bytes at a time.
pub struct Chunked<R>(pub R, pub usize);

impl<R: Read> Read for Chunked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = buffer.len().min(self.1);
        self.0.read(&mut buffer[..n])
    }
}

/// A file of the shared recordings, or `None`, said loudly, where they are not.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TRACEWELL_DATASETS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from("../../shared/datasets"));
    let file = folder.join(path);
    if !file.exists() {
        eprintln!("SKIPPED: {path} is not there; set TRACEWELL_DATASETS to the folder of the shared recordings");
        return None;
    }
    Some(file)
}

/// How often each operation occurs, and every record good.
pub fn operations(reader: &mut Reader) -> Result<BTreeMap<&'static str, u64>, ReadError> {
    let mut operations = BTreeMap::new();
    for record in reader {
        if let Record::Event(event) = record? {
            *operations.entry(event.op.name()).or_default() += 1;
        }
    }
    Ok(operations)
}
