//! No reader panics, whatever the bytes.

use proptest::prelude::*;
use tracewell_datasets::truth::Truth;
use tracewell_datasets::{Format, ReadOptions, from_stream};

/// Reads to the end, passing over everything that is bad.
fn read_all(format: Format, bytes: Vec<u8>) {
    let options = ReadOptions { skip_bad: u64::MAX, ..ReadOptions::default() };
    if let Ok(reader) = from_stream(std::io::Cursor::new(bytes), "hostile", Some(format), &options) {
        reader.for_each(drop);
    }
}

fn sample(format: Format) -> Vec<u8> {
    match format {
        Format::Cadets => include_bytes!("../golden/cadets.json").to_vec(),
        Format::Captain => include_bytes!("../golden/captain.json").to_vec(),
        Format::Edges => include_bytes!("../golden/event_slice.csv").to_vec(),
        Format::Tracewell => include_bytes!("../golden/cadets.tracewell").to_vec(),
        Format::Sysflow => crate::sysflow::sample(),
    }
}

fn any_format() -> impl Strategy<Value = Format> {
    proptest::sample::select(Format::ALL)
}

/// A fuzzer that begins with what a reader refuses at once would never get far.
#[test]
fn every_seed_of_the_fuzzers_is_read() {
    for format in Format::ALL {
        let folder = format!("../fuzz/seeds/{}", format.name());
        let seeds: Vec<_> = std::fs::read_dir(&folder).expect("every format has seeds").collect();
        assert!(!seeds.is_empty(), "{folder} is empty");
        for seed in seeds {
            let path = seed.expect("the folder can be read").path();
            let file = std::fs::File::open(&path).expect("a seed opens");
            let reader =
                from_stream(file, "seed", Some(*format), &ReadOptions::default()).expect("a seed is a recording");
            assert!(reader.filter(Result::is_ok).count() > 0, "{} holds no record", path.display());
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(format in any_format(), bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_all(format, bytes);
    }

    /// Closer to the real thing: a good sample with some bytes changed and its end cut off.
    #[test]
    fn damaged_samples(
        format in any_format(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sample(format);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        read_all(format, bytes);
    }

    #[test]
    fn truth(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = Truth::from_json(&bytes, "hostile");
    }
}
