//! A neighbourhood as large as detectors are measured with: 100 nodes and 200 edges, every field of the contract filled.

use std::net::{Ipv4Addr, SocketAddr};
use tracewell_graph_core::graph::{Graph, Role};
use tracewell_graph_core::history::{HistoryError, MemoryHistory};
use tracewell_graph_core::neighbourhood::{Neighbourhood, OperationSet, Place, Reach};
use tracewell_model::{
    Detail, Event, EventFlags, EventNs, FileRef, HostId, Millibits, Mode, Object, Operation, ProcessRecord, ProcessRef,
    Protocol, SocketRef,
};
use tracewell_parameters::Parameters;

const HOST: HostId = HostId(1);
/// The process that the event is of, below as many ancestors as a detector is told of, and above all others.
const SUBJECT: u32 = 12;
const N_PROCESSES: u32 = 32;
const N_FILES: u32 = 60;
const N_SOCKETS: u32 = 40;

/// A process below twelve others renames a file that it wrote; around it are its children, and the files and sockets of them all.
///
/// # Errors
/// Never: its history is in memory.
pub fn neighbourhood() -> Result<Neighbourhood, HistoryError> {
    let parameters = Parameters::default();
    let mut graph = Graph::new(HOST, &parameters.graph, Box::new(MemoryHistory::default()));
    let mut clock = Clock::default();
    for pid in 0..N_PROCESSES {
        if pid > 0 {
            graph.insert(&clock.event(parent(pid), Operation::Fork, Object::Process(process(pid))))?;
        }
        graph.describe(&ProcessRecord {
            host: HOST,
            time: clock.now(),
            process: process(pid),
            parent: (pid > 0).then(|| process(parent(pid))),
            exe: Some(format!("/usr/lib/service-{pid}/bin/worker").into()),
            cmdline: Some(format!("worker --config /etc/service/{pid}.toml --listen 10.0.0.{pid} --verbose").into()),
            uid: Some(1000 + pid),
            container: Some("registry.example/service:1.2.3".into()),
        })?;
    }
    let doer = |n: u32| SUBJECT + n % (N_PROCESSES - SUBJECT);
    for n in 0..N_FILES {
        let object = Object::File(FileRef::at_path(path(n)));
        for op in [Operation::Open, Operation::Read, Operation::Write] {
            let inserted = graph.insert(&clock.event(doer(n), op, object.clone()))?;
            if let (Some(edge), true) = (inserted.edge, n % 4 == 0) {
                graph.set_surprise(edge, 12_000 + n);
            }
        }
    }
    for n in 0..N_SOCKETS {
        let object = Object::Socket(socket(n));
        for op in [Operation::Connect, Operation::Send, Operation::Receive] {
            graph.insert(&clock.event(doer(n), op, object.clone()))?;
        }
    }
    let file = FileRef::at_path(path(0));
    let detail = Detail::NewPath { path: "/srv/data/renamed".into(), replaced: None };
    let event = Event { detail, ..clock.event(SUBJECT, Operation::Rename, Object::File(file.clone())) };
    graph.insert(&event)?;
    let reach = Reach { hops: 4, nodes_max: 100, edges_max: 200, operations: OperationSet::ALL };
    let ends = (process(SUBJECT).key(HOST), Some(file.key(HOST)));
    let mut around = Neighbourhood::around(&mut graph, &event, ends, reach, parameters.structure.rare_min_millibits)?;
    around.nodes.iter_mut().zip(0..).for_each(|(place, n)| attribute(place, n));
    Ok(around)
}

/// What a chmod and a view of the fleet would have told.
fn attribute(place: &mut Place, n: u32) {
    place.fleet_rarity = Some(Millibits(100 * n));
    if let Role::File(file) = &mut place.state.role {
        file.mode = Some(Mode::of(0o600 + n));
    }
}

/// A second for each event.
#[derive(Default)]
struct Clock(u64);

impl Clock {
    fn now(&self) -> EventNs {
        EventNs(self.0 * EventNs::SECOND)
    }

    fn event(&mut self, pid: u32, op: Operation, object: Object) -> Event {
        self.0 += 1;
        Event {
            time: self.now(),
            host: HOST,
            subject: process(pid),
            op,
            object,
            detail: Detail::None,
            amount_bytes: 4096,
            count: 3,
            errno: 0,
            flags: EventFlags::NONE,
        }
    }
}

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid: pid + 1, start: 1, uuid: None }
}

fn parent(pid: u32) -> u32 {
    (pid - 1).min(SUBJECT)
}

fn path(n: u32) -> String {
    format!("/srv/data/customers/2026-11/part-{n:04}.parquet")
}

fn socket(n: u32) -> SocketRef {
    let at = |host, port| Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, host), port)));
    let (local, remote, path) = match n % 4 {
        0 => (None, None, Some(format!("/run/service/{n}.sock").into())),
        _ => (at(1, 40_000), at(2, 443), None),
    };
    let protocol = if path.is_some() { Protocol::Unix } else { Protocol::Tcp };
    SocketRef { uuid: None, cookie: Some((1, u64::from(n) + 1)), opened: 0, protocol, local, remote, path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::NodeKind;

    #[test]
    fn it_is_as_large_as_it_says_and_of_all_kinds() {
        let sample = neighbourhood().unwrap();
        assert_eq!((sample.nodes.len(), sample.edges.len()), (100, 200));
        assert_eq!(sample.nodes[0].ancestors.len(), 12);
        let n_of = |kind| sample.nodes.iter().filter(|node| node.state.attrs.kind() == kind).count();
        let kinds = [NodeKind::Process, NodeKind::File, NodeKind::Socket].map(n_of);
        assert!(kinds.iter().all(|n| *n >= 20), "{kinds:?}");
        assert!(sample.edges.iter().any(|edge| edge.surprise.0 > 0) && sample.n_nodes_left_out > 0);
    }
}
