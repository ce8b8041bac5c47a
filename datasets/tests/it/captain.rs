use crate::support::{assert_golden, counts, error, records};
use tracewell_datasets::Format;

const SAMPLE: &str = include_str!("../golden/captain.json");

#[test]
fn the_sample_becomes_the_golden_records() {
    assert_golden(&records(SAMPLE.as_bytes(), Format::Captain), "captain.tracewell");
}

#[test]
fn unknown_and_unmodelled_lines_are_counted_by_name() {
    let counts = counts(SAMPLE.as_bytes(), Format::Captain);
    let unknown = [("COMMENT", 1), ("EVENT juggle", 1), ("NODE UnnamedPipeObject", 1)];
    assert_eq!(counts.unknown.iter().collect::<Vec<_>>(), unknown);
    assert_eq!(counts.unmodelled.iter().collect::<Vec<_>>(), [("CTL_EVENT_REBOOT", 1), ("mprotect", 1)]);
}

#[test]
fn what_is_wrong_with_a_line_is_said() {
    for (line, problem) in [
        ("{\"logType\": \"EVENT\"}", "missing field `logData`"),
        ("{\"logType\": \"EVENT\", \"logData\": {\"type\": \"read\"}}", "without \"time\""),
        ("{\"logType\": \"EVENT\", \"logData\": {\"type\": \"read\", \"time\": 1}}", "no \"s\""),
        ("{\"logType\": \"NODE\", \"logData\": {\"id\": \"x\", \"type\": \"FileObject\"}}", "id: expected a uuid"),
        ("{\"logType\": \"EVENT\", \"logData\": {\"ty", "EOF"),
    ] {
        let error = error(line.as_bytes(), Some(Format::Captain));
        assert!(error.contains("sample, line 1") && error.contains(problem), "{line}: {error}");
    }
}
