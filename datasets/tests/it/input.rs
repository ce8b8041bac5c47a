//! Files, compression, chunks and errors that all formats share.

use crate::support::{Chunked, as_lines, error, records};
use std::io::{Cursor, Write};
use tracewell_datasets::{Format, ReadError, ReadOptions, from_stream, open};
use tracewell_model::Record;

const CADETS: &[u8] = include_bytes!("../golden/cadets.json");
const CAPTAIN: &[u8] = include_bytes!("../golden/captain.json");
const EDGES: &[u8] = include_bytes!("../golden/event_slice.csv");
const TRACEWELL: &[u8] = include_bytes!("../golden/cadets.tracewell");

fn samples() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Cadets, CADETS.to_vec()),
        (Format::Captain, CAPTAIN.to_vec()),
        (Format::Edges, EDGES.to_vec()),
        (Format::Tracewell, TRACEWELL.to_vec()),
        (Format::Sysflow, crate::sysflow::sample()),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes everything")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes everything")
}

#[test]
fn every_format_is_detected() {
    for (format, bytes) in samples() {
        assert_eq!(Format::detect(&bytes), Some(format));
    }
    assert_eq!(Format::detect(b"no such thing"), None);
    assert_eq!(Format::ALL.len(), samples().len(), "a sample of every format");
}

#[test]
fn compression_changes_nothing() {
    for (format, bytes) in samples() {
        let plain = records(&bytes, format);
        for (name, compress) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("xz", xz), ("zstd", zstd)] {
            assert_eq!(records(&compress(&bytes), format), plain, "{format} in {name}");
            let (first, second) = bytes.split_at(bytes.len() / 2);
            let members = [compress(first), compress(second)].concat();
            assert_eq!(records(&members, format), plain, "{format} in two members of {name}");
        }
    }
}

#[test]
fn chunks_change_nothing() {
    for (format, bytes) in samples() {
        let whole = records(&bytes, format);
        for n in [1, 2, 7, 4096] {
            let chunked = Chunked(Cursor::new(bytes.clone()), n);
            let reader = from_stream(chunked, "sample", None, &ReadOptions::default()).expect("the sample opens");
            let read: Vec<Record> = reader.collect::<Result<_, _>>().expect("the sample is good");
            assert_eq!(read, whole, "{format} by {n} bytes");
        }
    }
}

#[test]
fn a_truncated_stream_is_an_error() {
    for compress in [gzip as fn(&[u8]) -> Vec<u8>, xz, zstd] {
        // Long and hard to compress, so that the cut lies behind the head that detection reads.
        let ids = (0..20_000u64).map(|n| tracewell_model::HostId::from_name(&n.to_string()));
        let ticks: Vec<Record> =
            ids.map(|host| Record::Tick { host, time: tracewell_model::EventNs(host.0) }).collect();
        let bytes = compress(&as_lines(&ticks));
        let error = error(&bytes[..bytes.len() / 2], Some(Format::Tracewell));
        assert!(error.contains("cannot read on after byte") || error.contains("line"), "{error}");
    }
}

#[test]
fn what_cannot_be_opened_is_said_clearly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ReadOptions::default();
    let problem = |path: &std::path::Path| open(path, None, &options).err().expect("an error").to_string();

    let missing = problem(&folder.path().join("missing.json"));
    assert!(missing.contains("cannot open") && missing.contains("missing.json"), "{missing}");

    let directory = problem(folder.path());
    assert!(directory.contains("is a directory, expected a file"), "{directory}");

    let path = folder.path().join("empty");
    std::fs::write(&path, b"").expect("a file");
    let empty = problem(&path);
    assert!(empty.contains("is empty") && empty.contains("cadets"), "{empty}");
    std::fs::write(&path, gzip(b"")).expect("a file");
    assert!(problem(&path).contains("is empty"), "{}", problem(&path));

    std::fs::write(&path, b"hello\n").expect("a file");
    let unknown = problem(&path);
    assert!(
        unknown.contains("not recognised") && unknown.contains("hello") && unknown.contains("sysflow"),
        "{unknown}"
    );
}

#[test]
fn a_wrong_format_is_said_clearly() {
    for (format, expected) in [
        (Format::Cadets, "not a CADETS event"),
        (Format::Captain, "not a line of CAPTAIN's JSON"),
        (Format::Edges, "expected: source uuid"),
        (Format::Tracewell, "first line"),
        (Format::Sysflow, "not readable as sysflow"),
    ] {
        let error = error(b"{\"color\": \"red\"}\n{\"color\": \"blue\"}\n", Some(format));
        assert!(error.contains(expected) && error.contains("sample"), "{format}: {error}");
    }
}

#[test]
fn bad_records_are_skipped_and_counted_up_to_the_limit() {
    let text = "{\"tracewell\":1}\nnonsense\n{\"tick\":{\"time\":1,\"host\":\"0000000000000001\"}}\n{}\n";
    let read = |skip_bad| {
        let options = ReadOptions { skip_bad, ..ReadOptions::default() };
        let mut reader = from_stream(text.as_bytes(), "sample", None, &options).expect("the sample opens");
        let results: Vec<Result<Record, ReadError>> = reader.by_ref().collect();
        let error = results.iter().find_map(|result| result.as_ref().err()).map(ToString::to_string);
        (results.iter().filter(|result| result.is_ok()).count(), error, reader.counts().bad_records)
    };
    assert_eq!(read(2), (1, None, 2));
    let (n, error, bad) = read(1);
    assert_eq!((n, bad), (1, 2));
    assert!(error.is_some_and(|error| error.contains("sample, line 4")));
    let (n, error, bad) = read(0);
    assert_eq!((n, bad), (0, 1));
    assert!(error.is_some_and(|error| error.contains("sample, line 2")));
}

#[test]
fn progress_counts_the_bytes_of_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("web-1.tracewell.gz");
    let bytes = gzip(TRACEWELL);
    std::fs::write(&path, &bytes).expect("a file");
    let mut reader = open(&path, None, &ReadOptions::default()).expect("it opens");
    let progress = reader.progress().clone();
    assert_eq!(progress.bytes_total(), Some(bytes.len() as u64));
    reader.by_ref().for_each(|record| drop(record.expect("it is good")));
    assert_eq!(progress.bytes_read(), bytes.len() as u64);
}

#[test]
fn the_host_is_named_by_the_option_or_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("web-1.json.gz");
    std::fs::write(&path, gzip(CADETS)).expect("a file");
    for (host, expected) in [(None, "web-1"), (Some("other".to_owned()), "other")] {
        let options = ReadOptions { host, ..ReadOptions::default() };
        let first = open(&path, None, &options).expect("it opens").next().expect("a record").expect("a good one");
        let Record::Host(host) = first else { panic!("the first record names the host, got {first:?}") };
        assert_eq!(&*host.name, expected);
    }
}

#[test]
fn a_line_beyond_the_bound_is_a_bad_record_and_reading_goes_on() {
    let mut text = b"{\"tracewell\":1}\n".to_vec();
    text.resize(text.len() + (17 << 20), b'x');
    text.extend_from_slice(b"\n{\"tick\":{\"time\":1,\"host\":\"0000000000000001\"}}\n");
    let options = ReadOptions { skip_bad: 1, ..ReadOptions::default() };
    let reader = from_stream(Cursor::new(text), "sample", None, &options).expect("the sample opens");
    let read: Vec<Record> = reader.collect::<Result<_, _>>().expect("the long line is skipped");
    assert_eq!(read.len(), 1);
}
