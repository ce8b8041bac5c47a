//! What is printed: a line for each run as it ends, and a table of medians.

use super::{Load, Run, Tracer};
use std::fmt::Write;
use std::fs;

/// What a run cost beside the bare run of its load and round.
struct Cost {
    /// Time for each unit of work, more than bare, in per cent.
    slowdown: f64,
    /// Processor seconds of the whole machine for the same work, more than bare.
    added: f64,
}

pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let n = std::thread::available_parallelism().map_or(0, usize::from);
    format!("\nLinux {}, {n} processors of {cpu}", read("/proc/sys/kernel/osrelease").trim())
}

pub fn line(run: &Run) -> String {
    let (work, seen) = (&run.work, &run.seen);
    format!(
        "{}, {}, round {}: {:.0} in {:.2} s, machine busy {:.2} s, own {:.3} s, {} events, {} lost, {} MB",
        run.load.name(),
        run.tracer.name(),
        run.round + 1,
        work.units,
        work.time.as_secs_f64(),
        run.busy.as_secs_f64(),
        seen.own.as_secs_f64(),
        seen.events,
        seen.lost.map_or("?".into(), |lost| lost.to_string()),
        seen.peak_resident / 1_000_000
    )
}

/// Medians over the rounds, slowdowns with the least and the most.
pub fn of(runs: &[Run]) -> String {
    let mut text = String::from(
        "\n| Load | Tracer | Slowdown (least to most) | Processor added, s | of a core | Tracer's own, s | Events | Events/s \
         | µs added an event | Peak RSS, MB | Lost |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut rows: Vec<(Load, Tracer)> = runs.iter().map(|run| (run.load, run.tracer)).collect();
    rows.sort();
    rows.dedup();
    for (load, tracer) in rows {
        let runs: Vec<(&Run, Cost)> = runs
            .iter()
            .filter(|run| (run.load, run.tracer) == (load, tracer))
            .filter_map(|run| Some((run, cost(run, runs)?)))
            .collect();
        writeln!(text, "{}", row(load, tracer, &runs)).expect("a text takes it");
    }
    text
}

fn row(load: Load, tracer: Tracer, runs: &[(&Run, Cost)]) -> String {
    let number = |of: &dyn Fn(&(&Run, Cost)) -> f64| median(runs.iter().map(of).collect());
    let time = number(&|(run, _)| run.work.time.as_secs_f64());
    if tracer == Tracer::Bare {
        let units = number(&|(run, _)| run.work.units);
        let busy = number(&|(run, _)| run.busy.as_secs_f64());
        let name = load.name();
        return format!(
            "| {name} | bare: {units:.0} in {time:.2} s | | busy {busy:.2} | {:.1} % | | | | | | |",
            100.0 * busy / time
        );
    }
    let slowdowns: Vec<_> = runs.iter().map(|(_, cost)| cost.slowdown).collect();
    let slowdown = if load.is_timed() {
        let (least, most) = slowdowns.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        format!("{:+.1} % ({least:+.1} to {most:+.1})", median(slowdowns.clone()))
    } else {
        String::new()
    };
    let added = number(&|(_, cost)| cost.added);
    let own = number(&|(run, _)| run.seen.own.as_secs_f64());
    let events = number(&|(run, _)| run.seen.events as f64);
    // Where the load is paced, the machine's count of 10 ms is coarser than what the tracer and its programs took.
    let spent = if load.is_timed() { added } else { own };
    format!(
        "| {} | {} | {slowdown} | {added:.2} | {:.2} % | {own:.3} | {events:.0} | {:.0} | {:.1} | {:.0} | {} |",
        load.name(),
        tracer.name(),
        100.0 * spent / time,
        events / time,
        1e6 * spent / events.max(1.0),
        number(&|(run, _)| run.seen.peak_resident as f64 / 1e6),
        runs.iter().map(|(run, _)| run.seen.lost.unwrap_or_default()).max().unwrap_or_default()
    )
}

/// Against the bare run of the same round.
fn cost(run: &Run, runs: &[Run]) -> Option<Cost> {
    let bare = runs.iter().find(|bare| (bare.load, bare.round, bare.tracer) == (run.load, run.round, Tracer::Bare))?;
    let busy_a_unit = |run: &Run| run.busy.as_secs_f64() / run.work.units.max(1.0);
    Some(Cost {
        slowdown: 100.0 * (run.work.seconds_a_unit() / bare.work.seconds_a_unit() - 1.0),
        added: (busy_a_unit(run) - busy_a_unit(bare)) * run.work.units,
    })
}

/// Of the middle, the lower where there are two.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
