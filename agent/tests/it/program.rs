//! The program itself, on this kernel. Only one agent watches a host, so these tests take turns, also with others outside.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tracewell_agent::Pipeline;
use tracewell_datasets::reader::{ReadOptions, open};
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{FindingRecord, Object, Operation, Reason, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::{Payload, Transport, decode};

/// No step takes longer than this, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);
const LOCK: &str = "/run/tracewell-agent.lock";
/// Bits of include/uapi/linux/capability.h: DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF.
const CAPABILITIES: u64 = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracewell-agent"));
    command.env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").env_remove("STATE_DIRECTORY").stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether this machine lets itself be watched; if not, says that the test was skipped.
fn is_possible() -> bool {
    let doctor = output(program().arg("doctor"));
    match doctor.status.code() {
        Some(0) => true,
        Some(3..=7) => {
            println!("SKIPPED: {}", stderr(&doctor).lines().next_back().unwrap_or_default());
            false
        }
        code => panic!("doctor ended with {code:?}: {}{}", stdout(&doctor), stderr(&doctor)),
    }
}

/// Waits until a condition holds; each look at it takes a while of its own.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return found;
        }
    }
    panic!("{what} did not come to be")
}

/// The right to start an agent, among the tests of this process.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no agent watches this host.
fn host_is_free() {
    let (tell, told) = channel();
    thread::spawn(move || {
        let _ = tell.send(File::create(LOCK).and_then(|file| file.lock()));
    });
    told.recv_timeout(PATIENCE).expect("another agent watches this host for too long").expect("root can lock");
}

/// An agent that runs. It is killed where a test fails.
struct Agent {
    child: Child,
    log: Receiver<String>,
    said: String,
}

impl Agent {
    /// Starts it and waits until it has said `word`.
    fn start(arguments: &[&str], word: &str) -> Self {
        eventually("an agent of our own", || {
            host_is_free();
            let child = program().args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
            let mut child = child.expect("the program starts");
            let log = lines(child.stderr.take().expect("stderr is piped"));
            let mut agent = Self { child, log, said: String::new() };
            if agent.has_said(word) {
                return Some(agent);
            }
            // Somebody else was faster.
            assert_eq!(agent.child.wait().expect("it ends").code(), Some(8), "{}", agent.said);
            None
        })
    }

    /// Waits for a word in the log; `false` if the log ends before.
    fn has_said(&mut self, word: &str) -> bool {
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(word) {
                return true;
            }
        }
        false
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits until it has ended well; gives what it said.
    fn end(mut self) -> String {
        self.has_said("\n");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{}", self.said);
        std::mem::take(&mut self.said)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets a thread end, also where a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    told
}

/// Paths of files in a recording, with what was done to them.
fn files(recording: &Path) -> BTreeSet<(Operation, String)> {
    let records = open(recording, None, &ReadOptions::default()).expect("the recording is readable");
    let records: Vec<Record> = records.collect::<Result<_, _>>().expect("each record is");
    assert!(matches!(records[0], Record::Host(_)), "{:?}", records[0]);
    let path = |record: &Record| match record {
        Record::Event(event) => match &event.object {
            Object::File(file) => Some((event.op, file.path.as_ref()?.to_string())),
            _ => None,
        },
        _ => None,
    };
    records.iter().filter_map(path).collect()
}

fn capabilities_of_all_threads(agent: &Agent) -> BTreeSet<u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", agent.child.id())).expect("it runs");
    let of = |status: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:")).expect("/proc tells");
        u64::from_str_radix(line.trim(), 16).expect("in hexadecimal")
    };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|status| of(&status))
        .collect()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("metrics are served");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    response
}

#[test]
fn doctor_says_what_this_machine_allows() {
    if !is_possible() {
        return;
    }
    let doctor = output(program().args(["doctor", "--output", "json"]));
    let findings: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let findings = findings["findings"].as_array().expect("a list");
    assert!(findings.iter().any(|finding| finding["what"] == "programs"), "{findings:?}");
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_in_one_line() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("agent.toml");
    for (text, message) in [
        ("[sensor]\nringbytes = 1", "there is no field sensor.ringbytes, the nearest is sensor.ring_bytes"),
        ("[output]\nform = 'xml'", "output.form is \"xml\", expected \"text\" or \"json\""),
    ] {
        fs::write(&file, text).expect("it is written");
        for command in ["config", "run"] {
            let output = output(program().arg(command).arg("--config").arg(&file));
            assert_eq!(output.status.code(), Some(2));
            assert_eq!(stderr(&output), format!("tracewell-agent: {}: {message}\n", file.display()));
        }
    }
}

#[test]
fn the_configuration_in_force_is_printed_and_its_hash_is_of_what_is_printed() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("agent.toml");
    fs::write(&file, "[sensor]\nbudget = 7\n").expect("it is written");
    let config = stdout(&output(program().args(["config", "--output", "json", "--config"]).arg(&file)));
    let (head, body) = config.split_once("\n[").expect("comments, then tables");
    assert!(body.contains("budget = 7") && body.contains("form = \"json\""), "{body}");
    let hash = blake3::hash(format!("[{body}").as_bytes()).to_hex();
    assert!(head.ends_with(&format!("# blake3: {hash}")), "{head}");
}

#[test]
fn without_an_agent_nobody_can_be_asked() {
    let folder = TempDir::new().expect("a folder");
    let socket = folder.path().join("agent.sock");
    let status = output(program().args(["status", "--control"]).arg(&socket));
    assert_eq!(status.status.code(), Some(9));
    let message = format!("no agent answers at {}: `tracewell-agent run` starts one", socket.display());
    assert_eq!(stderr(&status), format!("tracewell-agent: {message}\n"));
}

#[test]
fn what_happens_is_recorded() {
    if !is_possible() {
        return;
    }
    let _turn = turn();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let recording = folder.join("recording.zst");
    let arguments = ["run", "--duration", "3", "--record", recording.to_str().expect("UTF-8"), "--control", ""];
    let agent = Agent::start(&arguments, "watching");
    let file = folder.join("written");
    fs::write(&file, "something").expect("it is written");
    let said = agent.end();
    assert!(said.contains("adds_up=true"), "{said}");
    let written = file.display().to_string();
    assert!(files(&recording).iter().any(|(_, path)| *path == written) || !said.contains("lost=0"), "{said}");
}

#[test]
fn a_snapshot_has_what_runs_and_what_it_has_open() {
    if !is_possible() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let (held, snapshot) = (folder.join("held"), folder.join("snapshot.jsonl"));
    let _file = File::create(&held).expect("it is made");
    let to = File::create(&snapshot).expect("it is made");
    let status = program().arg("snapshot").stdout(to).status().expect("the program starts");
    assert!(status.success(), "{status}");
    assert!(files(&snapshot).contains(&(Operation::Open, held.display().to_string())));
}

/// One agent, asked for all that it can be asked while a process writes files that must all be seen.
#[test]
fn a_running_agent_is_asked_switched_and_reloaded_without_a_gap() {
    if !is_possible() {
        return;
    }
    let _turn = turn();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let (file, socket, recording) =
        (folder.join("agent.toml"), folder.join("agent.sock"), folder.join("recording.zst"));
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let address = format!("127.0.0.1:{port}");
    let base = format!("[control]\nsocket = {socket:?}\n[metrics]\nlisten = {address:?}\n");
    fs::write(&file, &base).expect("it is written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let arguments = ["run", "--config", &text(&file), "--record", &text(&recording)];
    let agent = Agent::start(&arguments, "watching");
    let ask = |arguments: &[&str]| output(program().arg("--config").arg(&file).args(arguments));
    let status = || {
        let status = ask(&["status", "--output", "json"]);
        assert_eq!(status.status.code(), Some(0), "{}", stderr(&status));
        serde_json::from_slice::<Value>(&status.stdout).expect("JSON")
    };

    let first = status();
    assert_eq!(first["groups"], serde_json::json!(["process", "file", "network", "system"]));
    assert!(first["processes"].as_u64() > Some(0) && first["resident_bytes"].as_u64() > Some(1 << 20), "{first}");
    let hash = first["configuration"]["hash"].as_str().expect("a hash").to_owned();
    assert!(stdout(&ask(&["config"])).contains(&hash));
    assert!(stdout(&ask(&["status"])).contains("has watched"));
    assert_eq!(fs::metadata(&socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    let capabilities = capabilities_of_all_threads(&agent);
    assert!(capabilities.iter().all(|has| has & !CAPABILITIES == 0), "{capabilities:x?}");

    let second = ask(&["run"]);
    assert_eq!(second.status.code(), Some(8), "{}", stderr(&second));
    assert!(stderr(&second).contains("another tracewell-agent watches this host"), "{}", stderr(&second));

    // Files are written all the time while the network is switched off and on, and the configuration read anew.
    let (n_files, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let written = |n: usize| folder.join(format!("written-{n}"));
    thread::scope(|scope| {
        let _ends = Ends(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                fs::write(written(n_files.fetch_add(1, Ordering::Relaxed)), "something").expect("it is written");
                // Not as fast as it can: this is about gaps, not about floods.
                thread::park_timeout(Duration::from_millis(1));
            }
        });
        for _ in 0..5 {
            assert_eq!(stdout(&ask(&["probes", "-network", "-system"])), "process file\n");
            assert_eq!(stdout(&ask(&["probes", "+network", "+system"])), "process file network system\n");
        }
        let refused = ask(&["probes", "-process"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("always on"), "{}", stderr(&refused));

        fs::write(&file, format!("{base}[sensor]\nsums_max = 4096\n[sensor.groups]\nnetwork = false\n"))
            .expect("it is written");
        agent.signal(Signal::HUP);
        let reloaded =
            eventually("a reload", || Some(status()).filter(|status| status["configuration"]["reloads"] == 1));
        assert_eq!(reloaded["groups"], serde_json::json!(["process", "file", "system"]));
        assert_eq!(reloaded["configuration"]["needs_restart"], serde_json::json!(["sensor.sums_max"]));
        assert_ne!(reloaded["configuration"]["hash"], hash.as_str());

        fs::write(&file, format!("{base}[sensor]\nring = 1\n")).expect("it is written");
        agent.signal(Signal::HUP);
        // The broken file cannot tell where the socket is.
        let status = || {
            let status = output(program().args(["status", "--output", "json", "--control"]).arg(&socket));
            serde_json::from_slice::<Value>(&status.stdout).expect("JSON")
        };
        let failed =
            eventually("a failure", || Some(status()).filter(|status| status["configuration"]["failed_reloads"] == 1));
        assert_eq!(failed["configuration"]["hash"], reloaded["configuration"]["hash"]);
        let error = failed["configuration"]["error"].as_str().expect("a reason");
        assert!(error.contains("there is no field sensor.ring; sensor has budget, "), "{error}");
    });

    let metrics = get(&address, "/metrics");
    for line in [
        "tracewell_agent_operations_seen_total{operation=\"write\"} ",
        "tracewell_agent_configuration_reloads_total{outcome=\"failed\"} 1",
    ] {
        assert!(metrics.lines().any(|written| written.starts_with(line)), "{line} is missing in:\n{metrics}");
    }
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200 OK"));

    agent.signal(Signal::TERM);
    let said = agent.end();
    assert!(said.contains("adds_up=true"), "{said}");
    assert!(!socket.exists());
    let seen = files(&recording);
    let paths: BTreeSet<_> = seen.iter().map(|(_, path)| path.as_str()).collect();
    let n_files = n_files.into_inner();
    let missing: Vec<_> = (0..n_files).filter(|n| !paths.contains(written(*n).to_str().expect("UTF-8"))).collect();
    // Something else on this machine may flood the ring meanwhile; then the losses are counted.
    let lost = said.split("lost=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let lost: usize = lost.expect("the log says how many were lost");
    assert!(n_files > 10 && missing.len() <= lost, "of {n_files} files {missing:?} were not seen, {lost} lost");
}

/// What a status says of the pipeline and its checkpoints.
#[derive(Clone, Copy, Debug)]
struct Knowledge {
    events: u64,
    profile_bytes: u64,
    written: u64,
    failed: u64,
}

fn knowledge(socket: &Path) -> Knowledge {
    let status = output(program().args(["status", "--output", "json", "--control"]).arg(socket));
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a number in {status}"));
    Knowledge {
        events: number(&status["pipeline"]["events"]),
        profile_bytes: number(&status["pipeline"]["profile_bytes"]),
        written: number(&status["checkpoint"]["written"]),
        failed: number(&status["checkpoint"]["failed"]),
    }
}

/// Runs through a pipeline of its own what a run recorded; gives the events that it then knows.
fn events_of_replay(recording: &Path) -> u64 {
    let records = open(recording, None, &ReadOptions::default()).expect("the recording is readable");
    let (mut agent_end, mut other_end) = tracewell_wire::memory_pair();
    let mut pipeline: Option<Pipeline> = None;
    for record in records {
        let record = record.expect("each record is");
        if let Record::Host(host) = &record {
            pipeline = Some(Pipeline::new(host, &Parameters::default(), Box::new(MemoryHistory::new())));
        }
        let pipeline = pipeline.as_mut().expect("a host comes first");
        pipeline.record(&record, &mut agent_end).expect("it can be replayed");
        while other_end.receive().is_some() {}
    }
    pipeline.expect("a host came").stats().graph.events
}

#[test]
fn an_agent_that_is_killed_goes_on_and_a_damaged_checkpoint_is_kept() {
    if !is_possible() {
        return;
    }
    let _turn = turn();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let (file, socket, history) = (folder.join("agent.toml"), folder.join("agent.sock"), folder.join("history"));
    let config = format!(
        "[host]\nname = \"killed\"\n[pipeline]\nhistory = {history:?}\ncheckpoint_seconds = 1\n[control]\nsocket = {socket:?}\n"
    );
    fs::write(&file, config).expect("it is written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let start = |more: &[&str]| Agent::start(&[&["run", "--config", &text(&file)], more].concat(), "watching");

    let mut last: Option<Knowledge> = None;
    for life in 0..4 {
        let agent = start(&[]);
        assert_eq!(agent.said.contains("goes on from a checkpoint"), life > 0, "{}", agent.said);
        assert!(!agent.said.contains("refused") && !agent.said.contains("ERROR"), "{}", agent.said);
        let first = knowledge(&socket);
        if let Some(last) = last {
            assert!(
                first.events >= last.events && first.profile_bytes * 10 >= last.profile_bytes * 9,
                "{first:?} {last:?}"
            );
        }
        for n in 0..50 {
            fs::write(folder.join(format!("written-{life}-{n}")), "something").expect("it is written");
        }
        // One may have begun before the files were written, so the second after them is waited for.
        let known = eventually("events", || Some(knowledge(&socket)).filter(|known| known.events > first.events + 50));
        let saved =
            eventually("two checkpoints", || Some(knowledge(&socket)).filter(|now| now.written > known.written + 1));
        assert_eq!(saved.failed, 0);
        agent.signal(Signal::KILL);
        last = Some(known);
    }

    let recording = folder.join("recording.zst");
    let agent = start(&["--record", &text(&recording), "--duration", "2"]);
    let said = agent.end();
    let word = |name: &str| said.split_whitespace().rev().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
    let events: u64 = word("events=").and_then(|events| events.parse().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!(said.contains("goes on from a checkpoint") && events > last.expect("four lives").events, "{said}");
    assert_eq!(events_of_replay(&recording), events, "{said}");

    let checkpoint = fs::read_dir(&history).expect("it is there").map(|entry| entry.expect("readable").path());
    let is_checkpoint = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("checkpoint-"))
    };
    let checkpoint = checkpoint.into_iter().find(is_checkpoint).expect("there is one");
    let mut damaged = fs::read(&checkpoint).expect("it is readable");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    fs::write(&checkpoint, &damaged).expect("it is written");
    let agent = start(&["--duration", "2"]);
    assert!(agent.said.contains("the checkpoint is refused"), "{}", agent.said);
    assert!(!agent.said.contains("goes on"), "{}", agent.said);
    assert_eq!(fs::read(checkpoint.with_extension("refused")).expect("it is kept"), damaged);
    agent.end();
    assert!(start(&["--duration", "1"]).end().contains("goes on from a checkpoint"));
}

/// What a rule of this test looks for: nothing that anybody else has.
#[cfg(feature = "yara")]
const MARKER: &str = "tracewell-marker-of-the-live-test";

#[cfg(feature = "yara")]
#[test]
fn what_does_not_compile_is_told_by_the_check_of_rules() {
    let folder = TempDir::new().expect("a folder");
    let rule = format!("rule marker {{ strings: $m = \"{MARKER}\" condition: $m }}");
    fs::write(folder.path().join("good.yar"), rule).expect("it is written");
    let file = folder.path().join("file");
    fs::write(&file, MARKER).expect("it is written");
    let check = |more: &[&Path]| output(program().arg("yara").arg(folder.path()).args(more));
    let done = check(&[&file]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    assert_eq!(stdout(&done), format!("1 rules, 0 files are not run\n{}: high: marker \n", file.display()));
    let bad = folder.path().join("bad.yar");
    fs::write(&bad, "rule bad {\n  condition: $a\n}").expect("it is written");
    let done = check(&[&file, folder.path()]);
    assert_eq!(done.status.code(), Some(2));
    let told = stdout(&done);
    assert!(told.contains(&format!("{}: line 2:14: error: unknown variable", bad.display())), "{told}");
    assert!(told.contains("file: high: marker") && told.contains("it is no regular file"), "{told}");
    assert!(stderr(&done).contains("1 files of rules are not run, 1 files were not scanned"), "{}", stderr(&done));
}

/// Findings of a replay, and the title and node of each that reached an alert.
#[cfg(feature = "yara")]
fn found_in_replay(recording: &Path) -> (Vec<FindingRecord>, BTreeSet<String>) {
    let records = open(recording, None, &ReadOptions::default()).expect("the recording is readable");
    let (mut agent_end, mut other_end) = tracewell_wire::memory_pair();
    let mut pipeline: Option<Pipeline> = None;
    let (mut found, mut told) = (Vec::new(), BTreeSet::new());
    let mut hear = |end: &mut tracewell_wire::MemoryEnd| {
        while let Some(frame) = end.receive() {
            let Payload::Alert(update) = decode(&frame).expect("it was just made").payload else { continue };
            for (reason, node) in
                update.graph.nodes.values().flat_map(|node| node.reasons.iter().map(move |reason| (reason, node)))
            {
                if let Reason::Detected(finding) = reason {
                    told.insert(format!("{} {:?}", finding.reason, node.first));
                }
            }
        }
    };
    for record in records {
        let record = record.expect("each record is");
        if let Record::Host(host) = &record {
            pipeline = Some(Pipeline::new(host, &Parameters::default(), Box::new(MemoryHistory::new())));
        }
        if let Record::Finding(record) = &record {
            found.push(record.clone());
        }
        pipeline.as_mut().expect("a host comes first").record(&record, &mut agent_end).expect("it can be replayed");
        hear(&mut other_end);
    }
    pipeline.expect("a host came").finish(&mut agent_end).expect("it ends");
    hear(&mut other_end);
    (found, told)
}

/// The agent itself, on files that are executed, run as a script, and written and left.
#[cfg(feature = "yara")]
#[test]
fn what_yara_finds_in_executed_and_written_files_is_in_the_alert_and_in_the_replay() {
    if !is_possible() {
        return;
    }
    let _turn = turn();
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path().canonicalize().expect("it is there");
    let (file, socket, alerts, recording) = (
        folder.join("agent.toml"),
        folder.join("agent.sock"),
        folder.join("alerts.json"),
        folder.join("recording.zst"),
    );
    let rules = folder.join("rules");
    fs::create_dir(&rules).expect("it is made");
    let rule = format!(
        "rule marker : T1105 {{ meta: description = \"the test's\" strings: $m = \"{MARKER}\" condition: $m }}"
    );
    fs::write(rules.join("marker.yar"), rule).expect("it is written");
    fs::write(rules.join("bad.yar"), "rule bad { condition: $a }").expect("it is written");
    // The rule itself holds the marker: it is there before anybody watches.
    let config = format!(
        "[yara]\nrules = {rules:?}\nquiet_seconds = 1\n[output]\nfile = {alerts:?}\nform = \"json\"\n\
         [control]\nsocket = {socket:?}\n[limits]\nmemory_bytes = 120_000_000\n"
    );
    fs::write(&file, config).expect("it is written");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let mut agent = Agent::start(&["run", "--config", &text(&file), "--record", &text(&recording)], "watching");
    assert!(agent.said.contains("YARA rules are not run") && agent.said.contains("line 1:"), "{}", agent.said);

    let (program, script, left) = (folder.join("program"), folder.join("script"), folder.join("left"));
    fs::copy("/bin/true", &program).expect("it is copied");
    File::options()
        .append(true)
        .open(&program)
        .and_then(|mut file| file.write_all(MARKER.as_bytes()))
        .expect("written");
    fs::write(&script, format!("#!/bin/sh\n# {MARKER}\ntrue\n")).expect("it is written");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is made executable");
    for executed in [&program, &script] {
        assert!(Command::new(executed).status().expect("it runs").success());
    }
    fs::write(&left, MARKER).expect("it is written");

    let status = || {
        let status = output(self::program().args(["status", "--output", "json", "--control"]).arg(&socket));
        serde_json::from_slice::<Value>(&status.stdout).expect("JSON")
    };
    let scanned = eventually("scans", || {
        let status = status();
        Some(status.clone()).filter(|status| status["yara"]["matched"].as_u64() >= Some(3))
    });
    assert_eq!(
        (scanned["yara"]["rules"].as_u64(), scanned["yara"]["not_run"].as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    let told = eventually("alerts", || {
        let told = fs::read_to_string(&alerts).unwrap_or_default();
        Some(told.clone()).filter(|told| told.contains("marker: the test's (detector yara, high)"))
    });
    for path in [&program, &script] {
        assert!(told.contains(&text(path)), "{} in {told}", path.display());
    }
    // What is read anew finds nothing any more, and says so.
    fs::remove_file(rules.join("marker.yar")).expect("it is there");
    agent.signal(Signal::HUP);
    assert!(agent.has_said("YARA rules read"), "{}", agent.said);
    eventually("no rules", || Some(()).filter(|()| status()["yara"]["rules"].as_u64() == Some(0)));
    agent.signal(Signal::TERM);
    let said = agent.end();
    assert!(!said.contains("ERROR"), "{said}");

    let (found, told) = found_in_replay(&recording);
    for (path, why) in [(&program, "executed"), (&script, "run as a script"), (&left, "written")] {
        let reason = format!("{} was {why}; $m at", path.display());
        assert!(found.iter().any(|found| found.reason.starts_with(&reason)), "{reason} in {found:?}\n{said}");
        // What was left is of the same rule and writer as the program, and so is the same finding.
        let is_told = told.iter().any(|told| told.starts_with(&format!("{} was", path.display())));
        assert!(is_told || path == &left, "{path:?} in {told:?}");
    }
}
