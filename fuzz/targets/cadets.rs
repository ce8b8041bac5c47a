#![no_main]

use tracewell_datasets::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracewell_fuzz::read_all(Format::Cadets, bytes));
