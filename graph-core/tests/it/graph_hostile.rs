//! Nothing that a source may say makes the core panic, and the size of the window still changes nothing.

use crate::arbitrary::{Hostile, hostile};
use crate::graph_reduction::{graph, tiny};
use crate::sketch::observe;
use proptest::prelude::*;
use tracewell_graph_core::graph::{Graph, Rare};
use tracewell_graph_core::link::Linker;
use tracewell_graph_core::profile::EntryId;
use tracewell_graph_core::query::{TraceBounds, backward, forward};
use tracewell_graph_core::structure::Structure;
use tracewell_graph_core::summary::Summariser;
use tracewell_model::{AlertUpdate, Event, EventNs, Loss, Millibits, Object, Operation};
use tracewell_parameters::{GraphParameters, LinkParameters, Parameters};

struct Core {
    graph: Graph,
    structure: Structure,
    linker: Linker,
    summariser: Summariser,
    updates: Vec<AlertUpdate>,
}

impl Core {
    fn new(window: &GraphParameters) -> Self {
        let Parameters { structure, link, .. } = Parameters::default();
        // Low thresholds and small bounds, so that all code runs.
        let link = LinkParameters { terminal_min_millibits: 2_000, alert_min_millibits: 3_000, members_max: 4, ..link };
        let link = LinkParameters { hopsets_max: 2, alert_nodes_max: 5, ..link };
        Self {
            graph: graph(window),
            linker: Linker::new(&link),
            summariser: Summariser::new(&link, &structure),
            structure: Structure::new(&structure, 4000),
            updates: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event) {
        let Self { graph, structure, linker, .. } = self;
        let inserted = graph.insert(event).unwrap();
        let mut stands_out = false;
        if let Some(edge) = inserted.edge.filter(|_| inserted.is_new) {
            // Every amount stands for a surprise, so that some are over the minimum.
            let surprise = Millibits((event.amount_bytes % 24_000) as u32);
            graph.set_surprise(edge, surprise.0);
            stands_out = {
                let rare = Rare { surprise, own: surprise, op: event.op, what: "x".into(), entry: EntryId::default() };
                structure.observe_rare(graph, inserted.subject, rare)
            };
        }
        stands_out |= observe(structure, graph, event, inserted, event.time.0.is_multiple_of(3));
        if let (Operation::Fork, Object::Process(_), Some(child)) = (event.op, &event.object, inserted.object) {
            linker.inherit(graph, inserted.subject, child, event.time).unwrap();
        }
        if stands_out {
            linker.raise(graph, structure, inserted.subject, event.time).unwrap();
        }
        if linker.window_is_over(event.time) {
            self.close_window(event.time);
        }
    }

    fn close_window(&mut self, now: EventNs) {
        let Self { graph, structure, linker, summariser, updates } = self;
        for id in linker.close_window(graph, now).unwrap() {
            let loss = |from: EventNs, to: EventNs| {
                assert!(from <= to, "an alert graph ends before it begins");
                Loss::default()
            };
            updates.extend(summariser.summarise(graph, structure, linker, id, loss).unwrap());
        }
    }

    fn run(&mut self, trace: &[Hostile]) {
        let mut last: Option<Event> = None;
        for entry in trace {
            match (entry, &last) {
                (Hostile::Event(event), _) => {
                    self.event(event);
                    last = Some(event.clone());
                }
                (Hostile::Again, Some(event)) => self.event(&event.clone()),
                (Hostile::Again, None) => {}
                (Hostile::Process(record), _) => {
                    self.graph.describe(record).unwrap();
                }
            }
        }
        self.close_window(EventNs::MAX);
        let Some(event) = last else { return };
        let bounds = TraceBounds { nodes_max: 5, degree_max: 3 };
        backward(&mut self.graph, event.subject.key(event.host), bounds).unwrap();
        forward(&mut self.graph, event.subject.key(event.host), bounds).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_the_window_decides_nothing(trace in hostile(80)) {
        let mut roomy = Core::new(&Parameters::default().graph);
        roomy.run(&trace);
        let mut cramped = Core::new(&tiny());
        cramped.run(&trace);
        prop_assert_eq!(roomy.graph.counts().edges, cramped.graph.counts().edges);
        prop_assert_eq!(&roomy.updates, &cramped.updates);
        for update in &roomy.updates {
            prop_assert!(update.graph.nodes.len() <= 5);
            prop_assert!(update.graph.nodes.values().all(|node| !node.reasons.is_empty()));
            prop_assert!(update.graph.edges.values().all(|edge| !edge.reasons.is_empty()));
        }
    }
}

/// The generator is worth something only if it gets as far as alert graphs that grow.
#[test]
fn hostile_traces_reach_every_step() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut n_whole, mut n_deltas) = (0, 0);
    for _ in 0..300 {
        let trace = hostile(80).new_tree(&mut runner).unwrap().current();
        let mut core = Core::new(&Parameters::default().graph);
        core.run(&trace);
        n_whole += core.updates.iter().filter(|update| update.extends == 0).count();
        n_deltas += core.updates.iter().filter(|update| update.extends > 0).count();
    }
    assert!(n_whole > 100 && n_deltas > 20, "{n_whole} whole, {n_deltas} deltas");
}
