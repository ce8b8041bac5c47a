//! The check whether an event is for any of 100 detectors, and of the shipped ones, over the events of a recording.

use crate::Table;
use crate::guest::Guest;
use crate::inputs::Input;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use tracewell_detector_host::Library;
use tracewell_detector_host::limits::COMPONENT_BYTES_MAX;
use tracewell_graph_core::neighbourhood::{Detectors, Glimpse};
use tracewell_model::{Detail, Event, Object, Operation, Record};

const N_DETECTORS: usize = 100;
const N_ROUNDS: u32 = 5;

/// Triggers such as the shipped ones have: most name an operation and paths or executables.
const KINDS: [(&[Operation], &[&str]); 5] = [
    (&[Operation::Exec], &["/tmp/**", "/dev/shm/**", "/var/tmp/**"]),
    (
        &[Operation::Write, Operation::Create, Operation::Rename],
        &["/etc/cron*/**", "/etc/systemd/system/**", "**/.ssh/*"],
    ),
    (&[Operation::Read, Operation::Open], &["/etc/shadow", "**/id_rsa", "**/.aws/credentials"]),
    (&[Operation::Connect], &[]),
    (&[Operation::Unlink, Operation::Truncate], &["/var/log/**", "**/.bash_history"]),
];

pub fn run(table: &mut Table, folder: &Path) {
    let mut library = Library::new().expect("the engine starts");
    for n in 0..N_DETECTORS {
        let (operations, paths) = KINDS[n % KINDS.len()];
        // Of equal sense for the host: what differs is what they say of themselves.
        let id = Box::leak(format!("of-{n}").into_boxed_str());
        let mut guest = Guest::new(id, "(i32.const 0)");
        guest.operations = operations.iter().copied().collect();
        guest.paths = paths.to_vec();
        library.load(&guest.build()).expect("it is a detector");
    }
    let mut shipped = Library::new().expect("the engine starts");
    shipped.load_folder(folder, COMPONENT_BYTES_MAX).expect("the folder is there");
    let simulated = Input::simulated("simulated", 1, 200_000);
    for input in Input::e1().into_iter().chain([simulated]) {
        let events: Vec<_> = input.records().iter().filter_map(event).collect();
        let each = |library: &Library, events: &[(&Event, Glimpse<'_>)]| format!("{:.0} ns", check(library, events));
        let name = input.name;
        let what = format!("trigger check, {N_DETECTORS} detectors, each event of {name}");
        table.row(&what, &each(&library, &events), "≤ 100 ns");
        let what = format!("trigger check, the shipped detectors, each event of {name}");
        table.row(&what, &each(&shipped, &events), "");
        // What was seen of a text before does not help.
        let paths: Vec<_> =
            (0..).zip(&events).map(|(n, (_, glimpse))| Some(format!("{}-{n}", glimpse.path?))).collect();
        let other = events.iter().zip(&paths);
        let other = other.map(|((event, glimpse), path)| (*event, Glimpse { path: path.as_deref(), ..*glimpse }));
        let other: Vec<_> = other.collect();
        let what = format!("trigger check, {N_DETECTORS} detectors, each event of {name}, no path twice");
        table.row(&what, &each(&library, &other), "");
        let what = format!("trigger check, the shipped detectors, each event of {name}, no path twice");
        table.row(&what, &each(&shipped, &other), "");
    }
}

/// Nanoseconds for each event.
fn check(library: &Library, events: &[(&Event, Glimpse<'_>)]) -> f64 {
    let mut runner = library.runner();
    let mut called = Vec::new();
    let times: Vec<Duration> = (0..N_ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for (event, glimpse) in events {
                if runner.operations().contains(event.op) {
                    called.clear();
                    runner.triggered(event.op, glimpse, &mut called);
                    black_box(&called);
                }
            }
            started.elapsed()
        })
        .collect();
    crate::median(times).as_nanos() as f64 / events.len() as f64
}

/// What the host knows of an event without its graph; enough to be decided by.
fn event(record: &Record) -> Option<(&Event, Glimpse<'_>)> {
    let Record::Event(event) = record else { return None };
    let path = match &event.object {
        Object::File(file) => file.path.as_deref(),
        Object::Socket(socket) => socket.path.as_deref(),
        _ => None,
    };
    let new_path = match &event.detail {
        Detail::NewPath { path, .. } => Some(&**path),
        _ => None,
    };
    Some((event, Glimpse { executable: Some("/usr/bin/cat"), path, new_path, ..Glimpse::default() }))
}
