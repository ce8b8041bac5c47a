//! Bounded traces say that they were cut, and stop.

use crate::graph_reduction::UNBOUNDED;
use crate::sketch::Sketch;
use tracewell_graph_core::query::{Trace, TraceBounds, backward, forward};
use tracewell_model::NodeKey;
use tracewell_parameters::Parameters;

const CHAIN: &str = "
    p1 write /a
    p2 read /a
    p2 write /b
    p3 read /b
    p4 read /a
";

fn names(sketch: &mut Sketch, trace: &Trace) -> Vec<&'static str> {
    let all = ["p1", "p2", "p3", "p4", "p5", "/a", "/b"];
    all.into_iter().filter(|name| trace.nodes.contains_key(&sketch.key(name))).collect()
}

#[test]
fn follows_causes_and_effects() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(CHAIN);
    let (p1, p3) = (sketch.key("p1"), sketch.key("p3"));
    let causes = backward(&mut sketch.graph, p3, UNBOUNDED).unwrap();
    assert_eq!(names(&mut sketch, &causes), ["p1", "p2", "p3", "/a", "/b"]);
    let effects = forward(&mut sketch.graph, p1, UNBOUNDED).unwrap();
    assert_eq!(names(&mut sketch, &effects), ["p1", "p2", "p3", "p4", "/a", "/b"]);
    assert!(!causes.cut && !effects.cut);
}

#[test]
fn what_came_later_is_no_cause() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(CHAIN);
    sketch.run("p5 write /a");
    let (p3, p5) = (sketch.key("p3"), sketch.key("p5"));
    let causes = backward(&mut sketch.graph, p3, UNBOUNDED).unwrap();
    assert!(!causes.nodes.contains_key(&p5));
    let effects = forward(&mut sketch.graph, p5, UNBOUNDED).unwrap();
    assert_eq!(names(&mut sketch, &effects), ["p5", "/a"]);
}

#[test]
fn a_bound_that_stops_a_trace_is_told() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(CHAIN);
    let p1 = sketch.key("p1");
    let few_nodes = forward(&mut sketch.graph, p1, TraceBounds { nodes_max: 2, degree_max: 100 }).unwrap();
    assert!(few_nodes.cut);
    assert_eq!(few_nodes.nodes.len(), 2);
    let few_edges = forward(&mut sketch.graph, p1, TraceBounds { nodes_max: 100, degree_max: 1 }).unwrap();
    assert!(few_edges.cut);
}

#[test]
fn nothing_is_known_of_a_stranger() {
    let mut sketch = Sketch::new(&Parameters::default());
    sketch.run(CHAIN);
    assert_eq!(backward(&mut sketch.graph, NodeKey(7), UNBOUNDED).unwrap(), Trace::default());
}
