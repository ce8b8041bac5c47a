//! The size of the hot window changes no answer.

use crate::arbitrary::ordered_events;
use crate::graph_reduction::{UNBOUNDED, graph, nodes, tiny};
use crate::sketch::observe;
use proptest::prelude::*;
use tracewell_graph_core::graph::{Graph, GraphCounts, NodeState};
use tracewell_graph_core::history::Direction;
use tracewell_graph_core::query::{backward, forward};
use tracewell_graph_core::structure::Structure;
use tracewell_model::{Event, EventNs, NodeKey};
use tracewell_parameters::{GraphParameters, Parameters};

/// A state without what only says where its parts are kept.
fn state(graph: &mut Graph, node: NodeKey) -> Option<NodeState> {
    let mut state = graph.state(node).unwrap()?.into_owned();
    (state.spilled_in, state.spilled_out) = (false, false);
    Some(state)
}

fn counts(graph: &Graph) -> GraphCounts {
    GraphCounts { spilled_nodes: 0, spilled_edges: 0, reloaded: 0, ..graph.counts() }
}

fn fill(parameters: &GraphParameters, events: &[Event], with_structure: bool) -> Graph {
    let mut graph = graph(parameters);
    let structure = Structure::new(&Parameters::default().structure, 4000);
    for event in events {
        let inserted = graph.insert(event).unwrap();
        if with_structure {
            observe(&structure, &mut graph, event, inserted, event.time.0.is_multiple_of(3));
        }
    }
    graph
}

fn check(events: &[Event], with_structure: bool) -> Result<(), TestCaseError> {
    let mut roomy = fill(&Parameters::default().graph, events, with_structure);
    let mut cramped = fill(&tiny(), events, with_structure);
    prop_assert_eq!(counts(&roomy), counts(&cramped));
    prop_assert_eq!(roomy.counts().spilled_nodes, 0);
    let middle = events[events.len() / 2].time;
    for node in nodes(events) {
        prop_assert_eq!(state(&mut roomy, node), state(&mut cramped, node));
        prop_assert_eq!(
            backward(&mut roomy, node, UNBOUNDED).unwrap(),
            backward(&mut cramped, node, UNBOUNDED).unwrap()
        );
        prop_assert_eq!(forward(&mut roomy, node, UNBOUNDED).unwrap(), forward(&mut cramped, node, UNBOUNDED).unwrap());
        for direction in [Direction::In, Direction::Out] {
            for (until, limit) in [(EventNs::MAX, usize::MAX), (EventNs::MAX, 3), (middle, 2), (EventNs::ZERO, 9)] {
                let expected = roomy.edges(node, direction, until, limit).unwrap();
                prop_assert_eq!(cramped.edges(node, direction, until, limit).unwrap(), expected);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn spilling_changes_no_answer(events in ordered_events(60)) {
        check(&events, false)?;
    }

    #[test]
    fn spilling_changes_no_answer_when_states_move_on(events in ordered_events(60)) {
        check(&events, true)?;
    }

    #[test]
    fn the_window_keeps_its_bytes(events in ordered_events(200)) {
        let parameters = GraphParameters { window_bytes: 4_000, ..Parameters::default().graph };
        let mut graph = graph(&parameters);
        for event in &events {
            graph.insert(event).unwrap();
            // One event adds at most two nodes and an edge before room is made again.
            prop_assert!(graph.accounted_bytes() < parameters.window_bytes + 2_000, "{}", graph.accounted_bytes());
        }
    }
}

/// A process that goes round more files than may be hot reads their edges back; they must not pile up.
#[test]
fn hot_edges_stay_under_their_limit_when_they_are_read_back() {
    let parameters = GraphParameters { node_edges_hot_max: 4, ..Parameters::default().graph };
    let mut sketch = crate::sketch::Sketch::new(&Parameters { graph: parameters, ..Parameters::default() });
    (0..20).for_each(|i| sketch.run(&format!("p1 write /file/{i}")));
    let once = sketch.graph.accounted_bytes();
    (0..2000).for_each(|i| sketch.run(&format!("p1 write /file/{}", i % 20)));
    assert_eq!(sketch.graph.accounted_bytes(), once);
    assert_eq!(sketch.graph.counts().edges, 20);
}
