//! Compiles `proto/` into Rust with protox, so that a build needs no protoc.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["runtime/v1/list_containers.proto"], ["proto"])?;
    tonic_prost_build::configure().build_server(false).build_transport(false).compile_fds(files.clone())?;

    // The tests answer over a real socket; what they serve is not part of the library.
    let server = PathBuf::from(std::env::var("OUT_DIR")?).join("server");
    std::fs::create_dir_all(&server)?;
    tonic_prost_build::configure().build_client(false).build_transport(false).out_dir(server).compile_fds(files)?;
    Ok(())
}
