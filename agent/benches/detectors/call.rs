//! One call at 100 nodes and 200 edges, in a fresh instance, with fuel.

use crate::guest::Guest;
use crate::{Table, median, micros};
use std::path::Path;
use std::time::Duration;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_detector_host::{Library, Spent, sample};
use tracewell_graph_core::neighbourhood::Neighbourhood;

const N_CALLS: usize = 4_000;

pub fn run(table: &mut Table, folder: &Path) {
    let seen = sample::neighbourhood().expect("its history is in memory");
    let mut empty = Library::new().expect("the engine starts");
    empty.load(&Guest::new("empty", "(i32.const 0)").build()).expect("it is a detector");
    let nothing = medians(&empty, &seen).remove(0);
    let mut shipped = Library::new().expect("the engine starts");
    shipped.load_folder(folder, COMPONENT_BYTES_MAX).expect("the folder is there");
    let mut all = medians(&shipped, &seen);
    all.sort_by_key(|spent| spent.whole);
    let (middle, slowest) = (all[all.len() / 2], all[all.len() - 1]);
    let passing = nothing.whole.saturating_sub(nothing.instantiation);
    let guest = |spent: &Spent| spent.whole.saturating_sub(spent.instantiation).saturating_sub(passing);
    table.row("one call, the middle one of the shipped", &micros(middle.whole), "≤ 40 µs");
    table.row("one call, the slowest of the shipped", &micros(slowest.whole), "");
    table.row("of it: store and instance, made and dropped", &micros(middle.instantiation), "");
    table.row("of it: passing 100 nodes and 200 edges to a guest that does nothing", &micros(passing), "");
    table.row("of it: the guest, its own lifting and allocator included", &micros(guest(&middle)), "");
    table.row("of it: the guest, of the slowest", &micros(guest(&slowest)), "");
    table.row("steps of the middle one", &middle.fuel.to_string(), "");
}

/// Of each detector the median of each part.
fn medians(library: &Library, seen: &Neighbourhood) -> Vec<Spent> {
    let runner = library.runner();
    let of_one = |detector| {
        let calls: Vec<_> = (0..N_CALLS).map(|_| runner.measure(detector, seen)).collect();
        let failed = calls.iter().find_map(|(found, _)| found.as_ref().err());
        assert!(failed.is_none(), "{failed:?}");
        let part = |part: fn(&Spent) -> Duration| median(calls.iter().map(|(_, spent)| part(spent)).collect());
        let fuel = median(calls.iter().map(|(_, spent)| spent.fuel).collect());
        Spent { fuel, instantiation: part(|spent| spent.instantiation), whole: part(|spent| spent.whole) }
    };
    (0..library.status().len()).map(of_one).collect()
}
