//! What a detector sees: the same from run to run, and what is rare and recent when not all has room.

use tracewell_graph_core::graph::Graph;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_graph_core::neighbourhood::{Neighbourhood, OperationSet, Reach};
use tracewell_graph_core::structure::Structure;
use tracewell_model::{Detail, Event, EventFlags, EventNs, FileRef, HostId, Object, Operation, ProcessRef};
use tracewell_parameters::Parameters;

const HOST: HostId = HostId(3);

fn process(pid: u32) -> ProcessRef {
    ProcessRef { pid, start: 1, uuid: None }
}

fn event(time: u64, pid: u32, op: Operation, object: Object) -> Event {
    Event {
        time: EventNs(time * EventNs::SECOND),
        host: HOST,
        subject: process(pid),
        op,
        object,
        detail: Detail::None,
        amount_bytes: 10,
        count: 1,
        errno: 0,
        flags: EventFlags::NONE,
    }
}

fn file(path: &str) -> Object {
    Object::File(FileRef::at_path(path))
}

/// A process forks another one, which reads `n_files` files, the third of them an unlikely one, and connects nowhere.
fn graph(n_files: u64, window_bytes: usize) -> (Graph, Event) {
    let parameters = Parameters::default();
    let parameters = tracewell_parameters::GraphParameters { window_bytes, ..parameters.graph };
    let mut graph = Graph::new(HOST, &parameters, Box::new(MemoryHistory::default()));
    graph.insert(&event(1, 1, Operation::Fork, Object::Process(process(2)))).unwrap();
    let mut last = None;
    for n in 0..n_files {
        let read = event(2 + n, 2, Operation::Read, file(&format!("/f{n}")));
        let inserted = graph.insert(&read).unwrap();
        if n == 2 {
            graph.set_surprise(inserted.edge.unwrap(), 20_000);
        }
        last = Some(read);
    }
    (graph, last.unwrap())
}

fn around(graph: &mut Graph, event: &Event, reach: Reach) -> Neighbourhood {
    let ends = (event.subject.key(HOST), event.object.key(HOST));
    Neighbourhood::around(graph, event, ends, reach, 6000).unwrap()
}

fn reach(nodes_max: u32, edges_max: u32) -> Reach {
    Reach { hops: 2, nodes_max, edges_max, operations: OperationSet::ALL }
}

fn paths(seen: &Neighbourhood) -> Vec<String> {
    seen.nodes.iter().filter_map(|node| node.state.path().map(ToString::to_string)).collect()
}

#[test]
fn all_that_is_within_reach_is_seen_while_there_is_room() {
    let (mut graph, event) = graph(5, 16 << 20);
    let seen = around(&mut graph, &event, reach(64, 64));
    assert_eq!((seen.nodes.len(), seen.edges.len()), (7, 6), "two processes, five files; a fork and five reads");
    assert_eq!((seen.n_nodes_left_out, seen.n_edges_left_out), (0, 0));
    assert_eq!(seen.nodes[0].key, process(2).key(HOST), "the subject first");
    assert_eq!(paths(&seen)[0], "/f4", "then the object");
    assert!(seen.edges.is_sorted_by_key(|edge| edge.first));
    assert!(seen.nodes.iter().all(|node| !node.is_cut));
}

#[test]
fn what_is_rare_and_what_is_recent_stays_and_the_rest_is_told() {
    let (mut graph, event) = graph(50, 16 << 20);
    let seen = around(&mut graph, &event, reach(6, 4));
    // Subject, object, the rare one, and the latest.
    assert_eq!(paths(&seen), ["/f49", "/f2", "/f48", "/f47", "/f46"]);
    assert_eq!((seen.nodes.len(), seen.edges.len()), (6, 4));
    assert_eq!(seen.n_nodes_left_out, 46, "the parent and 45 files");
    assert!(seen.n_edges_left_out > 0 && seen.nodes[0].is_cut);
    let own = seen.edges.iter().find(|edge| edge.from == 1 && edge.to == 0).unwrap();
    assert_eq!((own.op, own.amount_bytes), (Operation::Read, 10), "the event's own edge is there in any case");
}

#[test]
fn other_operations_are_not_followed_but_the_own_edge_is_shown() {
    let (mut graph, event) = graph(5, 16 << 20);
    let only_forks = Reach { operations: [Operation::Fork].into_iter().collect(), ..reach(64, 64) };
    let seen = around(&mut graph, &event, only_forks);
    let ops: Vec<_> = seen.edges.iter().map(|edge| edge.op).collect();
    assert_eq!(ops, [Operation::Fork, Operation::Read]);
}

#[test]
fn spilling_changes_nothing_that_is_seen() {
    let (mut hot, event) = graph(300, 16 << 20);
    let (mut spilled, _) = graph(300, 20_000);
    assert!(spilled.counts().spilled_nodes > 0);
    for reach in [reach(256, 512), reach(20, 10)] {
        let (hot, spilled) = (around(&mut hot, &event, reach), around(&mut spilled, &event, reach));
        assert_eq!(hot.edges, spilled.edges);
        let keys = |seen: &Neighbourhood| seen.nodes.iter().map(|node| (node.key, node.surprise)).collect::<Vec<_>>();
        assert_eq!(keys(&hot), keys(&spilled));
        assert_eq!((hot.n_nodes_left_out, hot.n_edges_left_out), (spilled.n_nodes_left_out, spilled.n_edges_left_out));
    }
}

#[test]
fn with_no_hops_there_is_what_the_event_is_about() {
    let parameters = Parameters::default();
    let structure = Structure::new(&parameters.structure, 1000);
    for window_bytes in [16 << 20, 5_000] {
        let (mut graph, _) = graph(1, window_bytes);
        let did = |graph: &mut Graph, event: Event| {
            let inserted = graph.insert(&event).unwrap();
            structure.observe(graph, &event, inserted).unwrap();
            event
        };
        did(&mut graph, event(1, 9, Operation::Fork, Object::Process(process(2))));
        did(&mut graph, event(2, 3, Operation::Write, file("/script")));
        for n in 0..50 {
            did(&mut graph, event(3, 4, Operation::Write, file(&format!("/other{n}"))));
        }
        did(&mut graph, event(4, 2, Operation::Read, file("/other1")));
        let read = did(&mut graph, event(5, 2, Operation::Read, file("/script")));
        let seen = around(&mut graph, &read, Reach { hops: 0, ..reach(16, 1) });
        let keys: Vec<_> = seen.nodes.iter().map(|node| node.key).collect();
        let script = file("/script").key(HOST).unwrap();
        assert_eq!(keys, [process(2).key(HOST), script, process(9).key(HOST), process(3).key(HOST)]);
        assert_eq!((seen.nodes[0].from, seen.nodes[1].from), (Some(2), Some(3)), "the parent, and who wrote it");
        let ways: Vec<_> = seen.edges.iter().map(|way| (way.from, way.to, way.op, way.count)).collect();
        assert_eq!(ways, [(1, 0, Operation::Read, 1)]);
        assert!(seen.nodes[0].is_cut && seen.nodes[1].is_cut, "they have other edges");
        assert_eq!(graph.counts().spilled_nodes > 0, window_bytes == 5_000);
    }
}

/// What everybody reads leads to nobody; what was written leads to who read it, and what was read to who wrote it.
#[test]
fn files_are_passed_through_as_information_passes() {
    let parameters = tracewell_parameters::GraphParameters { window_bytes: 16 << 20, ..Parameters::default().graph };
    let mut graph = Graph::new(HOST, &parameters, Box::new(MemoryHistory::default()));
    let mut time = 0;
    let mut did = |pid, op, path: &str| {
        time += 1;
        let did = event(time, pid, op, file(path));
        graph.insert(&did).unwrap();
        did
    };
    for other in 100..140 {
        did(other, Operation::Read, "/lib");
    }
    did(3, Operation::Read, "/secret");
    did(3, Operation::Write, "/packed");
    did(2, Operation::Read, "/lib");
    did(2, Operation::Read, "/packed");
    did(2, Operation::Write, "/out");
    did(4, Operation::Read, "/out");
    did(5, Operation::Write, "/out");
    let last = did(2, Operation::Read, "/last");
    let seen = around(&mut graph, &last, Reach { hops: 4, ..reach(64, 64) });
    let has = |key| seen.nodes.iter().any(|node| node.key == key);
    assert!(paths(&seen).contains(&"/secret".to_owned()), "{:?}", paths(&seen));
    assert!(has(process(3).key(HOST)) && has(process(4).key(HOST)), "who wrote it, and who read it");
    assert!(!has(process(5).key(HOST)), "who wrote what it wrote too");
    assert!((100..140).all(|other| !has(process(other).key(HOST))), "who read what it read too");
}
