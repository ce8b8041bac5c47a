//! Tracewell's own lines: exact both ways, as documented, and strict.

use crate::records::any_record;
use crate::support::{as_lines, error, reader, records};
use proptest::prelude::*;
use tracewell_datasets::Format;
use tracewell_model::{CheckpointRecord, HostId, Record};

const DOCUMENT: &str = include_str!("../../../docs/event-format.md");
const SCHEMA: &str = include_str!("../../../docs/event-format.schema.json");

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is a schema")
}

proptest! {
    #[test]
    fn records_round_trip_exactly(written in prop::collection::vec(any_record(), 0..20)) {
        let lines = as_lines(&written);
        prop_assert_eq!(Format::detect(&lines), Some(Format::Tracewell));
        prop_assert_eq!(records(&lines, Format::Tracewell), written);
    }

    #[test]
    fn written_lines_follow_the_schema(written in prop::collection::vec(any_record(), 1..8)) {
        let schema = schema();
        for line in as_lines(&written).split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let line = serde_json::from_slice(line).expect("a line is JSON");
            prop_assert!(schema.is_valid(&line), "{}", line);
        }
    }
}

#[test]
fn the_examples_of_the_document_can_be_read() {
    let examples: Vec<&str> = DOCUMENT.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let read = records(examples.concat().as_bytes(), Format::Tracewell);
    assert_eq!(read.len(), 7);
    let Record::Host(host) = &read[0] else { panic!("the first example is a host") };
    assert_eq!(host.host, HostId::from_name(&host.name), "the host id of the document");
    let schema = schema();
    for line in examples.concat().lines() {
        assert!(schema.is_valid(&serde_json::from_str(line).expect("an example is JSON")), "{line}");
    }
}

/// What the reader refuses the schema refuses too.
#[test]
fn what_is_not_documented_is_refused_by_name() {
    let schema = schema();
    for (line, problem) in [
        (r#"{"event":{"time":1,"host":"0000000000000001","subject":{"pid":1},"op":"read","bites":2}}"#, "`bites`"),
        (r#"{"event":{"time":1,"host":"0000000000000001","subject":{"pid":1},"op":"levitate"}}"#, "levitate"),
        (r#"{"event":{"time":1,"host":"0000000000000001","subject":{"pid":1},"op":"read","count":0}}"#, "nonzero"),
        (r#"{"event":{"time":1,"host":"1","subject":{"pid":1},"op":"read"}}"#, "16 hex digits"),
        (r#"{"event":{"time":1,"host":"0000000000000001","op":"read"}}"#, "`subject`"),
        (r#"{"event":{"time":-1,"host":"0000000000000001","subject":{"pid":1},"op":"read"}}"#, "u64"),
        (
            r#"{"event":{"time":1,"host":"0000000000000001","subject":{"pid":1,"uuid":"x"},"op":"read"}}"#,
            "32 hex digits",
        ),
        (r#"{"event":{"time":1,"host":"0000000000000001","subject":{"pid":1},"op":"read","flags":["loud"]}}"#, "loud"),
        (r#"{"tick":{"time":1,"host":"0000000000000001","cause":"gap"}}"#, "`cause`"),
        (r#"{"loss":{"time":1,"host":"0000000000000001","cause":"moths","events":1}}"#, "moths"),
        (
            r#"{"finding":{"time":1,"host":"0000000000000001","process":{"pid":1},"detector":"d","severity":"bad","title":"t","reason":"r"}}"#,
            "bad",
        ),
        (r#"{"finding":{"time":1,"host":"0000000000000001","process":{"pid":1},"detector":"d"}}"#, "`severity`"),
        (r#"{"checkpoint":{"host":"0000000000000001","last":true}}"#, "`zstd`"),
        (r#"{"checkpoint":{"host":"0000000000000001","zstd":"!"}}"#, "expected zstd in base64"),
        (r#"{"story":{}}"#, "`story`"),
        (r#"{"tick":{"time":1,"host":"0000000000000001"},"host":{}}"#, "line 2"),
    ] {
        let text = format!("{{\"tracewell\":1}}\n{line}\n");
        let error = error(text.as_bytes(), None);
        assert!(error.contains("sample, line 2") && error.contains(problem), "{line}: {error}");
        assert!(!schema.is_valid(&serde_json::from_str(line).expect("JSON")), "the schema takes {line}");
    }
}

#[test]
fn what_is_packed_is_bounded_once_it_is_unpacked() {
    let line = |n_bytes: usize| {
        let zeros = CheckpointRecord { host: HostId(1), part: 0, is_last: true, bytes: vec![0; n_bytes].into() };
        as_lines(&[Record::Checkpoint(zeros)])
    };
    assert_eq!(records(&line(CheckpointRecord::BYTES_MAX), Format::Tracewell).len(), 1);
    let error = error(&line(CheckpointRecord::BYTES_MAX + 1), None);
    assert!(error.contains("expected at most 1048576 bytes under the compression"), "{error}");
}

#[test]
fn another_version_is_refused_politely() {
    let error = error(b"{\"tracewell\":2}\n", None);
    assert!(error.contains("version 2") && error.contains("reads version 1"), "{error}");
}

#[test]
fn a_recording_of_no_records_is_no_error() {
    assert_eq!(reader(b"{\"tracewell\":1}\n", None).count(), 0);
    assert_eq!(reader(b"{\"tracewell\":1}", None).count(), 0);
}
