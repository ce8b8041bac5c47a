//! Compiles `proto/` with protox, so that a build needs no protoc, and keeps the descriptors: of them the routes of HTTP, the
//! roles and the OpenAPI document are read.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const FILES: [&str; 5] = ["call.proto", "hosts.proto", "incidents.proto", "model.proto", "operators.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES.map(|file| format!("tracewell/api/v1/{file}")))?;
    // With our own options of methods, which `file_descriptor_set` leaves out.
    fs::write(out.join("descriptors"), compiler.encode_file_descriptor_set())?;
    let mut messages = prost_build::Config::new();
    messages.enable_type_names();
    let services = tonic_prost_build::configure().build_server(env::var_os("CARGO_FEATURE_SERVER").is_some());
    Ok(services.compile_fds_with_config(compiler.file_descriptor_set(), messages)?)
}
