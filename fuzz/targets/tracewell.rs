#![no_main]

use std::io::Cursor;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{Format, ReadOptions, from_stream};

// What was read is written, and must read back as the same records.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions { skip_bad: u64::MAX, ..ReadOptions::default() };
    let read = |bytes: Vec<u8>| {
        let reader = from_stream(Cursor::new(bytes), "fuzz", Some(Format::Tracewell), &options).ok()?;
        Some(reader.map_while(Result::ok).collect::<Vec<_>>())
    };
    let Some(records) = read(bytes.to_vec()) else { return };
    let mut writer = TracewellWriter::new(Vec::new()).expect("memory takes everything");
    for record in &records {
        writer.write(record).expect("memory takes everything");
    }
    let again = read(writer.finish().expect("memory takes everything"));
    assert_eq!(again.as_ref(), Some(&records));
});
