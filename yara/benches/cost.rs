//! What YARA costs: memory with rules loaded, a scan, and what the thread of events pays for a record.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tracewell_model::{Event, EventNs, FileKind, FileRef, HostId, Inode, Object, Operation, ProcessRef, Record};
use tracewell_yara::{Limits, Reader, Reason, Request, Rules, Watcher};

const HOST: HostId = HostId(1);
const N_RULES: usize = 100;
const N_LOOKS: usize = 200_000;
const MIB: usize = 1 << 20;

fn main() {
    // Tests build it and run it once with `--test`: there is nothing to be measured then.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..N_RULES {
        let rule = format!(
            "rule family_{n} {{ meta: description = \"one of a hundred\" strings: $a = \"marker-{n}-of-a-family\" \
             $b = {{ 7f 45 4c 46 [4-12] {:02x} {:02x} c3 }} $c = /conf-{n}=[a-z0-9]{{8,32}}/ nocase $d = \"stage{n}\" wide \
             condition: 2 of them }}",
            n % 256,
            n * 7 % 256
        );
        fs::write(folder.path().join(format!("{n}.yar")), rule).expect("it is written");
    }
    let before = resident();
    let started = Instant::now();
    let (rules, not_run) = Rules::load(folder.path()).expect("the folder is there");
    let load = started.elapsed();
    assert!(not_run.is_empty(), "{not_run:?}");
    let after = resident();
    row(&format!("{} rules, compiled in", rules.len()), &format!("{load:.1?}"));
    row("resident memory beyond the bare program, idle", &format!("{:.1} MB", (after - before) as f64 / 1e6));

    let content: Vec<u8> = (0..16 * MIB as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let path = folder.path().join("file");
    fs::write(&path, content).expect("it is written");
    let mut reader = Reader::new(rules.clone(), Limits::default(), Box::new(|_| None));
    let process = ProcessRef { pid: std::process::id(), start: 1, uuid: None };
    let file = FileRef { kind: FileKind::Regular, ..FileRef::at_path(path.to_str().expect("UTF-8")) };
    let request = Request { number: 0, file, process, reason: Reason::Written };
    let time = |reader: &mut Reader| {
        let started = Instant::now();
        black_box(reader.scan(&request));
        started.elapsed()
    };
    row("a scan of 16 MiB, first", &format!("{:.1?}", time(&mut reader)));
    row("the same file again, known", &format!("{:.1?}", time(&mut reader)));
    row("resident memory beyond, after it", &format!("{:.1} MB", (resident() - before) as f64 / 1e6));

    // Nobody finds these files; what is measured is the thread that asks.
    let limits = Limits::default();
    let mut watcher = Watcher::start(HOST, rules, limits, Box::new(|_| None)).expect("a thread");
    let records = |op, n_files: u64, n: usize| {
        let event = |n: u64| {
            let inode = Some(Inode { dev: 1, ino: n % n_files, generation: 0 });
            let file = FileRef { inode, ..FileRef::at_path("/srv/data/customers/part-0001.parquet") };
            let process = ProcessRef { pid: u32::MAX >> 1, start: n % 8, uuid: None };
            Record::Event(Event::new(EventNs(n), HOST, process, op, Object::File(file)))
        };
        (0..n as u64).map(event).collect::<Vec<_>>()
    };
    for (what, op, n_files) in [
        ("a record that is nobody's business (open)", Operation::Open, 1),
        ("a write to one of 4,096 files that are pending", Operation::Write, 4096),
        ("an exec, each of another file: an enqueue", Operation::Exec, u64::MAX),
    ] {
        let records = records(op, n_files, N_LOOKS);
        let mut spent = Duration::ZERO;
        for records in records.chunks(limits.queue_max) {
            let started = Instant::now();
            records.iter().for_each(|record| watcher.look(black_box(record)));
            spent += started.elapsed();
            watcher.last_answers(EventNs(0), Duration::from_secs(60));
        }
        row(what, &format!("{:.0} ns", spent.as_nanos() as f64 / N_LOOKS as f64));
    }
    assert_eq!(watcher.state().counts.dropped, 0);
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
    pages * 4096
}
