//! A small graph, and one event of it as detectors see it.

use tracewell_graph_core::graph::Graph;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Neighbourhood, OperationSet, Reach};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, HostId, Object, Operation, ProcessRecord, ProcessRef,
};
use tracewell_parameters::Parameters;

pub const HOST: HostId = HostId(7);

pub fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: pid.into(), uuid: None }
}

pub fn event(time: u64, pid: u32, op: Operation, object: Object) -> Event {
    Event {
        time: EventNs(time),
        host: HOST,
        subject: process(pid),
        op,
        object,
        detail: Detail::None,
        amount_bytes: 0,
        count: 1,
        errno: 0,
        flags: EventFlags::NONE,
    }
}

/// A shell executes a program.
pub fn execution(time: u64) -> Neighbourhood {
    let mut graph = Graph::new(HOST, &Parameters::default().graph, Box::new(MemoryHistory::default()));
    let shell = ProcessRecord {
        host: HOST,
        time: EventNs(time),
        process: process(1),
        parent: None,
        exe: Some("/bin/sh".into()),
        cmdline: Some("sh -c ls".into()),
        uid: Some(1000),
        container: None,
    };
    graph.describe(&shell).unwrap();
    let file = FileRef::at_path("/bin/ls");
    let event = event(time, 1, Operation::Exec, Object::File(file.clone()));
    graph.insert(&event).unwrap();
    let reach = Reach { hops: 1, nodes_max: 16, edges_max: 16, operations: OperationSet::ALL };
    let ends = (process(1).key(HOST), Some(file.key(HOST)));
    Neighbourhood::around(&mut graph, &event, ends, reach, 6000).unwrap()
}
