#![no_main]

use tracewell_agent::Pipeline;
use tracewell_agent::checkpoint::VERSION;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{EventNs, HostId, HostRecord, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::memory_pair;

// The rows of a checkpoint, framed with the hash that fits. What is taken up is saved as it was, and can be gone on with.
libfuzzer_sys::fuzz_target!(|rows: &[u8]| {
    let mut bytes = [b"TWSTATE\n", &VERSION.to_le_bytes()[..], rows, &u32::MAX.to_le_bytes()].concat();
    bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
    let mut parameters = Parameters::default();
    parameters.graph.spilled_filter_bytes = 1 << 10;
    let host = HostRecord { host: HostId(1), name: "fuzz".into() };
    let fresh = || Pipeline::new(&host, &parameters, Box::new(MemoryHistory::new()));
    let mut pipeline = fresh();
    if pipeline.restore(&mut bytes.as_slice()).is_err() {
        return;
    }
    let save = |pipeline: &mut Pipeline| {
        let mut saved = Vec::new();
        pipeline.save(&mut saved).map(|()| saved).expect("memory takes everything")
    };
    let saved = save(&mut pipeline);
    let mut again = fresh();
    again.restore(&mut saved.as_slice()).expect("what was saved can be restored");
    assert!(save(&mut again) == saved);
    pipeline.recover();
    let (mut agent_end, _aggregator_end) = memory_pair();
    let last = pipeline.stats().last;
    for record in pipeline.gap(last.after(60 * EventNs::SECOND), Some(&[].into())) {
        let _ = pipeline.record(&record, &mut agent_end);
    }
    for time in [last.after(61 * EventNs::SECOND), last.after(9 * EventNs::DAY), last.after(9 * EventNs::DAY)] {
        let _ = pipeline.record(&Record::Tick { host: host.host, time }, &mut agent_end);
    }
    let _ = pipeline.finish(&mut agent_end);
});
