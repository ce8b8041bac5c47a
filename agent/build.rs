//! Puts the eBPF programs where the sensor includes them from, and compiles `proto/` with protox, so that a build needs no
//! protoc.
//!
//! `cargo xtask` builds the programs first and names the object in `TRACEWELL_EBPF_OBJECT`. Without it the agent builds all
//! the same, without the live sensor.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    programs(&out)?;
    #[cfg(feature = "program")]
    messages(&out)?;
    Ok(())
}

fn programs(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=TRACEWELL_EBPF_OBJECT");
    let object = match env::var_os("TRACEWELL_EBPF_OBJECT").map(PathBuf::from) {
        Some(object) => {
            println!("cargo::rerun-if-changed={}", object.display());
            fs::read(&object).map_err(|error| format!("cannot read {}: {error}", object.display()))?
        }
        None => Vec::new(),
    };
    let compressed = if object.is_empty() { object } else { compressed(&object)? };
    Ok(fs::write(out.join("programs.o.zlib"), compressed)?)
}

/// An eighth of it, which is what stays in the memory of an agent that reads it once.
fn compressed(object: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(object)?;
    encoder.finish()
}

#[cfg(feature = "program")]
fn messages(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["runtime/v1/list_containers.proto"], ["proto"])?;
    tonic_prost_build::configure().build_server(false).build_transport(false).compile_fds(files.clone())?;

    // The tests answer over a real socket; what they serve is not part of the library.
    let server = out.join("server");
    fs::create_dir_all(&server)?;
    tonic_prost_build::configure().build_client(false).build_transport(false).out_dir(server).compile_fds(files)?;
    Ok(())
}
