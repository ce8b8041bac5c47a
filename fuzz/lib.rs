//! What the fuzz targets share.

use std::io::Cursor;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{Format, ReadOptions, from_stream};

/// Reads bytes as a recording to its end, passing over what is bad, and writes every record.
pub fn read_all(format: Format, bytes: &[u8]) {
    let options = ReadOptions { skip_bad: u64::MAX, ..ReadOptions::default() };
    let Ok(reader) = from_stream(Cursor::new(bytes.to_vec()), "fuzz", Some(format), &options) else { return };
    let mut writer = TracewellWriter::new(std::io::sink()).expect("a sink takes everything");
    for record in reader.map_while(Result::ok) {
        writer.write(&record).expect("a sink takes everything");
    }
}
