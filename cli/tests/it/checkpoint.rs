//! A recording of an agent that went on, which begins with what it knew.

use crate::recording;
use crate::run::{Place, tracewell};
use tracewell_agent::Pipeline;
use tracewell_datasets::tracewell::TracewellWriter;
use tracewell_datasets::{Format, ReadOptions, from_stream};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{CheckpointRecord, HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

fn records(recording: String) -> Vec<Record> {
    let stream = std::io::Cursor::new(recording.into_bytes());
    let reader = from_stream(stream, "recording", Some(Format::Tracewell), &ReadOptions::default()).unwrap();
    reader.map(Result::unwrap).collect()
}

fn written(records: &[Record]) -> String {
    let mut writer = TracewellWriter::new(Vec::new()).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

/// The recording from the moment of the request on: its host, what was known by then, and the rest.
fn second_half(records: &[Record]) -> Vec<Record> {
    let host = HostRecord { host: tracewell_model::HostId::from_name("web"), name: "web".into() };
    let is_attack = |record: &Record| matches!(record, Record::Event(event) if event.time.0 >= recording::ATTACK.0);
    let cut = records.iter().position(is_attack).unwrap() + 3;
    let mut pipeline = Pipeline::new(&host, &Parameters::default(), Box::new(MemoryHistory::new()));
    let (mut agent_end, _aggregator_end) = memory_pair();
    records[..cut].iter().for_each(|record| pipeline.record(record, &mut agent_end).unwrap());
    let mut half = vec![Record::Host(host)];
    let take = |record: &Record| {
        half.push(record.clone());
        Ok(())
    };
    pipeline.checkpoint_records(take).unwrap();
    half.extend_from_slice(&records[cut..]);
    half
}

#[test]
fn what_was_known_before_decides_what_is_found() {
    let place = Place::new();
    let records = records(recording::attacked("web"));
    let half = second_half(&records);
    let without: Vec<_> = half.iter().filter(|record| !matches!(record, Record::Checkpoint(_))).cloned().collect();
    let incidents = |name: &str, records: &[Record]| {
        let input = place.file(&format!("{name}.json"), written(records));
        tracewell(&["replay", &input, "--out", &place.path(name)]).ok();
        place.json(&format!("{name}/alerts.json"))["incidents"].clone()
    };
    let whole = incidents("whole", &records);
    assert!(!whole.as_array().unwrap().is_empty());
    assert_eq!(incidents("half", &half), whole, "found as if the first half had been there");
    assert_ne!(incidents("without", &without), whole, "it was needed");
}

#[test]
fn a_damaged_checkpoint_ends_a_replay_with_2() {
    let place = Place::new();
    let mut half = second_half(&records(recording::attacked("web")));
    let Record::Checkpoint(part) = &mut half[1] else { panic!("{:?}", half[1]) };
    let mut bytes = part.bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    *part = CheckpointRecord { bytes: bytes.into(), ..part.clone() };
    let input = place.file("damaged.json", written(&half));
    tracewell(&["replay", &input]).failed(2, "the recording's checkpoint: its hash is");
}
