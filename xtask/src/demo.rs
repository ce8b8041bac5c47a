use crate::ebpf::{self, Warnings};
use crate::workspace::{Workspace, display, run as run_command};
use crate::{lab, setup};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A small fleet with every attack story in it, generated on the spot: less than a minute of replay on two cores.
const FLEET: &str = "seed=1,hosts=6,duration=4h,rate=20,attacks=all";

/// A recording of the lab: three hosts, from a hole in the web server to the database and back out (docs/lab.md).
const RECORDING: &str = "lateral-1";
const HOSTS: [&str; 3] = ["web-1", "app-1", "db-1"];

const STORY: &str = "\
Three hosts, recorded by the live agent. A shell called back through a hole in the web server, found a key that was left
lying about, went by it to the application server and by another key to the database, and took its customers away, while
visitors, an administrator and a backup did what they always do. Step by step: docs/lab.md, scenario `lateral`.";

/// Seconds for which an agent can be asked where the others' alerts lead.
const LINGER_SECONDS: &str = "6";

/// Seconds for which this machine is watched.
const WATCHED: &str = "10";

/// Builds the programs, has a small fleet find an attack that was really carried out, and explains the incident that ranks first;
/// or replays a simulated fleet.
pub fn run(workspace: &Workspace, simulated: bool) -> Result<()> {
    setup::run(workspace)?;
    ebpf::build(workspace, Warnings::Shown)?;
    eprintln!("building the programs and their tests; the first time RocksDB is built too, which takes some minutes");
    workspace.build_programs()?;
    let programs = Programs { folder: workspace.target.join("debug"), root: workspace.root.clone() };
    let out = programs.short(&workspace.target.join("demo"));
    if simulated {
        println!("\nSix hosts, four hours, seven attacks: all of it generated on the spot.");
        let replay = ["replay", "--role", "simulated", "--simulate", FLEET, "--out"];
        show(programs.tracewell().args(replay).arg(&out))?;
        show(programs.tracewell().args(["alerts", "show", "#1", "--from"]).arg(&out))?;
    } else {
        println!("\n{STORY}");
        let file = |end| programs.short(&lab::shipped(workspace).join(format!("{RECORDING}{end}")));
        let recording = file(".jsonl.xz");
        fleet(&programs, &recording)?;
        println!("\nThe same in one process, beside what the lab knows of the attack:");
        let mut replay = programs.tracewell();
        replay.args(["replay", "--role", "development"]).arg(&recording).arg("--truth").arg(file(".truth.json"));
        show(replay.arg("--out").arg(&out))?;
    }
    println!("\nThe programs are in {}; docs/cli.md, docs/agent.md, docs/fleet.md.", programs.folder.display());
    if let Some(datasets) = workspace.datasets() {
        let recording = datasets.join("darpa-tc-e1-cadets/stretch-am.json.xz");
        let recording = recording.canonicalize().unwrap_or(recording);
        println!("Public recordings are here too. Replay one with");
        println!("    tracewell replay {}", recording.display());
    }
    Ok(())
}

/// An aggregator and agents as processes of their own, over QUIC on loopback.
fn fleet(programs: &Programs, recording: &Path) -> Result<()> {
    // Short: the path of a socket holds some 100 bytes.
    let place =
        tempfile::Builder::new().prefix("tracewell-demo-").tempdir().context("making a folder for the fleet")?;
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (socket, token) = (path("socket"), path("token"));
    let server = format!("unix:{socket}");
    let mut command = programs.command("tracewell-aggregator");
    command.args(["run", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--control", &socket, "--state"]);
    let (_aggregator, address) = Running::start(command.arg(path("state")), "listening")?;

    let mut ask = programs.tracewell();
    ask.args(["fleet", "token", "--uses", "4", "--label", "fleet=demo", "--server", &server]);
    fs::write(&token, output(&mut ask)?.stdout).context("keeping the token")?;
    let enrol = |name: &str| -> Result<()> {
        let mut enrol = programs.command("tracewell-agent");
        enrol.args(["enrol", "--server", &address, "--token-file", &token, "--host", name, "--history", &path(name)]);
        show(&mut enrol)
    };
    let mut agents = Vec::new();
    for host in HOSTS {
        enrol(host)?;
        let mut agent = programs.command("tracewell-agent");
        agent.arg("replay").arg(recording).args(["--server", &address, "--history", &path(host)]);
        agent.args(["--linger", LINGER_SECONDS]);
        println!("\n$ {} &", display(&agent));
        agents.push((host, agent.stdout(Stdio::piped()).spawn().context("starting an agent")?));
    }
    println!();
    for (host, agent) in agents {
        let done = agent.wait_with_output().with_context(|| format!("waiting for the agent of {host}"))?;
        ensure!(done.status.success(), "the agent of {host} ended with {}", done.status);
        print!("{host}: {}", String::from_utf8_lossy(&done.stdout));
    }
    this_machine(programs, &address, &path("here"), enrol)?;

    show(programs.tracewell().args(["fleet", "hosts", "--server", &server]))?;
    show(programs.tracewell().args(["alerts", "list", "--server", &server]))?;
    show(programs.tracewell().args(["alerts", "show", "#1", "--server", &server]))
}

/// Watches this machine for some seconds as a fourth host, if it lets itself be watched.
fn this_machine(programs: &Programs, address: &str, history: &str, enrol: impl Fn(&str) -> Result<()>) -> Result<()> {
    let doctor = programs.command("tracewell-agent").arg("doctor").output().context("asking the agent's doctor")?;
    if !doctor.status.success() {
        println!("\nThis machine itself is not watched: `tracewell-agent doctor` says what it would take.");
        return Ok(());
    }
    enrol("here")?;
    let configuration = format!("[pipeline]\nhistory = {history:?}\n[uplink]\nservers = [{address:?}]\n");
    let file = format!("{history}.toml");
    fs::write(&file, configuration).with_context(|| format!("writing {file}"))?;
    let mut watch = programs.command("tracewell-agent");
    watch.args(["run", "--config", &file, "--host", "here", "--duration", WATCHED]);
    // Another agent may be running: that is no fault of the demo.
    if let Err(error) = show(&mut watch) {
        println!("This machine itself is not watched: {error:#}");
    }
    Ok(())
}

/// Where the programs are, and from where they are called.
struct Programs {
    folder: PathBuf,
    root: PathBuf,
}

impl Programs {
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.current_dir(&self.root).env_remove("RUST_LOG").env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command
    }

    fn tracewell(&self) -> Command {
        self.command("tracewell")
    }

    /// As a person would type it at the root of the project.
    fn short(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }
}

/// A program that runs beside; it is told to end when this is dropped.
struct Running(Child);

impl Running {
    /// Starts it and waits until it says that it listens; gives the address.
    fn start(command: &mut Command, word: &str) -> Result<(Self, String)> {
        println!("\n$ {} &", display(command));
        let mut running = Self(command.stderr(Stdio::piped()).spawn().context("starting the aggregator")?);
        let stderr = running.0.stderr.take().context("its stderr is piped")?;
        let mut lines = BufReader::new(stderr).lines();
        for line in lines.by_ref() {
            let line = line.context("reading what the aggregator says")?;
            eprintln!("{line}");
            let address = line.split_once("address=").and_then(|(_, rest)| rest.split(' ').next());
            if let (true, Some(address)) = (line.contains(word), address) {
                let address = address.to_owned();
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
                return Ok((running, address));
            }
        }
        anyhow::bail!("the aggregator ended before it listened")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn output(command: &mut Command) -> Result<Output> {
    println!("\n$ {}", display(command));
    let output = command.output().with_context(|| format!("starting `{}`", display(command)))?;
    ensure!(output.status.success(), "it failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

fn show(command: &mut Command) -> Result<()> {
    println!("\n$ {}", display(command));
    run_command(command)
}
