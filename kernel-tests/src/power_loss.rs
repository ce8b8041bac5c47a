//! The first process of a virtual machine that loses power (`cargo xtask power`): hosts find alerts as fast as their spools take them, and
//! send them to an aggregator on the same disk.
//!
//! `find N` begins with alert number N of each host, says each one whose spool write has returned, and never ends: the power does. `end`
//! lets all that waits go to the aggregator, has `tracewell-aggregator check` look at its store, and says what is there. Nothing is ever
//! found again, so that what is not on the disk after a loss is gone.
//!
//! In both an agent watches the machine, and what it could not see between two of them is to be told as a gap.

use anyhow::{Context, Result, bail, ensure};
use nix::kmod::init_module;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, process, thread};
use tokio::runtime;
use tracewell_agent::spool::Spool;
use tracewell_aggregator::disk::Disk;
use tracewell_aggregator::{Aggregator, HostReport, Store as _};
use tracewell_kernel_tests::init;
use tracewell_model::{
    AlertGraph, AlertId, AlertNode, AlertUpdate, EventNs, FileKind, HostId, Loss, Millibits, NodeAttrs, NodeKey,
    NodeRole,
};
use tracewell_parameters::Parameters;
use tracewell_store::{Store, StoreOptions};
use tracewell_wire::quic::client::{self, Options};
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::quic::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tracewell_wire::{Class, Heartbeat, Message, Payload, Transport, encode};

/// Modules of the kernel, in the order in which they are loaded.
const MODULES: &str = "/modules";
const DISK: &str = "/dev/vda";
const STATE: &str = "/state";
/// On the disk beside what is kept there.
const PROGRAMS: &str = "/state/programs";
const SOCKET: &str = "/tmp/socket";
const LISTEN: &str = "127.0.0.1:7443";
const HOSTS: [&str; 2] = ["host-1", "host-2"];
/// The host as which the agent watches the machine.
const WATCHED: &str = "watched";
/// Where an agent keeps others from watching as the same host.
const RUN: &str = "/run";
/// So that some machines live longer than it.
const CHECKPOINT_SECONDS: u64 = 1;
/// No step takes longer than this, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);
const BREATH: Duration = Duration::from_millis(5);
/// Every so many alerts a heartbeat, which is not synced.
const BEAT_EVERY: u64 = 5;
/// Nodes of alerts: most have few, and every so many has many, so that a write is longer than what a disk takes at once.
const NODES: (u64, u64) = (20, 300);

fn main() {
    assert_eq!(process::id(), 1, "it is the first process of a machine of its own");
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let Err(error) = init::prepare().and_then(|()| run(&arguments)) {
        println!("failed: {error:#}");
    }
    init::power_off();
}

fn run(arguments: &[String]) -> Result<()> {
    load_modules()?;
    fs::create_dir_all(STATE)?;
    mount(Some(DISK), STATE, Some("ext4"), MsFlags::empty(), None::<&str>)
        .with_context(|| format!("mounting {DISK}"))?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["find", first] => find(first.parse()?),
        ["end"] => end(),
        _ => bail!("usage: power-loss find N|end"),
    }
}

/// What a kernel has built in is not there.
fn load_modules() -> Result<()> {
    let modules: BTreeSet<_> =
        fs::read_dir(MODULES)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    for module in modules {
        init_module(&fs::read(&module)?, c"").with_context(|| format!("loading {}", module.display()))?;
    }
    Ok(())
}

fn find(first: u64) -> Result<()> {
    let _aggregator = start_aggregator()?;
    let _agent = start_agent()?;
    let hosts: Vec<_> = HOSTS.iter().map(|name| Host::open(name)).collect::<Result<_>>()?;
    hosts.iter().for_each(Host::say_what_waits);
    println!("ready");
    for mut host in hosts {
        let uplink = host.clone();
        thread::spawn(move || uplink.send().inspect_err(|error| println!("failed: {error:#}")));
        thread::spawn(move || {
            for number in first.. {
                if let Err(error) = host.alert(number) {
                    println!("failed: {error:#}");
                    break;
                }
            }
        });
    }
    loop {
        thread::park();
    }
}

fn end() -> Result<()> {
    let mut aggregator = start_aggregator()?;
    stop("the agent", &mut start_agent()?)?;
    for name in HOSTS.into_iter().chain([WATCHED]) {
        let host = Host::open(name)?;
        host.say_what_waits();
        let uplink = host.clone();
        thread::spawn(move || uplink.send().inspect_err(|error| println!("failed: {error:#}")));
        let begun = Instant::now();
        while host.spool.status().n_frames > 0 {
            ensure!(begun.elapsed() < PATIENCE, "{name} is not done: {:?}", host.spool.status());
            thread::park_timeout(BREATH);
        }
    }
    stop("the aggregator", &mut aggregator)?;
    print!("check: {}", said_by(program("tracewell-aggregator").args(["check", &state("aggregator")]))?);
    say_what_is_stored()?;
    // Spools are open in threads that end with the machine.
    println!("done");
    Ok(())
}

fn start_aggregator() -> Result<Child> {
    // The alerts of hosts are of 1970, and the agent's events of today.
    let file = Path::new("/tmp/aggregator.toml");
    fs::write(file, "retention_days = 0\n").context("writing the aggregator's configuration")?;
    let mut command = program("tracewell-aggregator");
    command.arg("--config").arg(file).args([
        "run",
        "--listen",
        LISTEN,
        "--state",
        &state("aggregator"),
        "--control",
        SOCKET,
    ]);
    start("aggregator", &mut command, "listening")
}

/// Has an agent watch the machine. When it returns, what was not watched before was told to its spool.
fn start_agent() -> Result<Child> {
    let folder = enrolled(WATCHED)?;
    fs::create_dir_all(RUN)?;
    let configuration = format!(
        "[pipeline]\nhistory = {folder:?}\ncheckpoint_seconds = {CHECKPOINT_SECONDS}\n\
         [uplink]\nservers = [\"{LISTEN}\"]\n[control]\nsocket = \"\"\n"
    );
    let file = Path::new("/tmp/agent.toml");
    fs::write(file, configuration).context("writing the agent's configuration")?;
    println!("starts {}", now()?);
    let mut command = program("tracewell-agent");
    command.arg("--config").arg(file).args(["run", "--host", WATCHED]).stdout(Stdio::null());
    start("agent", &mut command, "watching")
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the agent's gaps are moments of the wall clock")]
fn now() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}

/// Starts a program, and returns once its log says `ready`.
fn start(name: &'static str, command: &mut Command, ready: &str) -> Result<Child> {
    let mut child =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().with_context(|| format!("starting the {name}"))?;
    let mut log = BufReader::new(child.stderr.take().context("it is piped")?).lines();
    let mut said = Vec::new();
    for line in &mut log {
        let line = line?;
        println!("{name}: {line}");
        if line.contains(ready) {
            thread::spawn(move || log.map_while(Result::ok).for_each(|line| println!("{name}: {line}")));
            return Ok(child);
        }
        said.push(line);
    }
    bail!("the {name} does not start: it ended with {}: {}", child.wait()?, said.join("; "));
}

fn stop(name: &str, child: &mut Child) -> Result<()> {
    kill(Pid::from_raw(child.id().try_into()?), Signal::SIGTERM)?;
    let status = child.wait()?;
    ensure!(status.success(), "{name} ended with {status}");
    Ok(())
}

/// The folder of a host; it enrols if it is no host yet.
fn enrolled(name: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(state(name));
    if !folder.join("identity").exists() {
        let token = said_by(program("tracewell").args(["fleet", "token", "--server", &format!("unix:{SOCKET}")]))?;
        let mut enrol = program("tracewell-agent");
        enrol.args(["enrol", "--server", LISTEN, "--token", token.trim(), "--host", name, "--history"]).arg(&folder);
        print!("{}", said_by(&mut enrol)?);
    }
    Ok(folder)
}

/// A host's end. Clones are the same one.
#[derive(Clone)]
struct Host {
    name: &'static str,
    id: HostId,
    identity: Identity,
    spool: Spool,
    epoch: u32,
    sequences: BTreeMap<Class, u64>,
}

impl Host {
    /// Opens what it keeps; it enrols if it is no host yet.
    fn open(name: &'static str) -> Result<Self> {
        let folder = enrolled(name)?;
        let identity = read_identity(&folder.join("identity"))?;
        let id = identity.host().context("it is a host's")?;
        let store = Store::open(&folder, StoreOptions::default())?;
        let spool = Spool::open(&store, 1 << 30)?;
        let epoch = spool.epoch() + 1;
        Ok(Self { name, id, identity, spool, epoch, sequences: BTreeMap::new() })
    }

    fn say_what_waits(&self) {
        println!("{}: epoch {}, {} frames wait", self.name, self.epoch, self.spool.status().n_frames);
    }

    /// Sends what the spool holds, for ever.
    fn send(&self) -> Result<()> {
        let keep_alive = Duration::from_secs(30);
        let options = Options { servers: vec![LISTEN.into()], identity: self.identity.clone(), keep_alive };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(client::run(&options, &self.spool, std::future::pending()))?;
        Ok(())
    }

    /// Has the spool take an alert, and says so once it has.
    fn alert(&mut self, number: u64) -> Result<()> {
        if number.is_multiple_of(BEAT_EVERY) {
            let beat = Heartbeat { time: EventNs(number), n_events: 1, readiness_permille: 0, settled: false };
            self.put(Payload::Heartbeat(beat))?;
        }
        self.put(Payload::Alert(AlertUpdate { extends: 0, graph: alert(self.id, number) }))?;
        let status = self.spool.status();
        ensure!(status.n_dropped == 0, "the spool took {} frames too few", status.n_dropped);
        println!("kept {} {number}", self.name);
        while self.spool.receive().is_some() {}
        Ok(())
    }

    fn put(&mut self, payload: Payload) -> Result<()> {
        let sequence = self.sequences.entry(payload.class()).or_default();
        *sequence += 1;
        let message = Message { host: self.id, epoch: self.epoch, sequence: *sequence, payload };
        Ok(self.spool.send(encode(&message)?)?)
    }
}

fn alert(host: HostId, number: u64) -> AlertGraph {
    let time = EventNs(number);
    let (usual, most) = NODES;
    let n_nodes = if number.is_multiple_of(usual) { most } else { number % usual };
    let node = |n: u64| {
        let path = format!("/srv/data/of/alert/{number}/file-{n}");
        let attrs = NodeAttrs::File { uuid: None, path: Some(path.as_str().into()), kind: FileKind::Regular };
        let (general, role, surprise, reasons) = (path.as_str().into(), NodeRole::Context, Millibits::ZERO, Vec::new());
        let node = AlertNode { attrs, general, role, surprise, reasons, first: time, last: time };
        (NodeKey(u128::from(number) << 64 | u128::from(n)), node)
    };
    AlertGraph {
        id: AlertId(number),
        host,
        revision: 1,
        first: time,
        last: time,
        surprise: Millibits::ZERO,
        nodes: (0..n_nodes).map(node).collect(),
        edges: BTreeMap::new(),
        n_omitted: 0,
        loss: Loss::default(),
    }
}

/// As the agent writes it (`tracewell-agent enrol`).
fn read_identity(folder: &Path) -> Result<Identity> {
    let read = |name: &str| fs::read(folder.join(name)).with_context(|| format!("reading {name}"));
    Ok(Identity {
        certificates: vec![read("host.crt")?.into()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(read("host.key")?)),
        authority: read("authority.crt")?.into(),
    })
}

/// By host the numbers of alerts, as `1-20,100001-100017`; and what the aggregator counts.
fn say_what_is_stored() -> Result<()> {
    let disk = Disk::open_read_only(&Path::new(&state("aggregator")).join("store"))?;
    let mut numbers = BTreeMap::<HostId, BTreeSet<u64>>::new();
    let watched = HostId::from_name(WATCHED);
    for graph in disk.store().alerts()?.into_iter().filter(|graph| graph.host != watched) {
        let expected = alert(graph.host, graph.id.0);
        ensure!(*graph == expected, "alert {} of host {} is not what was sent", graph.id.0, graph.host);
        numbers.entry(graph.host).or_default().insert(graph.id.0);
    }
    let aggregator = Aggregator::with_store(&Parameters::default(), Box::new(disk.store()))?;
    for report in aggregator.hosts() {
        if report.host == watched {
            let HostReport { n_missing, n_refused, is_forked, .. } = report;
            ensure!(
                (n_missing, n_refused, is_forked) == (0, 0, false),
                "of the agent something is missing: {report:?}"
            );
            let runs = report.condition.runs.as_ref().context("the agent has not said what it runs")?;
            ensure!(
                !runs.kernel.is_empty() && !runs.tier.is_empty(),
                "of what the agent runs something is missing: {runs:?}"
            );
            let gaps: Vec<_> = report.condition.losses.gaps.iter().map(|gap| gap.0.to_string()).collect();
            println!("gaps {}", gaps.join(","));
            continue;
        }
        let name = HOSTS.iter().find(|name| HostId::from_name(name) == report.host).context("it is one of these")?;
        let numbers = numbers.remove(&report.host).unwrap_or_default();
        let (n_alerts, n_missing, n_refused) = (report.n_alerts, report.n_missing, report.n_refused);
        println!("counted {name} {n_alerts} {n_missing} {n_refused} {}", report.is_forked);
        println!("stored {name} {}", ranges(&numbers));
    }
    ensure!(numbers.is_empty(), "there are alerts of hosts that nobody knows");
    Ok(())
}

fn ranges(numbers: &BTreeSet<u64>) -> String {
    let mut ranges = Vec::<(u64, u64)>::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(",")
}

fn state(name: &str) -> String {
    format!("{STATE}/{name}")
}

fn program(name: &str) -> Command {
    Command::new(Path::new(PROGRAMS).join(name))
}

fn said_by(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}: {said}{error}", output.status);
    Ok(said.into_owned())
}
