//! Floods: many files opened and closed, many processes, many short connections. The stream goes on, what was lost is
//! counted, and memory stays bounded.

use crate::operations::IDLE;
use crate::watch::{Taking, watch};
use anyhow::{Context, Result, ensure};
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::{env, fs};
use tracewell_agent::sensor::Options;
use tracewell_agent::sensor::tier::Asked;
use tracewell_event_abi::head::Op;
use tracewell_model::Operation;

/// Arguments of the processes that flood.
pub const FILES: &str = "flood-files";
pub const FORKS: &str = "flood-forks";
pub const CONNECTIONS: &str = "flood-connections";

const N_FILES: usize = 50_000;
const N_FORKS: usize = 1_000;
const N_CONNECTIONS: usize = 100_000;
/// Connections to one address at most, well below the ports that a client may use.
const PER_ADDRESS: usize = 10_000;
/// Resident memory of the process that watches, in kB, with all records that this test keeps: DESIGN's ledger is for an
/// agent, which keeps none. A test that leaks by the event would need ten times that.
const GROWTH_KB_MAX: u64 = 400_000;

pub fn files() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    let folder = env::temp_dir().join(format!("kernel-tests-flood-{}", std::process::id()));
    fs::create_dir(&folder)?;
    for n in 0..N_FILES {
        fs::write(folder.join((n % 1000).to_string()), "")?;
    }
    Ok(fs::remove_dir_all(&folder)?)
}

pub fn forks() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    for _ in 0..N_FORKS {
        Command::new("/proc/self/exe").arg(IDLE).stdin(Stdio::null()).status()?;
    }
    Ok(())
}

pub fn connections() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let port = listener.local_addr()?.port();
    for n in 0..N_CONNECTIONS {
        let client = TcpStream::connect((Ipv4Addr::new(127, 0, 1, 1 + (n / PER_ADDRESS) as u8), port))?;
        drop((listener.accept()?, client));
    }
    Ok(())
}

/// One flood: what it does, which op it floods, and how often it does so.
pub fn test(process: &str, tier: Asked) -> Result<()> {
    let (op, operation, n) = match process {
        FILES => (Op::Open, Operation::Create, 1000),
        FORKS => (Op::Fork, Operation::Fork, N_FORKS),
        _ => (Op::Connect, Operation::Connect, N_CONNECTIONS),
    };
    let before = resident_kb()?;
    let watched =
        watch(Command::new("/proc/self/exe").arg(process), &Options { tier, ..Options::default() }, Taking::Always)?;
    let told: u64 = watched
        .records
        .iter()
        .filter_map(|record| match record {
            tracewell_model::Record::Event(event) if event.op == operation => Some(u64::from(event.count)),
            _ => None,
        })
        .sum();
    let growth = resident_kb()?.saturating_sub(before);
    let counts = watched.counts.of(op);
    let lost = watched.counts.sum(|op| op.lost());
    println!("{process}: {told} told, {lost} lost of all ops, memory grew by {growth} kB");
    for (op, counts) in watched.counts.iter() {
        ensure!(counts.adds_up(), "{} does not add up: {counts:?}", op.name());
    }
    ensure!(told + counts.lost() >= n as u64, "{told} told and {} lost of {n}", counts.lost());
    ensure!(growth < GROWTH_KB_MAX, "memory grew by {growth} kB");
    Ok(())
}

fn resident_kb() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc/self/status has no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS")
}
