use crate::support::{assert_golden, counts, error, golden};
use tracewell_datasets::{Format, ReadOptions, open};
use tracewell_model::{Object, Record};

const SAMPLE: &str = include_str!("../golden/event_slice.csv");

fn read(options: &ReadOptions) -> Vec<Record> {
    let reader = open(&golden("event_slice.csv"), None, options).expect("the sample opens");
    reader.collect::<Result<_, _>>().expect("the sample is good")
}

#[test]
fn the_sample_and_its_nodes_become_the_golden_records() {
    assert_golden(&read(&ReadOptions::default()), "edges.tracewell");
}

#[test]
fn edges_come_out_in_the_order_of_time() {
    let times: Vec<u64> = read(&ReadOptions::default())
        .iter()
        .filter_map(|record| if let Record::Event(event) = record { Some(event.time.0) } else { None })
        .collect();
    assert!(times.is_sorted() && times.len() == 9, "{times:?}");
}

#[test]
fn without_a_node_list_everything_is_a_file_of_unknown_kind() {
    let records = crate::support::records(SAMPLE.as_bytes(), Format::Edges);
    let sockets = records
        .iter()
        .filter(|record| matches!(record, Record::Event(event) if matches!(event.object, Object::Socket(_))));
    assert_eq!(sockets.count(), 0);
}

#[test]
fn unknown_and_unmodelled_edges_are_counted_by_name() {
    let counts = counts(SAMPLE.as_bytes(), Format::Edges);
    assert_eq!(counts.unknown.iter().collect::<Vec<_>>(), [("EVENT_DANCE", 1)]);
    assert_eq!(counts.unmodelled.iter().collect::<Vec<_>>(), [("EVENT_CLOSE", 1), ("EVENT_SIGNAL", 1)]);
}

#[test]
fn a_missing_node_list_is_an_error_with_its_name() {
    let options = ReadOptions { nodes: Some("nowhere.csv".into()), ..ReadOptions::default() };
    let error = open(&golden("event_slice.csv"), None, &options).err().expect("an error").to_string();
    assert!(error.contains("cannot open nowhere.csv"), "{error}");
}

#[test]
fn what_is_wrong_with_a_line_is_said() {
    let id = "00000000-0000-0000-0000-000000000001";
    for (line, problem) in [
        (format!("{id},EVENT_READ,{id},{id}"), "too few fields"),
        (format!("{id},EVENT_READ,{id},{id},1,2"), "too many fields"),
        (format!("{id},EVENT_READ,{id},{id},soon"), "\"soon\" is no number"),
        (format!("{id},EVENT_READ,x,{id},1"), "32 hex digits"),
        (format!("{id},,{id},{id},1"), "event type of 0 bytes"),
    ] {
        let text = format!("{id},EVENT_READ,{id},{id},1\n{line}\n");
        let error = error(text.as_bytes(), Some(Format::Edges));
        assert!(error.contains("sample, line 2") && error.contains(problem), "{line}: {error}");
    }
}
