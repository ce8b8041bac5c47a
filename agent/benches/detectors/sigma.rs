//! Sigma rules where none fits: one look at an event, and what that is for each event of a stream.

use crate::inputs::{Input, store};
use crate::stream::{pipelines, processor_time, take};
use crate::{Table, median};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use tracewell_detector_host::sample;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse, Parent};
use tracewell_model::{NodeAttrs, Operation};
use tracewell_sigma::{Rules, SigmaDetector};

const N_LOOKS: usize = 100_000;
/// Runs through the input, the first of which fills the window and is not counted.
const N_ROUNDS: usize = 6;

pub fn run(table: &mut Table) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sigma/rules");
    let (rules, not_run) = Rules::load(&folder).expect("the shipped rules are there");
    assert!(not_run.is_empty(), "{not_run:?}");
    let seen = sample::neighbourhood().expect("its history is in memory");
    let mut detector = SigmaDetector::new(rules.clone());
    // Its first ancestor follows the subject and the object.
    let [mut subject, object, parent] = [0, 1, 2].map(|node: usize| seen.nodes[node].state.attrs.clone());
    for (what, other) in [("by its executable", None), ("by the rest", Some("/bin/sh"))] {
        if let (Some(other), NodeAttrs::Process { exe, .. }) = (other, &mut subject) {
            *exe = Some(other.into());
        }
        let parent = Parent::Known(&parent);
        let path = Some("/srv/data/customers/part-0001.parquet");
        let glimpse = Glimpse { subject: Some(&subject), object: Some(&object), path, parent, ..Glimpse::default() };
        for op in [Operation::Exec, Operation::Create, Operation::Connect] {
            let mut called = Vec::new();
            let started = Instant::now();
            for _ in 0..N_LOOKS {
                detector.triggered(op, black_box(&glimpse), &mut called);
            }
            let look = started.elapsed().as_nanos() as f64 / N_LOOKS as f64;
            let is_fitting = if called.is_empty() { "fits none" } else { "may fit one" };
            let what =
                format!("Sigma, {} rules: one event, {}, decided {what}: it {is_fitting}", rules.len(), op.name());
            table.row(&what, &format!("{look:.0} ns"), "");
        }
    }

    let mut input = Input::simulated("simulator", 1, 300_000);
    let without = worked(&mut input, None).as_nanos() as f64;
    let with = worked(&mut input, Some(&rules)).as_nanos() as f64;
    let each = (with - without) / input.n_events as f64;
    table.row("Sigma, for each event of the simulator, beyond the bare pipeline", &format!("{each:.0} ns"), "");
}

/// How long a pipeline works on the input.
fn worked(input: &mut Input, rules: Option<&Rules>) -> Duration {
    let (_folder, store) = store();
    let mut pipelines = pipelines(input, &store, None);
    for pipeline in pipelines.values_mut() {
        rules.into_iter().for_each(|rules| pipeline.add_detectors(Box::new(SigmaDetector::new(rules.clone()))));
    }
    let rounds = (0..=N_ROUNDS).map(|_| {
        let before = processor_time();
        input.again(|record| take(&mut pipelines, record));
        processor_time() - before
    });
    median(rounds.collect::<Vec<_>>().split_off(1))
}
