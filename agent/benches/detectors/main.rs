//! What detectors cost: one call and its parts, the check whether an event is for any, loading, memory, and how often they are
//! called. `cargo xtask bench detectors` runs it; the components are those in `TRACEWELL_DETECTORS`.
//!
//! Each figure stands in a line of its table with the goal of DESIGN, "Detectors".

#[path = "../../../detector-host/tests/it/guest.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod guest;
#[path = "../throughput/inputs.rs"]
mod inputs;

mod call;
mod load;
mod sigma;
mod stream;
mod trigger;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn main() {
    let Some(folder) = std::env::var_os("TRACEWELL_DETECTORS").map(PathBuf::from) else {
        println!("SKIPPED: no detectors (`cargo xtask detectors` builds them; set TRACEWELL_DETECTORS)");
        return;
    };
    // Tests build it and run it once with `--test`: there is nothing to be measured then.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Some(how) = std::env::var_os(load::CHILD) {
        return load::child(&folder, Path::new(&how));
    }
    run(&folder);
}

fn run(folder: &Path) {
    let mut table = Table::default();
    let asked: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |part: &str| asked.is_empty() || asked.iter().any(|asked| asked == part);
    if is_asked("call") {
        call::run(&mut table, folder);
    }
    if is_asked("trigger") {
        trigger::run(&mut table, folder);
    }
    if is_asked("sigma") {
        sigma::run(&mut table);
    }
    if is_asked("load") {
        load::run(&mut table, folder);
    }
    if is_asked("pipeline") {
        stream::run(&mut table, folder);
    }
    println!("\n| What | Measured | Goal |\n|---|---|---|\n{}", table.0);
}

/// Lines of what was measured.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, measured: &str, goal: &str) {
        println!("{what}: {measured}");
        let _ = writeln!(self.0, "| {what} | {measured} | {goal} |");
    }
}

/// The median.
fn median<T: Ord + Copy>(mut of: Vec<T>) -> T {
    of.sort_unstable();
    of[of.len() / 2]
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_nanos() as f64 / 1e3)
}
