#![no_main]

use tracewell_datasets::truth::Truth;

// What was read and is valid must be written and read back as the same truth.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(truth) = Truth::from_json(bytes, "fuzz") else { return };
    let mut text = Vec::new();
    truth.write(&mut text).expect("memory takes everything");
    assert_eq!(Truth::from_json(&text, "again").ok(), Some(truth));
});
