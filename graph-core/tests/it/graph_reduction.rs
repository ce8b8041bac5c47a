//! Merging repeated edges changes no trace: what the reduced graph answers is what the raw events say.

use crate::arbitrary::HOST;
use crate::arbitrary::ordered_events;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tracewell_graph_core::graph::Graph;
use tracewell_graph_core::history::{Direction, MemoryHistory};
use tracewell_graph_core::query::{TraceBounds, backward, forward};
use tracewell_model::{Event, NodeKey, Operation};
use tracewell_parameters::{GraphParameters, Parameters};

pub const UNBOUNDED: TraceBounds = TraceBounds { nodes_max: usize::MAX, degree_max: usize::MAX };

pub fn graph(parameters: &GraphParameters) -> Graph {
    Graph::new(HOST, parameters, Box::new(MemoryHistory::new()))
}

/// A window in which nothing stays longer than the event that needs it.
pub fn tiny() -> GraphParameters {
    GraphParameters { window_bytes: 0, node_edges_hot_max: 1, ..Parameters::default().graph }
}

/// The flows of information that the raw events tell, in their order.
pub fn flows(events: &[Event]) -> Vec<(NodeKey, NodeKey)> {
    let flow = |event: &Event| {
        let (subject, object) = (event.subject.key(HOST), event.object.key(HOST)?);
        let happened = event.errno == 0 || event.op == Operation::Connect;
        let (from, to) = if event.op.flows_inward() { (object, subject) } else { (subject, object) };
        (happened && from != to).then_some((from, to))
    };
    events.iter().filter_map(flow).collect()
}

/// What time-respecting paths reach from `start`, by going through all flows once.
pub fn naive(flows: &[(NodeKey, NodeKey)], start: NodeKey, direction: Direction) -> BTreeSet<NodeKey> {
    let mut reached = BTreeSet::from([start]);
    let step = |reached: &mut BTreeSet<NodeKey>, at: NodeKey, next: NodeKey| {
        if reached.contains(&at) {
            reached.insert(next);
        }
    };
    match direction {
        Direction::Out => flows.iter().for_each(|&(from, to)| step(&mut reached, from, to)),
        Direction::In => flows.iter().rev().for_each(|&(from, to)| step(&mut reached, to, from)),
    }
    reached
}

pub fn nodes(events: &[Event]) -> BTreeSet<NodeKey> {
    events.iter().flat_map(|event| [Some(event.subject.key(HOST)), event.object.key(HOST)]).flatten().collect()
}

fn reached(graph: &mut Graph, start: NodeKey, direction: Direction) -> BTreeSet<NodeKey> {
    let trace = match direction {
        Direction::In => backward(graph, start, UNBOUNDED),
        Direction::Out => forward(graph, start, UNBOUNDED),
    };
    trace.unwrap().nodes.into_keys().collect()
}

fn check(parameters: &GraphParameters, events: &[Event]) -> Result<(), TestCaseError> {
    let mut graph = graph(parameters);
    for event in events {
        graph.insert(event).unwrap();
    }
    let flows = flows(events);
    for node in nodes(events) {
        for direction in [Direction::In, Direction::Out] {
            let expected = naive(&flows, node, direction);
            prop_assert_eq!(reached(&mut graph, node, direction), expected, "{:?} of {}", direction, node);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn traces_are_those_of_the_raw_events(events in ordered_events(60)) {
        check(&Parameters::default().graph, &events)?;
    }

    #[test]
    fn traces_are_those_of_the_raw_events_when_all_is_spilled(events in ordered_events(60)) {
        check(&tiny(), &events)?;
    }

    /// Every event is either an edge, a repetition that some edge counted, or one that leaves none.
    #[test]
    fn every_event_is_counted_once(events in ordered_events(80)) {
        let mut graph = graph(&Parameters::default().graph);
        for event in &events {
            graph.insert(event).unwrap();
        }
        let mut counted = 0;
        for node in nodes(&events) {
            let out = graph.edges(node, Direction::Out, tracewell_model::EventNs::MAX, usize::MAX).unwrap();
            counted += out.iter().map(|edge| edge.count).sum::<u64>();
        }
        let makes_edge = |event: &&Event| !flows(std::slice::from_ref(*event)).is_empty();
        let expected: u64 = events.iter().filter(makes_edge).map(|event| u64::from(event.count)).sum();
        prop_assert_eq!(counted, expected);
        prop_assert_eq!(graph.counts().events, events.iter().map(|event| u64::from(event.count)).sum::<u64>());
    }
}
