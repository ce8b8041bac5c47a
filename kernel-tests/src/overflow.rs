//! A ring that is far too small: what the kernel counts as lost is exactly what is missing.

use crate::watch::{Taking, watch};
use anyhow::{Result, ensure};
use rustix::fs::{MemfdFlags, memfd_create};
use std::io::{self, Read};
use std::process::Command;
use tracewell_agent::sensor::Options;
use tracewell_agent::sensor::tier::Asked;
use tracewell_event_abi::head::Op;
use tracewell_model::{LossCause, Operation, Record};

/// Argument of the process that floods.
pub const FLOOD: &str = "flood";

/// Files in memory that the flood makes. Nobody else on a machine makes many, so that the counts are the flood's.
const FILES: u64 = 20_000;
const RING_BYTES: u32 = 64 << 10;

pub fn flood() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    for _ in 0..FILES {
        memfd_create("flood", MemfdFlags::CLOEXEC)?;
    }
    Ok(())
}

pub fn test(tier: Asked) -> Result<()> {
    let options = Options { ring_bytes: RING_BYTES, tier, ..Options::default() };
    let watched = watch(Command::new("/proc/self/exe").arg(FLOOD), &options, Taking::AtTheEnd)?;
    let counts = watched.counts.of(Op::Memfd);
    let told = |record: &&Record| matches!(record, Record::Event(event) if event.op == Operation::Memfd);
    let told = watched.records.iter().filter(told).count() as u64;
    let lost = watched.records.iter().map(|record| match record {
        Record::Loss(loss) if loss.cause == LossCause::RingFull => loss.n_events,
        _ => 0,
    });
    let (lost_in_all, lost) = (watched.counts.sum(|op| op.kernel.ring_full), lost.sum::<u64>());
    println!("{FILES} files: {told} told, {} lost", counts.kernel.ring_full);
    ensure!(counts.kernel.ring_full > 0, "nothing was lost, so nothing was tried");
    ensure!(counts.kernel.seen >= FILES, "only {} of {FILES} were seen", counts.kernel.seen);
    ensure!(counts.adds_up(), "the counts do not add up: {counts:?}");
    ensure!(counts.kernel.seen - told == counts.kernel.ring_full, "{told} told, but {counts:?}");
    ensure!(lost == lost_in_all, "the stream tells of {lost} lost, the kernel of {lost_in_all}");
    Ok(())
}
