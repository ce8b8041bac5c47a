//! Compiles `proto/` into Rust with protox, so that a build needs no protoc.

use std::error::Error;

const FILES: [&str; 6] =
    ["alert.proto", "control.proto", "envelope.proto", "fleet.proto", "host.proto", "session.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = FILES.map(|file| format!("proto/tracewell/v1/{file}"));
    prost_build::Config::new().compile_fds(protox::compile(files, ["proto"])?)?;
    Ok(())
}
