use crate::support::{assert_golden, counts, error, records};
use tracewell_datasets::Format;
use tracewell_model::{Detail, EventFlags, FileKind, Object, Operation, Record};

const SAMPLE: &str = include_str!("../golden/cadets.json");

#[test]
fn the_sample_becomes_the_golden_records() {
    assert_golden(&records(SAMPLE.as_bytes(), Format::Cadets), "cadets.tracewell");
}

#[test]
fn unknown_and_unmodelled_calls_are_counted_by_name() {
    let counts = counts(SAMPLE.as_bytes(), Format::Cadets);
    assert_eq!(counts.source_records, 25);
    assert_eq!(counts.unknown.iter().collect::<Vec<_>>(), [("teleport", 1)]);
    assert_eq!(counts.unmodelled.iter().collect::<Vec<_>>(), [("fcntl", 1), ("pipe", 1), ("socket", 1)]);
    assert_eq!((counts.bad_records, counts.events), (0, 21));
}

#[test]
fn a_change_of_user_without_a_call_is_inserted_and_flagged() {
    let records = records(SAMPLE.as_bytes(), Format::Cadets);
    let changes: Vec<(u32, u32, EventFlags)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Event(event) => match event.detail {
                Detail::Credentials { uid } => Some((uid, event.errno, event.flags)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    // setuid that failed, seteuid to what it was, then a record of another user that no call explains.
    // The call just before it is taken as the explanation only of the record that follows it at once.
    assert_eq!(changes, [(0, 1, EventFlags::NONE), (80, 0, EventFlags::NONE)]);
    let rootly = SAMPLE.replace("\"audit:event:aue_seteuid:\"", "\"audit:event:aue_umask:\"");
    let records = crate::support::records(rootly.as_bytes(), Format::Cadets);
    let repaired = records.iter().filter(|record| {
        matches!(record, Record::Event(event)
            if event.flags == EventFlags::REPAIRED && event.detail == Detail::Credentials { uid: 0 })
    });
    assert_eq!(repaired.count(), 1);
}

#[test]
fn descriptors_keep_the_kind_they_were_made_with() {
    let records = records(SAMPLE.as_bytes(), Format::Cadets);
    let events: Vec<_> = records
        .iter()
        .filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None })
        .collect();
    let received = events.iter().find(|event| event.op == Operation::Receive).expect("a read on the accepted socket");
    assert!(matches!(&received.object, Object::Socket(_)) && received.amount_bytes == 120);
    let piped = events.iter().any(|event| matches!(&event.object, Object::File(file) if file.kind == FileKind::Pipe));
    assert!(piped, "the read on the pipe");
    let sent = events.iter().find(|event| event.op == Operation::Send).expect("a write on the connected socket");
    assert_eq!(sent.amount_bytes, 33);
}

#[test]
fn what_is_wrong_with_a_line_is_said() {
    let event = |fields: &str| format!("{{\"event\": \"audit:event:aue_{fields}}}");
    let common = "\"time\": 1, \"pid\": 2, \"subjprocuuid\": \"00000000-0000-0000-0000-000000000001\"";
    for (line, problem) in [
        ("{\"event\": \"audit:event:aue_read:\", \"time\": 1}".to_owned(), "missing field `pid`"),
        ("{\"event\": \"audit:event:aue_read:\", \"time\": \"soon\"}".to_owned(), "u64"),
        (event(&format!("read:\", {common}")), "expected \"arg_objuuid1\""),
        (event(&format!("read:\", {common}, \"arg_objuuid1\": \"xyz\"")), "32 hex digits"),
        (event(&format!("fork:\", {common}, \"retval\": 7")), "expected \"ret_objuuid1\""),
        (event(&format!("rename:\", {common}, \"upath1\": \"/a\"")), "expected \"upath2\""),
        (event(&format!("unlink:\", {common}")), "without uuid and path"),
        (event(&format!("setuid:\", {common}")), "expected \"arg_uid\""),
        (event("read:\", \"time\": 1, \"pid\": 2, \"subjprocuuid\": \"1\""), "subjprocuuid"),
        ("{\"event\": \"audit:event:aue_re".to_owned(), "EOF"),
    ] {
        let text = format!("[\n{line}\n]\n");
        let error = error(text.as_bytes(), Some(Format::Cadets));
        assert!(error.contains("sample, line 2") && error.contains(problem), "{line}: {error}");
    }
}

#[test]
fn the_array_must_be_whole() {
    let cut = SAMPLE.trim_end().strip_suffix(']').expect("the sample ends its array");
    let problem = error(cut.as_bytes(), None);
    assert!(problem.contains("ends inside its array"), "{problem}");
    let more = format!("{SAMPLE}{{}}\n");
    let problem = error(more.as_bytes(), None);
    assert!(problem.contains("after the end of the array"), "{problem}");
}

#[test]
fn punctuation_may_stand_anywhere_between_objects() {
    let plain = records(SAMPLE.as_bytes(), Format::Cadets);
    let comma_last: String = SAMPLE.replace("\n, ", ",\n");
    assert_eq!(records(comma_last.as_bytes(), Format::Cadets), plain);
    let bracket_beside = SAMPLE.replacen("[\n", "[", 1).replace("\n]\n", "]");
    assert_eq!(records(bracket_beside.as_bytes(), Format::Cadets), plain);
    let lines: String = SAMPLE
        .lines()
        .filter(|line| line.len() > 1)
        .map(|line| format!("{}\r\n", line.trim_start_matches(", ")))
        .collect();
    assert_eq!(records(lines.as_bytes(), Format::Cadets), plain);
}
