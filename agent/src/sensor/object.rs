//! The eBPF object: whether this build has one, and what is in it.

use super::SensorError;
use aya::Ebpf;
use aya::maps::Map;
use aya::programs::RawTracePoint;
use flate2::read::ZlibDecoder;
use std::io::Read;

/// The eBPF programs, built by `cargo xtask`, as zlib compresses them; empty where they were not built.
static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/programs.o.zlib"));

/// Whether the object with the programs is part of this build.
pub fn is_built() -> bool {
    !OBJECT.is_empty()
}

pub(super) fn object() -> Result<Vec<u8>, SensorError> {
    let mut object = Vec::new();
    let read = ZlibDecoder::new(OBJECT).read_to_end(&mut object);
    read.map_err(|error| SensorError::Object(format!("it cannot be unpacked ({error})")))?;
    Ok(object)
}

pub(super) fn take(bpf: &mut Ebpf, name: &str) -> Result<Map, SensorError> {
    bpf.take_map(name).ok_or_else(|| SensorError::Object(format!("it has no map {name}")))
}

pub(super) fn program<'a>(bpf: &'a mut Ebpf, name: &str) -> Result<&'a mut RawTracePoint, SensorError> {
    let program = bpf.program_mut(name).ok_or_else(|| SensorError::Object(format!("it has no program {name}")))?;
    program.try_into().map_err(|_| SensorError::Object(format!("its program {name} is no raw tracepoint")))
}
